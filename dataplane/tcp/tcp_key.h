/* tcp_key.h - numbers that only we can foretell: keyed hashes of addresses and ports.
 *
 * Initial sequence numbers (RFC 6528 3), timestamp offsets (RFC 7323 5.4), the order of local ports
 * (RFC 6056 3.3.4), and the hash of the flow table. All pure.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/addr.h"

struct tcp_key {
	uint64_t k[4];
};

struct tcp_tuple {
	struct ip_addr local, remote;
	uint16_t lport, rport; /* host order */
};

void tcp_key_init(struct tcp_key *key, const uint8_t secret[32]);

/* Grows by one each 4 us for a tuple, and differs between tuples in a way that nobody foresees. */
uint32_t tcp_key_isn(const struct tcp_key *key, const struct tcp_tuple *t, uint64_t now_us);

/* Of an address pair, so that one peer sees a clock that never runs back. */
uint32_t tcp_key_ts_offset(const struct tcp_key *key, const struct tcp_tuple *t);

/* Of (local, remote, remote port): two independent numbers, the offset and the counter's index. */
uint64_t tcp_key_ports(const struct tcp_key *key, const struct tcp_tuple *t);

/* Quick: a few multiplications, keyed so that peers cannot fill one bucket. */
uint64_t tcp_key_flow(const struct tcp_key *key, const struct tcp_tuple *t);
