/* test_gate_host.c - what is odd about a link's host. */
#include "dataplane/gate_host.h"

#include "tests/support/suite.h"

static void hosts_are_judged_by_what_they_are(void)
{
	static const struct {
		const char *why, *rest;
		uint32_t want;
	} cases[] = {
		/* clang-format off */
		{ "a name",                          "www.example.com/x", 0 },
		{ "with hyphens and digits",         "a-1.b2.example.com", 0 },
		{ "numbers as labels of a name",     "1.2.3.4.example.com/", 0 },
		{ "an address",                      "192.0.2.1/login", GATE_HOST_ADDRESS },
		{ "with a port",                     "192.0.2.1:8080/", GATE_HOST_ADDRESS },
		{ "behind a user",                   "bank.example@192.0.2.1", GATE_HOST_ADDRESS },
		{ "IPv6",                            "[2001:db8::1]/", GATE_HOST_ADDRESS },
		{ "three numbers are no address",    "1.2.3/", 0 },
		{ "five neither",                    "1.2.3.4.5/", 0 },
		{ "punycode",                        "xn--pypal-4ve.com/", GATE_HOST_PUNYCODE },
		{ "punycode, in capitals, below",    "www.XN--80AK6AA92E.com", GATE_HOST_PUNYCODE },
		{ "xn-- within a label",             "axn--b.com", 0 },
		{ "Cyrillic a in a Latin name",      "p\xd0\xb0ypal.com/", GATE_HOST_MIXED },
		{ "Greek o in a Latin name",         "g\xce\xbfogle.com", GATE_HOST_MIXED },
		{ "all of it Cyrillic",              "\xd0\xb0\xd0\xb1.com/", 0 },
		{ "Latin with accents",              "b\xc3\xbc" "cher.de", 0 },
		{ "a mixed path says nothing",       "example.com/p\xd0\xb0", 0 },
		{ "nothing",                         "", 0 },
		{ "a bracket alone",                 "[", 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t got = gate_host_judge(span_str(cases[i].rest));

		if (got != cases[i].want)
			printf("\n    %s: got %u, want %u", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

SUITE("dataplane/gate_host", TEST(hosts_are_judged_by_what_they_are))
