/* reply.h - reads SMTP replies out of a stream of hostile bytes, however they were cut up.
 *
 * Owner   the session it is embedded in.
 * Life    smtp_reply_reset() before each reply; its fields are whole after SMTP_REPLY_END.
 * Not     what a reply means.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

enum {
	SMTP_LINE_KEPT_BYTES = 128, /* of each line, for EHLO keywords; the rest is only counted */
};

enum smtp_reply_got {
	SMTP_REPLY_MORE, /* all bytes taken, no line complete yet */
	SMTP_REPLY_LINE, /* one line complete, the reply goes on; `line` holds its text */
	SMTP_REPLY_END,  /* the last line complete */
	SMTP_REPLY_BAD,  /* not SMTP, or beyond a bound: nothing more can be read from this peer */
};

struct smtp_reply_bounds {
	uint32_t lines_max; /* in one reply */
	uint32_t bytes_max; /* of one reply, line ends included */
};

struct smtp_reply {
	uint16_t code;       /* of the newest complete line */
	uint8_t enhanced[3]; /* RFC 2034, the first one found; 0.0.0: none */
	bool is_mixed : 1;   /* a line had another code than the one before (5321 4.2.1) */
	bool cr : 1;         /* the newest byte was a CR */
	uint8_t n_head;      /* bytes of the current line's "250-" seen */
	uint8_t line_bytes;  /* kept in `line` */
	char head[4];
	uint32_t n_lines, n_bytes;
	uint32_t text_bytes;    /* of all lines, joined by one space; may exceed DP_TEXT_MAX */
	char text[DP_TEXT_MAX]; /* the beginning of it; control characters as they came */
	char line[SMTP_LINE_KEPT_BYTES]; /* text of the current line, without code and line end */
};

static_assert(sizeof(struct smtp_reply) % 8 == 0, "it has a slot in a pool");

void smtp_reply_reset(struct smtp_reply *r);

/* Takes bytes from the front of `in` until a line is complete or `in` is empty. Returns what was
 * reached; after END and BAD the reply must be reset before the next call.
 */
enum smtp_reply_got smtp_reply_take(struct smtp_reply *r, const struct smtp_reply_bounds *bounds,
                                    struct span *in);
