/* late.c - frames that wait for their time: a binary heap over a slab. */
#include "tests/relay/late.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int late_init(struct late *l, uint32_t frames_max)
{
	*l = (struct late){ .max = frames_max };
	l->frames = calloc(frames_max, sizeof(*l->frames));
	l->heap = calloc(frames_max, sizeof(*l->heap));
	l->spare = calloc(frames_max, sizeof(*l->spare));
	if (l->frames == NULL || l->heap == NULL || l->spare == NULL) {
		late_fini(l);
		return -ENOMEM;
	}
	for (l->n_spare = 0; l->n_spare < frames_max; l->n_spare++)
		l->spare[l->n_spare] = frames_max - 1 - l->n_spare;
	return 0;
}

void late_fini(struct late *l)
{
	free(l->frames);
	free(l->heap);
	free(l->spare);
	*l = (struct late){ 0 };
}

struct late_frame *late_get(struct late *l)
{
	return l->n_spare == 0 ? NULL : &l->frames[l->spare[--l->n_spare]];
}

void late_put(struct late *l, struct late_frame *f)
{
	assert(l->n_spare < l->max);
	l->spare[l->n_spare++] = (uint32_t)(f - l->frames);
}

static bool is_before(const struct late *l, uint32_t a, uint32_t b)
{
	const struct late_frame *x = &l->frames[a], *y = &l->frames[b];

	return x->due_ns < y->due_ns || (x->due_ns == y->due_ns && x->order < y->order);
}

void late_add(struct late *l, struct late_frame *f)
{
	uint32_t at = l->n++, me = (uint32_t)(f - l->frames);

	f->order = l->order++;
	for (; at > 0 && is_before(l, me, l->heap[(at - 1) / 2]); at = (at - 1) / 2)
		l->heap[at] = l->heap[(at - 1) / 2];
	l->heap[at] = me;
}

uint64_t late_due_ns(const struct late *l)
{
	return l->n == 0 ? UINT64_MAX : l->frames[l->heap[0]].due_ns;
}

struct late_frame *late_take(struct late *l)
{
	uint32_t first = l->heap[0], last, at = 0, child;

	assert(l->n != 0);
	last = l->heap[--l->n];
	for (; (child = 2 * at + 1) < l->n; at = child) {
		if (child + 1 < l->n && is_before(l, l->heap[child + 1], l->heap[child]))
			child++;
		if (is_before(l, last, l->heap[child]))
			break;
		l->heap[at] = l->heap[child];
	}
	l->heap[at] = last;
	return &l->frames[first];
}
