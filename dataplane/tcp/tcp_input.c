/* tcp_input.c - a segment arrives: a table of (state, flags), then the steps of RFC 9293 3.10.7. */
#include <errno.h>
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	TS_STALE_MS = 24 * 86400 * 1000, /* RFC 7323 5.5: an older ts_recent proves nothing */
	N_FLAG_SETS = 16,
};

typedef void step_fn(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes);

/* --- SYN-SENT (RFC 9293 3.10.7.3) --- */

void tcp_take_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	c->rcv_nxt = c->ack_sent = h->seq + 1;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(t->conf.rx_window_bytes, (uint32_t)UINT16_MAX);
	if (h->has_ts) {
		c->flags |= TCB_F_TS;
		c->ts_recent = h->ts_val;
		c->ts_recent_ms = t->now_ms;
	}
	if (h->sack_ok)
		c->flags |= TCB_F_SACK;
	if (h->wscale != TCP_WSCALE_NONE)
		c->snd_wscale = h->wscale;
	else
		c->rcv_wscale = 0; /* RFC 7323 2.2: both or none */
	if (h->mss != 0)
		c->peer_mss = h->mss;
	tcp_set_mss(t, c);
	tcp_ecn_take_syn(t, c, h);
	c->snd_wl2 = c->snd_una - 1; /* any window is news */
	tcp_take_window(t, c, h);
}

/* The handshake is done. False: the connection is gone. */
static bool established(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	struct tcp_watch watch;

	c->snd_una = c->fack = h->ack;
	if (c->flags & (TCB_F_SYN_AGAIN | TCB_F_SYN_HELD))
		c->rto.rto_us = c->backoff != 0 ? TCP_RTO_SYN_LOST_US : TCP_RTO_FIRST_US;
	else
		tcp_rto_sample(&c->rto, (uint32_t)t->now_us - c->open_us);
	tcp_cc_open(c, t->conf.iw_segs);
	if (c->backoff > 1)
		c->cwnd = c->snd_mss; /* RFC 6928 2: one SYN lost is luck, two are a path */
	c->backoff = 0;
	c->alive_ms = t->now_ms;
	tcp_set_state(t, c, TCP_STATE_ESTABLISHED);
	if (c->flags & TCB_F_FIN_QUEUED)
		tcp_set_state(t, c, TCP_STATE_FIN_WAIT_1);
	tcp_xmit_restart(t, c);
	tcp_keep_start(t, c);
	tcp_watch_begin(t, &watch, c);
	t->conf.ops->opened(c->user, t->now_us);
	return tcp_watch_end(t, &watch);
}

/* The peer still has an older connection with this tuple: it answers with where that one stands.
 * Our RST ends it (RFC 9293 3.5.1); the SYN need not wait a second for its turn. A peer that goes
 * on like this is not followed for ever.
 */
static void hurry_syn(struct tcp *t, struct tcb *c)
{
	if (c->n_hurries >= TCP_HURRIES_MAX)
		return;
	c->n_hurries++;
	tcp_xmit_start(t, c, TCB_XMIT_RTO, TCP_HURRY_MS * 1000);
}

static bool acks_our_syn(const struct tcb *c, const struct tcp_head *h)
{
	return (h->flags & TCP_ACK) && h->ack == c->snd_nxt;
}

/* A segment with ACK and without SYN. */
static void syn_sent_ack(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	struct tcp_tuple tuple = tcb_tuple(t, c);

	if (acks_our_syn(c, h))
		return; /* neither SYN nor RST: dropped (fifth step) */
	tcp_refuse(t, &tuple, h, bytes.bytes);
	hurry_syn(t, c);
}

static void syn_sent_synack(struct tcp *t, struct tcb *c, const struct tcp_head *h,
                            struct span bytes)
{
	struct tcp_tuple tuple = tcb_tuple(t, c);

	if (!acks_our_syn(c, h)) {
		tcp_refuse(t, &tuple, h, bytes.bytes);
		return;
	}
	tcp_take_syn(t, c,
	             h); /* a payload is left for the peer to send again: nobody asked for it */
	tcp_ack_at_turn_end(t, c); /* unless what is written now carries it */
	if (established(t, c, h))
		tcp_send(t, c);
}

/* Simultaneous open (RFC 9293 3.5, figure 8). */
static void syn_sent_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	(void)bytes;
	tcp_take_syn(t, c, h);
	tcp_set_state(t, c, TCP_STATE_SYN_RCVD);
	tcp_send_bare(t, c, TCP_SYN | TCP_ACK, c->snd_una);
}

/* RFC 5961 3.2 and RFC 9293: only a RST that acknowledges our SYN is the peer's. */
static void syn_sent_rst(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	(void)bytes;
	if (!acks_our_syn(c, h) || tcp_ecn_fall_back(t, c))
		return;
	count(&t->conf.counters->tcp_rst_in);
	tcp_drop(t, c, -ECONNREFUSED);
}

/* --- all other states (RFC 9293 3.10.7.4) --- */

/* First step: is any of it within the window? Pure ACKs just behind it are taken as well: a peer
 * that filled the window sends them.
 */
static bool is_in_window(const struct tcb *c, const struct tcp_head *h, size_t bytes)
{
	uint32_t len = (uint32_t)bytes + ((h->flags & TCP_FIN) != 0);

	if (len == 0)
		return seq_geq(h->seq, c->rcv_nxt) && seq_leq(h->seq, c->rcv_adv);
	return seq_lt(h->seq, c->rcv_adv) && seq_gt(h->seq + len, c->rcv_nxt);
}

/* RFC 7323 5.3: an old timestamp is an old segment. RSTs are not judged by it. */
static bool is_old_by_timestamp(const struct tcp *t, const struct tcb *c, const struct tcp_head *h)
{
	return (c->flags & TCB_F_TS) && h->has_ts && seq_lt(h->ts_val, c->ts_recent) &&
	       t->now_ms - c->ts_recent_ms < TS_STALE_MS;
}

/* Tell the peer where we are. What carries bytes, and probes just below the window, is always
 * answered; the rest within a limit, so that two ends cannot keep each other busy.
 */
static void answer_unacceptable(struct tcp *t, struct tcb *c, const struct tcp_head *h,
                                size_t bytes)
{
	count(&t->conf.counters->tcp_out_of_window);
	if (bytes != 0 && (c->flags & TCB_F_SACK) && seq_lt(h->seq, c->rcv_nxt) &&
	    c->rcv_nxt - h->seq <= t->conf.rx_window_bytes)
		tcp_note_dup(t, c, h->seq, seq_min(h->seq + (uint32_t)bytes, c->rcv_nxt));
	if (bytes != 0 || (h->flags & TCP_FIN) || h->seq == c->rcv_nxt - 1)
		tcp_ack_at_turn_end(t, c);
	else
		tcp_ack_challenge(t, c);
}

static bool is_acceptable(struct tcp *t, struct tcb *c, const struct tcp_head *h, size_t bytes)
{
	if (!is_old_by_timestamp(t, c, h) && is_in_window(c, h, bytes))
		return true;
	answer_unacceptable(t, c, h, bytes);
	return false;
}

/* RFC 7323 4.3: only from a segment that spans what we acknowledged last. */
static void take_timestamp(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	if ((c->flags & TCB_F_TS) && h->has_ts && seq_leq(h->seq, c->ack_sent) &&
	    (seq_geq(h->ts_val, c->ts_recent) || t->now_ms - c->ts_recent_ms >= TS_STALE_MS)) {
		c->ts_recent = h->ts_val;
		c->ts_recent_ms = t->now_ms;
	}
}

/* What the ACK of our FIN changes. False: the connection is gone. */
static bool take_fin_ack(struct tcp *t, struct tcb *c)
{
	if (!(c->flags & TCB_F_FIN_SENT) || c->snd_una != c->snd_nxt)
		return true;
	if (c->state == TCP_STATE_FIN_WAIT_1) {
		tcp_set_state(t, c, TCP_STATE_FIN_WAIT_2);
		c->flags = (c->flags | TCB_F_LIFE) & ~(uint32_t)TCB_F_KEEP;
		c->life_due_ms = t->now_ms + TCP_FIN_WAIT_2_MS;
		tcp_slow_start(t, c, c->life_due_ms);
	} else if (c->state == TCP_STATE_CLOSING) {
		tcp_enter_time_wait(t, c);
		return false;
	} else if (c->state == TCP_STATE_LAST_ACK) {
		tcp_drop(t, c, 0);
		return false;
	}
	return true;
}

static void on_segment(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	if (!is_acceptable(t, c, h, bytes.bytes))
		return;
	if (!tcp_take_ack(t, c, h, bytes.bytes))
		return;
	if (c->xmit == TCB_XMIT_NONE)
		c->alive_ms = t->now_ms; /* idle, and heard of */
	tcp_ecn_take(t, c, h);
	take_timestamp(t, c, h);
	tcp_take_window(t, c, h);
	if (!take_fin_ack(t, c) || !tcp_tell_writable(t, c) || !tcp_take_data(t, c, h, bytes))
		return;
	tcp_send(t, c);
}

/* The handshake of a simultaneous open ends with an ACK of our SYN. */
static void syn_rcvd_ack(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	struct tcp_tuple tuple = tcb_tuple(t, c);

	if (!is_acceptable(t, c, h, bytes.bytes))
		return;
	if (!acks_our_syn(c, h)) {
		tcp_refuse(t, &tuple, h, bytes.bytes);
		return;
	}
	tcp_take_window(t, c, h);
	if (established(t, c, h))
		on_segment(t, c, h, bytes);
}

/* The peer's SYN-ACK is its SYN again, and the ACK that we wait for. */
static void syn_rcvd_synack(struct tcp *t, struct tcb *c, const struct tcp_head *h,
                            struct span bytes)
{
	struct tcp_head ack = *h;

	if (h->seq != c->rcv_nxt - 1) {
		tcp_ack_challenge(t, c);
		return;
	}
	ack.seq++;
	ack.flags &= (uint8_t)~TCP_SYN;
	ack.window = (uint16_t)(h->window >> c->snd_wscale); /* a SYN's is not scaled */
	if ((h->flags & (TCP_ECE | TCP_CWR)) != TCP_ECE)
		tcp_ecn_end(c);
	ack.flags &= (uint8_t) ~(TCP_ECE | TCP_CWR);
	tcp_ack_at_turn_end(t, c);
	syn_rcvd_ack(t, c, &ack, bytes);
}

/* The peer's SYN again: ours, with the ACK, was lost. */
static void syn_rcvd_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	(void)bytes;
	if (h->seq == c->rcv_nxt - 1) {
		if (!(h->flags & TCP_ECE)) /* it has given up to ask for ECN */
			tcp_ecn_end(c);
		tcp_send_bare(t, c, TCP_SYN | TCP_ACK, c->snd_una);
	} else {
		tcp_ack_challenge(t, c);
	}
}

/* RFC 5961 3.2: exact, it is the peer's; in the window, ask; outside, nothing. */
static void on_rst(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	(void)bytes;
	if (h->seq == c->rcv_nxt) {
		count(&t->conf.counters->tcp_rst_in);
		tcp_drop(t, c, c->state == TCP_STATE_SYN_RCVD ? -ECONNREFUSED : -ECONNRESET);
	} else if (seq_gt(h->seq, c->rcv_nxt) && seq_lt(h->seq, c->rcv_adv)) {
		tcp_ack_challenge(t, c);
	} else {
		count(&t->conf.counters->tcp_out_of_window);
	}
}

/* RFC 5961 4.2: whatever its sequence, a SYN proves nothing; the peer's RST would. */
static void on_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	(void)h;
	(void)bytes;
	tcp_ack_challenge(t, c);
}

/* --- who judges what. A pair without a row is illegal: counted and dropped. --- */

enum { /* a set of flags as an index; PSH, URG and ECN's do not matter here */
       F_ = TCP_FIN,
       S_ = TCP_SYN,
       R_ = TCP_RST,
       A_ = 8,
};

/* clang-format off */
#define SYNCHRONIZED {                                                                             \
	[A_]           = on_segment, /* 3.10.7.4 */                                                \
	[A_ | F_]      = on_segment,                                                               \
	[S_]           = on_syn,     /* RFC 5961 4.2 */                                            \
	[S_ | A_]      = on_syn,                                                                   \
	[R_]           = on_rst,     /* RFC 5961 3.2 */                                            \
	[R_ | A_]      = on_rst,                                                                   \
	[R_ | A_ | F_] = on_rst,     /* seen from middle boxes; the RST is what counts */          \
}

static step_fn *const steps[TCP_N_STATES][N_FLAG_SETS] = {
	[TCP_STATE_SYN_SENT] = {
		[S_ | A_] = syn_sent_synack, /* 3.10.7.3: the handshake's second segment */
		[S_]      = syn_sent_syn,    /* 3.5: both sides open at once */
		[A_]      = syn_sent_ack,    /* 3.5.1: the peer remembers an older connection */
		[A_ | F_] = syn_sent_ack,
		[R_]      = syn_sent_rst,    /* without ACK it is not about our SYN: no effect */
		[R_ | A_] = syn_sent_rst,    /* refused */
	},
	[TCP_STATE_SYN_RCVD] = {
		[A_]      = syn_rcvd_ack,    /* 3.10.7.4, fifth step */
		[A_ | F_] = syn_rcvd_ack,
		[S_ | A_] = syn_rcvd_synack, /* figure 8, line 6 */
		[S_]      = syn_rcvd_syn,
		[R_]      = on_rst,
		[R_ | A_] = on_rst,
	},
	[TCP_STATE_ESTABLISHED] = SYNCHRONIZED,
	[TCP_STATE_FIN_WAIT_1]  = SYNCHRONIZED,
	[TCP_STATE_FIN_WAIT_2]  = SYNCHRONIZED,
	[TCP_STATE_CLOSE_WAIT]  = SYNCHRONIZED,
	[TCP_STATE_CLOSING]     = SYNCHRONIZED,
	[TCP_STATE_LAST_ACK]    = SYNCHRONIZED,
};
/* clang-format on */

/* The guess is right when it is in use and has the tuple, for no other has. */
static struct tcb *guessed(struct tcp *t, const struct net_seg *seg, const struct tcp_head *h)
{
	struct tcb *c;

	if (seg->hash == 0 || seg->guess >= t->conns.n)
		return NULL;
	c = tcb_at(t, seg->guess);
	return tcb_is_used(c) && c->lport == h->dest_port && c->rport == h->source_port &&
	               ip_eq(&c->path.remote, &seg->remote) &&
	               ip_eq(net_local(t->conf.net, c->path.local), &seg->local)
	           ? c
	           : NULL;
}

/* No connection; or one in TIME-WAIT. */
static void unknown_in(struct tcp *t, const struct net_seg *seg, const struct tcp_tuple *tuple,
                       uint32_t value, const struct tcp_head *h, size_t bytes)
{
	if (value != TCP_FLOW_NONE)
		tcp_tw_input(t, value & ~TCP_TW_BIT, h, bytes);
	else if (t->conf.stray == NULL ||
	         !t->conf.stray(t->conf.stray_ctx, seg, tuple->lport, tuple->rport))
		tcp_stray_in(t, tuple, h, bytes);
}

static void known_in(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	step_fn *step;

	if (tcp_try_fast(t, c, h, bytes))
		return;
	step = steps[c->state][(h->flags & (F_ | S_ | R_)) | (h->flags & TCP_ACK ? A_ : 0)];
	if (step == NULL)
		count(&t->conf.counters->tcp_illegal);
	else
		step(t, c, h, bytes);
}

void tcp_input(struct tcp *t, uint64_t now_us, const struct net_seg *seg)
{
	struct tcp_head h;
	struct span bytes;
	struct tcb *c;

	tcp_set_now(t, now_us);
	count(&t->conf.counters->tcp_segments_in);
	if (!tcp_head_read(seg->tcp, &h, &bytes)) {
		count(&t->conf.counters->tcp_malformed);
		return;
	}
	h.ecn = seg->ecn;
	c = guessed(t, seg, &h);
	if (c == NULL) {
		struct tcp_tuple tuple = { .local = seg->local,
			                   .remote = seg->remote,
			                   .lport = h.dest_port,
			                   .rport = h.source_port };
		uint32_t value = tcp_look_up(t, &tuple);

		if (value == TCP_FLOW_NONE || (value & TCP_TW_BIT)) {
			unknown_in(t, seg, &tuple, value, &h, bytes.bytes);
			return;
		}
		c = tcb_at(t, value);
	}
	known_in(t, c, &h, bytes);
}
