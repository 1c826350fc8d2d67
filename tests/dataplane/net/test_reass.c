/* test_reass.c - fragments: put together in any order, within bounds of memory and time, or dropped
 * and counted (RFC 791 3.2, RFC 8200 4.5, RFC 5722, RFC 1858, RFC 7112, RFC 6946).
 */
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>
#include <stdio.h>

enum { ETH = 14, L4_MAX = 2000 };

static struct rig rig;
static bool is_v6;
static uint8_t l4[L4_MAX]; /* the segment that is sent in parts */
static size_t l4_bytes;
static uint32_t id;
static uint8_t ecn, proto, first_host;

static void open_rig(uint32_t fragment_bytes_max)
{
	struct net_conf conf = rig_conf();

	conf.fragment_bytes_max = fragment_bytes_max;
	rig_open(&rig, &conf);
	id = 77;
	ecn = 0;
	proto = 6;
	first_host = 9;
}

/* Ethernet and IP in front of `bytes` of body; for IPv6 with a fragment header. Returns where the
 * body begins.
 */
static size_t put_head(uint8_t *frame, size_t bytes, size_t at, bool more)
{
	uint8_t *ip = frame + ETH;

	hex_bytes(is_v6 ? F_TCP6 : F_TCP4, frame);
	if (is_v6) {
		ip[1] = (uint8_t)(ecn << 4);
		put16(ip + 4, (uint16_t)(bytes + 8));
		ip[6] = 44;
		ip[8 + 15] = first_host;
		memset(ip + 40, 0, 8);
		ip[40] = proto;
		put16(ip + 42, (uint16_t)(at | more));
		put16(ip + 46, (uint16_t)id);
		return ETH + 48;
	}
	ip[1] = ecn;
	put16(ip + 2, (uint16_t)(bytes + 20));
	put16(ip + 4, (uint16_t)id);
	put16(ip + 6, (uint16_t)(at / 8 | (more ? 0x2000 : 0)));
	ip[9] = proto;
	ip[15] = first_host;
	ip[10] = ip[11] = 0;
	sum_put(ip + 10, sum_bytes(0, ip, 20));
	return ETH + 20;
}

/* A TCP segment of `bytes`, its sum right for both addresses as put_head() writes them. */
static void make_segment(size_t bytes)
{
	uint8_t frame[RIG_FRAME_MAX];

	l4_bytes = bytes;
	for (size_t i = 0; i < bytes; i++)
		l4[i] = (uint8_t)(i * 7 + i / 256);
	l4[12] = 0x50;
	put_head(frame, 0, 0, false);
	sums_fix_l4(l4, bytes, 6, frame + ETH + (is_v6 ? 8 : 12), is_v6 ? 32 : 8);
}

static enum net_in feed_bytes(const uint8_t *body, size_t at, size_t bytes, bool more)
{
	uint8_t frame[RIG_FRAME_MAX];
	size_t head = put_head(frame, bytes, at, more);

	memcpy(frame + head, body, bytes);
	return rig_feed(&rig, frame, head + bytes, 0);
}

/* A part of the segment; the last one says so. */
static enum net_in feed_part(size_t at, size_t bytes)
{
	return feed_bytes(l4 + at, at, bytes, at + bytes < l4_bytes);
}

static void expect_whole(enum net_in got)
{
	CU_ASSERT_EQUAL_FATAL(got, NET_IN_TCP);
	CU_ASSERT_EQUAL_FATAL(rig.seg.tcp.bytes, l4_bytes);
	CU_ASSERT_EQUAL(memcmp(rig.seg.tcp.at, l4, l4_bytes), 0);
}

static void parts_in_any_order_are_put_together(void)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		                              { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const struct {
		size_t at, bytes;
	} parts[3] = { { 0, 480 }, { 480, 8 }, { 488, 713 } };

	for (int family = 0; family < 2; family++) {
		is_v6 = family;
		open_rig(1 << 16);
		make_segment(1201);
		for (int i = 0; i < 6; i++, id++)
			for (int n = 0; n < 3; n++) {
				enum net_in got =
				    feed_part(parts[orders[i][n]].at, parts[orders[i][n]].bytes);

				if (n == 2)
					expect_whole(got);
				else
					CU_ASSERT_EQUAL(got, NET_IN_DONE);
			}
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_fragments), 18);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembled), 6);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 0);
		rig_close(&rig);
	}
}

/* The whole may be handed to another worker, who reads the frame again. */
static void what_is_put_together_is_a_frame_like_any_other(void)
{
	for (int family = 0; family < 2; family++) {
		uint8_t frame[RIG_FRAME_MAX];
		size_t n;

		is_v6 = family;
		open_rig(1 << 16);
		make_segment(1201);
		feed_part(0, 800);
		expect_whole(feed_part(800, 401));
		n = rig.in->data_len;
		memcpy(frame, rte_pktmbuf_mtod(rig.in, void *), n);
		CU_ASSERT_EQUAL(n, ETH + (is_v6 ? 40 : 20) + l4_bytes);
		expect_whole(rig_feed(&rig, frame, n, 0));
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_fragments), 2);
		rig_close(&rig);
	}
}

struct part {
	uint16_t at, bytes;
	bool more;
	uint8_t change; /* added to its first byte */
};

static void what_overlaps_or_contradicts_ends_the_datagram(void)
{
	static const struct {
		const char *why;
		struct part parts[4];
		bool passes;
	} cases[] = {
		/* clang-format off */
		{ "three parts",                       { { 0, 400, 1, 0 }, { 400, 400, 1, 0 }, { 800, 401, 0, 0 } }, true },
		{ "one of them twice",                 { { 0, 400, 1, 0 }, { 400, 400, 1, 0 }, { 400, 400, 1, 0 }, { 800, 401, 0, 0 } }, true },
		{ "the last twice",                    { { 800, 401, 0, 0 }, { 800, 401, 0, 0 }, { 400, 400, 1, 0 }, { 0, 400, 1, 0 } }, true },
		{ "a part twice with another byte",    { { 0, 400, 1, 0 }, { 400, 400, 1, 0 }, { 400, 400, 1, 1 }, { 800, 401, 0, 0 } }, false },
		{ "the first twice with another byte", { { 0, 400, 1, 0 }, { 0, 400, 1, 1 }, { 400, 400, 1, 0 }, { 800, 401, 0, 0 } }, false },
		{ "an overlap of one unit",            { { 0, 408, 1, 0 }, { 400, 400, 1, 1 }, { 800, 401, 0, 0 } }, false },
		{ "one that covers two",               { { 400, 200, 1, 0 }, { 600, 200, 1, 0 }, { 0, 1000, 1, 1 }, { 1000, 201, 0, 0 } }, false },
		{ "two ends, the later nearer",        { { 0, 800, 1, 0 }, { 1000, 201, 0, 0 }, { 800, 100, 0, 0 }, { 904, 96, 1, 0 } }, false },
		{ "two ends, the later farther",       { { 0, 800, 1, 0 }, { 800, 100, 0, 0 }, { 904, 297, 0, 0 } }, false },
		{ "a part behind the end",             { { 800, 100, 0, 0 }, { 1000, 104, 1, 0 }, { 0, 800, 1, 0 } }, false },
		{ "an end before what has come",       { { 1000, 104, 1, 0 }, { 800, 100, 0, 0 }, { 0, 800, 1, 0 } }, false },
		{ "not whole units and more to come",  { { 0, 404, 1, 0 }, { 400, 801, 0, 0 } }, false },
		{ "an empty part",                     { { 0, 400, 1, 0 }, { 400, 0, 1, 0 }, { 400, 400, 1, 0 } }, false },
		{ "half a TCP header first",           { { 0, 16, 1, 0 }, { 16, 1185, 0, 0 } }, false },
		{ "a part that begins in the header",  { { 0, 24, 1, 0 }, { 16, 1185, 0, 1 } }, false },
		{ "a part in place of ports only",     { { 8, 1193, 0, 0 }, { 0, 8, 1, 0 } }, false },
		{ "a hole",                            { { 0, 400, 1, 0 }, { 408, 793, 0, 0 } }, false },
		/* clang-format on */
	};

	for (size_t i = 0; i < 2 * (sizeof(cases) / sizeof(cases[0])); i++) {
		const struct part *p = cases[i / 2].parts;
		enum net_in got = NET_IN_DONE;

		is_v6 = i % 2;
		open_rig(1 << 16);
		make_segment(1201);
		for (int n = 0; n < 4 && got == NET_IN_DONE && (p[n].bytes != 0 || p[n].at != 0);
		     n++) {
			l4[p[n].at] += p[n].change;
			got = feed_bytes(l4 + p[n].at, p[n].at, p[n].bytes, p[n].more);
			l4[p[n].at] -= p[n].change;
		}
		if ((got == NET_IN_TCP) != cases[i / 2].passes)
			printf("\n    IPv%d, %s: got %d", is_v6 ? 6 : 4, cases[i / 2].why,
			       (int)got);
		CU_ASSERT_EQUAL(got == NET_IN_TCP, cases[i / 2].passes);
		rig_close(&rig);
	}
}

/* RFC 5722 4: the parts still to come are dropped, too. */
static void a_dead_datagram_stays_dead_for_its_time(void)
{
	open_rig(1 << 16);
	make_segment(1201);
	feed_part(0, 400);
	feed_part(200, 400); /* the same bytes in part: dead all the same */
	CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 1);
	feed_part(0, 400);
	CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
	rig_pass(&rig, 30 * RIG_US);
	feed_part(0, 400);
	expect_whole(feed_part(400, 801));
	CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 1);
	rig_close(&rig);
}

static void a_part_waits_thirty_seconds(void)
{
	open_rig(1 << 16);
	make_segment(1201);
	feed_part(0, 400);
	rig_pass(&rig, 30 * RIG_US - 100000);
	expect_whole(feed_part(400, 801));
	id++;
	feed_part(0, 400);
	rig_pass(&rig, 30 * RIG_US);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 1);
	CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
	rig_close(&rig);
}

/* Whoever sends first parts only takes neither the device's buffers nor more memory than is set. */
static void a_flood_of_parts_is_bounded_and_the_oldest_goes(void)
{
	struct net_conf conf = rig_conf();
	uint64_t without = net_memory_bytes(&conf);
	uint32_t n;

	for (int family = 0; family < 2; family++) {
		is_v6 = family;
		open_rig(1 << 16);
		conf.fragment_bytes_max = 1 << 16;
		CU_ASSERT(net_memory_bytes(&conf) <= without + (1 << 16) + 1024);
		n = rig.net->reass.n;
		CU_ASSERT(n >= 32 && n * rig.net->reass.entry_bytes <= 1 << 16);
		make_segment(1201);
		for (id = 1; id <= 3 * n; id++)
			feed_part(0, 400);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 2 * n);
		CU_ASSERT_EQUAL(rte_mempool_in_use_count(rig.pool), 0);
		id = 2 * n; /* gone */
		CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
		id = 3 * n;
		expect_whole(feed_part(400, 801));
		rig_pass(&rig, 30 * RIG_US);
		CU_ASSERT_EQUAL(rig.net->reass.oldest, REASS_NONE);
		rig_close(&rig);
	}
}

static void parts_of_different_datagrams_are_not_mixed(void)
{
	for (int family = 0; family < 2; family++) {
		is_v6 = family;
		open_rig(1 << 16);
		make_segment(1201);
		feed_part(0, 400);
		id++;
		CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
		id--;
		first_host++;
		CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
		first_host--;
		if (!is_v6) { /* RFC 791 3.2: the protocol counts, too */
			proto = 1;
			CU_ASSERT_EQUAL(feed_part(400, 801), NET_IN_DONE);
			proto = 6;
		}
		expect_whole(feed_part(400, 801));
		rig_close(&rig);
	}
}

static void a_datagram_is_no_longer_than_the_mtu(void)
{
	for (int family = 0; family < 2; family++) {
		size_t most = 1480; /* in all 1,500 in IPv4 */

		is_v6 = family;
		open_rig(1 << 16);
		make_segment(most);
		feed_part(0, 800);
		expect_whole(feed_part(800, most - 800));
		make_segment(most + 8);
		id++;
		feed_part(0, 800);
		CU_ASSERT_EQUAL(feed_part(800, most - 792), NET_IN_DONE);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 1);
		rig_close(&rig);
	}
}

static void the_mark_of_congestion_survives(void)
{
	static const struct {
		const char *why;
		uint8_t first, second, want; /* 4: dropped */
	} cases[] = {
		{ "none", 0, 0, 0 },
		{ "both capable", 2, 2, 2 },
		{ "the first is marked", 3, 2, 3 },
		{ "the second is marked", 2, 3, 3 },
		{ "both are marked", 3, 3, 3 },
		{ "a mark beside one that could not be marked", 0, 3, 4 },
	};

	for (size_t i = 0; i < 2 * (sizeof(cases) / sizeof(cases[0])); i++) {
		enum net_in got;

		is_v6 = i % 2;
		open_rig(1 << 16);
		make_segment(1201);
		ecn = cases[i / 2].first;
		feed_part(0, 800);
		ecn = cases[i / 2].second;
		got = feed_part(800, 401);
		if ((got == NET_IN_TCP) != (cases[i / 2].want != 4))
			printf("\n    %s", cases[i / 2].why);
		CU_ASSERT_EQUAL(got == NET_IN_TCP, cases[i / 2].want != 4);
		if (got == NET_IN_TCP)
			CU_ASSERT_EQUAL(rig.seg.ecn, cases[i / 2].want);
		rig_close(&rig);
	}
}

static void without_memory_for_them_fragments_are_counted_and_dropped(void)
{
	open_rig(0);
	make_segment(1201);
	feed_part(0, 800);
	CU_ASSERT_EQUAL(feed_part(800, 401), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_fragments), 2);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 2);
	rig_close(&rig);
}

/* We speak TCP and ICMP: nothing else is kept for somebody. */
static void parts_of_other_protocols_are_not_kept(void)
{
	open_rig(1 << 16);
	make_segment(1201);
	proto = 17;
	feed_part(0, 800);
	CU_ASSERT_EQUAL(rig.net->reass.oldest, REASS_NONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 1);
	rig_close(&rig);
}

static void a_damaged_whole_is_found_by_its_checksum(void)
{
	open_rig(1 << 16);
	make_segment(1201);
	l4[900] ^= 1;
	feed_part(0, 800);
	CU_ASSERT_EQUAL(feed_part(800, 401), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), 1);
	rig_close(&rig);
}

static void an_echo_request_in_parts_is_answered(void)
{
	uint8_t frame[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_ECHO4, frame) - ETH - 20;
	uint8_t echo[64];

	is_v6 = false;
	open_rig(1 << 16);
	memcpy(echo, frame + ETH + 20, n);
	proto = 1;
	feed_bytes(echo, 0, 8, true);
	rig_expect(&rig, NULL);
	feed_bytes(echo + 8, 8, n - 8, false);
	CU_ASSERT_EQUAL(rig.n_out, 1);
	rig_close(&rig);
}

/* RFC 6980 5: whoever can send a solicitation from off the link would do it in parts. */
static void neighbour_discovery_in_parts_is_dropped(void)
{
	uint8_t frame[RIG_FRAME_MAX], ns[64];
	size_t n = hex_bytes(F_NS, frame) - ETH - 40, head;

	is_v6 = true;
	open_rig(1 << 16);
	memcpy(ns, frame + ETH + 40, n);
	proto = 58;
	for (int part = 0; part < 2; part++) {
		uint8_t out[RIG_FRAME_MAX];
		size_t at = part ? 16 : 0, bytes = part ? n - 16 : 16;

		head = put_head(out, bytes, at, part == 0);
		memcpy(out + ETH + 8, frame + ETH + 8, 16);        /* who asks */
		memcpy(out + ETH + 24, addr("2001:db8::2").b, 16); /* us alone */
		memcpy(out + head, ns + at, bytes);
		rig_feed(&rig, out, head + bytes, 0);
	}
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

/* RFC 7112 5 */
static void the_first_part_of_ipv6_holds_all_headers(void)
{
	uint8_t body[64] = { 6, 1, 1, 12 }; /* destination options of 16 bytes, then TCP */

	is_v6 = true;
	open_rig(1 << 16);
	make_segment(24);
	memcpy(body + 16, l4, 24);
	proto = 60;
	feed_bytes(body, 0, 16, true); /* the options only */
	CU_ASSERT_EQUAL(feed_bytes(body + 16, 16, 24, false), NET_IN_DONE);
	CU_ASSERT(counter_read(&rig.counters.rx_malformed) >= 1);
	rig_pass(&rig, 30 * RIG_US);
	feed_bytes(body, 0, 8, true); /* half of them */
	CU_ASSERT_EQUAL(rig.net->reass.oldest, REASS_NONE);
	make_segment(48);
	memcpy(body + 16, l4, 48);
	feed_bytes(body, 0, 40, true);
	CU_ASSERT_EQUAL(feed_bytes(body + 40, 40, 24, false), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, 48);
	rig_close(&rig);
}

static void a_fragment_inside_of_fragments_is_refused(void)
{
	uint8_t body[64] = { 6, 0, 0, 1 }; /* again a fragment header */

	is_v6 = true;
	open_rig(1 << 16);
	make_segment(40);
	memcpy(body + 8, l4, 40);
	proto = 44;
	feed_bytes(body, 0, 32, true);
	CU_ASSERT_EQUAL(feed_bytes(body + 32, 32, 16, false), NET_IN_DONE);
	CU_ASSERT(counter_read(&rig.counters.rx_malformed) >= 1);
	rig_close(&rig);
}

static void a_buffer_that_another_holds_is_not_written_to(void)
{
	uint8_t frame[RIG_FRAME_MAX], before[RIG_FRAME_MAX];
	struct net_icmp icmp;
	struct net_seg seg;
	struct rte_mbuf *m;
	size_t head, n;

	is_v6 = false;
	open_rig(1 << 16);
	make_segment(1201);
	feed_part(0, 800);
	head = put_head(frame, 401, 800, false);
	memcpy(frame + head, l4 + 800, 401);
	n = head + 401;
	m = rte_pktmbuf_alloc(rig.pool);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), frame, n);
	memcpy(before, frame, n);
	rte_mbuf_refcnt_update(m, 1);
	CU_ASSERT_EQUAL(net_input(rig.net, rig.now_us, m, &seg, &icmp), NET_IN_DONE);
	CU_ASSERT_EQUAL(memcmp(rte_pktmbuf_mtod(m, void *), before, n), 0);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.reassembly_failed), 1);
	rte_pktmbuf_free(m);
	rig_close(&rig);
}

SUITE("dataplane/net/reass", TEST(parts_in_any_order_are_put_together),
      TEST(what_is_put_together_is_a_frame_like_any_other),
      TEST(what_overlaps_or_contradicts_ends_the_datagram),
      TEST(a_dead_datagram_stays_dead_for_its_time), TEST(a_part_waits_thirty_seconds),
      TEST(a_flood_of_parts_is_bounded_and_the_oldest_goes),
      TEST(parts_of_different_datagrams_are_not_mixed), TEST(a_datagram_is_no_longer_than_the_mtu),
      TEST(the_mark_of_congestion_survives),
      TEST(without_memory_for_them_fragments_are_counted_and_dropped),
      TEST(parts_of_other_protocols_are_not_kept), TEST(a_damaged_whole_is_found_by_its_checksum),
      TEST(an_echo_request_in_parts_is_answered), TEST(neighbour_discovery_in_parts_is_dropped),
      TEST(the_first_part_of_ipv6_holds_all_headers),
      TEST(a_fragment_inside_of_fragments_is_refused),
      TEST(a_buffer_that_another_holds_is_not_written_to))
