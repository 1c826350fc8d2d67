/* gate_host.h - what is odd about the host that a link names.
 *
 * Pure.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/span.h"

enum { GATE_HOST_BYTES_MAX = 320 }; /* looked at behind "://", user part included */

enum gate_host {
	GATE_HOST_ADDRESS = 1 << 0,  /* an IP address (RFC 3986 3.2.2) instead of a name */
	GATE_HOST_PUNYCODE = 1 << 1, /* a label that begins with xn-- (RFC 5890 2.3.2.1) */
	GATE_HOST_MIXED = 1 << 2,    /* a label with Latin and Cyrillic or Greek letters */
};

/* Judges the host at the beginning of `rest`, what follows "://". Returns bits of enum gate_host.
 */
uint32_t gate_host_judge(struct span rest);
