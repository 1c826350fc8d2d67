/* test_text.c - numbers and foreign text as people read them. */
#include "control/text.h"
#include <string.h>

#include "tests/support/suite.h"

static void thousands_are_set_apart(void)
{
	char out[TEXT_NUMBER_BYTES];

	CU_ASSERT_STRING_EQUAL(text_thousands(0, out), "0");
	CU_ASSERT_STRING_EQUAL(text_thousands(999, out), "999");
	CU_ASSERT_STRING_EQUAL(text_thousands(1000, out), "1,000");
	CU_ASSERT_STRING_EQUAL(text_thousands(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void a_duration_has_its_two_largest_parts(void)
{
	char out[TEXT_NUMBER_BYTES];

	CU_ASSERT_STRING_EQUAL(text_duration(0, out), "0 s");
	CU_ASSERT_STRING_EQUAL(text_duration(59, out), "59 s");
	CU_ASSERT_STRING_EQUAL(text_duration(60, out), "1 m");
	CU_ASSERT_STRING_EQUAL(text_duration(3725, out), "1 h 2 m");
	CU_ASSERT_STRING_EQUAL(text_duration(86405, out), "1 d");
	CU_ASSERT_STRING_EQUAL(text_duration(UINT64_MAX, out), "213503982334601 d 7 h");
}

static void a_time_is_utc_and_any_number_is_safe(void)
{
	char out[TEXT_NUMBER_BYTES];

	CU_ASSERT_STRING_EQUAL(text_time(0, out), "1970-01-01T00:00:00Z");
	CU_ASSERT_STRING_EQUAL(text_time(INT64_MAX, out), "@9223372036854775807");
}

static void foreign_text_becomes_one_harmless_line(void)
{
	static const struct {
		const char *why, *text, *want;
	} cases[] = {
		{ "plain", "550 no", "550 no" },
		{ "line ends and escapes", "a\r\nb\x1b[2J", "a  b [2J" },
		{ "UTF-8 stays", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "Latin-1 does not", "caf\xe9 au", "caf? au" },
		{ "an overlong slash", "\xc0\xaf", "??" },
		{ "an overlong of three", "\xe0\x80\xaf", "???" },
		{ "a surrogate", "\xed\xa0\x80", "???" },
		{ "past the end of Unicode", "\xf4\x90\x80\x80", "????" },
		{ "a C1 control",
		  "\xc2\x9b"
		  "2J",
		  " 2J" },
		{ "cut within a character", "\xe2\x82", "??" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[64];

		text_clean(cases[i].text, out, sizeof(out));
		if (strcmp(out, cases[i].want) != 0)
			printf("\n    %s: got %s", cases[i].why, out);
		CU_ASSERT_STRING_EQUAL(out, cases[i].want);
	}
}

static void cut_text_ends_with_a_whole_character(void)
{
	char out[4];

	CU_ASSERT_STRING_EQUAL(text_clean("ab\xc3\xa9", out, sizeof(out)), "ab");
	CU_ASSERT_STRING_EQUAL(text_clean("abcdef", out, sizeof(out)), "abc");
}

SUITE("control/text", TEST(thousands_are_set_apart), TEST(a_duration_has_its_two_largest_parts),
      TEST(a_time_is_utc_and_any_number_is_safe), TEST(foreign_text_becomes_one_harmless_line),
      TEST(cut_text_ends_with_a_whole_character))
