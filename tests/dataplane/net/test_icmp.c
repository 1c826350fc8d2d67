/* test_icmp.c - echo is answered within a rate; errors are read only when they fit to us. */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;

/* Where things stand: ICMP type and code, IPv4's MTU, IPv6's MTU, the quoted packets. */
enum {
	TYPE4 = 34,
	CODE4 = 35,
	MTU4 = 40,
	QUOTE4 = 42,
	TYPE6 = 54,
	CODE6 = 55,
	MTU6 = 58,
	QUOTE6 = 62
};

static void an_echo_is_answered_byte_for_byte(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_ECHO4), NET_IN_DONE);
	rig_expect(&rig, F_ECHO4_OUT);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_ECHO6), NET_IN_DONE);
	rig_expect(&rig, F_ECHO6_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.icmp_echo_in), 2);
	rig_close(&rig);
}

static void echoes_beyond_the_rate_are_not_answered(void)
{
	rig_open(&rig, NULL);
	for (int i = 0; i < 3 * NET_ECHO_PER_S; i++)
		rig_feed_hex(&rig, F_ECHO4);
	CU_ASSERT_EQUAL(rig.n_out, NET_ECHO_PER_S);
	rig.now_us += RIG_US / 2;
	for (int i = 0; i < NET_ECHO_PER_S; i++)
		rig_feed_hex(&rig, F_ECHO6);
	CU_ASSERT_EQUAL(rig.n_out, NET_ECHO_PER_S + NET_ECHO_PER_S / 2);
	rig_close(&rig);
}

static void an_echo_to_a_group_or_with_a_wrong_sum_is_not_answered(void)
{
	struct ip_addr all = addr("ff02::1");
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_ECHO6, bytes);

	rig_open(&rig, NULL);
	bytes[n - 1] ^= 1;
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), 1);
	memcpy(bytes + 38, all.b, 16);
	sums_fix(bytes, n);
	rig_feed(&rig, bytes, n, 0);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 1);
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

static void an_error_tells_the_connection_it_is_about(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");

	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL_FATAL(rig_feed_hex(&rig, F_TOO_BIG4), NET_IN_ICMP);
	CU_ASSERT_EQUAL(rig.icmp.kind, NET_ICMP_TOO_BIG);
	CU_ASSERT_EQUAL(rig.icmp.mtu_bytes, 1400);
	CU_ASSERT_EQUAL(rig.icmp.local_port, 40000);
	CU_ASSERT_EQUAL(rig.icmp.remote_port, 25);
	CU_ASSERT_EQUAL(rig.icmp.seq, 0xffffff00);
	CU_ASSERT(ip_eq(&rig.icmp.local, &us) && ip_eq(&rig.icmp.remote, &them));
	us = addr("2001:db8::2");
	them = addr("2001:db8:9::25");
	CU_ASSERT_EQUAL_FATAL(rig_feed_hex(&rig, F_TOO_BIG6), NET_IN_ICMP);
	CU_ASSERT_EQUAL(rig.icmp.kind, NET_ICMP_TOO_BIG);
	CU_ASSERT_EQUAL(rig.icmp.mtu_bytes, 1400);
	CU_ASSERT_EQUAL(rig.icmp.local_port, 40000);
	CU_ASSERT_EQUAL(rig.icmp.seq, 0xffffff00);
	CU_ASSERT(ip_eq(&rig.icmp.local, &us) && ip_eq(&rig.icmp.remote, &them));
	CU_ASSERT_EQUAL(counter_read(&rig.counters.icmp_error_in), 2);
	rig_close(&rig);
}

static void each_kind_of_error_is_told_from_the_others(void)
{
	static const struct {
		const char *why, *frame;
		uint8_t type, code;
		int want; /* -1: no news */
	} cases[] = {
		{ "net unreachable", F_PORT4_SHORT, 3, 0, NET_ICMP_UNREACHABLE },
		{ "host unreachable", F_PORT4_SHORT, 3, 1, NET_ICMP_UNREACHABLE },
		{ "protocol unreachable", F_PORT4_SHORT, 3, 2, NET_ICMP_PORT },
		{ "port unreachable", F_PORT4_SHORT, 3, 3, NET_ICMP_PORT },
		{ "too big, MTU not told", F_PORT4_SHORT, 3, 4, NET_ICMP_TOO_BIG },
		{ "network prohibited", F_PORT4_SHORT, 3, 9, NET_ICMP_PROHIBITED },
		{ "filtered", F_PORT4_SHORT, 3, 13, NET_ICMP_PROHIBITED },
		{ "a code that is not there", F_PORT4_SHORT, 3, 16, -1 },
		{ "source quench (RFC 6633)", F_PORT4_SHORT, 4, 0, -1 },
		{ "redirect", F_PORT4_SHORT, 5, 1, -1 },
		{ "time exceeded", F_PORT4_SHORT, 11, 0, NET_ICMP_TIME_EXCEEDED },
		{ "no route", F_PORT6, 1, 0, NET_ICMP_UNREACHABLE },
		{ "prohibited", F_PORT6, 1, 1, NET_ICMP_PROHIBITED },
		{ "address unreachable", F_PORT6, 1, 3, NET_ICMP_UNREACHABLE },
		{ "IPv6 port unreachable", F_PORT6, 1, 4, NET_ICMP_PORT },
		{ "rejected route", F_PORT6, 1, 6, NET_ICMP_PROHIBITED },
		{ "hop limit exceeded", F_PORT6, 3, 0, NET_ICMP_TIME_EXCEEDED },
		{ "unknown next header", F_PORT6, 4, 1, NET_ICMP_PORT },
		{ "router advertisement", F_PORT6, 134, 0, -1 },
		{ "redirect of IPv6", F_PORT6, 137, 0, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[RIG_FRAME_MAX];
		size_t n = hex_bytes(cases[i].frame, bytes);
		bool v6 = bytes[12] == 0x86;
		int got;

		rig_open(&rig, NULL);
		bytes[v6 ? TYPE6 : TYPE4] = cases[i].type;
		bytes[v6 ? CODE6 : CODE4] = cases[i].code;
		sums_fix(bytes, n);
		got = rig_feed(&rig, bytes, n, 0) == NET_IN_ICMP ? (int)rig.icmp.kind : -1;
		if (got != cases[i].want)
			printf("\n    %s: got %d, want %d", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
		rig_close(&rig);
	}
}

static void a_quote_that_does_not_fit_to_us_is_no_news(void)
{
	static const struct {
		const char *why, *frame;
		size_t at;
		uint8_t value;
	} cases[] = {
		{ "the quoted sender is not the receiver", F_TOO_BIG4, QUOTE4 + 15, 3 },
		{ "nor another address of ours", F_TOO_BIG4, QUOTE4 + 12, 198 },
		{ "another protocol", F_TOO_BIG4, QUOTE4 + 9, 17 },
		{ "another version", F_TOO_BIG4, QUOTE4, 0x65 },
		{ "a header of 16 bytes", F_TOO_BIG4, QUOTE4, 0x44 },
		{ "a header longer than the quote", F_TOO_BIG4, QUOTE4, 0x4f },
		{ "a fragment, which we never send", F_TOO_BIG4, QUOTE4 + 7, 1 },
		{ "an MTU of 5", F_TOO_BIG4, MTU4, 0 },
		{ "IPv6: the quoted sender is not the receiver", F_TOO_BIG6, QUOTE6 + 23, 3 },
		{ "IPv6: another version", F_TOO_BIG6, QUOTE6, 0x40 },
		{ "IPv6: another protocol", F_TOO_BIG6, QUOTE6 + 6, 17 },
		{ "IPv6: an MTU under 1280 (RFC 8201 4)", F_TOO_BIG6, MTU6 + 2, 4 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[RIG_FRAME_MAX];
		size_t n = hex_bytes(cases[i].frame, bytes);
		enum net_in got;

		rig_open(&rig, NULL);
		bytes[cases[i].at] = cases[i].value;
		if (cases[i].at == MTU4)
			bytes[MTU4 + 1] = 5;
		sums_fix(bytes, n);
		got = rig_feed(&rig, bytes, n, 0);
		if (got != NET_IN_DONE)
			printf("\n    %s was taken", cases[i].why);
		CU_ASSERT_EQUAL(got, NET_IN_DONE);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
		rig_close(&rig);
	}
}

static void a_quote_is_enough_with_eight_bytes_of_the_segment_and_no_less(void)
{
	static const struct {
		const char *frame;
		size_t quote, need;
	} cases[] = { { F_TOO_BIG4, QUOTE4, 28 }, { F_TOO_BIG6, QUOTE6, 48 } };

	rig_open(&rig, NULL);
	for (size_t i = 0; i < 2; i++) {
		for (size_t quoted = 0; quoted <= cases[i].need; quoted++) {
			uint8_t bytes[RIG_FRAME_MAX];
			size_t n = cases[i].quote + quoted;

			hex_bytes(cases[i].frame, bytes);
			if (i == 0)
				put16(bytes + 16, (uint16_t)(n - 14));
			else
				put16(bytes + 18, (uint16_t)(n - 54));
			sums_fix(bytes, n);
			CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0),
			                quoted < cases[i].need ? NET_IN_DONE : NET_IN_ICMP);
		}
	}
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 28 + 48);
	rig_close(&rig);
}

SUITE("dataplane/net/icmp", TEST(an_echo_is_answered_byte_for_byte),
      TEST(echoes_beyond_the_rate_are_not_answered),
      TEST(an_echo_to_a_group_or_with_a_wrong_sum_is_not_answered),
      TEST(an_error_tells_the_connection_it_is_about),
      TEST(each_kind_of_error_is_told_from_the_others),
      TEST(a_quote_that_does_not_fit_to_us_is_no_news),
      TEST(a_quote_is_enough_with_eight_bytes_of_the_segment_and_no_less))
