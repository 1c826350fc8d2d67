/* test_path.c - the fate of frames follows the seed, in the shares that were asked for. */
#include "tests/relay/late.h"
#include "tests/relay/path.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

enum { FRAMES = 100000, BYTES = 1500, TCP_BYTES = 1480 };

static struct path path_of(const char *text, uint64_t seed)
{
	struct path_conf conf = { 0 };
	struct path p;

	CU_ASSERT_EQUAL_FATAL(path_parse(text, &conf), 0);
	path_init(&p, &conf, seed);
	return p;
}

static void a_wrong_option_is_refused(void)
{
	static const char *const wrong[] = { "loss",       "loss=",   "loss=2",       "loss=-1",
		                             "loss=x",     "los=0.1", "delay_us=1.5", "delay_us=-1",
		                             "loss=0.1,,", "=1" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct path_conf conf = { 0 };

		if (path_parse(wrong[i], &conf) != -EINVAL)
			printf("\n    taken: %s", wrong[i]);
		CU_ASSERT_EQUAL(path_parse(wrong[i], &conf), -EINVAL);
	}
}

static void the_same_seed_gives_the_same_fates_at_any_time(void)
{
	static const char bad[] = "loss=0.1,burst_in=0.01,burst_out=0.3,reorder=0.1,"
				  "reorder_us=500,duplicate=0.1,corrupt=0.1,delay_us=1000";
	struct path a = path_of(bad, 7), b = path_of(bad, 7), c = path_of(bad, 8);
	unsigned differ = 0;

	for (unsigned i = 0; i < 10000; i++) {
		struct path_fate x, y, z;
		uint64_t later = 12345 + 17ull * i;

		path_take(&a, 0, BYTES, TCP_BYTES, &x);
		path_take(&b, later, BYTES, TCP_BYTES, &y);
		path_take(&c, 0, BYTES, TCP_BYTES, &z);
		CU_ASSERT_EQUAL(x.n_copies, y.n_copies);
		CU_ASSERT_EQUAL(x.corrupt_by, y.corrupt_by);
		CU_ASSERT_EQUAL(x.corrupt_at, y.corrupt_at);
		if (x.n_copies != 0)
			CU_ASSERT_EQUAL(x.due_ns[0] + later, y.due_ns[0]);
		differ += x.n_copies != z.n_copies;
	}
	CU_ASSERT(differ > 1000);
}

static bool is_near(uint64_t got, double share)
{
	return got > 0.9 * share * FRAMES && got < 1.1 * share * FRAMES;
}

static void each_thing_happens_as_often_as_asked(void)
{
	struct path p = path_of("loss=0.05,duplicate=0.04,corrupt=0.03,reorder=0.02", 3);
	struct path burst = path_of("burst_in=0.02,burst_out=0.5", 3);
	struct path_fate f;
	unsigned gone = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		path_take(&p, 0, BYTES, TCP_BYTES, &f);
		gone += f.n_copies == 0;
		path_take(&burst, 0, BYTES, TCP_BYTES, &f);
	}
	CU_ASSERT_EQUAL(gone, p.counts.lost);
	CU_ASSERT(is_near(p.counts.lost, 0.05));
	CU_ASSERT(is_near(p.counts.duplicated, 0.04 * 0.95));
	CU_ASSERT(is_near(p.counts.corrupted, 0.03 * 0.95));
	CU_ASSERT(is_near(p.counts.reordered, 0.02 * 0.95));
	CU_ASSERT(is_near(burst.counts.lost_in_bursts, 0.02 / 0.52)); /* the share of time in one */
}

static void other_protocols_are_only_delayed(void)
{
	struct path p = path_of("loss=1,corrupt=1,duplicate=1,delay_us=5", 1);
	struct path_fate f;

	path_take(&p, 1000, 60, 0, &f);
	CU_ASSERT_EQUAL(f.n_copies, 1);
	CU_ASSERT_EQUAL(f.due_ns[0], 6000);
	CU_ASSERT_EQUAL(f.corrupt_by, 0);
}

static void a_bottleneck_sends_one_after_another_and_drops_what_its_queue_has_no_room_for(void)
{
	/* 1,500 bytes take 1 ms; the queue holds four frames. */
	struct path p = path_of("rate_bps=12000000,queue_bytes=6000,delay_us=10", 1);
	struct path_fate f;

	for (unsigned i = 0; i < 4; i++) {
		path_take(&p, 0, BYTES, TCP_BYTES, &f);
		CU_ASSERT_EQUAL(f.n_copies, 1);
		CU_ASSERT_EQUAL(f.due_ns[0], (i + 1) * 1000000 + 10000);
	}
	path_take(&p, 0, BYTES, TCP_BYTES, &f);
	CU_ASSERT_EQUAL(f.n_copies, 0);
	CU_ASSERT_EQUAL(p.counts.queue_full, 1);
	path_take(&p, 1000000, BYTES, TCP_BYTES, &f); /* one has left */
	CU_ASSERT_EQUAL(f.due_ns[0], 5010000);
	path_take(&p, 50000000, BYTES, TCP_BYTES, &f); /* all have */
	CU_ASSERT_EQUAL(f.due_ns[0], 51010000);
}

static void frames_leave_by_their_time_and_equal_ones_as_they_came(void)
{
	struct late l;
	uint64_t last = 0, last_order = 0;

	CU_ASSERT_EQUAL_FATAL(late_init(&l, 1000), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 1000; i++) {
			struct late_frame *f = late_get(&l);

			CU_ASSERT_PTR_NOT_NULL_FATAL(f);
			f->due_ns = i * 7919 % 101;
			late_add(&l, f);
		}
		CU_ASSERT_PTR_NULL(late_get(&l));
		last = last_order = 0;
		for (unsigned i = 0; i < 1000; i++) {
			struct late_frame *f = late_take(&l);

			CU_ASSERT(f->due_ns > last ||
			          (f->due_ns == last && (i == 0 || f->order > last_order)));
			last = f->due_ns;
			last_order = f->order;
			late_put(&l, f);
		}
		CU_ASSERT_EQUAL(late_due_ns(&l), UINT64_MAX);
	}
	late_fini(&l);
}

SUITE("tests/relay/path", TEST(a_wrong_option_is_refused),
      TEST(the_same_seed_gives_the_same_fates_at_any_time),
      TEST(each_thing_happens_as_often_as_asked), TEST(other_protocols_are_only_delayed),
      TEST(a_bottleneck_sends_one_after_another_and_drops_what_its_queue_has_no_room_for),
      TEST(frames_leave_by_their_time_and_equal_ones_as_they_came))
