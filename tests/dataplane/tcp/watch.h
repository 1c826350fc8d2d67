/* watch.h - what a bystander on the wire can hold against an end: its window's right edge never
 * moves left (RFC 9293 3.8.6.2.2), and it never sends beyond what the other end ever offered.
 *
 * Sees each segment as it leaves, before the wire does anything to it. What does not hold is
 * asserted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp_wire.h"

struct watch {
	bool knows;    /* an edge was offered */
	uint32_t edge; /* the furthest */
};

/* A segment of `own` leaves, `bytes` of payload in it; `scale`: of its windows but in SYNs. */
void watch_leaving(struct watch *own, const struct watch *other, const struct tcp_head *h,
                   uint32_t bytes, unsigned scale);
