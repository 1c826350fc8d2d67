/* tcp_rack.c - loss by time, and probes for lost tails (RFC 8985, RACK-TLP).
 *
 * A segment is lost when one that left later has arrived and a reordering window has passed since.
 * A tail that nothing follows is probed. Both with SACK only.
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	REO_PERSIST = 16,      /* 6.2 step 4: recoveries that a larger window outlives */
	PROBE_MIN_US = 10000,  /* a worker may sleep, and so may the peer's */
	PEER_DELAY_US = 200000 /* 7.2: how long a peer may put off an ACK */
};

/* 6.2 step 2: did x leave after y? */
static bool left_after(uint64_t x_us, uint32_t x_end, uint64_t y_us, uint32_t y_end)
{
	return x_us > y_us || (x_us == y_us && seq_gt(x_end, y_end));
}

/* Did the newest that arrived leave after `s`? Time stands still in a turn of the worker: of what
 * left at one time the order is that of the bytes, unless one was a copy, which then proves
 * nothing.
 */
static bool is_passed(const struct tcb *c, const struct tcp_seg *s, uint32_t end)
{
	if (c->rack_us == s->sent_us && (s->flags & TCP_SEG_TWICE))
		return false;
	return left_after(c->rack_us, c->rack_end, s->sent_us, end);
}

/* Of a segment sent more than once: is it the earlier copy that arrived? */
static bool earlier_copy_arrived(const struct tcp *t, const struct tcb *c, const struct tcp_seg *s,
                                 const struct tcp_head *h)
{
	if (!(s->flags & TCP_SEG_TWICE))
		return false;
	if (h->has_ts && (c->flags & TCB_F_TS) && h->ts_ecr != 0 &&
	    seq_lt(h->ts_ecr - c->ts_offset, (uint32_t)(s->sent_us / 1000)))
		return true;
	return t->now_us - s->sent_us < c->min_rtt_us;
}

void tcp_rack_arrived(struct tcp *t, struct tcb *c, struct rte_mbuf *m, const struct tcp_head *h)
{
	const struct tcp_seg *s = seg_of(m);
	uint32_t rtt_us = (uint32_t)(t->now_us - s->sent_us), end = seg_end(m);

	if (!(s->flags & TCP_SEG_TWICE)) {
		if (c->min_rtt_us == 0 || rtt_us < c->min_rtt_us)
			c->min_rtt_us = RTE_MAX(rtt_us, 1u);
		if (seq_lt(end, t->fack_before)) /* 6.2 step 3 */
			c->flags |= TCB_F_REORDERED;
	}
	if (seq_gt(end, c->fack))
		c->fack = end;
	if (earlier_copy_arrived(t, c, s, h))
		return;
	if (left_after(s->sent_us, end, c->rack_us, c->rack_end)) {
		c->rack_us = s->sent_us;
		c->rack_end = end;
		c->rack_rtt_us = rtt_us;
	}
}

static bool has_dup_thresh(const struct tcb *c)
{
	unsigned n = 0;

	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next)
		if ((seg_of(m)->flags & TCP_SEG_SACKED) && ++n == TCP_DUP_THRESH)
			return true;
	return false;
}

/* 6.2 step 4: a duplicate that the peer reports says that we were too quick. */
static uint32_t reorder_window_us(struct tcb *c)
{
	uint64_t us;

	if ((c->flags & TCB_F_DSACKED) && seq_geq(c->snd_una, c->reo_round)) {
		c->reo_round = c->snd_nxt;
		if (c->reo_mult < 16)
			c->reo_mult++;
		c->reo_persist = REO_PERSIST;
	}
	if (!(c->flags & TCB_F_REORDERED) &&
	    ((c->flags & (TCB_F_RECOVERY | TCB_F_LOSS)) || has_dup_thresh(c)))
		return 0;
	us = (uint64_t)c->min_rtt_us * (c->reo_mult + 1u) / 4;
	return us < c->rto.srtt_us ? (uint32_t)us : c->rto.srtt_us;
}

void tcp_rack_settle_down(struct tcb *c)
{
	if (c->reo_persist != 0 && --c->reo_persist == 0)
		c->reo_mult = 0;
}

/* 6.2 step 5. Segments are in the order in which they first left: behind one that was sent once,
 * and after the newest that arrived, all others left later still.
 */
void tcp_rack_detect(struct tcp *t, struct tcb *c)
{
	uint64_t wait_us = 0;
	uint32_t window_us;

	if (!(c->flags & TCB_F_SACK) || c->rack_us == 0)
		return;
	window_us = reorder_window_us(c);
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next) {
		const struct tcp_seg *s = seg_of(m);
		uint64_t due_us;

		if (!is_passed(c, s, seg_end(m))) {
			if (!(s->flags & TCP_SEG_TWICE))
				break;
			continue;
		}
		if (!seg_in_flight(s))
			continue;
		due_us = s->sent_us + c->rack_rtt_us + window_us;
		if (due_us <= t->now_us)
			tcp_mark_lost(c, m);
		else
			wait_us = RTE_MAX(wait_us, due_us - t->now_us);
	}
	if (wait_us != 0)
		tcp_xmit_start(t, c, TCB_XMIT_REO, (uint32_t)wait_us);
	else if (c->xmit == TCB_XMIT_REO)
		tcp_xmit_restart(t, c);
}

void tcp_rack_timeout(struct tcp *t, struct tcb *c)
{
	c->xmit = TCB_XMIT_NONE;
	tcp_detect_loss(t, c, 0);
	tcp_send(t, c);
}

/* --- tail loss probes (7) --- */

bool tcp_may_probe(const struct tcb *c)
{
	return (c->flags & TCB_F_SACK) && tcb_is_synchronized(c) && c->tx_head != c->tx_next &&
	       c->sacked == 0 && c->rto.srtt_us != 0 && c->backoff == 0 &&
	       !(c->flags & (TCB_F_RECOVERY | TCB_F_LOSS | TCB_F_PROBED));
}

/* From the last segment that left on (7.2), but no later than the time-out of the first. */
uint32_t tcp_probe_after_us(const struct tcp *t, const struct tcb *c)
{
	uint32_t us = RTE_MAX(2 * c->rto.srtt_us, (uint32_t)PROBE_MIN_US);
	uint64_t rto_us = seg_of(c->tx_head)->sent_us + c->rto.rto_us;

	/* Less than two full segments: nothing obliges the peer to answer at once. */
	if (c->snd_nxt - c->snd_una < 2u * c->snd_mss)
		us += PEER_DELAY_US;
	rto_us = rto_us > t->now_us ? rto_us - t->now_us : 0;
	return us < rto_us ? us : (uint32_t)rto_us;
}

/* Sends what was not sent yet, if there is and the peer's window takes it, else the last segment
 * once more. False for want of a buffer.
 */
static bool send_probe(struct tcp *t, struct tcb *c, struct rte_mbuf *last)
{
	uint32_t nxt = c->snd_nxt;

	if (!tcp_send_one(t, c))
		return false;
	if (c->snd_nxt != nxt)
		return true;
	if (!tcp_send_again(t, c, last))
		return false;
	c->flags |= TCB_F_PROBE_RTX;
	return true;
}

void tcp_probe_timeout(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *last = c->tx_head;

	c->xmit = TCB_XMIT_NONE;
	if (tcp_may_probe(c)) {
		while (seg_of(last)->next != c->tx_next)
			last = seg_of(last)->next;
		c->flags |= TCB_F_PROBED; /* one only, whether it leaves or not: then the RTO */
		if (send_probe(t, c, last))
			count(&t->conf.counters->tcp_probes);
		c->tlp_end = c->snd_nxt;
	}
	tcp_send(t, c);
}

/* 7.4: the probe was acknowledged. Did it repair a loss that nobody else will tell of? */
void tcp_probe_acked(struct tcb *c, const struct tcp_head *h, bool progress)
{
	bool rtx = (c->flags & TCB_F_PROBE_RTX) != 0;

	if (!(c->flags & TCB_F_PROBED) || seq_lt(h->ack, c->tlp_end))
		return;
	if (rtx && seq_leq(h->ack, c->tlp_end) && !progress && h->n_sacks == 0) {
		c->flags &= ~(uint32_t)(TCB_F_PROBED | TCB_F_PROBE_RTX);
		return; /* both copies were answered */
	}
	if (rtx && !(c->flags & TCB_F_DSACKED)) {
		/* One of the two is missing. When the answer is to the probe we know only later, by
		 * the first ACK beyond it.
		 */
		if (!seq_gt(h->ack, c->tlp_end))
			return;
		c->ssthresh = tcp_ccs[c->cc]->lost(c, c->snd_nxt - c->snd_una);
		c->cwnd = RTE_MIN(c->cwnd, c->ssthresh);
		c->cubic.epoch_ms = 0;
		tcp_ecn_note_reduced(c);
	}
	c->flags &= ~(uint32_t)(TCB_F_PROBED | TCB_F_PROBE_RTX);
}
