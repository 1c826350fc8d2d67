/* tcp_loss.c - what is lost, and what follows for the congestion window.
 *
 * Every segment sent is in flight, held by the peer (SACKED), or LOST; a lost one that was sent
 * again is in flight once more (RESENT). snd_nxt never goes back: recovery is a matter of marks.
 *
 *	                  3 duplicate ACKs or enough SACKed above
 *	    open  ------------------------------------------------->  RECOVERY
 *	     ^  \                                                       |
 *	     |   '--- time-out -->  LOSS  <-------- time-out -----------'
 *	     '---- snd_una reaches `recover` ---- from both
 *
 * RFC 6582 without SACK, RFC 6675 with it. RACK, TLP and PRR are not here yet.
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum { DUP_THRESH = 3 };

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

static void take_sack(struct tcb *c, const struct tcp_block *b)
{
	/* What is not wholly within what was sent says nothing: a duplicate report (RFC 2883), an
	 * old one, or nonsense.
	 */
	if (!seq_lt(b->start, b->end) || seq_lt(b->start, c->snd_una) || seq_gt(b->end, c->snd_nxt))
		return;
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next) {
		if (seq_geq(seg_of(m)->seq, b->end))
			break;
		if (seq_geq(seg_of(m)->seq, b->start) && seq_leq(seg_end(m), b->end) &&
		    !(seg_of(m)->flags & TCP_SEG_SACKED))
			tcp_seg_mark(c, m, TCP_SEG_SACKED, 0);
	}
}

void tcp_take_sacks(struct tcb *c, const struct tcp_head *h)
{
	if (!(c->flags & TCB_F_SACK))
		return;
	for (unsigned i = 0; i < h->n_sacks; i++)
		take_sack(c, &h->sacks[i]);
}

void tcp_on_dupack(struct tcp *t, struct tcb *c)
{
	(void)t;
	if (c->dupacks != UINT8_MAX)
		c->dupacks++;
}

static void enter_recovery(struct tcb *c)
{
	const struct tcp_cc_ops *cc = tcp_ccs[c->cc];

	c->ssthresh = cc->after_loss(c, c->snd_nxt - c->snd_una);
	c->cwnd = c->ssthresh;
	c->recover = c->snd_nxt;
	c->flags |= TCB_F_RECOVERY | TCB_F_RTX_ONCE;
}

static void leave_recovery(struct tcb *c)
{
	uint32_t gentle = tcp_in_flight(c) + c->snd_mss;

	if (gentle < 2u * c->snd_mss)
		gentle = 2u * c->snd_mss;
	c->cwnd = c->ssthresh < gentle ? c->ssthresh : gentle; /* RFC 6582 3.2 step 3, no burst */
	c->flags &= ~(uint32_t)(TCB_F_RECOVERY | TCB_F_RTX_ONCE);
	c->dupacks = 0;
}

/* RFC 6675 4, IsLost: a segment above which the peer holds more than two segments' bytes. */
static void mark_by_sack(struct tcb *c)
{
	uint32_t above = c->sacked;

	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next) {
		const struct tcp_seg *s = seg_of(m);

		if (above <= (DUP_THRESH - 1) * (uint32_t)c->snd_mss)
			break;
		if (s->flags & TCP_SEG_SACKED)
			above -= s->bytes;
		else if (!(s->flags & TCP_SEG_LOST))
			tcp_mark_lost(c, m);
	}
}

void tcp_detect_loss(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *head = c->tx_head;

	(void)t;
	if (head == c->tx_next)
		return; /* a FIN alone: the time-out's business */
	if (c->flags & TCB_F_SACK)
		mark_by_sack(c);
	if (c->flags & (TCB_F_RECOVERY | TCB_F_LOSS))
		return;
	if (c->dupacks >= DUP_THRESH && !(seg_of(head)->flags & (TCP_SEG_LOST | TCP_SEG_SACKED)))
		tcp_mark_lost(c, head);
	if (c->to_resend != 0)
		enter_recovery(c);
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
	const struct tcp_cc_ops *cc = tcp_ccs[c->cc];
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
	/* RFC 7661: a window that was not used proves nothing. */
	if (limited || (c->flags & TCB_F_LOSS))
		cc->acked(c, acked, t->now_us);
	if ((c->flags & TCB_F_LOSS) && seq_geq(c->snd_una, c->recover))
		c->flags &= ~(uint32_t)TCB_F_LOSS;
}

/* RFC 6298 5.4 to 5.6, RFC 5681 3.1: all that is outstanding counts as lost, one segment leaves.
 * What SACK told is forgotten: a peer may have dropped it (RFC 2018 8).
 */
void tcp_on_timeout_loss(struct tcp *t, struct tcb *c)
{
	(void)t;
	if (c->tx_head == c->tx_next)
		return;               /* nothing but a FIN */
	if (!(c->flags & TCB_F_LOSS)) /* once for one loss, not for each backoff */
		c->ssthresh = tcp_ccs[c->cc]->after_loss(c, c->snd_nxt - c->snd_una);
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next)
		tcp_seg_mark(c, m, TCP_SEG_LOST, TCP_SEG_RESENT | TCP_SEG_SACKED);
	c->cwnd = c->snd_mss;
	c->recover = c->snd_nxt;
	c->dupacks = 0;
	c->flags = (c->flags | TCB_F_LOSS | TCB_F_RTX_ONCE) & ~(uint32_t)TCB_F_RECOVERY;
}
