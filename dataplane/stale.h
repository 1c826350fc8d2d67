/* stale.h - ending the sessions that a crashed predecessor left open at its peers.
 *
 * Such peers count them against us (Postfix: 50 per client), so they are asked where they stand:
 * their ACK meets no connection here and earns the RST that ends the session (RFC 9293 3.5.1).
 * Three rounds, since the first may be lost to an unresolved neighbour. New connections wait until
 * the first round is answered, 500 ms at most.
 *
 * Owner   the worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/trace.h"

struct stale {
	struct trace *trace;
	struct tcp *tcp;
	const struct net *net;
	const struct dp_counters *counters;
	uint64_t start_us; /* of the first round */
	uint64_t due_us;   /* of what is next; UINT64_MAX: nothing */
	uint64_t no_match_before;
	uint32_t round, next; /* rounds begun; next entry of this one */
	bool holds;
};

/* Entries whose local address is not ours any more are dropped. */
void stale_init(struct stale *s, struct trace *trace, struct tcp *tcp, const struct net *net,
                const struct dp_counters *counters, uint64_t now_us);

/* Sends what is due, a bounded number. */
void stale_turn(struct stale *s, uint64_t now_us);

/* True while new connections must wait. */
static inline bool stale_holds(const struct stale *s)
{
	return s->holds;
}
