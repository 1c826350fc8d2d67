/* handoff.c - what workers of one port hand to each other. */
#include "dataplane/handoff.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/base/landing.h"
#include "dataplane/base/spsc.h"

struct handoff {
	uint32_t n;
	struct wake *wakes[LANDING_QUEUES_MAX];
	struct spsc rings[]; /* from * n + to */
};

static struct spsc *ring_of(const struct handoff *h, uint32_t from, uint32_t to)
{
	assert(from < h->n && to < h->n && from != to);
	return (struct spsc *)(uintptr_t)&h->rings[from * h->n + to];
}

static size_t own_bytes(uint32_t n)
{
	size_t bytes = sizeof(struct handoff) + (size_t)n * n * sizeof(struct spsc);

	return (bytes + 63) / 64 * 64;
}

uint64_t handoff_memory_bytes(uint32_t n)
{
	return own_bytes(n) + (uint64_t)n * (n - 1) * HANDOFF_CELLS * sizeof(struct hand);
}

int handoff_open(uint32_t n, struct handoff **out)
{
	struct handoff *h = aligned_alloc(64, own_bytes(n));
	int rc = h != NULL ? 0 : -ENOMEM;

	assert(n >= 1 && n <= LANDING_QUEUES_MAX);
	if (rc != 0)
		return rc;
	memset(h, 0, own_bytes(n));
	h->n = n;
	for (uint32_t i = 0; i < n * n && rc == 0; i++)
		if (i / n != i % n) {
			rc = spsc_init(&h->rings[i], HANDOFF_CELLS, sizeof(struct hand));
			if (rc == 0) /* pages are taken now */
				memset(h->rings[i].slots, 0, HANDOFF_CELLS * sizeof(struct hand));
		}
	if (rc != 0) {
		handoff_close(h);
		return rc;
	}
	*out = h;
	return 0;
}

void handoff_close(struct handoff *h)
{
	struct hand hand;

	for (uint32_t i = 0; i < h->n * h->n; i++) {
		if (h->rings[i].slots == NULL)
			continue;
		while (spsc_try_take(&h->rings[i], &hand))
			if (hand.kind == HAND_SEGMENT || hand.kind == HAND_FRAME)
				rte_pktmbuf_free(hand.m);
		spsc_fini(&h->rings[i]);
	}
	free(h);
}

void handoff_set_wake(struct handoff *h, uint32_t to, struct wake *wake)
{
	assert(to < h->n);
	h->wakes[to] = wake;
}

bool handoff_try_put(struct handoff *h, uint32_t from, uint32_t to, const struct hand *hand)
{
	return spsc_try_put(ring_of(h, from, to), hand);
}

bool handoff_try_take(struct handoff *h, uint32_t from, uint32_t to, struct hand *hand)
{
	return spsc_try_take(ring_of(h, from, to), hand);
}

void handoff_wake(struct handoff *h, uint32_t to)
{
	if (h->wakes[to] != NULL)
		wake_signal(h->wakes[to]);
}

bool handoff_has_any(const struct handoff *h, uint32_t to)
{
	for (uint32_t from = 0; from < h->n; from++)
		if (from != to && spsc_count(ring_of(h, from, to)) > 0)
			return true;
	return false;
}
