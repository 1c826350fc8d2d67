/* net_int.h - what the files of this room share: the port's network side, a frame, a packet.
 *
 * Owner   the worker of the port. Thread: that worker.
 * Not     for other rooms: their header is net.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"
#include "dataplane/counters.h"
#include "dataplane/net/neigh.h"
#include "dataplane/net/net.h"
#include "dataplane/net/own.h"
#include "dataplane/net/reass.h"
#include "dataplane/net/share.h"
#include "dataplane/net/wire.h"

enum {
	NET_ECHO_PER_S = 100,    /* echo replies a second, and at once */
	NET_ANNOUNCE_BURST = 64, /* own addresses announced in one call */
	NET_ANNOUNCE_ROUNDS = 2, /* RFC 5227 2.3: ANNOUNCE_NUM */
	NET_EXT_HEADERS_MAX = 8, /* IPv6 extension headers walked */
	NET_WORDS_MAX = 16,      /* words about path MTUs that wait for room in the ring */
};

/* How many of something are left for now; refilled as time passes. */
struct net_bucket {
	uint64_t refilled_us;
	uint32_t left;
};

/* Announcing goes on over several ticks, so that 1,024 addresses do not leave as one burst. */
struct net_announcer {
	uint32_t next;   /* index in own.list */
	uint32_t rounds; /* still to do, this one included */
	uint64_t at_us;  /* not before */
};

/* A network's address and mask, in host order: its first and last address are nobody's. */
struct net_bounds4 {
	uint32_t net, mask;
};

struct net {
	uint8_t mac[6];
	uint16_t vlan, mtu_bytes;
	bool is_writer;
	bool tx_checksum_ip4, tx_checksum_tcp, rx_checksum;
	bool sums_on_trial; /* the device's are: the two above are of the segment at hand */
	bool sums_offered_ip4;
	bool has_ip6;
	uint32_t n_addrs;
	struct ip_prefix addrs[NET_ADDRS_MAX];
	struct net_bounds4 bounds4[NET_ADDRS_MAX]; /* of connected IPv4 networks that have them */
	uint32_t n_bounds4;
	struct ip_addr gateway4, gateway6;
	struct ip_addr source4;    /* whom ARP requests come from when no network fits; or unset */
	struct ip_addr link_local; /* from the MAC; unset without IPv6 */
	struct rte_mempool *pool;
	net_tx_fn *tx;
	void *tx_ctx;
	struct dp_counters *counters;
	struct own_set own;
	struct neigh_table neigh;
	struct reass_table reass;
	struct net_bucket echo;
	struct net_announcer announcer;
	struct net_share *share;
	struct net_share *own_share; /* `share` if we are alone; else NULL */
	net_tell_fn *tell;           /* of a reader; it keeps what could not be told */
	void *tell_ctx;
	uint32_t n_words;
	struct net_word words[NET_WORDS_MAX];
};

/* A received frame that is for this station; the body starts behind Ethernet and VLAN header. */
struct frame {
	struct rte_mbuf *m;
	const uint8_t *from; /* the sender's MAC */
	const uint8_t *to;
	uint16_t type; /* EtherType */
	bool is_group; /* broadcast or multicast */
	bool is_reassembled;
	struct span body;
};

/* A received IP packet for one of our addresses or groups. */
struct packet {
	const struct frame *frame;
	struct ip_addr src, dst;
	struct span addrs; /* source and destination as they stand in the header */
	struct span body;  /* of the upper protocol, padding cut off */
	uint8_t proto, hops, ecn;
	bool is_group; /* `dst` is a multicast group */
	bool had_fragment_header;
	bool is_fragment; /* `body` is a part only, of which the rest of this struct tells */
	bool more_fragments;
	uint16_t fragment_at; /* in bytes */
	uint32_t fragment_id;
	uint8_t upper_proto; /* of a first part: what stands in it behind all headers */
	struct span upper;
};

/* frame.c: Ethernet and VLAN. */

/* Reads the Ethernet header. False, and counted, when the frame is not for us. */
bool frame_parse(struct net *net, struct rte_mbuf *m, struct frame *f);

/* An empty buffer of `bytes`, with room for Ethernet in front. NULL, and counted, without one. */
struct rte_mbuf *frame_new(struct net *net, uint16_t bytes, uint8_t **at);

/* Puts the Ethernet header in front and sends. Takes over the reference. */
void frame_send(struct net *net, struct rte_mbuf *m, const uint8_t to[6], uint16_t type);

extern const uint8_t frame_broadcast[6];

/* arp.c */
void arp_input(struct net *net, uint64_t now_us, const struct frame *f);

/* Asks for the MAC of `target`: `to` alone, or everybody when NULL. */
void arp_ask(struct net *net, const struct ip_addr *target, const uint8_t *to);

/* Tells everybody that `a` is ours (RFC 5227 3). */
void arp_announce(struct net *net, const struct ip_addr *a);

/* nd.c: neighbour discovery; the same three, and the link-local address of a MAC (RFC 4291 A). */
void nd_input(struct net *net, uint64_t now_us, const struct packet *p);
void nd_ask(struct net *net, const struct ip_addr *target, const uint8_t *to);
void nd_announce(struct net *net, const struct ip_addr *a);
struct ip_addr nd_link_local(const uint8_t mac[6]);

/* True for ff02::1:ffxx:xxxx (RFC 4291 2.7.1). */
bool nd_is_solicited_group(const struct ip_addr *a);

/* told.c: tells the writing worker, which we are not. False, when it could not be told now. */
bool net_tell(struct net *net, enum net_word_kind kind, const struct ip_addr *a,
              uint32_t mtu_bytes);

/* Tells what waits for room. */
void net_tell_again(struct net *net);

/* ip4.c and ip6.c: reads the header. False, and counted, when the packet is not to be used. */
bool ip4_parse(struct net *net, const struct frame *f, struct packet *p);
bool ip6_parse(struct net *net, const struct frame *f, struct packet *p);

/* A sender must be one station: RFC 1122 3.2.1.3 lists what may not stand there. */
bool ip4_is_sender(const struct net *net, const uint8_t v4[4]);

/* Puts an IPv4 header (DF, ID 0: RFC 6864 4.1) or an IPv6 header in front of what `m` holds. */
void ip4_prepend(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
                 const struct ip_addr *dst, uint8_t proto);
void ip6_prepend(struct rte_mbuf *m, const struct ip_addr *src, const struct ip_addr *dst,
                 uint8_t proto, uint8_t hops);

/* icmp.c: echo requests are answered, errors read. Never NET_IN_TCP. */
enum net_in icmp_input(struct net *net, uint64_t now_us, const struct packet *p,
                       struct net_icmp *icmp);

/* usual.c: the frame that most are, the whole way. False: it is another, or breaks a rule, and
 * nothing was counted.
 */
bool usual_parse(struct net *net, uint64_t now_us, const struct rte_mbuf *m, struct net_seg *seg);

/* segment.c: verifies a TCP segment. False, and counted, when it is not to be used. */
bool segment_parse(struct net *net, const struct packet *p, struct net_seg *seg);

/* route.c: true for the first and the last address of a connected IPv4 network (RFC 1122 3.2.1.3),
 * as far as it has such.
 */
bool route_is_broadcast4(const struct net *net, uint32_t v4);

/* Prepares that; the addresses are known. */
void route_init(struct net *net);

/* Whose MAC a packet on this path is sent to. */
const struct ip_addr *route_next_hop(const struct net *net, const struct net_path *path);

/* net.c: another station uses an address of ours; contradicts it (RFC 5227 2.4 b). */
void net_conflict(struct net *net, uint64_t now_us, struct own *o);

/* Takes one from a bucket of `per_s` a second. False when it is empty. */
bool net_bucket_take(struct net_bucket *b, uint64_t now_us, uint32_t per_s);
