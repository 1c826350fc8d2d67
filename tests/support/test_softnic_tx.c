/* test_softnic_tx.c - what the software card sends is what it was given, cut where it was asked to,
 * and it holds what it sent as cards do.
 */
#include "tests/support/eal.h"
#include "tests/support/softnic_int.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

enum { DESCS = 64, PAYLOAD_MAX = 65535 - 40, OPTIONS = 12, ROOM = 2048 };

#define ALL_TX                                                                                     \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
	 RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

static struct rte_mempool *pool, *wire;
static struct softnic *nic;

static void make(struct softnic_conf conf, uint64_t offloads)
{
	struct rte_eth_conf eth = { .txmode.offloads = offloads };

	if (pool == NULL) {
		eal_start();
		pool = eal_pool("queue", 1023, ROOM + RTE_PKTMBUF_HEADROOM, 0);
		wire = eal_pool("wire", 1023, ROOM + RTE_PKTMBUF_HEADROOM, 0);
	}
	conf.wire_pool = wire;
	conf.tx_offloads = ALL_TX;
	nic = softnic_new(&conf);
	CU_ASSERT_EQUAL_FATAL(softnic_io.configure(nic, 1, &eth), 0);
	CU_ASSERT_EQUAL_FATAL(softnic_io.rx_queue_setup(nic, 0, 8, pool), 0);
	CU_ASSERT_EQUAL_FATAL(softnic_io.tx_queue_setup(nic, 0, DESCS), 0);
	CU_ASSERT_EQUAL_FATAL(softnic_io.start(nic), 0);
}

static void unmake(void)
{
	CU_ASSERT_EQUAL(softnic_io.close(nic), 0);
	softnic_free(nic);
	CU_ASSERT_EQUAL(eal_pool_held(wire), 0);
	CU_ASSERT_EQUAL(eal_pool_held(pool), 0);
}

static struct rte_mbuf *short_frame(uint8_t byte)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *at = rte_pktmbuf_append(m, 60);

	if (at == NULL)
		abort();
	memset(at, byte, 60);
	return m;
}

/* Byte `i` of every payload. */
static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

/* A chain: headers alone, then the payload in buffers of `each` bytes, with the marks that ask for
 * sums, and for cutting where `mss` is not 0. IP id 0xfffe, sequence 0xffffff00, flags FIN PSH ACK
 * CWR.
 */
static struct rte_mbuf *packet(int family, uint32_t payload, uint32_t each, uint16_t mss)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *last = m;
	uint32_t l3 = family == 4 ? 20 : 40, l4 = 20 + OPTIONS;
	uint8_t *f = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + l3 + l4)), *ip = f + 14,
		*tcp = ip + l3;
	struct softnic_view v = { .addr_bytes = family == 4 ? 8 : 32 };
	uint32_t sum;

	if (f == NULL)
		abort();
	memset(f, 0, 14 + l3 + l4);
	if (family == 4) {
		f[12] = 8;
		ip[0] = 0x45;
		ip[2] = (uint8_t)((l3 + l4 + payload) >> 8);
		ip[3] = (uint8_t)(l3 + l4 + payload);
		ip[4] = 0xff;
		ip[5] = 0xfe;
		ip[9] = 6;
		memcpy(ip + 12, "\x0a\x09\0\x02\x0a\x09\0\x07", 8);
		memcpy(v.tuple, ip + 12, 8);
	} else {
		f[12] = 0x86;
		f[13] = 0xdd;
		ip[0] = 0x60;
		ip[4] = (uint8_t)((l4 + payload) >> 8);
		ip[5] = (uint8_t)(l4 + payload);
		ip[6] = 6;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 2;
		ip[39] = 7;
		memcpy(v.tuple, ip + 8, 32);
	}
	memcpy(tcp, "\x90\x01\0\x19\xff\xff\xff\0", 8);
	tcp[12] = (uint8_t)(l4 / 4 << 4);
	tcp[13] = 1 | 8 | 16 | 128;
	sum = softnic_sum_pseudo(&v, mss != 0 ? 0 : l4 + payload);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	m->l2_len = 14;
	m->l3_len = l3 & 0x1ff;
	m->l4_len = l4 & 0xff;
	m->ol_flags =
	    RTE_MBUF_F_TX_TCP_CKSUM |
	    (family == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6) |
	    (mss != 0 ? RTE_MBUF_F_TX_TCP_SEG : 0);
	m->tso_segsz = mss;
	for (uint32_t at = 0; at < payload;) {
		uint32_t n = payload - at < each ? payload - at : each;
		struct rte_mbuf *s = rte_pktmbuf_alloc(pool);
		uint8_t *to = (uint8_t *)rte_pktmbuf_append(s, (uint16_t)n);

		for (uint32_t i = 0; i < n; i++)
			to[i] = byte_at(at + i);
		last->next = s;
		last = s;
		m->nb_segs++;
		m->pkt_len += n;
		at += n;
	}
	return m;
}

static bool sums_are_right(struct rte_mbuf *f)
{
	struct softnic_view v;

	softnic_view(rte_pktmbuf_mtod(f, uint8_t *), f->data_len, &v);
	if (v.l4 == NULL)
		return false;
	if (v.addr_bytes == 8 && softnic_sum(0, v.ip, 20) != 0xffff)
		return false;
	return softnic_sum(softnic_sum_pseudo(&v, v.l4_bytes), v.l4, v.l4_bytes) == 0xffff;
}

/* What arrives of one packet is that packet. */
static void check_cut(int family, uint32_t payload, uint32_t each, uint16_t mss)
{
	uint32_t l3 = family == 4 ? 20 : 40, headers = 14 + l3 + 20 + OPTIONS, at = 0, n = 0;
	struct rte_mbuf *m = packet(family, payload, each, mss), *f;

	CU_ASSERT_EQUAL(softnic_io.tx_prepare(nic, 0, &m, 1), 1);
	CU_ASSERT_EQUAL_FATAL(softnic_io.tx_burst(nic, 0, &m, 1), 1);
	while ((f = softnic_wire_take(nic)) != NULL) {
		const uint8_t *ip = rte_pktmbuf_mtod_offset(f, const uint8_t *, 14), *tcp = ip + l3;
		uint32_t bytes = f->data_len - headers, seq = 0xffffff00 + at;
		bool last = at + bytes == payload;

		CU_ASSERT_TRUE(sums_are_right(f));
		CU_ASSERT_EQUAL(bytes, last ? payload - at : mss);
		CU_ASSERT_EQUAL(
		    ((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | tcp[6] << 8 | tcp[7]), seq);
		CU_ASSERT_EQUAL(tcp[13], 16 | (last ? 1 | 8 : 0) | (n == 0 ? 128 : 0));
		if (family == 4)
			CU_ASSERT_EQUAL((uint16_t)(ip[4] << 8 | ip[5]), (uint16_t)(0xfffe + n));
		for (uint32_t i = 0; i < bytes; i++)
			CU_ASSERT_EQUAL_FATAL(tcp[20 + OPTIONS + i], byte_at(at + i));
		at += bytes;
		n++;
		rte_pktmbuf_free(f);
	}
	CU_ASSERT_EQUAL(at, payload);
	CU_ASSERT_EQUAL(n, (payload + mss - 1) / mss);
}

static void a_large_packet_is_cut_into_segments_that_add_up_to_it(void)
{
	static const struct {
		uint32_t payload, each;
		uint16_t mss;
	} cases[] = {
		{ 1449, 1448, 1448 }, { 14480, 1448, 1448 }, { 65000, 1448, 1448 },
		{ 9999, 1333, 1001 }, { 3001, 500, 536 },
	};

	make((struct softnic_conf){ .seed = 1 }, ALL_TX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_cut(4, cases[i].payload, cases[i].each, cases[i].mss);
		if (cases[i].mss <= 1428)
			check_cut(6, cases[i].payload, cases[i].each, cases[i].mss);
	}
	check_cut(6, 60000, 1428, 1428);
	CU_ASSERT_EQUAL(softnic_stats(nic)->prepare_refused, 0);
	unmake();
}

static void a_packet_that_fits_leaves_as_it_is_with_its_sums(void)
{
	for (unsigned lies = 0; lies < 2; lies++) {
		struct rte_mbuf *m, *f;

		make((struct softnic_conf){ .lies = lies ? SOFTNIC_TX_SUM_UNDONE : 0 }, ALL_TX);
		m = packet(lies ? 4 : 6, 1001, 333, 0);
		CU_ASSERT_EQUAL(softnic_io.tx_prepare(nic, 0, &m, 1), 1);
		CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, &m, 1), 1);
		f = softnic_wire_take(nic);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CU_ASSERT_EQUAL(sums_are_right(f), lies == 0);
		CU_ASSERT_PTR_NULL(softnic_wire_take(nic));
		rte_pktmbuf_free(f);
		unmake();
	}
}

/* Bytes are read when the frame leaves, not when it is handed over; and the buffer is held long
 * after.
 */
static void a_sent_buffer_is_held_until_the_ring_needs_its_place(void)
{
	struct rte_mbuf *m, *f;

	make((struct softnic_conf){ .seed = 1 }, 0);
	for (unsigned i = 0; i < 200; i++) {
		m = short_frame((uint8_t)i);
		CU_ASSERT_EQUAL_FATAL(softnic_io.tx_burst(nic, 0, &m, 1), 1);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 59) = 0xee;
		f = softnic_wire_take(nic);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(f, uint8_t *, 59), 0xee);
		rte_pktmbuf_free(f);
		CU_ASSERT_TRUE(softnic_tx_held(nic, 0) == i + 1 || i >= 32);
	}
	CU_ASSERT_TRUE(softnic_tx_held(nic, 0) >= 32);
	unmake();
}

static void a_full_ring_takes_no_more(void)
{
	struct rte_mbuf *m[DESCS + 10], *f;

	make((struct softnic_conf){ .seed = 1 }, 0);
	for (unsigned i = 0; i < DESCS + 10; i++)
		m[i] = short_frame(0);
	CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, m, DESCS + 10), DESCS);
	CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, m + DESCS, 10), 0);
	for (unsigned i = 0; i < 4; i++) {
		f = softnic_wire_take(nic);
		rte_pktmbuf_free(f);
	}
	CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, m + DESCS, 10), 4);
	rte_pktmbuf_free_bulk(m + DESCS + 4, 6);
	unmake();
}

static void what_a_driver_would_refuse_is_refused_and_stops_the_queue(void)
{
	/* clang-format off */
	static const struct {
		const char *why;
		uint64_t offloads;
		uint32_t payload, each;
		uint16_t mss;
	} cases[] = {
		{ "segmentation was not configured",
		  ALL_TX & ~RTE_ETH_TX_OFFLOAD_TCP_TSO, 4000, 1448, 1448 },
		{ "chains were not configured", 0, 1000, 500, 0 },
		{ "TCP checksums were not configured",
		  RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 1000, 500, 0 },
		{ "nothing to cut", ALL_TX, 1448, 1448, 1448 },
		{ "segment size out of range", ALL_TX, 4000, 1448, 100 },
		{ "packet longer than 64 KB", ALL_TX, PAYLOAD_MAX, 1448, 1448 },
		{ "segments longer than the MTU", ALL_TX, 4000, 1448, 1449 },
		{ "too many buffers", ALL_TX, 5000, 100, 1448 },
		{ "too many buffers", ALL_TX, 1000, 100, 0 },
		{ "frame longer than the MTU", ALL_TX, 1500, 1000, 0 },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rte_mbuf *m, *good;

		make((struct softnic_conf){ .seed = i, .tso_mss_min = 256 }, cases[i].offloads);
		m = packet(4, cases[i].payload, cases[i].each, cases[i].mss);
		CU_ASSERT_EQUAL(softnic_io.tx_prepare(nic, 0, &m, 1), 0);
		CU_ASSERT_EQUAL(softnic_stats(nic)->prepare_refused, 1);
		CU_ASSERT_STRING_EQUAL(softnic_stats(nic)->refused_why, cases[i].why);
		CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, &m, 1), 0);
		CU_ASSERT_EQUAL(softnic_stats(nic)->stopped, 1);
		rte_pktmbuf_free(m);
		good = short_frame(0);
		CU_ASSERT_EQUAL(softnic_io.tx_burst(nic, 0, &good, 1), 0);
		rte_pktmbuf_free(good);
		unmake();
	}
}

SUITE("support/softnic_tx", TEST(a_large_packet_is_cut_into_segments_that_add_up_to_it),
      TEST(a_packet_that_fits_leaves_as_it_is_with_its_sums),
      TEST(a_sent_buffer_is_held_until_the_ring_needs_its_place), TEST(a_full_ring_takes_no_more),
      TEST(what_a_driver_would_refuse_is_refused_and_stops_the_queue))
