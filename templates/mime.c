/* mime.c - bodies on the wire: which transfer encoding, and the encoding itself (RFC 2045 6). */
#include "templates/mime.h"

#include <assert.h>

enum {
	LINE_BYTES_MAX = 998,  /* RFC 5322 2.1.1 */
	CODED_LINE_BYTES = 76, /* RFC 2045 6.7 (5), 6.8 */
};

enum mime_encoding mime_choose(struct span body, bool may_8bit)
{
	size_t beyond = 0, longest = 0;

	for (size_t i = 0; i < body.bytes; i++)
		beyond += body.at[i] >> 7;
	for (size_t at = 0; at < body.bytes;) {
		const uint8_t *end = memchr(body.at + at, '\n', body.bytes - at);
		size_t next = end == NULL ? body.bytes : (size_t)(end - body.at), line = next - at;

		line -= end != NULL && line != 0 && body.at[next - 1] == '\r';
		longest = line > longest ? line : longest;
		at = next + 1;
	}
	if (may_8bit && beyond != 0 && longest <= LINE_BYTES_MAX)
		return MIME_8BIT;
	if (beyond > body.bytes / 3)
		return MIME_BASE64;
	return beyond != 0 || longest > LINE_BYTES_MAX ? MIME_QP : MIME_7BIT;
}

const char *mime_encoding_name(enum mime_encoding encoding)
{
	static const char *const names[] = {
		[MIME_7BIT] = "7bit",
		[MIME_8BIT] = "8bit",
		[MIME_QP] = "quoted-printable",
		[MIME_BASE64] = "base64",
	};

	return names[encoding];
}

static bool is_line_end(struct span s, size_t at)
{
	return at + 1 < s.bytes && s.at[at] == '\r' && s.at[at + 1] == '\n';
}

/* A blank may stand for itself unless its line ends after it (RFC 2045 6.7 (3)). */
static bool is_qp_literal(struct span s, size_t at)
{
	uint8_t b = s.at[at];

	if (b == ' ' || b == '\t')
		return at + 1 < s.bytes && !is_line_end(s, at + 1);
	return b > ' ' && b < 0x7f && b != '=';
}

static void put_qp(struct buf *out, struct span s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t column = 0;

	for (size_t i = 0; i < s.bytes; i++) {
		bool literal = is_qp_literal(s, i);
		size_t bytes = literal ? 1 : 3;
		bool last;

		if (is_line_end(s, i)) {
			buf_put(out, "\r\n", 2);
			column = 0;
			i++;
			continue;
		}
		last = i + 1 == s.bytes || is_line_end(s, i + 1);
		if (column + bytes > (size_t)CODED_LINE_BYTES - !last) { /* room for "=" */
			buf_put(out, "=\r\n", 3);
			column = 0;
		}
		if (literal)
			buf_byte(out, s.at[i]);
		else
			buf_put(out, (char[]){ '=', hex[s.at[i] >> 4], hex[s.at[i] & 15] }, 3);
		column += bytes;
	}
}

static void put_base64(struct buf *out, struct span s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t column = 0;

	for (size_t i = 0; i < s.bytes; i += 3) {
		size_t n = s.bytes - i < 3 ? s.bytes - i : 3;
		uint32_t v = (uint32_t)s.at[i] << 16 | (n > 1 ? (uint32_t)s.at[i + 1] << 8 : 0) |
		             (n > 2 ? s.at[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			         n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

		if (column == CODED_LINE_BYTES) {
			buf_put(out, "\r\n", 2);
			column = 0;
		}
		buf_put(out, four, 4);
		column += 4;
	}
}

void mime_put(struct buf *out, enum mime_encoding encoding, struct span body)
{
	switch (encoding) {
	case MIME_7BIT:
	case MIME_8BIT:
		buf_span(out, body);
		return;
	case MIME_QP:
		put_qp(out, body);
		return;
	case MIME_BASE64:
		put_base64(out, body);
		return;
	}
	assert(!"an encoding is one of four");
}
