/* test_pool.c - slots are handed out once, and a generation tells their uses apart. */
#include "dataplane/base/pool.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void every_slot_is_handed_out_once_and_then_none(void)
{
	struct pool p;
	bool seen[7] = { false };

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 7, 16, NULL), 0);
	for (int i = 0; i < 7; i++) {
		uint32_t s = pool_try_get(&p);

		CU_ASSERT_FATAL(s < 7 && !seen[s]);
		seen[s] = true;
	}
	CU_ASSERT_EQUAL(pool_try_get(&p), POOL_NONE);
	CU_ASSERT_EQUAL(p.n_used, 7);
	pool_put(&p, 3);
	CU_ASSERT_EQUAL(pool_try_get(&p), 3);
	CU_ASSERT_EQUAL(pool_try_get(&p), POOL_NONE);
	pool_fini(&p);
}

/* With slots that were given back, and such that were never used. */
static void look_ahead(struct pool *p)
{
	uint32_t foreseen[4], slot = POOL_NONE;

	for (int i = 0; i < 4; i++)
		(void)pool_try_get(p);
	for (uint32_t i = 1; i < 3; i++)
		pool_put(p, i);
	for (int i = 0; i < 4; i++)
		foreseen[i] = slot = pool_foresee(p, slot);
	CU_ASSERT_EQUAL(pool_foresee(p, slot), POOL_NONE);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(pool_try_get(p), foreseen[i]);
	CU_ASSERT_EQUAL(pool_foresee(p, POOL_NONE), POOL_NONE);
	pool_put(p, 5);
	CU_ASSERT_EQUAL(pool_foresee(p, POOL_NONE), 5);
	CU_ASSERT_EQUAL(pool_foresee(p, 5), POOL_NONE);
	pool_fini(p);
}

static void what_is_foreseen_is_what_is_taken(void)
{
	struct pool p;

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 6, 16, NULL), 0);
	look_ahead(&p);
	CU_ASSERT_EQUAL_FATAL(pool_init_sparse(&p, 6, 16), 0);
	look_ahead(&p);
}

static void a_handle_goes_stale_when_its_slot_is_given_back(void)
{
	struct pool p;
	uint32_t s, gen;

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 1, 8, NULL), 0);
	s = pool_try_get(&p);
	gen = pool_gen(&p, s);
	CU_ASSERT_TRUE(pool_is_live(&p, s, gen));
	pool_put(&p, s);
	CU_ASSERT_FALSE(pool_is_live(&p, s, gen));
	CU_ASSERT_FALSE(pool_is_live(&p, s, gen + 1)); /* free: no generation is live */
	CU_ASSERT_EQUAL(pool_try_get(&p), s);
	CU_ASSERT_FALSE(pool_is_live(&p, s, gen));
	CU_ASSERT_TRUE(pool_is_live(&p, s, pool_gen(&p, s)));
	CU_ASSERT_FALSE(pool_is_live(&p, 1, gen));
	CU_ASSERT_FALSE(pool_is_live(&p, POOL_NONE, 1));
	pool_fini(&p);
}

static void a_freed_slot_rests_until_all_others_were_used(void)
{
	struct pool p;
	uint32_t first;

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 4, 8, NULL), 0);
	first = pool_try_get(&p);
	pool_put(&p, first);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_NOT_EQUAL(pool_try_get(&p), first);
	CU_ASSERT_EQUAL(pool_try_get(&p), first);
	pool_fini(&p);
}

static void a_sparse_pool_uses_again_what_was_used(void)
{
	struct pool p;
	uint32_t a, b;

	CU_ASSERT_EQUAL_FATAL(pool_init_sparse(&p, 3, 4096), 0);
	a = pool_try_get(&p);
	b = pool_try_get(&p);
	pool_put(&p, a);
	pool_put(&p, b);
	CU_ASSERT_EQUAL(pool_try_get(&p), b);
	CU_ASSERT_EQUAL(pool_try_get(&p), a);
	CU_ASSERT_EQUAL(pool_try_get(&p), 2);
	CU_ASSERT_EQUAL(pool_try_get(&p), POOL_NONE);
	pool_put(&p, a);
	CU_ASSERT_EQUAL(pool_try_get(&p), a);
	pool_fini(&p);
}

static void a_sparse_pool_takes_memory_by_what_is_in_use_at_once(void)
{
	enum { SLOTS = 4096, USED = 4 };
	unsigned char there[SLOTS];
	uint32_t n = 0, slots[USED];
	struct pool p;

	CU_ASSERT_EQUAL_FATAL(pool_init_sparse(&p, SLOTS, 4096), 0);
	for (int pass = 0; pass < 100; pass++) {
		for (int i = 0; i < USED; i++) {
			slots[i] = pool_try_get(&p);
			memset(pool_at(&p, slots[i]), 1, 4096);
		}
		for (int i = 0; i < USED; i++)
			pool_put(&p, slots[i]);
	}
	CU_ASSERT_EQUAL_FATAL(mincore(p.slots, (size_t)SLOTS * 4096, there), 0);
	for (int i = 0; i < SLOTS; i++)
		n += there[i] & 1;
	CU_ASSERT_EQUAL(n, USED);
	pool_fini(&p);
}

static void slots_do_not_overlap_and_may_be_the_callers_memory(void)
{
	static uint64_t memory[4 * 3];
	struct pool p;

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 4, 24, memory), 0);
	for (uint32_t i = 0; i < 4; i++)
		memset(pool_at(&p, i), (int)i + 1, 24);
	for (uint32_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(((uint8_t *)memory)[i * 24 + 23], i + 1);
	pool_fini(&p);
	CU_ASSERT_EQUAL(((uint8_t *)memory)[0], 1);

	CU_ASSERT_EQUAL_FATAL(pool_init(&p, 3, 64, NULL), 0);
	CU_ASSERT_EQUAL((uintptr_t)pool_at(&p, 1) % 64, 0);
	pool_fini(&p);
}

static void senseless_sizes_are_refused(void)
{
	static const struct {
		const char *why;
		uint32_t slots;
		size_t bytes;
	} cases[] = {
		{ "no slots", 0, 8 },
		{ "empty slots", 4, 0 },
		{ "slots that would be misaligned", 4, 12 },
		{ "more slots than an index may name", POOL_SLOTS_MAX + 1u, 8 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pool p;
		int rc = pool_init(&p, cases[i].slots, cases[i].bytes, NULL);

		if (rc != -EINVAL)
			printf("\n    %s: got %d, want %d", cases[i].why, rc, -EINVAL);
		CU_ASSERT_EQUAL(rc, -EINVAL);
	}
}

SUITE("dataplane/base/pool", TEST(every_slot_is_handed_out_once_and_then_none),
      TEST(what_is_foreseen_is_what_is_taken),
      TEST(a_handle_goes_stale_when_its_slot_is_given_back),
      TEST(a_freed_slot_rests_until_all_others_were_used),
      TEST(a_sparse_pool_uses_again_what_was_used),
      TEST(a_sparse_pool_takes_memory_by_what_is_in_use_at_once),
      TEST(slots_do_not_overlap_and_may_be_the_callers_memory), TEST(senseless_sizes_are_refused))
