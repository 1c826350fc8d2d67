/* test_cli_progress.c - the progress line and the report, as the quickstart shows them. */
#include "control/cli_progress.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

static void the_line_tells_how_far_and_how_long(void)
{
	struct cli_progress p = { "sending", 6812, 10000, 1430, "msg/s" };
	char out[CLI_LINE_BYTES];

	CU_ASSERT_STRING_EQUAL(cli_progress_line(&p, 100, out),
	                       "sending  #####################-----------   68 %  6,812/10,000   "
	                       "1,430 msg/s   eta 3 s");
	p.done = 10000;
	CU_ASSERT_STRING_EQUAL(cli_progress_line(&p, 100, out),
	                       "sending  ################################  100 %  10,000/10,000   "
	                       "1,430 msg/s");
	p.done = p.total = p.rate_per_s = 0;
	CU_ASSERT_PTR_NOT_NULL(strstr(cli_progress_line(&p, 100, out), "100 %  0/0   0 msg/s"));
}

static void the_line_fits_every_width(void)
{
	static const struct cli_progress all[] = {
		{ "sending", 0, 10000, 0, "msg/s" },
		{ "sending", 5, 10, 1, "msg/s" },
		{ "sending", UINT64_MAX, UINT64_MAX, UINT64_MAX, "msg/s" },
		{ "sending", UINT64_MAX - 1, UINT64_MAX, 1, "msg/s" },
		{ "a verb of many more letters than anybody would ever choose", 1, UINT64_MAX, 1,
		  "msg/s" },
	};
	char out[CLI_LINE_BYTES];

	for (uint32_t width = 0; width < 1000; width++) {
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			cli_progress_line(&all[i], width, out);
			CU_ASSERT(strlen(out) <= (width < 40 ? 40 : width > 400 ? 400 : width));
		}
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(cli_progress_line(&all[3], 200, out), " 99 %"));
}

static void the_table_is_aligned_and_says_the_first_reason(void)
{
	static const struct cli_domain domains[] = {
		{ .name = "alpha.test",
		  .recipients = 4000,
		  .count = { [RCPT_DELIVERED] = 4000 },
		  .next_in_s = -1 },
		{ .name = "busy.test",
		  .recipients = 1000,
		  .count = { [RCPT_DEFERRED] = 1000 },
		  .first_code = 450,
		  .first_reason = "450 4.3.2 try again later",
		  .next_in_s = 4 },
		{ .name = "nullmx.test",
		  .recipients = 250,
		  .count = { [RCPT_BOUNCED] = 250 },
		  .first_reason = "domain takes no mail (null MX, RFC 7505)",
		  .next_in_s = 4 },
		{ .name = "hard.test",
		  .recipients = 2,
		  .count = { [RCPT_BOUNCED] = 2 },
		  .first_code = 550,
		  .first_reason = "no\nsuch user",
		  .next_in_s = -1 },
	};
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	cli_domains_write(domains, 4, out);
	fclose(out);
	CU_ASSERT_STRING_EQUAL(
	    text, "domain             recipients delivered deferred bounced  first reason\n"
		  "alpha.test              4,000     4,000        0       0\n"
		  "busy.test               1,000         0    1,000       0  450 4.3.2 try again "
		  "later (next try in 4 s)\n"
		  "nullmx.test               250         0        0     250  domain takes no mail "
		  "(null MX, RFC 7505)\n"
		  "hard.test                   2         0        0       2  550 no such user\n");
	free(text);
}

static void states_without_a_column_get_one_when_they_occur(void)
{
	static const struct cli_domain d = {
		.name = "a-domain-name-that-is-longer-than-the-column.example.com",
		.recipients = 10,
		.count = { [RCPT_PENDING] = 4, [RCPT_FAILED] = 5, [RCPT_EXPIRED] = 1 },
		.next_in_s = -1,
	};
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	cli_domains_write(&d, 1, out);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " bounced   pending   other  first reason\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "         4       6\n"));
	free(text);
}

static void the_sum_line_names_every_state_that_is_not_empty(void)
{
	uint64_t count[RCPT_N_STATES] = {
		[RCPT_DELIVERED] = 8250, [RCPT_BOUNCED] = 750, [RCPT_DEFERRED] = 1000
	};
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	cli_sum_write(10000, count, out);
	count[RCPT_HELD] = 1;
	cli_sum_write(10001, count, out);
	fclose(out);
	CU_ASSERT_STRING_EQUAL(text, "recipients=10000 delivered=8250 bounced=750 deferred=1000 "
	                             "unconfirmed=0 failed=0 suppressed=0\n"
	                             "recipients=10001 delivered=8250 bounced=750 deferred=1000 "
	                             "unconfirmed=0 failed=0 suppressed=0 held=1\n");
	free(text);
}

SUITE("control/cli_progress", TEST(the_line_tells_how_far_and_how_long),
      TEST(the_line_fits_every_width), TEST(the_table_is_aligned_and_says_the_first_reason),
      TEST(states_without_a_column_get_one_when_they_occur),
      TEST(the_sum_line_names_every_state_that_is_not_empty))
