/* test_lex.c - a template is divided into pieces, and what is in braces into words, by offset. */
#include "templates/lex.h"

#include "tests/support/suite.h"

static void a_template_is_divided_into_pieces(void)
{
	static const struct {
		enum piece_kind kind;
		const char *inside;
	} want[] = {
		{ PIECE_TEXT, "a" },  { PIECE_OUTPUT, " b " }, { PIECE_TEXT, "c " },
		{ PIECE_TAG, " d " }, { PIECE_TAG, "e" },      { PIECE_TEXT, " { %} }} " },
		{ PIECE_OUTPUT, "" }, { PIECE_END, "" },
	};
	struct src src;
	struct tpl_err err;
	struct lex lex;

	CU_ASSERT_EQUAL_FATAL(
	    src_init(&src, "f", span_str("a \n{{- b -}}\t c {% d %}{%e%} { %} }} {{}}"), &err), 0);
	lex_init(&lex, &src, 0, src.text.bytes);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct piece p;

		CU_ASSERT_EQUAL_FATAL(lex_next(&lex, &p, &err), 0);
		CU_ASSERT_EQUAL(p.kind, want[i].kind);
		CU_ASSERT(
		    span_eq(span_of(src.text.at + p.at, p.end - p.at), span_str(want[i].inside)));
	}
}

static void what_is_in_braces_is_divided_into_words(void)
{
	static const struct {
		enum tok_kind kind;
		const char *text;
		size_t at;
	} want[] = {
		{ TOK_NAME, "a-b?", 1 },    { TOK_MARK, "|", 5 },      { TOK_NAME, "d1", 6 },
		{ TOK_MARK, ":", 8 },       { TOK_STRING, "x\"y", 9 }, { TOK_MARK, ",", 14 },
		{ TOK_NUMBER, "-1.5", 15 }, { TOK_END, "", 20 },       { TOK_END, "", 20 },
	};
	struct piece all = { .kind = PIECE_OUTPUT, .end = 20 };
	struct src src;
	struct toks toks;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(src_init(&src, "f", span_str(" a-b?|d1:'x\"y',-1.5 "), &err), 0);
	CU_ASSERT_EQUAL_FATAL(toks_init(&toks, &src, &all, &err), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		CU_ASSERT_EQUAL(toks.now.kind, want[i].kind);
		CU_ASSERT_EQUAL(toks.now.at, want[i].at);
		CU_ASSERT(span_eq(toks.now.text, span_str(want[i].text)));
		CU_ASSERT_EQUAL(toks_next(&toks, &err), 0);
	}
}

SUITE("templates/lex", TEST(a_template_is_divided_into_pieces),
      TEST(what_is_in_braces_is_divided_into_words))
