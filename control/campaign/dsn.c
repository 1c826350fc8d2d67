/* dsn.c - how an envelope names message and recipient for reports on delivery (RFC 3461). */
#include "control/campaign/dsn.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/campaign/address.h"

enum { ESCAPED_BYTES = 12 }; /* "\x{10FFFF}" and NUL fit */

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.bytes; i++)
		if (text.at[i] >= 0x80)
			return false;
	return true;
}

/* RFC 3461 4: what xtext has as it is; RFC 6533 3 keeps the backslash for itself besides. */
static bool is_plain(uint32_t c, bool is_utf8)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=' && !(is_utf8 && c == '\\');
}

/* Takes one character of well-formed UTF-8 (RFC 3629 3). */
static uint32_t take_char(struct span *text)
{
	uint32_t lead = text->at[0], c = lead;
	size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

	if (more > 0)
		c = lead & (0x3fu >> more);
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | (text->at[i] & 0x3fu);
	*text = span_of(text->at + more + 1, text->bytes - more - 1);
	return c;
}

size_t dsn_orcpt(struct span address, char out[DSN_ORCPT_MAX])
{
	bool is_utf8 = !is_ascii(address);
	const char *type = is_utf8 ? "utf-8;" : "rfc822;";
	size_t n = strlen(type);

	if (address.bytes == 0 || !utf8_is_text(address))
		return 0;
	memcpy(out, type, n);
	while (address.bytes > 0) {
		uint32_t c = take_char(&address);
		char one[ESCAPED_BYTES] = { (char)c, '\0' };
		size_t bytes = 1;

		if (!is_plain(c, is_utf8))
			bytes =
			    (size_t)snprintf(one, sizeof(one), is_utf8 ? "\\x{%02X}" : "+%02X", c);
		if (bytes > DSN_ORCPT_MAX - n)
			return 0;
		memcpy(out + n, one, bytes);
		n += bytes;
	}
	return n;
}
