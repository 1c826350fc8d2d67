/* tcp_engine.h - what the files of this room share: the engine, and the calls between its parts.
 *
 *	tcp.c         the engine, connect, the end           tcp_calls.c  write, flush, close, abort
 *	tcp_input.c   a segment arrives: tables of (state, flags), then the steps of RFC 9293 3.10.7
 *	tcp_ack.c     what the segment acknowledges          tcp_loss.c  what that says about loss
 *	tcp_data.c    its bytes and FIN, in order or not
 *	tcp_output.c  what may leave, leaves                 tcp_timer.c  what is overdue
 *	tcp_stray.c   segments of no connection, stale peers tcp_icmp.c   errors from routers
 *	tcp_timewait.c, tcp_flow.c, tcp_key.c, tcp_port.c    tables and keyed numbers
 *
 * A function that calls the layer above may come back with the connection gone: it returns false
 * then, and its callers touch the TCB no more.
 */
#pragma once

#include "dataplane/base/pool.h"
#include "dataplane/base/wheel.h"
#include "dataplane/tcp/tcb.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_flow.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_timewait.h"
#include "dataplane/tcp/tcp_wire.h"

enum {
	TCP_DUP_THRESH = 3,        /* duplicate ACKs, or segments SACKed, that prove a loss */
	TCP_DELACK_MS = 40,        /* RFC 9293 3.8.6.3 allows 500 */
	TCP_FIN_WAIT_2_MS = 60000, /* patience for the peer's FIN after ours was acknowledged */
	TCP_KEEP_EVERY_MS = 75000, /* between keepalive probes */
	TCP_DELACKS_MAX = 1 << 16, /* put off at once without the wheel */
	TCP_ACKS_MAX = 512,        /* owed at the end of a turn; what is more leaves before */
	TCP_RETRY_MS = 10,         /* before we ask for a buffer again */
	TCP_HURRY_MS = 10,         /* a SYN that met a stale connection leaves again after it */
	TCP_HURRIES_MAX = 3,
	TCP_EXPECT_MAX = 64,         /* connections fetched together for the layer above */
	TCP_OOO_SEGS_MAX = 64,       /* out-of-order segments a connection may hold */
	TCP_PORT_COUNTERS = 1024,    /* RFC 6056 3.3.4's table */
	TCP_PORT_PROBES_MAX = 4096,  /* ports looked at before we say there is none */
	TCP_CHALLENGES_PER_S = 1000, /* RFC 5961 10 */
	TCP_MSS_MIN_V4 = 536,        /* RFC 9293 3.7.1, when the peer names none */
	TCP_MSS_MIN_V6 = 1220,
	TCP_MSS_FLOOR = 64, /* a peer that asks for less gets this: header and payload balance */
};

/* Tokens that grow with time: so many a second, at most a second's worth. */
struct tcp_limit {
	uint32_t per_s, tokens;
	uint64_t at_us;
};

/* Whether a connection outlives a call of the layer above. Kept on the stack and known to the
 * engine while it lasts; a generation would do as well, but stands in a line of its own.
 */
struct tcp_watch {
	tcp_id id;
	bool gone;
	struct tcp_watch *outer; /* watches may be nested */
};

/* ACKs that are put off, all by the same time, so in the order they are due. Whether an entry still
 * holds is told by its connection: it owes an ACK that is due then.
 */
struct tcp_delack {
	tcp_id id;
	uint32_t due_ms;
};

struct tcp_delacks {
	struct tcp_delack *ring;
	uint32_t n, oldest, used; /* when it is full the wheel is used */
};

struct tcp {
	struct tcp_conf conf;
	uint8_t secret[32];
	struct tcp_key key;
	struct pool conns;
	struct wheel wheel; /* a node a connection: the first of its deadlines */
	struct tcp_delacks delacks;
	struct tcp_flow flow;
	struct tcp_timewait tw;
	struct tcp_limit rsts, challenges;
	uint64_t now_us;
	uint32_t now_ms;
	struct tcp_watch *watch; /* the innermost */
	uint32_t n_acks;         /* connections that owe an ACK this turn */
	tcp_id acks[TCP_ACKS_MAX];
	/* The last duplicate that came, told in its connection's next ACK (RFC 2883). One for all:
	 * it is advice, and the ACK leaves at the end of the turn.
	 */
	uint32_t dup_conn; /* TCB_NONE: none */
	struct tcp_block dup;
	/* The fack of the connection at hand before its ACK came: what one ACK reports together was
	 * not reordered by that.
	 */
	uint32_t fack_before;
	/* Buffers held, and how many may be: of the pool five eighths for what is to be sent, two
	 * for what came out of order, one for ACK, FIN, RST and copies, which must never wait. Half
	 * of that one may be taken by segments cut in two.
	 */
	uint32_t held_segs, held_segs_max, split_segs_max;
	uint32_t ooo_segs, ooo_segs_max;
	uint64_t ooo_came;    /* counts what came out of order */
	uint32_t tx_segs_max; /* a connection */
	uint16_t room_bytes;  /* payload that one mbuf holds */
	uint8_t rcv_wscale;
	bool iss_forced; /* tests only */
	uint32_t iss;
	uint32_t ports[TCP_PORT_COUNTERS];
};

/* Tests only: every connection opened from now on begins at `iss`. */
void tcp_force_iss(struct tcp *t, uint32_t iss);

#define TCB_NONE POOL_NONE

static inline struct tcb *tcb_at(struct tcp *t, tcp_id id)
{
	return pool_at(&t->conns, id);
}

static inline tcp_id tcb_id(const struct tcp *t, const struct tcb *c)
{
	return (tcp_id)(((const uint8_t *)c - t->conns.slots) / sizeof(*c));
}

static inline struct tcp_tuple tcb_tuple(const struct tcp *t, const struct tcb *c)
{
	return (struct tcp_tuple){ .local = *net_local(t->conf.net, c->path.local),
		                   .remote = c->path.remote,
		                   .lport = c->lport,
		                   .rport = c->rport };
}

static inline void tcp_watch_begin(struct tcp *t, struct tcp_watch *w, const struct tcb *c)
{
	*w = (struct tcp_watch){ .id = tcb_id(t, c), .outer = t->watch };
	t->watch = w;
}

/* True when the connection is still the same. */
static inline bool tcp_watch_end(struct tcp *t, struct tcp_watch *w)
{
	assert(t->watch == w);
	t->watch = w->outer;
	return !w->gone;
}

/* A segment came that large. */
static inline void tcp_note_size(const struct tcp *t, struct tcb *c, size_t bytes)
{
	if (bytes > c->rcv_mss)
		c->rcv_mss = (uint16_t)(bytes < t->room_bytes ? bytes : t->room_bytes);
}

/* In use, by its line instead of the pool's mark: a slot that is free is CLOSED. */
static inline bool tcb_is_used(const struct tcb *c)
{
	return c->state != TCP_STATE_CLOSED;
}

static inline bool tcb_is_synchronized(const struct tcb *c)
{
	return c->state >= TCP_STATE_ESTABLISHED;
}

/* tcp.c */
void tcp_set_now(struct tcp *t, uint64_t now_us);
bool tcp_limit_try(struct tcp_limit *l, uint64_t now_us);
/* The flow table's value for a tuple, a live connection's or a TIME-WAIT entry's, or
 * TCP_FLOW_NONE.
 */
uint32_t tcp_look_up(const struct tcp *t, const struct tcp_tuple *tuple);
struct tcb *tcp_find(struct tcp *t, const struct tcp_tuple *tuple);
void tcp_set_state(struct tcp *t, struct tcb *c, enum tcp_state state);
/* Frees the connection and tells the layer above; nothing is sent. */
void tcp_drop(struct tcp *t, struct tcb *c, int why);
/* LISTEN (RFC 9293 3.10.7.2): a SYN becomes a connection in SYN-RECEIVED. False: refuse it. */
bool tcp_is_listening(const struct tcp *t, const struct tcp_tuple *tuple);
/* `beyond`: our numbers begin after this one (RFC 1122 4.2.2.13); NULL: anywhere. */
bool tcp_try_accept(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                    const uint32_t *beyond);
/* Both FINs are acknowledged and ours was first: the rest is a compact entry's. */
void tcp_enter_time_wait(struct tcp *t, struct tcb *c);
/* The most a segment may carry now, from path, peer and options. */
void tcp_set_mss(struct tcp *t, struct tcb *c);

/* tcp_calls.c */
size_t tcp_room(const struct tcp *t, const struct tcb *c);
/* Calls writable() if the layer above waits for it. False: the connection is gone. */
bool tcp_tell_writable(struct tcp *t, struct tcb *c);

/* tcp_ack.c. False: the segment must be dropped. */
bool tcp_take_ack(struct tcp *t, struct tcb *c, const struct tcp_head *h, size_t bytes);
void tcp_take_window(struct tcp *t, struct tcb *c, const struct tcp_head *h);
void tcp_free_sent(struct tcp *t, struct tcb *c, struct rte_mbuf *m);

/* tcp_loss.c */
void tcp_seg_mark(struct tcb *c, struct rte_mbuf *m, uint8_t set, uint8_t clear);
void tcp_mark_lost(struct tcb *c, struct rte_mbuf *m);
void tcp_take_sacks(struct tcp *t, struct tcb *c, const struct tcp_head *h);
/* How many bytes are in the network: without SACK each duplicate ACK stands for a segment. */
uint32_t tcp_in_flight(const struct tcb *c);
void tcp_on_dupack(struct tcp *t, struct tcb *c);
void tcp_on_progress(struct tcp *t, struct tcb *c, uint32_t acked, uint32_t flight_before);
/* `delivered`: bytes that the segment at hand says have arrived. */
void tcp_detect_loss(struct tcp *t, struct tcb *c, uint32_t delivered);
void tcp_on_timeout_loss(struct tcp *t, struct tcb *c);
void tcp_note_resent(struct tcp *t, struct tcb *c, struct rte_mbuf *m);

static inline void tcp_count_resent(struct tcp *t, struct tcb *c)
{
	c->resent += c->resent != UINT16_MAX;
	count(&t->conf.counters->tcp_retransmits);
}

/* tcp_rack.c */
void tcp_rack_arrived(struct tcp *t, struct tcb *c, struct rte_mbuf *m, const struct tcp_head *h);
void tcp_rack_detect(struct tcp *t, struct tcb *c);
void tcp_rack_settle_down(struct tcb *c);
void tcp_rack_timeout(struct tcp *t, struct tcb *c);
bool tcp_may_probe(const struct tcb *c);
uint32_t tcp_probe_after_us(const struct tcp *t, const struct tcb *c);
void tcp_probe_timeout(struct tcp *t, struct tcb *c);
void tcp_probe_acked(struct tcb *c, const struct tcp_head *h, bool progress);

/* tcp_undo.c */
void tcp_undo_note(struct tcb *c);
/* As it was before the last loss. */
void tcp_undo(struct tcp *t, struct tcb *c);
void tcp_undo_by_echo(struct tcp *t, struct tcb *c, const struct tcp_head *h);
void tcp_undo_by_dsack(struct tcp *t, struct tcb *c);
/* True when the first block is a report of a duplicate. */
bool tcp_take_dsack(struct tcb *c, const struct tcp_head *h);

/* tcp_frto.c. A time-out is about to count all as lost. */
void tcp_frto_start(struct tcb *c);
/* An ACK was taken; `duplicate` by RFC 5681 2. */
void tcp_frto_take(struct tcp *t, struct tcb *c, bool progress, bool duplicate);
/* New segments were to leave instead of lost ones, and none could: the usual recovery goes on. */
bool tcp_frto_is_futile(struct tcb *c);

/* tcp_input.c: what the peer's SYN says, its options included. */
void tcp_take_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h);

/* tcp_ecn.c: marks of routers (RFC 3168). */
/* The flags of a SYN or SYN-ACK of ours that ask for ECN or agree to it; 0: none. */
uint8_t tcp_ecn_asks(const struct tcp *t, const struct tcb *c, uint8_t flags);
void tcp_ecn_take_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h);
/* The peer does not agree after all. */
void tcp_ecn_end(struct tcb *c);
/* The SYN leaves again: from now on without. */
void tcp_ecn_note_again(struct tcp *t, const struct tcb *c);
/* Our SYN asked for ECN and was refused: it leaves once more and asks for nothing. False: that was
 * not so.
 */
bool tcp_ecn_fall_back(struct tcp *t, struct tcb *c);
/* A segment that is acceptable and whose ACK was taken: marks, echoes. */
void tcp_ecn_take(struct tcp *t, struct tcb *c, const struct tcp_head *h);
/* The window was reduced for another reason than a mark. */
void tcp_ecn_note_reduced(struct tcb *c);
/* ECE and CWR of a segment that leaves, and the field of its IP header; `is_new`: it carries bytes
 * for the first time.
 */
uint8_t tcp_ecn_flags(struct tcb *c, uint8_t flags, bool is_new);
enum net_ecn tcp_ecn_field(const struct tcb *c, bool is_new);

/* tcp_fast.c. True: the segment was what was foretold, and has been dealt with. */
bool tcp_try_fast(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes);

/* tcp_data.c. False: the connection is gone. */
bool tcp_deliver(struct tcp *t, struct tcb *c, struct span bytes);
bool tcp_take_data(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes);
void tcp_owe_ack(struct tcp *t, struct tcb *c);
void tcp_ooo_free(struct tcp *t, struct tcb *c);
/* The peer sent these bytes again: its next ACK says so. */
void tcp_note_dup(struct tcp *t, const struct tcb *c, uint32_t start, uint32_t end);
unsigned tcp_ooo_blocks(const struct tcb *c, struct tcp_block *out, unsigned max);

/* tcp_output.c */
void tcp_send(struct tcp *t, struct tcb *c);
/* Sends one new segment, whatever the congestion window says; one of the queue once more. False for
 * want of a buffer.
 */
bool tcp_send_one(struct tcp *t, struct tcb *c);
bool tcp_send_again(struct tcp *t, struct tcb *c, struct rte_mbuf *m);
bool tcp_send_bare(struct tcp *t, struct tcb *c, uint8_t flags, uint32_t seq);
/* A header for a segment of ours; and what every segment that carries an ACK settles. */
void tcp_make_head(struct tcp *t, struct tcb *c, uint8_t flags, uint32_t seq, uint32_t bytes,
                   struct tcp_head *h);
void tcp_note_ack_sent(struct tcb *c, const struct tcp_head *h);
/* Makes an empty mbuf a header alone, as far from its start as headers are wide. */
void tcp_put_loose(struct rte_mbuf *m, const struct tcp_head *h);
/* From tx_next on up to `last` has left, `bytes` in all. */
void tcp_note_sent_new(struct tcp *t, struct tcb *c, struct rte_mbuf *last, uint32_t bytes);
void tcp_ack_at_turn_end(struct tcp *t, struct tcb *c);
/* Sends those that are owed, in tcp.c. */
void tcp_acks_send(struct tcp *t);
void tcp_ack_challenge(struct tcp *t, struct tcb *c);
/* Splits a segment so that its first part holds `bytes`. False for want of a buffer. */
bool tcp_split(struct tcp *t, struct tcb *c, struct rte_mbuf *m, uint32_t bytes);
struct rte_mbuf *tcp_mbuf_get(struct tcp *t);
bool tcp_is_sendable(const struct tcb *c, struct rte_mbuf *m);

/* tcp_pace.c. May a segment leave now? False: the connection is looked at again when it may. */
bool tcp_pace_may(struct tcp *t, struct tcb *c);
void tcp_pace_sent(struct tcp *t, struct tcb *c, uint32_t bytes);
/* How much may leave in one packet that the device cuts. */
uint32_t tcp_pace_bytes(const struct tcp *t, const struct tcb *c);

/* tcp_tso.c: sends two or more of the next new segments as one packet that the device cuts. False:
 * nothing was sent, they leave one by one. The caller has asked windows and pace for the first.
 */
bool tcp_tso_try(struct tcp *t, struct tcb *c);

/* tcp_icmp.c: a router tells that the path takes less; time-outs make us think so. */
void tcp_guess_black_hole(struct tcp *t, struct tcb *c);

/* tcp_timer.c */
void tcp_xmit_start(struct tcp *t, struct tcb *c, enum tcb_xmit kind, uint32_t in_us);
void tcp_xmit_restart(struct tcp *t, struct tcb *c);
/* Arms what must be armed after anything was sent or acknowledged, and nothing else. */
void tcp_xmit_settle(struct tcp *t, struct tcb *c);
void tcp_keep_start(struct tcp *t, struct tcb *c);
void tcp_slow_start(struct tcp *t, struct tcb *c, uint32_t due_ms);
/* An ACK is owed within TCP_DELACK_MS. */
void tcp_delack_start(struct tcp *t, struct tcb *c);
uint64_t tcp_delacks_memory_bytes(uint32_t conns);
int tcp_delacks_init(struct tcp_delacks *d, uint32_t conns);
void tcp_delacks_fini(struct tcp_delacks *d);
void tcp_retry_later(struct tcp *t, struct tcb *c);
void tcp_timers_stop(struct tcp *t, struct tcb *c);

/* tcp_port.c: 0 and `tuple->lport` set, or -EADDRNOTAVAIL. */
int tcp_port_choose(struct tcp *t, struct tcp_tuple *tuple);

/* tcp_stray.c */
void tcp_stray_in(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                  size_t bytes);
/* Sends a segment that belongs to no TCB. False: not sent. */
bool tcp_send_loose(struct tcp *t, const struct tcp_tuple *tuple, struct tcp_head *h);
/* RST in answer to a segment, by RFC 9293 3.10.7.1; rate-limited. */
void tcp_refuse(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                size_t bytes);
