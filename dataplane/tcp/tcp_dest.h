/* tcp_dest.h - what is known of the path to a destination: the MTU that a router told or that a
 * black hole taught. A fixed table of sets; a new entry takes the place of the one that ends first.
 *
 * Owner   the engine. Thread: its worker.
 * Life    an entry is believed for TCP_DEST_MS (RFC 1191 6.3, RFC 8201 5.3): the path may be better
 *         by then, and a new connection tries.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/tcp/tcp_key.h"

enum {
	TCP_DEST_SETS = 1024,
	TCP_DEST_WAYS = 4,
	TCP_DEST_MS = 600000,
};

struct tcp_dest {
	struct ip_addr remote;
	uint32_t until_ms;
	uint16_t mtu_bytes; /* 0: free */
};

struct tcp_dests {
	struct tcp_dest set[TCP_DEST_SETS][TCP_DEST_WAYS];
};

/* Keeps the smaller of what is known and `mtu_bytes`, for TCP_DEST_MS from now on. */
void tcp_dest_note(struct tcp_dests *d, const struct tcp_key *key, const struct ip_addr *remote,
                   uint16_t mtu_bytes, uint32_t now_ms);

/* What the path takes: `mtu_bytes`, or less if that is known. */
uint16_t tcp_dest_mtu(const struct tcp_dests *d, const struct tcp_key *key,
                      const struct ip_addr *remote, uint16_t mtu_bytes, uint32_t now_ms);
