/* test_step_table.c - the documents say of the steps what the table of the code says. */
#include <stdlib.h>

#include "dataplane/smtp/session.h"
#include "tests/support/suite.h"

/* The options behind the fields of dp_times. */
static const struct {
	size_t at;
	const char *option;
} patience[] = {
#define PATIENCE(name)                                                                             \
	{                                                                                          \
		offsetof(struct dp_times, name##_ms), "smtp." #name "_timeout"                     \
	}
	PATIENCE(connect), PATIENCE(banner), PATIENCE(ehlo), PATIENCE(mail), PATIENCE(rcpt),
	PATIENCE(data),    PATIENCE(body),   PATIENCE(dot),  PATIENCE(rset), PATIENCE(quit),
#undef PATIENCE
};

static const char *option_of(size_t at)
{
	for (size_t i = 0; i < sizeof(patience) / sizeof(patience[0]); i++)
		if (patience[i].at == at)
			return patience[i].option;
	return "?";
}

static const char *const names[] = {
#define DP_STEP(sym, name) name,
#include "dataplane/dp_step.def"
#undef DP_STEP
};

static const char *const reaches[] = { [DP_REACH_NONE] = "nobody",
	                               [DP_REACH_HOST] = "host",
	                               [DP_REACH_MESSAGE] = "message",
	                               [DP_REACH_RECIPIENT] = "recipient" };

static void write_steps(FILE *out)
{
	fprintf(out, "| step | we | a reply | 4yz and 5yz concern | said unanswered | patience |\n"
	             "|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < DP_N_STEPS; i++)
		fprintf(out, "| %s | %s | %s | %s | %s | `%s` |\n", names[i],
		        smtp_steps[i].say == NULL ? "listen" : "speak",
		        smtp_steps[i].hear == NULL ? "is not due" : "is due",
		        reaches[smtp_steps[i].reach],
		        smtp_steps[i].pipelined ? "the next may be" : "nothing",
		        option_of(smtp_steps[i].patience));
}

static void write_reaches(FILE *out)
{
	static const char *const whens[] = { [REACH_ALWAYS] = "always",
		                             [REACH_IN_LMTP] = "in LMTP",
		                             [REACH_ONCE_SETTLED] = "once a message was answered" };

	fprintf(out, "| reply | at step | when | concerns |\n|---|---|---|---|\n");
	for (size_t i = 0; i < SMTP_REACHES; i++) {
		const struct reach_rule *r = &smtp_reaches[i];
		char code[8] = "any";

		if (r->code != 0)
			snprintf(code, sizeof(code), "%u", r->code);
		fprintf(out, "| %s | %s | %s | %s |\n", code,
		        r->step == DP_N_STEPS ? "any" : names[r->step], whens[r->when],
		        reaches[r->reach]);
	}
}

static void check_readme(void (*write)(FILE *out))
{
	char *want, *have = calloc(1, 1 << 20);
	size_t bytes;
	FILE *out = open_memstream(&want, &bytes);
	FILE *f = fopen(SOURCE_ROOT "/dataplane/README.md", "r");

	write(out);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(have, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	if (strstr(have, want) == NULL) {
		printf("\n    dataplane/README.md is not fresh; it must hold:\n%s", want);
		CU_FAIL("a document is not fresh");
	}
	free(want);
	free(have);
}

static void the_table_of_steps_in_the_readme_is_fresh(void)
{
	check_readme(write_steps);
}

static void the_table_of_reaches_in_the_readme_is_fresh(void)
{
	check_readme(write_reaches);
}

/* RFC 2920 3.1: what ends a group. */
static void what_the_rfc_lets_only_end_a_group_ends_one(void)
{
	static const enum dp_step last_in_group[] = { DP_STEP_EHLO, DP_STEP_HELO, DP_STEP_DATA,
		                                      DP_STEP_QUIT, DP_STEP_STARTTLS };
	static const enum dp_step anywhere[] = { DP_STEP_RSET, DP_STEP_MAIL, DP_STEP_RCPT,
		                                 DP_STEP_DOT };

	for (size_t i = 0; i < sizeof(last_in_group) / sizeof(last_in_group[0]); i++)
		CU_ASSERT_FALSE(smtp_steps[last_in_group[i]].pipelined);
	for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++)
		CU_ASSERT_TRUE(smtp_steps[anywhere[i]].pipelined);
}

SUITE("dataplane/smtp/step_table", TEST(the_table_of_steps_in_the_readme_is_fresh),
      TEST(the_table_of_reaches_in_the_readme_is_fresh),
      TEST(what_the_rfc_lets_only_end_a_group_ends_one))
