/* test_same.c - what is said to be the same for all rows is so byte for byte, and what is not says
 * why.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "templates/compiled.h"
#include "tests/support/suite.h"

enum { SLAB_BYTES = 1 << 16 };

static const struct span names[] = { { (const uint8_t *)"email", 5 },
	                             { (const uint8_t *)"name", 4 },
	                             { (const uint8_t *)"plan", 4 } };
static const struct tpl_columns columns = { .names = names, .n = 3 };

static struct tpl_campaign notice(void)
{
	return (struct tpl_campaign){ .name = span_str("terms"),
		                      .from = span_str("legal@b.test"),
		                      .id_domain = span_str("b.test"),
		                      .class = TPL_CLASS_TRANSACTIONAL,
		                      .to = span_str(TPL_TO_NOBODY) };
}

/* The message of one row. */
static size_t compose(const struct tpl *tpl, const struct tpl_campaign *campaign, const char *rcpt,
                      const char *name, uint8_t *slab, char *to)
{
	static struct tpl_err err;
	const struct tpl_value values[] = { tpl_text_value(span_str(rcpt)),
		                            tpl_text_value(span_str(name)),
		                            tpl_text_value(span_str(rcpt + 1)) };
	struct tpl_job job = { .tpl = tpl,
		               .campaign = campaign,
		               .values = values,
		               .envelope = { span_str("r@b.test"), span_str(rcpt) },
		               .first_attempt_s = 1000 };
	struct tpl_out out;
	size_t n = 0;
	int r = tpl_compose(&job, slab, SLAB_BYTES, &out, &err);

	if (r != 0)
		printf("\n    %s", err.text);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	for (uint32_t i = 0; i < out.n_wire; n += out.wire[i++].bytes)
		memcpy(to + n, out.wire[i].at, out.wire[i].bytes);
	to[n] = '\0';
	return n;
}

static void what_is_the_same_is_so_byte_for_byte_and_the_rest_says_why(void)
{
	static const struct {
		const char *why, *message, *text, *partial, *want; /* want NULL: the same */
		bool is_merge;
	} cases[] = {
		/* clang-format off */
		{ "nothing varies", "Subject: new terms\n", "Hello", NULL, NULL, false },
		{ "of the campaign", "Subject: {{ campaign.name }}\n", "{{ 'now' | date: '%Y' }}", NULL, NULL, false },
		{ "set by itself", "Subject: s\n", "{% assign x = 3 %}{{ x | plus: 1 }}{% for i in (1..x) %}{{ i }}{% endfor %}", NULL, NULL, false },
		{ "no column, with a default", "Subject: s\n", "{{ nick | default: 'you' }}", NULL, NULL, false },
		{ "a partial that is not called", "Subject: s\n", "x", "{{ name }}", NULL, false },
		{ "tags of the campaign", "Subject: [*jobid]\n", "[*from] [*date]", NULL, NULL, true },
		{ "a column in the subject", "Subject: {{ name }}\n", "x", NULL, "the column name differs", false },
		{ "a column in the body", "Subject: s\n", "x{{ plan }}", NULL, "the column plan differs", false },
		{ "in a condition", "Subject: s\n", "{% if plan == 'a' %}A{% endif %}", NULL, "the column plan differs", false },
		{ "with a default", "Subject: s\n", "{{ name | default: 'you' }}", NULL, "the column name differs", false },
		{ "in an argument", "Subject: s\n", "{{ 'a' | append: name }}", NULL, "the column name differs", false },
		{ "in a partial", "Subject: s\n", "{% include 'p' %}", "{{ name }}", "the column name differs", false },
		{ "by a name made at run time", "Subject: s\n", "{% assign n = 'na' | append: 'me' %}{{ [n] }}", NULL, "a column whose name", false },
		{ "a tag of a column", "Subject: [name]\n", "x", NULL, "the column name differs", true },
		{ "a tag of the recipient", "Subject: s\n", "[*to]", NULL, "[*to] differs", true },
		{ "where it leaves the list", "Subject: s\n", "{{ unsubscribe_url }}", NULL, "unsubscribe_url differs", false },
		/* clang-format on */
	};
	static uint8_t slab[SLAB_BYTES];
	static char one[SLAB_BYTES + 1], other[SLAB_BYTES + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_campaign c = notice();
		struct tpl_text_source partial = {
			span_str("p"), span_str(cases[i].partial != NULL ? cases[i].partial : "")
		};
		struct tpl_sources s = { .message = span_str(cases[i].message),
			                 .text = span_str(cases[i].text),
			                 .has_text = true,
			                 .merge_message = cases[i].is_merge,
			                 .merge_text = cases[i].is_merge,
			                 .partials = &partial,
			                 .n_partials = cases[i].partial != NULL };
		struct tpl_err err = { .line = 0 };
		struct tpl *tpl;
		int r = tpl_open_sources(&s, &columns, &tpl, &err);

		if (r != 0)
			printf("\n    %s: %s", cases[i].why, err.text);
		CU_ASSERT_EQUAL_FATAL(r, 0);
		r = tpl_check_same(tpl, &columns, &c, &err);
		if (cases[i].want == NULL && r == 0) {
			size_t n = compose(tpl, &c, "a@a.test", "Ann", slab, one);

			CU_ASSERT_EQUAL(compose(tpl, &c, "bob@c.test", "Bob", slab, other), n);
			CU_ASSERT_EQUAL(memcmp(one, other, n), 0);
			CU_ASSERT_PTR_NOT_NULL(strstr(one, "\r\nTo: undisclosed-recipients:;\r\n"));
		}
		if ((r == 0) != (cases[i].want == NULL) ||
		    (r != 0 && (strstr(err.text, cases[i].want) == NULL || err.line == 0)))
			printf("\n    %s: got %d, %s:%u: %s", cases[i].why, r, err.file, err.line,
			       err.text);
		CU_ASSERT_EQUAL(r, cases[i].want == NULL ? 0 : -EINVAL);
		CU_ASSERT(r == 0 || strstr(err.text, cases[i].want) != NULL);
		CU_ASSERT(r == 0 || err.line > 0);
		tpl_close(tpl);
	}
}

static void fields_made_for_each_recipient_differ(void)
{
	static const char own[] = "Subject: s\nList-Unsubscribe: <mailto:leave@b.test>\n";
	static const struct {
		const char *why, *to, *unsubscribe, *message, *want;
		enum tpl_class class;
	} cases[] = {
		/* clang-format off */
		{ "To", "", "", "Subject: s\n", "To differs", TPL_CLASS_TRANSACTIONAL },
		{ "one-click", TPL_TO_NOBODY, "https://u.test/", "Subject: s\n", "List-Unsubscribe differs", TPL_CLASS_BULK },
		{ "its own", "Us <us@b.test>", "https://u.test/", own, NULL, TPL_CLASS_BULK },
		{ "not bulk", "us@b.test", "https://u.test/", "Subject: s\n", NULL, TPL_CLASS_TRANSACTIONAL },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_campaign c = notice();
		struct tpl_sources s = { .message = span_str(cases[i].message),
			                 .text = span_str("x"),
			                 .has_text = true };
		struct tpl_err err;
		struct tpl *tpl;
		int r;

		c.to = span_str(cases[i].to);
		c.unsubscribe_url = span_str(cases[i].unsubscribe);
		c.class = cases[i].class;
		CU_ASSERT_EQUAL_FATAL(tpl_open_sources(&s, &columns, &tpl, &err), 0);
		r = tpl_check_same(tpl, &columns, &c, &err);
		if (r != (cases[i].want == NULL ? 0 : -EINVAL))
			printf("\n    %s: got %d", cases[i].why, r);
		CU_ASSERT_EQUAL(r, cases[i].want == NULL ? 0 : -EINVAL);
		CU_ASSERT(r == 0 || strstr(err.text, cases[i].want) != NULL);
		tpl_close(tpl);
	}
}

static void to_is_one_address_or_the_empty_group(void)
{
	static const struct {
		const char *to, *want; /* NULL: refused */
	} cases[] = {
		{ TPL_TO_NOBODY, "To: undisclosed-recipients:;\r\n" },
		{ "Our members <members@b.test>", "To: Our members <members@b.test>\r\n" },
		{ "members@b.test", "To: members@b.test\r\n" },
		{ "a@b.test, c@b.test", NULL },
		{ "group: a@b.test;", NULL },
	};
	static uint8_t slab[SLAB_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_sources s = { .message = span_str("Subject: s\n"),
			                 .text = span_str("x"),
			                 .has_text = true };
		struct tpl_campaign c = notice();
		struct tpl_job job = { .campaign = &c,
			               .envelope = { span_str("r@b.test"), span_str("q@c.test") },
			               .first_attempt_s = 1000 };
		struct tpl_err err;
		struct tpl_out out;
		struct tpl *tpl;
		int r;

		c.to = span_str(cases[i].to);
		CU_ASSERT_EQUAL_FATAL(tpl_open_sources(&s, &columns, &tpl, &err), 0);
		job.tpl = tpl;
		r = tpl_compose(&job, slab, SLAB_BYTES, &out, &err);
		CU_ASSERT_EQUAL(r, cases[i].want == NULL ? -EINVAL : 0);
		if (r == 0 && cases[i].want != NULL)
			CU_ASSERT_PTR_NOT_NULL(memmem(out.wire[0].at, out.wire[0].bytes,
			                              cases[i].want, strlen(cases[i].want)));
		tpl_close(tpl);
	}
}

SUITE("templates/same", TEST(what_is_the_same_is_so_byte_for_byte_and_the_rest_says_why),
      TEST(fields_made_for_each_recipient_differ), TEST(to_is_one_address_or_the_empty_group))
