/* reass.h - puts the fragments of a datagram together (RFC 791 3.2, RFC 8200 4.5), in memory of its
 * own: what is received is copied and its buffer given back, so that nobody can hold the device's
 * buffers by sending parts only.
 *
 * Owner   struct net, of the worker that writes; the memory is part of its block.
 * Life    a datagram is given up REASS_MS after its first part came, or when it is the oldest and
 *         room is needed. One whose parts overlap is dead: its place stays taken until then, for
 *         the parts still to come (RFC 5722 4).
 * Bound   fragment_bytes_max of memory; a datagram may be as long as the MTU, 1,500 at least.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct net;
struct packet;
struct rte_mbuf;

enum {
	REASS_NONE = UINT32_MAX,
	REASS_MS = 30000, /* RFC 8200 4.5 allows 60 s; TCP has sent the segment again by then */
	REASS_UNIT_BYTES = 8,
	REASS_BYTES_MIN = 1500, /* RFC 8200 5, at least what a host must be able to take */
};

struct reass_key {
	struct ip_addr src, dst;
	uint32_t id;
	uint32_t proto; /* IPv4 only (RFC 791 3.2); IPv6: 0 */
};

/* A datagram that is not whole. Behind it in memory stand a map of the units of 8 bytes that have
 * come, and the bytes.
 */
struct reass {
	struct reass_key key;
	uint64_t since_us;
	uint32_t hash_next;    /* or next in the free list */
	uint32_t newer, older; /* by age */
	uint16_t n_units;      /* come so far */
	uint16_t highest;      /* end of what has come */
	uint16_t body_bytes;   /* of the whole; 0: its last part has not come */
	uint8_t proto;         /* of the whole, from its first part */
	uint8_t ecn_seen;      /* 1 << ECN field of each part */
	bool is_dead;
};

struct reass_table {
	uint8_t *entries; /* NULL: fragments are dropped */
	uint32_t *buckets;
	uint32_t n, bucket_mask, entry_bytes, body_bytes_max;
	uint32_t free, oldest, newest;
	uint64_t seed; /* strangers choose addresses and ids */
};

/* How many datagrams `bytes` have room for; what that many take, without and with buckets. Pure. */
uint32_t reass_n_entries(uint64_t bytes, uint16_t mtu_bytes);
uint32_t reass_n_buckets(uint32_t n);
uint32_t reass_entry_bytes(uint16_t mtu_bytes);

/* Makes the table empty. Its memory, `n`, `bucket_mask` and `seed` are set. */
void reass_init(struct reass_table *t, uint16_t mtu_bytes);

/* Takes a fragment, which `m` holds. True when it was the last one that was missing: `m` then holds
 * the whole datagram as a frame of its own. False: what `m` holds is of no further use.
 */
bool reass_input(struct net *net, uint64_t now_us, struct rte_mbuf *m, const struct packet *p);

/* Gives up what is too old. */
void reass_tick(struct net *net, uint64_t now_us);

/* reass_table.c: an entry, its map of units, its bytes. */
struct reass *reass_at(const struct reass_table *t, uint32_t i);
uint8_t *reass_map(struct reass *r);
uint8_t *reass_body(const struct reass_table *t, struct reass *r);

/* The index of a datagram, or REASS_NONE; a new one, for which the oldest may have to give way;
 * away with it, counted as given up or not.
 */
uint32_t reass_find(const struct reass_table *t, const struct reass_key *key);
struct reass *reass_add(struct net *net, uint64_t now_us, const struct reass_key *key);
void reass_give_up(struct net *net, uint32_t i);
void reass_del(struct reass_table *t, uint32_t i);
