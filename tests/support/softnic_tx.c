/* softnic_tx.c - a network card in software: from a queue to the wire. */
#include <assert.h>
#include <string.h>

#include <rte_errno.h>

#include "tests/support/softnic_int.h"

enum {
	CLEAN_BELOW = 32,     /* free descriptors under which sent mbufs are let go */
	FRAME_BYTES_MIN = 17, /* what i40e takes */
	PACKET_BYTES_MAX = 65535,
	TSO_MSS_MAX = 9674,
	TCP_SUM_AT = 16,
	TCP_FLAGS_AT = 13,
	FLAG_FIN = 1,
	FLAG_PSH = 8,
	FLAG_CWR = 128,
};

#define WANTS (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static uint32_t headers_of(const struct rte_mbuf *m)
{
	return (uint32_t)(m->l2_len + m->l3_len + m->l4_len);
}

static bool marks_fit_frame(const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len);
	bool is_ip4 = m->ol_flags & RTE_MBUF_F_TX_IPV4, is_ip6 = m->ol_flags & RTE_MBUF_F_TX_IPV6;

	if (is_ip4 == is_ip6 || m->l2_len < 14 || m->data_len < m->l2_len + m->l3_len)
		return false;
	if (ip[0] >> 4 != (is_ip4 ? 4 : 6))
		return false;
	return m->l3_len >= (is_ip4 ? 20 : 40);
}

/* Buffers that one segment of a packet to cut is read from: the headers', and its payload's. */
static uint32_t segs_of_widest(const struct rte_mbuf *m)
{
	uint32_t skip = headers_of(m), left = m->tso_segsz, n = 1, widest = 0;

	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		uint32_t bytes = s->data_len - skip;

		skip = 0;
		while (bytes > 0) {
			uint32_t take = bytes < left ? bytes : left;

			n++;
			widest = n > widest ? n : widest;
			bytes -= take;
			left -= take;
			if (left == 0) {
				left = m->tso_segsz;
				n = 1;
			}
		}
	}
	return widest;
}

/* As virtio wants it: the host may hand the packet to one of its own, uncut. */
static bool header_sum_stands(const struct rte_mbuf *m)
{
	return softnic_sum(0, rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l2_len), m->l3_len) ==
	       0xffff;
}

static bool asks_for_ip_sums(const struct softnic *nic, const struct rte_mbuf *m)
{
	if (m->ol_flags & RTE_MBUF_F_TX_IPV6 || m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
		return true;
	return nic->conf.cuts_with_sum && header_sum_stands(m);
}

static const char *unfit_to_cut(const struct softnic *nic, const struct rte_mbuf *m)
{
	uint32_t headers = headers_of(m);

	if (!(nic->eth.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO))
		return "segmentation was not configured";
	if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) != RTE_MBUF_F_TX_TCP_CKSUM ||
	    !asks_for_ip_sums(nic, m))
		return "segments would have no checksums";
	if (m->l4_len < 20 || m->l4_len > 60 || m->data_len < headers)
		return "headers are not in the first buffer";
	if (m->tso_segsz < nic->conf.tso_mss_min || m->tso_segsz == 0 || m->tso_segsz > TSO_MSS_MAX)
		return "segment size out of range";
	if (m->pkt_len - headers <= m->tso_segsz)
		return "nothing to cut";
	if (m->pkt_len - m->l2_len > PACKET_BYTES_MAX)
		return "packet longer than 64 KB";
	if (m->nb_segs > nic->conf.segs_max || segs_of_widest(m) > nic->conf.mtu_segs_max)
		return "too many buffers";
	if (m->l3_len + m->l4_len + m->tso_segsz > nic->mtu_bytes)
		return "segments longer than the MTU";
	return NULL;
}

/* Why a driver would not send it; NULL: it would. */
static const char *unfit(const struct softnic *nic, const struct rte_mbuf *m)
{
	uint64_t on = nic->eth.txmode.offloads;
	uint32_t bytes = 0, segs = 0;

	for (const struct rte_mbuf *s = m; s != NULL; s = s->next, segs++) {
		bytes += s->data_len;
		if (s->data_len == 0)
			return "empty buffer in a chain";
	}
	if (bytes != m->pkt_len || segs != m->nb_segs || rte_mbuf_refcnt_read(m) == 0)
		return "chain and counts differ";
	if (m->nb_segs > 1 && !(on & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		return "chains were not configured";
	if (m->pkt_len < FRAME_BYTES_MIN)
		return "frame too short";
	if (m->ol_flags & WANTS && !marks_fit_frame(m))
		return "lengths and marks do not fit the frame";
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM && !(on & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM))
		return "IP checksums were not configured";
	if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM &&
	    !(on & RTE_ETH_TX_OFFLOAD_TCP_CKSUM))
		return "TCP checksums were not configured";
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		return unfit_to_cut(nic, m);
	if (m->nb_segs > nic->conf.mtu_segs_max)
		return "too many buffers";
	if (m->pkt_len > nic->mtu_bytes + 14u + 4)
		return "frame longer than the MTU";
	return NULL;
}

uint16_t softnic_tx_prepare(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct softnic *nic = dev;

	assert(queue < nic->n_queues);
	for (uint16_t i = 0; i < n; i++) {
		const char *why = unfit(nic, m[i]);

		if (why == NULL)
			continue;
		nic->stats.prepare_refused++;
		nic->stats.refused_why = why;
		rte_errno = EINVAL;
		return i;
	}
	return n;
}

/* Lets go of the oldest packets that left, until `free` descriptors are free or none is left. */
static void clean(struct softnic_txq *q, uint32_t free)
{
	while (q->head != q->read && q->size - (q->tail - q->head) < free) {
		struct softnic_desc *d = &q->ring[q->head % q->size];

		q->head += d->segs;
		rte_pktmbuf_free(d->m);
		*d = (struct softnic_desc){ 0 };
	}
}

uint16_t softnic_tx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct softnic *nic = dev;
	struct softnic_txq *q = &nic->tx[queue];
	uint16_t sent = 0;

	assert(nic->started && queue < nic->n_queues);
	for (; sent < n && !q->stopped; sent++) {
		uint32_t need = m[sent]->nb_segs;

		if (unfit(nic, m[sent]) != NULL) {
			nic->stats.refused_why = unfit(nic, m[sent]);
			nic->stats.stopped++;
			q->stopped = true;
			break;
		}
		if (q->size - (q->tail - q->head) < CLEAN_BELOW)
			clean(q, need > CLEAN_BELOW ? need : CLEAN_BELOW);
		if (q->size - (q->tail - q->head) < need)
			break;
		q->ring[q->tail % q->size] =
		    (struct softnic_desc){ .m = m[sent], .segs = (uint16_t)need };
		q->tail += need;
		nic->stats.tx[queue]++;
	}
	return sent;
}

void softnic_tx_empty(struct softnic *nic, uint16_t queue)
{
	struct softnic_txq *q = &nic->tx[queue];

	q->read = q->tail;
	if (q->ring != NULL)
		clean(q, q->size);
	q->stopped = false;
}

uint32_t softnic_tx_held(const struct softnic *nic, uint16_t queue)
{
	return nic->tx[queue].tail - nic->tx[queue].head;
}

void softnic_let_go(struct softnic *nic)
{
	for (uint16_t q = 0; q < nic->n_queues; q++)
		clean(&nic->tx[q], nic->tx[q].size);
}

/* `bytes` bytes of a chain from `at` on, as one frame's part. */
static void read_chain(const struct rte_mbuf *m, uint32_t at, uint32_t bytes, uint8_t *to)
{
	const void *from = rte_pktmbuf_read(m, at, bytes, to);

	assert(from != NULL);
	if (from != to)
		memcpy(to, from, bytes);
}

/* Cards add up what stands from the TCP header on, with the pseudo-header's sum that the driver was
 * to leave in the field.
 */
static void put_sums(const struct softnic *nic, const struct rte_mbuf *m, uint8_t *frame,
                     uint32_t bytes, uint32_t more)
{
	uint8_t *ip = frame + m->l2_len, *tcp = ip + m->l3_len;
	uint32_t tcp_bytes = bytes - m->l2_len - m->l3_len;

	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM ||
	    (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG && m->ol_flags & RTE_MBUF_F_TX_IPV4)) {
		put16(ip + 10, 0);
		put16(ip + 10, ~softnic_sum(0, ip, m->l3_len));
	}
	if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM &&
	    !(nic->conf.lies & SOFTNIC_TX_SUM_UNDONE))
		put16(tcp + TCP_SUM_AT, ~softnic_sum(more, tcp, tcp_bytes));
}

/* Segment `i` of a packet to cut, `bytes` of payload from `at` on. */
static struct rte_mbuf *cut_one(struct softnic *nic, const struct rte_mbuf *m, uint32_t i,
                                uint32_t at, uint32_t bytes, bool is_last)
{
	struct rte_mbuf *f = rte_pktmbuf_alloc(nic->conf.wire_pool);
	uint32_t headers = headers_of(m);
	uint8_t *frame, *ip, *tcp;

	assert(f != NULL && rte_pktmbuf_tailroom(f) >= headers + bytes);
	frame = (uint8_t *)rte_pktmbuf_append(f, (uint16_t)(headers + bytes));
	read_chain(m, 0, headers, frame);
	read_chain(m, headers + at, bytes, frame + headers);
	ip = frame + m->l2_len;
	tcp = ip + m->l3_len;
	if (m->ol_flags & RTE_MBUF_F_TX_IPV4) {
		put16(ip + 2, m->l3_len + m->l4_len + bytes);
		put16(ip + 4, get16(ip + 4) + i);
	} else {
		put16(ip + 4, m->l3_len - 40u + m->l4_len + bytes);
	}
	put32(tcp + 4, get32(tcp + 4) + at);
	if (!is_last)
		tcp[TCP_FLAGS_AT] &= (uint8_t) ~(FLAG_FIN | FLAG_PSH);
	if (i > 0)
		tcp[TCP_FLAGS_AT] &= (uint8_t)~FLAG_CWR; /* RFC 3168 6.1.2: once a window */
	/* The pseudo-header's sum came without a length: it differs from segment to segment. */
	put_sums(nic, m, frame, headers + bytes, m->l4_len + bytes);
	return f;
}

static void cut(struct softnic *nic, const struct rte_mbuf *m)
{
	uint32_t payload = m->pkt_len - headers_of(m), at = 0;

	nic->n_cut = nic->cut_at = 0;
	nic->stats.cut++;
	while (at < payload) {
		uint32_t bytes = payload - at < m->tso_segsz ? payload - at : m->tso_segsz;

		assert(nic->n_cut < SOFTNIC_CUT_MAX);
		nic->cut[nic->n_cut] =
		    cut_one(nic, m, nic->n_cut, at, bytes, at + bytes == payload);
		nic->n_cut++;
		at += bytes;
	}
}

static struct rte_mbuf *whole(struct softnic *nic, const struct rte_mbuf *m)
{
	struct rte_mbuf *f = rte_pktmbuf_alloc(nic->conf.wire_pool);
	uint8_t *frame;

	assert(f != NULL && rte_pktmbuf_tailroom(f) >= m->pkt_len);
	frame = (uint8_t *)rte_pktmbuf_append(f, (uint16_t)m->pkt_len);
	read_chain(m, 0, m->pkt_len, frame);
	put_sums(nic, m, frame, m->pkt_len, 0);
	return f;
}

/* A card that learns knows on which queue the answer's like was sent. */
static void note_flow(struct softnic *nic, struct rte_mbuf *frame, uint16_t queue)
{
	uint8_t back[SOFTNIC_TUPLE_MAX];
	struct softnic_view v;
	uint8_t half;

	if (nic->conf.steer != SOFTNIC_STEER_LEARNED)
		return;
	softnic_view(rte_pktmbuf_mtod(frame, uint8_t *), frame->data_len, &v);
	if (v.l4 == NULL)
		return;
	half = v.addr_bytes / 2;
	memcpy(back, v.tuple + half, half);
	memcpy(back + half, v.tuple, half);
	memcpy(back + 2 * half, v.l4 + 2, 2);
	memcpy(back + 2 * half + 2, v.l4, 2);
	softnic_learn(nic, back, (uint8_t)(v.addr_bytes + 4), queue);
}

struct rte_mbuf *softnic_wire_take(struct softnic *nic)
{
	for (uint16_t tried = 0; nic->cut_at == nic->n_cut && tried < nic->n_queues; tried++) {
		uint16_t queue = nic->next_tx;
		struct softnic_txq *q = &nic->tx[queue];
		struct softnic_desc *d;

		nic->next_tx = (uint16_t)((queue + 1) % nic->n_queues);
		if (!nic->started || !nic->link_up || q->read == q->tail)
			continue;
		d = &q->ring[q->read % q->size];
		q->read += d->segs;
		if (d->m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
			cut(nic, d->m);
		} else {
			nic->cut[0] = whole(nic, d->m);
			nic->n_cut = 1;
			nic->cut_at = 0;
		}
		note_flow(nic, nic->cut[0], queue);
	}
	if (nic->cut_at == nic->n_cut)
		return NULL;
	nic->stats.wire_out++;
	return nic->cut[nic->cut_at++];
}
