/* test_conf_read.c - bytes become statements, whoever wrote them. */
#include <errno.h>

#include "control/conf/conf_read.h"
#include "tests/support/suite.h"

static int read_text(const char *text, struct conf_doc *doc, char *why)
{
	return conf_read("f", span_str(text), doc, why);
}

/* "line path/path key=value,value" for each item, separated by blanks. */
static void flat(const struct conf_doc *doc, char *out, size_t room)
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < doc->n_items && used < room; i++) {
		const struct conf_item *it = &doc->items[i];

		used +=
		    (size_t)snprintf(out + used, room - used, "%s%u:", i == 0 ? "" : " ", it->line);
		for (uint32_t n = 0; n < it->n_path; n++)
			used += (size_t)snprintf(out + used, room - used, "%s/", it->path[n]);
		if (it->key != NULL)
			used += (size_t)snprintf(out + used, room - used, "%s=", it->key);
		for (uint32_t n = 0; n < it->n_values; n++)
			used += (size_t)snprintf(out + used, room - used, "%s%s", n == 0 ? "" : ",",
			                         it->values[n]);
	}
}

static void statements_are_read_in_every_way_they_may_be_written(void)
{
	static const struct {
		const char *why, *text, *want;
	} cases[] = {
		/* clang-format off */
		{ "nothing", "", "" },
		{ "only comments", "# a\n/* b\n c */ # d", "" },
		{ "equals, colon, neither", "a=1\nb: 2\nc 3", "1:a=1 2:b=2 3:c=3" },
		{ "semicolons and commas", "a=1; b=2, c=3;", "1:a=1 1:b=2 1:c=3" },
		{ "a comment after a value", "a = 1 # one\nb = 2", "1:a=1 2:b=2" },
		{ "carriage returns", "a = 1\r\nb = 2\r\n", "1:a=1 2:b=2" },
		{ "quotes of both kinds", "a = \"x y\"; b = 'p \"q\"'", "1:a=x y 1:b=p \"q\"" },
		{ "escapes", "a = \"\\\"\\\\\\/\"", "1:a=\"\\/" },
		{ "colons belong to values", "a = fd09::1; b fd09::2; c ::3", "1:a=fd09::1 1:b=fd09::2 1:c=::3" },
		{ "a block", "s { a = 1 }", "1:s/ 1:s/a=1" },
		{ "a block with a name", "s \"n\" { a = 1; }", "1:s/n/ 1:s/n/a=1" },
		{ "a brace on the next line", "s n\n\n{\n a = 1\n}\nb = 2", "1:s/n/ 4:s/n/a=1 6:b=2" },
		{ "blocks in a block, as JSON has them", "{\"s\": {\"n\": {\"a\": 1}}}", "1:s/ 1:s/n/ 1:s/n/a=1" },
		{ "a list over lines", "a = [1, 2\n, 3 ]", "1:a=1,2,3" },
		{ "an empty list", "a = []", "1:a=" },
		{ "an empty string", "a = \"\"", "1:a=" },
		{ "lines are counted over comments", "/*\n\n*/ a = 1", "3:a=1" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[CONF_WHY_BYTES] = "", got[500] = "";
		struct conf_doc doc;
		int err = read_text(cases[i].text, &doc, why);

		flat(&doc, got, sizeof(got));
		if (err != 0 || strcmp(got, cases[i].want) != 0)
			printf("\n    %s: got %s %s, want %s", cases[i].why, got, why,
			       cases[i].want);
		CU_ASSERT_EQUAL(err, 0);
		CU_ASSERT_STRING_EQUAL(got, cases[i].want);
		conf_doc_fini(&doc);
	}
}

static void what_cannot_be_read_is_told_with_its_line(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		/* clang-format off */
		{ "a = \"x\nb", "f:1: this string does not end on its line; close the quotes" },
		{ "\na = \"x", "f:2: this string does not end; close the quotes" },
		{ "a = \"\x01\"", "f:1: control character in a string; remove it" },
		{ "a = \"\\n\"", "f:1: only \\\" \\\\ and \\/ may follow a backslash; double it" },
		{ "a = \x7f", "f:1: control character; is this a text file?" },
		{ "\n/* x\n", "f:2: this comment never ends; close it with */" },
		{ "}", "f:1: \"}\" closes nothing; remove it" },
		{ "\ns n {\n a = 1\n", "f:2: block \"s\" is never closed; add a }" },
		{ "{ a = 1", "f:1: the brace is never closed; add a }" },
		{ "a {\n b c {\n", "f:2: block \"b\" stands too deep; close the block before it" },
		{ "a", "f:1: a: has no value; write a = value" },
		{ "a = ;", "f:1: a: has no value; write a = value" },
		{ "a = 1 2", "f:1: a: \"1\" is followed by \"2\"; end the statement with ; or put a value that "
		             "holds blanks in quotes" },
		{ "a = 1 = 2", "f:1: \"=\" makes no sense here; write key = value" },
		{ "a = [1 { 2", "f:1: a: this list does not end; close it with ]" },
		{ "[1]", "f:1: a bracket without a key; write key = value" },
		{ "= 1", "f:1: \"=\" makes no sense here; write key = value" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[CONF_WHY_BYTES] = "";
		struct conf_doc doc;
		int err = read_text(cases[i].text, &doc, why);

		if (err != -EINVAL || strcmp(why, cases[i].want) != 0)
			printf("\n    %s: got %s, want %s", cases[i].text, why, cases[i].want);
		CU_ASSERT_EQUAL(err, -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].want);
		CU_ASSERT_EQUAL(doc.n_items, 0);
	}
}

static void words_and_lists_are_bounded(void)
{
	char text[4096] = "a = ", why[CONF_WHY_BYTES];
	struct conf_doc doc;

	memset(text + 4, 'x', CONF_WORD_MAX);
	text[4 + CONF_WORD_MAX] = '\0';
	CU_ASSERT_EQUAL(read_text(text, &doc, why), 0);
	conf_doc_fini(&doc);
	strcat(text, "x");
	CU_ASSERT_EQUAL(read_text(text, &doc, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "f:1: word longer than 1,023 bytes; shorten it");

	strcpy(text, "a = [");
	for (int i = 0; i < CONF_VALUES_MAX + 1; i++)
		strcat(text, "1,");
	strcat(text, "]");
	CU_ASSERT_EQUAL(read_text(text, &doc, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "f:1: a: more than 256 values; shorten the list");
}

static void a_nul_byte_is_refused_and_not_the_end(void)
{
	static const char text[] = "a = 1\n\0b = 2\n";
	char why[CONF_WHY_BYTES];
	struct conf_doc doc;

	CU_ASSERT_EQUAL(conf_read("f", span_of(text, sizeof(text) - 1), &doc, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "f:2: control character; is this a text file?");
}

SUITE("control/conf/conf_read", TEST(statements_are_read_in_every_way_they_may_be_written),
      TEST(what_cannot_be_read_is_told_with_its_line), TEST(words_and_lists_are_bounded),
      TEST(a_nul_byte_is_refused_and_not_the_end))
