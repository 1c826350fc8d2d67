/* frame.c - Ethernet and VLAN headers, in and out. */
#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

const uint8_t frame_broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Our MAC, broadcast, all IPv6 nodes, or a solicited-node group (RFC 2464 7): whether that group
 * is one of ours is seen at the address inside.
 */
static bool is_for_us(const struct net *net, const uint8_t to[6])
{
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t solicited[3] = { 0x33, 0x33, 0xff };

	return memcmp(to, net->mac, 6) == 0 || memcmp(to, frame_broadcast, 6) == 0 ||
	       (net->has_ip6 && (memcmp(to, all_nodes, 6) == 0 || memcmp(to, solicited, 3) == 0));
}

/* Steps over a tag and tells the frame's VLAN: in the frame, or taken out by the device. */
static bool read_vlan(const struct rte_mbuf *m, struct span *s, uint16_t *type, uint16_t *vlan)
{
	uint16_t tci = 0;

	*vlan = 0;
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		*vlan = m->vlan_tci & VLAN_ID_MASK;
	if (*type != ETH_TYPE_VLAN)
		return true;
	if (!span_take_u16(s, &tci) || !span_take_u16(s, type))
		return false;
	if (*vlan != 0 || *type == ETH_TYPE_VLAN)
		return false; /* two tags: nobody sends us those */
	*vlan = tci & VLAN_ID_MASK;
	return true;
}

bool frame_parse(struct net *net, struct rte_mbuf *m, struct frame *f)
{
	struct span s = span_of(rte_pktmbuf_mtod(m, const void *), m->data_len), to, from;
	uint16_t type, vlan;

	if (m->nb_segs != 1 || !span_take(&s, 6, &to) || !span_take(&s, 6, &from) ||
	    !span_take_u16(&s, &type) || (from.at[0] & 1) != 0) {
		count(&net->counters->rx_malformed); /* a sender is never a group */
		return false;
	}
	if (!is_for_us(net, to.at) || memcmp(from.at, net->mac, 6) == 0) {
		count(&net->counters->rx_not_ours); /* or an echo of what we sent */
		return false;
	}
	if (!read_vlan(m, &s, &type, &vlan)) {
		count(&net->counters->rx_malformed);
		return false;
	}
	if (vlan != net->vlan) { /* a tag with VLAN 0 carries a priority only (802.1Q 6.9) */
		count(&net->counters->rx_not_ours);
		return false;
	}
	*f = (struct frame){ .m = m,
		             .from = from.at,
		             .to = to.at,
		             .type = type,
		             .is_group = (to.at[0] & 1) != 0,
		             .body = s };
	return true;
}

struct rte_mbuf *frame_new(struct net *net, uint16_t bytes, uint8_t **at)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->pool);

	*at = m != NULL ? (uint8_t *)rte_pktmbuf_append(m, bytes) : NULL;
	if (*at == NULL) {
		rte_pktmbuf_free(m);
		count(&net->counters->no_buffer);
		return NULL;
	}
	memset(*at, 0, bytes);
	return m;
}

void frame_send(struct net *net, struct rte_mbuf *m, const uint8_t to[6], uint16_t type)
{
	uint16_t bytes = ETH_HEADER_BYTES + (net->vlan != 0 ? VLAN_TAG_BYTES : 0);
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, bytes);

	assert(h != NULL); /* NET_HEADROOM_BYTES is part of the contract */
	memcpy(h, to, 6);
	memcpy(h + 6, net->mac, 6);
	if (net->vlan != 0) {
		put16(h + 12, ETH_TYPE_VLAN);
		put16(h + 14, net->vlan);
	}
	put16(h + bytes - 2, type);
	m->l2_len = bytes;
	net->tx(net->tx_ctx, m);
}
