/* tcp.h - the TCP engine of one worker: (now, segment or call) in, segments and callbacks out.
 *
 * Owner   the worker; no other thread touches it.
 * Thread  that worker; `now_us` is its monotonic clock, read once a turn.
 * Life    a connection: tcp_connect() .. tcp_ops.closed(); its id is stale from then on.
 * Not     a clock, a device, addresses or routes (net.h), what the bytes mean (smtp).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/landing.h"
#include "dataplane/base/span.h"
#include "dataplane/counters.h"
#include "dataplane/net/net.h"

struct rte_mempool;
struct tcp;

enum {
	TCP_MBUF_PRIV_BYTES = 32, /* private area that the mbufs of tcp_conf.pool must have */
};

/* Congestion control: what a window becomes. */
enum tcp_cc { TCP_CC_CUBIC, TCP_CC_NEWRENO, TCP_N_CCS };

typedef uint32_t
    tcp_id; /* a connection's slot; handed to the layer above, which must drop it in closed() */

/* What the layer above is told. Called from inside tcp_input(), tcp_tick(), tcp_icmp() and, with
 * `closed` only, tcp_abort(); each may call tcp_write*(), tcp_close() and tcp_abort() on the
 * connection.
 */
struct tcp_ops {
	void (*opened)(void *user, uint64_t now_us); /* ESTABLISHED */
	void (*received)(void *user, uint64_t now_us,
	                 struct span bytes); /* in order; valid in the call */
	void (*writable)(
	    void *user, uint64_t now_us); /* there is room again after tcp_write_room() was short */
	void (*peer_closed)(void *user, uint64_t now_us); /* FIN: nothing more will be received */
	/* The connection is over and its id stale. `why`: 0 after both FINs, -ECONNREFUSED,
	 * -ETIMEDOUT, -ECONNRESET, -EHOSTUNREACH, -ECONNABORTED after tcp_abort(). A connection in
	 * TIME-WAIT has been told closed(0) and lives on in a compact entry.
	 */
	void (*closed)(void *user, uint64_t now_us, int why);
	/* Connections that are likely to be told received() soon: what that touches may be fetched,
	 * for all of them together, and nothing else done. NULL: nothing is.
	 */
	void (*expect)(void *const *users, uint32_t n);
	/* NULL, or how many of the bytes that received() gave are not consumed yet: the window is
	 * smaller by them. Asked whenever a segment leaves; a pure question. When it gets less the
	 * layer above says so by tcp_consumed().
	 */
	uint32_t (*held)(const void *user);
};

/* A record of who is connected to whom, in memory that outlives the process (a mapped file).
 * After a crash the next engine finds in it the peers whose sessions it must end.
 */
struct tcp_trace_entry {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port; /* host order */
	uint32_t in_use;                  /* written last when set, first when cleared */
};

struct tcp_conf {
	uint32_t conns_max;
	uint32_t time_wait_max;      /* compact entries; when full the oldest goes */
	uint32_t tx_bytes_max;       /* unsent and unacknowledged bytes a connection may hold */
	uint32_t rx_window_bytes;    /* what we offer; also the cap of out-of-order bytes */
	uint32_t syn_timeout_ms;     /* patience for a SYN to be answered */
	uint32_t user_timeout_ms;    /* patience for data to be acknowledged (RFC 5482) */
	uint32_t keepalive_ms;       /* an idle peer is asked after so long; 0: never */
	uint32_t rst_per_second_max; /* answers to segments that match no connection */
	uint8_t cc;                  /* enum tcp_cc of every connection; 0 is CUBIC */
	uint8_t iw_segs;             /* segments of the first window (RFC 6928); 0: ten */
	bool ecn;                    /* offer and accept ECN (RFC 3168) */
	bool pacing;                 /* spread what a window allows over its round trip */
	/* What the device cuts (see net_output_tso()): mbufs in such a packet, the header's
	 * included (0: it cuts nothing), its bytes with the IP header, the least payload of a
	 * piece, and whether IPv6 too.
	 */
	uint16_t tso_segs_max;
	uint16_t tso_mss_min;
	uint32_t tso_bytes_max;
	bool tso_ip6;
	uint16_t port_first, port_last; /* local ports, host order; `landing` has the same */
	const uint8_t *secret;          /* 32 bytes */
	struct rte_mempool *pool; /* for segments; data room of at least 128 + MSS, private area of
	                             TCP_MBUF_PRIV_BYTES */
	struct net *net;
	struct tcp_trace_entry *trace; /* conns_max entries, or NULL */
	struct dp_counters *counters;
	const struct tcp_ops *ops;
	/* Where the port has several workers: who owns what, and which of them this one is. A
	 * segment that matches no connection is offered to `stray` first; true: it is somebody
	 * else's and was taken. NULL: this one owns all.
	 */
	const struct landing *landing;
	uint32_t landing_me;
	bool (*stray)(void *ctx, const struct net_seg *seg, uint16_t local_port,
	              uint16_t remote_port);
	void *stray_ctx;
	/* For the test sink only: SYNs to this port are answered. `accept` returns the `user` of
	 * the new connection, of which opened() or closed() follow, or NULL to refuse. 0: none
	 * listens.
	 */
	uint16_t listen_port;
	void *(*accept)(void *ctx, tcp_id id);
	void *accept_ctx;
};

/* Bytes that tcp_open() will allocate, mbufs aside. Pure. */
uint64_t tcp_memory_bytes(const struct tcp_conf *conf);

/* Makes the engine; all memory is taken here. Returns 0, -EINVAL, -ENOMEM. */
int tcp_open(const struct tcp_conf *conf, uint64_t now_us, struct tcp **out);

/* Frees everything; connections are forgotten without a segment (tcp_abort() them before). */
void tcp_close_engine(struct tcp *tcp);

/* Opens a connection: a SYN leaves at once. Port in host order. Returns 0 and the id; -ENOBUFS
 * when the table is full, -EADDRNOTAVAIL when no local port is free towards that address and port
 * or `local` is not ours, -ENETUNREACH. closed() follows exactly once after a 0, never otherwise.
 */
int tcp_connect(struct tcp *tcp, uint64_t now_us, const struct ip_addr *local,
                const struct ip_addr *remote, uint16_t remote_port, void *user, tcp_id *out);

/* Says that tcp_input() will get this segment soon: fetches where it will be looked up. A hint
 * without effect otherwise.
 */
void tcp_foresee(const struct tcp *tcp, struct net_seg *seg);

/* Says which segments tcp_input() will get next, each foreseen before: fetches what they will
 * touch, here and above. A hint like that.
 */
void tcp_expect(const struct tcp *tcp, struct net_seg *segs, uint32_t n);

/* Hands one received segment in. The span's bytes are read in the call only. */
void tcp_input(struct tcp *tcp, uint64_t now_us, const struct net_seg *seg);

/* An ICMP error about a segment we may have sent. False: no connection of ours has that tuple. */
bool tcp_icmp(struct tcp *tcp, uint64_t now_us, const struct net_icmp *icmp);

/* How many bytes tcp_write() would take now: 0 .. tx_bytes_max. When it was less than wanted,
 * writable() is called later.
 */
size_t tcp_write_room(struct tcp *tcp, tcp_id id);

/* Room to write the next bytes in place: returns how many (at most one segment's worth; 0 when
 * full or out of buffers) and where. tcp_write_done() takes over the first `bytes` of it; they
 * leave with the next tcp_flush(), or as soon as a full segment's worth is there.
 */
size_t tcp_write_start(struct tcp *tcp, tcp_id id, uint8_t **at);
void tcp_write_done(struct tcp *tcp, uint64_t now_us, tcp_id id, size_t bytes);

/* Says that so many bytes will be written soon, somewhere: fetches the buffers that they will go
 * to, the first few. A hint without effect otherwise.
 */
void tcp_expect_write(const struct tcp *tcp, size_t bytes);

/* Copies bytes in; returns how many fitted. */
size_t tcp_write(struct tcp *tcp, uint64_t now_us, tcp_id id, struct span bytes);

/* Sends what is written, with PSH on its last segment, as far as windows allow. */
void tcp_flush(struct tcp *tcp, uint64_t now_us, tcp_id id);

/* The layer above holds less than it did (see tcp_ops.held): where the window has become larger by
 * what is worth a segment, an ACK says so at the turn's end.
 */
void tcp_consumed(struct tcp *tcp, uint64_t now_us, tcp_id id);

/* True when everything written was acknowledged by the peer. */
bool tcp_all_acked(struct tcp *tcp, tcp_id id);

/* Sends FIN after what is written; nothing may be written after it. received() goes on until the
 * peer's FIN; closed() follows.
 */
void tcp_close(struct tcp *tcp, uint64_t now_us, tcp_id id);

/* Sends RST; closed(-ECONNABORTED) is called before it returns. */
void tcp_abort(struct tcp *tcp, uint64_t now_us, tcp_id id);

/* tcp_abort() of every connection. */
void tcp_abort_all(struct tcp *tcp, uint64_t now_us);

/* Asks the peer of an earlier engine's connection where it stands, with one bare ACK. Its answer
 * meets no connection here and gets the RST that ends it (RFC 9293 3.5.1).
 */
void tcp_probe_stale(struct tcp *tcp, uint64_t now_us, const struct tcp_trace_entry *old);

/* Runs timers that are due, at most `budget` of them. Returns when the next one is due, as far as
 * known: a lower bound in microseconds, UINT64_MAX when none is armed.
 */
uint64_t tcp_tick(struct tcp *tcp, uint64_t now_us, uint32_t budget);

/* Sends the ACKs that input has put off. Call once at the end of each turn. */
void tcp_turn_end(struct tcp *tcp, uint64_t now_us);

/* Asserts the engine's invariants, at a cost in proportion to what it holds: for tests. What is
 * sent and not acknowledged, or may not leave for want of window, has a timer; the counts are those
 * of the lists.
 */
void tcp_check(const struct tcp *tcp);

/* What can be shown of a connection. Round trips are 0 until one was measured. */
struct tcp_facts {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port; /* host order */
	uint16_t resent;                  /* segments sent again; stops at the largest number */
	uint8_t state;                    /* see tcp_state_name() */
	uint32_t srtt_us, rttvar_us, min_rtt_us, rto_us;
	uint32_t cwnd_bytes, in_flight_bytes;
	uint32_t ssthresh_bytes; /* 0: no loss yet */
};

/* False, and `out` untouched, when no connection has that id. */
bool tcp_facts(const struct tcp *tcp, tcp_id id, struct tcp_facts *out);

/* As RFC 9293 3.3.2 names it, in small letters. Any thread. */
const char *tcp_state_name(uint8_t state);

/* Connections now, TIME-WAIT apart. */
uint32_t tcp_n_conns(const struct tcp *tcp);
