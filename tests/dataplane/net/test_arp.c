/* test_arp.c - ARP says who we are, asks for others and believes what it should. */
#include "tests/dataplane/net/rig.h"
#include "tests/support/suite.h"

#include <rte_mbuf.h>

static struct rig rig;

static void a_request_for_an_own_address_is_answered(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_EQUAL(rig_feed_hex(&rig, F_ARP_REQUEST), NET_IN_DONE);
	rig_expect(&rig, F_ARP_REPLY_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.arp_in), 1);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_FREE); /* the asker gets no entry */
	rig_close(&rig);
}

static void each_of_1024_sources_is_answered_for(void)
{
	static struct ip_addr sources[1024];
	struct net_conf conf = rig_conf();
	uint8_t ask[64];
	size_t n = hex_bytes(F_ARP_REQUEST, ask);

	for (unsigned i = 0; i < 1024; i++)
		sources[i] = ip_from_v4((uint8_t[]){ 10, 1, (uint8_t)(i >> 8), (uint8_t)i });
	conf.sources = sources;
	conf.n_sources = 1024;
	rig_open(&rig, &conf);
	for (unsigned i = 0; i < 1024; i++) {
		memcpy(ask + 38, sources[i].b + 12, 4);
		rig_feed(&rig, ask, n, 0);
		CU_ASSERT_EQUAL_FATAL(rig.n_out, 1);
		CU_ASSERT(memcmp(rte_pktmbuf_mtod_offset(rig.out[0], uint8_t *, 28), ask + 38, 4) ==
		          0);
		rig_forget_out(&rig);
	}
	ask[40] = 4; /* 10.1.4.255: one beyond */
	rig_feed(&rig, ask, n, 0);
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

static void a_segment_without_a_mac_asks_everybody_and_leaves_on_the_answer(void)
{
	rig_open(&rig, NULL);
	CU_ASSERT_FALSE(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	rig_expect(&rig, F_ARP_ASK_OUT);
	rig_expect(&rig, NULL);
	rig_feed_hex(&rig, F_ARP_REPLY);
	rig_expect(&rig, F_SYN4_OUT);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void a_stale_gateway_is_probed_alone(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_pass(&rig, 31 * RIG_US);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_STALE);
	CU_ASSERT(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	rig_expect(&rig, F_SYN4_OUT);
	rig_pass(&rig, 6 * RIG_US);
	rig_expect(&rig, F_ARP_PROBE_OUT);
	rig_close(&rig);
}

static void a_gratuitous_request_moves_an_entry_and_makes_none(void)
{
	rig_open(&rig, NULL);
	rig_feed_hex(&rig, F_ARP_GRATUITOUS);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_FREE);
	rig_resolve(&rig);
	rig_feed_hex(&rig, F_ARP_GRATUITOUS);
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_STALE); /* hearsay: to be probed */
	CU_ASSERT(rig_send(&rig, "192.0.2.2", "203.0.113.9"));
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(rig.out[0], uint8_t *, 5), 0xfd);
	rig_close(&rig);
}

static void the_same_gratuitous_news_leaves_a_reachable_entry_alone(void)
{
	rig_open(&rig, NULL);
	rig_resolve(&rig);
	rig_feed_hex(&rig, F_ARP_REQUEST); /* the MAC that we know */
	CU_ASSERT_EQUAL(rig_state(&rig, "192.0.2.1"), NEIGH_REACHABLE);
	rig_close(&rig);
}

static void another_user_of_our_address_is_counted_and_contradicted_once_in_ten_seconds(void)
{
	rig_open(&rig, NULL);
	rig_feed_hex(&rig, F_ARP_CLAIM);
	rig_expect(&rig, F_ARP_ANNOUNCE_OUT);
	rig.now_us += 9 * RIG_US;
	rig_feed_hex(&rig, F_ARP_CLAIM);
	rig_expect(&rig, NULL);
	rig.now_us += 1 * RIG_US;
	rig_feed_hex(&rig, F_ARP_CLAIM);
	rig_expect(&rig, F_ARP_ANNOUNCE_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.address_conflicts), 3);
	rig_close(&rig);
}

static void a_probe_for_our_address_is_answered(void)
{
	rig_open(&rig, NULL);
	rig_feed_hex(&rig, F_ARP_DAD);
	rig_expect(&rig, F_ARP_DAD_REPLY_OUT);
	CU_ASSERT_EQUAL(counter_read(&rig.counters.address_conflicts), 0);
	rig_close(&rig);
}

static void malformed_arp_is_dropped_and_counted(void)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} cases[] = {
		{ "hardware other than Ethernet", 15, 6 },
		{ "protocol other than IPv4", 16, 0x86 },
		{ "hardware length 7", 18, 7 },
		{ "protocol length 16", 19, 16 },
		{ "a group as hardware address", 22, 1 },
	};

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_feed_with(&rig, F_ARP_REQUEST, cases[i].at, cases[i].value);
		if (rig.n_out != 0 || counter_read(&rig.counters.rx_malformed) != i + 1)
			printf("\n    %s was taken", cases[i].why);
		CU_ASSERT_EQUAL(rig.n_out, 0);
		CU_ASSERT_EQUAL(counter_read(&rig.counters.rx_malformed), i + 1);
	}
	rig_feed_with(&rig, F_ARP_REQUEST, 21, 3); /* an operation that we do not know */
	rig_expect(&rig, NULL);
	rig_close(&rig);
}

SUITE("dataplane/net/arp", TEST(a_request_for_an_own_address_is_answered),
      TEST(each_of_1024_sources_is_answered_for),
      TEST(a_segment_without_a_mac_asks_everybody_and_leaves_on_the_answer),
      TEST(a_stale_gateway_is_probed_alone),
      TEST(a_gratuitous_request_moves_an_entry_and_makes_none),
      TEST(the_same_gratuitous_news_leaves_a_reachable_entry_alone),
      TEST(another_user_of_our_address_is_counted_and_contradicted_once_in_ten_seconds),
      TEST(a_probe_for_our_address_is_answered), TEST(malformed_arp_is_dropped_and_counted))
