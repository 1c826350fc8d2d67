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
static uint64_t play_hour(uint32_t per_s, uint32_t late_us, struct window *w)
{
	struct rate r = { 0 };
	uint64_t now_us = 5, end_us = 5 + HOUR_US, wait_us, n = 0;
	uint32_t seed = 1;

	w->slots = per_s + 2;
	w->at_us = calloc(w->slots, sizeof(*w->at_us));
	w->head = w->n = w->most = 0;
	while (now_us < end_us) {
		if (rate_try(&r, per_s, now_us, &wait_us)) {
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
		uint32_t per_s, late_us;
	} cases[] = {
		{ "one a second", 1, 0 },
		{ "a third does not divide a second", 3, 0 },
		{ "the default of a site", 100, 0 },
		{ "a caller that is late", 100, 5000 },
		{ "a caller that is as late as is made up for", 100, RATE_LATE_US },
		{ "an odd rate", 997, 0 },
		{ "an odd rate and a late caller", 997, 3000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t want = 3600ull * cases[i].per_s, n;
		struct window w;

		n = play_hour(cases[i].per_s, cases[i].late_us, &w);
		if (n < want * 95 / 100 || n > want || w.most > cases[i].per_s)
			printf("\n    %s: %llu of %llu, %u in one second", cases[i].why,
			       (unsigned long long)n, (unsigned long long)want, w.most);
		CU_ASSERT_TRUE(n >= want * 95 / 100);
		CU_ASSERT_TRUE(n <= want);
		CU_ASSERT_TRUE(w.most <= cases[i].per_s);
	}
}

/* The events of a late caller reach the other end up to 20 ms later than they were taken. */
static void jitter_on_the_way_does_not_pass_the_limit(void)
{
	enum { JITTER_US = RATE_SLACK_US - RATE_LATE_US };
	static uint64_t at_us[400];
	struct rate r = { 0 };
	uint64_t now_us = 5, wait_us;
	uint32_t n = 0;

	while (n < 400) {
		if (rate_try(&r, 100, now_us, &wait_us)) {
			/* The worst: what left in the first half is late, the rest is not. */
			at_us[n] = now_us + (n < 200 ? JITTER_US : 0);
			if (n > 0 && at_us[n] < at_us[n - 1])
				at_us[n] = at_us[n - 1];
			n++;
		} else {
			now_us += wait_us;
		}
	}
	for (uint32_t i = 100; i < 400; i++)
		CU_ASSERT_TRUE(at_us[i] - at_us[i - 100] >= 1000000);
}

static void events_come_evenly_spaced(void)
{
	struct rate r = { 0 };
	uint64_t last_us = 0, wait_us;

	for (uint64_t now_us = 1000; now_us < 10000000; now_us += 100) {
		if (!rate_try(&r, 10, now_us, &wait_us)) {
			CU_ASSERT_TRUE(wait_us > 0 && wait_us <= 103000);
			continue;
		}
		if (last_us !=
		    0) /* the second may come as early as a late one would be made up for */
			CU_ASSERT_TRUE(now_us - last_us == 103000 || now_us - last_us == 93000);
		last_us = now_us;
	}
	CU_ASSERT_TRUE(last_us > 9800000);
}

static void a_pause_saves_up_no_more_than_a_late_caller_may_make_up_for(void)
{
	struct rate r = { 0 };
	uint64_t wait_us;

	for (int round = 1; round < 4; round++) {
		uint64_t now_us = round * HOUR_US;
		uint32_t n = 0;

		while (rate_try(&r, 1000, now_us, &wait_us))
			n++;
		CU_ASSERT_EQUAL(n, 1 + RATE_LATE_US / 1030);
		CU_ASSERT_FALSE(rate_try(&r, 1000, now_us + wait_us - 1, &wait_us));
		CU_ASSERT_EQUAL(wait_us, 1);
		CU_ASSERT_TRUE(rate_try(&r, 1000, now_us + 1030, &wait_us));
	}
}

static void what_is_given_back_may_be_taken_again(void)
{
	struct rate r = { 0 };
	uint64_t wait_us;

	CU_ASSERT_TRUE(rate_try(&r, 1, 7000000, &wait_us));
	CU_ASSERT_FALSE(rate_try(&r, 1, 7000001, &wait_us));
	rate_undo(&r, 1);
	CU_ASSERT_TRUE(rate_try(&r, 1, 7000001, &wait_us));
	CU_ASSERT_FALSE(rate_try(&r, 1, 7000002, &wait_us));
	r = (struct rate){ 0 };
	rate_undo(&r, 1);
	CU_ASSERT_TRUE(rate_try(&r, 1, 0, &wait_us));
}

static void no_limit_never_waits(void)
{
	struct rate r = { 0 };
	uint64_t wait_us = 9;

	for (int i = 0; i < 1000; i++)
		CU_ASSERT_TRUE(rate_try(&r, 0, 1, &wait_us));
	CU_ASSERT_EQUAL(wait_us, 0);
	rate_undo(&r, 0);
}

static void a_raised_limit_takes_hold_within_one_old_interval(void)
{
	struct rate r = { 0 };
	uint64_t wait_us;

	CU_ASSERT_TRUE(rate_try(&r, 1, 1000000, &wait_us));
	CU_ASSERT_TRUE(rate_try(&r, 1000, 2030000, &wait_us));
	CU_ASSERT_TRUE(rate_try(&r, 1000, 2031030, &wait_us));
}

static void what_happens_together_is_paid_for_by_what_follows(void)
{
	struct rate r = { 0 };
	uint64_t wait_us;

	CU_ASSERT_TRUE(rate_try(&r, 1000, 5000000, &wait_us));
	rate_take(&r, 1000, 99);
	CU_ASSERT_FALSE(rate_try(&r, 1000, 5050000, &wait_us));
	CU_ASSERT_FALSE(rate_try(&r, 1000, 5050000 + wait_us - 1, &wait_us));
	CU_ASSERT_TRUE(rate_try(&r, 1000, 5103000, &wait_us)); /* 100 at 1.03 ms */
	r = (struct rate){ 0 };
	rate_take(&r, 0, 99);
	CU_ASSERT_TRUE(rate_try(&r, 0, 0, &wait_us));
}

SUITE("control/rate/rate", TEST(what_happens_together_is_paid_for_by_what_follows),
      TEST(an_hour_stays_within_the_limit_and_above_95_percent_of_it),
      TEST(jitter_on_the_way_does_not_pass_the_limit), TEST(events_come_evenly_spaced),
      TEST(a_pause_saves_up_no_more_than_a_late_caller_may_make_up_for),
      TEST(what_is_given_back_may_be_taken_again), TEST(no_limit_never_waits),
      TEST(a_raised_limit_takes_hold_within_one_old_interval))
