/* test_ctl_ports.c - each port says who serves it and how replies find them. */
#include "tests/control/conf/conf_file.h"
#include "tests/control/ctl/ask.h"
#include "tests/support/suite.h"

static void each_port_says_how_replies_find_its_workers(void)
{
	char *text, *json;
	json_t *all, *second;

	fake_reset();
	text = ask("show ports", NULL);
	json = ask("json show ports", NULL);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_EQUAL_FATAL(json_array_size(all), 2);
	second = json_array_get(all, 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(second, "port")), "p1");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(second, "landing")), "predicted");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(second, "first_worker")), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(second, "workers")), 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(second, "handed_over")), 17);
	CU_ASSERT_FALSE(json_boolean_value(json_object_get(second, "link_up")));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "p1: net_tap0,iface=ph0, 02:00:00:00:00:01, mtu 1500, "
	                                    "link down"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "workers        2 to 3, replies: predicted; 17 handed "
	                                    "over, 3 not where foretold"));
	json_decref(all);
	free(text);
	free(json);
}

SUITE("control/ctl/ctl_ports", TEST(each_port_says_how_replies_find_its_workers))
