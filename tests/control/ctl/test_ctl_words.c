/* test_ctl_words.c - a request line becomes words, and words a line. */
#include <errno.h>
#include <stdlib.h>

#include "control/ctl/ctl.h"
#include "control/ctl/ctl_words.h"
#include "tests/support/suite.h"

static void words_are_split_and_unquoted(void)
{
	static const struct {
		const char *why, *line, *want; /* words parted by '|'; "!" and the trouble */
	} cases[] = {
		/* clang-format off */
		{ "nothing", "", "" },
		{ "blanks only", " \t ", "" },
		{ "plain words", " show  stats ", "show|stats" },
		{ "double quotes", "a \"b c\" d", "a|b c|d" },
		{ "single quotes keep backslashes", "'a\\b' c", "a\\b|c" },
		{ "quotes within a word", "key=\"a b\"c", "key=a bc" },
		{ "escapes", "a\\ b \"c\\\"d\\\\\"", "a b|c\"d\\" },
		{ "an empty word", "a \"\" b", "a||b" },
		{ "a word at the very end", "a 'b'", "a|b" },
		{ "an open quote", "a \"b", "!the quotes are not closed" },
		{ "a lone backslash", "a \\", "!nothing follows the backslash; double it" },
		{ "a control character", "a \x1b", "!control character in the request; remove it" },
		{ "one behind a backslash", "a \\\x1b", "!nothing follows the backslash; double it" },
		{ "too many", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33",
		  "!more than 32 words; quote what holds blanks" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *words[CTL_WORDS_MAX], line[300], got[400] = "";
		const char *why = NULL;
		int n;

		strcpy(line, cases[i].line);
		n = ctl_words_split(line, words, &why);
		if (n == -EINVAL)
			snprintf(got, sizeof(got), "!%s", why);
		for (int w = 0; w < n; w++) {
			strcat(got, w == 0 ? "" : "|");
			strcat(got, words[w]);
		}
		if (strcmp(got, cases[i].want) != 0)
			printf("\n    %s: got %s, want %s", cases[i].why, got, cases[i].want);
		CU_ASSERT_STRING_EQUAL(got, cases[i].want);
	}
}

static void a_quoted_word_is_read_back(void)
{
	static const char *const all[] = { "plain", "",     "a b",     "\"",
		                           "\\",    "it's", "k=v w\t", "\xc3\xa9" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *line, *words[CTL_WORDS_MAX];
		const char *why;
		size_t bytes;
		FILE *out = open_memstream(&line, &bytes);

		ctl_quote(out, all[i]);
		fclose(out);
		if (strchr(all[i], '\t') == NULL) {
			CU_ASSERT_EQUAL(ctl_words_split(line, words, &why), 1);
			CU_ASSERT_STRING_EQUAL(words[0], all[i]);
		} else {
			CU_ASSERT_EQUAL(ctl_words_split(line, words, &why), -EINVAL);
		}
		free(line);
	}
}

SUITE("control/ctl/ctl_words", TEST(words_are_split_and_unquoted), TEST(a_quoted_word_is_read_back))
