/* emit.c - a value on its way out: checked, escaped, with the line ends of its context. */
#include "templates/emit.h"

#include "templates/number.h"
#include "templates/utf8.h"

/* A value is foreign: what a header may not carry would let it add headers of its own. */
static const char *check(enum tpl_context context, struct span s)
{
	bool header = context == TPL_IN_HEADER, ascii = true;

	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t b = s.at[i];

		ascii = ascii && b < 0x80;
		if (b >= 0x20 && b != 0x7f)
			continue;
		if (b == 0)
			return "the value has a NUL byte; mend the row";
		if (header && (b == '\r' || b == '\n'))
			return "the value has a line end, which a header may not; mend the row";
		if (header && b != '\t')
			return "the value has a control character, which a header may not; mend "
			       "the row";
	}
	if (!ascii && utf8_first_bad(s) != s.bytes)
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

/* Bytes at the front that need no thought. */
static size_t plain_run(struct span s, bool escape, bool crlf)
{
	size_t n = 0;

	while (n < s.bytes && (!crlf || (s.at[n] != '\r' && s.at[n] != '\n')) &&
	       (!escape || emit_entity(s.at[n]) == NULL))
		n++;
	return n;
}

/* Line ends of any kind become CRLF; a lone CR or LF never reaches a message (RFC 5321 2.3.8). */
static void put(struct buf *out, struct span s, bool escape, bool crlf)
{
	while (s.bytes != 0) {
		size_t n = plain_run(s, escape, crlf), used = 1;

		buf_put(out, s.at, n);
		s = span_of(s.at + n, s.bytes - n);
		if (s.bytes == 0)
			break;
		if (s.at[0] == '\r' || s.at[0] == '\n') {
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
	const char *why;
	struct span s;

	if (value_is_nil(v))
		return NULL;
	if (v.kind == TPL_INT) {
		buf_put(out, number, number_print_int(v.number, number));
		return NULL;
	}
	s = value_to_text(arena, v);
	if ((why = check(context, s)) != NULL)
		return why;
	put(out, s, context_is_html(context) && v.state == STATE_PLAIN, context_has_crlf(context));
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
