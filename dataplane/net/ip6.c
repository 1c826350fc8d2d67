/* ip6.c - IPv6 headers, in and out (RFC 8200). */
#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

static const struct ip_addr all_nodes = { .b = { 0xff, 0x02, [15] = 1 } };

enum walk { WALK_OK, WALK_MALFORMED, WALK_FRAGMENT };

/* RFC 8200 4.2: the two high bits of an unknown option say whether it may be skipped. Padding is
 * the only one known here; its bits say so too.
 */
static bool options_may_be_skipped(struct span s)
{
	while (s.bytes > 0) {
		struct span value;
		uint8_t type, bytes;

		span_take_u8(&s, &type);
		if (type == 0) /* Pad1 has no length */
			continue;
		if (!span_take_u8(&s, &bytes) || !span_take(&s, bytes, &value) || type >> 6 != 0)
			return false;
	}
	return true;
}

/* One header of the form {next, length in 8 bytes beyond the first 8, ...}. */
static bool step_over(struct packet *p)
{
	struct span header;
	uint8_t kind = p->proto;

	if (p->body.bytes < 8 || !span_take(&p->body, 8 + p->body.at[1] * 8u, &header))
		return false;
	p->proto = header.at[0];
	if (kind == IP_PROTO_ROUTING)
		return header.at[3] == 0; /* segments left: 4.4, we are no waypoint */
	return options_may_be_skipped(span_of(header.at + 2, header.bytes - 2));
}

/* A fragment header around a whole packet is allowed, and ignored (RFC 6946 4); one in another is
 * not, nor in what was put together of fragments.
 */
static enum walk step_over_fragment(struct packet *p)
{
	struct span header;

	if (p->had_fragment_header || !span_take(&p->body, 8, &header))
		return WALK_MALFORMED;
	p->proto = header.at[0];
	p->had_fragment_header = true;
	p->more_fragments = header.at[3] & 1;
	p->fragment_at = get16(header.at + 2) & 0xfff8;
	p->fragment_id = get32(header.at + 4);
	return p->more_fragments || p->fragment_at != 0 ? WALK_FRAGMENT : WALK_OK;
}

/* Hop-by-hop options stand first or nowhere (4.1). `n`: how many headers were walked before. */
static enum walk walk_headers(struct packet *p, unsigned n)
{
	for (; n <= NET_EXT_HEADERS_MAX; n++) {
		enum walk got = WALK_OK;

		switch (p->proto) {
		case IP_PROTO_HOP_BY_HOP:
			if (n != 0 || !step_over(p))
				return WALK_MALFORMED;
			break;
		case IP_PROTO_ROUTING:
		case IP_PROTO_DEST_OPTIONS:
			if (!step_over(p))
				return WALK_MALFORMED;
			break;
		case IP_PROTO_FRAGMENT:
			got = step_over_fragment(p);
			if (got != WALK_OK)
				return got;
			break;
		default:
			return WALK_OK;
		}
	}
	return WALK_MALFORMED;
}

/* RFC 7112 5: the first part of a datagram holds all of its headers, so they are walked now. What
 * the other parts belong to is told by it alone.
 */
static enum walk walk_first_part(struct packet *p)
{
	struct packet first = *p;
	enum walk got;

	if (p->fragment_at != 0)
		return WALK_FRAGMENT;
	got = walk_headers(&first, 1);
	p->upper = first.body;
	p->upper_proto = first.proto;
	return got == WALK_OK ? WALK_FRAGMENT : WALK_MALFORMED;
}

/* Ours, or a group that we are in: all nodes, or the group of a solicitation, which is compared
 * with its target later. One station's packet does not come in a frame for many.
 */
static bool is_for_us(const struct net *net, const struct packet *p)
{
	if (!net->has_ip6 || own_find(&net->own, &p->src) != NULL)
		return false;
	if (own_find(&net->own, &p->dst) != NULL)
		return !p->frame->is_group;
	return ip_eq(&p->dst, &all_nodes) || nd_is_solicited_group(&p->dst);
}

/* A sender is no group (RFC 4291 2.7). IPv4 in IPv6 form is not for the wire (RFC 4942 2.2), and in
 * our tables it would be the IPv4 address itself.
 */
static bool are_addresses(const uint8_t pair[32])
{
	struct ip_addr src, dst;

	memcpy(src.b, pair, 16);
	memcpy(dst.b, pair + 16, 16);
	return src.b[0] != 0xff && !ip_is_v4(&src) && !ip_is_v4(&dst);
}

bool ip6_parse(struct net *net, const struct frame *f, struct packet *p)
{
	const uint8_t *h = f->body.at;
	enum walk got;

	if (f->body.bytes < IP6_HEADER_BYTES || h[0] >> 4 != 6 ||
	    f->body.bytes - IP6_HEADER_BYTES < get16(h + 4) || !are_addresses(h + 8)) {
		count(&net->counters->rx_malformed);
		return false;
	}
	*p = (struct packet){ .frame = f,
		              .addrs = span_of(h + 8, 32),
		              .body = span_of(h + IP6_HEADER_BYTES, get16(h + 4)),
		              .proto = h[6],
		              .hops = h[7],
		              .ecn = (uint8_t)(h[1] >> 4 & IP_ECN_MASK),
		              .is_group = h[24] == 0xff,
		              .had_fragment_header = f->is_reassembled };
	memcpy(p->src.b, h + 8, 16);
	memcpy(p->dst.b, h + 24, 16);
	if (!is_for_us(net, p)) {
		count(&net->counters->rx_not_ours);
		return false;
	}
	got = walk_headers(p, 0);
	if (got == WALK_FRAGMENT)
		got = walk_first_part(p);
	if (got == WALK_MALFORMED)
		count(&net->counters->rx_malformed);
	p->is_fragment = got == WALK_FRAGMENT;
	return got != WALK_MALFORMED;
}

void ip6_prepend(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
                 uint8_t proto, uint8_t hops)
{
	uint16_t body_bytes = (uint16_t)m->pkt_len;
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, IP6_HEADER_BYTES);

	assert(h != NULL && m->pkt_len <= UINT16_MAX);
	memset(h, 0, 4);
	h[0] = 0x60;
	put16(h + 4, body_bytes);
	h[6] = proto;
	h[7] = hops;
	memcpy(h + 8, src->b, 16);
	memcpy(h + 24, dst->b, 16);
	m->l3_len = IP6_HEADER_BYTES;
}
