/* fuzz_net_input.c - frames of strangers, in any order, between segments of ours and passing time.
 *
 * Input   a mode byte (MODE_), then records: what (u8), length (u16), bytes. What is a frame
 *         received, a segment sent to one of our three destinations, time passed, or an announce;
 *         its high bit says at which of two workers, if there are two.
 * Holds   what is handed up lies in its buffer and is a whole TCP header; what is sent is a whole
 *         frame from our MAC in our VLAN; after each record net_check(); at the end every buffer is
 *         back in the pool.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net/net.h"
#include "dataplane/net/wire.h"
#include "tests/dataplane/net/eal.h"
#include "tests/dataplane/net/sums.h"

enum {
	MODE_VLAN = 1,
	MODE_TRUST = 2,
	MODE_OFFLOAD = 4,
	MODE_FIX_SUMS = 8,
	MODE_TWO = 16,      /* one worker writes, the other reads */
	MODE_ROOM = 32,     /* frames lie in buffers of the pool: fragments can be put together */
	MODE_NO_PARTS = 64, /* no memory for fragments */
};
enum { FRAME, SEGMENT, TIME, ANNOUNCE, N_WHAT };
enum { BUFFERS = 1023, RECORDS_MAX = 64, VLAN = 7, NEIGHBOURS = 5, AT_READER = 0x80 };

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static struct rte_mempool *pool;
static struct dp_counters counters;
static uint16_t vlan;
static struct net *writer, *reader; /* the same one if there is only one */

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

/* The ring between the two is this short: words are refused, too. */
static struct net_word words[2];
static uint32_t n_words;

static bool tell(void *ctx, const struct net_word *word)
{
	(void)ctx;
	if (n_words == 2)
		return false;
	words[n_words++] = *word;
	return true;
}

static void carry(uint64_t now_us)
{
	for (uint32_t i = 0; i < n_words; i++)
		net_told(writer, now_us, &words[i]);
	n_words = 0;
}

static struct net *open_net(uint8_t mode, struct net_share *share, bool is_writer)
{
	struct ip_neighbour fixed = { addr("192.0.2.88"), { 2, 0, 0, 0, 0, 88 } };
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
		                 .neighbours = &fixed,
		                 .n_neighbours = 1,
		                 .neighbours_max = NEIGHBOURS,
		                 .fragment_bytes_max = mode & MODE_NO_PARTS ? 0 : 8192,
		                 .share = share,
		                 .is_writer = is_writer,
		                 .tell = tell,
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

static struct rte_mbuf *make_roomy_frame(const uint8_t *bytes, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert(m != NULL);
	memcpy(rte_pktmbuf_append(m, n), bytes, n);
	return m;
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

static void receive(uint64_t now_us, uint8_t mode, bool at_reader, struct span frame)
{
	uint16_t n = (uint16_t)(frame.bytes < 1600 ? frame.bytes : 1600);
	struct rte_mbuf *m =
	    mode & MODE_ROOM ? make_roomy_frame(frame.at, n) : make_frame(frame.at, n);
	struct net *net = at_reader ? reader : writer;
	struct net_icmp icmp;
	struct net_seg seg;
	enum net_in in;

	if (mode & MODE_FIX_SUMS)
		sums_fix(rte_pktmbuf_mtod(m, uint8_t *), n);
	if (mode & MODE_TRUST)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	in = net_input(net, now_us, m, &seg, &icmp);
	if (in == NET_IN_WRITER) {
		assert(net != writer);
		in = net_input(writer, now_us, m, &seg, &icmp);
	}
	switch (in) {
	case NET_IN_TCP: {
		const uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);

		assert(seg.tcp.at >= at && seg.tcp.at + seg.tcp.bytes <= at + m->data_len);
		assert(seg.tcp.bytes >= (seg.tcp.at[12] >> 4) * 4u && seg.tcp.at[12] >> 4 >= 5);
		assert(net_is_own(net, &seg.local) && !net_is_own(net, &seg.remote));
		rte_pktmbuf_free(m);
		break;
	}
	case NET_IN_ICMP:
		assert(net_is_own(net, &icmp.local));
		break;
	case NET_IN_WRITER:
		assert(!"the writer hands nothing on");
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
static void pass(uint64_t *now_us, uint8_t tenths)
{
	for (; tenths > 0; tenths--) {
		*now_us += 100000;
		net_tick(writer, *now_us);
		if (reader != writer)
			net_tick(reader, *now_us);
		carry(*now_us);
	}
}

static void one(uint8_t what, uint64_t *now_us, uint8_t mode, struct span record)
{
	struct net *net = what & AT_READER ? reader : writer;

	switch (what % N_WHAT) {
	case FRAME:
		receive(*now_us, mode, net == reader, record);
		break;
	case ANNOUNCE:
		net_announce(net, *now_us);
		if (record.bytes > 0) {
			struct ip_addr them = addr("203.0.113.9");

			net_learn_path_mtu(net, *now_us, &them, (uint16_t)(1280 + record.at[0]));
			assert(net_path_mtu(net, *now_us, &them) <= 1500);
		}
		break;
	case SEGMENT:
		if (record.bytes > 0)
			send_segment(net, *now_us, record.at[0]);
		break;
	case TIME:
		if (record.bytes > 0)
			pass(now_us, record.at[0]);
		break;
	}
	net_check(writer);
	net_check(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct span s = span_of(data, bytes), record;
	struct net_share *share = NULL;
	uint64_t now_us = 1000000;
	uint16_t record_bytes;
	uint8_t mode, what;

	if (pool == NULL) {
		eal_start();
		pool = eal_pool("fuzz", BUFFERS);
	}
	if (!span_take_u8(&s, &mode))
		return 0;
	n_words = 0;
	if (mode & MODE_TWO) {
		int rc = net_share_open(NEIGHBOURS, 7, &share);

		assert(rc == 0);
	}
	writer = reader = open_net(mode, share, true);
	if (mode & MODE_TWO)
		reader = open_net(mode, share, false);
	for (int n = 0; n < RECORDS_MAX; n++) {
		if (!span_take_u8(&s, &what) || !span_take_u16(&s, &record_bytes))
			break;
		if (!span_take(&s, record_bytes, &record))
			record = s; /* the last one may be cut */
		one(what, &now_us, mode, record);
	}
	if (reader != writer)
		net_close(reader);
	net_close(writer);
	net_share_close(share);
	assert(rte_mempool_avail_count(pool) == BUFFERS);
	return 0;
}
