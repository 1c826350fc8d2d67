/* rig.h - an engine on a bench: a net that keeps what is sent, a peer whose segments the test
 * writes, a layer above that notes what it is told, and a clock that the test moves.
 *
 * It stands in for dataplane/net: linking it replaces net_route() and net_output(). What must hold
 * for any test is asserted, not reported: the fuzz harness uses it too.
 */
#pragma once

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_wire.h"

enum {
	RIG_SENT_MAX = 4096, /* segments kept; older ones are dropped from the front */
	RIG_BYTES_MAX = 2048,
	RIG_RX_MAX = 1 << 20,
};

/* Where both sides' sequence numbers begin: just below 2^32, or where RIG_ISS in the environment
 * says. The suites run at 256 below 2^31 and 2^32, and at the last number before either: they wrap,
 * or change sign, within long dialogues or at the first byte of short ones.
 */
uint32_t rig_iss(void);
#define RIG_ISS  (rig_iss())
#define RIG_PEER (rig_iss() + (~rig_iss() & 0x80u))

/* One segment that left. */
struct rig_sent {
	struct tcp_head head;
	struct ip_addr local, remote;
	uint64_t at_us;
	uint16_t bytes;
	uint8_t ecn; /* enum net_ecn */
	uint8_t payload[RIG_BYTES_MAX];
};

/* What the layer above saw of one connection. */
struct rig_user {
	struct rig *rig;
	tcp_id id;
	uint32_t n_opened, n_writable, n_peer_closed, n_closed;
	int why;
	size_t rx_bytes;
	uint8_t *rx;   /* RIG_RX_MAX */
	uint32_t held; /* of them not consumed, as the layer above says */
	bool close_on_fin;
	bool abort_on_data;
	void (*on_writable)(struct rig_user *u, uint64_t now_us);
};

struct rig {
	struct tcp *tcp;
	struct tcp_conf conf;
	struct dp_counters counters;
	struct tcp_trace_entry trace[64];
	uint64_t now_us;
	struct rig_sent *sent;
	uint32_t n_sent;
	uint32_t n_read; /* segments that rig_next() has given */
	uint16_t mtu_bytes;
	struct rig_path_mtu { /* what the engine said it learned */
		struct ip_addr remote;
		uint64_t until_us;
		uint16_t mtu_bytes;
	} path_mtus[8];
	uint32_t n_path_mtus;
	bool no_route;
	bool waits; /* the neighbour's address is not known: nothing leaves */
	uint32_t n_waiting;
	bool hold; /* keep a reference to each mbuf sent, as a slow device does */
	uint32_t n_held;
	uint32_t n_cut; /* packets that the device cut, and segments of the first */
	uint32_t first_cut_segs;
	struct rte_mbuf *held[RIG_SENT_MAX];
	struct rig_user user;
	/* the peer's side of the connection of `user` */
	uint32_t peer_seq, peer_ack;
	uint16_t peer_port, local_port;
	struct ip_addr local, remote;
	uint8_t ecn; /* the IP field of what the peer sends */
	uint32_t ts; /* the peer's clock; 0: it sends no timestamps */
};

/* Makes an engine with rig->conf as prepared by rig_conf(). */
void rig_conf(struct rig *r);
void rig_open(struct rig *r);

/* Ends it, and asserts that no buffer was lost. */
void rig_close(struct rig *r);

/* The slow device has done with all it held. */
void rig_let_go(struct rig *r);

/* Opens a connection without the peer's answer. */
int rig_connect(struct rig *r);

struct rig_options {
	uint16_t mss;   /* 0: not in the SYN-ACK */
	uint8_t wscale; /* TCP_WSCALE_NONE: not in it */
	bool sack, ts;
	uint16_t window;
	uint8_t flags; /* of the SYN-ACK, beside its own: ECN's */
};

/* The whole handshake; the ACK has left and was read. */
void rig_establish(struct rig *r, const struct rig_options *o);

/* A segment from the peer, at peer_seq and peer_ack unless `head` is given whole by rig_in_head().
 */
void rig_in(struct rig *r, uint8_t flags, const void *bytes, size_t n, uint16_t window);
void rig_in_at(struct rig *r, uint8_t flags, uint32_t seq, uint32_t ack, const void *bytes,
               size_t n, uint16_t window);
void rig_in_head(struct rig *r, struct tcp_head *h, const void *bytes, size_t n);

/* The next segment that left and was not read; NULL: there is none. */
const struct rig_sent *rig_next(struct rig *r);

/* How many have left and were not read; reads them. */
uint32_t rig_drain(struct rig *r);

/* Moves the clock in 1 ms steps, runs timers and ends turns; checks the invariants at each. */
void rig_run(struct rig *r, uint32_t ms);

/* Ends the turn: put-off ACKs leave; checks the invariants. */
void rig_turn(struct rig *r);

uint64_t rig_count(const _Atomic uint64_t *c);
