/* test_port_plan.c - what is asked of a device follows from what it says and what is known of it.
 *
 * The device infos are those that DPDK 22.11.11 printed for these drivers, cut to what matters.
 */
#include "dataplane/port_plan.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

#define TX_SOFT (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define RX_SOFT (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

static const struct rte_eth_dev_info tap = {
	.driver_name = "net_tap",
	.max_rx_queues = 16,
	.max_tx_queues = 16,
	.max_mtu = 65517,
	.tx_offload_capa = TX_SOFT | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
	                   RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	.rx_offload_capa = RX_SOFT | RTE_ETH_RX_OFFLOAD_SCATTER,
};
static const struct rte_eth_dev_info i40e = {
	.driver_name = "net_i40e",
	.max_rx_queues = 192,
	.max_tx_queues = 192,
	.min_mtu = 68,
	.max_mtu = 9702,
	.tx_offload_capa = TX_SOFT | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
	                   RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = RX_SOFT | RTE_ETH_RX_OFFLOAD_RSS_HASH,
	.rx_desc_lim = { .nb_max = 4096, .nb_min = 64, .nb_align = 32 },
	.tx_desc_lim = { .nb_max = 4096,
	                 .nb_min = 64,
	                 .nb_align = 32,
	                 .nb_seg_max = UINT8_MAX,
	                 .nb_mtu_seg_max = 8 },
};
static const struct rte_eth_dev_info gve = {
	.driver_name = "net_gve",
	.max_rx_queues = 4,
	.max_tx_queues = 4,
	.min_mtu = 68,
	.max_mtu = 1460,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
	.rx_desc_lim = { .nb_max = 1024, .nb_min = 1024, .nb_align = 1 },
	.tx_desc_lim = { .nb_max = 256, .nb_min = 256, .nb_align = 1 },
};
static const struct rte_eth_dev_info ring = {
	.driver_name = "net_ring", .max_rx_queues = 16, .max_tx_queues = 16, .max_mtu = 65535
};

static struct port_plan plan_of(const struct rte_eth_dev_info *info, uint16_t mtu)
{
	struct dp_port_conf conf = { .mtu_bytes = mtu };
	struct port_plan plan;
	char why[DP_WHY_BYTES] = "";

	CU_ASSERT_EQUAL_FATAL(port_plan_make(info, 1500, &conf, &plan, why), 0);
	CU_ASSERT_STRING_EQUAL(why, "");
	return plan;
}

static void net_tap_does_nothing_for_us_that_it_gets_wrong(void)
{
	struct port_plan p = plan_of(&tap, 1500);

	CU_ASSERT_EQUAL(p.eth.txmode.offloads, 0);
	CU_ASSERT_EQUAL(p.eth.rxmode.offloads, 0);
	CU_ASSERT_FALSE(p.tx_checksum_ip4 || p.tx_checksum_tcp || p.rx_checksum);
	CU_ASSERT_EQUAL(p.rx_descs, 256);
	CU_ASSERT_TRUE(p.own_mac);
	CU_ASSERT_TRUE(p.rx_interrupt);
	CU_ASSERT_EQUAL(p.eth.intr_conf.rxq, 1);
	CU_ASSERT_TRUE(p.rx_fd_is_data);
	CU_ASSERT_FALSE(p.set_mtu);
}

static void a_card_that_can_is_asked_for_everything_but_fast_free(void)
{
	struct port_plan p = plan_of(&i40e, 9000);

	CU_ASSERT_EQUAL(p.eth.txmode.offloads,
	                TX_SOFT | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	CU_ASSERT_EQUAL(p.eth.rxmode.offloads, RX_SOFT);
	CU_ASSERT_TRUE(p.multi_segs && p.tso && p.tso_ip6 && p.tx_prepare);
	CU_ASSERT_EQUAL(p.tx_segs_max, 8);
	CU_ASSERT_EQUAL(p.tso_segs_max, 64);
	CU_ASSERT_EQUAL(p.tso_mss_min, 256);
	CU_ASSERT_EQUAL(p.tso_bytes_max, 65535);
	CU_ASSERT_TRUE(p.tx_checksum_ip4 && p.tx_checksum_tcp && p.rx_checksum);
	CU_ASSERT_FALSE(p.own_mac);
	CU_ASSERT_TRUE(p.set_mtu);
	CU_ASSERT_EQUAL(p.mtu_bytes, 9000);
	CU_ASSERT_EQUAL(p.rx_descs, 512);
}

static void what_a_card_lacks_falls_to_us(void)
{
	struct port_plan p = plan_of(&gve, 1460);

	CU_ASSERT_FALSE(p.tx_checksum_ip4);
	CU_ASSERT_TRUE(p.tx_checksum_tcp);
	CU_ASSERT_FALSE(p.rx_checksum);
	CU_ASSERT_EQUAL(p.eth.txmode.offloads, RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
	CU_ASSERT_FALSE(p.rx_interrupt);
	CU_ASSERT_EQUAL(p.rx_descs, 1024); /* its limits are one size */
	CU_ASSERT_EQUAL(p.tx_descs, 256);
}

static void each_offload_can_be_switched_off_alone(void)
{
	static const struct {
		enum dp_offload off;
		const char *want;
	} cases[] = {
		/* clang-format off */
		{ DP_OFFLOAD_CHECKSUM_IP,  "checksum_ip (switched off), tso (needs others)" },
		{ DP_OFFLOAD_CHECKSUM_TCP, "checksum_tcp (switched off), tso (needs others)" },
		{ DP_OFFLOAD_RX_CHECKSUM,  "rx_checksum (switched off)" },
		{ DP_OFFLOAD_TSO,          "tso (switched off)" },
		{ DP_OFFLOAD_MULTI_SEGS,   "multi_segs (switched off), tso (needs others)" },
		{ DP_N_OFFLOADS,           "none" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_port_conf conf = { .mtu_bytes = 1500,
			                     .offloads_off = 1u << cases[i].off };
		char why[DP_WHY_BYTES], text[DP_WHY_BYTES];
		struct port_plan p;

		CU_ASSERT_EQUAL_FATAL(port_plan_make(&i40e, 1500, &conf, &p, why), 0);
		port_plan_fallbacks(&p, text, sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, cases[i].want);
		CU_ASSERT_EQUAL(p.tx_checksum_ip4, cases[i].off != DP_OFFLOAD_CHECKSUM_IP);
		CU_ASSERT_EQUAL(p.tx_checksum_tcp, cases[i].off != DP_OFFLOAD_CHECKSUM_TCP);
		CU_ASSERT_EQUAL(p.rx_checksum, cases[i].off != DP_OFFLOAD_RX_CHECKSUM);
		CU_ASSERT_EQUAL(p.multi_segs, cases[i].off != DP_OFFLOAD_MULTI_SEGS);
		CU_ASSERT_EQUAL(p.tx_segs_max > 1, p.multi_segs);
	}
}

static void a_ring_gets_copies(void)
{
	struct port_plan p = plan_of(&ring, 1500);

	CU_ASSERT_TRUE(p.copy_tx);
	CU_ASSERT_FALSE(p.rx_interrupt);
}

static void an_impossible_mtu_is_refused_with_the_bounds(void)
{
	struct dp_port_conf conf = { .mtu_bytes = 1500 };
	struct port_plan plan;
	char why[DP_WHY_BYTES] = "";

	CU_ASSERT_EQUAL(port_plan_make(&gve, 1460, &conf, &plan, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "1460"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "1500"));
	conf.mtu_bytes = 400;
	CU_ASSERT_EQUAL(port_plan_make(&tap, 1500, &conf, &plan, why), -EINVAL);
}

static void a_device_without_queues_is_refused(void)
{
	struct rte_eth_dev_info none = tap;
	struct dp_port_conf conf = { .mtu_bytes = 1500 };
	struct port_plan plan;
	char why[DP_WHY_BYTES];

	none.max_tx_queues = 0;
	CU_ASSERT_EQUAL(port_plan_make(&none, 1500, &conf, &plan, why), -EINVAL);
}

static void a_received_frame_always_fits_its_mbuf(void)
{
	static const char *const devices[] = { "net_tap0,iface=x", "net_af_packet0,iface=x",
		                               "0000:3b:00.0", "net_ring0",
		                               "net_af_packet0,iface=x,framesz=4096" };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		for (uint32_t mtu = 576; mtu <= 9000; mtu++) {
			uint32_t room =
			    port_data_room_bytes(devices[i], (uint16_t)mtu) - RTE_PKTMBUF_HEADROOM;

			if (room < mtu + 18 ||
			    room < port_af_packet_frame_bytes(devices[i], (uint16_t)mtu))
				printf("\n    %s, mtu %u: %u is too little", devices[i], mtu, room);
			CU_ASSERT_FATAL(room >= mtu + 18);
			CU_ASSERT_FATAL(room >=
			                port_af_packet_frame_bytes(devices[i], (uint16_t)mtu));
		}
	CU_ASSERT_EQUAL(port_af_packet_frame_bytes(devices[4], 1500), 4096);
	CU_ASSERT_EQUAL(port_af_packet_frame_bytes("net_af_packet0,framesz=99999999", 1500), 16384);
}

SUITE("dataplane/port_plan", TEST(net_tap_does_nothing_for_us_that_it_gets_wrong),
      TEST(a_card_that_can_is_asked_for_everything_but_fast_free),
      TEST(what_a_card_lacks_falls_to_us), TEST(each_offload_can_be_switched_off_alone),
      TEST(a_ring_gets_copies), TEST(an_impossible_mtu_is_refused_with_the_bounds),
      TEST(a_device_without_queues_is_refused), TEST(a_received_frame_always_fits_its_mbuf))
