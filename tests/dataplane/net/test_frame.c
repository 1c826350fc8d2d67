/* test_frame.c - whose frames we take: station, VLAN, type. */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;

static enum net_in feed_stripped(const char *hex, uint16_t tci)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	uint8_t bytes[RIG_FRAME_MAX];
	size_t n = hex_bytes(hex, bytes);
	enum net_in in;

	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = tci;
	in = net_input(rig.net, rig.now_us, m, &rig.seg, &rig.icmp);
	if (in == NET_IN_TCP)
		rte_pktmbuf_free(m);
	return in;
}

static void an_untagged_port_takes_no_tagged_frame_but_priority(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_VLAN), NET_IN_DONE);
	CU_ASSERT_EQUAL(feed_stripped(F_TCP4, 7), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 2);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_VLAN0), NET_IN_TCP);
	CU_ASSERT_EQUAL(feed_stripped(F_TCP4, 0x6000), NET_IN_TCP);
	rig_close(&rig);
}

static void a_tagged_port_takes_its_own_vlan_only(void)
{
	struct net_conf conf = rig_conf();

	conf.vlan = 7;
	rig_open(&rig, &conf);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_VLAN), NET_IN_TCP);
	CU_ASSERT_EQUAL(feed_stripped(F_TCP4, 0x6007), NET_IN_TCP);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4), NET_IN_DONE);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_TCP4_VLAN0), NET_IN_DONE);
	CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4_VLAN, 15, 8), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_not_ours), 3);
	CU_ASSERT_EQUAL(feed_stripped(F_TCP4_VLAN, 7), NET_IN_DONE); /* two tags */
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
	rig_close(&rig);
}

static void frames_of_and_for_other_stations_are_dropped(void)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
		bool malformed;
	} cases[] = {
		{ "another station's address", 5, 2, false },
		{ "a group we are not in", 0, 1, false },
		{ "our own address as sender", 11, 1, false },
		{ "a group as sender", 6, 3, true },
		{ "a type we do not speak", 13, 1, false },
		{ "802.1ad, which we do not speak", 12, 0x88, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t not_ours, malformed;

		rig_open(&rig, NULL);
		CU_ASSERT_EQUAL(rig_feed_with(&rig, F_TCP4, cases[i].at, cases[i].value),
		                NET_IN_DONE);
		not_ours = counter_read(&rig.counters.rx_not_ours);
		malformed = counter_read(&rig.counters.rx_malformed);
		if (malformed != cases[i].malformed || not_ours != !cases[i].malformed)
			printf("\n    %s: %lu not ours, %lu malformed", cases[i].why, not_ours,
			       malformed);
		CU_ASSERT_EQUAL(malformed, cases[i].malformed);
		CU_ASSERT_EQUAL(not_ours, !cases[i].malformed);
		rig_close(&rig);
	}
}

static void a_frame_cut_at_any_byte_gives_no_segment_and_no_harm(void)
{
	static const char *const whole[] = {
		F_TCP4, F_TCP6, F_TCP4_VLAN0,  F_ECHO4,           F_ECHO6,       F_TOO_BIG4,
		F_NS,   F_NA,   F_ARP_REQUEST, F_TCP6_EXTENSIONS, F_TCP4_OPTIONS
	};

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		uint8_t bytes[RIG_FRAME_MAX];
		size_t n = hex_bytes(whole[i], bytes);

		for (size_t cut = 0; cut < n; cut++)
			CU_ASSERT_EQUAL(rig_feed(&rig, bytes, cut, 0), NET_IN_DONE);
	}
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

static void a_frame_in_several_buffers_is_dropped(void)
{
	struct rte_mbuf *m, *tail;

	rig_open(&rig, NULL);
	m = rig_segment(&rig);
	tail = rig_segment(&rig);
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(m, tail), 0);
	CU_ASSERT_EQUAL(net_input(rig.net, 0, m, &rig.seg, &rig.icmp), NET_IN_DONE);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), 1);
	rig_close(&rig);
}

SUITE("dataplane/net/frame", TEST(an_untagged_port_takes_no_tagged_frame_but_priority),
      TEST(a_tagged_port_takes_its_own_vlan_only),
      TEST(frames_of_and_for_other_stations_are_dropped),
      TEST(a_frame_cut_at_any_byte_gives_no_segment_and_no_harm),
      TEST(a_frame_in_several_buffers_is_dropped))
