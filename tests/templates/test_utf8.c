/* test_utf8.c - UTF-8 is what RFC 3629 says, at its edges too. */
#include "templates/utf8.h"

#include "tests/support/suite.h"

static void the_edges_of_each_length_are_told(void)
{
	static const struct {
		const char *why, *bytes;
		size_t want;
	} cases[] = {
		/* clang-format off */
		{ "ASCII", "a", 1 },                       { "the last of one", "\x7f", 1 },
		{ "a tail alone", "\x80", 0 },             { "an overlong pair", "\xc1\xbf", 0 },
		{ "the first of two", "\xc2\x80", 2 },     { "the last of two", "\xdf\xbf", 2 },
		{ "half of two", "\xc2", 0 },              { "two without a tail", "\xc2" "a", 0 },
		{ "an overlong three", "\xe0\x9f\xbf", 0 }, { "the first of three", "\xe0\xa0\x80", 3 },
		{ "before surrogates", "\xed\x9f\xbf", 3 }, { "a surrogate", "\xed\xa0\x80", 0 },
		{ "after surrogates", "\xee\x80\x80", 3 }, { "the last of three", "\xef\xbf\xbf", 3 },
		{ "two of three", "\xe2\x82", 0 },         { "an overlong four", "\xf0\x8f\xbf\xbf", 0 },
		{ "the first of four", "\xf0\x90\x80\x80", 4 },
		{ "the last of all", "\xf4\x8f\xbf\xbf", 4 },
		{ "beyond the last", "\xf4\x90\x80\x80", 0 }, { "far beyond", "\xf5\x80\x80\x80", 0 },
		{ "three of four", "\xf0\x9f\x98", 0 },    { "nothing", "", 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t got = utf8_char_bytes(span_str(cases[i].bytes));

		if (got != cases[i].want)
			printf("\n    %s: got %zu", cases[i].why, got);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void every_character_is_read_back_as_written(void)
{
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		uint8_t b[4];
		size_t n = utf8_encode(code, b);

		if (utf8_char_bytes(span_of(b, n)) != n) {
			printf("\n    U+%04X", code);
			CU_FAIL("not well-formed");
			return;
		}
	}
	CU_PASS("all 1,114,112");
}

static void what_is_no_character_becomes_the_replacement(void)
{
	static const uint32_t codes[] = { 0xd800, 0xdfff, 0x110000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		uint8_t b[4];

		CU_ASSERT_EQUAL(utf8_encode(codes[i], b), 3);
		CU_ASSERT_EQUAL(memcmp(b, "\xef\xbf\xbd", 3), 0);
	}
}

static void the_first_bad_byte_is_found(void)
{
	CU_ASSERT_EQUAL(utf8_first_bad(span_str("a\xc3\xbc"
	                                        "b")),
	                4);
	CU_ASSERT_EQUAL(utf8_first_bad(span_str("a\xc3\xbc\xff"
	                                        "b")),
	                3);
	CU_ASSERT(utf8_is_ascii(span_str("abc")));
	CU_ASSERT(!utf8_is_ascii(span_str("ab\xc3\xbc")));
}

SUITE("templates/utf8", TEST(the_edges_of_each_length_are_told),
      TEST(every_character_is_read_back_as_written),
      TEST(what_is_no_character_becomes_the_replacement), TEST(the_first_bad_byte_is_found))
