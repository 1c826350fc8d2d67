/* port_infos.h - what devices say of themselves, per driver of DPDK 22.11.11, cut to what matters
 * here.
 *
 * net_tap, net_af_packet, net_af_xdp, net_memif, net_ring and net_null printed theirs on a machine;
 * those of cards and of virtio are what their drivers' sources give for a common card, for want of
 * the card.
 */
#pragma once

#include <rte_ethdev.h>

#define INFO_TX_SUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define INFO_RX_SUMS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define INFO_TX_CUTS (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define INFO_RSS_TCP                                                                               \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6 |                      \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP)

/* What ethdev fills in where a driver says nothing. */
#define INFO_RING_UNSAID                                                                           \
	{                                                                                          \
		.nb_max = UINT16_MAX, .nb_align = 1, .nb_seg_max = UINT16_MAX,                     \
		.nb_mtu_seg_max = UINT16_MAX                                                       \
	}
#define INFO_RING(max, min, align, segs, mtu_segs)                                                 \
	{                                                                                          \
		.nb_max = (max), .nb_min = (min), .nb_align = (align), .nb_seg_max = (segs),       \
		.nb_mtu_seg_max = (mtu_segs)                                                       \
	}

/* Checksums and segmentation in software; a key, and no table. */
static const struct rte_eth_dev_info info_tap = {
	.driver_name = "net_tap",
	.max_rx_queues = 16,
	.max_tx_queues = 16,
	.min_mtu = 46,
	.max_mtu = 65535,
	.tx_offload_capa = INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | INFO_TX_CUTS,
	.rx_offload_capa = INFO_RX_SUMS | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 40,
	.flow_type_rss_offloads = 0x3afbc,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
static const struct rte_eth_dev_info info_af_packet = {
	.driver_name = "net_af_packet",
	.max_rx_queues = 1,
	.max_tx_queues = 1,
	.min_mtu = 46,
	.max_mtu = 65535,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
static const struct rte_eth_dev_info info_af_xdp = {
	.driver_name = "net_af_xdp",
	.max_rx_queues = 1,
	.max_tx_queues = 1,
	.min_mtu = 68,
	.max_mtu = 3542,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
static const struct rte_eth_dev_info info_memif = {
	.driver_name = "net_memif",
	.max_rx_queues = 255,
	.max_tx_queues = 255,
	.min_mtu = 46,
	.max_mtu = 65535,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
static const struct rte_eth_dev_info info_ring = {
	.driver_name = "net_ring",
	.max_rx_queues = 16,
	.max_tx_queues = 16,
	.min_mtu = 46,
	.max_mtu = 65535,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
/* A table without a key. */
static const struct rte_eth_dev_info info_null = {
	.driver_name = "net_null",
	.max_rx_queues = 1024,
	.max_tx_queues = 1024,
	.min_mtu = 46,
	.max_mtu = 65535,
	.reta_size = 128,
	.flow_type_rss_offloads = 0x2003ffffc,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING_UNSAID,
};
/* A host that offers CSUM, GUEST_CSUM and both HOST_TSO, four queue pairs, and no RSS. */
static const struct rte_eth_dev_info info_virtio = {
	.driver_name = "net_virtio",
	.max_rx_queues = 4,
	.max_tx_queues = 4,
	.min_mtu = 68,
	.max_mtu = 9698,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   INFO_TX_CUTS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER,
	.rx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
	.tx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
};
/* The same with VIRTIO_NET_F_RSS. */
static const struct rte_eth_dev_info info_virtio_rss = {
	.driver_name = "net_virtio",
	.max_rx_queues = 4,
	.max_tx_queues = 4,
	.min_mtu = 68,
	.max_mtu = 9698,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   INFO_TX_CUTS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 40,
	.reta_size = 128,
	.flow_type_rss_offloads = INFO_RSS_TCP,
	.rx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
	.tx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
};
/* On /dev/vhost-net, one queue pair. */
static const struct rte_eth_dev_info info_virtio_user = {
	.driver_name = "net_virtio_user",
	.max_rx_queues = 1,
	.max_tx_queues = 1,
	.min_mtu = 68,
	.max_mtu = 9698,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   INFO_TX_CUTS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER,
	.rx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
	.tx_desc_lim = INFO_RING(32768, 32, 1, UINT16_MAX, UINT16_MAX),
};
static const struct rte_eth_dev_info info_ena = {
	.driver_name = "net_ena",
	.max_rx_queues = 8,
	.max_tx_queues = 8,
	.min_mtu = 128,
	.max_mtu = 9216,
	.tx_offload_capa = INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | INFO_TX_CUTS |
	                   RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = INFO_RX_SUMS | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 40,
	.reta_size = 128,
	.flow_type_rss_offloads = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP |
	                          RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP,
	.rx_desc_lim = INFO_RING(1024, 128, 1, 17, 17),
	.tx_desc_lim = INFO_RING(1024, 128, 1, 17, 17),
};
/* No IP sums, no sums received, no RSS interface, sizes of one kind. */
static const struct rte_eth_dev_info info_gve = {
	.driver_name = "net_gve",
	.max_rx_queues = 4,
	.max_tx_queues = 4,
	.min_mtu = 68,
	.max_mtu = 1460,
	.tx_offload_capa = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_TX_OFFLOAD_SCTP_CKSUM | INFO_TX_CUTS,
	.rx_desc_lim = INFO_RING(1024, 1024, 1, 0, 0),
	.tx_desc_lim = INFO_RING(256, 256, 1, 0, 0),
};
static const struct rte_eth_dev_info info_mlx5 = {
	.driver_name = "mlx5_pci",
	.max_rx_queues = 1024,
	.max_tx_queues = 1024,
	.min_mtu = 68,
	.max_mtu = 9978,
	.tx_offload_capa = INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | INFO_TX_CUTS |
	                   RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = INFO_RX_SUMS | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 40,
	.reta_size = 512,
	.flow_type_rss_offloads = INFO_RSS_TCP,
	.rx_desc_lim = INFO_RING_UNSAID,
	.tx_desc_lim = INFO_RING(UINT16_MAX, 0, 1, 40, 40),
};
static const struct rte_eth_dev_info info_i40e = {
	.driver_name = "net_i40e",
	.max_rx_queues = 192,
	.max_tx_queues = 192,
	.min_mtu = 68,
	.max_mtu = 9702,
	.tx_offload_capa = INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_TX_OFFLOAD_SCTP_CKSUM | INFO_TX_CUTS |
	                   RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = INFO_RX_SUMS | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 52,
	.reta_size = 512,
	.flow_type_rss_offloads = RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
	                          RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP,
	.rx_desc_lim = INFO_RING(4096, 64, 32, 0, 0),
	.tx_desc_lim = INFO_RING(4096, 64, 32, UINT8_MAX, 8),
};
static const struct rte_eth_dev_info info_ice = {
	.driver_name = "net_ice",
	.max_rx_queues = 64,
	.max_tx_queues = 64,
	.min_mtu = 68,
	.max_mtu = 9702,
	.tx_offload_capa = INFO_TX_SUMS | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_TX_OFFLOAD_SCTP_CKSUM | INFO_TX_CUTS |
	                   RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = INFO_RX_SUMS | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                   RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER,
	.hash_key_size = 52,
	.reta_size = 512,
	.flow_type_rss_offloads = INFO_RSS_TCP | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_FRAG_IPV6,
	.rx_desc_lim = INFO_RING(4096, 64, 32, 0, 0),
	.tx_desc_lim = INFO_RING(4096, 64, 32, UINT8_MAX, 8),
};
/* Without its package: one queue's worth of sense. */
static const struct rte_eth_dev_info info_ice_safe = {
	.driver_name = "net_ice",
	.max_rx_queues = 1,
	.max_tx_queues = 1,
	.min_mtu = 68,
	.max_mtu = 9702,
	.tx_offload_capa =
	    RTE_ETH_TX_OFFLOAD_VLAN_INSERT | INFO_TX_CUTS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	.rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER,
	.rx_desc_lim = INFO_RING(4096, 64, 32, 0, 0),
	.tx_desc_lim = INFO_RING(4096, 64, 32, UINT8_MAX, 8),
};
