/* test_rules.c - a file of rules says what it says, or one clear line. */
#include "control/gate/rules.h"

#include <errno.h>
#include <string.h>

#include "tests/support/suite.h"

static void each_word_of_a_line_is_read(void)
{
	static const char text[] =
	    "# comment\n\n"
	    "  a.1 stop text,html reject /x\\/y\\\\/ic  what a person is told  \r\n"
	    "b note url pass /://z/\n"
	    "c note all tag @card/ut\n"
	    "d\tnote\turl\thold\t@host-mixed\tn";
	struct rules *r = NULL;
	char why[RULES_WHY_BYTES] = "", where[64];

	/* the second has a slash inside: it ends the pattern, and the rest is a flag */
	CU_ASSERT_EQUAL(rules_parse("f", span_str(text), &r, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "f:4:"));
	CU_ASSERT_EQUAL_FATAL(rules_parse("f",
	                                  span_str("a.1 stop text,html reject /x\\/y/ic  told \r\n"
	                                           "\t# b\n"
	                                           "c note subject,text tag @card/ut\n"
	                                           "d\tnote\turl\thold\t@host-mixed\tn\n"
	                                           "e note url pass /e/s\n"),
	                                  &r, why),
	                      0);
	CU_ASSERT_EQUAL(r->n, 4);
	CU_ASSERT_EQUAL(r->n_patterns, 3); /* a, e, and what comes before hosts */
	CU_ASSERT_STRING_EQUAL(r->at[0].id, "a.1");
	CU_ASSERT_STRING_EQUAL(r->at[0].note, "told ");
	CU_ASSERT_EQUAL(r->at[0].grade, DP_GATE_STOP);
	CU_ASSERT_EQUAL(r->at[0].action, DP_GATE_REJECT);
	CU_ASSERT_EQUAL(r->at[0].checks, GATE_NOT_CODE);
	CU_ASSERT_STRING_EQUAL(r->patterns[0].regex, "x\\/y");
	CU_ASSERT_EQUAL(r->patterns[0].flags,
	                MATCH_CASELESS); /* a check may fail: told of each time */
	CU_ASSERT_EQUAL(r->at[1].checks, GATE_CARD | GATE_NOT_URL | GATE_NOT_TAG);
	CU_ASSERT_EQUAL(r->lines[2], 4);
	CU_ASSERT_EQUAL(r->patterns[1].flags, MATCH_DOTALL);
	CU_ASSERT_STRING_EQUAL(r->patterns[2].regex, GATE_HOSTS_REGEX);
	rules_where_text(r->at[0].where, where);
	CU_ASSERT_STRING_EQUAL(where, "text,html");
	rules_free(r);
}

static void what_is_wrong_is_told_with_its_line(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		/* clang-format off */
		{ "a", "f:2: grade \"\": it is one of: note, stop" },
		{ "a stopp all pass /x/", "f:2: grade \"stopp\": it is one of: note, stop" },
		{ "a note", "f:2: a line is: ID GRADE WHERE ACTION" },
		{ "a note txt pass /x/", "f:2: where \"txt\": it is one of: subject, text, html, url, header, attachment, file, all" },
		{ "a note text,,html pass /x/", "f:2: where \"\":" },
		{ "a note text drop /x/", "f:2: action \"drop\": it is one of: pass, tag, hold, reject" },
		{ "a note text pass x", "f:2: the pattern stands between slashes" },
		{ "a note text pass", "f:2: the pattern stands between slashes" },
		{ "a note text pass /x", "f:2: the pattern has no slash at its end" },
		{ "a note text pass /x\\/", "f:2: the pattern has no slash at its end" },
		{ "a note text pass //", "f:2: the pattern is empty" },
		{ "a note text pass /x/q", "f:2: flag \"q\" behind the pattern" },
		{ "a note text pass @crad", "f:2: pattern \"@crad\": it is one of: @card, @host-address" },
		{ "a note url pass @card", "f:2: @card is not looked for in links" },
		{ "a note text pass @host-mixed", "f:2: hosts are those of links; where is url" },
		{ "a stop text pass /x/", "f:2: a stop rule lets nothing pass" },
		{ "a/b note text pass /x/", "f:2: id \"a/b\": use up to 40 letters" },
		{ "first note text pass /x/", "f:2: id \"first\" is that of line 1 already" },
		{ "a note text pass /x/ \x01", "f:2: the note has a control character" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512], why[RULES_WHY_BYTES] = "";
		struct rules *r;
		int rc;

		snprintf(text, sizeof(text),
		         "first note all pass /x/\n%s\nlast note all pass /x/\n", cases[i].line);
		rc = rules_parse("f", span_str(text), &r, why);
		if (rc == 0 || strncmp(why, cases[i].want, strlen(cases[i].want)) != 0)
			printf("\n    %s: got \"%s\"", cases[i].line, why);
		CU_ASSERT_EQUAL(rc, -EINVAL);
		CU_ASSERT_EQUAL(strncmp(why, cases[i].want, strlen(cases[i].want)), 0);
	}
}

static void bounds_are_held(void)
{
	static char text[GATE_RULES_MAX * 40 + 4096];
	char why[RULES_WHY_BYTES];
	struct rules *r = NULL;
	size_t n = 0;

	for (int i = 0; i < GATE_RULES_MAX; i++)
		n += (size_t)sprintf(text + n, "r%d note all pass /x/\n", i);
	CU_ASSERT_EQUAL(rules_parse("f", span_of(text, n), &r, why), 0);
	CU_ASSERT_EQUAL(r->n, GATE_RULES_MAX);
	rules_free(r);
	n += (size_t)sprintf(text + n, "more note all pass /x/\n");
	CU_ASSERT_EQUAL(rules_parse("f", span_of(text, n), &r, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "f:16385: over 16384 rules"));

	memset(text, 'x', RULES_LINE_BYTES_MAX + 1);
	CU_ASSERT_EQUAL(rules_parse("f", span_of(text, RULES_LINE_BYTES_MAX + 1), &r, why),
	                -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "f:1: the line has over"));
	CU_ASSERT_EQUAL(rules_parse("f", span_of("#\n# \0 x\n", 8), &r, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "f:2: the line has a zero byte"));
	CU_ASSERT_EQUAL(rules_parse("f", span_of(NULL, 0), &r, why), 0);
	CU_ASSERT_EQUAL(r->n, 0);
	rules_free(r);
}

static void a_file_that_cannot_be_read_is_named(void)
{
	char why[RULES_WHY_BYTES];
	struct rules *r;

	CU_ASSERT_EQUAL(rules_read("/no/such/file", &r, why), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why, "gate.rules: /no/such/file: No such file or directory");
	CU_ASSERT_EQUAL(rules_read("/", &r, why), -EINVAL);
}

SUITE("control/gate/rules", TEST(each_word_of_a_line_is_read),
      TEST(what_is_wrong_is_told_with_its_line), TEST(bounds_are_held),
      TEST(a_file_that_cannot_be_read_is_named))
