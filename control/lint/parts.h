/* parts.h - the MIME parts of a message: closed, legally encoded, of the charset they say.
 *
 * Thread  any; pure.
 */
#pragma once

#include "control/lint/message.h"

enum {
	LINT_PARTS_MAX = 200, /* more are an error */
	LINT_PARTS_DEPTH_MAX = 8,
	LINT_ENCODED_LINE_MAX = 76, /* RFC 2045 6.7 (5), 6.8 */
};

/* What is wrong with the parts of a message; "" and LINT_N: nothing. */
struct lint_parts_fault {
	enum lint_id id;
	char what[128];
};

/* Returns true when nothing is wrong. */
bool lint_parts_check(const struct lint_message *m, struct lint_parts_fault *out);
