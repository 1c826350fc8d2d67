/* test_conf_value.c - values are set whole, and lists within their room. */
#include <errno.h>
#include <string.h>

#include "control/conf/conf_opt.h"
#include "tests/support/suite.h"

static void a_list_fits_its_room_and_one_value_is_a_list_too(void)
{
	static struct conf conf;
	const struct conf_opt *o = &conf_options[conf_option_find(CONF_BLOCK_NONE, "retry.after")];
	char *values[CONF_RETRY_STEPS_MAX + 1], why[CONF_WHY_BYTES];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		values[i] = "90s";
	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, values, CONF_RETRY_STEPS_MAX, why), 0);
	CU_ASSERT_EQUAL(conf.retry.n_after, CONF_RETRY_STEPS_MAX);
	CU_ASSERT_EQUAL(conf.retry.after_s[CONF_RETRY_STEPS_MAX - 1], 90);
	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, values, CONF_RETRY_STEPS_MAX + 1, why),
	                -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "31 values, but there is room for 30; shorten the list");
	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, values, 1, why), 0);
	CU_ASSERT_EQUAL(conf.retry.n_after, 1);
}

static void a_string_is_replaced_and_freed(void)
{
	static struct conf conf;
	const struct conf_opt *o = &conf_options[conf_option_find(CONF_BLOCK_NONE, "state_dir")];
	char *a = "/a", *b = "/b", *c = "c", why[CONF_WHY_BYTES];

	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, &a, 1, why), 0);
	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, &b, 1, why), 0);
	CU_ASSERT_STRING_EQUAL(conf.state_dir, "/b");
	CU_ASSERT_EQUAL(conf_value_set(o, &conf, &conf, &c, 1, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(conf.state_dir, "/b");
	conf_value_free(o, &conf);
	CU_ASSERT_PTR_NULL(conf.state_dir);
}

SUITE("control/conf/conf_value", TEST(a_list_fits_its_room_and_one_value_is_a_list_too),
      TEST(a_string_is_replaced_and_freed))
