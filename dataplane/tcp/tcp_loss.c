/* tcp_loss.c - what is lost, and what follows for the congestion window.
 *
 * Every segment sent is in flight, held by the peer (SACKED), or LOST; a lost one that was sent
 * again is in flight once more (RESENT). snd_nxt never goes back: recovery is a matter of marks.
 *
 *	                  RACK, or 3 duplicate ACKs without SACK
 *	    open  ------------------------------------------------->  RECOVERY
 *	     ^  \                                                       |
 *	     |   '--- time-out -->  LOSS  <-------- time-out -----------'
 *	     '---- snd_una reaches `recover` ---- from both
 *
 * RFC 6582 without SACK, RFC 8985 with it (tcp_rack.c); RFC 6937 in recovery. What was no loss
 *after all is undone in tcp_undo.c.
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

static bool is_to_resend(const struct tcp_seg *s)
{
	return (s->flags & (TCP_SEG_LOST | TCP_SEG_RESENT | TCP_SEG_SACKED)) == TCP_SEG_LOST;
}

/* The one place where marks change, so that the sums follow. */
void tcp_seg_mark(struct tcb *c, struct rte_mbuf *m, uint8_t set, uint8_t clear)
{
	struct tcp_seg *s = seg_of(m);

	c->flight -= seg_in_flight(s) ? s->bytes : 0;
	c->sacked -= s->flags & TCP_SEG_SACKED ? s->bytes : 0;
	c->to_resend -= is_to_resend(s);
	s->flags = (uint8_t)((s->flags | set) & ~clear);
	c->flight += seg_in_flight(s) ? s->bytes : 0;
	c->sacked += s->flags & TCP_SEG_SACKED ? s->bytes : 0;
	c->to_resend += is_to_resend(s);
}

void tcp_mark_lost(struct tcb *c, struct rte_mbuf *m)
{
	tcp_seg_mark(c, m, TCP_SEG_LOST, TCP_SEG_RESENT);
}

uint32_t tcp_in_flight(const struct tcb *c)
{
	uint32_t arrived;

	if (c->flags & TCB_F_SACK)
		return c->flight;
	/* RFC 6582: each duplicate ACK says that a segment has left the network. */
	arrived = (uint32_t)c->dupacks * c->snd_mss;
	return c->flight > arrived ? c->flight - arrived : 0;
}

static void take_sack(struct tcp *t, struct tcb *c, const struct tcp_head *h,
                      const struct tcp_block *b)
{
	/* What is not wholly within what was sent says nothing: an old report, or nonsense. */
	if (!seq_lt(b->start, b->end) || seq_lt(b->start, c->snd_una) || seq_lt(b->start, h->ack) ||
	    seq_gt(b->end, c->snd_nxt))
		return;
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next) {
		if (seq_geq(seg_of(m)->seq, b->end))
			break;
		if (seq_geq(seg_of(m)->seq, b->start) && seq_leq(seg_end(m), b->end) &&
		    !(seg_of(m)->flags & TCP_SEG_SACKED)) {
			tcp_rack_arrived(t, c, m, h);
			tcp_seg_mark(c, m, TCP_SEG_SACKED, 0);
		}
	}
}

void tcp_take_sacks(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	unsigned i = 0;

	if (h->n_sacks == 0 || !(c->flags & TCB_F_SACK))
		return;
	if (tcp_take_dsack(c, h))
		i++;
	for (; i < h->n_sacks; i++)
		take_sack(t, c, h, &h->sacks[i]);
}

void tcp_on_dupack(struct tcp *t, struct tcb *c)
{
	(void)t;
	if (c->dupacks != UINT8_MAX)
		c->dupacks++;
}

/* RFC 6937 3: what may leave in recovery follows what arrived, so that the window comes down to
 * ssthresh evenly, and a window that fell below it comes up again by slow start.
 */
static void set_prr_window(struct tcb *c, uint32_t delivered)
{
	uint32_t pipe = tcp_in_flight(c);
	uint64_t allowed;

	c->prr.delivered += delivered;
	if (pipe > c->ssthresh) {
		allowed = (uint64_t)c->prr.delivered * c->ssthresh;
		allowed = (allowed + c->prr.flight - 1) / c->prr.flight;
		allowed = allowed > c->prr.out ? allowed - c->prr.out : 0;
	} else {
		uint32_t behind = c->prr.delivered > c->prr.out ? c->prr.delivered - c->prr.out : 0;

		allowed = RTE_MIN(c->ssthresh - pipe, RTE_MAX(behind, delivered) + c->snd_mss);
	}
	c->cwnd = RTE_MAX(pipe + (uint32_t)allowed, (uint32_t)c->snd_mss);
}

static void enter_recovery(struct tcb *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una;

	tcp_undo_note(c);
	c->ssthresh = tcp_ccs[c->cc]->lost(c, flight);
	c->recover = c->snd_nxt;
	c->prr.delivered = c->prr.out = 0;
	c->prr.flight = flight;
	c->flags |= TCB_F_RECOVERY | TCB_F_RTX_ONCE;
	tcp_ecn_note_reduced(c);
}

/* Congestion control finds its words of the union as at the beginning of an epoch. */
static void end_prr(struct tcb *c)
{
	c->cubic.epoch_ms = c->cubic.k_ms = c->cubic.w_est = 0;
}

static void leave_recovery(struct tcb *c)
{
	c->cwnd = RTE_MAX(c->ssthresh, 2u * c->snd_mss);
	c->flags &= ~(uint32_t)(TCB_F_RECOVERY | TCB_F_RTX_ONCE);
	c->dupacks = 0;
	end_prr(c);
	tcp_rack_settle_down(c);
}

void tcp_detect_loss(struct tcp *t, struct tcb *c, uint32_t delivered)
{
	struct rte_mbuf *head = c->tx_head;

	if (head == c->tx_next)
		return; /* a FIN alone: the time-out's business */
	if (c->sacked != 0 || (c->flags & (TCB_F_RECOVERY | TCB_F_LOSS)))
		tcp_rack_detect(t, c);
	if (!(c->flags & TCB_F_SACK) && c->dupacks >= TCP_DUP_THRESH &&
	    !(c->flags & (TCB_F_RECOVERY | TCB_F_LOSS)) && !(seg_of(head)->flags & TCP_SEG_LOST))
		tcp_mark_lost(c, head);
	if (c->to_resend != 0 && !(c->flags & (TCB_F_RECOVERY | TCB_F_LOSS)))
		enter_recovery(c);
	if (c->flags & TCB_F_RECOVERY)
		set_prr_window(c, delivered);
}

/* An ACK of part of what was outstanding when the loss was found: the next hole is lost as well
 * (RFC 6582 3.2). With SACK the scoreboard says which, and a rescue is due when it says nothing.
 */
static void on_partial(struct tcb *c, uint32_t acked)
{
	struct rte_mbuf *head = c->tx_head;
	uint32_t segs = acked / c->snd_mss;

	/* The ACK covers the resent segment and those that the duplicates stood for. */
	if (!(c->flags & TCB_F_SACK) && segs > 1)
		c->dupacks = c->dupacks > segs - 1 ? (uint8_t)(c->dupacks - (segs - 1)) : 0;
	if (head == c->tx_next || (seg_of(head)->flags & TCP_SEG_SACKED))
		return;
	if (!(seg_of(head)->flags & TCP_SEG_LOST) && !(c->flags & TCB_F_SACK))
		tcp_mark_lost(c, head);
	c->flags |= TCB_F_RTX_ONCE;
}

void tcp_on_progress(struct tcp *t, struct tcb *c, uint32_t acked, uint32_t flight_before)
{
	bool limited = flight_before + c->snd_mss > c->cwnd ||
	               (c->cwnd < c->ssthresh && 2 * (uint64_t)flight_before > c->cwnd);

	if (c->flags & TCB_F_RECOVERY) {
		if (seq_geq(c->snd_una, c->recover))
			leave_recovery(c);
		else
			on_partial(c, acked);
		return;
	}
	c->dupacks = 0;
	if (c->flags & TCB_F_REDUCED) /* RFC 3168 6.1.2: no growth by an echo of the mark */
		return;
	/* RFC 7661: a window that was not used proves nothing. */
	if (limited || (c->flags & TCB_F_LOSS)) {
		tcp_ccs[c->cc]->acked(c, acked, t->now_ms);
		c->cwnd = RTE_MIN(c->cwnd, (uint32_t)TCP_CWND_MAX);
	} else {
		c->cubic.epoch_ms = 0; /* RFC 9438 5.8: nor does time that passed meanwhile */
	}
	if ((c->flags & TCB_F_LOSS) && seq_geq(c->snd_una, c->recover)) {
		c->flags &= ~(uint32_t)TCB_F_LOSS;
		tcp_rack_settle_down(c);
	}
}

/* RFC 6298 5.4 to 5.6, RFC 5681 3.1: all that is outstanding counts as lost, one segment leaves.
 * What the peer holds by its SACKs is left out, unless it dropped it after all: then the first
 * segment is among it (RFC 2018 8).
 */
void tcp_on_timeout_loss(struct tcp *t, struct tcb *c)
{
	uint8_t forget = TCP_SEG_RESENT;

	(void)t;
	if (c->tx_head == c->tx_next)
		return; /* nothing but a FIN */
	if (seg_of(c->tx_head)->flags & TCP_SEG_SACKED)
		forget |= TCP_SEG_SACKED;
	tcp_frto_start(c);
	if (!(c->flags & TCB_F_LOSS)) { /* once for one loss, not for each backoff */
		if (!(c->flags & TCB_F_RECOVERY))
			tcp_undo_note(c);
		c->ssthresh = tcp_ccs[c->cc]->lost(c, c->snd_nxt - c->snd_una);
		tcp_ecn_note_reduced(c);
	}
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next)
		tcp_seg_mark(c, m, TCP_SEG_LOST, forget);
	c->cwnd = c->snd_mss;
	c->recover = c->snd_nxt;
	c->dupacks = 0;
	end_prr(c);
	c->flags = (c->flags | TCB_F_LOSS | TCB_F_RTX_ONCE) &
	           ~(uint32_t)(TCB_F_RECOVERY | TCB_F_PROBED | TCB_F_PROBE_RTX);
}

/* What was sent again, of a loss that may turn out to be none. */
void tcp_note_resent(struct tcp *t, struct tcb *c, struct rte_mbuf *m)
{
	if (c->flags & TCB_F_RECOVERY)
		c->prr.out += seg_of(m)->bytes;
	/* RFC 3522 3.2: the first copy of a loss is the one that an echo can disprove, and only
	 * when the next ACK must answer it: what stands in front may have copies of its own, older
	 * ones.
	 */
	if (c->undo_left == 0 && m == c->tx_head)
		c->undo_ts = (t->now_ms + c->ts_offset) | 1;
	if (c->undo_left != UINT16_MAX)
		c->undo_left++;
}
