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
	SEGS_UNSAID =
	    8, /* mbufs in a frame, of a driver that does not say: what all of them take */
	TSO_SEGS_MAX = 64,     /* 64 KB of segments of 1 KB; more buys nothing */
	TSO_BYTES_MAX = 65535, /* RFC 791 3.1: the length of an IPv4 packet has 16 bits */
};

/* What a driver says and what it does are two things. `wrong`: its offloads that are software, or
 * wrong; ours are as fast and right. 22.11:
 *   net_tap     checksums of chains with an odd segment are wrong; TSO refuses a full MSS for ever
 *               and does not cut IPv6; its descriptor count is also an iovec count, more than 256
 *               is waste; the kernel side of the link has the address that the device reports; its
 *               interrupt descriptor is the tap queue; it says 16 queues, but its start writes two
 *               descriptors of each into room for eight, on the stack.
 *   net_ring    the reader gets our mbuf, which TCP would still write to.
 *   net_memif   descriptors of a chain keep flags of their former use.
 *   net_ena     says TSO when it can cut IPv4.
 *   net_i40e    an MSS below 256 stops the queue (a VF's until its reset); net_ice below 64.
 *   net_virtio, net_gve  offer no IPv4 header sums, but what they cut gets its own: the host's
 *               kernel and the card make each header anew.
 */
struct quirk {
	const char *driver;
	uint16_t descs_max;   /* 0: as many as we like */
	uint16_t tso_mss_min; /* 0: any */
	uint16_t queues_max;  /* 0: as many as it says */
	uint32_t wrong;       /* bits 1 << enum dp_offload */
	bool no_interrupt, fd_is_data, own_mac, copy_tx, no_tso_ip6, tso_sums_ip;
};

#define BIT(offload) (1u << DP_OFFLOAD_##offload)

static const struct quirk quirks[] = {
	{ .driver = "net_tap",
	  .descs_max = 256,
	  .queues_max = 4,
	  .wrong =
	      BIT(CHECKSUM_IP) | BIT(CHECKSUM_TCP) | BIT(RX_CHECKSUM) | BIT(TSO) | BIT(MULTI_SEGS),
	  .fd_is_data = true,
	  .own_mac = true },
	{ .driver = "net_ring", .no_interrupt = true, .copy_tx = true, .wrong = BIT(MULTI_SEGS) },
	{ .driver = "net_af_packet", .no_interrupt = true },
	{ .driver = "net_af_xdp", .no_interrupt = true },
	{ .driver = "net_memif", .no_interrupt = true, .wrong = BIT(MULTI_SEGS) },
	{ .driver = "net_gve", .no_interrupt = true, .tso_sums_ip = true },
	{ .driver = "net_virtio", .tso_sums_ip = true },
	{ .driver = "net_virtio_user", .tso_sums_ip = true },
	{ .driver = "net_null", .no_interrupt = true },
	{ .driver = "net_ena", .no_tso_ip6 = true },
	{ .driver = "net_i40e", .tso_mss_min = 256 },
	{ .driver = "net_i40e_vf", .tso_mss_min = 256 },
	{ .driver = "net_ice", .tso_mss_min = 64 },
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

static bool is_used(const struct port_plan *plan, enum dp_offload o)
{
	return plan->without[o] == PORT_USED;
}

/* What the device is asked to do: what it offers, its driver gets right, the operator allows and
 * the others it needs make useful.
 */
static void plan_offloads(const struct rte_eth_dev_info *info, const struct quirk *q,
                          uint32_t switched_off, struct port_plan *plan)
{
	/* clang-format off */
	static const struct {
		uint64_t tx, rx; /* what the device must offer, all of it */
		uint64_t rx_too; /* what it is asked for beside it where it offers that */
		uint32_t needs;  /* bits 1 << enum dp_offload, of earlier rows */
	} rows[DP_N_OFFLOADS] = {
		[DP_OFFLOAD_CHECKSUM_IP]  = { .tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM },
		[DP_OFFLOAD_CHECKSUM_TCP] = { .tx = RTE_ETH_TX_OFFLOAD_TCP_CKSUM },
		/* TCP's is the one that costs; an IP header's sum is little beside it. */
		[DP_OFFLOAD_RX_CHECKSUM]  = { .rx = RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
		                              .rx_too = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM },
		[DP_OFFLOAD_MULTI_SEGS]   = { .tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS },
		/* A header and payloads are a chain, and each segment has sums of its own. */
		[DP_OFFLOAD_TSO]          = { .tx = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		                              .needs = BIT(CHECKSUM_IP) | BIT(CHECKSUM_TCP) |
		                                       BIT(MULTI_SEGS) },
	};
	/* clang-format on */
	uint32_t used = q->tso_sums_ip && !(switched_off & BIT(CHECKSUM_IP)) ? BIT(CHECKSUM_IP) : 0;

	for (unsigned o = 0; o < DP_N_OFFLOADS; o++) {
		plan->without[o] = (info->tx_offload_capa & rows[o].tx) != rows[o].tx ||
		                           (info->rx_offload_capa & rows[o].rx) != rows[o].rx
		                       ? PORT_NOT_OFFERED
		                   : switched_off >> o & 1                   ? PORT_SWITCHED_OFF
		                   : q->wrong >> o & 1                       ? PORT_DRIVER_IS_WRONG
		                   : (used & rows[o].needs) != rows[o].needs ? PORT_NEEDS_OTHERS
		                                                             : PORT_USED;
		if (!is_used(plan, o))
			continue;
		used |= 1u << o;
		plan->eth.txmode.offloads |= rows[o].tx;
		plan->eth.rxmode.offloads |= rows[o].rx | (rows[o].rx_too & info->rx_offload_capa);
	}
	/* MBUF_FAST_FREE is never among them: a kept segment has two references. */
}

/* How long a chain may be. A driver that says 0 says nothing. */
static void plan_segs(const struct rte_eth_dev_info *info, const struct quirk *q,
                      struct port_plan *plan)
{
	uint16_t mtu_segs = info->tx_desc_lim.nb_mtu_seg_max, segs = info->tx_desc_lim.nb_seg_max;

	plan->multi_segs = is_used(plan, DP_OFFLOAD_MULTI_SEGS);
	plan->tso = is_used(plan, DP_OFFLOAD_TSO);
	plan->tso_ip6 = plan->tso && !q->no_tso_ip6;
	plan->tx_segs_max = !plan->multi_segs         ? 1
	                    : mtu_segs == 0           ? SEGS_UNSAID
	                    : mtu_segs > TSO_SEGS_MAX ? TSO_SEGS_MAX
	                                              : mtu_segs;
	if (!plan->tso)
		return;
	plan->tso_segs_max = segs == 0 ? SEGS_UNSAID : segs > TSO_SEGS_MAX ? TSO_SEGS_MAX : segs;
	plan->tso_mss_min = q->tso_mss_min;
	plan->tso_bytes_max = TSO_BYTES_MAX;
}

/* Of a driver that shows no table nothing can be foretold, and some refuse to be asked for RSS: how
 * they spread is left to them.
 */
static int plan_queues(const struct rte_eth_dev_info *info, const struct quirk *q,
                       const struct dp_port_conf *conf, struct port_plan *plan,
                       char why[DP_WHY_BYTES])
{
	const uint64_t want = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6 |
	                      RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	uint32_t n = conf->queues != 0 ? conf->queues : 1;
	uint32_t max =
	    info->max_rx_queues < info->max_tx_queues ? info->max_rx_queues : info->max_tx_queues;

	if (q->queues_max != 0 && max > q->queues_max)
		max = q->queues_max;
	if (n > max) {
		snprintf(why, DP_WHY_BYTES, "%s has %u queues at most; lower port.queues",
		         info->driver_name, max);
		return -EINVAL;
	}
	plan->eth.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	plan->eth.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;
	plan->rss = n > 1 && info->reta_size != 0 && info->hash_key_size != 0 &&
	            (info->flow_type_rss_offloads & want) != 0;
	if (!plan->rss)
		return 0;
	plan->eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	plan->eth.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & want;
	plan->eth.rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
	return 0;
}

int port_plan_make(const struct rte_eth_dev_info *info, uint16_t mtu_now_bytes,
                   const struct dp_port_conf *conf, struct port_plan *plan, char why[DP_WHY_BYTES])
{
	const struct quirk *q;

	assert(info->driver_name != NULL);
	memset(plan, 0, sizeof(*plan));
	q = quirk_find(info->driver_name);
	if (info->max_rx_queues == 0 || info->max_tx_queues == 0) {
		snprintf(why, DP_WHY_BYTES, "%s has no queue for us", info->driver_name);
		return -EINVAL;
	}
	if (plan_mtu(info, mtu_now_bytes, conf->mtu_bytes, plan, why) != 0)
		return -EINVAL;

	if (plan_queues(info, q, conf, plan, why) != 0)
		return -EINVAL;
	plan_offloads(info, q, conf->offloads_off, plan);
	plan_segs(info, q, plan);
	plan->tx_checksum_ip4 = is_used(plan, DP_OFFLOAD_CHECKSUM_IP);
	plan->tx_checksum_tcp = is_used(plan, DP_OFFLOAD_CHECKSUM_TCP);
	plan->rx_checksum = is_used(plan, DP_OFFLOAD_RX_CHECKSUM);
	/* Drivers finish what marks ask for there, virtio and ena above all, and refuse what would
	 * stop the queue, i40e and ice.
	 */
	plan->tx_prepare = plan->eth.txmode.offloads != 0;
	plan->eth.rxmode.mtu = conf->mtu_bytes;
	plan->rx_descs = descs(&info->rx_desc_lim, RX_DESCS, q->descs_max);
	plan->tx_descs = descs(&info->tx_desc_lim, TX_DESCS, q->descs_max);
	plan->rx_interrupt = !q->no_interrupt;
	plan->eth.intr_conf.rxq = plan->rx_interrupt;
	plan->rx_fd_is_data = q->fd_is_data;
	plan->own_mac = q->own_mac;
	plan->copy_tx = q->copy_tx;
	return 0;
}

void port_plan_fallbacks(const struct port_plan *plan, char *text, size_t bytes)
{
	static const char *const names[DP_N_OFFLOADS] = {
#define DP_OFFLOAD(sym, name, without) [DP_OFFLOAD_##sym] = name,
#include "dataplane/dp_offload.def"
#undef DP_OFFLOAD
	};
	static const char *const reasons[] = {
		[PORT_SWITCHED_OFF] = "switched off",
		[PORT_NOT_OFFERED] = "not offered",
		[PORT_DRIVER_IS_WRONG] = "driver is wrong",
		[PORT_NEEDS_OTHERS] = "needs others",
	};
	size_t n = 0;

	snprintf(text, bytes, "none");
	for (unsigned o = 0; o < DP_N_OFFLOADS; o++) {
		int more;

		if (is_used(plan, o))
			continue;
		more = snprintf(text + n, bytes - n, "%s%s (%s)", n > 0 ? ", " : "", names[o],
		                reasons[plan->without[o]]);
		if (more < 0 || (size_t)more >= bytes - n)
			return;
		n += (size_t)more;
	}
}
