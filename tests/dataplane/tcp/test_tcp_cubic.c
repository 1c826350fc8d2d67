/* test_tcp_cubic.c - the window's curve is RFC 9438's. No packet and no engine appear here. */
#include "dataplane/tcp/tcb.h"
#include "dataplane/tcp/tcp_cc.h"
#include "tests/support/suite.h"

enum { MSS = 1000, RTT_MS = 100 };

static struct tcb at(uint32_t cwnd, uint32_t ssthresh)
{
	struct tcb c = { .snd_mss = MSS, .cwnd = cwnd, .ssthresh = ssthresh };

	c.rto.srtt_us = RTT_MS * 1000;
	return c;
}

/* A round trip in which all of the window is acknowledged. */
static void round_trip(struct tcb *c, uint32_t *now_ms)
{
	uint32_t acks = c->cwnd / MSS;

	for (uint32_t i = 0; i < acks; i++)
		tcp_ccs[TCP_CC_CUBIC]->acked(c, MSS, *now_ms);
	*now_ms += RTT_MS;
}

static void a_loss_leaves_seven_tenths(void)
{
	struct tcb c = at(100 * MSS, 1);
	uint32_t to = tcp_ccs[TCP_CC_CUBIC]->lost(&c, 100 * MSS);

	CU_ASSERT_TRUE(to >= 70 * MSS && to <= 70 * MSS + 100);
	CU_ASSERT_EQUAL(c.w_max, 100 * MSS);
}

static void a_loss_below_the_last_maximum_leaves_room_to_others(void)
{
	struct tcb c = at(80 * MSS, 1);

	c.w_max = 100 * MSS;
	tcp_ccs[TCP_CC_CUBIC]->lost(&c, 80 * MSS);
	CU_ASSERT_TRUE(c.w_max > 67 * MSS && c.w_max < 69 * MSS); /* 80 * 1.7 / 2 */
}

static void the_window_is_never_below_two_segments(void)
{
	struct tcb c = at(2 * MSS, 1);

	CU_ASSERT_EQUAL(tcp_ccs[TCP_CC_CUBIC]->lost(&c, 2 * MSS), 2 * MSS);
}

/* W_max 1000 segments, from 700: K = cbrt(300 / 0.4) = 9.086 s. */
static void it_comes_back_to_the_maximum_after_k_and_goes_on_convex(void)
{
	struct tcb c = at(700 * MSS, 1);
	uint32_t now_ms = 5000, first, flat;

	c.w_max = 1000 * MSS;
	round_trip(&c, &now_ms);
	CU_ASSERT_TRUE(c.cubic.k_ms > 9075 && c.cubic.k_ms < 9095);
	first = c.cwnd;
	round_trip(&c, &now_ms);
	first = c.cwnd - first;
	while (now_ms < 5000 + 9000)
		round_trip(&c, &now_ms);
	CU_ASSERT_TRUE(c.cwnd > 985 * MSS && c.cwnd < 1005 * MSS);
	flat = c.cwnd;
	round_trip(&c, &now_ms);
	flat = c.cwnd - flat;
	CU_ASSERT_TRUE(flat < first / 3); /* concave: quick at first, then flat */
	while (now_ms < 5000 + 18200)
		round_trip(&c, &now_ms);
	CU_ASSERT_TRUE(c.cwnd > 1250 * MSS && c.cwnd < 1400 * MSS); /* as far above as below */
}

static void a_small_window_grows_no_slower_than_newreno_would(void)
{
	struct tcb c = at(10 * MSS, 1);
	uint32_t now_ms = 5000;

	c.w_max = 14 * MSS;
	for (int i = 0; i < 20; i++)
		round_trip(&c, &now_ms);
	/* 4.3: 0.53 of a segment a round trip up to W_max. */
	CU_ASSERT_TRUE(c.cwnd >= 18 * MSS);
}

static void below_ssthresh_it_is_slow_start(void)
{
	struct tcb c = at(10 * MSS, 100 * MSS);

	tcp_ccs[TCP_CC_CUBIC]->acked(&c, MSS, 1);
	CU_ASSERT_EQUAL(c.cwnd, 11 * MSS);
	tcp_ccs[TCP_CC_CUBIC]->acked(&c, 9 * MSS, 1); /* RFC 3465 2.2 */
	CU_ASSERT_EQUAL(c.cwnd, 13 * MSS);
}

static void no_length_of_time_overflows_it(void)
{
	struct tcb c = at(1000 * MSS, 1);

	c.w_max = 1100 * MSS;
	tcp_ccs[TCP_CC_CUBIC]->acked(&c, MSS, 1);
	tcp_ccs[TCP_CC_CUBIC]->acked(&c, MSS, UINT32_MAX / 2);
	CU_ASSERT_TRUE(c.cwnd >= 1000 * MSS && c.cwnd <= 1001 * MSS);
}

SUITE("dataplane/tcp/tcp_cubic", TEST(a_loss_leaves_seven_tenths),
      TEST(a_loss_below_the_last_maximum_leaves_room_to_others),
      TEST(the_window_is_never_below_two_segments),
      TEST(it_comes_back_to_the_maximum_after_k_and_goes_on_convex),
      TEST(a_small_window_grows_no_slower_than_newreno_would),
      TEST(below_ssthresh_it_is_slow_start), TEST(no_length_of_time_overflows_it))
