/* test_ctl_cmd.c - a line finds its command, or an answer that helps. */
#include "control/ctl/ctl.h"
#include "tests/control/ctl/ask.h"
#include "tests/support/suite.h"

static void a_request_that_fits_nothing_is_told_what_would(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		/* clang-format off */
		{ "", "error: empty request; \"help\" lists all commands" },
		{ "json", "error: empty request; \"help\" lists all commands" },
		{ "show stat", "error: unknown command \"show stat\"; did you mean \"show stats\"?" },
		{ "json show sites x", "error: usage: show sites" },
		{ "show campaign", "error: usage: show campaign <campaign>" },
		{ "campaign export welcome", "error: usage: campaign export <campaign> <path>" },
		{ "frobnicate everything", "error: unknown command \"frobnicate everything\"; \"help\" lists all" },
		{ "show campaign nobody", "error: no campaign \"nobody\"; \"show campaigns\" lists them" },
		{ "campaign export welcome x.csv", "error: \"x.csv\" is not an absolute path; let it begin with /" },
		{ "host forget mx.alpha.test", "error: \"mx.alpha.test\" is not an address; \"show domain\" lists those of a domain's hosts" },
		{ "host forget 2001:db8::7", "error: nothing is known of 2001:db8::7" },
		{ "host forget 192.0.2.9", "error: the store has no room now; say it again" },
		{ "show \"stats", "error: the quotes are not closed" },
		{ "campaign start", "error: name= is missing; add it" },
		{ "campaign start nmae=x", "error: unknown key \"nmae\"; did you mean \"name\"?" },
		{ "campaign start zzzzzzz=x", "error: unknown key \"zzzzzzz\"; see control/ctl/README.md" },
		{ "campaign start welcome", "error: \"welcome\" is not key=value; keys: name, template, recipients, from, ..." },
		{ "campaign start name=a name=b", "error: name= is there twice; remove one" },
		{ "campaign start name=", "error: name= is empty; give it a value or leave it out" },
		{ "campaign start template=x", "error: template=x is not an absolute path; let it begin with /" },
		{ "campaign start limit=-1", "error: limit=-1 is not a number; write limit=100" },
		{ "campaign start limit=99999999999999999999", "error: limit=99999999999999999999 is not a number; write limit=100" },
		{ "campaign start dry_run=maybe", "error: dry_run=maybe is neither true nor false" },
		{ "campaign start name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "error: name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is longer than 64 bytes; shorten it" },
		{ "campaign start name=n template=/t recipients=/r", "error: from= is missing; add it" },
		/* clang-format on */
	};

	fake_reset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = ask(cases[i].line, NULL);

		if (strcmp(got, cases[i].want) != 0)
			printf("\n    %s: got %s, want %s", cases[i].line, got, cases[i].want);
		CU_ASSERT_STRING_EQUAL(got, cases[i].want);
		free(got);
	}
}

static void a_host_is_forgotten_by_its_address(void)
{
	struct ip_addr addr;
	char *text;

	fake_reset();
	ip_parse("192.0.2.1", &addr);
	text = ask("host forget 192.0.2.1", NULL);
	CU_ASSERT_STRING_EQUAL(text, "forgotten\n");
	CU_ASSERT_TRUE(ip_eq(&fake.forgotten, &addr));
	free(text);
}

static void help_and_the_reference_list_the_same_commands(void)
{
	char *text = ask("help", NULL), *json = ask("json help", NULL), *reference;
	json_t *all = json_loads(json, 0, NULL);
	size_t bytes;
	FILE *out = open_memstream(&reference, &bytes);

	ctl_reference(out);
	fclose(out);
	CU_ASSERT(json_array_size(all) > 8);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *pattern =
		    json_string_value(json_object_get(json_array_get(all, i), "command"));

		CU_ASSERT_PTR_NOT_NULL(strstr(text, pattern));
		CU_ASSERT_PTR_NOT_NULL(strstr(reference, pattern));
	}
	json_decref(all);
	free(text);
	free(json);
	free(reference);
}

static void the_reference_in_the_readme_is_fresh(void)
{
	char *want, *have = calloc(1, 1 << 20);
	size_t bytes;
	FILE *out = open_memstream(&want, &bytes), *f;

	ctl_reference(out);
	fclose(out);
	f = fopen(SOURCE_ROOT "/control/ctl/README.md", "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(have, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	if (strstr(have, want) == NULL)
		printf("\n    control/ctl/README.md must hold:\n%s", want);
	CU_ASSERT_PTR_NOT_NULL(strstr(have, want));
	free(want);
	free(have);
}

static void reload_and_shutdown_reach_the_engine(void)
{
	char *got;

	fake_reset();
	got = ask("reload", NULL);
	CU_ASSERT_STRING_EQUAL(got, "reloaded\n");
	free(got);
	fake.reload_result = -22;
	got = ask("json reload", NULL);
	CU_ASSERT_STRING_EQUAL(got, "error: conf:3: worker.window: needs a restart");
	free(got);
	got = ask("json shutdown", NULL);
	CU_ASSERT_STRING_EQUAL(got, "{\"done\":\"stopping\"}\n");
	free(got);
	CU_ASSERT_EQUAL(fake.reloads, 2);
	CU_ASSERT_EQUAL(fake.stops, 1);
}

SUITE("control/ctl/ctl_cmd", TEST(a_request_that_fits_nothing_is_told_what_would),
      TEST(a_host_is_forgotten_by_its_address), TEST(help_and_the_reference_list_the_same_commands),
      TEST(the_reference_in_the_readme_is_fresh), TEST(reload_and_shutdown_reach_the_engine))
