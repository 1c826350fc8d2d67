/* tcp_undo.c - what was no loss after all is undone: by timestamps (Eifel, RFC 3522, 4015) and by
 * reported duplicates (DSACK, RFC 2883, 3708).
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

void tcp_undo_note(struct tcb *c)
{
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	c->undo_ts = 0;
	c->undo_left = 0;
	c->flags |= TCB_F_UNDO;
}

void tcp_undo(struct tcp *t, struct tcb *c)
{
	count(&t->conf.counters->tcp_undone);
	c->cwnd = RTE_MAX(c->cwnd, c->undo_cwnd);
	c->ssthresh = c->undo_ssthresh;
	c->w_max = 0;
	c->cubic.epoch_ms = c->cubic.k_ms = c->cubic.w_est = 0;
	c->dupacks = 0;
	c->flags &= ~(uint32_t)(TCB_F_UNDO | TCB_F_RECOVERY | TCB_F_LOSS | TCB_F_RTX_ONCE |
	                        TCB_F_FRTO_ASK | TCB_F_FRTO_NEW);
	/* What was thought lost is on its way. */
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next)
		if (seg_of(m)->flags & TCP_SEG_LOST)
			tcp_seg_mark(c, m, 0, TCP_SEG_LOST | TCP_SEG_RESENT);
}

void tcp_undo_by_echo(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	if (!(c->flags & TCB_F_UNDO) || c->undo_ts == 0)
		return;
	/* The first ACK after the retransmission tells which copy it answers (RFC 3522 3.2). */
	if (h->has_ts && (c->flags & TCB_F_TS) && h->ts_ecr != 0 &&
	    seq_lt(h->ts_ecr, c->undo_ts - 1))
		tcp_undo(t, c);
	c->undo_ts = 0;
}

/* RFC 2883 4: the first block, when it is acknowledged already or lies within the second. */
bool tcp_take_dsack(struct tcb *c, const struct tcp_head *h)
{
	const struct tcp_block *b = &h->sacks[0], *next = &h->sacks[1];
	bool below = seq_lt(b->start, h->ack) && seq_leq(b->end, h->ack);
	bool within =
	    h->n_sacks > 1 && seq_geq(b->start, next->start) && seq_leq(b->end, next->end);

	c->flags &= ~(uint32_t)TCB_F_DSACKED;
	if (!seq_lt(b->start, b->end) || (!below && !within))
		return false;
	/* Of what is long gone it proves nothing. */
	if (seq_lt(b->start, c->snd_una - c->snd_wnd_max) || seq_gt(b->end, c->snd_nxt))
		return true;
	c->flags |= TCB_F_DSACKED;
	if ((c->flags & TCB_F_UNDO) && c->undo_left != 0)
		c->undo_left--;
	return true;
}

void tcp_undo_by_dsack(struct tcp *t, struct tcb *c)
{
	if ((c->flags & (TCB_F_UNDO | TCB_F_DSACKED)) == (TCB_F_UNDO | TCB_F_DSACKED) &&
	    c->undo_left == 0)
		tcp_undo(t, c);
}
