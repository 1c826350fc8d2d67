/* test_worker_tx.c - what a device does not take waits, bounded, and never blocks the rest for
 * ever.
 *
 * The device is a function that takes as many frames as the test says. Frames have a second
 * reference, so freeing one shows in its count and needs no pool.
 */
#include "dataplane/worker_int.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

enum { FRAMES = TX_PENDING_MAX + 8 };

static struct rte_mbuf frames[FRAMES];
static struct worker *w;
static uint16_t device_room;
static struct rte_mbuf *last_taken;

static uint16_t take(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)dev, (void)queue;
	n = n < device_room ? n : device_room;
	device_room -= n;
	if (n > 0)
		last_taken = m[n - 1];
	return n;
}

static void make(void)
{
	static _Alignas(64) struct worker one;
	static struct port port;
	static struct landing landing;
	static const struct port_io io = { .tx_burst = take };

	memset(&one, 0, sizeof(one));
	w = &one;
	w->now_us = 1000000;
	port_use(&port, &io, NULL);
	landing_init(&landing, 1, 1024, 65535, NULL);
	w->port = &port;
	w->landing = &landing;
	for (unsigned i = 0; i < FRAMES; i++) {
		memset(&frames[i], 0, sizeof(frames[i]));
		frames[i].pkt_len = frames[i].data_len = 100;
		frames[i].nb_segs = 1;
		rte_mbuf_refcnt_set(&frames[i], 2);
	}
}

static uint32_t n_prepared; /* frames that the device was shown */

/* Every fourth frame is unfit. */
static uint16_t show(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)dev, (void)queue;
	for (uint16_t i = 0; i < n; i++, n_prepared++)
		if ((m[i] - frames) % 4 == 3)
			return i;
	return n;
}

static void what_the_device_takes_is_counted_once(void)
{
	make();
	for (unsigned i = 0; i < 10; i++)
		worker_tx_add(w, &frames[i]);
	device_room = 7;
	worker_tx_flush(w);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_packets), 7);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_bytes), 700);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_full), 3);
	worker_tx_flush(w); /* still full: not counted again */
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_full), 3);
	device_room = 100;
	worker_tx_flush(w);
	CU_ASSERT_PTR_EQUAL(last_taken, &frames[9]);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_packets), 10);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_bytes), 1000);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_dropped), 0);
	CU_ASSERT_EQUAL(w->tx.n, 0);
}

static void what_finds_no_room_is_dropped_and_counted(void)
{
	make();
	device_room = 0;
	for (unsigned i = 0; i < FRAMES; i++)
		worker_tx_add(w, &frames[i]);
	CU_ASSERT_EQUAL(w->tx.n, TX_PENDING_MAX);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_dropped), FRAMES - TX_PENDING_MAX);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(&frames[0]), 2);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(&frames[FRAMES - 1]), 1);
}

static void a_frame_that_is_never_taken_gives_way_after_ten_ms(void)
{
	make();
	device_room = 0;
	worker_tx_add(w, &frames[0]);
	worker_tx_add(w, &frames[1]);
	worker_tx_flush(w);
	w->now_us += 9999;
	worker_tx_flush(w);
	CU_ASSERT_EQUAL(w->tx.n, 2);
	w->now_us += 1;
	worker_tx_flush(w);
	CU_ASSERT_EQUAL(w->tx.n, 1);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(&frames[0]), 1);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_dropped), 1);
	w->now_us += 5000;
	worker_tx_flush(w); /* the next has its own ten */
	CU_ASSERT_EQUAL(w->tx.n, 1);
	device_room = 1;
	worker_tx_flush(w);
	CU_ASSERT_PTR_EQUAL(last_taken, &frames[1]);
	CU_ASSERT_EQUAL(w->tx.stuck_since_us, 0);
}

static void a_frame_that_the_device_cannot_send_is_given_up_at_once(void)
{
	static const struct port_io io = { .tx_burst = take, .tx_prepare = show };

	make();
	port_use(w->port, &io, NULL);
	w->port->plan.tx_prepare = true;
	n_prepared = 0;
	for (unsigned i = 0; i < 10; i++)
		worker_tx_add(w, &frames[i]);
	device_room = 3;
	worker_tx_flush(w);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_unfit), 2);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(&frames[3]), 1);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(&frames[7]), 1);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_packets), 3);
	CU_ASSERT_PTR_EQUAL(last_taken, &frames[2]);
	CU_ASSERT_EQUAL(w->tx.n, 5);
	CU_ASSERT_EQUAL(n_prepared, 8);
	worker_tx_add(w, &frames[11]);
	worker_tx_add(w, &frames[12]);
	device_room = 100;
	worker_tx_flush(w); /* what was found fit is not shown again */
	CU_ASSERT_EQUAL(n_prepared, 9);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_unfit), 3);
	CU_ASSERT_EQUAL(counter_read(&w->counters.tx_packets), 9);
	CU_ASSERT_PTR_EQUAL(last_taken, &frames[12]);
	CU_ASSERT_EQUAL(w->tx.n, 0);
}

SUITE("dataplane/worker_tx", TEST(what_the_device_takes_is_counted_once),
      TEST(what_finds_no_room_is_dropped_and_counted),
      TEST(a_frame_that_is_never_taken_gives_way_after_ten_ms),
      TEST(a_frame_that_the_device_cannot_send_is_given_up_at_once))
