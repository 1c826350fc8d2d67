/* emit.c - a value on its way out: checked, escaped, with the line ends of its context. */
#include "templates/emit.h"

#include "templates/number.h"
#include "templates/utf8.h"

/* What a byte asks for. */
enum { BYTE_NUL = 1, BYTE_LINE = 2, BYTE_CONTROL = 4, BYTE_MARKUP = 8, BYTE_HIGH = 16 };

static const uint8_t classes[256] = {
	/* clang-format off */
	[0] = BYTE_NUL,
	[1 ... 8] = BYTE_CONTROL, ['\n'] = BYTE_LINE, [11 ... 12] = BYTE_CONTROL, ['\r'] = BYTE_LINE,
	[14 ... 31] = BYTE_CONTROL, [0x7f] = BYTE_CONTROL,
	['&'] = BYTE_MARKUP, ['<'] = BYTE_MARKUP, ['>'] = BYTE_MARKUP, ['"'] = BYTE_MARKUP,
	['\''] = BYTE_MARKUP,
	[0x80 ... 0xff] = BYTE_HIGH,
	/* clang-format on */
};

/* A value is foreign: what a header may not carry would let it add headers of its own. */
static const char *check(enum tpl_context context, struct span s, uint8_t *has)
{
	bool header = context == TPL_IN_HEADER;

	*has = 0;
	for (size_t i = 0; i < s.bytes; i++)
		*has |= classes[s.at[i]];
	if ((*has & BYTE_NUL) != 0)
		return "the value has a NUL byte; mend the row";
	if (header && (*has & BYTE_LINE) != 0)
		return "the value has a line end, which a header may not; mend the row";
	if (header && (*has & BYTE_CONTROL) != 0)
		return "the value has a control character, which a header may not; mend the row";
	if ((*has & BYTE_HIGH) != 0 && utf8_first_bad(s) != s.bytes)
		return "the value is not UTF-8; mend the row";
	return NULL;
}

const char *emit_entity(uint8_t b)
{
	switch (b) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* Line ends of any kind become CRLF; a lone CR or LF never reaches a message (RFC 5321 2.3.8). */
static void put(struct buf *out, struct span s, uint8_t special)
{
	while (s.bytes != 0) {
		size_t n = 0, used = 1;

		while (n < s.bytes && (classes[s.at[n]] & special) == 0)
			n++;
		buf_put(out, s.at, n);
		s = span_of(s.at + n, s.bytes - n);
		if (s.bytes == 0)
			break;
		if (classes[s.at[0]] == BYTE_LINE) {
			used += s.at[0] == '\r' && s.bytes > 1 && s.at[1] == '\n';
			buf_put(out, "\r\n", 2);
		} else {
			buf_str(out, emit_entity(s.at[0]));
		}
		s = span_of(s.at + used, s.bytes - used);
	}
}

const char *emit_value(struct buf *out, struct arena *arena, enum tpl_context context,
                       struct tpl_value v)
{
	char number[NUMBER_BYTES];
	uint8_t has, special = 0;
	const char *why;
	struct span s;

	if (value_is_nil(v))
		return NULL;
	if (v.kind == TPL_INT) {
		buf_put(out, number, number_print_int(v.number, number));
		return NULL;
	}
	s = value_to_text(arena, v);
	if ((why = check(context, s, &has)) != NULL)
		return why;
	if (context_is_html(context) && v.state == STATE_PLAIN)
		special |= BYTE_MARKUP;
	if (context_has_crlf(context))
		special |= BYTE_LINE;
	if ((has & special) == 0)
		buf_span(out, s);
	else
		put(out, s, special);
	return NULL;
}

void emit_markup(struct buf *out, enum tpl_context context, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text != '\n')
			buf_byte(out, (uint8_t)*text);
		else if (context != TPL_IN_HEADER)
			buf_str(out, context_has_crlf(context) ? "\r\n" : "\n");
	}
}
