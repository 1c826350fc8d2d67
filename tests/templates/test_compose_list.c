/* test_compose_list.c - a campaign's own fields: there when it says so, left out where the template
 * writes them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "templates/compiled.h"
#include "tests/support/suite.h"

enum { SLAB_BYTES = 1 << 16 };

static uint8_t slab[SLAB_BYTES + 1];
static const struct tpl_token_key key = { .id = 1, .bytes = { 1 } };
static const struct tpl_token_keys tokens = { &key, 1 };

static struct tpl_campaign bulk(void)
{
	return (struct tpl_campaign){ .name = span_str("spring"),
		                      .from = span_str("news@b.test"),
		                      .id_domain = span_str("b.test"),
		                      .id = 3,
		                      .class = TPL_CLASS_BULK,
		                      .tenant = span_str("acme"),
		                      .stream = span_str("news"),
		                      .feedback_id = span_str("sender1"),
		                      .list_id = span_str("News <news.b.test>"),
		                      .unsubscribe_url = span_str("https://u.test/"),
		                      .unsubscribe_mailto = span_str("u@b.test") };
}

/* The message as text, its header unfolded; or what is wrong with the row. */
static const char *compose(const struct tpl_campaign *campaign, const char *message,
                           const char *text, const struct tpl_token_keys *keys)
{
	static struct tpl_err err;
	struct tpl_columns columns = { .n = 0 };
	struct tpl_sources s = { .message = span_str(message),
		                 .text = span_str(text),
		                 .has_text = true };
	struct tpl *tpl;
	struct tpl_out out;
	struct tpl_job job = { .campaign = campaign,
		               .tokens = keys,
		               .envelope = { span_str("x@b.test"), span_str("a@a.test") },
		               .number = 9,
		               .first_attempt_s = 1000 };
	size_t used = 0;
	int r;

	CU_ASSERT_EQUAL_FATAL(tpl_open_sources(&s, &columns, &tpl, &err), 0);
	job.tpl = tpl;
	r = tpl_compose(&job, slab, SLAB_BYTES, &out, &err);
	if (r == 0) {
		for (size_t i = 0; i < out.wire[0].bytes; i++)
			if (i + 2 < out.wire[0].bytes &&
			    memcmp(out.wire[0].at + i, "\r\n ", 3) == 0)
				i++;
			else
				slab[used++] = out.wire[0].at[i];
		slab[used] = '\0';
	}
	tpl_close(tpl);
	return r == 0 ? (const char *)slab : err.text;
}

static bool has(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		return true;
	printf("\n    no %s in\n%s", what, text);
	return false;
}

static void bulk_mail_says_how_to_leave_it(void)
{
	struct tpl_campaign c = bulk();
	const char *got = compose(&c, "Subject: s\n", "{{ unsubscribe_url }}", &tokens), *at, *end;
	struct tpl_token token;

	CU_ASSERT(has(got, "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
	CU_ASSERT(has(got, "\r\nPrecedence: bulk\r\n"));
	CU_ASSERT(has(got, "\r\nList-Id: News <news.b.test>\r\n"));
	CU_ASSERT(has(got, "\r\nFeedback-ID: spring:news:acme:sender1\r\n"));
	at = strstr(got, "List-Unsubscribe: <https://u.test/");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	at += strlen("List-Unsubscribe: <https://u.test/");
	end = strchr(at, '>');
	CU_ASSERT_EQUAL(tpl_token_read(&tokens, span_of(at, (size_t)(end - at)), &token), 0);
	CU_ASSERT(token.campaign == 3 && token.row == 9 && strcmp(token.tenant, "acme") == 0);
	CU_ASSERT_EQUAL(strncmp(end, ">, <mailto:u@b.test?subject=", 28), 0);
	CU_ASSERT_EQUAL(strncmp(end + 28, at, (size_t)(end - at)), 0);
	/* the same address in the body */
	CU_ASSERT_EQUAL(
	    strncmp(strstr(got, "\r\n\r\nhttps://u.test/") + 19, at, (size_t)(end - at)), 0);
}

static void what_the_template_writes_is_not_written_again(void)
{
	struct tpl_campaign c = bulk();
	const char *got =
	    compose(&c,
	            "Subject: s\nlist-unsubscribe: <https://own.test>\nPRECEDENCE: list\n"
	            "List-ID: <own.test>\nFeedback-Id: a:b\n",
	            "x", &tokens);

	CU_ASSERT(has(got, "list-unsubscribe: <https://own.test>\r\n"));
	CU_ASSERT_PTR_NULL(strstr(got, "List-Unsubscribe"));
	CU_ASSERT_PTR_NULL(strstr(got, "bulk"));
	CU_ASSERT_PTR_NULL(strstr(got, "news.b.test"));
	CU_ASSERT_PTR_NULL(strstr(got, "sender1"));
}

static void each_part_may_be_missing(void)
{
	struct tpl_campaign c = bulk();
	const char *got;

	c.unsubscribe_mailto = span_of(NULL, 0);
	got = compose(&c, "Subject: s\n", "x", &tokens);
	CU_ASSERT_PTR_NULL(strstr(got, "mailto"));
	CU_ASSERT(has(got, "List-Unsubscribe: <https://u.test/"));
	c = bulk();
	c.unsubscribe_url = span_of(NULL, 0);
	got = compose(&c, "Subject: s\n", "x", &tokens);
	CU_ASSERT(has(got, "List-Unsubscribe: <mailto:u@b.test?subject="));
	CU_ASSERT_PTR_NULL(strstr(got, "One-Click")); /* RFC 8058 3.1: for https only */
	c.class = TPL_CLASS_TRANSACTIONAL;
	got = compose(&c, "Subject: s\n", "x", &tokens);
	CU_ASSERT(has(got, "\r\nAuto-Submitted: auto-generated\r\n"));
	CU_ASSERT_PTR_NULL(strstr(got, "List-Unsubscribe"));
	CU_ASSERT_PTR_NULL(strstr(got, "Precedence"));
}

static void a_row_without_what_it_needs_fails(void)
{
	struct tpl_campaign c = bulk();

	CU_ASSERT(has(compose(&c, "Subject: s\n", "x", NULL), "no key for a token"));
	c.list_id = span_str("News\r\nBcc: x@y.test <a>");
	CU_ASSERT(has(compose(&c, "Subject: s\n", "x", &tokens), "control character"));
	c = bulk();
	c.unsubscribe_url = c.unsubscribe_mailto = span_of(NULL, 0);
	CU_ASSERT(has(compose(&c, "Subject: s\n", "{{ unsubscribe_url }}", &tokens),
	              "has no unsubscribe_url"));
}

SUITE("templates/compose_list", TEST(bulk_mail_says_how_to_leave_it),
      TEST(what_the_template_writes_is_not_written_again), TEST(each_part_may_be_missing),
      TEST(a_row_without_what_it_needs_fails))
