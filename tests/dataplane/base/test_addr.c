/* test_addr.c - addresses and prefixes are read, written and compared in one shape. */
#include "dataplane/base/addr.h"
#include "tests/support/suite.h"

#include <errno.h>

static void what_is_no_address_is_refused(void)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "empty", "" },
		{ "a name", "mail.example" },
		{ "three parts", "10.0.0" },
		{ "a part over 255", "10.0.0.256" },
		{ "trailing space", "10.0.0.1 " },
		{ "two double colons", "1::2::3" },
		{ "an address with a prefix", "10.0.0.1/24" },
	};
	struct ip_addr a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (ip_parse(cases[i].text, &a) != -EINVAL)
			printf("\n    %s: \"%s\" was taken", cases[i].why, cases[i].text);
		CU_ASSERT_EQUAL(ip_parse(cases[i].text, &a), -EINVAL);
	}
}

static void an_address_comes_out_as_it_went_in(void)
{
	static const char *const texts[] = { "0.0.0.0", "192.0.2.1",    "255.255.255.255", "::",
		                             "::1",     "2001:db8::25", "fe80::1:2:3:4" };
	char out[IP_TEXT_MAX];
	struct ip_addr a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(ip_parse(texts[i], &a), 0);
		CU_ASSERT_STRING_EQUAL(ip_format(&a, out), texts[i]);
	}
}

static void a_mapped_address_is_its_ipv4_self(void)
{
	struct ip_addr a, b;

	CU_ASSERT_EQUAL_FATAL(ip_parse("192.0.2.1", &a), 0);
	CU_ASSERT_EQUAL_FATAL(ip_parse("::ffff:192.0.2.1", &b), 0);
	CU_ASSERT_TRUE(ip_eq(&a, &b));
	CU_ASSERT_TRUE(ip_is_v4(&b));
}

static void an_ipv4_prefix_counts_bits_of_its_own_family(void)
{
	static const struct {
		const char *why, *prefix, *addr;
		bool inside;
	} cases[] = {
		{ "same network", "10.9.0.2/24", "10.9.0.200", true },
		{ "next network", "10.9.0.2/24", "10.9.1.0", false },
		{ "odd bits, inside", "10.9.0.0/23", "10.9.1.255", true },
		{ "odd bits, outside", "10.9.0.0/23", "10.9.2.0", false },
		{ "all of IPv4", "0.0.0.0/0", "203.0.113.9", true },
		{ "all of IPv4 holds no IPv6", "0.0.0.0/0", "2001:db8::1", false },
		{ "one address", "10.9.0.2", "10.9.0.2", true },
		{ "not its neighbour", "10.9.0.2", "10.9.0.3", false },
		{ "IPv6 inside", "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "IPv6 outside", "2001:db8::/33", "2001:db8:8000::1", false },
		{ "all of IPv6 holds mapped IPv4 too", "::/0", "10.0.0.1", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_prefix p;
		struct ip_addr a;

		CU_ASSERT_EQUAL_FATAL(ip_prefix_parse(cases[i].prefix, &p), 0);
		CU_ASSERT_EQUAL_FATAL(ip_parse(cases[i].addr, &a), 0);
		if (ip_in_prefix(&a, &p) != cases[i].inside)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(ip_in_prefix(&a, &p), cases[i].inside);
	}
}

static void a_prefix_longer_than_its_family_is_refused(void)
{
	static const char *const texts[] = { "10.0.0.0/33", "::/129",      "10.0.0.0/",
		                             "10.0.0.0/x",  "10.0.0.0/-1", "10.0.0.0/8 ",
		                             "/8" };
	struct ip_prefix p;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(ip_prefix_parse(texts[i], &p), -EINVAL);
}

SUITE("dataplane/base/addr", TEST(what_is_no_address_is_refused),
      TEST(an_address_comes_out_as_it_went_in), TEST(a_mapped_address_is_its_ipv4_self),
      TEST(an_ipv4_prefix_counts_bits_of_its_own_family),
      TEST(a_prefix_longer_than_its_family_is_refused))
