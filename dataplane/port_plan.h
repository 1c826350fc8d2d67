/* port_plan.h - what to ask of a device, decided from what it says of itself and what is known of
 * its driver. Pure: no device is touched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "dataplane/dp.h"

/* Why an offload is not used. */
enum port_without {
	PORT_USED,            /* it is */
	PORT_SWITCHED_OFF,    /* the operator forbids it */
	PORT_NOT_OFFERED,     /* the device does not say that it can */
	PORT_DRIVER_IS_WRONG, /* it says so, and its driver gets it wrong */
	PORT_NEEDS_OTHERS,    /* it is of no use without another that is not used */
};

struct port_plan {
	struct rte_eth_conf eth;
	uint16_t rx_descs, tx_descs;
	bool rss; /* the device spreads by hash, and can say how */
	uint16_t mtu_bytes;
	bool set_mtu;         /* the device must be told mtu_bytes */
	bool tx_checksum_ip4; /* true: the device does it; false: we do */
	bool tx_checksum_tcp;
	bool rx_checksum;
	bool rx_interrupt;      /* ask for a file descriptor to sleep on */
	bool rx_fd_is_data;     /* that descriptor is the packet queue itself: never read it */
	bool own_mac;           /* the device's address is another station's; make ours */
	bool copy_tx;           /* the device passes mbufs on to a reader: send copies */
	bool tx_prepare;        /* rte_eth_tx_prepare() before each burst */
	bool multi_segs;        /* a frame may be a chain of mbufs */
	bool tso;               /* the device cuts large IPv4 segments */
	bool tso_ip6;           /* and IPv6 ones; never without `tso` */
	uint16_t tx_segs_max;   /* mbufs in one frame; 1 without multi_segs */
	uint16_t tso_segs_max;  /* mbufs in a packet that the device cuts, the header's included */
	uint16_t tso_mss_min;   /* smallest payload of the segments that it cuts into */
	uint32_t tso_bytes_max; /* largest packet that it cuts, IP header included */
	uint8_t without[DP_N_OFFLOADS]; /* enum port_without, by enum dp_offload */
};

/* Bytes of one frame slot of net_af_packet: as `device` says or as the MTU needs; 0 for any other
 * driver. It copies whole slots into mbufs unasked (22.11), so no mbuf may be smaller.
 */
uint16_t port_af_packet_frame_bytes(const char *device, uint16_t mtu_bytes);

/* The least data room of an mbuf that receives frames of `mtu_bytes`, headroom included. */
uint16_t port_data_room_bytes(const char *device, uint16_t mtu_bytes);

/* Decides. Returns 0; -EINVAL with a reason in `why` when the device cannot serve the MTU or has no
 * queue for us. `info->driver_name` must be set.
 */
int port_plan_make(const struct rte_eth_dev_info *info, uint16_t mtu_now_bytes,
                   const struct dp_port_conf *conf, struct port_plan *plan, char why[DP_WHY_BYTES]);

/* What the device does not do for us and why, in one line: "checksum_ip (not offered), tso
 * (switched off)"; "none" when it does all. Cut to `bytes`.
 */
void port_plan_fallbacks(const struct port_plan *plan, char *text, size_t bytes);
