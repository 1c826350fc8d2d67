/* test_nd.c - neighbour discovery: what RFC 4861 7.1 and 7.2 ask for, and what they forbid. */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

/* Where things stand in an untagged frame. */
enum { HOPS = 21, DST = 38, TYPE = 54, CODE = 55, FLAGS = 58, TARGET = 62, OPTION = 78 };

static struct rig rig;

static void a_solicitation_for_an_own_address_is_answered(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_NS), NET_IN_DONE);
	rig_expect(&rig, F_NA_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.nd_in), 1);
	CU_ASSERT_EQUAL(rig_state(&rig, "fe80::ff:fe00:fe"), NEIGH_FREE);
	rig_close(&rig);
}

static void a_check_for_a_free_address_is_told_that_it_is_not(void)
{
	rig_open(&rig, NULL);
	rig_feed_hex(&rig, F_NS_DAD);
	rig_expect(&rig, F_NA_ANNOUNCE_OUT);
	rig_close(&rig);
}

static void each_of_1024_sources_is_answered_for_and_no_other(void)
{
	static struct ip_addr sources[1024];
	struct net_conf conf = rig_conf();
	uint8_t ask[128];
	size_t n = hex_bytes(F_NS, ask);

	for (unsigned i = 0; i < 1024; i++) {
		sources[i] = addr("2001:db8:5::");
		sources[i].b[14] = (uint8_t)(i >> 8);
		sources[i].b[15] = (uint8_t)i;
	}
	conf.sources = sources;
	conf.n_sources = 1024;
	rig_open(&rig, &conf);
	for (unsigned i = 0; i <= 1024; i++) {
		struct ip_addr a = addr("2001:db8:5::");

		a.b[14] = (uint8_t)(i >> 8);
		a.b[15] = (uint8_t)i;
		memcpy(ask + TARGET, a.b, 16);
		memcpy(ask + DST + 13, a.b + 13, 3); /* the group of the target */
		memcpy(ask + 3, a.b + 13, 3);
		sums_fix(ask, n);
		rig_feed(&rig, ask, n, 0);
		CU_ASSERT_EQUAL_FATAL(rig.n_out, i < 1024);
		rig_forget_out(&rig);
	}
	rig_close(&rig);
}

static void the_link_local_address_is_answered_for(void)
{
	struct ip_addr ll = addr("fe80::ff:fe00:1");
	uint8_t ask[128];
	size_t n = hex_bytes(F_NS, ask);

	rig_open(&rig, NULL);
	CU_ASSERT(net_is_own(rig.net, &ll));
	memcpy(ask + TARGET, ll.b, 16);
	memcpy(ask + DST + 13, ll.b + 13, 3);
	memcpy(ask + 3, ll.b + 13, 3);
	sums_fix(ask, n);
	rig_feed(&rig, ask, n, 0);
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_close(&rig);
}

static void a_segment_without_a_mac_asks_the_group_and_leaves_on_the_answer(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_FALSE(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
	rig_expect(&rig, F_NS_OUT);
	rig_feed_hex(&rig, F_NA);
	rig_expect(&rig, F_SYN6_OUT);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void a_stale_gateway_is_solicited_alone(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, 31 * RIG_US);
	CU_ASSERT(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
	rig_expect(&rig, F_SYN6_OUT);
	rig_pass(&rig, 6 * RIG_US);
	rig_expect(&rig, F_NS_PROBE_OUT);
	rig_close(&rig);
}

static void solicitations_that_break_a_rule_are_dropped(void)
{
	static const struct {
		const char *why, *frame;
		size_t at;
		uint8_t value;
	} cases[] = {
		{ "a hop limit under 255: passed on by a router", F_NS, HOPS, 254 },
		{ "a code", F_NS, CODE, 1 },
		{ "a group as target", F_NS, TARGET, 0xff },
		{ "an option without length", F_NS, OPTION + 1, 0 },
		{ "an option that reaches behind the end", F_NS, OPTION + 1, 2 },
		{ "nobody asks, but not the group of the target", F_NS_DAD, DST + 11, 0 },
		{ "cut inside of the target", F_NS, 19, 23 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&rig, NULL);
		rig_feed_with(&rig, cases[i].frame, cases[i].at, cases[i].value);
		if (rig.n_out != 0)
			printf("\n    %s was answered", cases[i].why);
		CU_ASSERT_EQUAL(rig.n_out, 0);
		CU_ASSERT(counter_read(&rig.counters.rx_malformed) +
		              counter_read(&rig.counters.rx_not_ours) ==
		          1);
		rig_close(&rig);
	}
}

static void nobody_who_gives_a_mac_is_malformed(void)
{
	uint8_t ask[128];
	size_t n = hex_bytes(F_NS, ask);

	rig_open(&rig, NULL);
	memset(ask + 22, 0, 16); /* RFC 4861 7.1.1: no source, then no option either */
	sums_fix(ask, n);
	rig_feed(&rig, ask, n, 0);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
	rig_close(&rig);
}

static void a_wrong_checksum_is_no_news(void)
{
	uint8_t bytes[128];
	size_t n = hex_bytes(F_NS, bytes);

	rig_open(&rig, NULL);
	bytes[n - 1] ^= 1;
	rig_feed(&rig, bytes, n, 0);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), 1);
	rig_close(&rig);
}

static void a_target_in_the_form_of_ipv4_does_not_reach_what_arp_learned(void)
{
	struct ip_addr gateway = addr("192.0.2.1"), us = addr("192.0.2.2");
	uint8_t bytes[128];
	size_t n = hex_bytes(F_NA, bytes);

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	memcpy(bytes + TARGET, gateway.b, 16);
	bytes[OPTION + 7] = 0x66;
	sums_fix(bytes, n);
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	rig_expect(&rig, F_SYN4_OUT);
	n = hex_bytes(F_NS, bytes);
	memcpy(bytes + TARGET, us.b, 16);
	memcpy(bytes + DST + 13, us.b + 13, 3);
	sums_fix(bytes, n);
	rig_feed(&rig, bytes, n, 0);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 2);
	rig_close(&rig);
}

/* The same advertisement from another MAC, with the flags of each case, at a reachable entry. */
static void an_advertisement_changes_an_entry_as_its_flags_allow(void)
{
	enum { S = 0x40, O = 0x20 };
	static const struct {
		const char *why;
		uint8_t flags, mac_end;
		enum neigh_state want;
		uint8_t want_mac_end;
	} cases[] = {
		{ "another MAC, no override: doubt only", 0, 0xaa, NEIGH_STALE, 0xfe },
		{ "asked for, another MAC, no override: the same", S, 0xaa, NEIGH_STALE, 0xfe },
		{ "override unasked: taken, to be probed", O, 0xaa, NEIGH_STALE, 0xaa },
		{ "override asked for: taken and good", S | O, 0xaa, NEIGH_REACHABLE, 0xaa },
		{ "the same MAC unasked: nothing new", 0, 0xfe, NEIGH_REACHABLE, 0xfe },
		{ "the same MAC asked for", S, 0xfe, NEIGH_REACHABLE, 0xfe },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[128];
		size_t n = hex_bytes(F_NA, bytes);
		enum neigh_state got;

		rig_open(&rig, NULL);
		rig_resolve(&rig);
		bytes[FLAGS] = cases[i].flags;
		bytes[OPTION + 7] = cases[i].mac_end;
		sums_fix(bytes, n);
		rig_feed(&rig, bytes, n, 0);
		got = rig_state(&rig, "2001:db8::1");
		if (got != cases[i].want)
			printf("\n    %s: got %s", cases[i].why, neigh_state_name(got));
		CU_ASSERT_EQUAL(got, cases[i].want);
		CU_ASSERT(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
		CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(rig.out[0], uint8_t *, 5),
		                cases[i].want_mac_end);
		rig_close(&rig);
	}
}

static void an_answer_to_all_cannot_claim_to_be_asked_for(void)
{
	uint8_t bytes[128];
	size_t n = hex_bytes(F_NA, bytes);
	struct ip_addr all = addr("ff02::1");

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	memcpy(bytes + DST, all.b, 16);
	bytes[OPTION + 7] = 0xaa;
	sums_fix(bytes, n);
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
	bytes[FLAGS] = 0x20; /* the same without the claim moves the entry */
	sums_fix(bytes, n);
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_STALE);
	rig_close(&rig);
}

static void an_answer_without_a_mac_resolves_nothing_but_confirms(void)
{
	uint8_t bytes[128];
	size_t n = hex_bytes(F_NA, bytes) - 8;

	rig_open(&rig, NULL);
	bytes[19] = 24;
	sums_fix(bytes, n);
	CU_ASSERT_FALSE(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_INCOMPLETE);
	rig_feed_hex(&rig, F_NA);
	rig_pass(&rig, 31 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_STALE);
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(rig_state(&rig, "2001:db8::1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void another_station_that_claims_our_address_is_contradicted(void)
{
	rig_open(&rig, NULL);
	rig_feed_hex(&rig, F_NA_CLAIM);
	rig_expect(&rig, F_NA_ANNOUNCE_OUT);
	rig_feed_hex(&rig, F_NA_CLAIM);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.address_conflicts), 2);
	rig_close(&rig);
}

SUITE("dataplane/net/nd", TEST(a_solicitation_for_an_own_address_is_answered),
      TEST(a_check_for_a_free_address_is_told_that_it_is_not),
      TEST(each_of_1024_sources_is_answered_for_and_no_other),
      TEST(the_link_local_address_is_answered_for),
      TEST(a_segment_without_a_mac_asks_the_group_and_leaves_on_the_answer),
      TEST(a_stale_gateway_is_solicited_alone), TEST(solicitations_that_break_a_rule_are_dropped),
      TEST(nobody_who_gives_a_mac_is_malformed), TEST(a_wrong_checksum_is_no_news),
      TEST(a_target_in_the_form_of_ipv4_does_not_reach_what_arp_learned),
      TEST(an_advertisement_changes_an_entry_as_its_flags_allow),
      TEST(an_answer_to_all_cannot_claim_to_be_asked_for),
      TEST(an_answer_without_a_mac_resolves_nothing_but_confirms),
      TEST(another_station_that_claims_our_address_is_contradicted))
