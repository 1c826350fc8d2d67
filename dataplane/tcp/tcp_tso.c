/* tcp_tso.c - segments that were never sent leave together, where the device cuts them.
 *
 *	header mbuf -> segment -> segment -> segment      one packet for the device
 *	   ours        kept       kept       kept         each with a reference of its own
 *
 * Every kept segment is as large as the pieces that the device makes, so each piece is a segment
 * of the queue: what is acknowledged, lost or sent again is told apart as ever. What is sent again
 * leaves alone. The kept mbufs' `next` is the device's until it has let go, and stale afterwards:
 * whoever sends or frees one looks at that mbuf only.
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

/* The largest header that a packet may have: IPv6's and TCP's with all options. */
enum { HEADERS_BYTES_MAX = 40 + TCP_HEAD_BYTES_MAX };

struct run {
	struct rte_mbuf *last;
	uint32_t segs, bytes;
};

static bool may_cut(const struct tcp *t, const struct tcb *c)
{
	return t->conf.tso_segs_max > 2 && c->snd_mss >= t->conf.tso_mss_min &&
	       (t->conf.tso_ip6 || ip_is_v4(&c->path.remote)) &&
	       /* CWR belongs on one segment, and a device would put it on each (RFC 3168 6.1.2). */
	       !(c->flags & TCB_F_CWR_DUE) && !net_waits(t->conf.net, &c->path);
}

/* The segments that may leave now, all full but the last; our FIN's is not among them. */
static struct run run_of(const struct tcp *t, const struct tcb *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd, flight = tcp_in_flight(c);
	uint32_t most = RTE_MIN(t->conf.tso_bytes_max, (uint32_t)UINT16_MAX) - HEADERS_BYTES_MAX;
	struct run r = { 0 };

	most = RTE_MIN(most, tcp_pace_bytes(t, c));
	for (struct rte_mbuf *m = c->tx_next; m != NULL; m = seg_of(m)->next) {
		const struct tcp_seg *s = seg_of(m);

		if (s->bytes > c->snd_mss || !tcp_is_sendable(c, m) ||
		    rte_mbuf_refcnt_read(m) != 1 || seq_gt(seg_end(m), edge) ||
		    (flight + r.bytes != 0 && flight + r.bytes + s->bytes > c->cwnd) ||
		    r.bytes + s->bytes > most || r.segs + 2u > t->conf.tso_segs_max ||
		    ((c->flags & TCB_F_FIN_QUEUED) && seg_end(m) == c->snd_end))
			break;
		r.last = m;
		r.segs++;
		r.bytes += s->bytes;
		if (s->bytes < c->snd_mss || (s->flags & TCP_SEG_PUSH))
			break;
	}
	return r;
}

/* Links the run behind the header. */
static void chain(struct tcp *t, struct tcb *c, struct rte_mbuf *head, const struct run *r)
{
	struct rte_mbuf *at = head;

	for (struct rte_mbuf *m = c->tx_next;; m = seg_of(m)->next) {
		struct tcp_seg *s = seg_of(m);

		m->data_off = s->payload_off;
		m->data_len = s->bytes;
		m->nb_segs = 1;
		m->next = NULL;
		m->ol_flags = 0;
		s->sent_us = t->now_us;
		rte_mbuf_refcnt_update(m, 1);
		at->next = m;
		at = m;
		head->nb_segs++;
		head->pkt_len += s->bytes;
		if (m == r->last)
			return;
	}
}

bool tcp_tso_try(struct tcp *t, struct tcb *c)
{
	struct run r = { 0 };
	struct rte_mbuf *head;
	struct tcp_head h;
	uint8_t flags = TCP_ACK;

	if (!may_cut(t, c))
		return false;
	r = run_of(t, c);
	if (r.segs < 2 || (head = tcp_mbuf_get(t)) == NULL)
		return false;
	if (seg_of(r.last)->flags & TCP_SEG_PUSH)
		flags |= TCP_PSH;
	flags |= tcp_ecn_flags(c, flags, true);
	tcp_make_head(t, c, flags, seg_of(c->tx_next)->seq, r.bytes, &h);
	tcp_put_loose(head, &h);
	chain(t, c, head, &r);
	tcp_note_ack_sent(c, &h);
	tcp_pace_sent(t, c, r.bytes);
	count_n(&t->conf.counters->tcp_segments_out, r.segs);
	count(&t->conf.counters->tcp_tso);
	tcp_note_sent_new(t, c, r.last, r.bytes);
	net_output_tso(t->conf.net, t->now_us, &c->path, head, tcp_ecn_field(c, true), c->snd_mss);
	return true;
}
