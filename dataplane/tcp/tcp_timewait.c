/* tcp_timewait.c - connections in TIME-WAIT: a ring of compact entries by age. */
#include "dataplane/tcp/tcp_timewait.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/base/pages.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seq.h"

enum { AGE_MASK = (1 << 30) - 1 };

uint64_t tcp_tw_memory_bytes(uint32_t entries)
{
	return pages_bytes((uint64_t)entries * sizeof(struct tcp_tw));
}

int tcp_tw_init(struct tcp_timewait *tw, uint32_t entries)
{
	/* An entry is written before it is read, so pages come as the ring goes round. */
	tw->ring = malloc(tcp_tw_memory_bytes(entries));
	tw->n = entries;
	return tw->ring != NULL ? 0 : -ENOMEM;
}

void tcp_tw_fini(struct tcp_timewait *tw)
{
	free(tw->ring);
	tw->ring = NULL;
}

static struct tcp_tuple tuple_of(const struct tcp *t, const struct tcp_tw *e)
{
	return (struct tcp_tuple){ .local = *net_local(t->conf.net, e->local),
		                   .remote = e->remote,
		                   .lport = e->lport,
		                   .rport = e->rport };
}

static uint64_t hash_of(const struct tcp *t, const struct tcp_tw *e)
{
	struct tcp_tuple tuple = tuple_of(t, e);

	return tcp_key_flow(&t->key, &tuple);
}

static uint32_t age_ms(const struct tcp *t, const struct tcp_tw *e)
{
	return (t->now_ms - e->since_ms) & AGE_MASK;
}

void tcp_tw_del(struct tcp *t, uint32_t index)
{
	struct tcp_tw *e = &t->tw.ring[index];

	assert(e->flags & TCP_TW_FLAG_LIVE);
	e->flags = 0;
	tcp_flow_del(&t->flow, hash_of(t, e), index | TCP_TW_BIT);
}

/* Takes the oldest place off the ring. */
static void pop(struct tcp *t)
{
	struct tcp_timewait *tw = &t->tw;

	if (tw->ring[tw->tail].flags & TCP_TW_FLAG_LIVE)
		tcp_tw_del(t, tw->tail);
	tw->tail = (tw->tail + 1) % tw->n;
	tw->used--;
	gauge(&t->conf.counters->tcp_time_wait_now, tw->used);
}

void tcp_tw_add(struct tcp *t, const struct tcp_tw *entry)
{
	struct tcp_timewait *tw = &t->tw;
	uint32_t at;

	if (tw->used == tw->n) {
		if (tw->ring[tw->tail].flags & TCP_TW_FLAG_LIVE)
			count(&t->conf.counters->tcp_time_wait_full);
		pop(t);
	}
	at = (tw->tail + tw->used) % tw->n;
	/* No place in the flow table: the wait is given up as if the ring were full. */
	if (!tcp_flow_try_add(&t->flow, hash_of(t, entry), at | TCP_TW_BIT)) {
		count(&t->conf.counters->tcp_time_wait_full);
		return;
	}
	tw->ring[at] = *entry;
	tw->ring[at].since_ms = t->now_ms & AGE_MASK;
	tw->ring[at].flags |= TCP_TW_FLAG_LIVE;
	tw->used++;
	gauge(&t->conf.counters->tcp_time_wait_now, tw->used);
}

bool tcp_tw_may_reuse(const struct tcp *t, uint32_t index)
{
	const struct tcp_tw *e = &t->tw.ring[index];

	return (e->flags & TCP_TW_FLAG_TS) && age_ms(t, e) >= TCP_TW_REUSE_MS;
}

uint32_t tcp_tw_expire(struct tcp *t, uint32_t budget)
{
	struct tcp_timewait *tw = &t->tw;
	uint32_t n = 0;

	while (n < budget && tw->used != 0) {
		const struct tcp_tw *e = &tw->ring[tw->tail];

		if ((e->flags & TCP_TW_FLAG_LIVE) && age_ms(t, e) < TCP_TIME_WAIT_MS)
			break;
		pop(t);
		n++;
	}
	return n;
}

uint64_t tcp_tw_next_due_us(const struct tcp *t)
{
	const struct tcp_tw *e = &t->tw.ring[t->tw.tail];
	uint32_t age;

	if (t->tw.used == 0)
		return UINT64_MAX;
	age = age_ms(t, e);
	if (!(e->flags & TCP_TW_FLAG_LIVE) || age >= TCP_TIME_WAIT_MS)
		return t->now_us;
	return (t->now_us / 1000 + TCP_TIME_WAIT_MS - age) * 1000;
}

static void answer(struct tcp *t, const struct tcp_tw *e)
{
	struct tcp_head h = {
		.flags = TCP_ACK,
		.seq = e->snd_nxt,
		.ack = e->rcv_nxt,
		.window = UINT16_MAX,
		.wscale = TCP_WSCALE_NONE,
		.has_ts = (e->flags & TCP_TW_FLAG_TS) != 0,
		.ts_ecr = e->ts_recent,
	};
	struct tcp_tuple tuple = tuple_of(t, e);

	h.ts_val = t->now_ms + tcp_key_ts_offset(&t->key, &tuple);
	tcp_send_loose(t, &tuple, &h);
}

/* RFC 6191 2: can this SYN be none of the old connection's? By its clock, else by its number. */
static bool is_later(const struct tcp_tw *e, const struct tcp_head *h)
{
	if (h->has_ts && (!(e->flags & TCP_TW_FLAG_TS) || seq_gt(h->ts_val, e->ts_recent)))
		return true;
	if (h->has_ts && h->ts_val != e->ts_recent)
		return false;
	return seq_gt(h->seq, e->rcv_nxt);
}

/* Where somebody listens, a later SYN ends the wait and begins a connection (RFC 9293 3.10.7.4).
 * Further SYNs of a burst meet that one. False: the entry stands.
 */
static bool begins_anew(struct tcp *t, uint32_t index, const struct tcp_head *h)
{
	struct tcp_tw e = t->tw.ring[index];
	struct tcp_tuple tuple = tuple_of(t, &e);

	if ((h->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) != TCP_SYN || !tcp_is_listening(t, &tuple) ||
	    !is_later(&e, h))
		return false;
	tcp_tw_del(t, index);
	if (tcp_try_accept(t, &tuple, h, &e.snd_nxt)) {
		count(&t->conf.counters->tcp_time_wait_syn);
		return true;
	}
	e.flags &= TCP_TW_FLAG_TS;
	tcp_tw_add(t, &e);
	return true; /* no room: what is repeated later may find some */
}

/* RFC 9293 3.10.7.4 with RFC 1337: a RST ends no wait; what is repeated is answered; a FIN that is
 * repeated begins the wait anew. A SYN that may be an old one is answered like anything else: a
 * peer that waits for a SYN-ACK resets the wait's end and tries again.
 */
void tcp_tw_input(struct tcp *t, uint32_t index, const struct tcp_head *h, size_t bytes)
{
	struct tcp_tw e = t->tw.ring[index];

	if ((h->flags & TCP_RST) || begins_anew(t, index, h))
		return;
	if (bytes == 0 && !(h->flags & (TCP_SYN | TCP_FIN)) && h->seq == e.rcv_nxt)
		return; /* an ACK of what is acknowledged already */
	if (!tcp_limit_try(&t->challenges, t->now_us))
		return;
	if ((h->flags & TCP_FIN) && h->seq + (uint32_t)bytes == e.rcv_nxt - 1 &&
	    age_ms(t, &e) >= TCP_TW_RESTART_MS) {
		e.flags &= TCP_TW_FLAG_TS;
		tcp_tw_del(t, index);
		tcp_tw_add(t, &e);
	}
	answer(t, &e);
}
