/* header.h - header fields on the wire: folded, encoded, never over 998 octets a line.
 *
 * RFC 5322 2.1.1 and 2.2.3, RFC 2047 for what is not ASCII, RFC 6532 for addresses that are not.
 */
#pragma once

#include "templates/buf.h"

enum header_kind {
	HEADER_TEXT,    /* unstructured: encoded-words where needed */
	HEADER_MAILBOX, /* one address */
	HEADER_TOKENS,  /* structured, ASCII only; folded at its blanks */
};

enum {
	HEADER_LINE_BYTES = 76,      /* RFC 2047 2: lines with encoded-words */
	HEADER_LINE_BYTES_MAX = 998, /* RFC 5322 2.1.1, without CRLF */
	HEADER_WORD_BYTES_MAX = 900, /* a longer run without blanks cannot be folded */
	HEADER_VALUE_BYTES_MAX = 16384,
	HEADER_BLOCK_BYTES_MAX = 16384, /* all fields; large receivers refuse more */
};

/* Appends "name: value" CRLF. The value is UTF-8 without control characters but the tab. Returns
 * NULL, or what is wrong with the value; whether it fitted says `out->full`. Sets `utf8` when the
 * field holds an address beyond ASCII.
 */
const char *header_put(struct buf *out, const char *name, enum header_kind kind, struct span value,
                       bool *utf8);

/* Appends a valid address with its domain in ASCII. Returns NULL or what is wrong; `utf8` as above.
 */
const char *header_put_address(struct buf *out, struct span address, bool *utf8);
