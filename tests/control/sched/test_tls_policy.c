/* test_tls_policy.c - every combination that matters of what is asked and what is known. */
#include "control/sched/tls_policy.h"
#include "tests/support/suite.h"

enum {
	NONE = DP_TLS_NONE,
	MAY = DP_TLS_OPPORTUNISTIC,
	MUST = DP_TLS_ENCRYPT,
	NAME = DP_TLS_VERIFY
};

static void each_case_is_dialled_as_the_strictest_asks(void)
{
	static const struct {
		const char *why;
		struct tls_ask
		    ask; /* site, least, published, is_implicit, has_done_tls, fails_tls */
		struct tls_plan want; /* wanted, dial, may_clear, expects_tls */
	} cases[] = {
		/* clang-format off */
		{ "nothing asked",                        { NONE, NONE, NONE, 0, 0, 0 }, { NONE, NONE, false, false } },
		{ "the default",                          { MAY,  NONE, NONE, 0, 0, 0 }, { MAY,  MAY,  true, false } },
		{ "it failed: clear for a while",         { MAY,  NONE, NONE, 0, 0, 1 }, { MAY,  NONE, true, false } },
		{ "it failed, but it can",                { MAY,  NONE, NONE, 0, 1, 1 }, { MAY,  MAY,  false, true } },
		{ "it can",                               { MAY,  NONE, NONE, 0, 1, 0 }, { MAY,  MAY,  false, true } },
		{ "port 465 knows no clear",              { MAY,  NONE, NONE, 1, 0, 1 }, { MAY,  MAY,  false, false } },
		{ "a floor above the site",               { NONE, MUST, NONE, 0, 0, 0 }, { MUST, MUST, false, false } },
		{ "a floor does not fall back",           { MAY,  MUST, NONE, 0, 0, 1 }, { MUST, MUST, false, false } },
		{ "a floor of opportunistic allows clear", { NONE, MAY, NONE, 0, 0, 1 }, { MAY,  NONE, true, false } },
		{ "a floor below the site",               { NAME, MUST, NONE, 0, 0, 0 }, { NAME, NAME, false, false } },
		{ "encrypt",                              { MUST, NONE, NONE, 0, 0, 1 }, { MUST, MUST, false, false } },
		{ "verify",                               { NAME, NONE, NONE, 0, 0, 1 }, { NAME, NAME, false, false } },
		{ "a floor of verify",                    { MAY,  NAME, NONE, 0, 1, 1 }, { NAME, NAME, false, false } },
		{ "what the domain publishes",            { MAY,  NONE, NAME, 0, 0, 1 }, { NAME, NAME, false, false } },
		{ "what it publishes is no ceiling",      { NAME, NONE, MUST, 0, 0, 0 }, { NAME, NAME, false, false } },
		{ "none is none, whatever it can",        { NONE, NONE, NONE, 0, 1, 1 }, { NONE, NONE, false, false } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_plan got = tls_plan(&cases[i].ask), want = cases[i].want;
		bool same = got.wanted == want.wanted && got.dial == want.dial &&
		            got.may_clear == want.may_clear && got.expects_tls == want.expects_tls;

		if (!same)
			printf("\n    %s: got %u, %u, %d, %d", cases[i].why, got.wanted, got.dial,
			       got.may_clear, got.expects_tls);
		CU_ASSERT_TRUE(same);
	}
}

/* Whatever is known: no plan is laxer than anybody asks, and clear needs all of its conditions. */
static void no_combination_is_laxer_than_what_is_asked(void)
{
	for (unsigned n = 0; n < 4 * 4 * 4 * 8; n++) {
		struct tls_ask ask = { .site = n & 3,
			               .least = n >> 2 & 3,
			               .published = n >> 4 & 3,
			               .is_implicit = n >> 6 & 1,
			               .has_done_tls = n >> 7 & 1,
			               .fails_tls = n >> 8 & 1 };
		struct tls_plan p = tls_plan(&ask);
		bool clear = p.dial < p.wanted;

		CU_ASSERT_TRUE(p.wanted >= ask.site && p.wanted >= ask.least &&
		               p.wanted >= ask.published);
		CU_ASSERT_TRUE(!clear || (p.wanted == MAY && ask.fails_tls && !ask.has_done_tls &&
		                          !ask.is_implicit && p.dial == NONE));
		CU_ASSERT_TRUE(clear || p.dial == p.wanted);
		/* In the clear only to who has never done better, whatever happens on the way. */
		CU_ASSERT_EQUAL(p.expects_tls, p.wanted == MAY && ask.has_done_tls);
	}
}

SUITE("control/sched/tls_policy", TEST(each_case_is_dialled_as_the_strictest_asks),
      TEST(no_combination_is_laxer_than_what_is_asked))
