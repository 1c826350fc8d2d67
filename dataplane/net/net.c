/* net.c - opens and closes the network side of a port, and takes its frames apart. */
#include "dataplane/net/net.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

#define S_US 1000000ull

enum {
	NEIGHBOURS_MIN = 4, /* two gateways, and somebody to give way */
	SOURCES_MAX = 1 << 16,
	IP4_MTU_LEAST = 576, /* RFC 1122 3.3.3 */
};

/* Where the parts lie in the one block of memory that net_open() takes. */
struct layout {
	size_t own_list, own_slots, neighbours, buckets, fragments, fragment_buckets, total;
	uint32_t n_fragments;
};

static size_t place(size_t *total, size_t elems, size_t elem_bytes)
{
	size_t at = *total;

	*total = (at + elems * elem_bytes + 63) / 64 * 64;
	return at;
}

static struct layout layout_of(const struct net_conf *conf)
{
	uint32_t n_own = conf->n_addrs + conf->n_sources + 1; /* and the link-local one */
	struct layout l = { .total = 0 };

	place(&l.total, 1, sizeof(struct net));
	l.own_list = place(&l.total, n_own, sizeof(struct own));
	l.own_slots = place(&l.total, own_n_slots(n_own), sizeof(uint32_t));
	l.neighbours = place(&l.total, conf->neighbours_max, sizeof(struct neigh));
	l.buckets = place(&l.total, neigh_n_buckets(conf->neighbours_max), sizeof(uint32_t));
	if (conf->share == NULL || conf->is_writer)
		l.n_fragments = reass_n_entries(conf->fragment_bytes_max, conf->mtu_bytes);
	l.fragments = place(&l.total, l.n_fragments, reass_entry_bytes(conf->mtu_bytes));
	l.fragment_buckets = place(&l.total, reass_n_buckets(l.n_fragments), sizeof(uint32_t));
	return l;
}

uint64_t net_memory_bytes(const struct net_conf *conf)
{
	return layout_of(conf).total +
	       (conf->share == NULL ? net_share_memory_bytes(conf->neighbours_max) : 0);
}

static bool has_ip6(const struct net_conf *conf)
{
	bool has = false;

	for (uint32_t i = 0; i < conf->n_addrs; i++)
		has |= !ip_is_v4(&conf->addrs[i].addr);
	for (uint32_t i = 0; i < conf->n_sources; i++)
		has |= !ip_is_v4(&conf->sources[i]);
	return has;
}

static bool addresses_are_valid(const struct net_conf *conf)
{
	for (uint32_t i = 0; i < conf->n_addrs; i++) {
		const struct ip_prefix *p = &conf->addrs[i];

		if (!ip_is_station(&p->addr) || p->bits > 128 ||
		    (ip_is_v4(&p->addr) && p->bits < 96))
			return false;
	}
	for (uint32_t i = 0; i < conf->n_sources; i++)
		if (!ip_is_station(&conf->sources[i]))
			return false;
	if (!ip_is_unset(&conf->gateway4) &&
	    (!ip_is_v4(&conf->gateway4) || !ip_is_station(&conf->gateway4)))
		return false;
	return ip_is_unset(&conf->gateway6) ||
	       (!ip_is_v4(&conf->gateway6) && ip_is_station(&conf->gateway6));
}

static bool neighbours_are_valid(const struct net_conf *conf)
{
	static const uint8_t no_mac[6];

	for (uint32_t i = 0; i < conf->n_neighbours; i++)
		if (!ip_is_station(&conf->neighbours[i].addr) ||
		    (conf->neighbours[i].mac[0] & 1) != 0 ||
		    memcmp(conf->neighbours[i].mac, no_mac, 6) == 0)
			return false;
	return conf->n_neighbours <= NET_STATIC_NEIGHBOURS_MAX &&
	       conf->neighbours_max >= NEIGHBOURS_MIN + conf->n_neighbours &&
	       conf->neighbours_max <= NET_NEIGHBOURS_MAX;
}

static bool share_is_valid(const struct net_conf *conf)
{
	return conf->share == NULL || (conf->neighbours_max <= conf->share->neighbours_max &&
	                               (conf->is_writer || conf->tell != NULL));
}

static bool conf_is_valid(const struct net_conf *conf)
{
	static const uint8_t no_mac[6];

	return memcmp(conf->mac, no_mac, 6) != 0 && (conf->mac[0] & 1) == 0 &&
	       conf->vlan < VLAN_ID_MASK && conf->n_addrs <= NET_ADDRS_MAX &&
	       conf->n_sources <= SOURCES_MAX && conf->n_addrs + conf->n_sources > 0 &&
	       neighbours_are_valid(conf) && conf->neighbour_queue_max > 0 &&
	       conf->fragment_bytes_max <= NET_FRAGMENT_BYTES_MAX && conf->pool != NULL &&
	       conf->tx != NULL && conf->counters != NULL && addresses_are_valid(conf) &&
	       share_is_valid(conf) &&
	       conf->mtu_bytes >= (has_ip6(conf) ? IP6_MTU_MIN : IP4_MTU_LEAST);
}

static void add_own_addresses(struct net *net, const struct net_conf *conf)
{
	for (uint32_t i = 0; i < conf->n_addrs; i++) {
		net->addrs[i] = conf->addrs[i];
		own_add(&net->own, &conf->addrs[i].addr);
	}
	for (uint32_t i = 0; i < conf->n_sources; i++)
		own_add(&net->own, &conf->sources[i]);
	for (uint32_t i = net->own.n; i > 0; i--)
		if (ip_is_v4(&net->own.list[i - 1].addr))
			net->source4 = net->own.list[i - 1].addr;
	if (net->has_ip6) {
		net->link_local = nd_link_local(net->mac);
		own_add(&net->own, &net->link_local);
	}
}

static void copy_conf(struct net *net, const struct net_conf *conf)
{
	memcpy(net->mac, conf->mac, 6);
	net->vlan = conf->vlan;
	net->mtu_bytes = conf->mtu_bytes;
	net->tx_checksum_ip4 = conf->tx_checksum_ip4;
	net->tx_checksum_tcp = conf->tx_checksum_tcp;
	net->rx_checksum = conf->rx_checksum;
	net->sums_offered_ip4 = conf->tx_checksum_ip4;
	net->sums_on_trial = conf->tx_checksum_tcp && conf->tx_checksum_on_trial;
	if (net->sums_on_trial)
		net->tx_checksum_ip4 = net->tx_checksum_tcp = false;
	net->has_ip6 = has_ip6(conf);
	net->n_addrs = conf->n_addrs;
	net->gateway4 = conf->gateway4;
	net->gateway6 = conf->gateway6;
	net->pool = conf->pool;
	net->tx = conf->tx;
	net->tx_ctx = conf->tx_ctx;
	net->counters = conf->counters;
	net->share = conf->share;
	net->is_writer = conf->share == NULL || conf->is_writer;
	net->tell = conf->tell;
	net->tell_ctx = conf->tell_ctx;
	net->echo.left = NET_ECHO_PER_S;
}

int net_open(const struct net_conf *conf, struct net **out)
{
	struct layout l;
	struct net *net;
	uint8_t *block;
	uint32_t n_own;

	if (!conf_is_valid(conf))
		return -EINVAL;
	l = layout_of(conf);
	block = aligned_alloc(64, l.total);
	if (block == NULL)
		return -ENOMEM;
	memset(block, 0, l.total); /* touches every page now rather than under load */
	net = (struct net *)block;
	copy_conf(net, conf);
	if (conf->share == NULL) {
		if (net_share_open(conf->neighbours_max, conf->seed, &net->own_share) != 0) {
			free(block);
			return -ENOMEM;
		}
		net->share = net->own_share;
	}
	n_own = conf->n_addrs + conf->n_sources + 1;
	net->own = (struct own_set){ .list = (struct own *)(block + l.own_list),
		                     .slots = (uint32_t *)(block + l.own_slots),
		                     .mask = own_n_slots(n_own) - 1 };
	add_own_addresses(net, conf);
	route_init(net);
	net->neigh.entries = (struct neigh *)(block + l.neighbours);
	net->neigh.buckets = (uint32_t *)(block + l.buckets);
	net->neigh.entries_max = conf->neighbours_max;
	net->neigh.bucket_mask = neigh_n_buckets(conf->neighbours_max) - 1;
	net->neigh.queue_max = conf->neighbour_queue_max;
	neigh_init(&net->neigh);
	net->reass.entries = block + l.fragments;
	net->reass.buckets = (uint32_t *)(block + l.fragment_buckets);
	net->reass.n = l.n_fragments;
	net->reass.bucket_mask = reass_n_buckets(l.n_fragments) - 1;
	net->reass.seed = net->share->mtus.seed;
	reass_init(&net->reass, conf->mtu_bytes);
	for (uint32_t i = 0; i < conf->n_neighbours && net->is_writer; i++)
		neigh_add_static(net, &conf->neighbours[i]);
	*out = net;
	return 0;
}

void net_close(struct net *net)
{
	neigh_fini(net);
	net_share_close(net->own_share);
	free(net);
}

const struct ip_addr *net_local(const struct net *net, uint32_t local)
{
	assert(local < net->own.n);
	return &net->own.list[local].addr;
}

bool net_is_own(const struct net *net, const struct ip_addr *a)
{
	return own_find(&net->own, a) != NULL;
}

bool net_bucket_take(struct net_bucket *b, uint64_t now_us, uint32_t per_s)
{
	uint64_t came = (now_us - b->refilled_us) * per_s / S_US;

	if (now_us - b->refilled_us >= S_US) {
		b->left = per_s;
		b->refilled_us = now_us;
	} else if (came > 0) {
		b->left = came + b->left < per_s ? (uint32_t)came + b->left : per_s;
		b->refilled_us += came * S_US / per_s;
	}
	if (b->left == 0)
		return false;
	b->left--;
	return true;
}

static void announce_one(struct net *net, const struct ip_addr *a)
{
	if (ip_is_v4(a))
		arp_announce(net, a);
	else
		nd_announce(net, a);
}

void net_conflict(struct net *net, uint64_t now_us, struct own *o)
{
	count(&net->counters->address_conflicts);
	if (now_us < o->defend_after_us)
		return;
	o->defend_after_us = now_us + 10 * S_US; /* RFC 5227 1.1: DEFEND_INTERVAL */
	announce_one(net, &o->addr);
}

static void announce_some(struct net *net, uint64_t now_us)
{
	struct net_announcer *a = &net->announcer;

	if (a->rounds == 0 || now_us < a->at_us)
		return;
	for (uint32_t n = 0; n < NET_ANNOUNCE_BURST && a->next < net->own.n; n++)
		announce_one(net, &net->own.list[a->next++].addr);
	if (a->next == net->own.n) {
		a->next = 0;
		a->rounds--;
		a->at_us = now_us + 2 * S_US; /* RFC 5227 1.1: ANNOUNCE_INTERVAL */
	}
}

void net_announce(struct net *net, uint64_t now_us)
{
	if (net->is_writer)
		net->announcer =
		    (struct net_announcer){ .rounds = NET_ANNOUNCE_ROUNDS, .at_us = now_us };
	announce_some(net, now_us);
	if (!ip_is_unset(&net->gateway4))
		neigh_get(net, now_us, &net->gateway4);
	if (!ip_is_unset(&net->gateway6))
		neigh_get(net, now_us, &net->gateway6);
}

void net_tick(struct net *net, uint64_t now_us)
{
	announce_some(net, now_us);
	neigh_tick(net, now_us);
	reass_tick(net, now_us);
	net_tell_again(net);
}

static enum net_in frame_input(struct net *net, uint64_t now_us, const struct frame *f,
                               struct net_seg *seg, struct net_icmp *icmp);

/* A datagram's parts may come over several queues: one worker puts them together. The whole is a
 * frame like any other, read from its start; it can be no fragment again.
 */
static enum net_in fragment_input(struct net *net, uint64_t now_us, const struct packet *p,
                                  struct net_seg *seg, struct net_icmp *icmp)
{
	struct rte_mbuf *m = p->frame->m;
	struct frame whole;

	if (p->is_group ||
	    (p->fragment_at == 0 && p->upper_proto != IP_PROTO_TCP &&
	     p->upper_proto != (ip_is_v4(&p->src) ? IP_PROTO_ICMP : IP_PROTO_ICMP6))) {
		count(&net->counters->rx_not_ours);
		return NET_IN_DONE;
	}
	if (!net->is_writer)
		return NET_IN_WRITER;
	assert(!p->frame->is_reassembled);
	if (!reass_input(net, now_us, m, p) || !frame_parse(net, m, &whole))
		return NET_IN_DONE;
	whole.is_reassembled = true;
	return frame_input(net, now_us, &whole, seg, icmp);
}

static enum net_in packet_input(struct net *net, uint64_t now_us, const struct packet *p,
                                bool is_v4, struct net_seg *seg, struct net_icmp *icmp)
{
	if (p->is_fragment)
		return fragment_input(net, now_us, p, seg, icmp);
	if (p->proto == IP_PROTO_TCP && !p->is_group) {
		if (!segment_parse(net, p, seg))
			return NET_IN_DONE;
		neigh_heard(&net->neigh, now_us, p->frame->from);
		return NET_IN_TCP;
	}
	if (p->proto == (is_v4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6))
		return icmp_input(net, now_us, p, icmp);
	count(&net->counters->rx_not_ours);
	return NET_IN_DONE;
}

static enum net_in frame_input(struct net *net, uint64_t now_us, const struct frame *f,
                               struct net_seg *seg, struct net_icmp *icmp)
{
	struct packet p;

	switch (f->type) {
	case ETH_TYPE_IP4:
		if (!ip4_parse(net, f, &p))
			return NET_IN_DONE;
		return packet_input(net, now_us, &p, true, seg, icmp);
	case ETH_TYPE_IP6:
		if (!ip6_parse(net, f, &p))
			return NET_IN_DONE;
		return packet_input(net, now_us, &p, false, seg, icmp);
	case ETH_TYPE_ARP:
		if (!net->is_writer)
			return NET_IN_WRITER;
		arp_input(net, now_us, f);
		return NET_IN_DONE;
	default:
		count(&net->counters->rx_not_ours);
		return NET_IN_DONE;
	}
}

enum net_in net_input(struct net *net, uint64_t now_us, struct rte_mbuf *m, struct net_seg *seg,
                      struct net_icmp *icmp)
{
	enum net_in in = NET_IN_DONE;
	struct frame f;

	if (usual_parse(net, now_us, m, seg))
		return NET_IN_TCP;
	if (frame_parse(net, m, &f))
		in = frame_input(net, now_us, &f, seg, icmp);
	if (in != NET_IN_TCP && in != NET_IN_WRITER)
		rte_pktmbuf_free(m);
	return in;
}
