/* tcp_data.c - the bytes of a segment and its FIN, in order or not (RFC 9293 3.10.7.4, 3.4). */
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

/* --- what came out of order: a list by sequence, without overlaps, of copies --- */

static void ooo_pop(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *m = c->ooo;

	c->ooo = seg_of(m)->next;
	c->ooo_segs--;
	t->ooo_segs--;
	rte_pktmbuf_free(m);
}

void tcp_ooo_free(struct tcp *t, struct tcb *c)
{
	while (c->ooo != NULL)
		ooo_pop(t, c);
}

/* Copies one run of bytes that overlaps nothing into the list behind *at. False: no room, and the
 * peer will send it again.
 */
static bool ooo_try_insert(struct tcp *t, struct tcb *c, struct rte_mbuf **at, uint32_t seq,
                           struct span bytes)
{
	struct rte_mbuf *m;

	if (bytes.bytes > t->room_bytes)
		bytes.bytes = t->room_bytes;
	if (c->ooo_segs >= TCP_OOO_SEGS_MAX || t->ooo_segs >= t->ooo_segs_max ||
	    (m = tcp_mbuf_get(t)) == NULL)
		return false;
	*seg_of(m) = (struct tcp_seg){
		.next = *at,
		.came = t->ooo_came,
		.seq = seq,
		.payload_off = TCP_PAYLOAD_OFF,
		.bytes = (uint16_t)bytes.bytes,
	};
	memcpy(seg_payload(m), bytes.at, bytes.bytes);
	*at = m;
	c->ooo_segs++;
	t->ooo_segs++;
	return true;
}

void tcp_note_dup(struct tcp *t, const struct tcb *c, uint32_t start, uint32_t end)
{
	t->dup_conn = tcb_id(t, c);
	t->dup = (struct tcp_block){ .start = start, .end = end };
}

/* Keeps what is not held yet of [seq, seq + bytes). */
static void ooo_add(struct tcp *t, struct tcb *c, uint32_t seq, struct span bytes)
{
	struct rte_mbuf **at = &c->ooo;

	t->ooo_came++;
	while (bytes.bytes != 0) {
		struct rte_mbuf *m = *at;
		struct span run = bytes;
		uint32_t skip;

		if (m != NULL && seq_leq(seg_end(m), seq)) {
			at = &seg_of(m)->next;
			continue;
		}
		if (m != NULL && seq_leq(seg_of(m)->seq, seq)) { /* its front is held */
			skip = RTE_MIN(seg_end(m) - seq, (uint32_t)bytes.bytes);
			tcp_note_dup(t, c, seq, seq + skip);
			seg_of(m)->came = t->ooo_came;
			if (skip == bytes.bytes)
				return;
			bytes = span_of(bytes.at + skip, bytes.bytes - skip);
			seq += skip;
			continue;
		}
		if (m != NULL && seq_lt(seg_of(m)->seq, seq + (uint32_t)bytes.bytes))
			run.bytes = seg_of(m)->seq - seq;
		if (!ooo_try_insert(t, c, at, seq, run))
			return;
		skip = seg_of(*at)->bytes;
		bytes = span_of(bytes.at + skip, bytes.bytes - skip);
		seq += skip;
	}
}

/* RFC 2018 4: the block with the newest segment first, then those that were first before it, so
 * that each is told in as many ACKs as there is room for.
 */
unsigned tcp_ooo_blocks(const struct tcb *c, struct tcp_block *out, unsigned max)
{
	uint64_t came[TCP_SACK_BLOCKS_MAX];
	unsigned n = 0;
	struct rte_mbuf *m = c->ooo;

	assert(max != 0 && max <= TCP_SACK_BLOCKS_MAX);
	while (m != NULL) {
		struct tcp_block b = { .start = seg_of(m)->seq, .end = seg_of(m)->seq };
		uint64_t newest = 0;
		unsigned at;

		for (; m != NULL && seg_of(m)->seq == b.end; m = seg_of(m)->next) {
			b.end = seg_end(m);
			newest = RTE_MAX(newest, seg_of(m)->came);
		}
		if (n == max && came[n - 1] >= newest)
			continue; /* the oldest is not told */
		at = n < max ? n++ : n - 1;
		for (; at > 0 && came[at - 1] < newest; at--) {
			out[at] = out[at - 1];
			came[at] = came[at - 1];
		}
		out[at] = b;
		came[at] = newest;
	}
	return n;
}

/* --- what is in order --- */

/* Gives bytes to the layer above. False: the connection is gone. */
bool tcp_deliver(struct tcp *t, struct tcb *c, struct span bytes)
{
	struct tcp_watch watch;

	if (bytes.bytes == 0)
		return true;
	c->rcv_nxt += (uint32_t)bytes.bytes;
	if (c->state == TCP_STATE_FIN_WAIT_2) /* it has not closed, but it is at work */
		c->life_due_ms = t->now_ms + TCP_FIN_WAIT_2_MS;
	tcp_watch_begin(t, &watch, c);
	t->conf.ops->received(c->user, t->now_us, bytes);
	return tcp_watch_end(t, &watch);
}

/* What was held becomes in order. */
static bool drain(struct tcp *t, struct tcb *c)
{
	while (c->ooo != NULL && seq_leq(seg_of(c->ooo)->seq, c->rcv_nxt)) {
		struct rte_mbuf *m = c->ooo;
		uint32_t skip = c->rcv_nxt - seg_of(m)->seq;
		struct span bytes = { 0 };
		bool live;

		if (skip < seg_of(m)->bytes)
			bytes = span_of(seg_payload(m) + skip, seg_of(m)->bytes - skip);
		/* Off the list first: the call may end the connection, but not this mbuf. */
		rte_mbuf_refcnt_update(m, 1);
		if (skip != 0 && t->dup_conn != tcb_id(t, c)) /* held, and come again */
			tcp_note_dup(t, c, seg_of(m)->seq, seq_min(seg_end(m), c->rcv_nxt));
		ooo_pop(t, c);
		live = tcp_deliver(t, c, bytes);
		rte_pktmbuf_free(m);
		if (!live)
			return false;
	}
	return true;
}

/* The peer's FIN is next in order (RFC 9293 3.10.7.4, eighth step). */
static bool take_fin(struct tcp *t, struct tcb *c)
{
	bool ours_acked = (c->flags & TCB_F_FIN_SENT) && c->snd_una == c->snd_nxt;
	struct tcp_watch watch;

	c->rcv_nxt++;
	tcp_ooo_free(t, c); /* nothing stands behind a FIN */
	tcp_ack_at_turn_end(t, c);
	if (c->state == TCP_STATE_ESTABLISHED)
		tcp_set_state(t, c, TCP_STATE_CLOSE_WAIT);
	else if (c->state == TCP_STATE_FIN_WAIT_1 && !ours_acked)
		tcp_set_state(t, c, TCP_STATE_CLOSING);
	tcp_watch_begin(t, &watch, c);
	t->conf.ops->peer_closed(c->user, t->now_us);
	if (!tcp_watch_end(t, &watch))
		return false;
	if (c->state == TCP_STATE_FIN_WAIT_2 || (c->state == TCP_STATE_FIN_WAIT_1 && ours_acked)) {
		tcp_enter_time_wait(t, c);
		return false;
	}
	return true;
}

/* RFC 9293 3.8.6.3: at once for every second full segment, else within 40 ms. */
void tcp_owe_ack(struct tcp *t, struct tcb *c)
{
	if (c->rcv_nxt - c->ack_sent >= 2u * c->rcv_mss) {
		tcp_ack_at_turn_end(t, c);
		return;
	}
	if (c->ack_sent == c->rcv_nxt || (c->flags & TCB_F_DELACK))
		return; /* an answer from above carried it, or it is owed already */
	tcp_delack_start(t, c);
}

/* Cuts a segment to the window: what is old in front, what is too much behind. False: nothing is
 * left of it, FIN included.
 */
static bool trim(const struct tcb *c, uint32_t *seq, struct span *bytes, bool *fin)
{
	uint32_t old = seq_lt(*seq, c->rcv_nxt) ? c->rcv_nxt - *seq : 0;
	uint32_t window = c->rcv_adv - c->rcv_nxt;

	if (old > bytes->bytes)
		return false; /* FIN too: it stands at seq + bytes */
	*bytes = span_of(bytes->at + old, bytes->bytes - old);
	*seq += old;
	if (*seq - c->rcv_nxt + bytes->bytes > window) {
		uint32_t left = *seq - c->rcv_nxt < window ? window - (*seq - c->rcv_nxt) : 0;

		*bytes = span_of(bytes->at, RTE_MIN((size_t)left, bytes->bytes));
		*fin = false;
	}
	return bytes->bytes != 0 || *fin;
}

static bool may_receive(const struct tcb *c)
{
	return c->state == TCP_STATE_ESTABLISHED || c->state == TCP_STATE_FIN_WAIT_1 ||
	       c->state == TCP_STATE_FIN_WAIT_2;
}

bool tcp_take_data(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	uint32_t seq = h->seq;
	bool fin = (h->flags & TCP_FIN) != 0, filled;

	if ((bytes.bytes == 0 && !fin) || !may_receive(c))
		return true;
	tcp_note_size(t, c, bytes.bytes);
	if (bytes.bytes != 0 && seq_lt(seq, c->rcv_nxt)) /* RFC 2883 4.1 */
		tcp_note_dup(t, c, seq, seq_min(seq + (uint32_t)bytes.bytes, c->rcv_nxt));
	if (!trim(c, &seq, &bytes, &fin)) {
		tcp_ack_at_turn_end(t, c); /* the peer repeats itself: tell where we are */
		return true;
	}
	if (fin && !(c->flags & TCB_F_PEER_FIN)) {
		c->flags |= TCB_F_PEER_FIN;
		c->peer_fin = seq + (uint32_t)bytes.bytes;
	}
	if (seq != c->rcv_nxt) {
		ooo_add(t, c, seq, bytes);
		/* RFC 5681 4.2: at once. Without SACK the peer counts them: one for each. */
		if (c->flags & TCB_F_SACK)
			tcp_ack_at_turn_end(t, c);
		else
			tcp_send_bare(t, c, TCP_ACK, c->snd_nxt);
		return true;
	}
	filled = c->ooo != NULL;
	if (!tcp_deliver(t, c, bytes) || !drain(t, c))
		return false;
	if (filled || t->dup_conn == tcb_id(t, c)) /* RFC 2883 4: part of it was a duplicate */
		tcp_ack_at_turn_end(t, c);
	/* Bytes behind a FIN are nonsense; it ends the stream where they would begin. */
	if ((c->flags & TCB_F_PEER_FIN) && seq_leq(c->peer_fin, c->rcv_nxt) && may_receive(c))
		return take_fin(t, c);
	tcp_owe_ack(t, c);
	return true;
}
