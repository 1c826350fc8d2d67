/* tcp_timer.c - two timers a connection: xmit (retransmit or persist) and slow (all the rest).
 *
 * Both share a node of the wheel, which fires no later than the first of their deadlines. On the
 * path of an ACK only a deadline is stored; a node that fires before any is due is armed again.
 * ACKs that are put off are many, short-lived and all equally long: they stand in a ring instead.
 */
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#include "dataplane/base/pages.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

static void arm(struct tcp *t, const struct tcb *c, uint32_t due_ms)
{
	int32_t in_ms = (int32_t)(due_ms - t->now_ms);
	uint64_t due_tick = t->now_us / 1000 + (in_ms > 0 ? (uint64_t)in_ms : 0);
	uint32_t node = tcb_id(t, c);

	static_assert(WHEEL_TICK_US == 1000, "a tick is a millisecond");
	if (wheel_is_armed(&t->wheel, node) && wheel_due_tick(&t->wheel, node) <= due_tick)
		return; /* it fires first, and looks at the deadlines */
	wheel_arm(&t->wheel, node, due_tick * WHEEL_TICK_US);
}

/* Patience for the peer: of a SYN from the first one on, else since it last showed progress. */
static uint32_t patience_ends_ms(const struct tcp *t, const struct tcb *c)
{
	return c->alive_ms +
	       (tcb_is_synchronized(c) ? t->conf.user_timeout_ms : t->conf.syn_timeout_ms);
}

void tcp_xmit_start(struct tcp *t, struct tcb *c, enum tcb_xmit kind, uint32_t in_us)
{
	uint32_t in_ms = in_us / 1000 + 1, ends = patience_ends_ms(t, c), due;

	/* At least two questions within its patience: a peer that answers is never given up. */
	if (tcb_is_synchronized(c) && in_ms > t->conf.user_timeout_ms / 2)
		in_ms = t->conf.user_timeout_ms / 2 + 1;
	due = t->now_ms + in_ms;
	if (seq_gt(due, ends) && seq_gt(ends, t->now_ms))
		due = ends;
	c->xmit = (uint8_t)kind;
	c->xmit_due_ms = due;
	arm(t, c, due);
}

void tcp_xmit_restart(struct tcp *t, struct tcb *c)
{
	c->xmit = TCB_XMIT_NONE;
	tcp_xmit_settle(t, c);
}

void tcp_xmit_settle(struct tcp *t, struct tcb *c)
{
	enum tcb_xmit want = TCB_XMIT_NONE;

	if (c->snd_una != c->snd_nxt)
		want = tcp_may_probe(c) ? TCB_XMIT_TLP : TCB_XMIT_RTO;
	else if (c->tx_next != NULL && tcp_is_sendable(c, c->tx_next) && tcb_is_synchronized(c))
		want = TCB_XMIT_PERSIST;
	if (want == c->xmit || (want == TCB_XMIT_RTO && c->xmit == TCB_XMIT_REO))
		return;
	if (want == TCB_XMIT_NONE) {
		c->xmit = TCB_XMIT_NONE; /* the node fires idle */
		return;
	}
	if (want == TCB_XMIT_PERSIST) {
		c->backoff = 0;
		c->alive_ms = t->now_ms;
	}
	tcp_xmit_start(t, c, want,
	               want == TCB_XMIT_TLP ? tcp_probe_after_us(t, c)
	                                    : tcp_rto_after(&c->rto, c->backoff));
}

void tcp_slow_start(struct tcp *t, struct tcb *c, uint32_t due_ms)
{
	arm(t, c, due_ms);
}

void tcp_retry_later(struct tcp *t, struct tcb *c)
{
	c->flags |= TCB_F_RETRY;
	tcp_slow_start(t, c, t->now_ms + TCP_RETRY_MS);
}

void tcp_timers_stop(struct tcp *t, struct tcb *c)
{
	wheel_cancel(&t->wheel, tcb_id(t, c));
}

/* The peer is given up; what it still has of us is ended if it comes back. */
static void give_up(struct tcp *t, struct tcb *c)
{
	if (tcb_is_synchronized(c) && tcp_send_bare(t, c, TCP_RST | TCP_ACK, c->snd_nxt))
		count(&t->conf.counters->tcp_rst_out);
	tcp_drop(t, c, -ETIMEDOUT);
}

static void resend_syn(struct tcp *t, struct tcb *c)
{
	uint8_t flags = c->state == TCP_STATE_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;

	tcp_ecn_note_again(t, c);
	c->flags |= TCB_F_SYN_AGAIN;
	if (tcp_send_bare(t, c, flags, c->snd_una))
		tcp_count_resent(t, c);
	tcp_xmit_settle(t, c);
}

/* A SYN that had to wait for its neighbour's address is not late yet: its time begins anew until
 * the address is known, and then once more. True: it was such a one.
 */
static bool syn_was_held(struct tcp *t, struct tcb *c)
{
	if (!(c->flags & TCB_F_SYN_HELD))
		return false;
	if (!net_waits(t->conf.net, &c->path)) {
		c->flags &= ~(uint32_t)TCB_F_SYN_HELD;
		c->flags |= TCB_F_SYN_AGAIN; /* no round trip is measured by it */
	}
	tcp_xmit_restart(t, c);
	return true;
}

static void on_rto(struct tcp *t, struct tcb *c)
{
	c->xmit = TCB_XMIT_NONE;
	if (!tcb_is_synchronized(c) && syn_was_held(t, c))
		return;
	count(&t->conf.counters->tcp_rto);
	if (c->backoff != UINT8_MAX)
		c->backoff++; /* RFC 6298 5.5 */
	if (!tcb_is_synchronized(c)) {
		resend_syn(t, c);
		return;
	}
	tcp_guess_black_hole(t, c);
	if (c->tx_head != c->tx_next) {
		tcp_on_timeout_loss(t, c);
	} else if (c->flags & TCB_F_FIN_SENT) { /* nothing but the FIN is outstanding */
		if (tcp_send_bare(t, c, TCP_FIN | TCP_ACK, c->snd_end))
			tcp_count_resent(t, c);
	}
	tcp_send(t, c);
}

/* A window that is too small for what waits (RFC 9293 3.8.6.1). What fits leaves even if it is
 * little (3.8.6.2.1, the override); else a byte-less segment below snd_una, which must be answered
 * with an ACK and so with the window.
 */
static void on_persist(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *m = c->tx_next;
	uint32_t usable = c->snd_wnd; /* nothing is outstanding here */

	if (c->backoff != UINT8_MAX)
		c->backoff++;
	if (usable != 0) {
		c->snd_wnd_max = usable; /* the peer's buffer is no larger any more */
		c->xmit = TCB_XMIT_NONE;
		if (usable < seg_of(m)->bytes && !tcp_split(t, c, m, usable))
			tcp_retry_later(t, c);
		tcp_send(t, c);
		return;
	}
	tcp_send_bare(t, c, TCP_ACK, c->snd_una - 1);
	tcp_xmit_start(t, c, TCB_XMIT_PERSIST, tcp_rto_after(&c->rto, c->backoff));
}

static void xmit_fired(struct tcp *t, struct tcb *c)
{
	if (c->xmit == TCB_XMIT_NONE || seq_gt(c->xmit_due_ms, t->now_ms))
		return;
	if (seq_geq(t->now_ms, patience_ends_ms(t, c)))
		give_up(t, c);
	else if (c->xmit == TCB_XMIT_RTO)
		on_rto(t, c);
	else if (c->xmit == TCB_XMIT_TLP)
		tcp_probe_timeout(t, c);
	else if (c->xmit == TCB_XMIT_REO)
		tcp_rack_timeout(t, c);
	else
		on_persist(t, c);
}

void tcp_keep_start(struct tcp *t, struct tcb *c)
{
	if (t->conf.keepalive_ms == 0)
		return;
	c->flags |= TCB_F_KEEP;
	c->life_due_ms = t->now_ms + t->conf.keepalive_ms;
	tcp_slow_start(t, c, c->life_due_ms);
}

/* RFC 9293 3.8.4: a segment below the window, which must be answered. While something is
 * outstanding the other timers judge the peer. False: the connection is gone.
 */
static bool keep_fired(struct tcp *t, struct tcb *c)
{
	uint32_t silent_ms = t->now_ms - c->alive_ms;

	if (c->snd_una != c->snd_nxt || c->xmit != TCB_XMIT_NONE ||
	    silent_ms < t->conf.keepalive_ms) {
		c->life_due_ms =
		    t->now_ms + t->conf.keepalive_ms - RTE_MIN(silent_ms, t->conf.keepalive_ms / 2);
		return true;
	}
	if (silent_ms >= t->conf.keepalive_ms + t->conf.user_timeout_ms) {
		give_up(t, c);
		return false;
	}
	tcp_send_bare(t, c, TCP_ACK, c->snd_una - 1);
	c->life_due_ms = t->now_ms + RTE_MIN(t->conf.keepalive_ms, (uint32_t)TCP_KEEP_EVERY_MS);
	return true;
}

static void slow_fired(struct tcp *t, struct tcb *c)
{
	if ((c->flags & TCB_F_KEEP) && seq_leq(c->life_due_ms, t->now_ms) && !keep_fired(t, c))
		return;
	if ((c->flags & TCB_F_LIFE) && seq_leq(c->life_due_ms, t->now_ms)) {
		if (c->state == TCP_STATE_SYN_SENT)
			tcp_drop(t, c, -ECONNABORTED);
		else
			give_up(t, c);
		return;
	}
	if ((c->flags & TCB_F_DELACK) && seq_leq(c->ack_due_ms, t->now_ms)) {
		c->flags &= ~(uint32_t)TCB_F_DELACK;
		tcp_ack_at_turn_end(t, c);
	}
	if (c->flags & TCB_F_RETRY) {
		c->flags &= ~(uint32_t)TCB_F_RETRY;
		tcp_send(t, c);
		if (!tcp_tell_writable(t, c))
			return;
	}
}

static uint32_t delacks_for(uint32_t conns)
{
	return RTE_MIN(conns, (uint32_t)TCP_DELACKS_MAX);
}

uint64_t tcp_delacks_memory_bytes(uint32_t conns)
{
	return pages_bytes(delacks_for(conns) * sizeof(struct tcp_delack));
}

int tcp_delacks_init(struct tcp_delacks *d, uint32_t conns)
{
	*d = (struct tcp_delacks){ .n = delacks_for(conns) };
	d->ring = pages_get(d->n * sizeof(*d->ring));
	return d->ring != NULL ? 0 : -ENOMEM;
}

void tcp_delacks_fini(struct tcp_delacks *d)
{
	free(d->ring);
	d->ring = NULL;
}

void tcp_delack_start(struct tcp *t, struct tcb *c)
{
	struct tcp_delacks *d = &t->delacks;
	uint32_t at = d->oldest + d->used;

	c->flags |= TCB_F_DELACK;
	c->ack_due_ms = t->now_ms + TCP_DELACK_MS;
	if (d->used == d->n) {
		tcp_slow_start(t, c, c->ack_due_ms);
		return;
	}
	d->ring[at < d->n ? at : at - d->n] =
	    (struct tcp_delack){ .id = tcb_id(t, c), .due_ms = c->ack_due_ms };
	d->used++;
}

/* Returns how many entries it took off, `budget` at most. */
static uint32_t delacks_run(struct tcp *t, uint32_t budget)
{
	struct tcp_delacks *d = &t->delacks;
	uint32_t n = 0;

	for (; n < budget && d->used != 0; n++) {
		const struct tcp_delack *e = &d->ring[d->oldest];
		struct tcb *c = tcb_at(t, e->id);

		if (seq_gt(e->due_ms, t->now_ms))
			break;
		if (tcb_is_used(c) && (c->flags & TCB_F_DELACK) && c->ack_due_ms == e->due_ms) {
			c->flags &= ~(uint32_t)TCB_F_DELACK;
			tcp_ack_at_turn_end(t, c);
		}
		d->oldest = d->oldest + 1 == d->n ? 0 : d->oldest + 1;
		d->used--;
	}
	return n;
}

static uint64_t delacks_due_us(const struct tcp *t)
{
	const struct tcp_delacks *d = &t->delacks;
	int32_t in_ms;

	if (d->used == 0)
		return UINT64_MAX;
	in_ms = (int32_t)(d->ring[d->oldest].due_ms - t->now_ms);
	return in_ms > 0 ? (t->now_us / 1000 + (uint32_t)in_ms) * 1000 : t->now_us;
}

/* Each handler has armed what it began; what it left alone is armed again here. */
static void fired(void *ctx, uint64_t now_us, uint32_t node)
{
	struct tcp *t = ctx;
	struct tcb *c = tcb_at(t, node);
	struct tcp_watch watch;

	(void)now_us;
	assert(tcb_is_used(c));
	tcp_watch_begin(t, &watch, c);
	xmit_fired(t, c);
	if (!watch.gone)
		slow_fired(t, c);
	if (!tcp_watch_end(t, &watch))
		return;
	if (c->xmit != TCB_XMIT_NONE)
		arm(t, c, c->xmit_due_ms);
	if (c->flags & TCB_F_DELACK)
		arm(t, c, c->ack_due_ms);
	if (c->flags & (TCB_F_LIFE | TCB_F_KEEP))
		arm(t, c, c->life_due_ms);
	if (c->flags & TCB_F_RETRY)
		arm(t, c, t->now_ms + TCP_RETRY_MS);
}

uint64_t tcp_tick(struct tcp *t, uint64_t now_us, uint32_t budget)
{
	uint64_t a, b, d;

	tcp_set_now(t, now_us);
	budget -= delacks_run(t, budget);
	budget -= wheel_advance(&t->wheel, t->now_us, budget, fired, t);
	tcp_tw_expire(t, budget);
	a = wheel_next_due_us(&t->wheel);
	b = tcp_tw_next_due_us(t);
	d = delacks_due_us(t);
	return RTE_MIN(RTE_MIN(a, b), d);
}
