/* route.c - the way to an address: connected networks, then the gateway of its family. */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

void route_init(struct net *net)
{
	for (uint32_t i = 0; i < net->n_addrs; i++) {
		const struct ip_prefix *p = &net->addrs[i];
		uint32_t mask;

		if (!ip_is_v4(&p->addr) || p->bits > 126)
			continue;
		mask = ~(uint32_t)((1ull << (128 - p->bits)) - 1);
		net->bounds4[net->n_bounds4++] =
		    (struct net_bounds4){ .net = get32(p->addr.b + 12) & mask, .mask = mask };
	}
}

bool route_is_broadcast4(const struct net *net, uint32_t v4)
{
	for (uint32_t i = 0; i < net->n_bounds4; i++) {
		const struct net_bounds4 *b = &net->bounds4[i];

		if (v4 == b->net || v4 == (b->net | ~b->mask))
			return true;
	}
	return false;
}

/* One station that may be somewhere else: no group, no "nobody", no loopback, not ourselves. */
static bool is_destination(const struct net *net, const struct ip_addr *a)
{
	static const struct ip_addr loopback = { .b = { [15] = 1 } };

	if (own_find(&net->own, a) != NULL)
		return false;
	if (ip_is_v4(a))
		return a->b[12] != 0 && a->b[12] != 127 && a->b[12] < 224 &&
		       !route_is_broadcast4(net, get32(a->b + 12));
	return a->b[0] != 0xff && !ip_is_unset(a) && !ip_eq(a, &loopback);
}

static bool is_on_link(const struct net *net, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < net->n_addrs; i++)
		if (ip_in_prefix(a, &net->addrs[i]))
			return true;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; /* link-local, RFC 4291 2.5.6 */
}

int net_route(struct net *net, const struct ip_addr *local, const struct ip_addr *remote,
              struct net_path *path)
{
	bool is_v4 = ip_is_v4(remote);
	const struct ip_addr *gateway = is_v4 ? &net->gateway4 : &net->gateway6;

	const struct own *own = own_find(&net->own, local);

	if (own == NULL)
		return -EADDRNOTAVAIL;
	if (ip_is_v4(local) != is_v4 || !is_destination(net, remote))
		return -ENETUNREACH;
	if (is_on_link(net, remote))
		gateway = remote;
	else if (ip_is_unset(gateway))
		return -ENETUNREACH;
	*path = (struct net_path){ .remote = *remote,
		                   .local = (uint32_t)(own - net->own.list),
		                   .neighbour = neigh_find(&net->neigh, gateway),
		                   .mtu_bytes = net->mtu_bytes,
		                   .via_gateway = gateway != remote };
	return 0;
}

const struct ip_addr *route_next_hop(const struct net *net, const struct net_path *path)
{
	if (!path->via_gateway)
		return &path->remote;
	return ip_is_v4(&path->remote) ? &net->gateway4 : &net->gateway6;
}
