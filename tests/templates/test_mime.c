/* test_mime.c - each body gets the encoding that lets it pass, and that encoding to the byte. */
#include "templates/mime.h"

#include "tests/support/suite.h"

static void the_encoding_follows_from_the_content(void)
{
	static char long_umlaut[1001], long_line[1001], just_fits[1001];
	const struct {
		const char *why, *body;
		enum mime_encoding want;
	} cases[] = {
		/* clang-format off */
		{ "ASCII", "Hello\r\n", MIME_7BIT },
		{ "nothing", "", MIME_7BIT },
		{ "an umlaut", "Grüße\r\n an alle", MIME_QP },
		{ "mostly Cyrillic", "Привет, мир", MIME_BASE64 },
		{ "a line of 998", just_fits, MIME_7BIT },
		{ "a line of 1000", long_line, MIME_QP },
		/* clang-format on */
	};
	static const struct {
		const char *why, *body;
		enum mime_encoding want;
	} asked[] = {
		{ "ASCII", "Hello\r\n", MIME_7BIT },
		{ "an umlaut", "Grüße\r\n an alle", MIME_8BIT },
		{ "mostly Cyrillic", "Привет, мир", MIME_8BIT },
		{ "a line of 1000", long_line, MIME_QP },
		{ "an umlaut in a long line", long_umlaut, MIME_QP },
	};

	memset(long_line, 'w', 1000);
	memset(long_umlaut, 'w', 1000);
	memcpy(long_umlaut, "\xc3\xbc", 2);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		CU_ASSERT_EQUAL(mime_choose(span_str(asked[i].body), true), asked[i].want);
	memset(just_fits, 'w', 998);
	memcpy(just_fits + 998, "\r\n", 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum mime_encoding got = mime_choose(span_str(cases[i].body), false);

		if (got != cases[i].want)
			printf("\n    %s: got %s", cases[i].why, mime_encoding_name(got));
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void bodies_are_encoded_to_the_byte(void)
{
	static const struct {
		const char *why;
		enum mime_encoding encoding;
		const char *body, *want;
	} cases[] = {
		/* clang-format off */
		{ "7bit is the body", MIME_7BIT, "a \r\nb", "a \r\nb" },
		{ "equals and bytes beyond ASCII", MIME_QP, "a=ü", "a=3D=C3=BC" },
		{ "a blank before a line end", MIME_QP, "a \r\nb\t", "a=20\r\nb=09" },
		{ "blanks elsewhere", MIME_QP, "a b\tc", "a b\tc" },
		{ "76 without a break", MIME_QP,
		  "0123456789012345678901234567890123456789012345678901234567890123456789012345",
		  "0123456789012345678901234567890123456789012345678901234567890123456789012345" },
		{ "77 with one, the = as 76th", MIME_QP,
		  "01234567890123456789012345678901234567890123456789012345678901234567890123456",
		  "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n56" },
		{ "a coded byte is not divided", MIME_QP,
		  "01234567890123456789012345678901234567890123456789012345678901234567890123=a",
		  "01234567890123456789012345678901234567890123456789012345678901234567890123=\r\n=3Da" },
		{ "base64", MIME_BASE64, "a", "YQ==" },
		{ "base64 of three", MIME_BASE64, "abc", "YWJj" },
		{ "base64 in lines of 76", MIME_BASE64,
		  "0123456789012345678901234567890123456789012345678901234567",
		  "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\nNw==" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[512];
		struct buf out = { .at = room, .max = sizeof(room) };

		mime_put(&out, cases[i].encoding, span_str(cases[i].body));
		if (!span_eq(buf_since(&out, 0), span_str(cases[i].want)))
			printf("\n    %s: got %.*s", cases[i].why, (int)out.bytes,
			       (const char *)room);
		CU_ASSERT(span_eq(buf_since(&out, 0), span_str(cases[i].want)));
	}
}

SUITE("templates/mime", TEST(the_encoding_follows_from_the_content),
      TEST(bodies_are_encoded_to_the_byte))
