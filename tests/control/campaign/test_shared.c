/* test_shared.c - one message for all is the same for all, through restarts, or the campaign is
 * refused with the reason.
 */
#include <errno.h>

#include "tests/control/campaign/state_dir.h"

static const char notice[] = "Subject: New terms\nFrom: us@sender.test\n";

static struct campaign_spec shared_spec(struct state_dir *s)
{
	struct campaign_spec spec = state_spec(s, "terms");

	spec.shared_copy = (char *)(uintptr_t)TPL_TO_NOBODY;
	spec.return_path = (char *)(uintptr_t) "returns@sender.test";
	spec.class = (char *)(uintptr_t) "transactional";
	return spec;
}

/* The message of a row tried at that time. */
static size_t message(const struct campaign *c, uint32_t row, int64_t now_s, char out[4096])
{
	struct campaign_trial t = { .c = c, .now_s = now_s };
	struct tpl_out got;
	struct tpl_err err;
	size_t n = 0;

	CU_ASSERT_EQUAL_FATAL(campaign_try(&t, row, &got, &err), 0);
	CU_ASSERT_FATAL(got.size_bytes < 4096);
	for (uint32_t i = 0; i < got.n_wire; n += got.wire[i++].bytes)
		memcpy(out + n, got.wire[i].at, got.wire[i].bytes);
	out[n] = '\0';
	free(t.slab);
	return n;
}

static void every_row_and_every_attempt_has_the_same_bytes(void)
{
	char first[4096], other[4096], sender[DP_ADDRESS_MAX];
	struct campaign_spec spec;
	struct state_dir s;
	struct tpl_job job = { .no_expiry = false };
	size_t n;

	state_make(&s);
	spec = shared_spec(&s);
	state_write(&s, "tpl/message.liquid", notice);
	state_write(&s, "tpl/body.text.liquid", "They hold from {{ 'now' | date: '%Y' }} on.\n");
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.c);
	n = message(s.c, 0, 1789000000, first);
	CU_ASSERT_PTR_NOT_NULL(strstr(first, "\r\nTo: undisclosed-recipients:;\r\n"));
	CU_ASSERT_EQUAL(message(s.c, 2, 1789777777, other), n);
	CU_ASSERT_STRING_EQUAL(first, other);
	state_reopen(&s);
	s.c = campaign_find(s.cs, "terms");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.c);
	CU_ASSERT_EQUAL(message(s.c, 1, 1799999999, other), n);
	CU_ASSERT_STRING_EQUAL(first, other);
	campaign_name_message(s.c, 1, 1799999999, 1799999999, &job);
	CU_ASSERT(job.no_expiry);
	CU_ASSERT(span_eq(span_of(sender, campaign_mail_from(s.c, 1, sender)),
	                  span_str("returns@sender.test")));
	state_del(&s);
}

static void what_would_differ_is_refused_with_its_place_and_leaves_nothing(void)
{
	static const struct {
		const char *why, *message, *text, *class, *url, *want;
	} cases[] = {
		/* clang-format off */
		{ "subject", "Subject: Hi {{ name }}\nFrom: us@sender.test\n", "x", "transactional", NULL,
		  "tpl/message.liquid:1:16: the column name differs for each recipient; leave --shared-copy out" },
		{ "body", notice, "Dear\n{{ name }}", "transactional", NULL, "tpl/body.text.liquid:2:4: the column name" },
		{ "one-click", notice, "x", "bulk", "https://u.test/", "List-Unsubscribe differs" },
		/* clang-format on */
	};
	char path[STATE_PATH_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct campaign_spec spec;
		struct state_dir s;

		state_make(&s);
		spec = shared_spec(&s);
		spec.class = (char *)(uintptr_t)cases[i].class;
		spec.unsubscribe_url = (char *)(uintptr_t)cases[i].url;
		state_write(&s, "tpl/message.liquid", cases[i].message);
		state_write(&s, "tpl/body.text.liquid", cases[i].text);
		for (int dry = 0; dry < 2; dry++) {
			spec.dry_run = dry != 0;
			CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why),
			                      0);
			state_wait(&s);
			if (strstr(s.line, cases[i].want) == NULL)
				printf("\n    %s: got %s", cases[i].why, s.line);
			CU_ASSERT_EQUAL(s.result, -EINVAL);
			CU_ASSERT_PTR_NOT_NULL(strstr(s.line, cases[i].want));
			CU_ASSERT_PTR_NULL(s.c);
		}
		CU_ASSERT_NOT_EQUAL(access(state_path(&s, "campaigns/1", path), F_OK), 0);
		state_del(&s);
	}
}

static void what_is_said_of_it_is_checked_before_any_file_is_read(void)
{
	static const struct {
		const char *to, *return_path, *want; /* NULL: taken */
	} cases[] = {
		{ TPL_TO_NOBODY, "r@sender.test", NULL },
		{ "Our members <members@sender.test>", "r@sender.test", NULL },
		{ "members@sender.test", "r@sender.test", NULL },
		{ TPL_TO_NOBODY, NULL, "give one for all with --return-path" },
		{ "nobody", "r@sender.test", "--shared-copy \"nobody\": no @" },
		{ "Members <m@sender.test", "r@sender.test", "no > at its end" },
		{ "a@sender.test, b@sender.test", "r@sender.test", "--shared-copy" },
		{ "x\r\nBcc: <b@c.test>", "r@sender.test", "control character" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct campaign_spec spec;
		struct state_dir s;
		int r;

		state_make(&s);
		state_write(&s, "tpl/message.liquid", notice);
		state_write(&s, "tpl/body.text.liquid", "x\n");
		spec = shared_spec(&s);
		spec.shared_copy = (char *)(uintptr_t)cases[i].to;
		spec.return_path = (char *)(uintptr_t)cases[i].return_path;
		r = campaign_start(s.cs, &spec, state_done, &s, s.why);
		CU_ASSERT_EQUAL(r, cases[i].want == NULL ? 0 : -EINVAL);
		if (r == 0) {
			state_wait(&s);
			CU_ASSERT_EQUAL(s.result, 0);
		} else if (cases[i].want != NULL && strstr(s.why, cases[i].want) == NULL) {
			printf("\n    got %s", s.why);
			CU_FAIL("another reason");
		}
		state_del(&s);
	}
}

static void a_dry_run_composes_it_once_and_counts_all(void)
{
	struct campaign_spec spec;
	struct state_dir s;

	state_make(&s);
	spec = shared_spec(&s);
	spec.dry_run = true;
	state_write(&s, "tpl/message.liquid", notice);
	state_write(&s, "tpl/body.text.liquid", "x\n");
	CU_ASSERT_EQUAL_FATAL(campaign_start(s.cs, &spec, state_done, &s, s.why), 0);
	state_wait(&s);
	CU_ASSERT_EQUAL(s.result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.line, "recipients=3 rejected=0 duplicates=0 composed=3 "
	                                      "failed=0"));
	state_del(&s);
}

SUITE("control/campaign/shared", TEST(every_row_and_every_attempt_has_the_same_bytes),
      TEST(what_would_differ_is_refused_with_its_place_and_leaves_nothing),
      TEST(what_is_said_of_it_is_checked_before_any_file_is_read),
      TEST(a_dry_run_composes_it_once_and_counts_all))
