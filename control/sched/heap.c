/* heap.c - a binary min-heap of (key, value) pairs. */
#include "control/sched/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "control/xalloc.h"

void heap_fini(struct heap *h)
{
	free(h->items);
	*h = (struct heap){ 0 };
}

void heap_push(struct heap *h, struct heap_item item)
{
	uint32_t i;

	if (h->n == h->room) {
		h->room = h->room == 0 ? 64 : h->room * 2;
		h->items = xrealloc(h->items, h->room, sizeof(*h->items));
	}
	for (i = h->n++; i > 0 && h->items[(i - 1) / 2].key > item.key; i = (i - 1) / 2)
		h->items[i] = h->items[(i - 1) / 2];
	h->items[i] = item;
}

bool heap_peek(const struct heap *h, struct heap_item *out)
{
	if (h->n == 0)
		return false;
	*out = h->items[0];
	return true;
}

struct heap_item heap_pop(struct heap *h)
{
	struct heap_item top, last;
	uint32_t i = 0;

	assert(h->n > 0);
	top = h->items[0];
	last = h->items[--h->n];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->items[child + 1].key < h->items[child].key)
			child++;
		if (h->items[child].key >= last.key)
			break;
		h->items[i] = h->items[child];
		i = child;
	}
	if (h->n > 0)
		h->items[i] = last;
	return top;
}
