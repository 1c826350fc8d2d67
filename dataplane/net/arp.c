/* arp.c - ARP for IPv4 over Ethernet (RFC 826), with the manners of RFC 5227. */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

enum { ARP_BYTES = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };

/* Hardware type Ethernet, protocol IPv4, address lengths 6 and 4. */
static const uint8_t arp_head[6] = { 0, 1, 0x08, 0, 6, 4 };

static void arp_send(struct net *net, uint8_t op, const struct ip_addr *sender,
                     const uint8_t target_mac[6], const struct ip_addr *target, const uint8_t to[6])
{
	uint8_t *at;
	struct rte_mbuf *m = frame_new(net, ARP_BYTES, &at);

	if (m == NULL)
		return;
	memcpy(at, arp_head, sizeof(arp_head));
	put16(at + 6, op);
	memcpy(at + 8, net->mac, 6);
	memcpy(at + 14, sender->b + 12, 4);
	memcpy(at + 18, target_mac, 6);
	memcpy(at + 24, target->b + 12, 4);
	frame_send(net, m, to, ETH_TYPE_ARP);
}

/* Our address in the network of `target`; a gateway outside of our networks is asked from the
 * first address we have.
 */
static const struct ip_addr *source_for(const struct net *net, const struct ip_addr *target)
{
	for (uint32_t i = 0; i < net->n_addrs; i++)
		if (ip_in_prefix(target, &net->addrs[i]))
			return &net->addrs[i].addr;
	return &net->source4;
}

void arp_ask(struct net *net, const struct ip_addr *target, const uint8_t *to)
{
	static const uint8_t unknown[6];

	arp_send(net, ARP_REQUEST, source_for(net, target), unknown, target,
	         to != NULL ? to : frame_broadcast);
}

void arp_announce(struct net *net, const struct ip_addr *a)
{
	static const uint8_t unknown[6];

	arp_send(net, ARP_REQUEST, a, unknown, a, frame_broadcast);
}

/* Only a reply sent to us alone answers a question; anything else is hearsay, which may replace
 * what we know but has to be confirmed by a probe.
 */
static void arp_learn(struct net *net, uint64_t now_us, const struct frame *f, uint16_t op,
                      const struct ip_addr *sender, const uint8_t mac[6])
{
	unsigned bits = NEIGH_OVERRIDE;

	if (op == ARP_REPLY && !f->is_group)
		bits |= NEIGH_SOLICITED;
	neigh_learn(net, now_us, sender, mac, bits);
}

void arp_input(struct net *net, uint64_t now_us, const struct frame *f)
{
	struct span s = f->body, head, mac, target_mac, sender4, target4;
	struct ip_addr sender, target;
	struct own *o;
	uint16_t op;

	count(&net->counters->arp_in);
	if (!span_take(&s, sizeof(arp_head), &head) || !span_take_u16(&s, &op) ||
	    !span_take(&s, 6, &mac) || !span_take(&s, 4, &sender4) ||
	    !span_take(&s, 6, &target_mac) || !span_take(&s, 4, &target4) ||
	    memcmp(head.at, arp_head, sizeof(arp_head)) != 0 || (mac.at[0] & 1) != 0) {
		count(&net->counters->rx_malformed);
		return;
	}
	sender = ip_from_v4(sender4.at);
	target = ip_from_v4(target4.at);
	o = own_find(&net->own, &sender);
	if (o != NULL) {
		if (memcmp(mac.at, net->mac, 6) != 0)
			net_conflict(net, now_us, o);
		return;
	}
	arp_learn(net, now_us, f, op, &sender, mac.at); /* a probe's sender is 0.0.0.0: no entry */
	if (op == ARP_REQUEST && own_find(&net->own, &target) != NULL)
		arp_send(net, ARP_REPLY, &target, mac.at, &sender, mac.at);
}
