/* test_counters.c - what is counted has a name, a unit and a help line, each name once. */
#include "dataplane/dp.h"
#include "tests/support/suite.h"

#include <string.h>

static void every_counter_can_be_shown(void)
{
	CU_ASSERT_TRUE(dp_n_counters() > 40);
	for (uint32_t i = 0; i < dp_n_counters(); i++) {
		CU_ASSERT_TRUE(strlen(dp_counter_name(i)) > 0);
		CU_ASSERT_TRUE(strlen(dp_counter_unit(i)) > 0);
		CU_ASSERT_TRUE(strlen(dp_counter_help(i)) > 0);
		for (uint32_t k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(dp_counter_name(i), dp_counter_name(k));
	}
}

static void every_step_and_reason_has_words(void)
{
	for (unsigned i = 0; i < DP_N_STEPS; i++)
		CU_ASSERT_TRUE(strlen(dp_step_name((enum dp_step)i)) > 0);
	for (unsigned i = 0; i < DP_N_WHYS; i++)
		CU_ASSERT_TRUE(strlen(dp_why_text((enum dp_why)i)) > 0);
	CU_ASSERT_STRING_EQUAL(dp_step_name(DP_STEP_MAIL), "mail");
	CU_ASSERT_STRING_EQUAL(dp_why_text(DP_WHY_REFUSED), "connection refused");
}

SUITE("dataplane/counters", TEST(every_counter_can_be_shown), TEST(every_step_and_reason_has_words))
