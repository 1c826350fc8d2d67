/* test_ip6.c - IPv6 headers and the walk over what may stand behind them (RFC 8200). */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;

enum { IP = 14, NEXT = 20, BODY = 54, TCP_BYTES = 28 };

/* F_TCP6 with extension headers put in between; the sum of the segment stays right, since its
 * pseudo-header names TCP and the segment's own length (8.1).
 */
static enum net_in feed_behind(uint8_t first, const uint8_t *headers, size_t bytes)
{
	uint8_t frame[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP6, frame);

	memmove(frame + BODY + bytes, frame + BODY, n - BODY);
	memcpy(frame + BODY, headers, bytes);
	frame[NEXT] = first;
	put16(frame + IP + 4, (uint16_t)(TCP_BYTES + bytes));
	return rig_feed(&rig, frame, n + bytes, 0);
}

static void extension_headers_are_stepped_over_or_end_the_packet(void)
{
	static const struct {
		const char *why;
		uint8_t first;
		size_t bytes;
		uint8_t headers[32];
		bool passes;
	} cases[] = {
		/* clang-format off */
		{ "hop-by-hop with padding", 0, 8, { 6, 0, 1, 4 }, true },
		{ "hop-by-hop with Pad1 only", 0, 8, { 6, 0 }, true },
		{ "an unknown option that may be skipped", 60, 8, { 6, 0, 0x1e, 4 }, true },
		{ "an unknown option that may not", 60, 8, { 6, 0, 0x5e, 4 }, false },
		{ "a jumbo length", 0, 8, { 6, 0, 0xc2, 4, 0, 1, 0, 0 }, false },
		{ "an option that reaches behind its header", 60, 8, { 6, 0, 1, 5 }, false },
		{ "an option cut after its type", 60, 8, { 6, 0, 1, 3, 0, 0, 0, 1 }, false },
		{ "a header that reaches behind the packet", 60, 8, { 6, 200 }, false },
		{ "hop-by-hop in second place", 60, 16, { 0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4 }, false },
		{ "two destination options", 60, 16, { 60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4 }, true },
		{ "routing that is done", 43, 8, { 6, 0, 2, 0 }, true },
		{ "routing with segments left", 43, 8, { 6, 0, 2, 1 }, false },
		{ "routing type 0, done: RFC 5095 3", 43, 8, { 6, 0, 0, 0 }, true },
		{ "routing type 0, not done", 43, 24, { 6, 2, 0, 1 }, false },
		{ "a fragment header in another", 44, 16, { 44, 0, 0, 0, 0, 0, 0, 1, 6 }, false },
		{ "options in a fragment header, hop-by-hop", 44, 16, { 0, 0, 0, 0, 0, 0, 0, 1, 6, 0, 1, 4 }, false },
		{ "no next header", 60, 8, { 59, 0, 1, 4 }, false },
		{ "encryption", 60, 8, { 50, 0, 1, 4 }, false },
		{ "ICMP of IPv4 inside of IPv6", 60, 8, { 1, 0, 1, 4 }, false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum net_in got;

		rig_open(&rig, NULL);
		got = feed_behind(cases[i].first, cases[i].headers, cases[i].bytes);
		if ((got == NET_IN_TCP) != cases[i].passes)
			printf("\n    %s: got %d", cases[i].why, got);
		CU_ASSERT_EQUAL(got == NET_IN_TCP, cases[i].passes);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed) +
		                    counter_read(&rig.counters.rx_not_ours),
		                !cases[i].passes);
		if (got == NET_IN_TCP)
			CU_ASSERT_EQUAL(rig.seg.tcp.bytes, TCP_BYTES);
		rig_close(&rig);
	}
}

static void a_chain_of_headers_is_walked_to_its_bound_and_no_further(void)
{
	uint8_t headers[8 * (NET_EXT_HEADERS_MAX + 1)] = { 0 };

	rig_open(&rig, NULL);
	for (size_t n = 1; n <= NET_EXT_HEADERS_MAX + 1; n++) {
		for (size_t i = 0; i < n; i++) {
			headers[8 * i] = i + 1 < n ? 60 : 6;
			headers[8 * i + 2] = 1; /* PadN of 4 */
			headers[8 * i + 3] = 4;
		}
		CU_ASSERT_EQUAL(feed_behind(60, headers, 8 * n),
		                n <= NET_EXT_HEADERS_MAX ? NET_IN_TCP : NET_IN_DONE);
	}
	rig_close(&rig);
}

static void frames_of_another_maker_with_extensions_are_read(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP6_EXTENSIONS), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, TCP_BYTES);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP6_ATOMIC), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, TCP_BYTES);
	rig_close(&rig);
}

static void fragments_are_counted_and_dropped(void)
{
	static const uint8_t later[8] = { 6, 0, 0x05, 0xc8, 0, 0, 0, 7 };

	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP6_FRAGMENT), NET_IN_DONE);
	CU_ASSERT_EQUAL(feed_behind(44, later, 8), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_fragments), 2);
	rig_close(&rig);
}

static void a_solicitation_in_a_fragment_header_is_dropped(void)
{
	uint8_t frame[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_NS, frame);
	static const uint8_t header[8] = { 58 };

	rig_open(&rig, NULL); /* RFC 6980 5 */
	memmove(frame + BODY + 8, frame + BODY, n - BODY);
	memcpy(frame + BODY, header, 8);
	frame[NEXT] = 44;
	frame[IP + 5] += 8;
	rig_feed(&rig, frame, n + 8, 0);
	rig_expect(&rig, NULL);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.nd_in), 1);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
	rig_close(&rig);
}

static void each_rule_of_the_header_is_held(void)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
		bool malformed;
	} cases[] = {
		{ "version 4", 14, 0x40, true },
		{ "a payload longer than the frame", 19, 29, true },
		{ "a payload without a whole TCP header", 19, 19, true },
		{ "a group as sender", 22, 0xff, true },
		{ "a destination of another", 53, 3, false },
		{ "UDP", 20, 17, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&rig, NULL);
		CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP6, cases[i].at, cases[i].value),
		                NET_IN_DONE);
		if (counter_read(&rig.counters.rx_malformed) != cases[i].malformed)
			printf("\n    %s was counted otherwise", cases[i].why);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), cases[i].malformed);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), !cases[i].malformed);
		rig_close(&rig);
	}
}

static void an_address_in_the_form_of_ipv4_is_not_for_the_wire(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	uint8_t frame[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP6, frame);

	rig_open(&rig, NULL);
	memcpy(frame + 38, us.b, 16); /* would be 192.0.2.2 in our tables */
	sums_fix(frame, n);
	CU_ASSERT_EQUAL(rig_feed(&rig, frame, n, 0), NET_IN_DONE);
	n = hex_bytes(F_TCP6, frame);
	memcpy(frame + 22, them.b, 16);
	sums_fix(frame, n);
	CU_ASSERT_EQUAL(rig_feed(&rig, frame, n, 0), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 2);
	rig_close(&rig);
}

static void segments_for_a_group_are_dropped(void)
{
	struct ip_addr all = addr("ff02::1");
	uint8_t frame[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP6, frame);

	rig_open(&rig, NULL);
	memcpy(frame + 38, all.b, 16);
	memcpy(frame, (uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }, 6);
	sums_fix(frame, n);
	CU_ASSERT_EQUAL(rig_feed(&rig, frame, n, 0), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 1);
	rig_close(&rig);
}

static void a_port_without_ipv6_listens_to_none(void)
{
	struct net_conf conf = rig_conf();
	struct ip_addr ll = addr("fe80::ff:fe00:1");

	conf.n_addrs = 1;
	conf.n_sources = 1;
	conf.gateway6 = (struct ip_addr){ 0 };
	rig_open(&rig, &conf);
	CU_ASSERT_FALSE(net_is_own(rig.net, &ll));
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_NS), NET_IN_DONE);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP6), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 2);
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

SUITE("dataplane/net/ip6", TEST(extension_headers_are_stepped_over_or_end_the_packet),
      TEST(a_chain_of_headers_is_walked_to_its_bound_and_no_further),
      TEST(frames_of_another_maker_with_extensions_are_read),
      TEST(fragments_are_counted_and_dropped), TEST(a_solicitation_in_a_fragment_header_is_dropped),
      TEST(each_rule_of_the_header_is_held),
      TEST(an_address_in_the_form_of_ipv4_is_not_for_the_wire),
      TEST(segments_for_a_group_are_dropped), TEST(a_port_without_ipv6_listens_to_none))
