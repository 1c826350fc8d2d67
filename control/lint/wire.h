/* wire.h - the checks that are cheap enough for every message: RFC 5322 and SMTP's lines.
 *
 * Not     what takes reading a message as a whole (message.h): samples are, before the first.
 * Thread  any; pure.
 */
#pragma once

#include "control/lint/lint.h"
#include "dataplane/base/span.h"

enum {
	LINT_LINE_MAX = 998,              /* octets before CRLF (RFC 5322 2.1.1) */
	LINT_HEADER_BYTES_MAX = 16 << 10, /* of all fields together */
	LINT_FIELD_BYTES_MAX = 1 << 10,   /* of From, Subject and To */
};

struct lint_wire {
	const struct span *spans; /* the message as it is sent; each field's name lies in one */
	uint32_t n_spans;
	/* Bytes of all spans outside of this one are the same for all messages of the campaign,
	 * whole lines, and not read; empty: everything is read.
	 */
	struct span fresh;
	bool may_8bit, may_utf8; /* in the body (RFC 6152), in the header (RFC 6531) */
};

/* The first thing wrong, for a message that is not sent because of it. */
struct lint_fault {
	enum lint_id id;
	uint32_t line; /* of the message, from 1; 0: as a whole */
	char what[128];
};

/* Returns true when nothing is wrong; `out` is filled otherwise. */
bool lint_wire_check(const struct lint_wire *w, struct lint_fault *out);

/* The fields that must or may be there once (RFC 5322 3.6, RFC 2045 3). */
struct lint_field_rule {
	const char *name;
	bool required;
	uint32_t bytes_max; /* 0: no bound of its own */
};
extern const struct lint_field_rule lint_field_rules[];
extern const uint32_t lint_n_field_rules;
