/* test_ctl_order.c - a campaign is started as it was asked for, and the answer tells the counts. */
#include <errno.h>
#include <jansson.h>

#include "tests/control/ctl/serve.h"
#include "tests/support/suite.h"

#define START                                                                                      \
	"campaign start name=welcome template=/t recipients=\"/tmp/my list.csv\" from=a@b.test"

static void run_order(struct served *s, struct call *c, const char *line, int result,
                      const char *told)
{
	fake.done = NULL;
	call_start(c, s, line);
	while (fake.done == NULL)
		uv_run(&s->loop, UV_RUN_ONCE);
	uv_run(&s->loop, UV_RUN_NOWAIT);
	fake.done(fake.done_ctx, result, result == 0 && told == NULL ? &fake.campaign : NULL, told);
	call_wait(c);
}

static void a_start_passes_everything_on_and_tells_the_counts(void)
{
	struct served s;
	struct call c;
	json_t *o;

	serve_start(&s);
	run_order(&s, &c, START " limit=5 to_test=me@x.test", 0, NULL);
	CU_ASSERT_EQUAL(c.result, 0);
	CU_ASSERT_STRING_EQUAL(c.text, "campaign \"welcome\" started: rows=5362 recipients=5350 "
	                               "rejected=9 duplicates=3\n");
	CU_ASSERT_STRING_EQUAL(fake.spec.name, "welcome");
	CU_ASSERT_STRING_EQUAL(fake.spec.recipients_path, "/tmp/my list.csv");
	CU_ASSERT_STRING_EQUAL(fake.spec.address_column, "email");
	CU_ASSERT_STRING_EQUAL(fake.spec.to_test, "me@x.test");
	CU_ASSERT_EQUAL(fake.spec.limit, 5);
	CU_ASSERT_EQUAL(fake.spec.dry_run, false);
	CU_ASSERT_PTR_NULL(fake.spec.return_path);
	call_free(&c);

	fake.campaign.import.resumed_rows = 2000;
	run_order(&s, &c, START " no_resume=true", 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "duplicates=3; resumed\n"));
	CU_ASSERT_EQUAL(fake.spec.no_resume, true);
	call_free(&c);

	run_order(&s, &c, "json " START, 0, NULL);
	o = json_loads(c.text, 0, NULL);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "recipients")), 5350);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(o, "resumed_rows")), 2000);
	json_decref(o);
	call_free(&c);

	run_order(&s, &c, START " dry_run=true", 0, "5,350 messages composed, none sent");
	CU_ASSERT_EQUAL(fake.spec.dry_run, true);
	CU_ASSERT_STRING_EQUAL(c.text, "5,350 messages composed, none sent\n");
	call_free(&c);
	CU_ASSERT(serve_stop(&s));
}

static void a_start_that_is_refused_or_fails_later_says_why(void)
{
	struct served s;
	struct call c;

	serve_start(&s);
	fake.start_result = -EEXIST;
	call_start(&c, &s, START);
	call_wait(&c);
	CU_ASSERT_EQUAL(c.result, 1);
	CU_ASSERT_STRING_EQUAL(c.error,
	                       "campaign \"welcome\" exists (running); choose another name");
	call_free(&c);
	fake.start_result = 0;
	run_order(&s, &c, START, -EINVAL, "list.csv:1: no column\nnamed \"email\"");
	CU_ASSERT_EQUAL(c.result, 1);
	CU_ASSERT_STRING_EQUAL(c.error, "list.csv:1: no column named \"email\"");
	call_free(&c);
	CU_ASSERT(serve_stop(&s));
}

static void an_export_names_its_file(void)
{
	struct served s;
	struct call c;

	serve_start(&s);
	run_order(&s, &c, "json campaign export welcome /tmp/x.csv", 0, "5,350 lines");
	CU_ASSERT_STRING_EQUAL(fake.exported_to, "/tmp/x.csv");
	CU_ASSERT_STRING_EQUAL(c.text, "{\"line\":\"5,350 lines\"}");
	call_free(&c);
	CU_ASSERT(serve_stop(&s));
}

SUITE("control/ctl/ctl_order", TEST(a_start_passes_everything_on_and_tells_the_counts),
      TEST(a_start_that_is_refused_or_fails_later_says_why), TEST(an_export_names_its_file))
