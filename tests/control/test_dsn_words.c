/* test_dsn_words.c - the words of RFC 3461 that people may write, and no others. */
#include "control/dsn_words.h"

#include <errno.h>

#include "dataplane/dp_msg.h"
#include "tests/support/suite.h"

static void notify_takes_never_alone_or_each_of_three_once(void)
{
	static const struct {
		const char *why, *text;
		int want;
	} cases[] = {
		{ "nothing is asked", "none", 0 },
		{ "never", "never", DP_NOTIFY_NEVER },
		{ "one", "failure", DP_NOTIFY_FAILURE },
		{ "all", "success,failure,delay",
		  DP_NOTIFY_SUCCESS | DP_NOTIFY_FAILURE | DP_NOTIFY_DELAY },
		{ "in any order", "delay,success", DP_NOTIFY_SUCCESS | DP_NOTIFY_DELAY },
		{ "never stands alone (RFC 3461 4.1)", "never,failure", -EINVAL },
		{ "none does, too", "failure,none", -EINVAL },
		{ "each once", "failure,failure", -EINVAL },
		{ "no empty word", "failure,", -EINVAL },
		{ "nor before", ",failure", -EINVAL },
		{ "nothing is no word", "", -EINVAL },
		{ "no blanks", "success, delay", -EINVAL },
		{ "as it is written elsewhere", "FAILURE", -EINVAL },
		{ "a longer word", "failures", -EINVAL },
		{ "a shorter one", "fail", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int got = dsn_notify_read(cases[i].text);

		if (got != cases[i].want)
			printf("\n    %s: got %d, want %d", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void ret_takes_full_hdrs_and_none(void)
{
	CU_ASSERT_EQUAL(dsn_ret_read("none"), DP_RET_NONE);
	CU_ASSERT_EQUAL(dsn_ret_read("full"), DP_RET_FULL);
	CU_ASSERT_EQUAL(dsn_ret_read("hdrs"), DP_RET_HDRS);
	CU_ASSERT_EQUAL(dsn_ret_read("headers"), -EINVAL);
	CU_ASSERT_EQUAL(dsn_ret_read(""), -EINVAL);
}

SUITE("control/dsn_words", TEST(notify_takes_never_alone_or_each_of_three_once),
      TEST(ret_takes_full_hdrs_and_none))
