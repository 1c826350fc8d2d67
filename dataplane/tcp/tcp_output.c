/* tcp_output.c - what may leave, leaves: lost segments first, then new ones, then our FIN. */
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

struct rte_mbuf *tcp_mbuf_get(struct tcp *t)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->conf.pool);

	if (m == NULL)
		count(&t->conf.counters->no_buffer);
	return m;
}

/* Where the window may end: what the layer above was given frees its room at once, but for what it
 * says that it holds.
 */
static uint32_t window_edge(const struct tcp *t, const struct tcb *c)
{
	uint32_t held = t->conf.ops->held != NULL ? t->conf.ops->held(c->user) : 0;

	return c->rcv_nxt + t->conf.rx_window_bytes - RTE_MIN(held, t->conf.rx_window_bytes);
}

/* Its right edge never moves left, and it moves right only by what is worth it (RFC 9293
 * 3.8.6.2.2).
 */
static bool is_worth_telling(const struct tcp *t, const struct tcb *c, uint32_t edge)
{
	return seq_geq(edge,
	               c->rcv_adv + RTE_MIN(t->conf.rx_window_bytes / 2, (uint32_t)c->rcv_mss));
}

void tcp_consumed(struct tcp *t, uint64_t now_us, tcp_id id)
{
	struct tcb *c = tcb_at(t, id);

	assert(tcb_is_used(c));
	tcp_set_now(t, now_us);
	if (tcb_is_synchronized(c) && is_worth_telling(t, c, window_edge(t, c)))
		tcp_ack_at_turn_end(t, c);
}

/* The window we advertise. */
static uint16_t window(struct tcp *t, struct tcb *c, unsigned scale)
{
	uint32_t edge = window_edge(t, c);
	uint32_t unit = 1u << scale, bytes;

	if (!tcb_is_synchronized(c) || is_worth_telling(t, c, edge))
		c->rcv_adv = edge;
	bytes = c->rcv_adv - c->rcv_nxt;
	bytes = (bytes + unit - 1) >> scale; /* up, or the edge would move left */
	if (bytes > UINT16_MAX)
		bytes = UINT16_MAX;
	c->rcv_adv = c->rcv_nxt + (bytes << scale);
	return (uint16_t)bytes;
}

static void syn_options(struct tcp *t, struct tcb *c, struct tcp_head *h)
{
	bool v4 = ip_is_v4(&c->path.remote), first = (h->flags & TCP_ACK) == 0;
	int mss = c->path.mtu_bytes - (v4 ? 40 : 60);

	if (mss > t->room_bytes)
		mss = t->room_bytes;
	h->mss = (uint16_t)(mss < TCP_MSS_FLOOR ? TCP_MSS_FLOOR : mss);
	/* In a SYN we offer everything; in a SYN-ACK what the peer's SYN had (RFC 7323 2.2, 3.2).
	 */
	h->has_ts = first || (c->flags & TCB_F_TS);
	h->sack_ok = first || (c->flags & TCB_F_SACK);
	if (first || c->rcv_wscale != 0 || c->snd_wscale != 0)
		h->wscale = c->rcv_wscale;
}

void tcp_make_head(struct tcp *t, struct tcb *c, uint8_t flags, uint32_t seq, uint32_t bytes,
                   struct tcp_head *h)
{
	h->seq = seq;
	h->ack = flags & TCP_ACK ? c->rcv_nxt : 0;
	h->source_port = c->lport;
	h->dest_port = c->rport;
	h->mss = 0;
	h->flags = flags;
	h->wscale = TCP_WSCALE_NONE;
	h->sack_ok = false;
	h->has_ts = (c->flags & TCB_F_TS) != 0;
	h->ecn = 0;
	h->n_sacks = 0; /* the blocks are nothing then */
	/* A window in a SYN is never scaled (RFC 7323 2.2). */
	h->window = window(t, c, flags & TCP_SYN ? 0 : c->rcv_wscale);
	if (flags & TCP_SYN)
		syn_options(t, c, h);
	if (h->has_ts) {
		h->ts_val = t->now_ms + c->ts_offset;
		h->ts_ecr = flags & TCP_ACK ? c->ts_recent : 0; /* RFC 7323 3.2 */
	}
	if ((c->ooo != NULL || t->dup_conn == tcb_id(t, c)) && (c->flags & TCB_F_SACK) &&
	    !(flags & (TCP_SYN | TCP_RST))) {
		unsigned most = h->has_ts ? 3 : 4, n = 0;

		if (t->dup_conn == tcb_id(t, c)) { /* RFC 2883 4: first, and once */
			h->sacks[n++] = t->dup;
			t->dup_conn = TCB_NONE;
		}
		h->n_sacks = (uint8_t)(n + tcp_ooo_blocks(c, h->sacks + n, most - n));
		if (bytes != 0 && bytes + 4 + 8u * h->n_sacks > c->snd_mss)
			h->n_sacks = 0; /* the payload has the room */
	}
}

void tcp_note_ack_sent(struct tcb *c, const struct tcp_head *h)
{
	if (!(h->flags & TCP_ACK))
		return;
	c->ack_sent = c->rcv_nxt;
	c->flags &= ~(uint32_t)TCB_F_DELACK;
	if (c->ooo == NULL || h->n_sacks != 0 || !(c->flags & TCB_F_SACK))
		c->flags &= ~(uint32_t)TCB_F_ACK_NOW; /* nothing is left to tell */
}

static void put_head(struct tcp *t, struct tcb *c, struct rte_mbuf *m, uint32_t payload_off,
                     uint32_t bytes, const struct tcp_head *h, enum net_ecn ecn)
{
	unsigned head_bytes = tcp_head_bytes(h);

	m->data_off = (uint16_t)(payload_off - head_bytes);
	m->data_len = (uint16_t)(head_bytes + bytes);
	m->pkt_len = m->data_len;
	m->nb_segs = 1;
	m->ol_flags = 0;
	m->next = NULL;
	tcp_head_write(h, rte_pktmbuf_mtod(m, uint8_t *));
	tcp_note_ack_sent(c, h);
	count(&t->conf.counters->tcp_segments_out);
	if (!net_output_ecn(t->conf.net, t->now_us, &c->path, m, ecn) && (h->flags & TCP_SYN))
		c->flags |= TCB_F_SYN_HELD;
}

/* Sends a segment without payload. False for want of a buffer: nothing is sent then, and an ACK
 * stays owed.
 */
bool tcp_send_bare(struct tcp *t, struct tcb *c, uint8_t flags, uint32_t seq)
{
	struct rte_mbuf *m = tcp_mbuf_get(t);
	struct tcp_head h;

	if (m == NULL) {
		if (flags == TCP_ACK) {
			c->flags |= TCB_F_DELACK;
			c->ack_due_ms = t->now_ms + TCP_RETRY_MS;
			tcp_slow_start(t, c, c->ack_due_ms);
		}
		return false;
	}
	flags |= tcp_ecn_asks(t, c, flags) | tcp_ecn_flags(c, flags, false);
	tcp_make_head(t, c, flags, seq, 0, &h);
	put_head(t, c, m, TCP_PAYLOAD_OFF, 0, &h, NET_ECN_NOT_ECT);
	return true;
}

/* Sends a segment of the queue, or the first bytes of it. What another still holds (a device that
 * has not done with it, a neighbour's queue) is not touched: a copy leaves. False for want of a
 * buffer.
 */
static bool send_segment(struct tcp *t, struct tcb *c, struct rte_mbuf *m, uint32_t bytes)
{
	struct tcp_seg *s = seg_of(m);
	bool whole = bytes == s->bytes, is_new = m == c->tx_next;
	enum net_ecn ecn = tcp_ecn_field(c, is_new);
	uint8_t flags = TCP_ACK | (whole && (s->flags & TCP_SEG_PUSH) ? TCP_PSH : 0);
	struct tcp_head h;

	if (whole && (c->flags & (is_new ? TCB_F_FIN_QUEUED : TCB_F_FIN_SENT)) &&
	    seg_end(m) == c->snd_end) {
		flags |= TCP_FIN;
		s->flags |= TCP_SEG_FIN;
	}
	if (!whole || rte_mbuf_refcnt_read(m) != 1) {
		struct rte_mbuf *copy = tcp_mbuf_get(t);

		if (copy == NULL)
			return false;
		memcpy((uint8_t *)copy->buf_addr + TCP_PAYLOAD_OFF, seg_payload(m), bytes);
		flags |= tcp_ecn_flags(c, flags, is_new);
		tcp_make_head(t, c, flags, s->seq, bytes, &h);
		tcp_pace_sent(t, c, bytes);
		s->sent_us = t->now_us;
		put_head(t, c, copy, TCP_PAYLOAD_OFF, bytes, &h, ecn);
		return true;
	}
	flags |= tcp_ecn_flags(c, flags, is_new);
	tcp_make_head(t, c, flags, s->seq, bytes, &h);
	tcp_pace_sent(t, c, bytes);
	rte_mbuf_refcnt_update(m, 1);
	s->sent_us = t->now_us;
	put_head(t, c, m, s->payload_off, bytes, &h, ecn);
	return true;
}

bool tcp_split(struct tcp *t, struct tcb *c, struct rte_mbuf *m, uint32_t bytes)
{
	struct tcp_seg *s = seg_of(m), *rest;
	struct rte_mbuf *n;

	assert(bytes != 0 && bytes < s->bytes);
	/* Beyond the bound only when nothing else of the connection could free a buffer. */
	if (t->held_segs >= t->split_segs_max && c->snd_una != c->snd_nxt) {
		count(&t->conf.counters->no_buffer);
		return false;
	}
	if (c->tx_segs == UINT16_MAX || (n = tcp_mbuf_get(t)) == NULL)
		return false;
	rest = seg_of(n);
	*rest = *s;
	rest->payload_off = TCP_PAYLOAD_OFF;
	rest->seq = s->seq + bytes;
	rest->bytes = (uint16_t)(s->bytes - bytes);
	memcpy(seg_payload(n), seg_payload(m) + bytes, rest->bytes);
	s->bytes = (uint16_t)bytes;
	s->next = n;
	s->flags &= (uint8_t) ~(TCP_SEG_PUSH | TCP_SEG_FIN);
	if ((s->flags & (TCP_SEG_LOST | TCP_SEG_RESENT | TCP_SEG_SACKED)) == TCP_SEG_LOST)
		c->to_resend++;
	if (c->tx_tail == m)
		c->tx_tail = n;
	c->tx_segs++;
	t->held_segs++;
	return true;
}

bool tcp_send_again(struct tcp *t, struct tcb *c, struct rte_mbuf *m)
{
	if (!send_segment(t, c, m, RTE_MIN(seg_of(m)->bytes, c->snd_mss)))
		return false;
	seg_of(m)->flags |= TCP_SEG_TWICE;
	tcp_count_resent(t, c);
	return true;
}

/* Sends what was marked lost, while the congestion window allows; the first at once when a loss was
 * just found (RFC 6675 5 step 4.3). Beyond a window that shrank only the first is sent, as a probe.
 */
static bool resend_lost(struct tcp *t, struct tcb *c)
{
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next && c->to_resend != 0;
	     m = seg_of(m)->next) {
		struct tcp_seg *s = seg_of(m);

		if ((s->flags & (TCP_SEG_LOST | TCP_SEG_RESENT | TCP_SEG_SACKED)) != TCP_SEG_LOST)
			continue;
		/* Without a buffer to cut it the front of the first leaves in a copy: what it
		 * brings free is needed.
		 */
		if (s->bytes > c->snd_mss && !tcp_split(t, c, m, c->snd_mss) && m != c->tx_head)
			return false;
		if (!(c->flags & TCB_F_RTX_ONCE) && c->flight != 0 &&
		    tcp_in_flight(c) + s->bytes > c->cwnd)
			return true;
		if (m != c->tx_head && seq_gt(seg_end(m), c->snd_una + c->snd_wnd))
			return true;
		if (!(c->flags & TCB_F_RTX_ONCE) && !tcp_pace_may(t, c))
			return true;
		if (!tcp_send_again(t, c, m))
			return false;
		tcp_seg_mark(c, m, TCP_SEG_RESENT, 0);
		tcp_note_resent(t, c, m);
		c->flags &= ~(uint32_t)TCB_F_RTX_ONCE;
	}
	return true;
}

/* A segment may leave when it is full, when another stands behind it, or when it was flushed. */
bool tcp_is_sendable(const struct tcb *c, struct rte_mbuf *m)
{
	const struct tcp_seg *s = seg_of(m);

	return s->bytes != 0 &&
	       (s->next != NULL || s->bytes >= c->snd_mss || seq_gt(c->push_end, s->seq));
}

/* Cuts the next new segment to what the peer's window takes (RFC 9293 3.8.6.2.1: a whole segment,
 * or half of the largest window it ever offered). False: nothing may leave now.
 */
static bool fit_to_window(struct tcp *t, struct tcb *c, struct rte_mbuf *m, bool *no_buffer)
{
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t usable = seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;
	uint32_t bytes = seg_of(m)->bytes;

	if (bytes > c->snd_mss)
		bytes = c->snd_mss;
	if (bytes > usable) {
		if (usable == 0 || usable < c->snd_wnd_max / 2)
			return false;
		bytes = usable;
	}
	if (bytes < seg_of(m)->bytes && !tcp_split(t, c, m, bytes)) {
		*no_buffer = true;
		return false;
	}
	return true;
}

/* A window that was not used for a time-out says nothing of the path any more (RFC 5681 4.1). With
 * nothing outstanding the timer's deadline stands where it was when the last ACK came.
 */
static void restart_after_idle(struct tcp *t, struct tcb *c)
{
	if (c->flight == 0 && c->xmit == TCB_XMIT_NONE && seq_gt(t->now_ms, c->xmit_due_ms))
		c->cwnd = RTE_MIN(c->cwnd, tcp_cc_initial(c, t->conf.iw_segs));
}

void tcp_note_sent_new(struct tcp *t, struct tcb *c, struct rte_mbuf *last, uint32_t bytes)
{
	if (c->snd_una == c->snd_nxt)
		c->alive_ms = t->now_ms; /* patience for an answer begins here */
	c->tx_next = seg_of(last)->next;
	c->snd_nxt = seg_end(last);
	c->flight += bytes;
	if (c->flags & TCB_F_RECOVERY)
		c->prr.out += bytes;
	if (seg_of(last)->flags & TCP_SEG_FIN) {
		c->snd_nxt++;
		c->flags |= TCB_F_FIN_SENT;
	}
}

static bool send_first_new(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *m = c->tx_next;

	if (!send_segment(t, c, m, seg_of(m)->bytes))
		return false;
	tcp_note_sent_new(t, c, m, seg_of(m)->bytes);
	return true;
}

static bool send_new(struct tcp *t, struct tcb *c)
{
	bool no_buffer = false;

	while (c->tx_next != NULL && tcp_is_sendable(c, c->tx_next)) {
		if (!fit_to_window(t, c, c->tx_next, &no_buffer))
			return !no_buffer;
		restart_after_idle(t, c);
		if (c->flight != 0 && tcp_in_flight(c) + seg_of(c->tx_next)->bytes > c->cwnd)
			return true;
		if (!tcp_pace_may(t, c))
			return true;
		if (!tcp_tso_try(t, c) && !send_first_new(t, c))
			return false;
	}
	return true;
}

bool tcp_send_one(struct tcp *t, struct tcb *c)
{
	bool no_buffer = false;

	if (c->tx_next == NULL || !tcp_is_sendable(c, c->tx_next) ||
	    !fit_to_window(t, c, c->tx_next, &no_buffer))
		return !no_buffer;
	return send_first_new(t, c);
}

/* A FIN that found no data to leave with. It asks no window: one that is closed is probed by it. */
static bool send_fin(struct tcp *t, struct tcb *c)
{
	if (!(c->flags & TCB_F_FIN_QUEUED) || (c->flags & TCB_F_FIN_SENT) ||
	    c->snd_nxt != c->snd_end)
		return true;
	if (!tcp_send_bare(t, c, TCP_FIN | TCP_ACK, c->snd_nxt))
		return false;
	if (c->snd_una == c->snd_nxt)
		c->alive_ms = t->now_ms;
	c->flags |= TCB_F_FIN_SENT;
	c->snd_nxt++;
	return true;
}

void tcp_send(struct tcp *t, struct tcb *c)
{
	uint32_t nxt = c->snd_nxt;
	bool ok;

	if (c->state < TCP_STATE_ESTABLISHED)
		return; /* it leaves when the handshake is done */
	ok = (c->flags & TCB_F_FRTO_NEW) || resend_lost(t, c);
	ok = ok && send_new(t, c);
	if (tcp_frto_is_futile(c))
		ok = ok && resend_lost(t, c);
	if (!ok || !send_fin(t, c))
		tcp_retry_later(t, c);
	if (c->snd_nxt != nxt && c->xmit == TCB_XMIT_TLP)
		c->xmit = TCB_XMIT_NONE; /* the tail is another: its probe waits anew */
	tcp_xmit_settle(t, c);
}

void tcp_ack_at_turn_end(struct tcp *t, struct tcb *c)
{
	c->flags |= TCB_F_ACK_NOW;
	if (c->flags & TCB_F_ON_LIST)
		return;
	if (t->n_acks == TCP_ACKS_MAX)
		tcp_acks_send(t);
	c->flags |= TCB_F_ON_LIST;
	t->acks[t->n_acks++] = tcb_id(t, c);
}

/* RFC 5961 10: challenge ACKs are limited, for all connections together. */
void tcp_ack_challenge(struct tcp *t, struct tcb *c)
{
	if (!tcp_limit_try(&t->challenges, t->now_us))
		return;
	count(&t->conf.counters->tcp_challenge_acks);
	tcp_ack_at_turn_end(t, c);
}
