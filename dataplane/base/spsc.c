/* spsc.c - a bounded ring of fixed-size elements: one thread puts, one other thread takes. */
#include "dataplane/base/spsc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPSC_SLOTS_MAX = 1 << 24 };

int spsc_init(struct spsc *r, uint32_t slots, uint32_t elem_bytes)
{
	uint32_t n = 1;

	if (slots == 0 || elem_bytes == 0 || slots > SPSC_SLOTS_MAX)
		return -EINVAL;
	while (n < slots)
		n <<= 1;
	memset(r, 0, sizeof(*r));
	r->slots = calloc(n, elem_bytes);
	if (r->slots == NULL)
		return -ENOMEM;
	r->mask = n - 1;
	r->elem_bytes = elem_bytes;
	return 0;
}

void spsc_fini(struct spsc *r)
{
	free(r->slots);
	r->slots = NULL;
}

bool spsc_try_put_all(struct spsc *r, const void *elems, uint32_t n)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (n > r->mask + 1 || tail - r->head_seen > r->mask + 1 - n) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		assert(tail - r->head_seen <= r->mask + 1);
		if (n > r->mask + 1 || tail - r->head_seen > r->mask + 1 - n)
			return false;
	}
	for (uint32_t i = 0; i < n; i++)
		memcpy(r->slots + (size_t)((tail + i) & r->mask) * r->elem_bytes,
		       (const uint8_t *)elems + (size_t)i * r->elem_bytes, r->elem_bytes);
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return true;
}

bool spsc_try_put(struct spsc *r, const void *elem)
{
	return spsc_try_put_all(r, elem, 1);
}

uint32_t spsc_ready(struct spsc *r, uint32_t most)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (r->tail_seen - head < most) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		assert(r->tail_seen - head <= r->mask + 1);
	}
	return r->tail_seen - head < most ? r->tail_seen - head : most;
}

void spsc_drop(struct spsc *r, uint32_t n)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	assert(n <= r->tail_seen - head);
	atomic_store_explicit(&r->head, head + n, memory_order_release);
}

bool spsc_try_take(struct spsc *r, void *elem)
{
	if (spsc_ready(r, 1) == 0)
		return false;
	memcpy(elem, spsc_at(r, 0), r->elem_bytes);
	spsc_drop(r, 1);
	return true;
}

uint32_t spsc_count(const struct spsc *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);

	return atomic_load_explicit(&r->tail, memory_order_acquire) - head;
}
