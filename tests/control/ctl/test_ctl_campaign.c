/* test_ctl_campaign.c - what one sees of a campaign. */
#include "tests/control/ctl/ask.h"
#include "tests/support/suite.h"

static void a_campaign_is_shown_with_states_domains_and_sum(void)
{
	char *text;

	fake_reset();
	text = ask("show campaign welcome", NULL);
	CU_ASSERT_EQUAL(strncmp(text, "campaign \"welcome\": running, started 20", 39), 0);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(text, "\nrows=5362 recipients=5350 rejected=9 duplicates=3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\ndelivered             4,000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nin flight                12\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nalpha.test              4,100     4,000 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  450 4.3.2 try   again? (next try in 1 m "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nrecipients=5350 delivered=4000 bounced=250 "
	                                    "deferred=1000 unconfirmed=0 failed=0 suppressed=0 "
	                                    "pending=100\n"));
	free(text);
}

static void json_has_every_state_and_domain(void)
{
	char *json;
	json_t *o, *domains, *d;

	fake_reset();
	json = ask("json show campaign welcome", NULL);
	o = json_loads(json, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "status")), "running");
	CU_ASSERT_EQUAL(json_object_size(json_object_get(o, "states")), RCPT_N_STATES);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "recipients")), 5350);
	domains = json_object_get(o, "domains");
	CU_ASSERT_EQUAL(json_array_size(domains), 3);
	d = json_array_get(domains, 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(d, "domain")), "busy.test");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(d, "first_reason")),
	                       "450 4.3.2 try   again?");
	CU_ASSERT_EQUAL(
	    json_integer_value(json_object_get(json_object_get(d, "states"), "deferred")), 1000);
	CU_ASSERT(json_is_null(json_object_get(json_array_get(domains, 0), "first_reason")));
	json_decref(o);
	free(json);
}

static void only_the_largest_domains_of_very_many_are_shown(void)
{
	static struct campaign_domain many[5000];
	uint32_t last = UINT32_MAX;
	char *json;
	json_t *o, *domains;

	fake_reset();
	fake.n_domains = 5000;
	fake.campaign.domains = many;
	json = ask("json show campaign welcome", NULL);
	o = json_loads(json, 0, NULL);
	domains = json_object_get(o, "domains");
	CU_ASSERT_EQUAL(json_array_size(domains), 1000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "domains_not_shown")), 4000);
	for (size_t i = 0; i < json_array_size(domains); i++) {
		uint32_t n = (uint32_t)json_integer_value(
		    json_object_get(json_array_get(domains, i), "recipients"));

		CU_ASSERT(n <= last);
		last = n;
	}
	/* 4,999 downwards, with the fake's first of 4,100 rows among the equals */
	CU_ASSERT_EQUAL(last, 4001);
	json_decref(o);
	free(json);
}

static void a_campaign_that_is_being_imported_can_be_shown(void)
{
	char *text;

	fake_reset();
	fake.campaign.status = CAMPAIGN_IMPORTING;
	fake.campaign.table = NULL;
	fake.campaign.domains = NULL;
	fake.campaign.started_s = 0;
	memset(fake.campaign.count, 0, sizeof(fake.campaign.count));
	text = ask("show campaign welcome", NULL);
	CU_ASSERT_EQUAL(strncmp(text, "campaign \"welcome\": importing\n", 30), 0);
	free(text);
	text = ask("json show campaigns", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"status\":\"importing\""));
	free(text);
}

static void all_campaigns_are_listed_in_parts(void)
{
	uint32_t parts, lines = 0;
	char *text, *json;
	json_t *all;

	fake_reset();
	fake.n_campaigns = CTL_CHUNK_ROWS + 5;
	text = ask("show campaigns", &parts);
	CU_ASSERT_EQUAL(parts, 2);
	for (char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	CU_ASSERT_EQUAL(lines, fake.n_campaigns + 1);
	json = ask("json show campaigns", &parts);
	all = json_loads(json, 0, NULL);
	CU_ASSERT_EQUAL(json_array_size(all), fake.n_campaigns);
	json_decref(all);
	free(text);
	free(json);
}

static void a_campaign_is_paused_resumed_and_its_held_released_by_command(void)
{
	char *text;

	fake_reset();
	fake.campaign.status = CAMPAIGN_RUNNING;
	text = ask("campaign pause welcome", NULL);
	CU_ASSERT_STRING_EQUAL(text, "paused\n");
	free(text);
	text = ask("show campaign welcome", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "campaign \"welcome\": paused"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "paused: by command\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "content gate:\nplaceholder.curly"));
	free(text);
	text = ask("campaign resume welcome", NULL);
	CU_ASSERT_STRING_EQUAL(text, "resumed\n");
	free(text);
	text = ask("campaign resume welcome", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "campaign welcome is not paused"));
	free(text);
	fake.campaign.count[RCPT_HELD] = 0;
	text = ask("campaign release welcome", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "campaign welcome: it holds no recipient"));
	free(text);
	fake.campaign.status = CAMPAIGN_DONE;
	text = ask("campaign pause welcome", NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot be paused: it is done"));
	free(text);
}

SUITE("control/ctl/ctl_campaign",
      TEST(a_campaign_is_paused_resumed_and_its_held_released_by_command),
      TEST(a_campaign_is_shown_with_states_domains_and_sum), TEST(json_has_every_state_and_domain),
      TEST(only_the_largest_domains_of_very_many_are_shown),
      TEST(a_campaign_that_is_being_imported_can_be_shown), TEST(all_campaigns_are_listed_in_parts))
