/* test_wake.c - a signal reaches a sleeper, and costs nothing when nobody sleeps. */
#include "dataplane/base/wake.h"
#include "tests/support/suite.h"

#include <poll.h>
#include <unistd.h>

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

SUITE("dataplane/base/wake", TEST(a_signal_to_one_who_is_awake_writes_nothing),
      TEST(a_signal_after_the_flag_ends_the_sleep_and_is_swallowed_once),
      TEST(a_signal_written_late_is_still_swallowed),
      TEST(a_sleeper_that_changes_its_mind_leaves_no_signal_behind))
