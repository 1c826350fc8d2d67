/* port_plan.c - what to ask of a device, decided from what it says of itself and its driver. */
#include "dataplane/port_plan.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_OVERHEAD = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN, /* FCS is never in an mbuf here */
	RX_DESCS = 512,
	TX_DESCS = 512,
	AF_PACKET_FRAME_MAX = 16384,
	ROOM_MIN = 2048, /* several NICs receive in units of 1 KB and would scatter below this */
};

/* What a driver says and what it does are two things. `no_tx` and `no_rx`: its checksum offloads
 * are software or wrong, ours are as fast and right. 22.11:
 *   net_tap   checksums of chains with an odd segment are wrong and TSO refuses a full MSS for
 *             ever; its descriptor count is also an iovec count, more than 256 is waste; the
 *             kernel side of the link has the address that the device reports; its interrupt
 *             descriptor is the tap queue.
 *   net_ring  the reader gets our mbuf, which TCP would still write to.
 */
struct quirk {
	const char *driver;
	uint16_t descs_max; /* 0: as many as we like */
	bool no_tx, no_rx, no_interrupt, fd_is_data, own_mac, copy_tx;
};

static const struct quirk quirks[] = {
	{ .driver = "net_tap",
	  .descs_max = 256,
	  .no_tx = true,
	  .no_rx = true,
	  .fd_is_data = true,
	  .own_mac = true },
	{ .driver = "net_ring", .no_interrupt = true, .copy_tx = true },
	{ .driver = "net_af_packet", .no_interrupt = true },
	{ .driver = "net_af_xdp", .no_interrupt = true },
	{ .driver = "net_memif", .no_interrupt = true },
	{ .driver = "net_gve", .no_interrupt = true },
	{ .driver = "net_null", .no_interrupt = true },
};

static const struct quirk *quirk_find(const char *driver)
{
	static const struct quirk none;

	for (size_t i = 0; i < sizeof(quirks) / sizeof(quirks[0]); i++)
		if (strcmp(quirks[i].driver, driver) == 0)
			return &quirks[i];
	return &none;
}

uint16_t port_af_packet_frame_bytes(const char *device, uint16_t mtu_bytes)
{
	const char *given = strstr(device, "framesz=");
	unsigned long n;

	if (strncmp(device, "net_af_packet", 13) != 0)
		return 0;
	n = given != NULL       ? strtoul(given + strlen("framesz="), NULL, 10)
	    : mtu_bytes <= 1900 ? 2048
	    : mtu_bytes <= 3900 ? 4096
	                        : AF_PACKET_FRAME_MAX;
	return n > AF_PACKET_FRAME_MAX ? AF_PACKET_FRAME_MAX : (uint16_t)n;
}

uint16_t port_data_room_bytes(const char *device, uint16_t mtu_bytes)
{
	uint32_t frame = FRAME_OVERHEAD + mtu_bytes;
	uint16_t af_packet = port_af_packet_frame_bytes(device, mtu_bytes);

	if (strncmp(device, "net_tap", 7) != 0 && frame < ROOM_MIN)
		frame = ROOM_MIN;
	if (frame < af_packet)
		frame = af_packet;
	frame = (frame + 63) / 64 * 64 + RTE_PKTMBUF_HEADROOM;
	return frame > UINT16_MAX ? UINT16_MAX : (uint16_t)frame;
}

static uint16_t descs(const struct rte_eth_desc_lim *lim, uint16_t want, uint16_t most)
{
	uint32_t n = most != 0 && want > most ? most : want;

	if (lim->nb_max != 0 && n > lim->nb_max)
		n = lim->nb_max;
	if (n < lim->nb_min)
		n = lim->nb_min;
	if (lim->nb_align > 1) {
		uint32_t up = (n + lim->nb_align - 1) / lim->nb_align * lim->nb_align;

		n = lim->nb_max != 0 && up > lim->nb_max ? n / lim->nb_align * lim->nb_align : up;
	}
	return (uint16_t)n;
}

static int plan_mtu(const struct rte_eth_dev_info *info, uint16_t now, uint16_t want,
                    struct port_plan *plan, char why[DP_WHY_BYTES])
{
	plan->mtu_bytes = want;
	plan->set_mtu = want != now;
	if (want < 576 || (info->min_mtu != 0 && want < info->min_mtu) ||
	    (info->max_mtu != 0 && want > info->max_mtu)) {
		snprintf(why, DP_WHY_BYTES, "mtu %u is outside of what %s takes (%u to %u)", want,
		         info->driver_name, info->min_mtu > 576 ? info->min_mtu : 576,
		         info->max_mtu);
		return -EINVAL;
	}
	return 0;
}

int port_plan_make(const struct rte_eth_dev_info *info, uint16_t mtu_now_bytes, uint16_t mtu_bytes,
                   struct port_plan *plan, char why[DP_WHY_BYTES])
{
	const struct quirk *q;
	uint64_t tx, rx;

	assert(info->driver_name != NULL);
	memset(plan, 0, sizeof(*plan));
	q = quirk_find(info->driver_name);
	if (info->max_rx_queues == 0 || info->max_tx_queues == 0) {
		snprintf(why, DP_WHY_BYTES, "%s has no queue for us", info->driver_name);
		return -EINVAL;
	}
	if (plan_mtu(info, mtu_now_bytes, mtu_bytes, plan, why) != 0)
		return -EINVAL;

	tx = q->no_tx ? 0 : info->tx_offload_capa;
	rx = q->no_rx ? 0 : info->rx_offload_capa;
	plan->tx_checksum_ip4 = (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
	plan->tx_checksum_tcp = (tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0;
	/* Both, or we verify both: a half-checked packet saves nothing. */
	plan->rx_checksum =
	    (rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0 && (rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;

	/* Frames are linear and segments MTU-sized, so neither MULTI_SEGS nor TSO is asked for;
	 * MBUF_FAST_FREE never, since a kept segment has two references.
	 */
	plan->eth.txmode.offloads = (plan->tx_checksum_ip4 ? RTE_ETH_TX_OFFLOAD_IPV4_CKSUM : 0) |
	                            (plan->tx_checksum_tcp ? RTE_ETH_TX_OFFLOAD_TCP_CKSUM : 0);
	if (plan->rx_checksum)
		plan->eth.rxmode.offloads =
		    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	plan->eth.rxmode.mtu = mtu_bytes;
	plan->eth.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	plan->eth.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;

	plan->rx_descs = descs(&info->rx_desc_lim, RX_DESCS, q->descs_max);
	plan->tx_descs = descs(&info->tx_desc_lim, TX_DESCS, q->descs_max);
	plan->rx_interrupt = !q->no_interrupt;
	plan->eth.intr_conf.rxq = plan->rx_interrupt;
	plan->rx_fd_is_data = q->fd_is_data;
	plan->own_mac = q->own_mac;
	plan->copy_tx = q->copy_tx;
	return 0;
}
