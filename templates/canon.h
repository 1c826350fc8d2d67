/* canon.h - the two canonicalisations of DKIM (RFC 6376 3.4), for bodies in pieces and fields
 * whole.
 *
 * A body is fed in pieces of any size, as the spans of a message come; what a piece leaves open is
 * carried to the next. Plain state: a copy of a `struct canon_body` goes on from where it was.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

/* Gets the canonical bytes, in order; `ctx` is its own. */
typedef void canon_sink_fn(void *ctx, const void *bytes, size_t n);

struct canon_body {
	canon_sink_fn *sink;
	void *ctx;
	uint64_t crlfs; /* line ends held back: they may be the last of the body */
	bool relaxed;
	bool blank;   /* held back: blanks that may end their line */
	bool cr;      /* the last piece ended in CR */
	bool content; /* something was written */
};

void canon_body_init(struct canon_body *c, enum canon how, canon_sink_fn *sink, void *ctx);
void canon_body_add(struct canon_body *c, struct span piece);
void canon_body_end(struct canon_body *c);

/* True for whole lines, CRLF after the last, of which both canonicalisations make what they are:
 * all of it but the empty lines at its end.
 */
bool canon_is_fixed(struct span lines);

/* As canon_body_add() for lines that canon_is_fixed(); what was added before ended in CRLF, or
 * there was nothing. They are not looked at again.
 */
void canon_body_add_fixed(struct canon_body *c, struct span lines);

/* Feeds one header field, "Name: value" with its folds but without the line end after it, and then
 * that line end when `line_end` (a signature's own field goes without, RFC 6376 3.7).
 */
void canon_field(enum canon how, struct span field, bool line_end, canon_sink_fn *sink, void *ctx);
