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

int lex_next(struct lex *lex, struct piece *p, struct tpl_err *err)
{
	size_t next;

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

/* True when "{%" at `at` is the tag `name` with nothing else; then `after` is past its braces. */
static bool is_tag(const struct lex *lex, size_t at, const char *prefix, const char *name,
                   size_t *after, bool *dash)
{
	const uint8_t *text = lex->src->text.at;
	const char *parts[] = { prefix, name };

	at += 2;
	if (at < lex->end && text[at] == '-')
		at++;
	while (at < lex->end && is_space(text[at]))
		at++;
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(parts[i]);

		if (lex->end - at < n || memcmp(text + at, parts[i], n) != 0)
			return false;
		at += n;
	}
	while (at < lex->end && is_space(text[at]))
		at++;
	*dash = at < lex->end && text[at] == '-';
	at += *dash;
	*after = at + 2;
	return lex->end - at >= 2 && memcmp(text + at, "%}", 2) == 0;
}

int lex_block(struct lex *lex, const struct piece *open, const char *name, bool nests,
              struct piece *inside, struct tpl_err *err)
{
	unsigned depth = 1;
	size_t at = lex->at, after;
	bool dash;

	*inside = (struct piece){ .kind = PIECE_TEXT, .start = lex->at, .at = lex->at };
	for (;; at += 2) {
		at = find_two(lex, at, "{%");
		if (at == lex->end)
			return src_fail(
			    lex->src, open->start, err,
			    "\"{%% %s %%}\" is never closed; expected \"{%% end%s %%}\"", name,
			    name);
		if (nests && is_tag(lex, at, "", name, &after, &dash))
			depth++;
		else if (is_tag(lex, at, "end", name, &after, &dash) && --depth == 0)
			break;
	}
	inside->end = at;
	trim_text(lex, inside, lex->trim, opens_with_dash(lex, at));
	lex->trim = dash;
	lex->at = after;
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

	while (at < toks->end && (is_digit(text[at]) || text[at] == '.'))
		at++;
	toks->now.kind = TOK_NUMBER;
	toks->now.text = span_of(text + toks->at, at - toks->at);
	toks->at = at;
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
	} else if (strchr("|:,.[]", b) != NULL) {
		toks->now.kind = TOK_MARK;
		toks->now.mark = (char)b;
		toks->now.text = span_of(text + toks->at, 1);
		toks->at++;
	} else {
		return src_fail(
		    toks->src, toks->at, err,
		    "unexpected \"%c\"; expected a variable, a filter after \"|\" or the end",
		    b < 0x20 || b == 0x7f ? '?' : b);
	}
	return 0;
}
