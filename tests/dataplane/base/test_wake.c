/* test_wake.c - a signal reaches a sleeper, and costs nothing when nobody sleeps. */
#include "dataplane/base/spsc.h"
#include "dataplane/base/wake.h"
#include "tests/support/suite.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 20000, LOST_US = 2000000 };

static bool is_readable(const struct wake *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_signal_to_one_who_is_awake_writes_nothing(void)
{
	struct wake w;

	CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
	wake_signal(&w);
	CU_ASSERT_FALSE(is_readable(&w));
	wake_fini(&w);
}

static void a_signal_after_the_flag_ends_the_sleep_and_is_swallowed_once(void)
{
	struct wake w;

	CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
	wake_about_to_sleep(&w);
	wake_signal(&w);
	wake_signal(&w); /* the second finds the flag cleared */
	CU_ASSERT_TRUE(is_readable(&w));
	wake_wait(&w, UINT64_MAX); /* would hang if the signal were lost */
	wake_awake(&w);
	CU_ASSERT_FALSE(is_readable(&w));
	wake_fini(&w);
}

/* The producer stands between its two steps while the sleeper, woken by something else, awakes. */
static void a_signal_written_late_is_still_swallowed(void)
{
	uint64_t one = 1;
	struct wake w;

	CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
	wake_about_to_sleep(&w);
	CU_ASSERT_EQUAL(atomic_exchange(&w.sleeping, 0), 1); /* the producer's first step */
	wake_awake(&w);
	CU_ASSERT_EQUAL(write(w.fd, &one, sizeof(one)), sizeof(one)); /* its second */
	wake_about_to_sleep(&w);
	wake_awake(&w);
	CU_ASSERT_FALSE(is_readable(&w));
	CU_ASSERT_EQUAL(w.owed, 0);
	wake_fini(&w);
}

static void a_sleeper_that_changes_its_mind_leaves_no_signal_behind(void)
{
	struct wake w;

	CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
	wake_about_to_sleep(&w);
	wake_awake(&w);
	wake_signal(&w);
	CU_ASSERT_FALSE(is_readable(&w));
	wake_fini(&w);
}

static struct wake w;
static struct spsc ring;

static void *put_items(void *arg)
{
	uint32_t random = 1;

	(void)arg;
	for (uint32_t i = 0; i < ITEMS; i++) {
		while (!spsc_try_put(&ring, &i))
			sched_yield();
		wake_signal(&w);
		random = random * 1103515245 + 12345;
		for (volatile uint32_t n = random >> 16 & 0x3ff; n > 0; n--)
			continue;
		if ((random >> 28) == 0)
			sched_yield();
	}
	return NULL;
}

static void two_threads_never_wait_for_what_is_there(void)
{
	uint32_t got = 0, item, waits = 0;
	struct timespec a, b;
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
	CU_ASSERT_EQUAL_FATAL(spsc_init(&ring, 64, sizeof(item)), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, put_items, NULL), 0);
	while (got < ITEMS) {
		if (spsc_try_take(&ring, &item)) {
			CU_ASSERT_EQUAL_FATAL(item, got);
			got++;
			continue;
		}
		wake_about_to_sleep(&w);
		if (spsc_count(&ring) == 0) {
			clock_gettime(CLOCK_MONOTONIC, &a);
			wake_wait(&w, LOST_US);
			clock_gettime(CLOCK_MONOTONIC, &b);
			waits++;
			/* A producer without a CPU is late, too: then nothing is there yet. */
			if ((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000 >=
			    LOST_US)
				CU_ASSERT_EQUAL(spsc_count(&ring), 0);
		}
		wake_awake(&w);
	}
	pthread_join(thread, NULL);
	CU_ASSERT_TRUE(waits > 0);
	spsc_fini(&ring);
	wake_fini(&w);
}

SUITE("dataplane/base/wake", TEST(a_signal_to_one_who_is_awake_writes_nothing),
      TEST(a_signal_after_the_flag_ends_the_sleep_and_is_swallowed_once),
      TEST(a_signal_written_late_is_still_swallowed),
      TEST(a_sleeper_that_changes_its_mind_leaves_no_signal_behind),
      TEST(two_threads_never_wait_for_what_is_there))
