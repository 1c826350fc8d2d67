/* own.h - the addresses of this port, found by hash.
 *
 * Owner   struct net, which also gives the memory.
 * Life    filled once by net_open(); only `defend_after_us` changes afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct own {
	struct ip_addr addr;
	uint64_t defend_after_us; /* when another station that uses it may be contradicted again */
};

struct own_set {
	struct own *list; /* in the order of the configuration */
	uint32_t n;
	uint32_t *slots; /* index in list + 1; 0: empty. At most half full. */
	uint32_t mask;
};

/* How many slots a set of `n` addresses has; a power of two. */
uint32_t own_n_slots(uint32_t n);

/* Adds an address unless it is there. There must be room in both arrays. */
void own_add(struct own_set *s, const struct ip_addr *a);

/* NULL when `a` is not ours. The entry stays where it is. */
struct own *own_find(const struct own_set *s, const struct ip_addr *a);

/* Spreads an address over 32 bits. Not keyed: only addresses of our choice enter our tables. */
static inline uint32_t ip_hash(const struct ip_addr *a)
{
	uint64_t high, low, h;

	memcpy(&high, a->b, 8);
	memcpy(&low, a->b + 8, 8);
	h = (high * 0x9e3779b97f4a7c15u) ^ low;
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
	return (uint32_t)(h >> 32);
}
