/* test_ctl_show.c - numbers of the engine, for people and for programs. */
#include "tests/control/conf/conf_file.h"
#include "tests/control/ctl/ask.h"
#include "tests/support/suite.h"

static void stats_sum_the_workers(void)
{
	char *text, *json;
	json_t *all;

	fake_reset();
	text = ask("show stats", NULL);
	json = ask("json show stats", NULL);
	all = json_loads(json, 0, NULL);
	/* counter 1 on two workers: 1001 + 2001 */
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "worker_busy_cycles")), 3002);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "mx_hits")), 41);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "tls_ticket_hits")),
	                100 * json_integer_value(json_object_get(all, "tls_resumption_offered")) /
	                    json_integer_value(json_object_get(all, "tls_handshakes")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "tls_ticket_taken")),
	                100 * json_integer_value(json_object_get(all, "tls_resumed")) /
	                    json_integer_value(json_object_get(all, "tls_resumption_offered")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "store_pending")), 17);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "worker_busy_cycles                    3,002 cycles"));
	json_decref(all);
	free(text);
	free(json);
}

static void each_worker_has_its_line(void)
{
	char *text = ask("show workers", NULL), *json = ask("json show workers", NULL);
	json_t *all = json_loads(json, 0, NULL);
	uint32_t lines = 0;

	for (char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	CU_ASSERT_EQUAL(lines, 3);
	CU_ASSERT_EQUAL(json_array_size(all), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  spins 1 us, then naps\n"));
	CU_ASSERT_STRING_EQUAL(
	    json_string_value(json_object_get(json_array_get(all, 0), "when_idle")),
	    "spins 0 us, then naps");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(all, 1), "worker_turns")),
	                2000);
	json_decref(all);
	free(text);
	free(json);
}

static void many_sites_come_in_parts_that_join(void)
{
	uint32_t parts;
	char *json, *text;
	json_t *all;

	fake_reset();
	fake.n_sites = 2 * CTL_CHUNK_ROWS + 1;
	json = ask("json show sites", &parts);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_EQUAL(parts, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(json_array_size(all), fake.n_sites);
	for (uint32_t i = 0; i < fake.n_sites; i++)
		CU_ASSERT_EQUAL(
		    json_integer_value(json_object_get(json_array_get(all, i), "delivered")), i);
	json_decref(all);
	free(json);
	fake.n_sites = 0;
	json = ask("json show sites", &parts);
	CU_ASSERT_STRING_EQUAL(json, "[]\n");
	free(json);
	fake.n_sites = 2;
	text = ask("show sites", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 3/10 1,234,567 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "421  later\n"));
	free(text);
}

static void a_domain_is_shown_with_its_hosts_and_what_is_known_of_them(void)
{
	char *text, *json;
	json_t *all;

	fake_reset();
	text = ask("show domain alpha.test", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "   10 mx1.alpha.test"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 0       4  TLS, BDAT works\n"));
	free(text);
	json = ask("json show domain alpha.test", NULL);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_EQUAL(json_array_size(all), 2);
	CU_ASSERT_STRING_EQUAL(
	    json_string_value(json_object_get(json_array_get(all, 1), "address")), "2001:db8::1");
	json_decref(all);
	free(json);
	text = ask("show domain nosuch.test", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "error: no mail goes to \"nosuch.test\" now"));
	free(text);
}

static void version_says_how_long_it_runs(void)
{
	char *text = ask("show version", NULL), *json = ask("json show version", NULL);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, ", up 2 m "));
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"uptime_s\":12"));
	free(text);
	free(json);
}

static void the_configuration_is_shown(void)
{
	char *text, why[CONF_WHY_BYTES];

	fake_reset();
	CU_ASSERT_EQUAL_FATAL(
	    conf_file_load(CONF_FILE_WHOLE, sizeof(CONF_FILE_WHOLE) - 1, &fake.conf, why), 0);
	text = ask("show config", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "limits.rate = 100  # default\n"));
	free(text);
	text = ask("json show config", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"limits.rate\":{\"value\":100,"));
	free(text);
	conf_free(fake.conf);
}

static void the_gate_is_shown_with_what_it_found(void)
{
	char *text, *json;
	json_t *all;

	fake_reset();
	text = ask("show gate", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 rules, 1 of them stop; shipped since "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "not taken: rules:3: no such word\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "1,204  unresolved {{placeholder}}\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "note.card"));
	free(text);
	json = ask("json show gate", NULL);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(all, "rules")), 2);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "hits")), 2);
	json_decref(all);
	free(json);
}

SUITE("control/ctl/ctl_show", TEST(the_gate_is_shown_with_what_it_found),
      TEST(stats_sum_the_workers), TEST(each_worker_has_its_line),
      TEST(many_sites_come_in_parts_that_join),
      TEST(a_domain_is_shown_with_its_hosts_and_what_is_known_of_them),
      TEST(version_says_how_long_it_runs), TEST(the_configuration_is_shown))
