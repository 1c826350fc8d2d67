/* ip4.c - IPv4 headers, in and out (RFC 791, RFC 1122 3.2.1). */
#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

enum header { HEADER_OK, HEADER_MALFORMED, HEADER_BAD_SUM };

static bool header_sum_is_good(const struct net *net, const struct rte_mbuf *m, struct span header)
{
	if (net->rx_checksum) {
		switch (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) {
		case RTE_MBUF_F_RX_IP_CKSUM_BAD:
			return false;
		case RTE_MBUF_F_RX_IP_CKSUM_GOOD:
		case RTE_MBUF_F_RX_IP_CKSUM_NONE:
			return true;
		}
	}
	return cksum_is_good(cksum_add(0, header.at, header.bytes));
}

bool ip4_is_sender(const struct net *net, const uint8_t v4[4])
{
	return v4[0] != 0 && v4[0] != 127 && v4[0] < 224 && !route_is_broadcast4(net, get32(v4));
}

/* Lengths, version and checksum; `header` and `body` are filled when they are right. */
static enum header read_header(const struct net *net, const struct frame *f, struct span *header,
                               struct span *body)
{
	const uint8_t *h = f->body.at;
	size_t header_bytes, total_bytes;

	if (f->body.bytes < IP4_HEADER_BYTES || h[0] >> 4 != 4)
		return HEADER_MALFORMED;
	header_bytes = (h[0] & 15) * 4u;
	total_bytes = get16(h + 2);
	if (header_bytes < IP4_HEADER_BYTES || total_bytes < header_bytes ||
	    f->body.bytes < total_bytes)
		return HEADER_MALFORMED;
	*header = span_of(h, header_bytes);
	*body = span_of(h + header_bytes, total_bytes - header_bytes);
	return header_sum_is_good(net, f->m, *header) ? HEADER_OK : HEADER_BAD_SUM;
}

static void read_fragment(const uint8_t *h, struct packet *p)
{
	uint16_t field = get16(h + 6);

	p->is_fragment = (field & IP4_FRAGMENT_MASK) != 0;
	p->more_fragments = (field & IP4_MF) != 0;
	p->fragment_at = (uint16_t)((field & IP4_OFFSET_MASK) * 8);
	p->fragment_id = get16(h + 4);
	p->upper_proto = p->proto;
	p->upper = p->body;
}

bool ip4_parse(struct net *net, const struct frame *f, struct packet *p)
{
	const uint8_t *h = f->body.at;
	struct span header;
	enum header got = read_header(net, f, &header, &p->body);

	if (got != HEADER_OK || !ip4_is_sender(net, h + 12)) {
		count(got == HEADER_BAD_SUM ? &net->counters->rx_bad_checksum
		                            : &net->counters->rx_malformed);
		return false;
	}
	p->frame = f;
	p->src = ip_from_v4(h + 12);
	p->dst = ip_from_v4(h + 16);
	p->addrs = span_of(h + 12, 8);
	p->proto = h[9];
	p->hops = h[8];
	p->ecn = h[1] & IP_ECN_MASK;
	p->is_group = false;
	p->had_fragment_header = false;
	/* RFC 1122 3.3.6: a packet for one station does not come in a frame for many. */
	if (f->is_group || own_find(&net->own, &p->dst) == NULL ||
	    own_find(&net->own, &p->src) != NULL) {
		count(&net->counters->rx_not_ours);
		return false;
	}
	read_fragment(h, p);
	return true;
}

/* Summed before it is written: who reads back in other widths what was just written waits for it to
 * reach the cache.
 */
void ip4_prepend(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
                 const struct ip_addr *dst, uint8_t proto)
{
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, IP4_HEADER_BYTES);
	uint16_t sum = 0;
	uint64_t first;
	uint32_t second, from, to;

	assert(h != NULL && m->pkt_len <= UINT16_MAX);
	/* version and words, TOS, length; ID, DF; then TTL, protocol, sum */
	first = htobe64((uint64_t)0x45 << 56 | (uint64_t)m->pkt_len << 32 | IP4_DF);
	second = htobe32((uint32_t)IP_HOPS << 24 | (uint32_t)proto << 16);
	memcpy(&from, src->b + 12, 4);
	memcpy(&to, dst->b + 12, 4);
	if (net->tx_checksum_ip4)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	else
		cksum_put((uint8_t *)&sum, cksum_plus(first, (uint64_t)second + from + to));
	memcpy(h, &first, 8);
	memcpy(h + 8, &second, 4);
	memcpy(h + 10, &sum, 2);
	memcpy(h + 12, &from, 4);
	memcpy(h + 16, &to, 4);
	m->l3_len = IP4_HEADER_BYTES;
}
