/* lex.c - Liquid's two layers of tokens: pieces of a template, and words inside a piece's braces.
 */
#include "templates/lex.h"

#include <errno.h>

static bool is_space(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool is_name_start(uint8_t b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' || b >= 0x80;
}

static bool is_digit(uint8_t b)
{
	return b >= '0' && b <= '9';
}

void lex_init(struct lex *lex, struct src *src, size_t at, size_t end)
{
	*lex = (struct lex){ .src = src, .at = at, .end = end };
}

/* Offset of the first `two` characters at or after `at`; lex->end when there are none. */
static size_t find_two(const struct lex *lex, size_t at, const char two[2])
{
	const uint8_t *text = lex->src->text.at;
	const uint8_t *hit = at < lex->end ? memmem(text + at, lex->end - at, two, 2) : NULL;

	return hit == NULL ? lex->end : (size_t)(hit - text);
}

/* Where the next "{{" or "{%" begins; lex->end when none does. */
static size_t find_markup(const struct lex *lex, size_t at)
{
	const uint8_t *text = lex->src->text.at;

	for (; at + 1 < lex->end; at++)
		if (text[at] == '{' && (text[at + 1] == '{' || text[at + 1] == '%'))
			return at;
	return lex->end;
}

/* Whitespace control: a dash inside the braces eats the blanks beside them. */
static void trim_text(const struct lex *lex, struct piece *p, bool front, bool back)
{
	const uint8_t *text = lex->src->text.at;

	while (front && p->at < p->end && is_space(text[p->at]))
		p->at++;
	while (back && p->end > p->at && is_space(text[p->end - 1]))
		p->end--;
}

static bool opens_with_dash(const struct lex *lex, size_t at)
{
	return at + 2 < lex->end && lex->src->text.at[at + 2] == '-';
}

static int next_markup(struct lex *lex, struct piece *p, struct tpl_err *err)
{
	const uint8_t *text = lex->src->text.at;
	bool output = text[lex->at + 1] == '{';
	size_t close;

	*p = (struct piece){ .kind = output ? PIECE_OUTPUT : PIECE_TAG,
		             .start = lex->at,
		             .at = lex->at + 2 };
	close = find_two(lex, p->at, output ? "}}" : "%}");
	if (close == lex->end)
		return src_fail(lex->src, p->start, err, "\"%s\" is never closed; expected \"%s\"",
		                output ? "{{" : "{%", output ? "}}" : "%}");
	p->end = close;
	if (p->at < p->end && text[p->at] == '-')
		p->at++;
	lex->trim = p->end > p->at && text[p->end - 1] == '-';
	if (lex->trim)
		p->end--;
	lex->at = close + 2;
	return 0;
}

/* A line of {% liquid %} that is not empty, as a tag. */
static void next_line(struct lex *lex, struct piece *p)
{
	const uint8_t *text = lex->src->text.at;

	while (lex->at < lex->end && is_space(text[lex->at]))
		lex->at++;
	*p = (struct piece){ .kind = lex->at < lex->end ? PIECE_TAG : PIECE_END,
		             .start = lex->at,
		             .at = lex->at };
	while (lex->at < lex->end && text[lex->at] != '\n' && text[lex->at] != '\r')
		lex->at++;
	p->end = lex->at;
}

int lex_next(struct lex *lex, struct piece *p, struct tpl_err *err)
{
	size_t next;

	if (lex->lines) {
		next_line(lex, p);
		return 0;
	}

	if (lex->at >= lex->end) {
		*p = (struct piece){ .kind = PIECE_END, .start = lex->end };
		return 0;
	}
	next = find_markup(lex, lex->at);
	if (next == lex->at)
		return next_markup(lex, p, err);
	*p = (struct piece){ .kind = PIECE_TEXT, .start = lex->at, .at = lex->at, .end = next };
	trim_text(lex, p, lex->trim, next < lex->end && opens_with_dash(lex, next));
	lex->trim = false;
	lex->at = next;
	return 0;
}

/* The first word of a tag's inside, and where it ends. */
static struct span first_word(const struct lex *lex, size_t at, size_t end, size_t *after)
{
	const uint8_t *text = lex->src->text.at;
	size_t from;

	while (at < end && is_space(text[at]))
		at++;
	from = at;
	while (at < end && (is_name_start(text[at]) || is_digit(text[at])))
		at++;
	*after = at;
	return span_of(text + from, at - from);
}

static bool is_word(struct span word, const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	return word.bytes == n + strlen(name) && memcmp(word.at, prefix, n) == 0 &&
	       memcmp(word.at + n, name, strlen(name)) == 0;
}

static int never_closed(struct lex *lex, const struct piece *open, const char *name,
                        struct tpl_err *err)
{
	return src_fail(lex->src, open->start, err,
	                "\"{%% %s %%}\" is never closed; expected \"{%% end%s %%}\"", name, name);
}

/* In raw text any "{%" may be the end, and nothing else counts. */
int lex_raw(struct lex *lex, const struct piece *open, const char *name, struct piece *inside,
            struct tpl_err *err)
{
	const uint8_t *text = lex->src->text.at;
	size_t at = lex->at, after;
	bool dash;

	*inside = (struct piece){ .kind = PIECE_TEXT, .start = lex->at, .at = lex->at };
	for (;; at += 2) {
		at = find_two(lex, at, "{%");
		if (at == lex->end)
			return never_closed(lex, open, name, err);
		if (!is_word(first_word(lex, at + 2 + opens_with_dash(lex, at), lex->end, &after),
		             "end", name))
			continue;
		while (after < lex->end && is_space(text[after]))
			after++;
		dash = after < lex->end && text[after] == '-';
		after += dash;
		if (lex->end - after >= 2 && memcmp(text + after, "%}", 2) == 0)
			break;
	}
	inside->end = at;
	trim_text(lex, inside, lex->trim, opens_with_dash(lex, at));
	lex->trim = dash;
	lex->at = after + 2;
	return 0;
}

/* The next tag, whatever stands between; PIECE_END when there is none that is closed. */
static void next_tag(struct lex *lex, struct piece *p)
{
	struct tpl_err ignored;

	if (lex->lines) {
		next_line(lex, p);
		return;
	}
	lex->at = find_two(lex, lex->at, "{%");
	if (lex->at == lex->end || next_markup(lex, p, &ignored) != 0)
		*p = (struct piece){ .kind = PIECE_END };
}

int lex_comment(struct lex *lex, const struct piece *open, struct tpl_err *err)
{
	struct piece p, inside;
	unsigned depth = 1;
	size_t after;

	while (depth != 0) {
		struct span word;

		next_tag(lex, &p);
		if (p.kind == PIECE_END)
			return never_closed(lex, open, "comment", err);
		word = first_word(lex, p.at, p.end, &after);
		if (is_word(word, "", "raw") && !lex->lines) {
			if (lex_raw(lex, &p, "raw", &inside, err) != 0)
				return never_closed(lex, open, "comment", err);
		} else if (is_word(word, "", "comment")) {
			depth++;
		} else if (is_word(word, "end", "comment")) {
			depth--;
		}
	}
	return 0;
}

int toks_init(struct toks *toks, struct src *src, const struct piece *piece, struct tpl_err *err)
{
	*toks = (struct toks){ .src = src, .at = piece->at, .end = piece->end };
	return toks_next(toks, err);
}

static int take_string(struct toks *toks, struct tpl_err *err)
{
	const uint8_t *text = toks->src->text.at, *close;
	size_t from = toks->at + 1;

	close = from < toks->end ? memchr(text + from, text[toks->at], toks->end - from) : NULL;
	if (close == NULL)
		return src_fail(
		    toks->src, toks->at, err,
		    "a quoted text is never closed; expected %c before the end of the braces",
		    text[toks->at]);
	toks->now.kind = TOK_STRING;
	toks->now.text = span_of(text + from, (size_t)(close - text) - from);
	toks->at = (size_t)(close - text) + 1;
	return 0;
}

/* Names are Liquid's: letters, digits, '_', '-', maybe a '?' at the end; UTF-8 letters too. */
static void take_name(struct toks *toks)
{
	const uint8_t *text = toks->src->text.at;
	size_t at = toks->at;

	while (at < toks->end && (is_name_start(text[at]) || is_digit(text[at]) || text[at] == '-'))
		at++;
	if (at < toks->end && text[at] == '?')
		at++;
	toks->now.kind = TOK_NAME;
	toks->now.text = span_of(text + toks->at, at - toks->at);
	toks->at = at;
}

static void take_number(struct toks *toks)
{
	const uint8_t *text = toks->src->text.at;
	size_t at = toks->at + 1;

	while (at < toks->end && is_digit(text[at]))
		at++;
	if (at + 1 < toks->end && text[at] == '.' && is_digit(text[at + 1]))
		at++; /* "1..5" is a range */
	while (at < toks->end && is_digit(text[at]))
		at++;
	toks->now.kind = TOK_NUMBER;
	toks->now.text = span_of(text + toks->at, at - toks->at);
	toks->at = at;
}

/* Comparisons, "..", and single marks; false for anything else. */
static bool take_mark(struct toks *toks)
{
	static const struct {
		const char *text;
		enum tok_kind kind;
		uint8_t compare;
	} marks[] = {
		/* clang-format off */
		{ "==", TOK_COMPARE, IS_EQ }, { "!=", TOK_COMPARE, IS_NE }, { "<>", TOK_COMPARE, IS_NE },
		{ "<=", TOK_COMPARE, IS_LE }, { ">=", TOK_COMPARE, IS_GE }, { "<",  TOK_COMPARE, IS_LT },
		{ ">",  TOK_COMPARE, IS_GT }, { "..", TOK_DOTS,    0 },     { "|",  TOK_MARK,    0 },
		{ ":",  TOK_MARK,    0 },     { ",",  TOK_MARK,    0 },     { ".",  TOK_MARK,    0 },
		{ "[",  TOK_MARK,    0 },     { "]",  TOK_MARK,    0 },     { "(",  TOK_MARK,    0 },
		{ ")",  TOK_MARK,    0 },     { "=",  TOK_MARK,    0 },
		/* clang-format on */
	};
	const uint8_t *at = toks->src->text.at + toks->at;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t n = strlen(marks[i].text);

		if (toks->end - toks->at < n || memcmp(at, marks[i].text, n) != 0)
			continue;
		toks->now = (struct tok){ .kind = marks[i].kind,
			                  .at = toks->at,
			                  .text = span_of(at, n),
			                  .mark = marks[i].text[0],
			                  .compare = marks[i].compare };
		toks->at += n;
		return true;
	}
	return false;
}

int toks_next(struct toks *toks, struct tpl_err *err)
{
	const uint8_t *text = toks->src->text.at;
	uint8_t b;

	while (toks->at < toks->end && is_space(text[toks->at]))
		toks->at++;
	toks->now = (struct tok){ .kind = TOK_END, .at = toks->at };
	if (toks->at == toks->end)
		return 0;
	b = text[toks->at];
	if (b == '"' || b == '\'')
		return take_string(toks, err);
	if (is_name_start(b)) {
		take_name(toks);
	} else if (is_digit(b) ||
	           (b == '-' && toks->at + 1 < toks->end && is_digit(text[toks->at + 1]))) {
		take_number(toks);
	} else if (!take_mark(toks)) {
		return src_fail(
		    toks->src, toks->at, err,
		    "unexpected \"%c\"; expected a variable, a filter after \"|\" or the end",
		    b < 0x20 || b == 0x7f ? '?' : b);
	}
	return 0;
}
