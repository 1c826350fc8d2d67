/* heap.h - a binary min-heap of (key, value) pairs, grown as needed up to a bound.
 *
 * Not stable, no removal from the middle: a holder whose entry went stale recognises that when the
 * entry comes up.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap_item {
	uint64_t key;
	uint64_t a; /* the holder's: a pointer, an index */
	uint64_t b;
};

struct heap {
	struct heap_item *items;
	uint32_t n, room;
};

void heap_fini(struct heap *h);
void heap_push(struct heap *h, struct heap_item item);

/* Looks at the smallest key; false when empty. */
bool heap_peek(const struct heap *h, struct heap_item *out);

/* Takes the smallest; the heap must not be empty. */
struct heap_item heap_pop(struct heap *h);
