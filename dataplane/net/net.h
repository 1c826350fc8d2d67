/* net.h - Ethernet, ARP, ND, VLAN, IPv4, IPv6 and ICMP of one port, as its worker sees it.
 *
 * Frames come in as mbufs and leave as mbufs through a function the worker gives. What is TCP for
 * one of our addresses is handed back, parsed and checksum-verified; all else is dealt with here.
 *
 * Owner   the worker of the port; no other thread touches it.
 * Thread  that worker; `now_us` is the worker's monotonic clock, read once a turn.
 * Not     TCP (tcp.h), a clock, a device.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"
#include "dataplane/counters.h"

struct rte_mbuf;
struct rte_mempool;
struct net;
struct net_share;

enum {
	/* Room a TCP segment must leave in front of its header for IP and Ethernet: 14 + 4 + 40. */
	NET_HEADROOM_BYTES = 64,
	NET_ADDRS_MAX = 8,
	NET_STATIC_NEIGHBOURS_MAX = 16,
	NET_NEIGHBOURS_MAX = 1 << 20,
	NET_FRAGMENT_BYTES_MAX = 1 << 28,
};

typedef void net_tx_fn(void *ctx, struct rte_mbuf *m);

/* What a worker that reads the port's tables has to say to the one that writes them. */
struct net_word {
	enum net_word_kind {
		NET_WORD_RESOLVE,  /* `addr` is a next hop that we send to */
		NET_WORD_REACHED,  /* `addr` is a next hop that answers us */
		NET_WORD_PATH_MTU, /* packets to `addr` may have `mtu_bytes` */
	} kind;
	struct ip_addr addr;
	uint32_t mtu_bytes;
};

/* Takes a word to the writing worker, which calls net_told(). False when it has no room for it
 * now: it is said again later.
 */
typedef bool net_tell_fn(void *ctx, const struct net_word *word);

/* What the port is; see dp_port_conf. Arrays are copied. */
struct net_conf {
	uint8_t mac[6];
	uint16_t vlan;
	uint16_t mtu_bytes;
	const struct ip_prefix
	    *addrs; /* own addresses with their networks; NET_ADDRS_MAX at most */
	uint32_t n_addrs;
	const struct ip_addr *sources; /* further own addresses, answered in ARP and ND */
	uint32_t n_sources;
	struct ip_addr gateway4, gateway6;
	const struct ip_neighbour *neighbours; /* known by configuration */
	uint32_t n_neighbours;                 /* NET_STATIC_NEIGHBOURS_MAX at most */
	uint32_t neighbours_max;               /* entries; 4 at least, beside those */
	uint32_t neighbour_queue_max;          /* packets held while one is unresolved */
	uint32_t fragment_bytes_max; /* memory for datagrams that came in part; 0: none is kept */
	bool tx_checksum_ip4, tx_checksum_tcp; /* true: the device fills them in */
	bool tx_checksum_on_trial; /* not believed before a peer has answered: see sum_trial.h */
	bool rx_checksum;          /* true: trust the mbuf's checksum flags where they are known */
	struct rte_mempool *pool;  /* for frames of our own: ARP, ND, ICMP */
	net_tx_fn *tx;             /* takes ownership of the mbuf */
	void *tx_ctx;
	struct dp_counters *counters;
	/* Of a port with several workers: what they know together, and who of them writes it. NULL:
	 * this one is alone.
	 */
	struct net_share *share;
	bool is_writer;
	net_tell_fn *tell; /* of one that does not write */
	void *tell_ctx;
	uint64_t seed; /* of one that is alone: see net_share_open() */
};

/* Where a connection's segments go; filled once by net_route() and kept in the connection. */
struct net_path {
	struct ip_addr remote;
	uint32_t local;     /* which of our addresses: see net_local() */
	uint32_t neighbour; /* cached entry; net's business */
	uint16_t mtu_bytes;
	bool via_gateway; /* the next hop is the gateway of the family, else `remote` itself */
};
static_assert(sizeof(struct net_path) == 28, "every connection has one");

enum net_ecn { NET_ECN_NOT_ECT = 0, NET_ECN_ECT1 = 1, NET_ECN_ECT0 = 2, NET_ECN_CE = 3 };

/* A received TCP segment, header length and checksum verified. */
struct net_seg {
	struct ip_addr local, remote; /* ours and the sender's */
	struct span tcp;              /* header with options, then payload; inside the mbuf */
	uint8_t ecn;                  /* enum net_ecn */
	/* tcp_foresee()'s and tcp_expect()'s; 0 when they were not asked. */
	uint64_t hash;
	uint32_t guess;
};

/* An ICMP error about a TCP segment of ours (RFC 1122 3.2.2, RFC 4443 3). Its quoted packet is
 * unverified beyond its lengths: the TCP engine checks tuple and sequence (RFC 5927 4).
 */
struct net_icmp {
	struct ip_addr local, remote;     /* source and destination of the quoted packet */
	uint16_t local_port, remote_port; /* host order */
	uint32_t seq;                     /* of the quoted segment */
	uint32_t mtu_bytes;               /* of NET_ICMP_TOO_BIG; 0: not told */
	enum {
		NET_ICMP_UNREACHABLE,
		NET_ICMP_PROHIBITED,
		NET_ICMP_PORT,
		NET_ICMP_TOO_BIG,
		NET_ICMP_TIME_EXCEEDED
	} kind;
};

enum net_in {
	NET_IN_DONE, /* dealt with; the mbuf is gone */
	/* `seg` filled; points into the mbuf, which the caller still owns and which is a whole
	 * frame, even if it came in fragments.
	 */
	NET_IN_TCP,
	NET_IN_ICMP,   /* `icmp` filled; the mbuf is gone */
	NET_IN_WRITER, /* for the writing worker's net_input(); the caller still owns the mbuf */
};

/* Makes what the workers of one port know together, for tables of up to `neighbours_max` entries.
 * `seed`: any random number. Returns 0, -EINVAL, -ENOMEM. It is closed after every net that uses
 * it.
 */
int net_share_open(uint32_t neighbours_max, uint64_t seed, struct net_share **out);
void net_share_close(struct net_share *share);
uint64_t net_share_memory_bytes(uint32_t neighbours_max);

/* Makes the network side of one port. Returns 0, -EINVAL, -ENOMEM. */
int net_open(const struct net_conf *conf, struct net **out);
void net_close(struct net *net);

/* Bytes that net_open() will allocate for such a configuration. Pure. */
uint64_t net_memory_bytes(const struct net_conf *conf);

/* What a worker that reads told the one that writes: call it there. */
void net_told(struct net *net, uint64_t now_us, const struct net_word *word);

/* Says hello: gratuitous ARP (RFC 5227 3) and unsolicited NA (RFC 4861 7.2.6) for each own
 * address, if this worker writes; asks for the gateways' addresses. Call when the link is up.
 */
void net_announce(struct net *net, uint64_t now_us);

/* Takes one received frame. NET_IN_WRITER is said by workers that read only. */
enum net_in net_input(struct net *net, uint64_t now_us, struct rte_mbuf *m, struct net_seg *seg,
                      struct net_icmp *icmp);

/* Finds the way from an own address to `remote`. Returns 0; -EADDRNOTAVAIL when `local` is not
 * ours, -ENETUNREACH when no network or gateway leads there. The MTU is the port's.
 */
int net_route(struct net *net, const struct ip_addr *local, const struct ip_addr *remote,
              struct net_path *path);

/* What the path to `remote` takes, as far as a worker of this port has learned: the port's MTU or
 * less.
 */
uint16_t net_path_mtu(const struct net *net, uint64_t now_us, const struct ip_addr *remote);

/* The path takes no more than `mtu_bytes`: a router told or a black hole taught. All workers of the
 * port know it soon, for ten minutes from now.
 */
void net_learn_path_mtu(struct net *net, uint64_t now_us, const struct ip_addr *remote,
                        uint16_t mtu_bytes);

/* Sends one TCP segment: the mbuf is linear, starts at the TCP header, whose checksum field is
 * filled here, and has NET_HEADROOM_BYTES in front. Takes over one reference of the mbuf: a caller
 * who keeps the segment for retransmission holds another, and may write into it again only when
 * its reference is the last. While the neighbour is unresolved the segment waits in a bounded
 * queue; what does not fit is dropped and counted. Returns true when the frame left, false when
 * it waits or was dropped.
 */
bool net_output(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m);

/* As net_output(), with `ecn` in the IP header's ECN field. */
bool net_output_ecn(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn);

/* As net_output_ecn(), of a packet that the device cuts into segments of `mss` bytes of payload: a
 * chain whose first mbuf holds the TCP header and nothing else. Every reference in the chain is
 * taken over; an mbuf of it that the caller holds as well may still have its `next` set when the
 * others are gone. It does not wait: unless the neighbour's address is known it is dropped and
 * counted.
 */
bool net_output_tso(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn, uint16_t mss);

/* True when the device may be asked to cut packets: it does the sums that it offers, as far as this
 * worker knows.
 */
bool net_may_cut(const struct net *net);

/* True while what is sent that way waits for the neighbour's address. */
bool net_waits(const struct net *net, const struct net_path *path);

/* Resolution, probing and expiry of neighbours. Call about every 100 ms of time passed, and when
 * net_has_news() says so: what waited for an address then leaves.
 */
void net_tick(struct net *net, uint64_t now_us);

/* True when segments wait and the writing worker has written. Cheap. */
bool net_has_news(const struct net *net);

/* The address of ours that a path leaves from. It stays where it is until net_close(). */
const struct ip_addr *net_local(const struct net *net, uint32_t local);

/* True when `a` is an address of this port. */
bool net_is_own(const struct net *net, const struct ip_addr *a);

/* Asserts the invariants of its tables, at a cost in proportion to them: for tests. */
void net_check(const struct net *net);
