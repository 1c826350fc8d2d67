/* test_stale.c - a dead predecessor's peers are asked three times, and orders wait just long
 * enough.
 *
 * The engines are the fakes; time is a counter.
 */
#include "dataplane/stale.h"
#include "dataplane/net/net.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

#include <stdlib.h>

enum { ENTRIES = 100, T0 = 1000000 };

static struct tcp_trace_entry entries[ENTRIES];
static struct trace trace;
static struct dp_counters counters;
static struct stale stale;

/* `n` entries, each `foreign_every`th of an address that is not ours any more. */
static void make(uint32_t n, uint32_t foreign_every)
{
	struct ip_prefix own;
	struct net_conf conf = { .addrs = &own, .n_addrs = 1 };
	static struct net *net;

	ip_prefix_parse("10.9.0.2/24", &own);
	net_close(net);
	CU_ASSERT_EQUAL_FATAL(net_open(&conf, &net), 0);
	memset(&counters, 0, sizeof(counters));
	for (uint32_t i = 0; i < n; i++) {
		entries[i] = (struct tcp_trace_entry){ .local = own.addr, .in_use = 1 };
		if (foreign_every != 0 && i % foreign_every == 0)
			entries[i].local.b[15] = 99;
	}
	trace = (struct trace){ .stale = entries, .entries_max = ENTRIES, .n_stale = n };
	stale_init(&stale, &trace, NULL, net, &counters, T0);
}

/* Turns at each moment that it asks for, until `until_us`. Returns probes sent. */
static uint32_t run_until(uint64_t until_us)
{
	uint32_t before = fake_probes();

	while (stale.due_us <= until_us)
		stale_turn(&stale, stale.due_us);
	return fake_probes() - before;
}

static void nothing_to_ask_holds_nobody_up(void)
{
	make(0, 0);
	CU_ASSERT_FALSE(stale_holds(&stale));
	CU_ASSERT_EQUAL(stale.due_us, UINT64_MAX);
}

static void each_peer_is_asked_three_times(void)
{
	make(ENTRIES, 0);
	CU_ASSERT_EQUAL(run_until(T0 + 200000), ENTRIES);
	CU_ASSERT_EQUAL(run_until(T0 + 500000), ENTRIES);
	CU_ASSERT_EQUAL(run_until(T0 + 10000000), ENTRIES);
	CU_ASSERT_EQUAL(stale.due_us, UINT64_MAX);
	CU_ASSERT_EQUAL(trace.n_stale, 0); /* forgotten, but not before */
}

static void a_turn_sends_a_bounded_number(void)
{
	uint32_t before = fake_probes();

	make(ENTRIES, 0);
	stale_turn(&stale, stale.due_us);
	CU_ASSERT_TRUE(fake_probes() - before < ENTRIES);
}

static void an_address_that_is_not_ours_any_more_is_left_alone(void)
{
	make(ENTRIES, 4);
	CU_ASSERT_EQUAL(trace.n_stale, ENTRIES - ENTRIES / 4);
	CU_ASSERT_EQUAL(run_until(T0 + 200000), ENTRIES - ENTRIES / 4);
}

static void orders_wait_half_a_second_when_nobody_answers(void)
{
	make(2, 0);
	CU_ASSERT_TRUE(stale_holds(&stale));
	run_until(T0 + 500000);
	CU_ASSERT_TRUE(stale_holds(&stale));
	run_until(T0 + 530000);
	CU_ASSERT_FALSE(stale_holds(&stale));
}

static void orders_go_on_when_all_have_answered(void)
{
	make(2, 0);
	run_until(T0 + 30000);
	count(&counters.tcp_no_match);
	run_until(T0 + 40000);
	CU_ASSERT_TRUE(stale_holds(&stale));
	count(&counters.tcp_no_match);
	run_until(T0 + 50000);
	CU_ASSERT_FALSE(stale_holds(&stale));
}

SUITE("dataplane/stale", TEST(nothing_to_ask_holds_nobody_up), TEST(each_peer_is_asked_three_times),
      TEST(a_turn_sends_a_bounded_number), TEST(an_address_that_is_not_ours_any_more_is_left_alone),
      TEST(orders_wait_half_a_second_when_nobody_answers),
      TEST(orders_go_on_when_all_have_answered))
