/* segment.c - TCP segments on their way between the IP layer and the TCP engine. */
#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

/* The four things a device may say: BAD, GOOD, NONE (there is no full sum, but the data never left
 * this machine) and UNKNOWN, which is what no device says too.
 */
static bool sum_is_good(const struct net *net, const struct packet *p)
{
	uint64_t sum;

	if (net->rx_checksum) {
		switch (p->frame->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
		case RTE_MBUF_F_RX_L4_CKSUM_BAD:
			return false;
		case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
		case RTE_MBUF_F_RX_L4_CKSUM_NONE:
			return true;
		}
	}
	sum = cksum_pseudo(p->addrs.at, p->addrs.bytes, IP_PROTO_TCP, (uint16_t)p->body.bytes);
	return cksum_is_good(cksum_add(sum, p->body.at, p->body.bytes));
}

/* A SYN that leaves asks, the segment that answers it tells. */
static void hear_sums(struct net *net, const struct packet *p)
{
	const uint8_t *tcp = p->body.at;
	struct sum_tuple syn = {
		.local = &p->dst, .remote = &p->src, .lport = get16(tcp + 2), .rport = get16(tcp)
	};

	if (!(tcp[13] & TCP_FLAG_ACK) || !(tcp[13] & (TCP_FLAG_SYN | TCP_FLAG_RST)))
		return;
	if (sum_trial_hears(&net->share->sums, &syn) &&
	    sum_trial_verdict(&net->share->sums) == SUM_DISBELIEVED)
		count(&net->counters->tx_sums_disbelieved);
}

/* Who sums this segment while the device is on trial; and what came of it, once. */
static void choose_sums(struct net *net, const struct net_path *path, const uint8_t *tcp)
{
	enum sum_verdict verdict = sum_trial_verdict(&net->share->sums);
	struct sum_tuple syn = { .local = net_local(net, path->local),
		                 .remote = &path->remote,
		                 .lport = get16(tcp),
		                 .rport = get16(tcp + 2) };

	net->sums_on_trial = verdict == SUM_ON_TRIAL;
	net->tx_checksum_tcp = verdict == SUM_BELIEVED;
	if (net->sums_on_trial &&
	    (tcp[13] & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN)
		net->tx_checksum_tcp = sum_trial_asks(&net->share->sums, &syn);
	net->tx_checksum_ip4 = net->tx_checksum_tcp && net->sums_offered_ip4;
}

bool net_may_cut(const struct net *net)
{
	return net->tx_checksum_tcp && !net->sums_on_trial;
}

bool segment_parse(struct net *net, const struct packet *p, struct net_seg *seg)
{
	size_t header_bytes;

	if (p->body.bytes < TCP_HEADER_BYTES) {
		count(&net->counters->rx_malformed);
		return false;
	}
	if (!sum_is_good(net, p)) {
		count(&net->counters->rx_bad_checksum);
		return false;
	}
	header_bytes = (p->body.at[12] >> 4) * 4u;
	if (header_bytes < TCP_HEADER_BYTES || header_bytes > p->body.bytes) {
		count(&net->counters->rx_malformed);
		return false;
	}
	if (net->sums_on_trial)
		hear_sums(net, p);
	*seg = (struct net_seg){ .local = p->dst, .remote = p->src, .tcp = p->body, .ecn = p->ecn };
	return true;
}

/* The cached entry if it is still that of the next hop, else the entry found or made anew. */
static struct neigh *neighbour_of(struct net *net, uint64_t now_us, struct net_path *path)
{
	struct neigh_table *t = &net->neigh;
	const struct ip_addr *hop = route_next_hop(net, path);
	uint32_t i = path->neighbour;
	struct neigh *n;

	if (i >= t->entries_max || t->entries[i].state == NEIGH_FREE ||
	    !ip_eq(&t->entries[i].addr, hop))
		i = path->neighbour = neigh_get(net, now_us, hop);
	if (i == NEIGH_NONE)
		return NULL;
	n = &t->entries[i];
	if (!net->is_writer && n->epoch != epoch_now(&net->share->epoch))
		neigh_copy(net, now_us, n);
	return n;
}

bool net_waits(const struct net *net, const struct net_path *path)
{
	uint32_t i = neigh_find(&net->neigh, route_next_hop(net, path));

	return i != NEIGH_NONE && net->neigh.entries[i].state == NEIGH_INCOMPLETE;
}

/* Puts IP in front; `addrs` is the sum of its addresses. Offload marks of an earlier journey of the
 * buffer are removed first.
 */
static uint8_t *prepend_ip(struct net *net, struct rte_mbuf *m, const struct net_path *path,
                           uint64_t *addrs)
{
	const struct ip_addr *local = net_local(net, path->local);
	uint32_t from, to;

	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	if (ip_is_v4(local)) {
		ip4_prepend(net, m, local, &path->remote, IP_PROTO_TCP);
		memcpy(&from, local->b + 12, 4);
		memcpy(&to, path->remote.b + 12, 4);
		*addrs = (uint64_t)from + to;
	} else {
		ip6_prepend(m, local, &path->remote, IP_PROTO_TCP, IP_HOPS);
		*addrs = cksum_add(cksum_add(0, local->b, 16), path->remote.b, 16);
	}
	return rte_pktmbuf_mtod_offset(m, uint8_t *, m->l3_len);
}

static uint64_t ip_mark(const struct rte_mbuf *m)
{
	return m->l3_len == IP4_HEADER_BYTES ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
}

/* Sets the ECN field (RFC 3168 5) of the header that prepend_ip() made. */
static void mark_ecn(struct net *net, struct rte_mbuf *m, enum net_ecn ecn)
{
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *);

	if (ecn == NET_ECN_NOT_ECT)
		return;
	if (m->l3_len != IP4_HEADER_BYTES) {
		h[1] |= (uint8_t)(ecn << 4);
		return;
	}
	h[1] |= (uint8_t)ecn;
	if (net->tx_checksum_ip4)
		return;
	memset(h + 10, 0, 2);
	cksum_put(h + 10, cksum_header4(h));
}

/* Adds a segment whose checksum counts as zero. The header was just written, four bytes at a time,
 * and is read alike: a wider look would wait until it is in the cache, and so would all behind it.
 */
static uint64_t add_segment(uint64_t sum, const uint8_t *tcp, size_t bytes)
{
	size_t head = (tcp[12] >> 4) * 4u;
	uint64_t words = 0;
	uint16_t urgent;

	assert(head >= TCP_HEADER_BYTES && head <= bytes);
	for (size_t at = 0; at < head; at += 4) {
		uint32_t word;

		memcpy(&word, tcp + at, 4);
		words += at == TCP_CHECKSUM_AT ? 0 : word;
	}
	memcpy(&urgent, tcp + TCP_CHECKSUM_AT + 2, 2);
	return cksum_add(cksum_plus(sum, words + urgent), tcp + head, bytes - head);
}

/* With the device's help the field holds the sum of the pseudo-header, folded, not complemented
 * (what rte_ipv4_phdr_cksum() returns); without, the whole sum is done here.
 */
static void put_checksum(struct net *net, struct rte_mbuf *m, uint8_t *tcp, uint16_t tcp_bytes,
                         uint64_t addrs)
{
	uint64_t sum = cksum_plus(addrs, cksum_pseudo_rest(IP_PROTO_TCP, tcp_bytes));
	uint16_t partial;

	if (!net->tx_checksum_tcp) {
		cksum_put(tcp + TCP_CHECKSUM_AT, add_segment(sum, tcp, tcp_bytes));
		return;
	}
	partial = cksum_fold(sum);
	memcpy(tcp + TCP_CHECKSUM_AT, &partial, sizeof(partial));
	m->l4_len = (tcp[12] >> 4) * 4u;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | ip_mark(m);
}

/* What the device is asked to cut: it adds each piece's length to the pseudo-header's sum itself,
 * and makes each IPv4 header's sum. One that offers no IPv4 sums else (virtio) may hand the packet
 * on uncut, so that its header's sum must stand: ip4_prepend() saw to the one or the other.
 */
static void ask_to_cut(struct rte_mbuf *m, uint8_t *tcp, uint64_t addrs, uint16_t mss)
{
	uint16_t partial = cksum_fold(cksum_plus(addrs, cksum_pseudo_rest(IP_PROTO_TCP, 0)));

	memcpy(tcp + TCP_CHECKSUM_AT, &partial, sizeof(partial));
	m->l4_len = (tcp[12] >> 4) * 4u;
	m->tso_segsz = mss;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | ip_mark(m);
}

bool net_output_tso(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn, uint16_t mss)
{
	struct neigh *n = neighbour_of(net, now_us, path);
	uint64_t addrs;
	uint8_t *tcp;

	assert(m->nb_segs > 1 && m->pkt_len > mss && rte_pktmbuf_headroom(m) >= NET_HEADROOM_BYTES);
	assert(m->data_len + mss <= net->mtu_bytes - IP4_HEADER_BYTES);
	if (n == NULL || n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED) {
		count(&net->counters->neighbour_dropped);
		rte_pktmbuf_free(m);
		return false;
	}
	tcp = prepend_ip(net, m, path, &addrs);
	mark_ecn(net, m, ecn);
	ask_to_cut(m, tcp, addrs, mss);
	return neigh_send(net, now_us, n, m);
}

bool net_output(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m)
{
	return net_output_ecn(net, now_us, path, m, NET_ECN_NOT_ECT);
}

bool net_output_ecn(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn)
{
	struct neigh *n = neighbour_of(net, now_us, path);
	uint16_t tcp_bytes = m->data_len;
	uint64_t addrs;
	uint8_t *tcp;

	assert(m->nb_segs == 1 && rte_pktmbuf_headroom(m) >= NET_HEADROOM_BYTES);
	assert(tcp_bytes >= TCP_HEADER_BYTES && tcp_bytes <= net->mtu_bytes - IP4_HEADER_BYTES);
	if (n == NULL) {
		count(&net->counters->neighbour_full);
		rte_pktmbuf_free(m);
		return false;
	}
	if (net->sums_on_trial)
		choose_sums(net, path, rte_pktmbuf_mtod(m, const uint8_t *));
	tcp = prepend_ip(net, m, path, &addrs);
	mark_ecn(net, m, ecn);
	put_checksum(net, m, tcp, tcp_bytes, addrs);
	return neigh_send(net, now_us, n, m);
}
