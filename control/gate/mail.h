/* mail.h - a mail message, or a text alone, as the pieces that the content gate looks at.
 *
 * Thread  any; a read mail is immutable.
 */
#pragma once

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

/* Where the bytes of a text come from. */
enum mail_origin_how {
	MAIL_AS_IS,   /* they stand there */
	MAIL_DECODED, /* out of a transfer encoding, and perhaps another character set */
	MAIL_FIELD,   /* of a field that begins there */
};

/* The end of a line of a part: in the part, and in what it gave. */
struct mail_line {
	size_t raw;
	uint64_t decoded;
};

struct mail_origin {
	size_t at, bytes;        /* in the file */
	uint8_t how;             /* enum mail_origin_how */
	uint8_t encoding;        /* GMimeContentEncoding */
	char charset[32];        /* "": none to convert from */
	struct mail_line *lines; /* NULL: not asked yet */
	size_t n_lines;
};

struct mail {
	struct dp_text texts[DP_TEXTS_MAX];
	uint32_t n;
	uint32_t n_dropped;        /* parts beyond DP_TEXTS_MAX, that are not here */
	char *owned[DP_TEXTS_MAX]; /* their bytes */
	struct mail_origin origins[DP_TEXTS_MAX];
	struct span file; /* the caller's; only mail_place() looks at it */
	/* The line that was asked for last, and where it begins: the next is often behind it. */
	size_t line_at;
	uint32_t line;
};

/* Takes a message apart (RFC 5322, RFC 2045): subject, other fields as they stand, decoded text and
 * HTML, names and bytes of files. Bytes that do not begin with a header are one text, HTML when
 * they begin like it. Always succeeds: what cannot be decoded is taken as it stands.
 */
void mail_read(struct span bytes, struct mail *out);
void mail_fini(struct mail *mail);

/* Where in the file byte `at` of a text comes from: line and column, both from 1, in bytes. Of a
 * field that is encoded: where the field begins. The bytes that were read must still be there.
 */
void mail_place(struct mail *mail, uint32_t text, uint64_t at, uint32_t *line, uint32_t *column);
