/* test_near.c - a mistyped word leads to the known one that is nearest. */
#include "control/near.h"
#include "tests/support/suite.h"

static const char *const known[] = { "limits.rate",
	                             "limits.idle",
	                             "log.level",
	                             "port",
	                             "a-word-that-is-longer-than-any-neighbour-could-be-"
	                             "xxxxxxxxxxxxxxxxxx",
	                             NULL };

static const char *at(const void *ctx, uint32_t n)
{
	return ((const char *const *)ctx)[n];
}

static void the_nearest_word_is_found_and_a_far_one_is_not(void)
{
	static const struct {
		const char *why, *word, *want;
	} cases[] = {
		{ "a letter is missing", "limit.rate", "limits.rate" },
		{ "two neighbours are swapped", "limits.rtae", "limits.rate" },
		{ "a letter too many", "log.levell", "log.level" },
		{ "a wrong letter", "pprt", "port" },
		{ "nothing in common", "frobnicate", NULL },
		{ "short words need some likeness", "xy", NULL },
		{ "nothing", "", NULL },
		{ "longer than any",
		  "0123456789012345678901234567890123456789012345678901234567890123", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = near_find(cases[i].word, at, known);

		if (got != cases[i].want && (got == NULL || cases[i].want == NULL))
			printf("\n    %s: got %s", cases[i].why, got == NULL ? "none" : got);
		CU_ASSERT_EQUAL(got == NULL, cases[i].want == NULL);
		if (got != NULL && cases[i].want != NULL)
			CU_ASSERT_STRING_EQUAL(got, cases[i].want);
	}
}

SUITE("control/near", TEST(the_nearest_word_is_found_and_a_far_one_is_not))
