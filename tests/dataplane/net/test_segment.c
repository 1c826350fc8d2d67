/* test_segment.c - TCP segments between the wire and the engine, both ways. */
#include "dataplane/net/cksum.h"
#include "tests/dataplane/net/rig.h"
#include "tests/dataplane/net/sums.h"
#include "tests/support/suite.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

static struct rig rig;

static void a_segment_comes_out_with_addresses_and_header(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");

	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL_FATAL(rig_feed_hex(&rig, F_TCP4), NET_IN_TCP);
	CU_ASSERT(ip_eq(&rig.seg.local, &us));
	CU_ASSERT(ip_eq(&rig.seg.remote, &them));
	CU_ASSERT_EQUAL(rig.seg.tcp.bytes, 28); /* options: MSS, NOP, window scale */
	CU_ASSERT_EQUAL(rig.seg.tcp.at[13], 0x12);
	CU_ASSERT_EQUAL(rig.seg.ecn, 1);
	us = addr("2001:db8::2");
	them = addr("2001:db8:9::25");
	CU_ASSERT_EQUAL_FATAL(rig_feed_hex(&rig, F_TCP6), NET_IN_TCP);
	CU_ASSERT(ip_eq(&rig.seg.local, &us));
	CU_ASSERT(ip_eq(&rig.seg.remote, &them));
	CU_ASSERT_EQUAL(rig.seg.ecn, 2);
	CU_ASSERT_EQUAL(rig.seg.tcp.at[13], 0x12);
	rig_close(&rig);
}

static void one_wrong_bit_anywhere_in_a_segment_is_found(void)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(F_TCP4_DATA, bytes);

	rig_open(&rig, NULL);
	for (size_t i = 34; i < n; i++) {
		bytes[i] ^= 0x10;
		CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_DONE);
		bytes[i] ^= 0x10;
	}
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum), n - 34);
	CU_ASSERT_EQUAL(rig_feed(&rig, bytes, n, 0), NET_IN_TCP);
	rig_close(&rig);
}

static void the_devices_word_on_checksums_counts_only_when_it_is_trusted(void)
{
	static const struct {
		const char *why;
		bool trusted;
		uint64_t flags;
		bool broken;
		enum net_in want;
	} cases[] = {
		/* clang-format off */
		{ "bad is bad, whatever the bytes", true, RTE_MBUF_F_RX_L4_CKSUM_BAD, false, NET_IN_DONE },
		{ "good is not looked at again", true, RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, NET_IN_TCP },
		{ "none: data that never left the machine", true, RTE_MBUF_F_RX_L4_CKSUM_NONE, true, NET_IN_TCP },
		{ "unknown is verified: wrong", true, RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, true, NET_IN_DONE },
		{ "unknown is verified: right", true, RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, false, NET_IN_TCP },
		{ "good of a device not trusted", false, RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, NET_IN_DONE },
		{ "bad of a device not trusted", false, RTE_MBUF_F_RX_L4_CKSUM_BAD, false, NET_IN_TCP },
		{ "a bad IP header", true, RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, false, NET_IN_DONE },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net_conf conf = rig_conf();
		uint8_t bytes[RIG_FRAME_MAX];
		size_t n = hex_bytes(F_TCP4, bytes);
		enum net_in got;

		conf.rx_checksum = cases[i].trusted;
		rig_open(&rig, &conf);
		bytes[50] ^= cases[i].broken;
		got = rig_feed(&rig, bytes, n, cases[i].flags);
		if (got != cases[i].want)
			printf("\n    %s: got %d, want %d", cases[i].why, got, cases[i].want);
		CU_ASSERT_EQUAL(got, cases[i].want);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_bad_checksum),
		                cases[i].want == NET_IN_DONE);
		rig_close(&rig);
	}
}

static void a_data_offset_that_lies_is_malformed(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4, 46, 0x40), NET_IN_DONE);    /* 16 bytes */
	CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4, 46, 0xf0), NET_IN_DONE);    /* 60 of 28 */
	CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4, 17, 20 + 19), NET_IN_DONE); /* cut short */
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 3);
	CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4, 46, 0x50), NET_IN_TCP);
	rig_close(&rig);
}

static void what_we_send_is_right_to_the_byte(void)
{
	struct net_conf conf = rig_conf();

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	CU_ASSERT(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	rig_expect(&rig, F_SYN4_OUT);
	CU_ASSERT(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
	rig_expect(&rig, F_SYN6_OUT);
	rig_close(&rig);

	conf.vlan = 7;
	rig_open(&rig, &conf);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	rig_forget_out(&rig);
	rig_feed_hex(&rig, "0200000000010200000000fe81000007" /* F_ARP_REPLY in VLAN 7 */
	                   "080600010800060400020200000000fec0000201020000000001c0000202");
	rig_expect(&rig, F_SYN4_VLAN_OUT);
	rig_close(&rig);
}

static void a_device_that_sums_gets_the_pseudo_header_and_the_lengths(void)
{
	struct net_conf conf = rig_conf();
	struct rte_mbuf *m;
	uint16_t partial;

	conf.tx_checksum_ip4 = conf.tx_checksum_tcp = true;
	rig_open(&rig, &conf);
	rig_resolve(&rig);
	CU_ASSERT(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	m = rig.out[0];
	CU_ASSERT_EQUAL(m->ol_flags,
	                RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
	CU_ASSERT_EQUAL(m->l2_len, 14);
	CU_ASSERT_EQUAL(m->l3_len, 20);
	CU_ASSERT_EQUAL(m->l4_len, 24);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(m, uint16_t *, 14 + 10), 0);
	partial =
	    rte_ipv4_phdr_cksum(rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14), m->ol_flags);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(m, uint16_t *, 34 + 16), partial);
	rig_forget_out(&rig);
	CU_ASSERT(rig_send(&rig, "2001:db8::2", "2001:db8:9::25"));
	m = rig.out[0];
	CU_ASSERT_EQUAL(m->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
	CU_ASSERT_EQUAL(m->l3_len, 40);
	partial =
	    rte_ipv6_phdr_cksum(rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, 14), m->ol_flags);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(m, uint16_t *, 54 + 16), partial);
	rig_close(&rig);
}

static void a_buffer_sent_again_carries_no_marks_of_its_last_journey(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	struct net_path path;
	struct rte_mbuf *m;

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &us, &them, &path), 0);
	m = rig_segment(&rig);
	m->ol_flags = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM;
	m->data_off += 2; /* any place with the headroom will do */
	memmove(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_mtod(m, uint8_t *) - 2, m->data_len);
	CU_ASSERT(net_output(rig.net, rig.now_us, &path, m));
	CU_ASSERT_EQUAL(rig.out[0]->ol_flags, 0);
	rig_expect(&rig, F_SYN4_OUT);
	rig_close(&rig);
}

static void a_kept_segment_can_be_sent_twice(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	struct net_path path;
	struct rte_mbuf *m;
	uint16_t at, bytes;

	rig_open(&rig, NULL);
	rig_resolve(&rig);
	CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &us, &them, &path), 0);
	m = rig_segment(&rig);
	at = m->data_off;
	bytes = m->data_len;
	for (int i = 0; i < 2; i++) {
		rte_mbuf_refcnt_update(m, 1);
		CU_ASSERT(net_output(rig.net, rig.now_us, &path, m));
		rig_expect(&rig, F_SYN4_OUT);
		CU_ASSERT_EQUAL_FATAL(rte_mbuf_refcnt_read(m), 1);
		m->data_off = at; /* the holder restores what was put in front */
		m->data_len = bytes;
		m->pkt_len = bytes;
	}
	rte_pktmbuf_free(m);
	rig_close(&rig);
}

static void the_ecn_field_is_set_and_the_sum_follows(void)
{
	static const struct {
		const char *local, *remote;
		bool device_sums;
	} cases[] = {
		{ "192.0.2.2", "203.0.113.9", false },
		{ "192.0.2.2", "203.0.113.9", true },
		{ "2001:db8::2", "2001:db8:9::9", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr us = addr(cases[i].local), them = addr(cases[i].remote);
		struct net_path path;
		const uint8_t *h;

		rig_open(&rig, NULL);
		rig_resolve(&rig);
		rig.net->tx_checksum_ip4 = cases[i].device_sums;
		CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &us, &them, &path), 0);
		CU_ASSERT_FATAL(
		    net_output_ecn(rig.net, rig.now_us, &path, rig_segment(&rig), NET_ECN_ECT0));
		h = rte_pktmbuf_mtod_offset(rig.out[0], const uint8_t *, 14);
		if (ip_is_v4(&us)) {
			CU_ASSERT_EQUAL(h[1], 2);
			CU_ASSERT_EQUAL(cksum_fold(cksum_add(0, h, 20)) == 0xffff,
			                !cases[i].device_sums);
		} else {
			CU_ASSERT_EQUAL(h[0], 0x60);
			CU_ASSERT_EQUAL(h[1], 0x20);
		}
		rig_close(&rig);
	}
}

/* A header and two payloads as a chain, with three bytes in the second. */
static struct rte_mbuf *packet_to_cut(void)
{
	struct rte_mbuf *head = rig_segment(&rig);

	rte_pktmbuf_trim(head, (uint16_t)(head->data_len - (head->data_len > 40 ? 40 : 20)));
	return head;
}

static void a_packet_to_be_cut_says_so_and_its_sum_has_no_length(void)
{
	static const struct {
		const char *local, *remote;
		uint64_t flags;
		uint16_t l3;
	} cases[] = {
		{ "192.0.2.2", "203.0.113.9", RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM, 20 },
		{ "2001:db8::2", "2001:db8:9::9", RTE_MBUF_F_TX_IPV6, 40 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct ip_addr us = addr(cases[i].local), them = addr(cases[i].remote);
		struct rte_mbuf *m, *part;
		struct net_path path;
		const uint8_t *ip, *tcp;
		uint16_t sum;

		rig_open(&rig, NULL);
		rig_resolve(&rig);
		rig.net->tx_checksum_ip4 = rig.net->tx_checksum_tcp = true;
		CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &us, &them, &path), 0);
		m = packet_to_cut();
		for (int k = 0; k < 2; k++) {
			part = rte_pktmbuf_alloc(rig.pool);
			CU_ASSERT_FATAL(part != NULL);
			memset(rte_pktmbuf_append(part, k == 0 ? 1000 : 3), 'x', 3);
			CU_ASSERT_EQUAL(rte_pktmbuf_chain(m, part), 0);
		}
		CU_ASSERT_FATAL(net_output_tso(rig.net, rig.now_us, &path, m, NET_ECN_ECT0, 1000));
		m = rig.out[0];
		CU_ASSERT_EQUAL(m->tso_segsz, 1000);
		CU_ASSERT_EQUAL(m->l2_len, 14);
		CU_ASSERT_EQUAL(m->l3_len, cases[i].l3);
		CU_ASSERT_EQUAL(m->nb_segs, 3);
		CU_ASSERT_EQUAL(m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK,
		                cases[i].flags | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
		ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, 14);
		tcp = ip + m->l3_len;
		CU_ASSERT_EQUAL(m->l4_len, (tcp[12] >> 4) * 4);
		if (i == 0) {
			CU_ASSERT_EQUAL(ip[2] << 8 | ip[3], (int)m->pkt_len - 14);
			CU_ASSERT_EQUAL(ip[10] | ip[11], 0);
			sum = rte_ipv4_phdr_cksum((const struct rte_ipv4_hdr *)ip, m->ol_flags);
		} else {
			CU_ASSERT_EQUAL(ip[4] << 8 | ip[5], (int)m->pkt_len - 54);
			sum = rte_ipv6_phdr_cksum((const struct rte_ipv6_hdr *)ip, m->ol_flags);
		}
		CU_ASSERT_EQUAL(memcmp(tcp + 16, &sum, 2), 0);
		rig_close(&rig);
	}
}

static void a_packet_to_be_cut_does_not_wait_for_an_address(void)
{
	struct ip_addr us = addr("192.0.2.2"), them = addr("203.0.113.9");
	struct rte_mbuf *m, *part;
	struct net_path path;

	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL_FATAL(net_route(rig.net, &us, &them, &path), 0);
	m = packet_to_cut();
	part = rte_pktmbuf_alloc(rig.pool);
	CU_ASSERT_FATAL(part != NULL);
	memset(rte_pktmbuf_append(part, 1400), 'x', 1400);
	rte_pktmbuf_chain(m, part);
	CU_ASSERT_FALSE(net_output_tso(rig.net, rig.now_us, &path, m, NET_ECN_NOT_ECT, 1000));
	CU_ASSERT_EQUAL(counter_read(&rig.counters.neighbour_dropped), 1);
	rig_close(&rig);
}

SUITE("dataplane/net/segment", TEST(a_packet_to_be_cut_says_so_and_its_sum_has_no_length),
      TEST(a_packet_to_be_cut_does_not_wait_for_an_address),
      TEST(the_ecn_field_is_set_and_the_sum_follows),
      TEST(a_segment_comes_out_with_addresses_and_header),
      TEST(one_wrong_bit_anywhere_in_a_segment_is_found),
      TEST(the_devices_word_on_checksums_counts_only_when_it_is_trusted),
      TEST(a_data_offset_that_lies_is_malformed), TEST(what_we_send_is_right_to_the_byte),
      TEST(a_device_that_sums_gets_the_pseudo_header_and_the_lengths),
      TEST(a_buffer_sent_again_carries_no_marks_of_its_last_journey),
      TEST(a_kept_segment_can_be_sent_twice))
