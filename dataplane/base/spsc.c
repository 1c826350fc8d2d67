/* spsc.c - a bounded ring of fixed-size elements: one thread puts, one other thread takes. */
#include "dataplane/base/spsc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPSC_SLOTS_MAX = 1 << 24 };

int spsc_init(struct spsc *r, uint32_t slots, uint32_t elem_bytes)
{
	if (slots == 0 || elem_bytes == 0 || slots > SPSC_SLOTS_MAX)
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	r->slots = calloc(slots, elem_bytes);
	if (r->slots == NULL)
		return -ENOMEM;
	r->n = slots;
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

	if (n > r->n || tail - r->head_seen > r->n - n) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		assert(tail - r->head_seen <= r->n);
		if (n > r->n || tail - r->head_seen > r->n - n)
			return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		memcpy(r->slots + (size_t)r->put_at * r->elem_bytes,
		       (const uint8_t *)elems + (size_t)i * r->elem_bytes, r->elem_bytes);
		r->put_at = r->put_at + 1 == r->n ? 0 : r->put_at + 1;
	}
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
		assert(r->tail_seen - head <= r->n);
	}
	return r->tail_seen - head < most ? r->tail_seen - head : most;
}

void spsc_drop(struct spsc *r, uint32_t n)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	assert(n <= r->tail_seen - head);
	r->take_at += n;
	if (r->take_at >= r->n)
		r->take_at -= r->n;
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
