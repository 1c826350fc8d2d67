/* test_worker_turn.c - in a turn, what has arrived comes before what is due.
 *
 * The device is a function that gives frames while the test says so; see test_worker_tx.c.
 */
#include "dataplane/worker_int.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

#include <poll.h>

#include <rte_mbuf.h>

static struct rte_mbuf frame;
static uint8_t bytes[256];
static struct worker *w;
static uint32_t waiting; /* frames in the device's queue */

static uint16_t give(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)dev, (void)queue;
	n = n < waiting ? n : (uint16_t)waiting;
	for (uint16_t i = 0; i < n; i++)
		m[i] = &frame;
	waiting -= n;
	return n;
}

static void make(void)
{
	static _Alignas(64) struct worker one;
	static struct port port;
	static struct landing landing;
	static const struct port_io io = { .rx_burst = give };

	memset(&one, 0, sizeof(one));
	w = &one;
	w->net_due_us = w->stale.due_us = UINT64_MAX;
	port_use(&port, &io, NULL);
	landing_init(&landing, 1, 1024, 65535, NULL);
	w->port = &port;
	w->landing = &landing;
	frame = (struct rte_mbuf){ .buf_addr = bytes, .pkt_len = 100, .data_len = 100 };
	rte_mbuf_refcnt_set(&frame, 60000); /* never given to a pool */
}

static void timers_wait_until_the_queue_is_empty(void)
{
	uint32_t ticks = fake_ticks();

	make();
	waiting = 100;
	for (int turn = 0; turn < 3; turn++)
		CU_ASSERT_TRUE(worker_turn(w, 1000000));
	CU_ASSERT_EQUAL(waiting, 4);
	CU_ASSERT_EQUAL(fake_ticks(), ticks);
	CU_ASSERT_TRUE(worker_turn(w, 1000000));
	CU_ASSERT_EQUAL(fake_ticks(), ticks + 1);
	CU_ASSERT_EQUAL(counter_read(&w->counters.rx_packets), 100);
}

static void a_flood_does_not_hold_them_up_for_ever(void)
{
	uint32_t ticks = fake_ticks();

	make();
	waiting = 6400;
	while (waiting > 0)
		(void)worker_turn(w, 1000000);
	CU_ASSERT_EQUAL(fake_ticks(), ticks + 6); /* once in 1,024 frames */
}

/* As control does: sleeps, and is asked whether it would wake. */
static bool was_woken(struct wake *control)
{
	struct pollfd p = { .fd = control->fd, .events = POLLIN };
	bool woken = poll(&p, 1, 0) == 1;

	wake_awake(control);
	wake_about_to_sleep(control);
	return woken;
}

static void control_is_woken_at_most_each_100_us_while_there_is_work_and_at_once_when_not(void)
{
	static const struct dp_evt evt = { .kind = DP_EVT_BODY_TAKEN };
	struct wake control;

	make();
	CU_ASSERT_EQUAL_FATAL(wake_init(&control), 0);
	CU_ASSERT_EQUAL_FATAL(evt_ring_init(&w->evts, 64), 0);
	w->control = &control;
	wake_about_to_sleep(&control);
	waiting = 1;
	worker_emit(w, &evt);
	CU_ASSERT_TRUE(worker_turn(w, 1000000));
	CU_ASSERT_TRUE(was_woken(&control)); /* long since the last time */
	for (uint64_t now = 1000010; now < 1000100; now += 10) {
		waiting = 1;
		worker_emit(w, &evt);
		CU_ASSERT_TRUE(worker_turn(w, now));
		CU_ASSERT_FALSE(was_woken(&control));
	}
	waiting = 1;
	CU_ASSERT_TRUE(worker_turn(w, 1000100));
	CU_ASSERT_TRUE(was_woken(&control));
	waiting = 1;
	worker_emit(w, &evt);
	CU_ASSERT_TRUE(worker_turn(w, 1000110));
	CU_ASSERT_FALSE(was_woken(&control));
	CU_ASSERT_TRUE(worker_turn(w, 1000111)); /* nothing came: now, before it rests */
	CU_ASSERT_TRUE(was_woken(&control));
	CU_ASSERT_FALSE(worker_turn(w, 1000112));
	CU_ASSERT_FALSE(was_woken(&control));
	spsc_fini(&w->evts);
	wake_awake(&control);
	wake_fini(&control);
}

SUITE("dataplane/worker_turn", TEST(timers_wait_until_the_queue_is_empty),
      TEST(a_flood_does_not_hold_them_up_for_ever),
      TEST(control_is_woken_at_most_each_100_us_while_there_is_work_and_at_once_when_not))
