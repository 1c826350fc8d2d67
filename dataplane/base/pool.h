/* pool.h - a fixed number of equal slots, named by index; a generation tells one use of a slot
 * from the next.
 *
 * Owner   whoever called pool_init(); a slot belongs to whoever got it, until pool_put().
 *
 * Life    all memory is taken in pool_init(); nothing is allocated later. Of a sparse pool it is
 * the place only: pages come with the largest number of slots that were ever used at once.
 *
 * Thread  one at a time.
 *
 * Not     zeroed slots: a slot holds what its last owner left there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	POOL_SLOTS_MAX = 1 << 28,
};

/* No slot: what pool_try_get() returns when all are in use. */
#define POOL_NONE UINT32_MAX

/* Kept per slot, outside the slots so that these stay whole cache lines. */
struct pool_mark {
	uint32_t gen;  /* odd while the slot is in use; 0 is never the generation of a used slot */
	uint32_t next; /* the free slot after this one */
};

struct pool {
	uint8_t *slots;
	struct pool_mark *marks;
	size_t slot_bytes;
	uint32_t n, n_used;
	uint32_t n_ever;               /* slots from here on were never used */
	uint32_t free_head, free_tail; /* taken at the head, given back at the tail: a slot rests
	                                  as long as it can before it is used again */
	bool owns_slots;
	bool is_sparse; /* given back at the head: what was used is used again */
};

/* Bytes that pool_init() allocates for such a pool when it is given no memory. Pure. */
uint64_t pool_memory_bytes(uint32_t slots, size_t slot_bytes);

/* Makes a pool of `slots` slots of `slot_bytes` each, a multiple of 8. `memory` holds the slots and
 * stays the caller's; NULL: allocated here, zeroed and on a cache line's boundary. Returns 0,
 * -EINVAL for a size of zero or too large or odd, -ENOMEM.
 */
int pool_init(struct pool *p, uint32_t slots, size_t slot_bytes, void *memory);

/* The same, sparse, for what few need at a time though all may. */
int pool_init_sparse(struct pool *p, uint32_t slots, size_t slot_bytes);

/* Frees what pool_init() allocated. No slot may be touched after it. */
void pool_fini(struct pool *p);

/* Takes a slot: the one that has been free longest (of a sparse pool shortest), or POOL_NONE. */
uint32_t pool_try_get(struct pool *p);

/* The slot that would be taken next, behind `slot` or, where that is POOL_NONE, first of all;
 * POOL_NONE: none is free. A hint to fetch it: any call above changes it.
 */
uint32_t pool_foresee(const struct pool *p, uint32_t slot);

/* Gives a slot back; whoever still knows its generation will be told that it is stale. */
void pool_put(struct pool *p, uint32_t slot);

/* True while `slot` is in use. Any number may be asked about. */
static inline bool pool_is_used(const struct pool *p, uint32_t slot)
{
	return slot < p->n && (p->marks[slot].gen & 1) != 0;
}

/* The generation of a slot in use: with the index a handle that goes stale by itself. */
static inline uint32_t pool_gen(const struct pool *p, uint32_t slot)
{
	return p->marks[slot].gen;
}

/* True when the handle (slot, gen) names a slot that has been in use ever since. Both numbers may
 * be anything.
 */
static inline bool pool_is_live(const struct pool *p, uint32_t slot, uint32_t gen)
{
	return pool_is_used(p, slot) && p->marks[slot].gen == gen;
}

/* Where a slot is. `slot` must be below p->n. */
static inline void *pool_at(const struct pool *p, uint32_t slot)
{
	return p->slots + (size_t)slot * p->slot_bytes;
}
