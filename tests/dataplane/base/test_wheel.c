/* test_wheel.c - timers fire once, never early, in order, at any distance. */
#include "dataplane/base/wheel.h"
#include "tests/support/suite.h"

#include <errno.h>

static void a_timer_fires_once_and_never_early(void)
{
	static const struct {
		const char *why;
		uint64_t start_us, in_us;
	} cases[] = {
		/* clang-format off */
		{ "due at once",                         5000,          0 },
		{ "a part of a tick rounds up",          5000,          1 },
		{ "the next tick",                       5000,          1000 },
		{ "last slot of level 0",                0,             255 * 1000 },
		{ "first of level 1",                    0,             256 * 1000 },
		{ "level 0 wraps round its end",         200 * 1000,    100 * 1000 },
		{ "level 1, whose slot is the present one", 255 * 1000, 65535ull * 1000 },
		{ "first of level 2",                    123456789,     65536ull * 1000 },
		{ "level 3",                             987654321,     16777216ull * 1000 },
		{ "later than the wheel is long",        77,            5000000000ull * 1000 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t due = cases[i].start_us + cases[i].in_us;
		uint64_t tick = (due + 999) / 1000 * 1000, now, steps = 0;
		struct wheel w;

		CU_ASSERT_EQUAL_FATAL(wheel_init(&w, 2, cases[i].start_us), 0);
		wheel_arm(&w, 1, due);
		/* Walk by the lower bound, as a sleeper does, and look just before each step. */
		while ((now = wheel_next_due_us(&w)) < tick && steps++ < 100000) {
			CU_ASSERT_EQUAL(wheel_try_pop(&w, now), WHEEL_NONE);
			CU_ASSERT_FATAL(wheel_next_due_us(&w) > now);
		}
		if (now > tick)
			printf("\n    %s: bound %lu after due %lu", cases[i].why,
			       (unsigned long)now, (unsigned long)due);
		CU_ASSERT_TRUE(now <= tick);
		if (tick >= 1000 && tick > cases[i].start_us)
			CU_ASSERT_EQUAL(wheel_try_pop(&w, tick - 1), WHEEL_NONE);
		CU_ASSERT_EQUAL(wheel_try_pop(&w, tick), 1);
		CU_ASSERT_EQUAL(wheel_try_pop(&w, tick + 1000000), WHEEL_NONE);
		CU_ASSERT_EQUAL(wheel_next_due_us(&w), UINT64_MAX);
		wheel_fini(&w);
	}
}

static void a_cancelled_timer_does_not_fire_and_a_moved_one_fires_once(void)
{
	struct wheel w;

	CU_ASSERT_EQUAL_FATAL(wheel_init(&w, 3, 0), 0);
	wheel_arm(&w, 0, 10000);
	wheel_arm(&w, 1, 10000);
	wheel_arm(&w, 2, 10000);
	wheel_cancel(&w, 1);
	wheel_cancel(&w, 1);
	wheel_arm(&w, 2, 400000);
	CU_ASSERT_EQUAL(w.n_armed, 2);
	CU_ASSERT_FALSE(wheel_is_armed(&w, 1));
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 399999), 0);
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 399999), WHEEL_NONE);
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 400000), 2);
	CU_ASSERT_EQUAL(w.n_armed, 0);
	wheel_fini(&w);
}

struct trail {
	struct wheel *w;
	uint32_t fired[8], n;
};

static void note(void *ctx, uint64_t now_us, uint32_t node)
{
	struct trail *t = ctx;

	t->fired[t->n++ & 7] = node;
	if (node == 0)
		wheel_arm(t->w, 0, now_us + 5000); /* itself */
	if (node == 1)
		wheel_cancel(t->w, 2); /* one that is due in the same tick */
}

static void the_budget_bounds_a_turn_and_the_rest_stays_due(void)
{
	struct wheel w;
	struct trail t = { .w = &w };

	CU_ASSERT_EQUAL_FATAL(wheel_init(&w, 4, 0), 0);
	for (uint32_t i = 0; i < 4; i++)
		wheel_arm(&w, i, 1000 + i);
	wheel_arm(&w, 0, 500);
	CU_ASSERT_EQUAL(wheel_advance(&w, 3000, 2, note, &t), 2);
	CU_ASSERT_EQUAL(t.fired[0], 0);
	CU_ASSERT_EQUAL(t.fired[1], 1);
	CU_ASSERT_TRUE(wheel_next_due_us(&w) <= 3000);
	CU_ASSERT_EQUAL(wheel_advance(&w, 3000, 9, note, &t), 1);
	CU_ASSERT_EQUAL(t.fired[2], 3); /* 2 was cancelled while due */
	CU_ASSERT_EQUAL(wheel_advance(&w, 8000, 9, note, &t), 1);
	CU_ASSERT_EQUAL(t.fired[3], 0);
	wheel_fini(&w);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* A plain array of due times is the judge. */
static void ten_thousand_random_steps_agree_with_a_plain_list(void)
{
	enum { N = 97 };
	uint64_t due[N] = { 0 }, now = 1234567, seed = 42;
	struct wheel w;

	printf("(seed %lu) ", (unsigned long)seed);
	CU_ASSERT_EQUAL_FATAL(wheel_init(&w, N, now), 0);
	for (int step = 0; step < 10000; step++) {
		uint32_t i = (uint32_t)(next_random(&seed) % N), node;
		uint64_t least = UINT64_MAX;

		if (next_random(&seed) % 4 == 0) {
			wheel_cancel(&w, i);
			due[i] = 0;
		} else {
			due[i] = now + next_random(&seed) % (1ull << (next_random(&seed) % 36));
			wheel_arm(&w, i, due[i]);
		}
		now += next_random(&seed) % (1ull << (next_random(&seed) % 28));
		for (uint32_t k = 0; k < N; k++)
			if (due[k] != 0 && due[k] < least)
				least = due[k];
		CU_ASSERT_FATAL(least == UINT64_MAX || wheel_next_due_us(&w) < least + 1000);
		while ((node = wheel_try_pop(&w, now)) != WHEEL_NONE) {
			CU_ASSERT_FATAL(node < N && due[node] != 0 && due[node] <= now);
			due[node] = 0;
		}
		for (uint32_t k = 0; k < N; k++)
			CU_ASSERT_FATAL(due[k] == 0 || (due[k] + 999) / 1000 > now / 1000);
	}
	wheel_fini(&w);
}

static void a_clock_that_stands_still_or_runs_back_fires_nothing(void)
{
	struct wheel w;

	CU_ASSERT_EQUAL_FATAL(wheel_init(&w, 1, 1000000), 0);
	wheel_arm(&w, 0, 1001000);
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 1000000), WHEEL_NONE);
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 5000), WHEEL_NONE);
	CU_ASSERT_EQUAL(wheel_try_pop(&w, 1001000), 0);
	wheel_fini(&w);
	CU_ASSERT_EQUAL(wheel_init(&w, 0, 0), -EINVAL);
}

SUITE("dataplane/base/wheel", TEST(a_timer_fires_once_and_never_early),
      TEST(a_cancelled_timer_does_not_fire_and_a_moved_one_fires_once),
      TEST(the_budget_bounds_a_turn_and_the_rest_stays_due),
      TEST(ten_thousand_random_steps_agree_with_a_plain_list),
      TEST(a_clock_that_stands_still_or_runs_back_fires_nothing))
