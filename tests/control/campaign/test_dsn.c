/* test_dsn.c - every address is said in ASCII, without a byte that could end a command. */
#include "control/campaign/dsn.h"

#include <string.h>

#include "tests/support/suite.h"

static void an_original_recipient_is_said_in_the_form_that_its_letters_need(void)
{
	static const struct {
		const char *why, *address, *want;
	} cases[] = {
		/* clang-format off */
		{ "as it was written", "Anna.Bell@Example.COM", "rfc822;Anna.Bell@Example.COM" },
		{ "xtext: + and = (RFC 3461 4)", "a+b=c@x.test", "rfc822;a+2Bb+3Dc@x.test" },
		{ "xtext: a blank", "\"a b\"@x.test", "rfc822;\"a+20b\"@x.test" },
		{ "a backslash stands in xtext", "\"a\\\\b\"@x.test", "rfc822;\"a\\\\b\"@x.test" },
		{ "two bytes (RFC 6533 3)", "j\xc3\xb6rg@x.test", "utf-8;j\\x{F6}rg@x.test" },
		{ "a domain in its own letters", "info@b\xc3\xbc" "cher.test", "utf-8;info@b\\x{FC}cher.test" },
		{ "three bytes", "\xe4\xb8\xad@x.test", "utf-8;\\x{4E2D}@x.test" },
		{ "four bytes", "\xf0\x9f\x93\xa7@x.test", "utf-8;\\x{1F4E7}@x.test" },
		{ "+, = and \\ beside them", "\xc3\xb6+a=b\\@x.test", "utf-8;\\x{F6}\\x{2B}a\\x{3D}b\\x{5C}@x.test" },
		{ "a line end ends nothing", "a\r\nRCPT TO:<b@x.test", "rfc822;a+0D+0ARCPT+20TO:<b@x.test" },
		{ "no UTF-8 is no text", "\xff@x.test", "" },
		{ "nothing", "", "" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[DSN_ORCPT_MAX];
		struct span got = span_of(out, dsn_orcpt(span_str(cases[i].address), out));
		bool same = span_eq(got, span_str(cases[i].want));

		if (!same)
			printf("\n    %s: got %.*s, want %s", cases[i].why, (int)got.bytes, out,
			       cases[i].want);
		CU_ASSERT_TRUE(same);
	}
}

static void one_that_takes_over_500_octets_is_left_out(void)
{
	char address[256], out[DSN_ORCPT_MAX];

	memset(address, '=', sizeof(address)); /* three octets each, behind "rfc822;" */
	CU_ASSERT_EQUAL(dsn_orcpt(span_of(address, 164), out), 499);
	CU_ASSERT_EQUAL(dsn_orcpt(span_of(address, 165), out), 0);
}

SUITE("control/campaign/dsn", TEST(an_original_recipient_is_said_in_the_form_that_its_letters_need),
      TEST(one_that_takes_over_500_octets_is_left_out))
