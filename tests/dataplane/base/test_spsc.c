/* test_spsc.c - what one thread puts, the other takes: all of it, once, in order. */
#include "dataplane/base/spsc.h"
#include "dataplane/base/wake.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

struct elem {
	uint64_t number, square;
};

static void a_full_ring_takes_no_more_and_an_empty_one_gives_none(void)
{
	struct elem e = { 0 };
	struct spsc r;

	CU_ASSERT_EQUAL_FATAL(spsc_init(&r, 5, sizeof(e)), 0);
	CU_ASSERT_FALSE(spsc_try_take(&r, &e));
	for (int pass = 0; pass < 3; pass++) { /* begins at another slot each time */
		for (e.number = 0; e.number < 5; e.number++)
			CU_ASSERT_TRUE(spsc_try_put(&r, &e));
		CU_ASSERT_FALSE(spsc_try_put(&r, &e));
		CU_ASSERT_EQUAL(spsc_count(&r), 5);
		for (uint64_t i = 0; i < 3; i++) {
			CU_ASSERT_TRUE(spsc_try_take(&r, &e));
			CU_ASSERT_EQUAL(e.number, i);
		}
		CU_ASSERT_TRUE(spsc_try_put(&r, &e));
		for (uint64_t i = 0; i < 3; i++)
			CU_ASSERT_TRUE(spsc_try_take(&r, &e));
		CU_ASSERT_FALSE(spsc_try_take(&r, &e));
	}
	spsc_fini(&r);
}

static void what_is_looked_at_stays_until_it_is_dropped(void)
{
	struct elem e = { 0 };
	struct spsc r;

	CU_ASSERT_EQUAL_FATAL(spsc_init(&r, 4, sizeof(e)), 0);
	CU_ASSERT_EQUAL(spsc_ready(&r, 8), 0);
	for (uint64_t round = 0; round < 5; round++) { /* round the ring's end, too */
		for (uint64_t i = 0; i < 4; i++) {
			e.number = round * 10 + i;
			CU_ASSERT_TRUE(spsc_try_put(&r, &e));
		}
		CU_ASSERT_EQUAL(spsc_ready(&r, 3), 3);
		CU_ASSERT_EQUAL(spsc_ready(&r, 8), 4);
		CU_ASSERT_FALSE(spsc_try_put(&r, &e));
		for (uint32_t i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(((const struct elem *)spsc_at(&r, i))->number,
			                round * 10 + i);
		spsc_drop(&r, 3);
		CU_ASSERT_EQUAL(spsc_ready(&r, 8), 1);
		CU_ASSERT_TRUE(spsc_try_take(&r, &e));
		CU_ASSERT_EQUAL(e.number, round * 10 + 3);
		CU_ASSERT_EQUAL(spsc_count(&r), 0);
	}
	spsc_fini(&r);
}

static void an_impossible_size_is_refused(void)
{
	struct spsc r;

	CU_ASSERT_EQUAL(spsc_init(&r, 0, 8), -EINVAL);
	CU_ASSERT_EQUAL(spsc_init(&r, 8, 0), -EINVAL);
	CU_ASSERT_EQUAL(spsc_init(&r, (1u << 24) + 1, 8), -EINVAL);
}

enum { PASSES = 200000 };

struct pair {
	struct spsc ring;
	struct wake wake;
};

static void *put_all(void *arg)
{
	struct pair *p = arg;

	for (uint64_t i = 0; i < PASSES; i++) {
		struct elem e = { i, i * i };

		while (!spsc_try_put(&p->ring, &e))
			sched_yield();
		wake_signal(&p->wake);
	}
	return NULL;
}

/* The taker sleeps whenever the ring looks empty, with no time-out: a lost wake-up or element
 * would hang this test, a torn or repeated one fail it.
 */
static void nothing_is_lost_between_two_threads_that_sleep(void)
{
	struct pair p;
	struct elem e;
	pthread_t t;
	uint64_t want = 0, wrong = 0;

	CU_ASSERT_EQUAL_FATAL(spsc_init(&p.ring, 61, sizeof(e)), 0);
	CU_ASSERT_EQUAL_FATAL(wake_init(&p.wake), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, put_all, &p), 0);
	while (want < PASSES) {
		if (spsc_try_take(&p.ring, &e)) {
			wrong += e.number != want || e.square != want * want;
			want++;
			continue;
		}
		wake_about_to_sleep(&p.wake);
		if (spsc_count(&p.ring) == 0)
			wake_wait(&p.wake, UINT64_MAX);
		wake_awake(&p.wake);
	}
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(wrong, 0);
	spsc_fini(&p.ring);
	wake_fini(&p.wake);
}

SUITE("dataplane/base/spsc", TEST(a_full_ring_takes_no_more_and_an_empty_one_gives_none),
      TEST(what_is_looked_at_stays_until_it_is_dropped), TEST(an_impossible_size_is_refused),
      TEST(nothing_is_lost_between_two_threads_that_sleep))
