/* nd.c - IPv6 neighbour discovery (RFC 4861): solicitations and advertisements.
 *
 * Not     routers: gateways are configured, so advertisements and redirects of routers, with which
 *         anybody on the link could move our traffic, are not listened to.
 */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/cksum.h"
#include "dataplane/net/net_int.h"

enum {
	ND_FIXED_BYTES = 24, /* ICMPv6 header and target */
	ND_BYTES = 32,       /* with one link-layer address option */
	ND_HOPS = 255,       /* proves that no router passed it on */
	ND_SOURCE_MAC = 1,
	ND_TARGET_MAC = 2,
	ND_SOLICITED = 0x40, /* flags of an advertisement */
	ND_OVERRIDE = 0x20,
};

static const struct ip_addr all_nodes = { .b = { 0xff, 0x02, [15] = 1 } };
static const uint8_t group_head[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

bool nd_is_solicited_group(const struct ip_addr *a)
{
	return memcmp(a->b, group_head, sizeof(group_head)) == 0;
}

static struct ip_addr solicited_group(const struct ip_addr *a)
{
	struct ip_addr g = *a;

	memcpy(g.b, group_head, sizeof(group_head));
	return g;
}

struct ip_addr nd_link_local(const uint8_t mac[6])
{
	struct ip_addr a = { .b = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };

	memcpy(a.b + 8, mac, 3);
	memcpy(a.b + 13, mac + 3, 3);
	a.b[8] ^= 2; /* the universal/local bit is inverted */
	return a;
}

/* A group's frames go to 33:33 and its last four bytes (RFC 2464 7). */
static void nd_send(struct net *net, uint8_t type, uint8_t flags, const struct ip_addr *src,
                    const struct ip_addr *dst, const struct ip_addr *target, const uint8_t *to)
{
	uint8_t group_mac[6] = { 0x33, 0x33, dst->b[12], dst->b[13], dst->b[14], dst->b[15] };
	uint8_t *at;
	struct rte_mbuf *m = frame_new(net, ND_BYTES, &at);
	uint64_t sum;

	if (m == NULL)
		return;
	at[0] = type;
	at[4] = flags;
	memcpy(at + 8, target->b, 16);
	at[24] = type == ICMP6_NEIGHBOUR_SOLICITATION ? ND_SOURCE_MAC : ND_TARGET_MAC;
	at[25] = 1; /* in units of 8 bytes */
	memcpy(at + 26, net->mac, 6);
	ip6_prepend(m, src, dst, IP_PROTO_ICMP6, ND_HOPS);
	sum = cksum_pseudo(at - 32, 32, IP_PROTO_ICMP6, ND_BYTES);
	cksum_put(at + 2, cksum_add(sum, at, ND_BYTES));
	frame_send(net, m, to != NULL ? to : group_mac, ETH_TYPE_IP6);
}

void nd_ask(struct net *net, const struct ip_addr *target, const uint8_t *to)
{
	struct ip_addr group = solicited_group(target);

	nd_send(net, ICMP6_NEIGHBOUR_SOLICITATION, 0, &net->link_local,
	        to != NULL ? target : &group, target, to);
}

void nd_announce(struct net *net, const struct ip_addr *a)
{
	nd_send(net, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_OVERRIDE, a, &all_nodes, a, NULL);
}

/* Walks the options for a link-layer address of the given kind. False when one has no length
 * (RFC 4861 4.6: such a packet is dropped) or reaches behind the end. `mac` stays NULL when there
 * is none.
 */
static bool read_options(struct span s, uint8_t kind, const uint8_t **mac)
{
	*mac = NULL;
	while (s.bytes > 0) {
		uint8_t type, units;
		struct span value;

		if (!span_take_u8(&s, &type) || !span_take_u8(&s, &units) || units == 0 ||
		    !span_take(&s, units * 8u - 2, &value))
			return false;
		if (type == kind && units == 1 && (value.at[0] & 1) == 0)
			*mac = value.at;
	}
	return true;
}

/* RFC 4861 7.2.3 and 7.2.4. A soliciting station of which we have no entry gets none: its own
 * frame tells where the answer goes.
 */
static void on_solicitation(struct net *net, uint64_t now_us, const struct packet *p,
                            const struct own *o, const uint8_t *mac)
{
	struct ip_addr group = solicited_group(&o->addr);

	if (p->is_group && !ip_eq(&p->dst, &group)) {
		count(&net->counters->rx_not_ours);
		return;
	}
	if (ip_is_unset(&p->src)) { /* somebody checks whether the address is free: it is not */
		nd_announce(net, &o->addr);
		return;
	}
	if (mac != NULL)
		neigh_learn(net, now_us, &p->src, mac, NEIGH_OVERRIDE);
	nd_send(net, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_SOLICITED | ND_OVERRIDE, &o->addr, &p->src,
	        &o->addr, mac != NULL ? mac : p->frame->from);
}

/* RFC 4861 7.2.5; what the two flags mean to an entry is neigh_learn()'s business. */
static void on_advertisement(struct net *net, uint64_t now_us, const struct ip_addr *target,
                             uint8_t flags, const uint8_t *mac)
{
	struct own *o = own_find(&net->own, target);
	unsigned bits = 0;

	if (o != NULL) {
		net_conflict(net, now_us, o);
		return;
	}
	if (flags & ND_SOLICITED)
		bits |= NEIGH_SOLICITED;
	if (flags & ND_OVERRIDE)
		bits |= NEIGH_OVERRIDE;
	neigh_learn(net, now_us, target, mac, bits);
}

/* The checks that both kinds share, RFC 4861 7.1.1 and 7.1.2; RFC 6980 5 for the fragment header.
 * The checksum was verified before. A target in IPv4's form would reach what ARP has learned.
 */
static bool is_valid(const struct packet *p, struct ip_addr *target)
{
	if (p->hops != ND_HOPS || p->had_fragment_header || p->body.bytes < ND_FIXED_BYTES ||
	    p->body.at[1] != 0)
		return false;
	memcpy(target->b, p->body.at + 8, 16);
	return target->b[0] != 0xff && !ip_is_v4(target);
}

void nd_input(struct net *net, uint64_t now_us, const struct packet *p)
{
	const uint8_t *at = p->body.at, *mac;
	bool asks = at[0] == ICMP6_NEIGHBOUR_SOLICITATION;
	struct ip_addr target;
	struct own *o;

	count(&net->counters->nd_in);
	if (!is_valid(p, &target) ||
	    !read_options(span_of(at + ND_FIXED_BYTES, p->body.bytes - ND_FIXED_BYTES),
	                  asks ? ND_SOURCE_MAC : ND_TARGET_MAC, &mac) ||
	    (asks && ip_is_unset(&p->src) && (mac != NULL || !nd_is_solicited_group(&p->dst))) ||
	    (!asks && (ip_is_unset(&p->src) || (p->is_group && (at[4] & ND_SOLICITED))))) {
		count(&net->counters->rx_malformed);
		return;
	}
	if (!asks) {
		on_advertisement(net, now_us, &target, at[4], mac);
		return;
	}
	o = own_find(&net->own, &target);
	if (o != NULL)
		on_solicitation(net, now_us, p, o, mac);
	else
		count(&net->counters->rx_not_ours);
}
