/* body.h - copies a message from its spans into a connection, dot-stuffed (RFC 5321 4.5.2) or as it
 * is (RFC 3030 2).
 *
 * Owner   the transaction it is embedded in.
 * Not     the final dot, nor whether the message may be sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp_msg.h"

struct smtp_body {
	uint32_t span;  /* index of the span being copied */
	uint32_t at;    /* bytes of it that are copied */
	bool line_open; /* the newest byte copied was not LF: the dot needs a CRLF before it */
	bool is_raw;    /* as it is: BDAT counts bytes (RFC 3030 2) */
	bool dot_owed; /* at a line's beginning a dot was doubled and one of the two is still due */
};

void smtp_body_begin(struct smtp_body *b, bool is_raw);

/* True when every byte of the job's wire has been copied. */
bool smtp_body_is_done(const struct smtp_body *b, const struct dp_job *job);

/* Copies as many bytes as fit in out[0..room) and returns how many were written. */
size_t smtp_body_copy(struct smtp_body *b, const struct dp_job *job, uint8_t *out, size_t room);
