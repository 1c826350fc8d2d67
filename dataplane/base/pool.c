/* pool.c - a fixed number of equal slots with generations. */
#include "dataplane/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/pages.h"

static bool sizes_are_sane(uint32_t slots, size_t slot_bytes)
{
	return slots != 0 && slots <= POOL_SLOTS_MAX && slot_bytes != 0 && slot_bytes % 8 == 0 &&
	       slot_bytes <= 1 << 20;
}

static uint64_t marks_bytes(uint32_t slots)
{
	return (uint64_t)slots * sizeof(struct pool_mark);
}

uint64_t pool_memory_bytes(uint32_t slots, size_t slot_bytes)
{
	return pages_bytes((uint64_t)slots * slot_bytes) + pages_bytes(marks_bytes(slots));
}

/* Marks of zero: free, and never used. */
static int begin(struct pool *p, uint32_t slots, size_t slot_bytes)
{
	p->slot_bytes = slot_bytes;
	p->n = slots;
	p->free_head = p->free_tail = POOL_NONE;
	if (p->marks != NULL && p->slots != NULL)
		return 0;
	pool_fini(p);
	return -ENOMEM;
}

int pool_init(struct pool *p, uint32_t slots, size_t slot_bytes, void *memory)
{
	memset(p, 0, sizeof(*p));
	if (!sizes_are_sane(slots, slot_bytes))
		return -EINVAL;
	p->marks = pages_get(marks_bytes(slots));
	p->owns_slots = memory == NULL;
	p->slots = memory;
	if (p->owns_slots)
		p->slots = pages_get((uint64_t)slots * slot_bytes);
	return begin(p, slots, slot_bytes);
}

int pool_init_sparse(struct pool *p, uint32_t slots, size_t slot_bytes)
{
	memset(p, 0, sizeof(*p));
	if (!sizes_are_sane(slots, slot_bytes))
		return -EINVAL;
	p->is_sparse = p->owns_slots = true;
	p->marks = pages_reserve(marks_bytes(slots));
	p->slots = pages_reserve((uint64_t)slots * slot_bytes);
	return begin(p, slots, slot_bytes);
}

void pool_fini(struct pool *p)
{
	if (p->is_sparse) {
		pages_put(p->marks, marks_bytes(p->n));
		pages_put(p->slots, p->n * (uint64_t)p->slot_bytes);
	} else {
		free(p->marks);
		if (p->owns_slots)
			free(p->slots);
	}
	memset(p, 0, sizeof(*p));
}

uint32_t pool_try_get(struct pool *p)
{
	bool is_new = p->n_ever < p->n && (p->free_head == POOL_NONE || !p->is_sparse);
	uint32_t slot = is_new ? p->n_ever : p->free_head;
	struct pool_mark *m;

	if (slot == POOL_NONE || p->n == 0)
		return POOL_NONE;
	m = &p->marks[slot];
	assert((m->gen & 1) == 0);
	if (is_new)
		p->n_ever++;
	else
		p->free_head = m->next;
	if (p->free_head == POOL_NONE)
		p->free_tail = POOL_NONE;
	m->gen++;
	p->n_used++;
	return slot;
}

/* As pool_try_get() would go on: those never used before those given back, or behind them. */
uint32_t pool_foresee(const struct pool *p, uint32_t slot)
{
	uint32_t next, fresh = p->n_ever < p->n ? p->n_ever : POOL_NONE;

	assert(p->n != 0);
	if (slot != POOL_NONE && slot >= p->n_ever) {
		if (slot + 1 < p->n)
			return slot + 1;
		return p->is_sparse ? POOL_NONE : p->free_head;
	}
	if (slot == POOL_NONE && !p->is_sparse && fresh != POOL_NONE)
		return fresh;
	next = slot == POOL_NONE ? p->free_head : p->marks[slot].next;
	return next == POOL_NONE && p->is_sparse ? fresh : next;
}

void pool_put(struct pool *p, uint32_t slot)
{
	struct pool_mark *m;

	assert(pool_is_used(p, slot));
	m = &p->marks[slot];
	m->gen++;
	p->n_used--;
	if (p->is_sparse) {
		m->next = p->free_head;
		p->free_head = slot;
		return;
	}
	m->next = POOL_NONE;
	if (p->free_tail == POOL_NONE)
		p->free_head = slot;
	else
		p->marks[p->free_tail].next = slot;
	p->free_tail = slot;
}
