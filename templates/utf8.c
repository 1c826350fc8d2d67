/* utf8.c - well-formed UTF-8 (RFC 3629 4): no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#include "templates/utf8.h"

static bool is_tail(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

size_t utf8_char_bytes(struct span s)
{
	const uint8_t *p = s.at;

	if (s.bytes == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4) /* tail bytes, overlong pairs, beyond U+10FFFF */
		return 0;
	if (s.bytes < 2 || !is_tail(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (s.bytes < 3 || !is_tail(p[2]))
		return 0;
	if (p[0] < 0xf0)
		return 3;
	return s.bytes >= 4 && is_tail(p[3]) ? 4 : 0;
}

size_t utf8_first_bad(struct span s)
{
	size_t at = 0;

	while (at < s.bytes) {
		size_t n = utf8_char_bytes(span_of(s.at + at, s.bytes - at));

		if (n == 0)
			return at;
		at += n;
	}
	return at;
}

bool utf8_is_ascii(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

size_t utf8_encode(uint32_t code, uint8_t out[4])
{
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		code = 0xfffd;
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}
