/* test_address.c - which texts are addresses, and why the others are not. */
#include "control/campaign/address.h"
#include "tests/support/suite.h"

static void addresses_are_taken_in_their_wire_form(void)
{
	static const struct {
		const char *text, *wire, *domain;
	} cases[] = {
		/* clang-format off */
		{ "anna@alpha.test",             "anna@alpha.test",                 "alpha.test" },
		{ "Anna.Lee+x@Alpha.TEST",       "Anna.Lee+x@Alpha.TEST",           "alpha.test" },
		{ "o'hara!#$%&*-/=?^_`{|}~@a.b", "o'hara!#$%&*-/=?^_`{|}~@a.b",     "a.b" },
		{ "\"a b\"@alpha.test",          "\"a b\"@alpha.test",              "alpha.test" },
		{ "\"a@b\"@alpha.test",          "\"a@b\"@alpha.test",              "alpha.test" },
		{ "\"a\\\"b\\\\\"@alpha.test",   "\"a\\\"b\\\\\"@alpha.test",       "alpha.test" },
		{ "a@b\xc3\xbc" "cher.example",  "a@xn--bcher-kva.example",         "xn--bcher-kva.example" },
		{ "a@B\xc3\x9c" "CHER.example",  "a@xn--bcher-kva.example",         "xn--bcher-kva.example" },
		{ "J\xc3\xb6rg@alpha.test",     "J\xc3\xb6rg@alpha.test",         "alpha.test" },
		{ "\"\xc3\xb6 x\"@alpha.test",  "\"\xc3\xb6 x\"@alpha.test",      "alpha.test" },
		{ "a@1.2.3.4x",                  "a@1.2.3.4x",                      "1.2.3.4x" },
		{ "a@xn--bcher-kva.example",     "a@xn--bcher-kva.example",         "xn--bcher-kva.example" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address got;
		const char *wrong = address_parse(span_str(cases[i].text), &got);

		if (wrong != NULL)
			printf("\n    %s: %s", cases[i].text, wrong);
		CU_ASSERT_PTR_NULL(wrong);
		if (wrong != NULL)
			continue;
		CU_ASSERT(span_eq(span_of(got.text, got.bytes), span_str(cases[i].wire)));
		CU_ASSERT_STRING_EQUAL(got.domain, cases[i].domain);
		CU_ASSERT_EQUAL(got.domain_bytes, strlen(cases[i].domain));
	}
}

#define TEN   "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void what_is_no_address_is_refused_with_its_reason(void)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		/* clang-format off */
		{ "",                           "no address" },
		{ "anna",                       "no @" },
		{ "@alpha.test",                "nothing before the @" },
		{ "anna@",                      "nothing after the @" },
		{ "Anna <anna@alpha.test>",     "without a name" },
		{ ".anna@alpha.test",           "a dot" },
		{ "anna.@alpha.test",           "a dot" },
		{ "an..na@alpha.test",          "a dot" },
		{ "an na@alpha.test",           "before the @" },
		{ "a@b@alpha.test",             "before the @" },
		{ "anna,bob@alpha.test",        "before the @" },
		{ "an\r\nna@alpha.test",        "before the @" },
		{ "\xc3nna@alpha.test",         "not UTF-8" },
		{ "an\xc2\x85na@alpha.test",    "control character" },
		{ "\"\"@alpha.test",            "not closed" },
		{ "\"anna@alpha.test",          "not closed" },
		{ "\"an\"na\"@alpha.test",      "backslash" },
		{ "\"anna\\\"@alpha.test",      "backslash" },
		{ "\"an\nna\"@alpha.test",      "before the @" },
		{ "a@alpha",                    "no dot" },
		{ "a@.alpha.test",              "empty label" },
		{ "a@alpha..test",              "empty label" },
		{ "a@alpha.test.",              "empty label" },
		{ "a@-alpha.test",              "begins with a hyphen" },
		{ "a@alpha-.test",              "ends in a hyphen" },
		{ "a@alpha.test-",              "ends in a hyphen" },
		{ "a@alpha_1.test",             "in a domain" },
		{ "a@alpha test",               "in a domain" },
		{ "a@[192.0.2.1]",              "literal" },
		{ "a@192.0.2.1",                "number" },
		{ "a@\xff\xfe.test",            "not UTF-8" },
		{ "a@\xe2\x80\x8b.test",        "empty label" }, /* a zero-width space counts as nothing */
		{ "a@\xef\xbf\xbd.test",        "internationalised" },
		{ SIXTY "12345@alpha.test",     "longer than 64" },
		{ "a@" SIXTY "1234.test",       "longer than 63" },
		{ "a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".test.example", "longer than 253" },
		{ SIXTY "1234@" SIXTY "." SIXTY "." SIXTY ".example", "longer than 254" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address got;
		const char *wrong = address_parse(span_str(cases[i].text), &got);

		if (wrong == NULL || strstr(wrong, cases[i].reason) == NULL)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].text,
			       wrong != NULL ? wrong : "an address", cases[i].reason);
		CU_ASSERT(wrong != NULL && strstr(wrong, cases[i].reason) != NULL);
	}
}

static void only_well_formed_utf8_is_text(void)
{
	static const struct {
		const char *bytes;
		bool text;
	} cases[] = {
		/* clang-format off */
		{ "",                 true },
		{ "plain",            true },
		{ "\xc3\xbc",         true },
		{ "\xe2\x82\xac",     true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
		{ "\xed\xa0\x80",     false }, /* a surrogate */
		{ "\xc0\xaf",         false }, /* overlong */
		{ "\xe0\x80\xaf",     false },
		{ "\xf0\x80\x80\xaf", false },
		{ "\xc3",             false }, /* cut */
		{ "\xe2\x82",         false },
		{ "\x80",             false },
		{ "\xc3(",            false },
		{ "\xff",             false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(utf8_is_text(span_str(cases[i].bytes)), cases[i].text);
	CU_ASSERT_FALSE(utf8_is_text(span_of("a\0b", 3)));
}

SUITE("control/campaign/address", TEST(addresses_are_taken_in_their_wire_form),
      TEST(what_is_no_address_is_refused_with_its_reason), TEST(only_well_formed_utf8_is_text))
