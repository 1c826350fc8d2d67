/* header.c - header fields on the wire: folded, encoded, never over 998 octets a line. */
#include "templates/header.h"

#include "templates/mailbox.h"
#include "templates/utf8.h"

enum {
	WORD_FRAME_BYTES = 12, /* =?UTF-8?Q??= */
	WORD_BYTES_MAX = 75,   /* RFC 2047 2 */
};

/* A field being written, and how long its last line is. */
struct field {
	struct buf *out;
	size_t column;
};

static void put(struct field *f, struct span s)
{
	buf_span(f->out, s);
	f->column += s.bytes;
}

static void put_str(struct field *f, const char *text)
{
	put(f, span_str(text));
}

static void fold(struct field *f)
{
	buf_str(f->out, "\r\n");
	f->column = 0;
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static bool contains(struct span s, const char *what)
{
	return s.bytes != 0 && memmem(s.at, s.bytes, what, strlen(what)) != NULL;
}

/* Of a word with the blanks before it, which is what a fold cannot divide. */
static size_t longest_word(struct span s)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < s.bytes; i++) {
		bool begins = is_blank(s.at[i]) && i != 0 && !is_blank(s.at[i - 1]);

		run = begins ? 1 : run + 1;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Words with the blanks before them; a line is broken where the next word would not fit. */
static void put_words(struct field *f, struct span s)
{
	size_t at = 0;

	while (at < s.bytes) {
		size_t from = at;

		while (at < s.bytes && is_blank(s.at[at]))
			at++;
		while (at < s.bytes && !is_blank(s.at[at]))
			at++;
		if (f->column + (at - from) > HEADER_LINE_BYTES && from != 0 &&
		    is_blank(s.at[from]))
			fold(f);
		put(f, span_of(s.at + from, at - from));
	}
}

/* ---- encoded-words (RFC 2047) ---- */

/* What may stand for itself in a Q word even inside a phrase (RFC 2047 5 (3)). */
static bool is_q_literal(uint8_t b)
{
	return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
	       (b != 0 && strchr("!*+-/", b) != NULL);
}

static size_t q_bytes(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.bytes; i++)
		n += is_q_literal(s.at[i]) || s.at[i] == ' ' ? 1 : 3;
	return n;
}

static void put_q(struct field *f, struct span s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t b = s.at[i];
		uint8_t coded[3] = { '=', (uint8_t)hex[b >> 4], (uint8_t)hex[b & 15] };

		if (is_q_literal(b))
			put(f, span_of(&b, 1));
		else if (b == ' ')
			put_str(f, "_");
		else
			put(f, span_of(coded, 3));
	}
}

static void put_b(struct field *f, struct span s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.bytes; i += 3) {
		size_t n = s.bytes - i < 3 ? s.bytes - i : 3;
		uint32_t v = (uint32_t)s.at[i] << 16 | (n > 1 ? (uint32_t)s.at[i + 1] << 8 : 0) |
		             (n > 2 ? s.at[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			         n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

		put(f, span_of(four, 4));
	}
}

/* Bytes of whole characters from the front of `s` whose coded form has at most `room` bytes. */
static size_t word_fits(struct span s, size_t room, bool q)
{
	size_t taken = 0, coded = 0;

	while (taken < s.bytes) {
		struct span c = span_of(s.at + taken, s.bytes - taken);

		c.bytes = utf8_char_bytes(c);
		if (c.bytes == 0) /* callers check; a stray byte must still make progress */
			c.bytes = 1;
		coded = q ? coded + q_bytes(c) : (taken + c.bytes + 2) / 3 * 4;
		if (coded > room)
			break;
		taken += c.bytes;
	}
	return taken;
}

/* The whole text as encoded-words; a reader drops the line breaks between them (RFC 2047 6.2). */
static void put_encoded(struct field *f, struct span s)
{
	/* Q can be read by people; B where Q would be half as long again */
	bool q = q_bytes(s) <= (s.bytes + 2) / 3 * 4 * 3 / 2;
	bool first = true;

	while (s.bytes != 0) {
		size_t used = f->column + WORD_FRAME_BYTES + (first ? 0 : 1);
		size_t room = used < HEADER_LINE_BYTES ? HEADER_LINE_BYTES - used : 0;
		size_t n;

		if (room > WORD_BYTES_MAX - WORD_FRAME_BYTES)
			room = WORD_BYTES_MAX - WORD_FRAME_BYTES;
		n = word_fits(s, room, q);
		if (n == 0) { /* a fresh line has room for any character */
			fold(f);
			put_str(f, " ");
			first = true;
			continue;
		}
		if (!first)
			put_str(f, " ");
		put_str(f, q ? "=?UTF-8?Q?" : "=?UTF-8?B?");
		(q ? put_q : put_b)(f, span_of(s.at, n));
		put_str(f, "?=");
		s.at += n;
		s.bytes -= n;
		first = false;
	}
}

/* ---- the kinds of fields ---- */

static const char *put_text(struct field *f, struct span value)
{
	if (utf8_is_ascii(value) && !contains(value, "=?") &&
	    longest_word(value) <= HEADER_WORD_BYTES_MAX)
		put_words(f, value);
	else
		put_encoded(f, value);
	return NULL;
}

static const char *put_tokens(struct field *f, struct span value)
{
	if (!utf8_is_ascii(value))
		return "this field allows ASCII only";
	if (longest_word(value) > HEADER_WORD_BYTES_MAX)
		return "over 900 bytes without a blank cannot be folded";
	put_words(f, value);
	return NULL;
}

static bool is_phrase(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] != ' ' && (s.at[i] == '=' || !is_q_literal(s.at[i])))
			return false;
	return true;
}

static void put_quoted(struct field *f, struct span s)
{
	put_str(f, "\"");
	for (size_t i = 0; i < s.bytes; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			put_str(f, "\\");
		put(f, span_of(s.at + i, 1));
	}
	put_str(f, "\"");
}

/* RFC 6531 is asked for by the local part only: a domain has an ASCII form. */
const char *header_put_address(struct buf *out, struct span address, bool *utf8)
{
	const uint8_t *sign = memrchr(address.at, '@', address.bytes);
	struct span local = span_of(address.at, (size_t)(sign - address.at) + 1);
	char domain[MAILBOX_DOMAIN_MAX + 1];

	if (!domain_to_ascii(span_of(sign + 1, address.bytes - local.bytes), domain))
		return "the domain of the address is no valid internationalised name";
	if (!utf8_is_ascii(local))
		*utf8 = true;
	buf_span(out, local);
	buf_str(out, domain);
	return NULL;
}

static const char *put_mailbox(struct field *f, struct span value, bool *utf8)
{
	struct mailbox m;
	const char *why = mailbox_read(value, &m);
	struct span display = span_of(m.display, m.display_bytes);

	if (why != NULL)
		return why;
	if (m.display_bytes == 0)
		return header_put_address(f->out, m.address, utf8);
	if (!utf8_is_ascii(display) || contains(display, "=?") || display.bytes > 60)
		put_encoded(f, display);
	else if (is_phrase(display))
		put(f, display);
	else
		put_quoted(f, display);
	if (f->column + m.address.bytes + 3 > HEADER_LINE_BYTES)
		fold(f);
	put_str(f, " <");
	why = header_put_address(f->out, m.address, utf8);
	put_str(f, ">");
	return why;
}

const char *header_put(struct buf *out, const char *name, enum header_kind kind, struct span value,
                       bool *utf8)
{
	struct field f = { .out = out };
	const char *why = NULL;

	while (value.bytes != 0 && is_blank(value.at[0])) {
		value.at++;
		value.bytes--;
	}
	while (value.bytes != 0 && is_blank(value.at[value.bytes - 1]))
		value.bytes--;
	if (value.bytes > HEADER_VALUE_BYTES_MAX)
		return "over 16384 bytes in one field";
	put_str(&f, name);
	put_str(&f, value.bytes == 0 ? ":" : ": ");
	if (kind == HEADER_MAILBOX)
		why = put_mailbox(&f, value, utf8);
	else if (value.bytes != 0)
		why = kind == HEADER_TEXT ? put_text(&f, value) : put_tokens(&f, value);
	buf_str(out, "\r\n");
	return why;
}
