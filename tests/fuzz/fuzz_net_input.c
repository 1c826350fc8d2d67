/* fuzz_net_input.c - frames of strangers, in any order, between segments of ours and passing time.
 *
 * Input   a mode byte (MODE_), then records: what (u8), length (u16), bytes. What is a frame
 *         received, a segment sent to one of our three destinations, time passed, or an announce.
 * Holds   what is handed up lies in its buffer and is a whole TCP header; what is sent is a whole
 *         frame from our MAC in our VLAN; at the end every buffer is back in the pool.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net/net.h"
#include "dataplane/net/wire.h"
#include "tests/dataplane/net/eal.h"
#include "tests/dataplane/net/sums.h"

enum { MODE_VLAN = 1, MODE_TRUST = 2, MODE_OFFLOAD = 4, MODE_FIX_SUMS = 8 };
enum { FRAME, SEGMENT, TIME, ANNOUNCE, N_WHAT };
enum { BUFFERS = 1023, RECORDS_MAX = 64, VLAN = 7 };

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static struct rte_mempool *pool;
static struct dp_counters counters;
static uint16_t vlan;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;
	int rc = ip_parse(text, &a);

	assert(rc == 0);
	return a;
}

static void check_sent(void *ctx, struct rte_mbuf *m)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type_at = vlan != 0 ? 16 : 12;

	(void)ctx;
	assert(m->nb_segs == 1 && m->next == NULL && m->data_len == m->pkt_len);
	assert(m->data_len >= type_at + 2 + 28); /* ARP is the smallest */
	assert(memcmp(h + 6, our_mac, 6) == 0);
	assert(vlan == 0 || (get16(h + 12) == ETH_TYPE_VLAN && get16(h + 14) == vlan));
	assert(get16(h + type_at) == ETH_TYPE_ARP || get16(h + type_at) == ETH_TYPE_IP4 ||
	       get16(h + type_at) == ETH_TYPE_IP6);
	rte_pktmbuf_free(m);
}

static struct net *open_net(uint8_t mode)
{
	struct ip_prefix addrs[2];
	struct ip_addr sources[2] = { addr("198.51.100.7"), addr("2001:db8:5::7") };
	struct net_conf conf = { .mtu_bytes = 1500,
		                 .vlan = mode & MODE_VLAN ? VLAN : 0,
		                 .addrs = addrs,
		                 .n_addrs = 2,
		                 .sources = sources,
		                 .n_sources = 2,
		                 .gateway4 = addr("192.0.2.1"),
		                 .gateway6 = addr("2001:db8::1"),
		                 .neighbours_max = 4,
		                 .neighbour_queue_max = 2,
		                 .tx_checksum_ip4 = mode & MODE_OFFLOAD,
		                 .tx_checksum_tcp = mode & MODE_OFFLOAD,
		                 .rx_checksum = mode & MODE_TRUST,
		                 .pool = pool,
		                 .tx = check_sent,
		                 .counters = &counters };
	struct net *net;
	int rc;

	memcpy(conf.mac, our_mac, 6);
	vlan = conf.vlan;
	ip_prefix_parse("192.0.2.2/24", &addrs[0]);
	ip_prefix_parse("2001:db8::2/64", &addrs[1]);
	rc = net_open(&conf, &net);
	assert(rc == 0);
	return net;
}

static void free_frame(void *at, void *info)
{
	free(at);
	free(info);
}

/* The frame lies in heap memory of just its size, so that reading behind it is seen. */
static struct rte_mbuf *make_frame(const uint8_t *bytes, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_mbuf_ext_shared_info *info = calloc(1, sizeof(*info));
	uint8_t *at = malloc(n > 0 ? n : 1);

	assert(m != NULL && info != NULL && at != NULL);
	info->free_cb = free_frame;
	info->fcb_opaque = info;
	rte_mbuf_ext_refcnt_set(info, 1);
	memcpy(at, bytes, n);
	rte_pktmbuf_attach_extbuf(m, at, 0, n, info);
	m->data_off = 0;
	m->data_len = n;
	m->pkt_len = n;
	return m;
}

static void receive(struct net *net, uint64_t now_us, uint8_t mode, struct span frame)
{
	uint16_t n = (uint16_t)(frame.bytes < 1600 ? frame.bytes : 1600);
	struct rte_mbuf *m = make_frame(frame.at, n);
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	struct net_icmp icmp;
	struct net_seg seg;

	if (mode & MODE_FIX_SUMS)
		sums_fix(at, n);
	if (mode & MODE_TRUST)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	switch (net_input(net, now_us, m, &seg, &icmp)) {
	case NET_IN_TCP:
		assert(seg.tcp.at >= at && seg.tcp.at + seg.tcp.bytes <= at + n);
		assert(seg.tcp.bytes >= (seg.tcp.at[12] >> 4) * 4u && seg.tcp.at[12] >> 4 >= 5);
		assert(net_is_own(net, &seg.local) && !net_is_own(net, &seg.remote));
		rte_pktmbuf_free(m);
		break;
	case NET_IN_ICMP:
		assert(net_is_own(net, &icmp.local));
		break;
	case NET_IN_WRITER:
		assert(false); /* it is alone */
		break;
	case NET_IN_DONE:
		break;
	}
}

static void send_segment(struct net *net, uint64_t now_us, uint8_t which)
{
	static const char *const ways[][2] = { { "192.0.2.2", "203.0.113.9" },
		                               { "2001:db8::2", "2001:db8:9::25" },
		                               { "192.0.2.2", "192.0.2.77" } };
	struct ip_addr local = addr(ways[which % 3][0]), remote = addr(ways[which % 3][1]);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct net_path path;
	bool held = which & 0x80;
	uint8_t *tcp;
	int rc;

	assert(m != NULL);
	tcp = (uint8_t *)rte_pktmbuf_append(m, 20);
	memset(tcp, 0, 20);
	tcp[12] = 0x50;
	if (held)
		rte_mbuf_refcnt_update(m, 1);
	rc = net_route(net, &local, &remote, &path);
	assert(rc == 0);
	net_output(net, now_us, &path, m);
	if (held)
		rte_pktmbuf_free(m);
}

/* Ticks as the worker would: every 100 ms. `tenths` is capped by its type: 25.5 s. */
static void pass(struct net *net, uint64_t *now_us, uint8_t tenths)
{
	for (; tenths > 0; tenths--) {
		*now_us += 100000;
		net_tick(net, *now_us);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span s = span_of(data, bytes), record;
	uint64_t now_us = 1000000;
	uint16_t record_bytes;
	uint8_t mode, what;
	struct net *net;

	if (pool == NULL) {
		eal_start();
		pool = eal_pool("fuzz", BUFFERS);
	}
	if (!span_take_u8(&s, &mode))
		return 0;
	net = open_net(mode);
	for (int n = 0; n < RECORDS_MAX; n++) {
		if (!span_take_u8(&s, &what) || !span_take_u16(&s, &record_bytes))
			break;
		if (!span_take(&s, record_bytes, &record))
			record = s; /* the last one may be cut */
		what %= N_WHAT;
		if (what == FRAME)
			receive(net, now_us, mode, record);
		else if (what == ANNOUNCE)
			net_announce(net, now_us);
		else if (record.bytes > 0 && what == SEGMENT)
			send_segment(net, now_us, record.at[0]);
		else if (record.bytes > 0)
			pass(net, &now_us, record.at[0]);
	}
	net_close(net);
	assert(rte_mempool_avail_count(pool) == BUFFERS);
	return 0;
}
