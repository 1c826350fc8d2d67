/* route.c - the way to an address: connected networks, then the gateway of its family. */
#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

bool route_is_broadcast(const struct net *net, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < net->n_addrs; i++) {
		const struct ip_prefix *p = &net->addrs[i];
		uint32_t host_mask, host;

		if (!ip_is_v4(&p->addr) || p->bits > 126 || !ip_in_prefix(a, p))
			continue;
		host_mask = (uint32_t)((1ull << (128 - p->bits)) - 1);
		host = get32(a->b + 12) & host_mask;
		if (host == 0 || host == host_mask)
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
		       !route_is_broadcast(net, a);
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
