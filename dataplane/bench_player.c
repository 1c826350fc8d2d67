/* bench_player.c - the other end of the bench's wire. */
#include "dataplane/bench_player.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ether.h>
#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include "dataplane/bench_above.h"

enum {
	FRAMES = 8191,
	FRAME_ROOM = RTE_PKTMBUF_HEADROOM + 256,
	FRAME_COST = 768, /* with headers of mbuf and mempool */
	TS_BYTES = 12,
	SEND_PATIENCE_S = 20,
};

static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 1 };

uint64_t bench_player_bytes(void)
{
	return (uint64_t)FRAMES * FRAME_COST + 4 * BENCH_RING * sizeof(void *) + (4 << 20);
}

int bench_player_open(struct bench_player *p, uint32_t n_peers, const struct ip_addr *local,
                      char why[DP_WHY_BYTES])
{
	int port = -1;

	memset(p, 0, sizeof(*p));
	p->n_peers = n_peers;
	p->local = *local;
	p->peers = calloc(n_peers, sizeof(*p->peers));
	p->to =
	    rte_ring_create("bench_to", BENCH_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	p->from =
	    rte_ring_create("bench_from", BENCH_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	p->pool =
	    rte_pktmbuf_pool_create("bench_frames", FRAMES, 256, 0, FRAME_ROOM, SOCKET_ID_ANY);
	/* EAL made a device of this name that is its own other end. */
	(void)rte_eal_hotplug_remove("vdev", BENCH_DEVICE);
	if (p->peers != NULL && p->to != NULL && p->from != NULL && p->pool != NULL &&
	    bench_tap_open(&p->tap, p->from) == 0)
		port = rte_eth_from_rings(&BENCH_DEVICE[strlen("net_ring_")], &p->to, 1, &p->from,
		                          1, (unsigned)SOCKET_ID_ANY);
	if (port >= 0)
		return 0;
	snprintf(why, DP_WHY_BYTES, "cannot make the bench's device: %s", rte_strerror(rte_errno));
	bench_player_close(p);
	return -ENOMEM;
}

void bench_player_close(struct bench_player *p)
{
	bench_tap_close(&p->tap);
	free(p->peers); /* the rest is EAL's and goes with it */
	p->peers = NULL;
}

static uint32_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void answer_arp(struct bench_player *p, const struct rte_arp_hdr *ask)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;

	memcpy(p->mac, ask->arp_data.arp_sha.addr_bytes, 6);
	p->mac_known = true;
	if (ask->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) ||
	    ask->arp_data.arp_sip == ask->arp_data.arp_tip || m == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	arp = (struct rte_arp_hdr *)(eth + 1);
	*arp = *ask;
	memcpy(eth->dst_addr.addr_bytes, p->mac, 6);
	memcpy(eth->src_addr.addr_bytes, own_mac, 6);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_tha = ask->arp_data.arp_sha;
	arp->arp_data.arp_tip = ask->arp_data.arp_sip;
	memcpy(arp->arp_data.arp_sha.addr_bytes, own_mac, 6);
	arp->arp_data.arp_sip = ask->arp_data.arp_tip;
	if (rte_ring_enqueue(p->to, m) != 0)
		rte_pktmbuf_free(m);
}

/* The worker's clock: timestamps stand alone behind two NOPs, or in a SYN behind the MSS. */
static void note_clock(struct bench_peer *peer, const struct rte_tcp_hdr *tcp)
{
	const uint8_t *at = (const uint8_t *)(tcp + 1);
	const uint8_t *end = (const uint8_t *)tcp + (tcp->data_off >> 4) * 4;
	uint32_t ts;

	while (at + 10 <= end && *at != 8)
		at += *at == 1 ? 1 : at[1] < 2 ? 2 : at[1];
	if (at + 10 > end)
		return;
	memcpy(&ts, at + 2, 4);
	peer->ts = rte_be_to_cpu_32(ts);
}

static void take_segment(struct bench_player *p, const struct rte_ipv4_hdr *ip)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
	uint32_t i = (rte_be_to_cpu_32(ip->dst_addr) & 0xffffff) - 16;
	uint32_t bytes = (uint32_t)(rte_be_to_cpu_16(ip->total_length) - sizeof(*ip)) -
	                 (tcp->data_off >> 4) * 4u;
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq);
	struct bench_peer *peer = &p->peers[i];

	if (i >= p->n_peers) {
		p->n_odd++;
		return;
	}
	if (rte_ipv4_cksum(ip) != 0 || rte_ipv4_udptcp_cksum(ip, tcp) != 0)
		p->n_bad_sum++;
	note_clock(peer, tcp);
	if (tcp->tcp_flags & RTE_TCP_RST_FLAG) {
		p->n_rst++;
		return;
	}
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		p->n_syn++;
		peer->port = rte_be_to_cpu_16(tcp->src_port);
		peer->seq = i * 2654435761u;
		peer->ack = seq + 1;
		return;
	}
	peer->acked = rte_be_to_cpu_32(tcp->recv_ack);
	p->n_ack += bytes == 0 && !(tcp->tcp_flags & RTE_TCP_FIN_FLAG);
	if (seq != peer->ack) {
		p->n_odd++;
		return;
	}
	p->n_data += bytes != 0;
	p->n_fin += (tcp->tcp_flags & RTE_TCP_FIN_FLAG) != 0;
	peer->ack += bytes + ((tcp->tcp_flags & RTE_TCP_FIN_FLAG) != 0);
}

bool bench_player_take(struct bench_player *p)
{
	const uint8_t *frame = bench_tap_peek(&p->tap);
	const struct rte_ether_hdr *eth = (const struct rte_ether_hdr *)frame;

	if (frame == NULL)
		return false;
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
		answer_arp(p, (const struct rte_arp_hdr *)(eth + 1));
	else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		take_segment(p, (const struct rte_ipv4_hdr *)(eth + 1));
	else
		p->n_odd++;
	bench_tap_read(&p->tap);
	return true;
}

static uint8_t *put_u32(uint8_t *at, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(at, &v, 4);
	return at + 4;
}

/* MSS, scale and SACK in a SYN-ACK, the clock in all. */
static unsigned put_options(uint8_t *at, uint8_t flags, uint32_t ts)
{
	static const uint8_t syn[12] = { 2, 4, 1460 >> 8, 1460 & 255, 1, 3, 3, 7, 1, 1, 4, 2 };
	uint8_t *p = at;

	if (flags & RTE_TCP_SYN_FLAG) {
		memcpy(p, syn, sizeof(syn));
		p += sizeof(syn);
	}
	*p++ = 1;
	*p++ = 1;
	*p++ = 8;
	*p++ = 10;
	p = put_u32(p, clock_ms());
	p = put_u32(p, ts);
	return (unsigned)(p - at);
}

void bench_player_add(struct bench_player *p, uint32_t i, uint8_t flags, uint32_t payload_bytes)
{
	struct bench_peer *peer = &p->peers[i];
	struct ip_addr remote = bench_remote(i);
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;
	unsigned options;
	uint16_t bytes;

	assert(p->n_wave < BENCH_WAVE_MAX && i < p->n_peers);
	if (m == NULL) {
		p->n_unsent++;
		return;
	}
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	ip = (struct rte_ipv4_hdr *)(eth + 1);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	memcpy(eth->dst_addr.addr_bytes, p->mac, 6);
	eth->dst_addr.addr_bytes[5] ^= p->astray;
	memcpy(eth->src_addr.addr_bytes, own_mac, 6);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*tcp = (struct rte_tcp_hdr){ .src_port = rte_cpu_to_be_16(BENCH_PORT),
		                     .dst_port = rte_cpu_to_be_16(peer->port),
		                     .sent_seq = rte_cpu_to_be_32(peer->seq),
		                     .recv_ack = rte_cpu_to_be_32(peer->ack),
		                     .tcp_flags = flags,
		                     .rx_win = rte_cpu_to_be_16(UINT16_MAX) };
	options = put_options((uint8_t *)(tcp + 1), flags, peer->ts);
	tcp->data_off = (uint8_t)((sizeof(*tcp) + options) / 4 << 4);
	memset((uint8_t *)(tcp + 1) + options, 'x', payload_bytes);
	bytes = (uint16_t)(sizeof(*ip) + sizeof(*tcp) + options + payload_bytes);
	*ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45,
		                     .total_length = rte_cpu_to_be_16(bytes),
		                     .fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		                     .time_to_live = 64,
		                     .next_proto_id = IPPROTO_TCP };
	memcpy(&ip->src_addr, remote.b + 12, 4);
	memcpy(&ip->dst_addr, p->local.b + 12, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	m->data_len = (uint16_t)(sizeof(*eth) + bytes);
	m->pkt_len = m->data_len;
	peer->seq += payload_bytes + ((flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) != 0);
	p->wave[p->n_wave++] = m;
}

void bench_player_send(struct bench_player *p)
{
	uint64_t end = rte_rdtsc() + SEND_PATIENCE_S * rte_get_tsc_hz();

	while (p->n_wave != 0 &&
	       rte_ring_enqueue_bulk(p->to, (void **)p->wave, p->n_wave, NULL) == 0) {
		rte_pause(); /* only an ARP answer may stand in it */
		if (rte_rdtsc() > end) {
			rte_pktmbuf_free_bulk(p->wave, p->n_wave);
			p->n_unsent += p->n_wave;
			p->n_wave = 0;
		}
	}
	p->n_wave = 0;
}

bool bench_player_is_drained(const struct bench_player *p)
{
	return rte_ring_empty(p->to) != 0;
}
