/* ehlo.h - what a server offers in its answer to EHLO (RFC 5321 4.1.1.1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

struct smtp_caps {
	bool pipelining;         /* RFC 2920 */
	bool eightbit;           /* 8BITMIME, RFC 6152 */
	bool smtputf8;           /* RFC 6531 */
	bool starttls;           /* RFC 3207 */
	bool size;               /* RFC 1870 */
	uint64_t size_max_bytes; /* 0: no fixed maximum (RFC 1870 4) */
};

/* Notes what one line of the answer offers, its code and line end cut off. The first line is the
 * server's name and must not come here. Unknown keywords are ignored.
 */
void smtp_caps_line(struct smtp_caps *caps, struct span line);
