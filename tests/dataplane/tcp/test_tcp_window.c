/* test_tcp_window.c - the window we offer, when the layer above does not consume what it is given.
 */
#include "tests/dataplane/tcp/rig.h"
#include "tests/support/suite.h"

#include <string.h>

#define WINDOW 60000

enum { MSS = 1000, OFFERED = 8000 };

static const struct rig_options plain = { .mss = MSS, .wscale = TCP_WSCALE_NONE, .window = WINDOW };
static const struct rig_options scaled = { .mss = MSS, .wscale = 2, .window = WINDOW };

static uint8_t letters[MSS];

static void start(struct rig *r, const struct rig_options *o, uint32_t offered)
{
	memset(letters, 'x', sizeof(letters));
	rig_conf(r);
	r->conf.rx_window_bytes = offered;
	rig_open(r);
	rig_establish(r, o);
	/* the second of two segments is acknowledged at once, and the peer's MSS is known */
	for (int i = 0; i < 2; i++)
		rig_in(r, TCP_ACK, letters, MSS, WINDOW);
	rig_turn(r);
	rig_drain(r);
}

/* The window that the last segment which left has said. */
static uint32_t told(struct rig *r, uint32_t *ack)
{
	const struct rig_sent *s = NULL, *next;

	while ((next = rig_next(r)) != NULL)
		s = next;
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	*ack = s->head.ack;
	return (uint32_t)s->head.window << r->tcp->rcv_wscale;
}

static void what_is_held_closes_the_window_and_its_edge_stays(void)
{
	uint32_t ack, edge;
	struct rig r;

	start(&r, &plain, OFFERED);
	edge = r.peer_seq + OFFERED;
	for (uint32_t n = 1; n <= OFFERED / MSS; n++) {
		r.user.held = n * MSS;
		rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
		rig_run(&r, 50);
		CU_ASSERT_EQUAL(told(&r, &ack), OFFERED - n * MSS);
		CU_ASSERT_EQUAL(ack + OFFERED - n * MSS, edge);
	}
	CU_ASSERT_EQUAL(r.user.rx_bytes, 2 * MSS + OFFERED);
	rig_close(&r);
}

/* RFC 9293 3.8.6.1: a probe into a closed window is not taken, and is answered. */
static void a_probe_of_a_closed_window_is_answered_and_not_taken(void)
{
	uint32_t ack;
	struct rig r;

	start(&r, &plain, OFFERED);
	r.user.held = OFFERED;
	for (uint32_t n = 0; n < OFFERED / MSS; n++)
		rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
	rig_turn(&r);
	rig_drain(&r);
	for (int i = 0; i < 3; i++) {
		size_t had = r.user.rx_bytes;

		rig_in_at(&r, TCP_ACK, r.peer_seq, RIG_ISS + 1, letters, 1, WINDOW);
		rig_turn(&r);
		CU_ASSERT_EQUAL(told(&r, &ack), 0);
		CU_ASSERT_EQUAL(r.user.rx_bytes, had);
	}
	rig_close(&r);
}

/* RFC 9293 3.8.6.2.2: it opens by a segment's worth at least, and is told at once then. */
static void a_window_opens_when_enough_is_consumed(void)
{
	uint32_t ack;
	struct rig r;

	start(&r, &plain, OFFERED);
	r.user.held = OFFERED;
	for (uint32_t n = 0; n < OFFERED / MSS; n++)
		rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
	rig_run(&r, 50);
	rig_drain(&r);
	r.user.held = OFFERED - MSS + 1;
	tcp_consumed(r.tcp, r.now_us, r.user.id);
	rig_turn(&r);
	CU_ASSERT_EQUAL(rig_drain(&r), 0);
	r.user.held = OFFERED - MSS;
	tcp_consumed(r.tcp, r.now_us, r.user.id);
	rig_turn(&r);
	CU_ASSERT_EQUAL(told(&r, &ack), MSS);
	rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
	CU_ASSERT_EQUAL(r.user.rx_bytes, 2 * MSS + OFFERED + MSS);
	rig_close(&r);
}

/* More than the window is held: no window, and not a large one. */
static void no_more_than_the_window_is_taken_off(void)
{
	uint32_t ack;
	struct rig r;

	start(&r, &scaled, 200000);
	r.user.held = UINT32_MAX;
	for (uint32_t n = 0; n < 200; n++)
		rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
	rig_run(&r, 50);
	CU_ASSERT_TRUE(told(&r, &ack) < 4); /* the edge is rounded up to units of 4 */
	rig_in(&r, TCP_ACK, letters, MSS, WINDOW);
	CU_ASSERT_TRUE(r.user.rx_bytes < 2 * MSS + 200 * MSS + 4);
	rig_close(&r);
}

SUITE("dataplane/tcp/tcp_window", TEST(what_is_held_closes_the_window_and_its_edge_stays),
      TEST(a_probe_of_a_closed_window_is_answered_and_not_taken),
      TEST(a_window_opens_when_enough_is_consumed), TEST(no_more_than_the_window_is_taken_off))
