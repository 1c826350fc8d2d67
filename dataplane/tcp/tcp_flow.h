/* tcp_flow.h - from a tuple's hash to a small number: who has this connection?
 *
 *	bucket, 64 bytes   | 10 tags of 16 bits | 10 values of 32 bits | pad |
 *
 * A value stands in one of two buckets, told by its hash; a tag of the hash decides nearly always
 * whether the value's owner need be looked at, so a look-up costs one line, seldom two. An insert
 * into two full buckets moves others to their second bucket (cuckoo hashing); what finds no place
 * after a bounded walk goes to a small overflow list.
 *
 * Owner   the engine. Thread: its worker.
 * Not     keys: the caller compares the whole tuple of each candidate.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	TCP_FLOW_SLOTS = 10,
	TCP_FLOW_OVERFLOW = 32,
};

/* No value: the end of a search. */
#define TCP_FLOW_NONE UINT32_MAX

struct tcp_flow_bucket {
	_Alignas(64) uint16_t tags[TCP_FLOW_SLOTS]; /* 0: free */
	uint32_t values[TCP_FLOW_SLOTS];
};

struct tcp_flow_spill {
	uint32_t value;
	uint16_t tag;
};

struct tcp_flow {
	struct tcp_flow_bucket *buckets;
	uint32_t n_buckets;
	uint32_t n, max;
	uint32_t n_spilt;
	struct tcp_flow_spill spilt[TCP_FLOW_OVERFLOW];
};

/* Where a search stands; see tcp_flow_next(). */
struct tcp_flow_probe {
	uint64_t hash;
	uint32_t at;
};

/* Bytes that tcp_flow_init() allocates for `max` values. Pure. */
uint64_t tcp_flow_memory_bytes(uint32_t max);

/* Returns 0, -EINVAL for more than 2^28 values, -ENOMEM. */
int tcp_flow_init(struct tcp_flow *f, uint32_t max);
void tcp_flow_fini(struct tcp_flow *f);

/* Adds a value, any but TCP_FLOW_NONE. False when `max` are inside or no place was found. */
bool tcp_flow_try_add(struct tcp_flow *f, uint64_t hash, uint32_t value);

/* Takes out what tcp_flow_try_add() put in; it must be there. */
void tcp_flow_del(struct tcp_flow *f, uint64_t hash, uint32_t value);

/* Steps through the values whose hash may be `hash`: begin with { .hash = hash }, stop at
 * TCP_FLOW_NONE or when the tuple fits. No add or del in between.
 */
uint32_t tcp_flow_next(const struct tcp_flow *f, struct tcp_flow_probe *p);
