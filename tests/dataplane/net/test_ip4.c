/* test_ip4.c - IPv4 headers: what RFC 791 and RFC 1122 3.2.1 let in. */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;

enum counted { NOTHING, MALFORMED, NOT_OURS, FRAGMENT };

static uint64_t counter_of(enum counted c)
{
	switch (c) {
	case MALFORMED:
		return counter_read(&rig.counters.rx_malformed);
	case NOT_OURS:
		return counter_read(&rig.counters.rx_not_ours);
	case FRAGMENT:
		return counter_read(&rig.counters.rx_fragments);
	default:
		return 1;
	}
}

static void each_rule_of_the_header_is_held(void)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
		enum counted want;
	} cases[] = {
		/* clang-format off */
		{ "unchanged", 14, 0x45, NOTHING },
		{ "version 5", 14, 0x55, MALFORMED },
		{ "a header of 16 bytes", 14, 0x44, MALFORMED },
		{ "a header longer than the packet", 14, 0x4f, MALFORMED },
		{ "a total length shorter than the header", 17, 19, MALFORMED },
		{ "a total length longer than the frame", 17, 60, MALFORMED },
		{ "more fragments", 20, 0x20, FRAGMENT },
		{ "a fragment's offset", 21, 1, FRAGMENT },
		{ "don't fragment is no fragment", 20, 0x40, NOTHING },
		{ "a sender 0.x", 26, 0, MALFORMED },
		{ "a sender that is loopback", 26, 127, MALFORMED },
		{ "a sender that is a group", 26, 224, MALFORMED },
		{ "a destination of another", 33, 3, NOT_OURS },
		{ "a protocol we do not speak", 23, 17, NOT_OURS },
		{ "ICMPv6 inside of IPv4", 23, 58, NOT_OURS },
		{ "TTL 0 has arrived all the same", 22, 0, NOTHING },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum net_in got;

		rig_open(&rig, NULL);
		got = rig_feed_with(&rig, F_TCP4, cases[i].at, cases[i].value);
		if ((got == NET_IN_TCP) != (cases[i].want == NOTHING) ||
		    counter_of(cases[i].want) != 1)
			printf("\n    %s: got %d", cases[i].why, got);
		CU_ASSERT_EQUAL(got == NET_IN_TCP, cases[i].want == NOTHING);
		CU_ASSERT_EQUAL(counter_of(cases[i].want), 1);
		rig_close(&rig);
	}
}

static void a_sender_that_is_the_networks_broadcast_or_ourselves_is_refused(void)
{
	static const char *const senders[] = { "192.0.2.255", "192.0.2.0", "192.0.2.2",
		                               "198.51.100.7", "255.255.255.255" };

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct ip_addr a = addr(senders[i]);
		uint8_t bytes[RIG_FRAME_MAX];
		size_t n = hex_bytes(F_TCP4, bytes);

		memcpy(bytes + 26, a.b + 12, 4);
		sums_fix(bytes, n);
		CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_DONE);
	}
	rig_close(&rig);
}

static void one_wrong_bit_in_the_header_is_found(void)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4, bytes);

	rig_open(&rig, NULL);
	for (size_t i = 15; i < 34; i++) {
		if (i == 16 || i == 17)
			continue; /* the length is looked at first */
		bytes[i] ^= 4;
		CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_DONE);
		bytes[i] ^= 4;
	}
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), 17);
	rig_close(&rig);
}

static void options_are_skipped(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_OPTIONS), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, 28);
	CU_ASSERT_EQUAL(rig.seg.tcp.at[13], 0x12);
	rig_close(&rig);
}

static void fragments_first_and_later_are_counted(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_FRAGMENT), NET_IN_DONE);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_FRAGMENT_LATER), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_fragments), 2);
	rig_close(&rig);
}

static void padding_of_the_frame_is_no_payload(void)
{
	uint8_t bytes[RIG_FRAME_MAX] = { 0 };
	size_t n = hex_bytes(F_TCP4, bytes);

	rig_open(&rig, NULL);
	memset(bytes + n, 0xaa, 9);
	CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n + 9, 0), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, 28);
	rig_close(&rig);
}

static void a_packet_for_one_does_not_come_in_a_frame_for_all(void)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4, bytes);

	rig_open(&rig, NULL);
	memset(bytes, 0xff, 6);
	CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 1);
	rig_close(&rig);
}

static void a_source_address_receives_too(void)
{
	struct ip_addr source = addr("198.51.100.7");
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4, bytes);

	rig_open(&rig, NULL);
	memcpy(bytes + 30, source.b + 12, 4);
	sums_fix(bytes, n);
	CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_TCP);
	CU_ASSERT(ip_eq(&rig.seg.local, &source));
	rig_close(&rig);
}

SUITE("dataplane/net/ip4", TEST(each_rule_of_the_header_is_held),
      TEST(a_sender_that_is_the_networks_broadcast_or_ourselves_is_refused),
      TEST(one_wrong_bit_in_the_header_is_found), TEST(options_are_skipped),
      TEST(fragments_first_and_later_are_counted), TEST(padding_of_the_frame_is_no_payload),
      TEST(a_packet_for_one_does_not_come_in_a_frame_for_all), TEST(a_source_address_receives_too))
