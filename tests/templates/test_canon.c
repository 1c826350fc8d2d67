/* test_canon.c - bodies and fields are canonicalised as RFC 6376 3.4 says, in pieces as in one. */
#include "templates/canon.h"
#include "templates/buf.h"
#include "tests/support/suite.h"

static void to_buf(void *ctx, const void *bytes, size_t n)
{
	buf_put(ctx, bytes, n);
}

static struct span body_of(enum canon how, struct span in, size_t cut, struct buf *to)
{
	struct canon_body c;

	to->bytes = 0;
	canon_body_init(&c, how, to_buf, to);
	canon_body_add(&c, span_of(in.at, cut));
	canon_body_add(&c, span_of(in.at + cut, in.bytes - cut));
	canon_body_end(&c);
	return buf_since(to, 0);
}

static void a_body_is_canonical_however_it_is_cut(void)
{
	static const struct {
		const char *why, *in, *simple, *relaxed;
	} cases[] = {
		/* clang-format off */
		{ "3.4.5, example 1",       " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
		{ "empty",                  "",                    "\r\n",                "" },
		{ "empty lines only",       "\r\n\r\n",            "\r\n",                "" },
		{ "a line of blanks only",  " \t\r\n",             " \t\r\n",             "" },
		{ "no line end at the end", "a",                   "a\r\n",               "a\r\n" },
		{ "blanks at the very end", "a \t",                "a \t\r\n",            "a\r\n" },
		{ "empty lines before",     "\r\n\r\na\r\n",       "\r\n\r\na\r\n",       "\r\n\r\na\r\n" },
		{ "empty lines between",    "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n" },
		{ "blanks at the front",    "\t\ta\r\n  b\r\n",    "\t\ta\r\n  b\r\n",    " a\r\n b\r\n" },
		{ "a tab is one space",     "a\tb\r\n",            "a\tb\r\n",            "a b\r\n" },
		{ "a CR alone is content",  "a\r b\r\r\n",         "a\r b\r\r\n",         "a\r b\r\r\n" },
		{ "a CR at the end",        "a\r",                 "a\r\r\n",             "a\r\r\n" },
		{ "an LF alone is content", "a \nb\n",             "a \nb\n\r\n",         "a \nb\n\r\n" },
		/* clang-format on */
	};
	uint8_t room[256];
	struct buf to = { .at = room, .max = sizeof(room) };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span in = span_str(cases[i].in);

		for (size_t cut = 0; cut <= in.bytes; cut++) {
			bool simple =
			    span_eq(body_of(CANON_SIMPLE, in, cut, &to), span_str(cases[i].simple));
			bool relaxed = span_eq(body_of(CANON_RELAXED, in, cut, &to),
			                       span_str(cases[i].relaxed));

			if (!simple || !relaxed)
				printf("\n    %s, cut at %zu: %s", cases[i].why, cut,
				       simple ? "relaxed" : "simple");
			CU_ASSERT(simple && relaxed);
		}
	}
}

static void a_field_is_canonical(void)
{
	static const struct {
		const char *why, *in, *relaxed;
	} cases[] = {
		/* clang-format off */
		{ "3.4.5, example 1",     "A: X",                     "a:X\r\n" },
		{ "3.4.5, folded",        "B : Y\t\r\n\tZ  ",         "b:Y Z\r\n" },
		{ "an empty value",       "Subject:",                 "subject:\r\n" },
		{ "a value of blanks",    "Subject: \t ",             "subject:\r\n" },
		{ "colons in the value",  "X-A:  a : b:c",            "x-a:a : b:c\r\n" },
		{ "bytes beyond ASCII",   "To: J\xc3\xb6rg  <a@b.c>", "to:J\xc3\xb6rg <a@b.c>\r\n" },
		/* clang-format on */
	};
	uint8_t room[256];
	struct buf to = { .at = room, .max = sizeof(room) };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span in = span_str(cases[i].in);
		bool ok;

		to.bytes = 0;
		canon_field(CANON_RELAXED, in, true, to_buf, &to);
		ok = span_eq(buf_since(&to, 0), span_str(cases[i].relaxed));
		if (!ok)
			printf("\n    %s: %.*s", cases[i].why, (int)to.bytes, (char *)room);
		CU_ASSERT(ok);
		to.bytes = 0;
		canon_field(CANON_SIMPLE, in, false, to_buf, &to);
		CU_ASSERT(span_eq(buf_since(&to, 0), in));
	}
}

static void lines_that_stay_as_they_are_are_known(void)
{
	static const struct {
		const char *why, *lines;
		bool fixed;
	} cases[] = {
		{ "a line", "a b\r\n", true },
		{ "a blank at the front", " a\r\n", true },
		{ "empty lines at both ends", "\r\na\r\n\r\n", true },
		{ "no line end", "a", false },
		{ "nothing", "", false },
		{ "empty lines only", "\r\n\r\n", false },
		{ "two blanks", "a  b\r\n", false },
		{ "a blank at a line's end", "a \r\nb\r\n", false },
		{ "a tab", "a\tb\r\n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (canon_is_fixed(span_str(cases[i].lines)) != cases[i].fixed)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(canon_is_fixed(span_str(cases[i].lines)), cases[i].fixed);
	}
}

SUITE("templates/canon", TEST(lines_that_stay_as_they_are_are_known),
      TEST(a_body_is_canonical_however_it_is_cut), TEST(a_field_is_canonical))
