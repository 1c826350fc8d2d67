/* test_fields.c - message.liquid is read line by line; what a template may not write is refused. */
#include "templates/fields.h"

#include <errno.h>

#include "tests/support/suite.h"

static const struct span names[] = { { (const uint8_t *)"n", 1 } };
static const struct tpl_columns columns = { .names = names, .n = 1 };

static struct unit unit;

/* Both are to be freed, whatever is returned. */
static int parse(struct fields *f, const char *text, struct tpl_err *err)
{
	struct src src;

	CU_ASSERT_EQUAL_FATAL(unit_init(&unit, &columns), 0);
	CU_ASSERT_EQUAL_FATAL(src_init(&src, "message.liquid", span_str(text), err), 0);
	return fields_parse(f, &src, &unit, err);
}

static void fields_stand_one_a_line(void)
{
	struct fields f;
	struct tpl_err err;

	CU_ASSERT_EQUAL(parse(&f,
	                      "{% comment %} ours {% endcomment %}\r\nSubject: a {{ n }}\r\n"
	                      "  more\r\n\r\nX-Tag: b\nX-Tag: c\n \nfrom: a@b.test",
	                      &err),
	                0);
	CU_ASSERT_EQUAL_FATAL(f.n, 4);
	CU_ASSERT_STRING_EQUAL(f.at[0].name, "Subject");
	CU_ASSERT_EQUAL(f.at[0].line, 2);
	CU_ASSERT_EQUAL(f.at[0].value.n_ops, 4); /* text, column, emit, text */
	CU_ASSERT_PTR_EQUAL(fields_find(&f, "FROM"), &f.at[3]);
	CU_ASSERT_EQUAL(f.at[3].kind, HEADER_MAILBOX);
	CU_ASSERT_PTR_NULL(fields_find(&f, "Reply-To"));
	fields_fini(&f);
	unit_fini(&unit);
}

static void what_a_template_may_not_write_is_refused_with_its_line(void)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *says;
	} cases[] = {
		/* clang-format off */
		{ "Subject: a\nBcc: x@y.test\n", 2, 1, "a template may not write Bcc: each message has one recipient" },
		{ "cc: x@y.test\n", 1, 1, "each message has one recipient" },
		{ "To: x@y.test\n", 1, 1, "the recipient's address" },
		{ "Content-Type: text/plain\n", 1, 1, "follows from the bodies" },
		{ "mime-version: 1.0\n", 1, 1, "follows from the bodies" },
		{ "DATE: now\n", 1, 1, "time of the first attempt" },
		{ "Message-ID: <x@y>\n", 1, 1, "made for each message" },
		{ "Return-Path: <x@y>\n", 1, 1, "--return-path" },
		{ "Received: x\n", 1, 1, "servers on the way" },
		{ "Resent-To: x\n", 1, 1, "no resent message" },
		{ "DKIM-Signature: x\n", 1, 1, "signatures are made" },
		{ "ARC-Seal: x\n", 1, 1, "servers on the way" },
		{ "Subject: a\n\nSUBJECT: b\n", 3, 1, "a second SUBJECT field" },
		{ "From: a@b.test\n", 0, 0, "no Subject field" },
		{ "", 0, 0, "no Subject field" },
		{ "Hello\n", 1, 6, "expected a header field" },
		{ "Sub ject: a\n", 1, 4, "expected a header field" },
		{ ": a\n", 1, 1, "expected a header field" },
		{ "Sübject: a\n", 1, 2, "expected a header field" },
		{ "{{ n }}: a\n", 1, 3, "expected a header field" },
		{ "{% raw %}Subject{% endraw %}: a\n", 1, 1, "begins with its field name" },
		{ "Subject: {{ m }}\n", 1, 13, "unknown variable \"m\"" },
		{ "Subject: {{ n\n}}\n", 1, 10, "\"{{\" is never closed" },
		{ "Subject: {{ 'a\n b' }}\n", 1, 13, "line end or control character" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fields f;
		struct tpl_err err = { 0 };
		int r = parse(&f, cases[i].text, &err);
		bool ok = r == -EINVAL && err.line == cases[i].line &&
		          err.column == cases[i].column && strstr(err.text, cases[i].says) != NULL;

		if (!ok)
			printf("\n    %s: got %d %u:%u %s", cases[i].text, r, err.line, err.column,
			       err.text);
		CU_ASSERT(ok);
		fields_fini(&f);
		unit_fini(&unit);
	}
}

static void there_are_as_many_fields_as_the_bound_and_no_more(void)
{
	char text[(FIELDS_MAX + 1) * 5 + 16] = "Subject: s\n";
	struct fields f;
	struct tpl_err err = { 0 };

	for (int i = 1; i < FIELDS_MAX; i++)
		strcat(text, "X: y\n");
	CU_ASSERT_EQUAL(parse(&f, text, &err), 0);
	CU_ASSERT_EQUAL(f.n, FIELDS_MAX);
	fields_fini(&f);
	unit_fini(&unit);
	strcat(text, "X: y\n");
	CU_ASSERT_EQUAL(parse(&f, text, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.line, FIELDS_MAX + 1);
	fields_fini(&f);
	unit_fini(&unit);
}

SUITE("templates/fields", TEST(fields_stand_one_a_line),
      TEST(what_a_template_may_not_write_is_refused_with_its_line),
      TEST(there_are_as_many_fields_as_the_bound_and_no_more))
