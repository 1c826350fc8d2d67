/* test_idle_plan.c - how a worker waits follows from the option, its driver and its CPU. */
#include "dataplane/idle_plan.h"
#include "tests/support/suite.h"

#include <string.h>

static void each_case_has_its_way(void)
{
	static const struct {
		const char *why;
		struct idle_facts facts;
		struct idle_plan want;
	} cases[] = {
		/* clang-format off */
		{ "net_tap with a CPU of its own",
		  { DP_IDLE_ADAPTIVE, true, true, false, false }, { IDLE_WAY_INTERRUPT, 100, 0 } },
		{ "a ring has no descriptor",
		  { DP_IDLE_ADAPTIVE, true, false, false, false }, { IDLE_WAY_NAP, 100, 0 } },
		{ "a ring on a CPU that can wait for its line",
		  { DP_IDLE_ADAPTIVE, true, false, true, true }, { IDLE_WAY_NAP, 100, 1000 } },
		{ "a card on such a CPU sleeps on its interrupt after that",
		  { DP_IDLE_ADAPTIVE, true, true, true, true }, { IDLE_WAY_INTERRUPT, 100, 1000 } },
		{ "such a CPU and a driver that names no line",
		  { DP_IDLE_ADAPTIVE, true, true, true, false }, { IDLE_WAY_INTERRUPT, 100, 0 } },
		{ "a driver that names a line on another CPU",
		  { DP_IDLE_ADAPTIVE, true, false, false, true }, { IDLE_WAY_NAP, 100, 0 } },
		{ "two on one CPU never spin, nor keep the CPU waiting",
		  { DP_IDLE_ADAPTIVE, false, true, true, true }, { IDLE_WAY_INTERRUPT, 0, 0 } },
		{ "two on one CPU, told to poll",
		  { DP_IDLE_POLL, false, false, true, true }, { IDLE_WAY_NAP, 0, 0 } },
		{ "told to poll",
		  { DP_IDLE_POLL, true, true, true, true }, { IDLE_WAY_POLL, 0, 0 } },
		{ "told to sleep",
		  { DP_IDLE_SLEEP, true, true, true, true }, { IDLE_WAY_INTERRUPT, 0, 0 } },
		{ "told to sleep without a descriptor",
		  { DP_IDLE_SLEEP, true, false, false, false }, { IDLE_WAY_NAP, 0, 0 } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct idle_plan *want = &cases[i].want;
		char got_text[DP_IDLE_TEXT_BYTES], want_text[DP_IDLE_TEXT_BYTES];
		struct idle_plan got;

		idle_plan_make(&cases[i].facts, &got);
		if (got.way != want->way || got.spin_us != want->spin_us ||
		    got.monitor_us != want->monitor_us)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].why,
			       idle_plan_text(&got, got_text), idle_plan_text(want, want_text));
		CU_ASSERT_EQUAL(got.way, want->way);
		CU_ASSERT_EQUAL(got.spin_us, want->spin_us);
		CU_ASSERT_EQUAL(got.monitor_us, want->monitor_us);
	}
}

static void no_combination_spins_on_a_shared_cpu_or_sleeps_when_told_to_poll(void)
{
	for (unsigned bits = 0; bits < 3 * 16; bits++) {
		struct idle_facts f = { .told = (enum dp_idle)(bits / 16),
			                .has_own_cpu = bits & 1,
			                .has_rx_fd = bits & 2,
			                .cpu_monitors = bits & 4,
			                .queue_monitors = bits & 8 };
		struct idle_plan p;

		idle_plan_make(&f, &p);
		if (!f.has_own_cpu)
			CU_ASSERT_TRUE(p.spin_us == 0 && p.monitor_us == 0 &&
			               p.way != IDLE_WAY_POLL);
		if (f.has_own_cpu && f.told == DP_IDLE_POLL)
			CU_ASSERT_EQUAL(p.way, IDLE_WAY_POLL);
		if (p.way == IDLE_WAY_INTERRUPT)
			CU_ASSERT_TRUE(f.has_rx_fd);
		if (p.monitor_us > 0)
			CU_ASSERT_TRUE(f.cpu_monitors && f.queue_monitors);
	}
}

static void it_is_said_in_a_few_words(void)
{
	struct idle_plan p = { IDLE_WAY_INTERRUPT, 100, 1000 };
	char text[DP_IDLE_TEXT_BYTES];

	CU_ASSERT_STRING_EQUAL(idle_plan_text(&p, text),
	                       "spins 100 us, monitors 1000 us, then interrupt");
	p = (struct idle_plan){ IDLE_WAY_NAP, 0, 0 };
	CU_ASSERT_STRING_EQUAL(idle_plan_text(&p, text), "naps");
	p = (struct idle_plan){ IDLE_WAY_POLL, UINT32_MAX, UINT32_MAX };
	CU_ASSERT_TRUE(strlen(idle_plan_text(&p, text)) < DP_IDLE_TEXT_BYTES);
}

SUITE("dataplane/idle_plan", TEST(each_case_has_its_way),
      TEST(no_combination_spins_on_a_shared_cpu_or_sleeps_when_told_to_poll),
      TEST(it_is_said_in_a_few_words))
