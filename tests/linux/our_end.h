/* our_end.h - our engine at a DPDK port, without worker, SMTP or control: port, net and tcp, and a
 * loop that sleeps on the port's descriptor.
 *
 * Owner   the one thread of the program; one a process. What fails ends the process with a reason.
 */
#pragma once

#include <stdint.h>

#include "dataplane/counters.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

struct our_end_conf {
	const char *device; /* as EAL takes it: "net_tap0,iface=ours0" */
	struct ip_prefix addrs[2];
	uint32_t n_addrs;
	struct ip_addr gateway4; /* unset: none */
	uint16_t mtu_bytes;
	uint32_t buffers;     /* of the segment pool, 2^n - 1 */
	uint8_t mac_last;     /* the last byte of our hardware address */
	struct tcp_conf *tcp; /* pool, net, counters and secret are filled in */
};

struct our_end {
	struct net *net;
	struct tcp *tcp;
	struct rte_mempool *tx_pool;
	struct dp_counters counters;
	uint64_t now_us;
};

void our_end_open(const struct our_end_conf *conf, struct our_end *e);
void our_end_close(struct our_end *e);

/* Receives, runs what is due, sends. */
void our_end_turn(struct our_end *e);

/* Sleeps until a frame comes, a timer is due or `until_us` is reached. */
void our_end_sleep(struct our_end *e, uint64_t until_us);
