/* tcp_ack.c - what a segment acknowledges, and the window it offers (RFC 9293 3.10.7.4). */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	RTT_MAX_MS = 120000,  /* an echoed timestamp that says more is not believed */
	KEPT_BACKOFF_MAX = 3, /* doublings that an ACK without a sample leaves */
};

/* Takes the first segment off the queue. */
void tcp_free_sent(struct tcp *t, struct tcb *c, struct rte_mbuf *m)
{
	assert(m == c->tx_head && c->tx_segs != 0);
	c->tx_head = seg_of(m)->next;
	if (c->tx_tail == m)
		c->tx_tail = NULL;
	if (c->tx_next == m)
		c->tx_next = c->tx_head;
	c->tx_segs--;
	t->held_segs--;
	rte_pktmbuf_free_seg(m); /* what it was chained to is not ours to free: tcp_tso.c */
}

/* The round trip that an ACK measures: of the segment that left last, unless one of them was sent
 * twice or was known to have arrived before (Karn; RFC 6298 3). 0: none.
 */
struct sample {
	uint64_t sent_us;
	bool ambiguous;
};

static void sample_add(struct sample *r, const struct tcp_seg *s)
{
	if (s->flags & (TCP_SEG_TWICE | TCP_SEG_SACKED))
		r->ambiguous = true;
	if (s->sent_us > r->sent_us)
		r->sent_us = s->sent_us;
}

/* An echoed timestamp tells which of the copies was answered (RFC 7323 4), unless the peer held the
 * segment already: what it does not accept it does not record, so the answer to a needless copy
 * echoes what came long before. An echo older than the last copy is believed only when that copy
 * cannot have been answered yet.
 */
static bool echo_is_good(const struct tcp *t, const struct tcb *c, const struct sample *r,
                         uint32_t echo_ms)
{
	uint32_t since_us = (uint32_t)(t->now_us - r->sent_us);

	return t->now_ms - echo_ms <= RTT_MAX_MS &&
	       (seq_geq(echo_ms, (uint32_t)(r->sent_us / 1000)) || since_us < c->min_rtt_us);
}

static void sample_take(struct tcp *t, struct tcb *c, const struct sample *r,
                        const struct tcp_head *h)
{
	uint32_t echo_ms = h->ts_ecr - c->ts_offset, rtt_us;

	if (r->sent_us == 0)
		return; /* nothing but a FIN */
	if (!r->ambiguous)
		rtt_us = (uint32_t)(t->now_us - r->sent_us);
	else if (h->has_ts && (c->flags & TCB_F_TS) && h->ts_ecr != 0 &&
	         echo_is_good(t, c, r, echo_ms))
		rtt_us = (t->now_ms - echo_ms) * 1000;
	else
		return;
	tcp_rto_sample(&c->rto, rtt_us);
	c->backoff = 0;
}

/* Cuts from the front of a segment what the peer has already. When it was sent again the rest may
 * not have been: only as much left as a smaller MTU takes.
 */
static void trim_front(struct tcb *c, struct rte_mbuf *m, uint32_t bytes)
{
	struct tcp_seg *s = seg_of(m);

	assert(bytes < s->bytes);
	if (s->flags & TCP_SEG_SACKED)
		c->sacked -= bytes;
	if (seg_in_flight(s))
		c->flight -= bytes;
	s->seq += bytes;
	s->payload_off += (uint16_t)bytes;
	s->bytes -= (uint16_t)bytes;
	if (s->flags & TCP_SEG_RESENT)
		tcp_seg_mark(c, m, 0, TCP_SEG_RESENT);
}

static void free_acked(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct sample *r)
{
	uint32_t ack = h->ack;

	while (c->tx_head != c->tx_next && seq_leq(seg_end(c->tx_head), ack)) {
		struct rte_mbuf *m = c->tx_head;

		sample_add(r, seg_of(m));
		if (!(seg_of(m)->flags & TCP_SEG_SACKED))
			tcp_rack_arrived(t, c, m, h);
		tcp_seg_mark(c, m, TCP_SEG_SACKED, 0); /* out of flight and of what is lost */
		c->sacked -= seg_of(m)->bytes;
		tcp_free_sent(t, c, m);
	}
	if (c->tx_head != c->tx_next && seq_lt(seg_of(c->tx_head)->seq, ack))
		trim_front(c, c->tx_head, ack - seg_of(c->tx_head)->seq);
}

static void advance(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	uint32_t acked = h->ack - c->snd_una, before = tcp_in_flight(c);
	struct sample r = { 0 };

	tcp_undo_by_echo(t, c, h);
	free_acked(t, c, h, &r);
	/* Karn: without a sample the time-out stays backed off, but not for ever (RFC 6298 5.7). */
	if (c->backoff > KEPT_BACKOFF_MAX)
		c->backoff = KEPT_BACKOFF_MAX;
	sample_take(t, c, &r, h);
	if (c->flags & TCB_F_CLAMPED) {
		c->flags &= ~(uint32_t)TCB_F_CLAMPED;
		net_learn_path_mtu(t->conf.net, t->now_us, &c->path.remote, c->path.mtu_bytes);
	}
	c->snd_una = h->ack;
	c->alive_ms = t->now_ms;
	tcp_on_progress(t, c, acked, before);
	tcp_xmit_restart(t, c); /* RFC 6298 5.3 */
}

/* RFC 5681 2: an ACK that is late news and nothing else. */
static bool is_duplicate(const struct tcb *c, const struct tcp_head *h, size_t bytes)
{
	return bytes == 0 && h->ack == c->snd_una && c->snd_una != c->snd_nxt &&
	       !(h->flags & (TCP_SYN | TCP_FIN)) &&
	       (uint32_t)h->window << c->snd_wscale == c->snd_wnd;
}

bool tcp_take_ack(struct tcp *t, struct tcb *c, const struct tcp_head *h, size_t bytes)
{
	uint32_t una = c->snd_una, sacked = c->sacked, delivered = 0 - sacked;
	bool duplicate = is_duplicate(c, h, bytes);

	if (seq_gt(h->ack, c->snd_nxt)) { /* of what was never sent */
		tcp_ack_challenge(t, c);
		return false;
	}
	if (seq_lt(h->ack, c->snd_una - c->snd_wnd_max)) { /* RFC 5961 5.2 */
		tcp_ack_challenge(t, c);
		return false;
	}
	c->flags &= ~(uint32_t)TCB_F_DSACKED;
	t->fack_before = c->fack;
	tcp_take_sacks(t, c, h);
	if (seq_gt(h->ack, una)) {
		advance(t, c, h);
		delivered += c->snd_una - una;
	} else if (duplicate) {
		tcp_on_dupack(t, c);
		if (!(c->flags & TCB_F_SACK))
			delivered += c->snd_mss;
	}
	delivered += c->sacked;
	tcp_probe_acked(c, h, c->snd_una != una);
	tcp_undo_by_dsack(t, c);
	tcp_frto_take(t, c, c->snd_una != una, duplicate);
	tcp_detect_loss(t, c, delivered);
	if (c->snd_wnd == 0)
		c->alive_ms = t->now_ms; /* its window is closed, but it is there */
	return true;
}

/* RFC 9293 3.10.7.4: an old segment must not take back what a newer one offered. Unlike there the
 * ACK is looked at first: a segment that is sent again has an old number and the newest window, and
 * its ACK moves the edge that the window is counted from.
 */
void tcp_take_window(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	uint32_t wnd = (uint32_t)h->window << (h->flags & TCP_SYN ? 0 : c->snd_wscale);
	uint32_t ack = h->flags & TCP_ACK ? h->ack : c->snd_una;

	(void)t;
	if (seq_lt(ack, c->snd_wl2) || (ack == c->snd_wl2 && seq_lt(h->seq, c->snd_wl1)))
		return;
	c->snd_wnd = wnd;
	c->snd_wl1 = h->seq;
	c->snd_wl2 = ack;
	if (wnd > c->snd_wnd_max)
		c->snd_wnd_max = wnd;
}
