/* reass.c - puts the fragments of a datagram together. */
#include "dataplane/net/reass.h"

#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

enum { ECN_NOT_ECT = 0, ECN_CE = 3, L2_BYTES_MAX = 18 };

/* RFC 1858 3, RFC 7112 5: the first part holds the whole header of the protocol above. No other
 * part reaches into it (RFC 1858 4), since no two parts may overlap.
 */
static bool has_whole_header(const struct packet *p)
{
	const uint8_t *at = p->upper.at;

	if (p->upper_proto != IP_PROTO_TCP)
		return p->upper.bytes >= ICMP_HEADER_BYTES;
	return p->upper.bytes >= TCP_HEADER_BYTES && (at[12] >> 4) * 4u <= p->upper.bytes;
}

static bool is_sane(const struct packet *p)
{
	if (p->body.bytes == 0 || (p->more_fragments && p->body.bytes % REASS_UNIT_BYTES != 0))
		return false; /* RFC 8200 4.5 */
	return p->fragment_at != 0 || has_whole_header(p);
}

static bool is_set(const uint8_t *map, uint32_t unit)
{
	return map[unit / 8] >> unit % 8 & 1;
}

/* Whether the part meets bytes that have come before: none of them, or all and the same ones, as
 * the network doubles a packet; anything else is an attack (RFC 5722 4, RFC 8200 4.5).
 */
enum meets { MEETS_NONE, MEETS_ITSELF, MEETS_OTHERS };

static enum meets meets(const struct reass_table *t, struct reass *r, const struct packet *p)
{
	uint32_t first = p->fragment_at / REASS_UNIT_BYTES,
		 end = (uint32_t)(p->fragment_at + p->body.bytes + REASS_UNIT_BYTES - 1) /
	               REASS_UNIT_BYTES,
		 n = 0;

	for (uint32_t i = first; i < end; i++)
		n += is_set(reass_map(r), i);
	if (n == 0)
		return MEETS_NONE;
	if (n == end - first &&
	    memcmp(reass_body(t, r) + p->fragment_at, p->body.at, p->body.bytes) == 0)
		return MEETS_ITSELF;
	return MEETS_OTHERS;
}

/* The end is where the last part says; no part says otherwise, and none lies behind it. */
static bool ends_agree(const struct reass *r, const struct packet *p)
{
	size_t end = p->fragment_at + p->body.bytes;

	if (r->body_bytes != 0)
		return p->more_fragments ? end < r->body_bytes : end == r->body_bytes;
	/* the first end to be told: as far as parts have come, they lie before it */
	return p->more_fragments || r->highest <= p->fragment_at;
}

/* False: the datagram is dead. */
static bool take_part(const struct reass_table *t, struct reass *r, const struct packet *p)
{
	uint32_t end = (uint32_t)(p->fragment_at + p->body.bytes);
	enum meets m;

	if (end > t->body_bytes_max)
		return false;
	m = meets(t, r, p);
	if (m == MEETS_OTHERS || (m == MEETS_NONE && !ends_agree(r, p)))
		return false;
	r->ecn_seen |= (uint8_t)(1 << p->ecn);
	if (m == MEETS_ITSELF)
		return true;
	memcpy(reass_body(t, r) + p->fragment_at, p->body.at, p->body.bytes);
	for (uint32_t i = p->fragment_at / REASS_UNIT_BYTES; i * REASS_UNIT_BYTES < end; i++) {
		reass_map(r)[i / 8] |= (uint8_t)(1 << i % 8);
		r->n_units++;
	}
	if (end > r->highest)
		r->highest = (uint16_t)end;
	if (!p->more_fragments)
		r->body_bytes = (uint16_t)end;
	if (p->fragment_at == 0)
		r->proto = p->proto;
	return true;
}

static bool is_whole(const struct reass *r)
{
	return r->body_bytes != 0 &&
	       r->n_units == (r->body_bytes + REASS_UNIT_BYTES - 1) / REASS_UNIT_BYTES;
}

/* RFC 3168 5.3: a mark is kept; beside a part that could not be marked it is a forgery or a fault.
 * False: the datagram is dropped.
 */
static bool join_ecn(const struct reass *r, uint8_t *ecn)
{
	*ecn = 0;
	if (r->ecn_seen & 1 << ECN_CE) {
		*ecn = ECN_CE;
		return (r->ecn_seen & 1 << ECN_NOT_ECT) == 0;
	}
	while ((r->ecn_seen & 1 << *ecn) == 0)
		++*ecn;
	return true;
}

static void put_ip4(uint8_t *h, const struct reass *r, uint8_t ecn)
{
	memset(h, 0, IP4_HEADER_BYTES);
	h[0] = 0x45;
	h[1] = ecn;
	put16(h + 2, (uint16_t)(IP4_HEADER_BYTES + r->body_bytes));
	h[8] = IP_HOPS;
	h[9] = r->proto;
	memcpy(h + 12, r->key.src.b + 12, 4);
	memcpy(h + 16, r->key.dst.b + 12, 4);
	cksum_put(h + 10, cksum_add(0, h, IP4_HEADER_BYTES));
}

static void put_ip6(uint8_t *h, const struct reass *r, uint8_t ecn)
{
	memset(h, 0, 4);
	h[0] = 0x60;
	h[1] = (uint8_t)(ecn << 4);
	put16(h + 4, r->body_bytes);
	h[6] = r->proto;
	h[7] = IP_HOPS;
	memcpy(h + 8, r->key.src.b, 16);
	memcpy(h + 24, r->key.dst.b, 16);
}

/* Writes the whole datagram over the part that `m` holds, behind the same Ethernet header. What
 * the device said about checksums was about the part.
 */
static bool rebuild(struct net *net, struct reass *r, struct rte_mbuf *m, const struct packet *p)
{
	bool is_v4 = ip_is_v4(&r->key.src);
	uint32_t l2 = (uint32_t)(p->frame->body.at - rte_pktmbuf_mtod(m, const uint8_t *)),
		 l3 = is_v4 ? IP4_HEADER_BYTES : IP6_HEADER_BYTES, all = l2 + l3 + r->body_bytes;
	uint8_t ethernet[L2_BYTES_MAX], *at, ecn;

	assert(l2 <= sizeof(ethernet));
	if (!join_ecn(r, &ecn))
		return false;
	if (rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m) || m->buf_len < all)
		return false;
	memcpy(ethernet, rte_pktmbuf_mtod(m, const uint8_t *), l2);
	m->data_off =
	    m->buf_len - all < RTE_PKTMBUF_HEADROOM ? m->buf_len - all : RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)all;
	m->pkt_len = all;
	m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	at = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(at, ethernet, l2);
	if (is_v4)
		put_ip4(at + l2, r, ecn);
	else
		put_ip6(at + l2, r, ecn);
	memcpy(at + l2 + l3, reass_body(&net->reass, r), r->body_bytes);
	return true;
}

static struct reass_key key_of(const struct packet *p)
{
	return (struct reass_key){ .src = p->src,
		                   .dst = p->dst,
		                   .id = p->fragment_id,
		                   .proto = ip_is_v4(&p->src) ? p->proto : 0 };
}

bool reass_input(struct net *net, uint64_t now_us, struct rte_mbuf *m, const struct packet *p)
{
	struct reass_table *t = &net->reass;
	struct reass_key key = key_of(p);
	struct reass *r;
	uint32_t i;
	bool done;

	count(&net->counters->rx_fragments);
	if (!is_sane(p)) {
		count(&net->counters->rx_malformed);
		return false;
	}
	if (t->n == 0) {
		count(&net->counters->reassembly_failed);
		return false;
	}
	i = reass_find(t, &key);
	r = i != REASS_NONE ? reass_at(t, i) : reass_add(net, now_us, &key);
	if (r->is_dead)
		return false;
	if (!take_part(t, r, p)) {
		count(&net->counters->reassembly_failed);
		r->is_dead = true;
		return false;
	}
	if (!is_whole(r))
		return false;
	done = rebuild(net, r, m, p);
	count(done ? &net->counters->reassembled : &net->counters->reassembly_failed);
	reass_del(t, reass_find(t, &key));
	return done;
}

void reass_tick(struct net *net, uint64_t now_us)
{
	struct reass_table *t = &net->reass;

	while (t->n != 0 && t->oldest != REASS_NONE &&
	       now_us - reass_at(t, t->oldest)->since_us >= REASS_MS * 1000ull)
		reass_give_up(net, t->oldest);
}
