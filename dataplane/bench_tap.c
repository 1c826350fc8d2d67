/* bench_tap.c - the far end of the bench's wire. */
#include "dataplane/bench_tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <emmintrin.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

int bench_tap_open(struct bench_tap *tap, struct rte_ring *ring)
{
	memset(tap, 0, sizeof(*tap));
	tap->ring = ring;
	tap->slots = aligned_alloc(64, BENCH_TAP_SLOTS * sizeof(*tap->slots));
	if (tap->slots == NULL)
		return -ENOMEM;
	memset(tap->slots, 0, BENCH_TAP_SLOTS * sizeof(*tap->slots));
	return 0;
}

void bench_tap_close(struct bench_tap *tap)
{
	free(tap->slots);
	tap->slots = NULL;
}

/* Past the caches: a line that the player has would have to be fetched back from it. A buffer has
 * room for all that is copied, whatever the frame's length.
 */
static void copy(struct bench_tap *tap, uint32_t at, const struct rte_mbuf *m)
{
	__m128i *to = (__m128i *)tap->slots[at % BENCH_TAP_SLOTS].frame;
	const __m128i *from = rte_pktmbuf_mtod(m, const __m128i *);

	unsigned bytes = m->data_len < BENCH_TAP_BYTES ? m->data_len : BENCH_TAP_BYTES;

	for (unsigned i = 0; i < (bytes + sizeof(*to) - 1) / sizeof(*to); i++)
		_mm_stream_si128(to + i, _mm_loadu_si128(from + i));
}

uint32_t bench_tap_turn(struct bench_tap *tap)
{
	enum { BURST = 64 };
	uint32_t lag = atomic_load_explicit(&tap->hurry, memory_order_relaxed) ? 0 : BENCH_TAP_LAG;
	uint32_t n = rte_ring_count(tap->ring), head = tap->head;
	bool blind = atomic_load_explicit(&tap->blind, memory_order_relaxed);
	struct rte_mbuf *m[BURST];

	if (n <= lag)
		return 0;
	n = rte_ring_sc_dequeue_burst(tap->ring, (void **)m, n - lag < BURST ? n - lag : BURST,
	                              NULL);
	for (uint32_t i = 0; i < n; i++) {
		if (!blind)
			copy(tap, head++, m[i]);
		rte_pktmbuf_free(m[i]);
	}
	_mm_sfence();
	atomic_store_explicit(&tap->head, head, memory_order_release);
	atomic_store_explicit(&tap->taken, tap->taken + n, memory_order_release);
	return n;
}

const uint8_t *bench_tap_peek(const struct bench_tap *tap)
{
	uint32_t tail = atomic_load_explicit(&tap->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&tap->head, memory_order_acquire))
		return NULL;
	return tap->slots[tail % BENCH_TAP_SLOTS].frame;
}

void bench_tap_read(struct bench_tap *tap)
{
	atomic_store_explicit(&tap->tail, tap->tail + 1, memory_order_release);
}
