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

uint64_t pool_memory_bytes(uint32_t slots, size_t slot_bytes)
{
	return pages_bytes((uint64_t)slots * slot_bytes) +
	       pages_bytes((uint64_t)slots * sizeof(struct pool_mark));
}

int pool_init(struct pool *p, uint32_t slots, size_t slot_bytes, void *memory)
{
	memset(p, 0, sizeof(*p));
	if (!sizes_are_sane(slots, slot_bytes))
		return -EINVAL;
	p->marks = pages_get((uint64_t)slots * sizeof(*p->marks));
	p->owns_slots = memory == NULL;
	p->slots = memory;
	if (p->owns_slots)
		p->slots = pages_get((uint64_t)slots * slot_bytes);
	if (p->marks == NULL || p->slots == NULL) {
		pool_fini(p);
		return -ENOMEM;
	}
	p->slot_bytes = slot_bytes;
	p->n = slots;
	for (uint32_t i = 0; i < slots; i++)
		p->marks[i].next = i + 1 < slots ? i + 1 : POOL_NONE;
	p->free_head = 0;
	p->free_tail = slots - 1;
	return 0;
}

void pool_fini(struct pool *p)
{
	free(p->marks);
	if (p->owns_slots)
		free(p->slots);
	memset(p, 0, sizeof(*p));
}

uint32_t pool_try_get(struct pool *p)
{
	uint32_t slot = p->free_head;
	struct pool_mark *m;

	if (slot == POOL_NONE || p->n == 0)
		return POOL_NONE;
	m = &p->marks[slot];
	assert((m->gen & 1) == 0);
	p->free_head = m->next;
	if (p->free_head == POOL_NONE)
		p->free_tail = POOL_NONE;
	m->gen++;
	p->n_used++;
	return slot;
}

void pool_put(struct pool *p, uint32_t slot)
{
	struct pool_mark *m;

	assert(pool_is_used(p, slot));
	m = &p->marks[slot];
	m->gen++;
	m->next = POOL_NONE;
	if (p->free_tail == POOL_NONE)
		p->free_head = slot;
	else
		p->marks[p->free_tail].next = slot;
	p->free_tail = slot;
	p->n_used--;
}
