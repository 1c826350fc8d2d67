/* ehlo.h - what a server offers in its answer to EHLO (RFC 5321 4.1.1.1). */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

struct smtp_caps {
	uint64_t size_max_bytes; /* 0: no fixed maximum (RFC 1870 4) */
	uint16_t rcpts_max;      /* RFC 9422 RCPTMAX; this and the next two: 0: not said */
	uint16_t mail_max;       /* MAILMAX */
	uint16_t domains_max;    /* RCPTDOMAINMAX */
	uint8_t auth : 7;        /* bits 1 << enum dp_auth (RFC 4954 3) */
	bool requiretls : 1;     /* RFC 8689 */
	bool pipelining : 1;     /* RFC 2920 */
	bool chunking : 1;       /* RFC 3030 */
	bool binarymime : 1;     /* RFC 3030 */
	bool eightbit : 1;       /* 8BITMIME, RFC 6152 */
	bool smtputf8 : 1;       /* RFC 6531 */
	bool starttls : 1;       /* RFC 3207 */
	bool size : 1;           /* RFC 1870 */
	bool dsn : 1;            /* RFC 3461 */
};
static_assert(sizeof(struct smtp_caps) == 16 && DP_N_AUTHS <= 7, "each session has it");

/* Notes what one line of the answer offers, its code and line end cut off. The first line is the
 * server's name and must not come here. Unknown keywords are ignored.
 */
void smtp_caps_line(struct smtp_caps *caps, struct span line);
