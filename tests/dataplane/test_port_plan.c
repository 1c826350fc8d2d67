/* test_port_plan.c - what is asked of a device follows from what it says, what is known of its
 * driver and what the operator allows.
 */
#include "dataplane/port_plan.h"
#include "tests/dataplane/port_infos.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <string.h>

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
	struct port_plan p = plan_of(&info_tap, 1500);

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
	struct port_plan p = plan_of(&info_i40e, 9000);

	CU_ASSERT_EQUAL(p.eth.txmode.offloads,
	                INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	CU_ASSERT_EQUAL(p.eth.rxmode.offloads, INFO_RX_SUMS);
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
	struct port_plan p = plan_of(&info_gve, 1460);

	CU_ASSERT_FALSE(p.tx_checksum_ip4);
	CU_ASSERT_TRUE(p.tx_checksum_tcp);
	CU_ASSERT_FALSE(p.rx_checksum);
	CU_ASSERT_EQUAL(p.eth.txmode.offloads, RTE_ETH_TX_OFFLOAD_TCP_CKSUM | INFO_TX_CUTS);
	CU_ASSERT_FALSE(p.rx_interrupt);
	CU_ASSERT_EQUAL(p.rx_descs, 1024); /* its limits are one size */
	CU_ASSERT_EQUAL(p.tx_descs, 256);
}

static void each_driver_gets_what_suits_it(void)
{
	/* clang-format off */
	static const struct {
		const char *why;
		const struct rte_eth_dev_info *info;
		uint16_t mtu;
		uint16_t segs, tso_segs; /* in a frame, in a packet to cut; 0: it cuts none */
		bool tso_ip6, interrupt, own_mac, copy;
		const char *fallbacks;
	} cases[] = {
		{ "everything in software", &info_tap, 1500, 1, 0, false, true, true, false,
		  "checksum_ip (driver is wrong), checksum_tcp (driver is wrong), rx_checksum (driver is wrong), "
		  "multi_segs (driver is wrong), tso (driver is wrong)" },
		{ "chains that it copies", &info_af_packet, 1500, 64, 0, false, false, false, false,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "tso (not offered)" },
		{ "nothing at all", &info_af_xdp, 1500, 1, 0, false, false, false, false,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "multi_segs (not offered), tso (not offered)" },
		{ "chains that it mixes up", &info_memif, 1500, 1, 0, false, false, false, false,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "multi_segs (driver is wrong), tso (not offered)" },
		{ "it passes our mbufs on", &info_ring, 1500, 1, 0, false, false, false, true,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "multi_segs (driver is wrong), tso (not offered)" },
		{ "a table without a key", &info_null, 1500, 1, 0, false, false, false, false,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "multi_segs (not offered), tso (not offered)" },
		{ "the host cuts, and sums what it cuts", &info_virtio, 1500, 64, 64, true, true, false, false,
		  "checksum_ip (not offered)" },
		{ "and spreads", &info_virtio_rss, 1500, 64, 64, true, true, false, false,
		  "checksum_ip (not offered)" },
		{ "the kernel does", &info_virtio_user, 1500, 64, 64, true, true, false, false,
		  "checksum_ip (not offered)" },
		{ "short chains, IPv4 only", &info_ena, 1500, 17, 17, false, true, false, false, "none" },
		{ "no sums received, no interrupt", &info_gve, 1460, 8, 8, true, false, false, false,
		  "checksum_ip (not offered), rx_checksum (not offered)" },
		{ "all of it", &info_mlx5, 9000, 40, 40, true, true, false, false, "none" },
		{ "8 buffers in a frame", &info_i40e, 9000, 8, 64, true, true, false, false, "none" },
		{ "the same", &info_ice, 9000, 8, 64, true, true, false, false, "none" },
		{ "segments would have no sums", &info_ice_safe, 1500, 8, 0, false, true, false, false,
		  "checksum_ip (not offered), checksum_tcp (not offered), rx_checksum (not offered), "
		  "tso (needs others)" },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rte_eth_dev_info *info = cases[i].info;
		struct port_plan p = plan_of(info, cases[i].mtu);
		char text[DP_WHY_BYTES];

		port_plan_fallbacks(&p, text, sizeof(text));
		if (strcmp(text, cases[i].fallbacks) != 0 || p.tx_segs_max != cases[i].segs ||
		    p.tso_segs_max != cases[i].tso_segs)
			printf("\n    %s: %s: %s; %u, %u", info->driver_name, cases[i].why, text,
			       p.tx_segs_max, p.tso_segs_max);
		CU_ASSERT_STRING_EQUAL(text, cases[i].fallbacks);
		CU_ASSERT_EQUAL(p.tx_segs_max, cases[i].segs);
		CU_ASSERT_EQUAL(p.tso_segs_max, cases[i].tso_segs);
		CU_ASSERT_EQUAL(p.tso, cases[i].tso_segs != 0);
		CU_ASSERT_EQUAL(p.tso_ip6, cases[i].tso_ip6);
		CU_ASSERT_EQUAL(p.rx_interrupt, cases[i].interrupt);
		CU_ASSERT_EQUAL(p.own_mac, cases[i].own_mac);
		CU_ASSERT_EQUAL(p.copy_tx, cases[i].copy);
		CU_ASSERT_EQUAL(p.tx_prepare, p.eth.txmode.offloads != 0);
		/* Nothing is asked for that is not offered, nor what no driver may have of us. */
		CU_ASSERT_EQUAL(p.eth.txmode.offloads & ~info->tx_offload_capa, 0);
		CU_ASSERT_EQUAL(p.eth.rxmode.offloads & ~info->rx_offload_capa, 0);
		CU_ASSERT_EQUAL(p.eth.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, 0);
		CU_ASSERT_EQUAL(p.eth.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0);
		CU_ASSERT_EQUAL(p.eth.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER, 0);
	}
}

static void a_switch_for_ip_sums_also_keeps_a_host_from_cutting(void)
{
	struct dp_port_conf conf = { .mtu_bytes = 1500,
		                     .offloads_off = 1u << DP_OFFLOAD_CHECKSUM_IP };
	char why[DP_WHY_BYTES];
	struct port_plan p;

	CU_ASSERT_EQUAL_FATAL(port_plan_make(&info_virtio, 1500, &conf, &p, why), 0);
	CU_ASSERT_FALSE(p.tso);
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

		CU_ASSERT_EQUAL_FATAL(port_plan_make(&info_i40e, 1500, &conf, &p, why), 0);
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
	struct port_plan p = plan_of(&info_ring, 1500);

	CU_ASSERT_TRUE(p.copy_tx);
	CU_ASSERT_FALSE(p.rx_interrupt);
}

static void an_impossible_mtu_is_refused_with_the_bounds(void)
{
	struct dp_port_conf conf = { .mtu_bytes = 1500 };
	struct port_plan plan;
	char why[DP_WHY_BYTES] = "";

	CU_ASSERT_EQUAL(port_plan_make(&info_gve, 1460, &conf, &plan, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "1460"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "1500"));
	conf.mtu_bytes = 400;
	CU_ASSERT_EQUAL(port_plan_make(&info_tap, 1500, &conf, &plan, why), -EINVAL);
}

static void a_device_without_queues_is_refused(void)
{
	struct rte_eth_dev_info none = info_tap;
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

static struct port_plan queues_of(const struct rte_eth_dev_info *info, uint32_t queues)
{
	struct dp_port_conf conf = { .mtu_bytes = 1400, .queues = queues };
	struct port_plan plan;
	char why[DP_WHY_BYTES] = "";

	CU_ASSERT_EQUAL_FATAL(port_plan_make(info, 1500, &conf, &plan, why), 0);
	return plan;
}

static void only_a_card_that_shows_its_hash_is_asked_to_spread_by_it(void)
{
	struct port_plan card = queues_of(&info_i40e, 4);

	CU_ASSERT_TRUE(card.rss);
	CU_ASSERT_EQUAL(card.eth.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
	CU_ASSERT_TRUE(card.eth.rx_adv_conf.rss_conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP);
	CU_ASSERT_EQUAL(card.eth.rx_adv_conf.rss_conf.rss_hf & ~info_i40e.flow_type_rss_offloads,
	                0);
	CU_ASSERT_EQUAL(card.eth.rxmode.offloads & ~info_i40e.rx_offload_capa, 0);
	CU_ASSERT_FALSE(queues_of(&info_i40e, 1).rss);
	/* A key and no table; nothing at all. */
	CU_ASSERT_FALSE(queues_of(&info_tap, 2).rss);
	CU_ASSERT_FALSE(queues_of(&info_gve, 2).rss);
	CU_ASSERT_EQUAL(queues_of(&info_gve, 2).eth.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
}

static void more_queues_than_there_are_are_refused_with_their_number(void)
{
	struct dp_port_conf conf = { .mtu_bytes = 1500, .queues = 5 };
	struct port_plan plan;
	char why[DP_WHY_BYTES] = "";

	/* It says 16, and its start writes beyond its stack with more than four. */
	CU_ASSERT_EQUAL(port_plan_make(&info_tap, 1500, &conf, &plan, why), -EINVAL);
	CU_ASSERT_STRING_EQUAL(why, "net_tap has 4 queues at most; lower port.queues");
	conf.queues = 4;
	CU_ASSERT_EQUAL(port_plan_make(&info_tap, 1500, &conf, &plan, why), 0);
}

SUITE("dataplane/port_plan", TEST(net_tap_does_nothing_for_us_that_it_gets_wrong),
      TEST(a_card_that_can_is_asked_for_everything_but_fast_free),
      TEST(what_a_card_lacks_falls_to_us), TEST(each_driver_gets_what_suits_it),
      TEST(a_switch_for_ip_sums_also_keeps_a_host_from_cutting),
      TEST(each_offload_can_be_switched_off_alone), TEST(a_ring_gets_copies),
      TEST(an_impossible_mtu_is_refused_with_the_bounds),
      TEST(only_a_card_that_shows_its_hash_is_asked_to_spread_by_it),
      TEST(more_queues_than_there_are_are_refused_with_their_number),
      TEST(a_device_without_queues_is_refused), TEST(a_received_frame_always_fits_its_mbuf))
