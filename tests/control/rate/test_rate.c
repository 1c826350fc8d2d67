/* test_rate.c - a limit holds in every window, wastes little, and spreads what it lets through. */
#include <stdlib.h>

#include "control/rate/rate.h"
#include "tests/support/suite.h"

#define HOUR_US 3600000000ull

/* Events of the last second, oldest first, in a ring. */
struct window {
	uint64_t *at_us;
	uint32_t head, n, most;
	uint32_t slots;
};

static void window_add(struct window *w, uint64_t now_us)
{
	while (w->n > 0 && w->at_us[w->head] + 1000000 <= now_us) {
		w->head = (w->head + 1) % w->slots;
		w->n--;
	}
	CU_ASSERT_TRUE_FATAL(w->n < w->slots);
	w->at_us[(w->head + w->n) % w->slots] = now_us;
	w->n++;
	if (w->n > w->most)
		w->most = w->n;
}

/* An hour of a caller that always has something to send and, told to wait, comes back when told or
 * up to `late_us` later.
 */
static uint64_t play_hour(const struct rate_limit *l, uint32_t late_us, struct window *w)
{
	struct rate r = { 0 };
	uint64_t now_us = 5, end_us = 5 + HOUR_US, wait_us, n = 0;
	uint32_t seed = 1;

	w->slots = l->per_s + l->burst + 2;
	w->at_us = calloc(w->slots, sizeof(*w->at_us));
	w->head = w->n = w->most = 0;
	while (now_us < end_us) {
		if (rate_try(&r, l, now_us, &wait_us)) {
			window_add(w, now_us);
			n++;
			continue;
		}
		seed = seed * 1664525 + 1013904223;
		now_us += wait_us + (late_us == 0 ? 0 : (seed >> 8) % late_us);
	}
	free(w->at_us);
	return n;
}

static void an_hour_stays_within_the_limit_and_above_95_percent_of_it(void)
{
	static const struct {
		const char *why;
		struct rate_limit limit;
		uint32_t late_us;
	} cases[] = {
		{ "one a second", { 1, 1 }, 0 },
		{ "a third does not divide a second", { 3, 1 }, 0 },
		{ "the default of a site", { 100, 1 }, 0 },
		{ "a caller that is late", { 100, 2 }, 5000 },
		{ "a caller that is later", { 100, 10 }, 80000 },
		{ "an odd rate", { 997, 1 }, 0 },
		{ "a burst", { 7, 20 }, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rate_limit *l = &cases[i].limit;
		uint64_t want = 3600ull * l->per_s, n;
		struct window w;

		n = play_hour(l, cases[i].late_us, &w);
		/* With burst 1 a second holds per_s at most; a burst comes on top of it. */
		if (n < want * 95 / 100 || n > want + l->burst || w.most > l->per_s + l->burst - 1)
			printf("\n    %s: %llu of %llu, %u in one second", cases[i].why,
			       (unsigned long long)n, (unsigned long long)want, w.most);
		CU_ASSERT_TRUE(n >= want * 95 / 100);
		CU_ASSERT_TRUE(n <= want + l->burst);
		CU_ASSERT_TRUE(w.most <= l->per_s + l->burst - 1);
	}
}

static void with_burst_one_events_come_evenly_spaced(void)
{
	const struct rate_limit l = { .per_s = 50, .burst = 1 };
	struct rate r = { 0 };
	uint64_t last_us = 0, wait_us;

	for (uint64_t now_us = 1000; now_us < 10000000; now_us += 1000) {
		if (!rate_try(&r, &l, now_us, &wait_us)) {
			CU_ASSERT_TRUE(wait_us > 0 && wait_us <= 20000);
			continue;
		}
		if (last_us != 0)
			CU_ASSERT_EQUAL(now_us - last_us, 20000);
		last_us = now_us;
	}
	CU_ASSERT_TRUE(last_us > 9900000);
}

static void a_pause_saves_up_no_more_than_the_burst(void)
{
	const struct rate_limit l = { .per_s = 10, .burst = 4 };
	struct rate r = { 0 };
	uint64_t wait_us;

	for (int round = 1; round < 4; round++) {
		uint64_t now_us = round * HOUR_US;

		for (int i = 0; i < 4; i++)
			CU_ASSERT_TRUE(rate_try(&r, &l, now_us, &wait_us));
		CU_ASSERT_FALSE(rate_try(&r, &l, now_us, &wait_us));
		CU_ASSERT_EQUAL(wait_us, 100000);
		CU_ASSERT_FALSE(rate_try(&r, &l, now_us + wait_us - 1, &wait_us));
		CU_ASSERT_EQUAL(wait_us, 1);
		CU_ASSERT_TRUE(rate_try(&r, &l, now_us + 100000, &wait_us));
	}
}

static void what_is_given_back_may_be_taken_again(void)
{
	const struct rate_limit l = { .per_s = 1, .burst = 1 };
	struct rate r = { 0 };
	uint64_t wait_us;

	CU_ASSERT_TRUE(rate_try(&r, &l, 7000000, &wait_us));
	CU_ASSERT_FALSE(rate_try(&r, &l, 7000001, &wait_us));
	rate_undo(&r, &l);
	CU_ASSERT_TRUE(rate_try(&r, &l, 7000001, &wait_us));
	CU_ASSERT_FALSE(rate_try(&r, &l, 7000002, &wait_us));
	r = (struct rate){ 0 };
	rate_undo(&r, &l);
	CU_ASSERT_TRUE(rate_try(&r, &l, 0, &wait_us));
}

static void no_limit_never_waits(void)
{
	const struct rate_limit l = { .per_s = 0, .burst = 1 };
	struct rate r = { 0 };
	uint64_t wait_us = 9;

	for (int i = 0; i < 1000; i++)
		CU_ASSERT_TRUE(rate_try(&r, &l, 1, &wait_us));
	CU_ASSERT_EQUAL(wait_us, 0);
	rate_undo(&r, &l);
}

static void a_raised_limit_takes_hold_within_one_old_interval(void)
{
	struct rate_limit l = { .per_s = 1, .burst = 1 };
	struct rate r = { 0 };
	uint64_t wait_us;

	CU_ASSERT_TRUE(rate_try(&r, &l, 1000000, &wait_us));
	l.per_s = 1000;
	CU_ASSERT_TRUE(rate_try(&r, &l, 2000000, &wait_us));
	CU_ASSERT_TRUE(rate_try(&r, &l, 2001000, &wait_us));
}

SUITE("control/rate/rate", TEST(an_hour_stays_within_the_limit_and_above_95_percent_of_it),
      TEST(with_burst_one_events_come_evenly_spaced), TEST(a_pause_saves_up_no_more_than_the_burst),
      TEST(what_is_given_back_may_be_taken_again), TEST(no_limit_never_waits),
      TEST(a_raised_limit_takes_hold_within_one_old_interval))
