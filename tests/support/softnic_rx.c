/* softnic_rx.c - a network card in software: from the wire to a queue. */
#include <assert.h>
#include <string.h>

#include "tests/support/softnic_int.h"

enum { ETHER_BYTES = 14, VLAN_BYTES = 4, TYPE_VLAN = 0x8100, TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd };
enum { PROTO_TCP = 6, IP4_BYTES = 20, IP6_BYTES = 40, TCP_BYTES = 20, TCP_SUM_AT = 16 };

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint32_t softnic_sum(uint32_t sum, const uint8_t *at, uint32_t bytes)
{
	uint64_t s = sum;

	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		s += get16(at + i);
	if (bytes & 1)
		s += (uint32_t)at[bytes - 1] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

uint32_t softnic_sum_pseudo(const struct softnic_view *v, uint32_t l4_bytes)
{
	uint8_t tail[4] = { 0, PROTO_TCP, (uint8_t)(l4_bytes >> 8), (uint8_t)l4_bytes };

	return softnic_sum(softnic_sum(0, v->tuple, v->addr_bytes), tail, 4);
}

static void view_ip4(uint8_t *ip, uint32_t bytes, struct softnic_view *v)
{
	uint32_t header = (ip[0] & 15) * 4u, total = get16(ip + 2);

	if (bytes < IP4_BYTES || ip[0] >> 4 != 4 || header < IP4_BYTES || total < header ||
	    total > bytes)
		return;
	v->ip = ip;
	v->addr_bytes = 8;
	memcpy(v->tuple, ip + 12, 8);
	v->is_fragment = (get16(ip + 6) & 0x3fff) != 0;
	if (v->is_fragment || ip[9] != PROTO_TCP || total - header < TCP_BYTES)
		return;
	v->l4 = ip + header;
	v->l4_bytes = total - header;
	memcpy(v->tuple + 8, v->l4, 4);
}

/* Extension headers are not stepped over: cards of this kind stop there too. */
static void view_ip6(uint8_t *ip, uint32_t bytes, struct softnic_view *v)
{
	uint32_t payload;

	if (bytes < IP6_BYTES || ip[0] >> 4 != 6)
		return;
	payload = get16(ip + 4);
	if (payload > bytes - IP6_BYTES)
		return;
	v->ip = ip;
	v->addr_bytes = 32;
	memcpy(v->tuple, ip + 8, 32);
	if (ip[6] != PROTO_TCP || payload < TCP_BYTES)
		return;
	v->l4 = ip + IP6_BYTES;
	v->l4_bytes = payload;
	memcpy(v->tuple + 32, v->l4, 4);
}

void softnic_view(uint8_t *frame, uint32_t bytes, struct softnic_view *v)
{
	uint32_t at = ETHER_BYTES;

	memset(v, 0, sizeof(*v));
	if (bytes >= ETHER_BYTES + VLAN_BYTES && get16(frame + 12) == TYPE_VLAN)
		at += VLAN_BYTES;
	if (bytes < at + IP4_BYTES)
		return;
	if (get16(frame + at - 2) == TYPE_IP4)
		view_ip4(frame + at, bytes - at, v);
	else if (get16(frame + at - 2) == TYPE_IP6)
		view_ip6(frame + at, bytes - at, v);
}

static uint32_t hash_of(const struct softnic *nic, const uint8_t *data, uint32_t bytes)
{
	uint8_t key[TOEPLITZ_KEY_MAX];
	uint32_t h;

	for (uint16_t i = 0; i < nic->conf.key_bytes; i++)
		key[i] =
		    nic->key[nic->conf.lies & SOFTNIC_KEY_REVERSED ? nic->conf.key_bytes - 1 - i
		                                                   : i];
	h = toeplitz(key, nic->conf.key_bytes, data, bytes);
	return nic->conf.lies & SOFTNIC_HASH_INITIAL ? h ^ UINT32_MAX : h;
}

uint16_t softnic_queue_of(const struct softnic *nic, const uint8_t *tuple, uint32_t tuple_bytes)
{
	return nic->reta[hash_of(nic, tuple, tuple_bytes) % nic->conf.reta_size];
}

/* How many bytes of its tuple a frame is hashed by; 0: it is not. */
static uint32_t hashed_bytes(const struct softnic *nic, const struct softnic_view *v)
{
	bool is_ip4 = v->addr_bytes == 8;

	if (v->addr_bytes == 0)
		return 0;
	if (v->l4 != NULL && nic->hash_types & (is_ip4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP
	                                               : RTE_ETH_RSS_NONFRAG_IPV6_TCP))
		return v->addr_bytes + 4u;
	return nic->hash_types & (is_ip4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6) ? v->addr_bytes : 0;
}

/* The flow's place, by a hash of its own; whoever stood there is forgotten. */
static struct softnic_flow *flow_of(struct softnic *nic, const uint8_t *tuple, uint8_t bytes)
{
	uint64_t h = 0xcbf29ce484222325;

	for (uint8_t i = 0; i < bytes; i++)
		h = (h ^ tuple[i]) * 0x100000001b3;
	return &nic->flows[(h ^ h >> 29) % SOFTNIC_FLOWS_MAX];
}

static bool flow_is(const struct softnic_flow *f, const uint8_t *tuple, uint8_t bytes)
{
	return f->bytes == bytes && memcmp(f->tuple, tuple, bytes) == 0;
}

void softnic_learn(struct softnic *nic, const uint8_t *tuple, uint8_t bytes, uint16_t queue)
{
	struct softnic_flow *f = flow_of(nic, tuple, bytes);

	*f = (struct softnic_flow){ .queue = queue, .bytes = bytes };
	memcpy(f->tuple, tuple, bytes);
}

/* Measured on net_tap: the first answer to a new flow comes on the queue that sent half of the
 * time, whatever follows always does; what was never sent to comes anywhere.
 */
static uint16_t steer_learned(struct softnic *nic, const struct softnic_view *v)
{
	uint8_t bytes = (uint8_t)(v->addr_bytes + 4);
	struct softnic_flow *f;

	if (v->l4 == NULL)
		return 0;
	f = flow_of(nic, v->tuple, bytes);
	if (!flow_is(f, v->tuple, bytes))
		return (uint16_t)(softnic_random(nic) % nic->n_queues);
	if (v->l4[13] & 2 && softnic_random(nic) & 1) /* SYN-ACK */
		return (uint16_t)(softnic_random(nic) % nic->n_queues);
	return f->queue;
}

static uint16_t steer(struct softnic *nic, const struct softnic_view *v, struct rte_mbuf *m)
{
	uint32_t bytes = hashed_bytes(nic, v), hash;
	uint16_t queue;

	if (nic->n_queues == 1)
		return 0;
	if (nic->conf.steer == SOFTNIC_STEER_LEARNED)
		return steer_learned(nic, v);
	if (bytes == 0)
		return nic->astray;
	hash = hash_of(nic, v->tuple, bytes);
	queue = nic->reta[hash % nic->conf.reta_size];
	if (nic->eth.rxmode.offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) {
		m->hash.rss = hash;
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
	if (v->l4 != NULL && nic->conf.lies & SOFTNIC_FIRST_ASTRAY) {
		struct softnic_flow *f = flow_of(nic, v->tuple, (uint8_t)bytes);

		if (!flow_is(f, v->tuple, (uint8_t)bytes)) {
			softnic_learn(nic, v->tuple, (uint8_t)bytes, queue);
			queue =
			    (uint16_t)((queue + 1 + softnic_random(nic) % (nic->n_queues - 1u)) %
			               nic->n_queues);
		}
	}
	return queue;
}

/* What the device says of the sums, as far as it was asked to look. */
static void mark_sums(const struct softnic *nic, const struct softnic_view *v, struct rte_mbuf *m)
{
	uint64_t asked = nic->eth.rxmode.offloads;
	bool lies = nic->conf.lies & SOFTNIC_RX_SUM_UNDONE, good;

	if (v->addr_bytes == 8 && asked & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM &&
	    nic->conf.rx_sum != SOFTNIC_SUM_UNKNOWN) {
		good = lies || softnic_sum(0, v->ip, (v->ip[0] & 15) * 4u) == 0xffff;
		m->ol_flags |= good ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
	}
	if (v->l4 == NULL || !(asked & RTE_ETH_RX_OFFLOAD_TCP_CKSUM))
		return;
	good = softnic_sum(softnic_sum_pseudo(v, v->l4_bytes), v->l4, v->l4_bytes) == 0xffff;
	if (nic->conf.rx_sum == SOFTNIC_SUM_NONE && good) {
		uint32_t pseudo = softnic_sum_pseudo(v, v->l4_bytes);

		v->l4[TCP_SUM_AT] = (uint8_t)(pseudo >> 8);
		v->l4[TCP_SUM_AT + 1] = (uint8_t)pseudo;
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	} else if (nic->conf.rx_sum != SOFTNIC_SUM_UNKNOWN) {
		m->ol_flags |=
		    good || lies ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD;
	}
}

static bool is_for_us(const struct softnic *nic, const uint8_t *to)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };

	if (nic->promiscuous || memcmp(to, everyone, 6) == 0 || memcmp(to, nic->conf.mac, 6) == 0)
		return true;
	return to[0] & 1 && (nic->all_groups || !(nic->conf.lies & SOFTNIC_MULTICAST_OFF));
}

void softnic_wire_give(struct softnic *nic, struct rte_mbuf *frame)
{
	uint8_t *bytes = rte_pktmbuf_mtod(frame, uint8_t *); /* perhaps kept by its sender */
	struct softnic_view v;
	struct softnic_rxq *q;
	struct rte_mbuf *m;
	uint16_t queue;

	assert(frame->nb_segs == 1 && frame->data_len >= ETHER_BYTES);
	nic->stats.wire_in++;
	if (!nic->started || !nic->link_up || !is_for_us(nic, bytes)) {
		nic->stats.filtered++;
		goto out;
	}
	softnic_view(bytes, frame->data_len, &v);
	if (v.l4 != NULL && nic->conf.lies & SOFTNIC_TABLE_CHANGES && !nic->table_has_changed &&
	    ++nic->segments_in > nic->conf.table_changes_after) {
		nic->table_has_changed = true;
		softnic_table_draw(nic);
	}
	frame->ol_flags = 0;
	queue = steer(nic, &v, frame);
	q = &nic->rx[queue];
	if (q->tail == q->posted ||
	    rte_pktmbuf_tailroom(q->ring[q->tail % q->size]) < frame->data_len) {
		nic->stats.missed++;
		goto out;
	}
	m = q->ring[q->tail++ % q->size];
	memcpy(rte_pktmbuf_append(m, frame->data_len), bytes, frame->data_len);
	m->ol_flags = frame->ol_flags;
	m->hash.rss = frame->hash.rss;
	softnic_view(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &v);
	mark_sums(nic, &v, m);
	nic->stats.rx[queue]++;
out:
	rte_pktmbuf_free(frame);
}

/* A ring that finds no buffers runs dry and is filled when there are some again. */
void softnic_rx_fill(struct softnic *nic, uint16_t queue)
{
	struct softnic_rxq *q = &nic->rx[queue];

	while (q->posted - q->head < q->size) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(q->pool);

		if (m == NULL)
			return;
		q->ring[q->posted++ % q->size] = m;
	}
}

void softnic_rx_empty(struct softnic *nic, uint16_t queue)
{
	struct softnic_rxq *q = &nic->rx[queue];

	while (q->head != q->posted)
		rte_pktmbuf_free(q->ring[q->head++ % q->size]);
	q->tail = q->posted;
}

uint32_t softnic_rx_posted(const struct softnic *nic, uint16_t queue)
{
	return nic->rx[queue].posted - nic->rx[queue].head;
}

uint16_t softnic_rx_burst(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct softnic *nic = dev;
	struct softnic_rxq *q = &nic->rx[queue];
	uint16_t got = 0;

	assert(nic->started && queue < nic->n_queues);
	while (got < n && q->head != q->tail)
		m[got++] = q->ring[q->head++ % q->size];
	softnic_rx_fill(nic, queue);
	return got;
}
