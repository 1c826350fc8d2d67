/* test_softnic.c - the software card steers, checks, filters and lies as it says. */
#include "tests/support/eal.h"
#include "tests/support/softnic_int.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DESCS = 64, FRAME = 100, SEGMENTS = 4000 };

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static struct rte_mempool *pools[8], *wire;
static struct softnic *nic;

/* A card with `n` queues, hashing TCP. */
static void make(struct softnic_conf conf, uint16_t n)
{
	struct rte_eth_conf eth = { 0 };

	memcpy(conf.mac, mac, 6);
	conf.wire_pool = wire;
	if (conf.rx_offloads == 0)
		conf.rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM |
		                   RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	nic = softnic_new(&conf);
	eth.rxmode.offloads = conf.rx_offloads;
	if (conf.steer == SOFTNIC_STEER_RSS) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf =
		    RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	}
	CU_ASSERT_EQUAL_FATAL(softnic_io.configure(nic, n, &eth), 0);
	for (uint16_t q = 0; q < n; q++) {
		CU_ASSERT_EQUAL_FATAL(softnic_io.rx_queue_setup(nic, q, DESCS, pools[q]), 0);
		CU_ASSERT_EQUAL_FATAL(softnic_io.tx_queue_setup(nic, q, DESCS), 0);
	}
	CU_ASSERT_EQUAL_FATAL(softnic_io.start(nic), 0);
}

static void unmake(void)
{
	CU_ASSERT_EQUAL(softnic_io.close(nic), 0);
	softnic_free(nic);
	CU_ASSERT_EQUAL(eal_pool_held(wire), 0);
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(eal_pool_held(pools[i]), 0);
}

/* A TCP segment from host `n`, with right sums; `family` 4 or 6. */
static struct rte_mbuf *segment(int family, uint32_t n, struct softnic_view *v)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire);
	uint8_t *f = (uint8_t *)rte_pktmbuf_append(m, FRAME), *ip = f + 14, *tcp;
	uint32_t sum;

	if (f == NULL)
		abort();
	memset(f, 0, FRAME);
	memcpy(f, mac, 6);
	if (family == 4) {
		f[12] = 8;
		ip[0] = 0x45;
		ip[3] = FRAME - 14;
		ip[8] = 64;
		ip[9] = 6;
		memcpy(ip + 12, "\x0a\x09\0\0\x0a\x09\0\x02", 8);
		ip[14] = (uint8_t)(n >> 8);
		ip[15] = (uint8_t)n;
		sum = ~softnic_sum(0, ip, 20);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		tcp = ip + 20;
	} else {
		f[12] = 0x86;
		f[13] = 0xdd;
		ip[0] = 0x60;
		ip[5] = FRAME - 14 - 40;
		ip[6] = 6;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[22] = (uint8_t)(n >> 8);
		ip[23] = (uint8_t)n;
		ip[39] = 2;
		tcp = ip + 40;
	}
	tcp[1] = 25;
	tcp[2] = (uint8_t)(0x80 | n >> 3);
	tcp[3] = (uint8_t)(n * 31);
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	softnic_view(f, FRAME, v);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v->l4);
	sum = ~softnic_sum(softnic_sum_pseudo(v, v->l4_bytes), tcp, v->l4_bytes);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	return m;
}

/* The queue on which something waits; -1: on none. What it is is returned too. */
static int arrived(uint16_t n, struct rte_mbuf **m)
{
	int at = -1;

	for (uint16_t q = 0; q < n; q++)
		if (softnic_io.rx_burst(nic, q, m, 1) == 1) {
			CU_ASSERT_EQUAL(at, -1);
			at = q;
		}
	return at;
}

static void start(void)
{
	char name[16];

	eal_start();
	wire = eal_pool("wire", 1023, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "queue%u", i);
		pools[i] = eal_pool(name, 255, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	}
}

/* What a program can know of an honest card: key, table, and where a tuple belongs by them. */
static uint16_t predicted(const uint8_t *tuple, uint32_t bytes)
{
	struct rte_eth_rss_reta_entry64 reta[SOFTNIC_RETA_MAX / 64];
	uint8_t key[TOEPLITZ_KEY_MAX];
	struct rte_eth_rss_conf rss = { .rss_key = key, .rss_key_len = sizeof(key) };
	struct rte_eth_dev_info info;
	uint32_t i;

	CU_ASSERT_EQUAL(softnic_io.info_get(nic, &info), 0);
	CU_ASSERT_EQUAL(softnic_io.rss_conf_get(nic, &rss), 0);
	CU_ASSERT_EQUAL(rss.rss_key_len, info.hash_key_size);
	memset(reta, 0, sizeof(reta));
	for (i = 0; i < info.reta_size / 64u; i++)
		reta[i].mask = UINT64_MAX;
	CU_ASSERT_EQUAL(softnic_io.reta_query(nic, reta, info.reta_size), 0);
	i = toeplitz(key, rss.rss_key_len, tuple, bytes) % info.reta_size;
	return reta[i / 64].reta[i % 64];
}

static void an_honest_card_can_be_predicted_and_spreads(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint16_t n = seed % 3 == 0 ? 8 : seed % 3 == 1 ? 2 : 3;
		uint32_t by_queue[8] = { 0 };

		make((struct softnic_conf){ .seed = seed }, n);
		for (uint32_t i = 0; i < SEGMENTS / 8; i++) {
			struct softnic_view v;
			struct rte_mbuf *m = segment(i & 1 ? 4 : 6, i, &v);
			int want = predicted(v.tuple, v.addr_bytes + 4u), got;

			softnic_wire_give(nic, m);
			got = arrived(n, &m);
			CU_ASSERT_EQUAL_FATAL(got, want);
			CU_ASSERT_TRUE(m->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
			by_queue[got]++;
			rte_pktmbuf_free(m);
		}
		for (uint16_t q = 0; q < n; q++) /* its share of the table is drawn, too */
			CU_ASSERT_TRUE(by_queue[q] > SEGMENTS / 8 / n / 4);
		unmake();
	}
}

/* In how many of a hundred new flows the prediction is right. */
static unsigned right_of_100(uint32_t lies)
{
	unsigned right = 0;

	make((struct softnic_conf){ .seed = 7, .lies = lies, .table_changes_after = 10 }, 8);
	for (uint32_t i = 0; i < 100; i++) {
		struct softnic_view v;
		struct rte_mbuf *m = segment(4, i, &v);
		int want = predicted(v.tuple, v.addr_bytes + 4u);

		softnic_wire_give(nic, m);
		right += arrived(8, &m) == want;
		rte_pktmbuf_free(m);
	}
	unmake();
	return right;
}

static void each_lie_about_steering_breaks_the_prediction(void)
{
	CU_ASSERT_EQUAL(right_of_100(0), 100);
	CU_ASSERT_TRUE(right_of_100(SOFTNIC_KEY_REVERSED) < 40);
	CU_ASSERT_TRUE(right_of_100(SOFTNIC_HASH_INITIAL) < 40);
	CU_ASSERT_TRUE(right_of_100(SOFTNIC_KEY_WRONG) < 40);
	CU_ASSERT_TRUE(right_of_100(SOFTNIC_TABLE_CHANGES) < 50);
	CU_ASSERT_TRUE(right_of_100(SOFTNIC_TABLE_CHANGES) >= 10);
	CU_ASSERT_EQUAL(right_of_100(SOFTNIC_FIRST_ASTRAY), 0);
}

static void only_the_first_segment_of_a_flow_goes_astray(void)
{
	struct softnic_view v;
	struct rte_mbuf *m;

	make((struct softnic_conf){ .seed = 3, .lies = SOFTNIC_FIRST_ASTRAY }, 8);
	for (uint32_t i = 0; i < 50; i++) {
		for (unsigned k = 0; k < 3; k++) {
			m = segment(6, i, &v);
			softnic_wire_give(nic, m);
			CU_ASSERT_EQUAL(arrived(8, &m) == predicted(v.tuple, 36), k > 0);
			rte_pktmbuf_free(m);
		}
	}
	unmake();
}

static void what_is_not_tcp_is_not_spread(void)
{
	struct softnic_view v;
	struct rte_mbuf *m;
	int first = -1;

	make((struct softnic_conf){ .seed = 5 }, 8);
	for (uint32_t i = 0; i < 50; i++) {
		uint8_t *f;
		int got;

		m = segment(4, i, &v);
		f = rte_pktmbuf_mtod(m, uint8_t *);
		if (i & 1)
			f[13] = 6; /* ARP */
		else
			f[14 + 6] = 0x20; /* first fragment */
		softnic_wire_give(nic, m);
		got = arrived(8, &m);
		CU_ASSERT_TRUE(got == 0 || got == nic->reta[0]);
		CU_ASSERT_TRUE(first == -1 || got == first);
		CU_ASSERT_FALSE(m->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
		first = got;
		rte_pktmbuf_free(m);
	}
	unmake();
}

static void nobody_can_read_what_is_hidden(void)
{
	struct rte_eth_rss_conf rss = { 0 };
	struct rte_eth_dev_info info;

	make((struct softnic_conf){ .seed = 5, .steer = SOFTNIC_STEER_HIDDEN }, 2);
	CU_ASSERT_EQUAL(softnic_io.info_get(nic, &info), 0);
	CU_ASSERT_EQUAL(info.reta_size, 0);
	CU_ASSERT_EQUAL(info.flow_type_rss_offloads, 0);
	CU_ASSERT_EQUAL(softnic_io.rss_conf_get(nic, &rss), -ENOTSUP);
	CU_ASSERT_EQUAL(softnic_io.reta_query(nic, NULL, 0), -ENOTSUP);
	unmake();
}

static void sums_are_what_they_are_unless_it_lies(void)
{
	static const struct {
		const char *why;
		uint32_t lies;
		enum softnic_rx_sum rx_sum;
		bool spoilt;
		uint64_t want;
	} cases[] = {
		/* clang-format off */
		{ "right", 0, SOFTNIC_SUM_VERIFIED, false, RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ "wrong", 0, SOFTNIC_SUM_VERIFIED, true, RTE_MBUF_F_RX_L4_CKSUM_BAD },
		{ "wrong, called good", SOFTNIC_RX_SUM_UNDONE, SOFTNIC_SUM_VERIFIED, true,
		  RTE_MBUF_F_RX_L4_CKSUM_GOOD },
		{ "not looked at", 0, SOFTNIC_SUM_UNKNOWN, true, RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN },
		{ "not there", 0, SOFTNIC_SUM_NONE, false, RTE_MBUF_F_RX_L4_CKSUM_NONE },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct softnic_view v;
		struct rte_mbuf *m;

		make((struct softnic_conf){ .seed = i,
		                            .lies = cases[i].lies,
		                            .rx_sum = cases[i].rx_sum },
		     1);
		m = segment(i & 1 ? 4 : 6, 9, &v);
		v.l4[v.l4_bytes - 1] ^= cases[i].spoilt;
		softnic_wire_give(nic, m);
		CU_ASSERT_EQUAL(arrived(1, &m), 0);
		if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != cases[i].want)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, cases[i].want);
		rte_pktmbuf_free(m);
		unmake();
	}
}

static bool takes(const char *to)
{
	struct softnic_view v;
	struct rte_mbuf *m = segment(6, 1, &v);
	bool took;

	memcpy(rte_pktmbuf_mtod(m, uint8_t *), to, 6);
	softnic_wire_give(nic, m);
	took = softnic_io.rx_burst(nic, 0, &m, 1) == 1;
	if (took)
		rte_pktmbuf_free(m);
	return took;
}

static void others_frames_and_groups_are_filtered(void)
{
	make((struct softnic_conf){ .seed = 5, .lies = SOFTNIC_MULTICAST_OFF }, 1);
	CU_ASSERT_TRUE(takes("\x02\0\0\0\0\x01"));
	CU_ASSERT_TRUE(takes("\xff\xff\xff\xff\xff\xff"));
	CU_ASSERT_FALSE(takes("\x02\0\0\0\0\x02"));
	CU_ASSERT_FALSE(takes("\x33\x33\xff\0\0\x02"));
	CU_ASSERT_EQUAL(softnic_io.allmulticast_enable(nic), 0);
	CU_ASSERT_TRUE(takes("\x33\x33\xff\0\0\x02"));
	CU_ASSERT_FALSE(takes("\x02\0\0\0\0\x02"));
	CU_ASSERT_EQUAL(softnic_io.promiscuous_enable(nic), 0);
	CU_ASSERT_TRUE(takes("\x02\0\0\0\0\x02"));
	unmake();
}

static void without_link_nothing_arrives(void)
{
	struct rte_eth_link link;

	make((struct softnic_conf){ .seed = 5, .lies = SOFTNIC_LINK_DOWN }, 1);
	CU_ASSERT_EQUAL(softnic_io.link_get(nic, &link), 0);
	CU_ASSERT_EQUAL(link.link_status, 0);
	CU_ASSERT_FALSE(takes("\x02\0\0\0\0\x01"));
	softnic_link_set(nic, true);
	CU_ASSERT_EQUAL(softnic_io.link_get(nic, &link), 0);
	CU_ASSERT_EQUAL(link.link_status, 1);
	CU_ASSERT_TRUE(takes("\x02\0\0\0\0\x01"));
	unmake();
}

static void a_full_ring_and_an_empty_pool_lose_frames_and_no_buffers(void)
{
	struct rte_mbuf *m[2 * DESCS], *kept[256];
	struct softnic_view v;
	uint32_t n = 0;

	make((struct softnic_conf){ .seed = 5 }, 1);
	for (uint32_t i = 0; i < 2 * DESCS; i++)
		softnic_wire_give(nic, segment(4, i, &v));
	CU_ASSERT_EQUAL(softnic_stats(nic)->missed, DESCS);
	CU_ASSERT_EQUAL(softnic_io.rx_burst(nic, 0, m, 2 * DESCS), DESCS);
	rte_pktmbuf_free_bulk(m, DESCS);
	while (n < 256 && (kept[n] = rte_pktmbuf_alloc(pools[0])) != NULL)
		n++;
	for (uint32_t i = 0; i < 2 * DESCS; i++)
		softnic_wire_give(nic, segment(4, i, &v));
	CU_ASSERT_EQUAL(softnic_io.rx_burst(nic, 0, m, 2 * DESCS), DESCS);
	softnic_wire_give(nic, segment(4, 1, &v)); /* nothing in the ring to take it */
	CU_ASSERT_EQUAL(softnic_io.rx_burst(nic, 0, m + DESCS, 1), 0);
	rte_pktmbuf_free_bulk(kept, n);
	rte_pktmbuf_free_bulk(m, DESCS);
	CU_ASSERT_EQUAL(softnic_io.rx_burst(nic, 0, m, 1), 0); /* fills it again */
	softnic_wire_give(nic, segment(4, 1, &v));
	CU_ASSERT_EQUAL(softnic_io.rx_burst(nic, 0, m, 1), 1);
	rte_pktmbuf_free(m[0]);
	unmake();
}

static void it_refuses_what_drivers_refuse_to_configure(void)
{
	struct softnic_conf conf = { .seed = 1, .key_bytes = 52, .wire_pool = wire };
	struct rte_eth_conf eth = { .txmode.offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO };
	uint8_t key[40];

	nic = softnic_new(&conf);
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 1, &eth), -EINVAL);
	eth.txmode.offloads = 0;
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 17, &eth), -EINVAL);
	eth.intr_conf.rxq = 1;
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 1, &eth), -ENOTSUP);
	eth.intr_conf.rxq = 0;
	eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	eth.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_SCTP;
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 1, &eth), -EINVAL);
	eth.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	eth.rx_adv_conf.rss_conf.rss_key = key;
	eth.rx_adv_conf.rss_conf.rss_key_len = sizeof(key);
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 1, &eth), -EINVAL);
	eth.rx_adv_conf.rss_conf.rss_key = NULL;
	CU_ASSERT_EQUAL(softnic_io.configure(nic, 1, &eth), 0);
	CU_ASSERT_EQUAL(softnic_io.rx_queue_setup(nic, 0, 7, wire), -EINVAL);
	CU_ASSERT_EQUAL(softnic_io.tx_queue_setup(nic, 0, 8192), -EINVAL);
	CU_ASSERT_EQUAL(softnic_io.start(nic), -EINVAL);
	softnic_free(nic);
}

static void the_environment_starts(void)
{
	start();
}

SUITE("support/softnic", TEST(the_environment_starts),
      TEST(an_honest_card_can_be_predicted_and_spreads),
      TEST(each_lie_about_steering_breaks_the_prediction),
      TEST(only_the_first_segment_of_a_flow_goes_astray), TEST(what_is_not_tcp_is_not_spread),
      TEST(nobody_can_read_what_is_hidden), TEST(sums_are_what_they_are_unless_it_lies),
      TEST(others_frames_and_groups_are_filtered), TEST(without_link_nothing_arrives),
      TEST(a_full_ring_and_an_empty_pool_lose_frames_and_no_buffers),
      TEST(it_refuses_what_drivers_refuse_to_configure))
