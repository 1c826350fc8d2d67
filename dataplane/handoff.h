/* handoff.h - what workers of one port hand to each other: a bounded ring for each ordered pair.
 *
 * Owner   the port's team. A frame or segment inside a ring is the taker's; what was not put is
 *         still the caller's.
 * Thread  put by worker `from` only, take and has_any by worker `to` only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/wake.h"
#include "dataplane/net/net.h"

struct rte_mbuf;
struct handoff;

enum {
	HANDOFF_CELLS = 512, /* in each ring */
};

enum hand_kind {
	HAND_SEGMENT, /* parsed and verified; `m` holds its bytes */
	HAND_FRAME,   /* for the one worker that deals with it */
	HAND_ICMP,
	HAND_WORD, /* from one that reads the port's tables to the one that writes them */
};

struct hand {
	uint32_t kind; /* enum hand_kind */
	union {
		struct {
			struct rte_mbuf *m; /* of HAND_SEGMENT and HAND_FRAME */
			struct net_seg seg; /* of HAND_SEGMENT */
		};
		struct net_icmp icmp;
		struct net_word word;
	};
};

/* What handoff_open() allocates for `n` workers. Pure. */
uint64_t handoff_memory_bytes(uint32_t n);

/* Makes the rings between `n` workers; one needs none. Returns 0 or -ENOMEM. */
int handoff_open(uint32_t n, struct handoff **out);

/* Frees what nobody took. */
void handoff_close(struct handoff *h);

/* Whom to wake for worker `to`; before anyone puts. */
void handoff_set_wake(struct handoff *h, uint32_t to, struct wake *wake);

/* False when the ring is full. The sleeper is not woken: see handoff_wake(). */
bool handoff_try_put(struct handoff *h, uint32_t from, uint32_t to, const struct hand *hand);
bool handoff_try_take(struct handoff *h, uint32_t from, uint32_t to, struct hand *hand);

/* Wakes worker `to` if it sleeps. Once for all that was put in a turn. */
void handoff_wake(struct handoff *h, uint32_t to);

bool handoff_has_any(const struct handoff *h, uint32_t to);
