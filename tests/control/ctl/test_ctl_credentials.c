/* test_ctl_credentials.c - who we are, and in loud words what is refused. */
#include "tests/control/conf/conf_file.h"
#include "tests/control/ctl/ask.h"
#include "tests/support/suite.h"

static void a_credential_that_is_refused_says_by_whom_and_why(void)
{
	char *text, *json;
	json_t *all, *first, *second;

	fake_reset();
	text = ask("show credentials", NULL);
	json = ask("json show credentials", NULL);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_EQUAL_FATAL(json_array_size(all), 2);
	first = json_array_get(all, 0);
	second = json_array_get(all, 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "credential")), "relay");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(first, "kind")), "password");
	CU_ASSERT_TRUE(json_is_null(json_object_get(first, "refused")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(second, "refused_since_s")), 1789000000);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "relay: joe@a.test, password in /etc/pw\ncloud:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "token in /run/token\n  REFUSED since 2026-09-"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "by 192.0.2.1: 535 5.7.8 "));
	CU_ASSERT_PTR_NULL(strchr(text, 033)); /* a host does not steer the terminal */
	json_decref(all);
	free(text);
	free(json);
}

SUITE("control/ctl/ctl_credentials", TEST(a_credential_that_is_refused_says_by_whom_and_why))
