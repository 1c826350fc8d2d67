/* test_cache.c - the cache is bounded, keeps what is in use, and answers hold as long as they may.
 */
#include "control/mx/cache.h"

#include <stdlib.h>

#include "tests/support/suite.h"

static struct mx_answer *answer_new(void)
{
	struct mx_answer *a = calloc(1, sizeof(*a));

	a->refs = 1;
	return a;
}

static void the_longest_unused_entry_leaves_first(void)
{
	struct cache c;

	cache_init(&c, 2);
	cache_add(&c, "a.test")->answer = answer_new();
	cache_add(&c, "b.test")->answer = answer_new();
	CU_ASSERT_PTR_NOT_NULL(cache_find(&c, "a.test")); /* b is the oldest now */
	cache_add(&c, "c.test")->answer = answer_new();
	CU_ASSERT_EQUAL(c.n, 2);
	CU_ASSERT_EQUAL(c.evicted, 1);
	CU_ASSERT_PTR_NULL(cache_find(&c, "b.test"));
	CU_ASSERT_PTR_NOT_NULL(cache_find(&c, "a.test"));
	CU_ASSERT_PTR_NOT_NULL(cache_find(&c, "c.test"));
	cache_fini(&c);
}

static void an_entry_in_use_stays(void)
{
	struct cache c;
	struct cache_entry *e;
	int in_use;

	cache_init(&c, 1);
	e = cache_add(&c, "a.test");
	e->turn = (struct turn *)&in_use;
	cache_add(&c, "b.test");
	CU_ASSERT_EQUAL(c.n, 2); /* over the bound rather than lose a look-up */
	CU_ASSERT_PTR_EQUAL(cache_find(&c, "a.test"), e);
	e->turn = NULL;
	cache_add(&c, "c.test");
	CU_ASSERT_EQUAL(c.n, 1);
	CU_ASSERT_PTR_NOT_NULL(cache_find(&c, "c.test"));
	cache_fini(&c);
}

static void many_domains_are_found_again(void)
{
	struct cache c;
	char domain[32];

	cache_init(&c, 5000);
	for (int i = 0; i < 5000; i++) {
		snprintf(domain, sizeof(domain), "d%d.test", i);
		cache_add(&c, domain);
	}
	for (int i = 0; i < 5000; i++) {
		struct cache_entry *e;

		snprintf(domain, sizeof(domain), "d%d.test", i);
		e = cache_find(&c, domain);
		CU_ASSERT_PTR_NOT_NULL_FATAL(e);
		CU_ASSERT_STRING_EQUAL(e->domain, domain);
	}
	CU_ASSERT_EQUAL(c.evicted, 0);
	cache_fini(&c);
}

static void an_answer_holds_as_long_as_it_may(void)
{
	static const struct mx_conf conf = { .ttl_min_s = 30, .ttl_max_s = 86400 };
	static const struct {
		const char *why;
		enum mx_fate fate;
		bool has_ttl;
		uint32_t ttl_s, failures, want;
	} cases[] = {
		/* clang-format off */
		{ "its TTL",                             MX_OK,        true,  300,        0,  300 },
		{ "no less than the option",             MX_OK,        true,  0,          0,  30 },
		{ "no more than the option",             MX_OK,        true,  0x7fffffff, 0,  86400 },
		{ "a negative an hour at most",          MX_NO_DOMAIN, true,  86400,      0,  3600 },
		{ "a null MX is a negative too",         MX_NULL,      true,  86400,      0,  3600 },
		{ "a negative without an SOA",           MX_NO_HOSTS,  false, 0,          0,  300 },
		{ "a first failure 10 s, not its TTL",   MX_TRY_LATER, true,  86400,      0,  10 },
		{ "a second one twice that",             MX_TRY_LATER, false, 0,          1,  20 },
		{ "a minute at most",                    MX_TRY_LATER, false, 0,          4,  60 },
		{ "and after any number of them",        MX_TRY_LATER, false, 0,  UINT32_MAX, 60 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t got = cache_ttl_s(&conf, cases[i].fate, cases[i].has_ttl, cases[i].ttl_s,
		                           cases[i].failures);

		if (got != cases[i].want)
			printf("\n    %s: got %u, want %u", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

SUITE("control/mx/cache", TEST(the_longest_unused_entry_leaves_first), TEST(an_entry_in_use_stays),
      TEST(many_domains_are_found_again), TEST(an_answer_holds_as_long_as_it_may))
