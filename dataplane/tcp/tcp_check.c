/* tcp_check.c - the engine's invariants, for tests. */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

static bool has_delack(const struct tcp *t, const struct tcb *c)
{
	const struct tcp_delacks *d = &t->delacks;

	for (uint32_t i = 0; i < d->used; i++) {
		const struct tcp_delack *e = &d->ring[(d->oldest + i) % d->n];

		if (e->id == tcb_id(t, c) && e->due_ms == c->ack_due_ms)
			return true;
	}
	return false;
}

/* The timer that a state needs is armed, and its node fires no later than its deadline. */
static void check_timers(const struct tcp *t, const struct tcb *c)
{
	uint32_t node = tcb_id(t, c);
	bool waits = c->tx_next != NULL && tcp_is_sendable(c, c->tx_next) && tcb_is_synchronized(c);
	bool fin_waits =
	    (c->flags & TCB_F_FIN_QUEUED) && !(c->flags & TCB_F_FIN_SENT) && tcb_is_synchronized(c);

	if (c->snd_una != c->snd_nxt)
		assert(c->xmit == TCB_XMIT_RTO || c->xmit == TCB_XMIT_TLP ||
		       c->xmit == TCB_XMIT_REO);
	else if (waits)
		assert(c->xmit == TCB_XMIT_PERSIST);
	else
		assert(c->xmit == TCB_XMIT_NONE);
	if (c->xmit != TCB_XMIT_NONE) {
		uint64_t due = wheel_due_tick(&t->wheel, node);

		assert(wheel_is_armed(&t->wheel, node));
		assert(seq_leq((uint32_t)due, c->xmit_due_ms) || due <= t->now_us / 1000);
	}
	if (fin_waits)
		assert(c->xmit != TCB_XMIT_NONE || (c->flags & TCB_F_RETRY));
	if (c->flags & (TCB_F_RETRY | TCB_F_LIFE | TCB_F_KEEP))
		assert(wheel_is_armed(&t->wheel, node));
	if (c->flags & TCB_F_DELACK)
		assert(has_delack(t, c) ||
		       (wheel_is_armed(&t->wheel, node) &&
		        seq_leq((uint32_t)wheel_due_tick(&t->wheel, node), c->ack_due_ms)) ||
		       seq_leq(c->ack_due_ms, t->now_ms));
}

/* The queue's bytes are those between snd_una and snd_end, in order, and the sums are right. */
static void check_queue(const struct tcb *c)
{
	uint32_t seq = c->snd_una + !tcb_is_synchronized(c), flight = 0, sacked = 0;
	uint32_t segs = 0, to_resend = 0;
	bool sent = true;

	for (struct rte_mbuf *m = c->tx_head; m != NULL; m = seg_of(m)->next) {
		const struct tcp_seg *s = seg_of(m);

		if (m == c->tx_next)
			sent = false;
		assert(s->seq == seq && s->payload_off + s->bytes <= m->buf_len);
		assert(s->bytes != 0 || m == c->tx_tail);
		seq += s->bytes;
		segs++;
		if (sent) {
			assert(seq_leq(seg_end(m), c->snd_nxt));
			flight += seg_in_flight(s) ? s->bytes : 0;
			sacked += s->flags & TCP_SEG_SACKED ? s->bytes : 0;
			to_resend +=
			    (s->flags & (TCP_SEG_LOST | TCP_SEG_RESENT | TCP_SEG_SACKED)) ==
			    TCP_SEG_LOST;
		} else {
			assert(seq_geq(s->seq, c->snd_nxt));
		}
		assert(s->next != NULL || m == c->tx_tail);
	}
	assert(c->snd_una == c->snd_end + 1 || seq == c->snd_end);
	assert(segs == c->tx_segs && segs <= UINT16_MAX);
	assert(flight == c->flight && sacked == c->sacked && to_resend == c->to_resend);
}

static uint32_t check_ooo(const struct tcb *c)
{
	uint32_t n = 0, seq = c->rcv_nxt;

	for (struct rte_mbuf *m = c->ooo; m != NULL; m = seg_of(m)->next) {
		assert(n == 0 ? seq_gt(seg_of(m)->seq, seq) : seq_geq(seg_of(m)->seq, seq));
		assert(seg_of(m)->bytes != 0);
		seq = seg_end(m);
		n++;
	}
	assert(n == c->ooo_segs && n <= TCP_OOO_SEGS_MAX);
	assert(n == 0 || seq_leq(seq, c->rcv_adv));
	return n;
}

/* Marks that mean nothing beside each other, or without what they are about. */
static void check_flags(const struct tcb *c)
{
	uint32_t ecn = TCB_F_ECE | TCB_F_CWR_DUE | TCB_F_REDUCED;

	assert((c->flags & TCB_F_ECN) || !(c->flags & ecn));
	assert(!(c->flags & TCB_F_REDUCED) || !(c->flags & (TCB_F_RECOVERY | TCB_F_LOSS)));
	assert(!(c->flags & TCB_F_RECOVERY) || !(c->flags & TCB_F_LOSS));
	if (c->flags & (TCB_F_FRTO_ASK | TCB_F_FRTO_NEW)) {
		assert(!(c->flags & TCB_F_TS));
		assert(!(c->flags & TCB_F_FRTO_ASK) || !(c->flags & TCB_F_FRTO_NEW));
	}
}

static void check_conn(const struct tcp *t, const struct tcb *c)
{
	assert(c->state != TCP_STATE_CLOSED && c->state < TCP_STATE_TIME_WAIT);
	assert(seq_leq(c->snd_una, c->snd_nxt));
	assert(c->snd_nxt == c->snd_end + ((c->flags & TCB_F_FIN_SENT) != 0) ||
	       (seq_lt(c->snd_nxt, c->snd_end) && !(c->flags & TCB_F_FIN_SENT)));
	assert(seq_leq(c->snd_end, c->snd_una + t->conf.tx_bytes_max + 1)); /* a SYN is one more */
	assert(c->snd_mss >= TCP_MSS_FLOOR - TCP_TS_BYTES && c->cwnd >= c->snd_mss / 2);
	assert(!tcb_is_synchronized(c) || seq_leq(c->rcv_nxt, c->rcv_adv));
	check_flags(c);
	check_queue(c);
	check_timers(t, c);
}

void tcp_check(const struct tcp *t)
{
	uint32_t ooo = 0, held = 0, used = 0;

	for (uint32_t i = 0; i < t->conns.n; i++) {
		const struct tcb *c = pool_at(&t->conns, i);

		if (!pool_is_used(&t->conns, i))
			continue;
		used++;
		held += c->tx_segs;
		check_conn(t, c);
		ooo += check_ooo(c);
	}
	assert(used == t->conns.n_used && ooo == t->ooo_segs && held == t->held_segs);
	assert(t->tw.used <= t->tw.n);
	assert(t->flow.n <= t->conns.n_used + t->tw.used && t->flow.n >= t->conns.n_used);
}
