/* tcp_calls.c - the calls of the layer above on an open connection: write, flush, close, abort. */
#include <errno.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/base/fetch.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	EXPECT_WRITE_SEGS = 4,
	EXPECT_SEG_BYTES = 1448,
	TCP_MBUF_DATA_OFF = sizeof(struct rte_mbuf) + TCP_MBUF_PRIV_BYTES,
};

static const struct {
	const char *name;
	bool may_write, sends;
} states[TCP_N_STATES] = {
#define TCP_STATE(sym, name, may_write, sends) [TCP_STATE_##sym] = { name, may_write, sends },
#include "dataplane/tcp/tcp_state.def"
#undef TCP_STATE
};

/* Is `m` a segment that more may be written into? */
static bool has_room(const struct tcb *c, struct rte_mbuf *m)
{
	const struct tcp_seg *s = m != NULL ? seg_of(m) : NULL;

	return s != NULL && seq_geq(s->seq, c->snd_nxt) && s->bytes < c->snd_mss &&
	       s->payload_off + s->bytes < m->buf_len && rte_mbuf_refcnt_read(m) == 1;
}

static size_t room_in_tail(const struct tcb *c)
{
	struct rte_mbuf *m = c->tx_tail;

	if (!has_room(c, m))
		return 0;
	return RTE_MIN((size_t)(c->snd_mss - seg_of(m)->bytes),
	               (size_t)(m->buf_len - seg_of(m)->payload_off - seg_of(m)->bytes));
}

/* `tail`: room_in_tail(). */
static size_t room_with(const struct tcp *t, const struct tcb *c, size_t tail)
{
	uint32_t held = c->snd_end - c->snd_una;
	size_t bytes, segs;

	if (!tcb_is_synchronized(c))
		held--; /* the SYN is no byte of theirs */
	if (!states[c->state].may_write || (c->flags & TCB_F_FIN_QUEUED) ||
	    held >= t->conf.tx_bytes_max)
		return 0;
	bytes = t->conf.tx_bytes_max - held;
	segs = c->tx_segs < t->tx_segs_max ? t->tx_segs_max - c->tx_segs : 0;
	return RTE_MIN(bytes, segs * c->snd_mss + tail);
}

size_t tcp_room(const struct tcp *t, const struct tcb *c)
{
	return room_with(t, c, room_in_tail(c));
}

size_t tcp_write_room(struct tcp *t, tcp_id id)
{
	struct tcb *c = tcb_at(t, id);
	size_t room;

	assert(tcb_is_used(c));
	room = tcp_room(t, c);
	if (room < t->conf.tx_bytes_max)
		c->flags |= TCB_F_WANT_WRITE;
	return room;
}

/* A new empty segment at the end of the queue, or NULL. */
static struct rte_mbuf *add_segment(struct tcp *t, struct tcb *c)
{
	struct rte_mbuf *m;

	if (t->held_segs >= t->held_segs_max) {
		count(&t->conf.counters->no_buffer);
		return NULL;
	}
	if (c->tx_segs >= t->tx_segs_max || (m = tcp_mbuf_get(t)) == NULL)
		return NULL;
	*seg_of(m) = (struct tcp_seg){ .seq = c->snd_end, .payload_off = TCP_PAYLOAD_OFF };
	if (c->tx_tail != NULL)
		seg_of(c->tx_tail)->next = m;
	else
		c->tx_head = m;
	c->tx_tail = m;
	if (c->tx_next == NULL)
		c->tx_next = m;
	c->tx_segs++;
	t->held_segs++;
	return m;
}

/* What was given back last is taken next, so its header may be cached; its payload is not. */
void tcp_expect_write(const struct tcp *t, size_t bytes)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(t->conf.pool, rte_lcore_id());
	uint32_t left = cache != NULL ? RTE_MIN(cache->len, (uint32_t)EXPECT_WRITE_SEGS) : 0;

	for (uint32_t i = 1; i <= left && bytes > 0; i++) {
		void *m = cache->objs[cache->len - i];
		size_t n = RTE_MIN(bytes, (size_t)EXPECT_SEG_BYTES);

		/* both lines, the record, then the headers' lines and the payload's */
		fetch_to_write(m, TCP_MBUF_DATA_OFF + TCP_PAYLOAD_OFF + n);
		bytes -= n;
	}
}

size_t tcp_write_start(struct tcp *t, tcp_id id, uint8_t **at)
{
	struct tcb *c = tcb_at(t, id);
	size_t tail = room_in_tail(c), room;

	assert(tcb_is_used(c));
	room = room_with(t, c, tail);
	if (room != 0 && tail == 0) {
		if (add_segment(t, c) != NULL) {
			tail = room_in_tail(c);
		} else {
			tcp_retry_later(t, c);
			room = 0;
		}
	}
	if (room == 0) {
		c->flags |= TCB_F_WANT_WRITE;
		return 0;
	}
	*at = seg_payload(c->tx_tail) + seg_of(c->tx_tail)->bytes;
	return RTE_MIN(room, tail);
}

void tcp_write_done(struct tcp *t, uint64_t now_us, tcp_id id, size_t bytes)
{
	struct tcb *c = tcb_at(t, id);
	size_t room;

	assert(tcb_is_used(c));
	tcp_set_now(t, now_us);
	if (bytes == 0)
		return;
	room = room_in_tail(c);
	assert(bytes <= room);
	seg_of(c->tx_tail)->bytes += (uint16_t)bytes;
	c->snd_end += (uint32_t)bytes;
	if (bytes == room)
		tcp_send(t, c);
}

size_t tcp_write(struct tcp *t, uint64_t now_us, tcp_id id, struct span bytes)
{
	size_t done = 0;

	while (done < bytes.bytes) {
		uint8_t *at;
		size_t n = tcp_write_start(t, id, &at);

		if (n == 0)
			break;
		n = RTE_MIN(n, bytes.bytes - done);
		memcpy(at, bytes.at + done, n);
		tcp_write_done(t, now_us, id, n);
		done += n;
	}
	return done;
}

void tcp_flush(struct tcp *t, uint64_t now_us, tcp_id id)
{
	struct tcb *c = tcb_at(t, id);

	assert(tcb_is_used(c));
	tcp_set_now(t, now_us);
	if (seq_leq(c->snd_end, c->push_end))
		return;
	c->push_end = c->snd_end;
	seg_of(c->tx_tail)->flags |= TCP_SEG_PUSH;
	tcp_send(t, c);
}

bool tcp_all_acked(struct tcp *t, tcp_id id)
{
	const struct tcb *c = tcb_at(t, id);

	assert(tcb_is_used(c));
	return seq_geq(c->snd_una + !tcb_is_synchronized(c), c->snd_end); /* a SYN is no byte */
}

/* What was written may still be less than a segment: it leaves now, with FIN behind it. */
static void queue_fin(struct tcp *t, struct tcb *c)
{
	c->flags = (c->flags | TCB_F_FIN_QUEUED) & ~(uint32_t)TCB_F_WANT_WRITE;
	c->push_end = c->snd_end;
	if (c->tx_tail != NULL && seg_of(c->tx_tail)->bytes != 0)
		seg_of(c->tx_tail)->flags |= TCP_SEG_PUSH;
	if (states[c->state].sends)
		tcp_send(t, c);
}

void tcp_close(struct tcp *t, uint64_t now_us, tcp_id id)
{
	struct tcb *c = tcb_at(t, id);

	assert(tcb_is_used(c));
	tcp_set_now(t, now_us);
	if (c->flags & TCB_F_FIN_QUEUED)
		return;
	if (c->state == TCP_STATE_SYN_SENT) {
		/* RFC 9293 3.10.4: nothing to close. closed() comes from the next tick, never
		 * from here.
		 */
		c->flags |= TCB_F_FIN_QUEUED | TCB_F_LIFE;
		c->life_due_ms = t->now_ms;
		tcp_slow_start(t, c, t->now_ms);
		return;
	}
	if (c->state == TCP_STATE_ESTABLISHED)
		tcp_set_state(t, c, TCP_STATE_FIN_WAIT_1);
	else if (c->state == TCP_STATE_CLOSE_WAIT)
		tcp_set_state(t, c, TCP_STATE_LAST_ACK);
	queue_fin(t, c); /* SYN-RECEIVED: FIN-WAIT-1 begins when the handshake is done */
}

void tcp_abort(struct tcp *t, uint64_t now_us, tcp_id id)
{
	struct tcb *c = tcb_at(t, id);

	assert(tcb_is_used(c));
	tcp_set_now(t, now_us);
	/* RFC 9293 3.10.5; a SYN that was not answered needs no RST. */
	if (c->state != TCP_STATE_SYN_SENT && tcp_send_bare(t, c, TCP_RST | TCP_ACK, c->snd_nxt))
		count(&t->conf.counters->tcp_rst_out);
	tcp_drop(t, c, -ECONNABORTED);
}

void tcp_abort_all(struct tcp *t, uint64_t now_us)
{
	for (uint32_t id = 0; id < t->conns.n; id++)
		if (pool_is_used(&t->conns, id))
			tcp_abort(t, now_us, id);
}

bool tcp_tell_writable(struct tcp *t, struct tcb *c)
{
	struct tcp_watch watch;
	size_t room;

	if (!(c->flags & TCB_F_WANT_WRITE) || !states[c->state].may_write)
		return true;
	/* Not at every ACK: half of the buffer is free, or nothing is outstanding any more. */
	room = tcp_room(t, c);
	if (room < t->conf.tx_bytes_max / 2 && c->tx_segs > 1)
		return true;
	c->flags &= ~(uint32_t)TCB_F_WANT_WRITE;
	tcp_watch_begin(t, &watch, c);
	t->conf.ops->writable(c->user, t->now_us);
	return tcp_watch_end(t, &watch);
}
