/* test_egress.c - no connection leaves for a place that the guard does not allow. */
#include "dataplane/egress.h"
#include "tests/support/suite.h"

static struct ip_prefix nets[2], allow[3];
static struct ip_addr own[2];

static struct egress guard(bool live)
{
	struct egress e = { .live = live,
		            .nets = nets,
		            .n_nets = 2,
		            .allow = allow,
		            .n_allow = 3,
		            .own = own,
		            .n_own = 2 };

	ip_prefix_parse("10.9.0.2/24", &nets[0]);
	ip_prefix_parse("fd00:9::2/64", &nets[1]);
	ip_prefix_parse("192.168.7.0/24", &allow[0]);
	ip_prefix_parse("64:ff9b::c0a8:801/128", &allow[1]);
	ip_prefix_parse("127.0.0.0/8", &allow[2]);
	ip_parse("10.9.0.2", &own[0]);
	ip_parse("fd00:9::2", &own[1]);
	return e;
}

struct egress_case {
	const char *why, *to;
	bool passes;
};

static void check(const struct egress *e, const struct egress_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ip_addr to;
		const char *got;

		CU_ASSERT_EQUAL_FATAL(ip_parse(cases[i].to, &to), 0);
		got = egress_refuses(e, &to, 25);
		if ((got == NULL) != cases[i].passes)
			printf("\n    %s (%s): got %s, want %s", cases[i].why, cases[i].to,
			       got != NULL ? got : "passes",
			       cases[i].passes ? "passes" : "a refusal");
		CU_ASSERT_EQUAL(got == NULL, cases[i].passes);
	}
}

static void the_sandbox_holds_connected_networks_and_what_is_named(void)
{
	/* clang-format off */
	static const struct egress_case cases[] = {
		{ "a neighbour",                         "10.9.0.77",              true  },
		{ "the next network",                    "10.9.1.1",               false },
		{ "its broadcast address",               "10.9.0.255",             false },
		{ "its zero address",                    "10.9.0.0",               false },
		{ "ourselves",                           "10.9.0.2",               false },
		{ "an IPv6 neighbour",                   "fd00:9::77",             true  },
		{ "the next IPv6 network",               "fd00:9:0:1::1",          false },
		{ "ourselves by IPv6",                   "fd00:9::2",              false },
		{ "a public host",                       "8.8.8.8",                false },
		{ "a public host by IPv6",               "2600::1",                false },
		{ "a named network",                     "192.168.7.9",            true  },
		{ "beside a named network",              "192.168.8.9",            false },
		{ "a named NAT64 address",               "64:ff9b::c0a8:801",      true  },
		{ "a named network behind NAT64",        "64:ff9b::192.168.7.9",   false },
		{ "all zeros",                           "0.0.0.0",                false },
		{ "all zeros by IPv6",                   "::",                     false },
	};
	/* clang-format on */
	struct egress e = guard(false);

	check(&e, cases, sizeof(cases) / sizeof(cases[0]));
}

static void live_mode_reaches_the_public_internet_and_nothing_special(void)
{
	/* clang-format off */
	static const struct egress_case cases[] = {
		{ "a public host",                       "8.8.8.8",                true  },
		{ "the last public IPv4 address",        "223.255.255.255",        true  },
		{ "a public host by IPv6",               "2600::1",                true  },
		{ "this network (RFC 791)",              "0.1.2.3",                false },
		{ "private 10 (RFC 1918)",               "10.1.2.3",               false },
		{ "private, though connected",           "10.9.0.77",              false },
		{ "below CGNAT",                         "100.63.255.255",         true  },
		{ "CGNAT (RFC 6598)",                    "100.64.0.1",             false },
		{ "CGNAT's end",                         "100.127.255.255",        false },
		{ "above CGNAT",                         "100.128.0.1",            true  },
		{ "loopback is allowed by name here",    "127.0.0.1",              true  },
		{ "link-local (RFC 3927)",               "169.254.169.254",        false },
		{ "private 172 begins",                  "172.16.0.1",             false },
		{ "private 172 ends",                    "172.31.255.254",         false },
		{ "after private 172",                   "172.32.0.1",             true  },
		{ "protocol assignments",                "192.0.0.9",              false },
		{ "documentation 1",                     "192.0.2.1",              false },
		{ "6to4 relay",                          "192.88.99.1",            false },
		{ "private 192 (RFC 1918)",              "192.168.1.1",            false },
		{ "a private network allowed by name",   "192.168.7.1",            true  },
		{ "benchmarking (RFC 2544)",             "198.19.255.1",           false },
		{ "documentation 2",                     "198.51.100.1",           false },
		{ "documentation 3",                     "203.0.113.1",            false },
		{ "multicast",                           "224.0.0.1",              false },
		{ "multicast's end",                     "239.255.255.255",        false },
		{ "reserved",                            "240.0.0.1",              false },
		{ "broadcast",                           "255.255.255.255",        false },
		{ "IPv6 unspecified",                    "::",                     false },
		{ "IPv6 loopback",                       "::1",                    false },
		{ "IPv4-compatible",                     "::8.8.8.8",              false },
		{ "mapped loopback",                     "::ffff:10.1.1.1",        false },
		{ "translated (RFC 2765)",               "::ffff:0:8.8.8.8",       false },
		{ "NAT64 to a public host",              "64:ff9b::8.8.8.8",       true  },
		{ "NAT64 to a private host",             "64:ff9b::10.0.0.1",      false },
		{ "NAT64 to link-local",                 "64:ff9b::169.254.1.1",   false },
		{ "NAT64 to ourselves",                  "64:ff9b::10.9.0.2",      false },
		{ "local-use NAT64 (RFC 8215)",          "64:ff9b:1::8.8.8.8",     false },
		{ "discard (RFC 6666)",                  "100::1",                 false },
		{ "Teredo, server and client public",    "2001:0:808:808:0:0:f7f7:f7f7", true },
		{ "Teredo, client private",              "2001:0:808:808:0:0:f5ff:fffe", false },
		{ "Teredo, server private",              "2001:0:a00:1:0:0:f7f7:f7f7",   false },
		{ "benchmarking (RFC 5180)",             "2001:2::1",              false },
		{ "ORCHID (RFC 4843)",                   "2001:10::1",             false },
		{ "ORCHIDv2 (RFC 7343)",                 "2001:2f::1",             false },
		{ "documentation (RFC 3849)",            "2001:db8::1",            false },
		{ "after documentation",                 "2001:db9::1",            true  },
		{ "6to4 of a public host",               "2002:808:808::1",        true  },
		{ "6to4 of a private host",              "2002:a00:1::1",          false },
		{ "6to4 of loopback: named as IPv4",     "2002:7f00:1::1",         true  },
		{ "documentation (RFC 9637)",            "3fff:fff::1",            false },
		{ "not yet allocated",                   "4000::1",                false },
		{ "SRv6 SIDs",                           "5f00::1",                false },
		{ "unique local (RFC 4193)",             "fd12::1",                false },
		{ "unique local, though connected",      "fd00:9::77",             false },
		{ "link-local",                          "fe80::1",                false },
		{ "link-local's end",                    "febf::1",                false },
		{ "site-local",                          "fec0::1",                false },
		{ "IPv6 multicast",                      "ff02::1",                false },
	};
	/* clang-format on */
	struct egress e = guard(true);

	check(&e, cases, sizeof(cases) / sizeof(cases[0]));
}

static void only_mail_ports_pass(void)
{
	struct egress e = guard(false);
	struct ip_addr to;
	unsigned passed = 0;

	ip_parse("10.9.0.77", &to);
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		passed += egress_refuses(&e, &to, (uint16_t)port) == NULL;
	CU_ASSERT_EQUAL(passed, 4);
	CU_ASSERT_PTR_NULL(egress_refuses(&e, &to, 24));
	CU_ASSERT_PTR_NULL(egress_refuses(&e, &to, 25));
	CU_ASSERT_PTR_NULL(egress_refuses(&e, &to, 465));
	CU_ASSERT_PTR_NULL(egress_refuses(&e, &to, 587));
}

static void our_own_address_is_refused_even_when_it_is_named(void)
{
	struct egress e = guard(false);

	ip_prefix_parse("10.9.0.0/24", &allow[0]);
	CU_ASSERT_PTR_NOT_NULL(egress_refuses(&e, &own[0], 25));
}

static void a_point_to_point_network_has_no_broadcast_address(void)
{
	struct egress e = guard(false);
	struct ip_addr to;

	ip_prefix_parse("10.9.0.2/31", &nets[0]);
	ip_parse("10.9.0.3", &to);
	CU_ASSERT_PTR_NULL(egress_refuses(&e, &to, 25)); /* RFC 3021 */
}

SUITE("dataplane/egress", TEST(the_sandbox_holds_connected_networks_and_what_is_named),
      TEST(live_mode_reaches_the_public_internet_and_nothing_special), TEST(only_mail_ports_pass),
      TEST(our_own_address_is_refused_even_when_it_is_named),
      TEST(a_point_to_point_network_has_no_broadcast_address))
