/* tcp_pace.c - what a window allows leaves spread over the round trip, not in one burst.
 *
 * Each segment moves pace_us, the moment at which the next one may leave, by what it costs at twice
 * the window a round trip in slow start, at 1.2 times it later: the window and not the pace is what
 * limits in the end. The clock of the timers ticks in milliseconds and a worker may sleep, so
 * pace_us may lag by BURST_US, and that much may leave at once.
 */
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seq.h"

enum { BURST_US = 2000 };

bool tcp_pace_may(struct tcp *t, struct tcb *c)
{
	uint32_t now = (uint32_t)t->now_us;

	if (!t->conf.pacing || c->rto.srtt_us <= BURST_US)
		return true;
	/* With nothing in the network nobody would call again. The time since says nothing. */
	if (c->flight == 0 || seq_lt(c->pace_us, now - BURST_US)) {
		c->pace_us = now - BURST_US;
		return true;
	}
	if (seq_leq(c->pace_us, now))
		return true;
	count(&t->conf.counters->tcp_paced);
	c->flags |= TCB_F_RETRY;
	tcp_slow_start(t, c, t->now_ms + (c->pace_us - now) / 1000 + 1);
	return false;
}

/* As much as BURST_US bring, so that the device's cutting makes no larger bursts than ours. */
uint32_t tcp_pace_bytes(const struct tcp *t, const struct tcb *c)
{
	uint64_t bytes;

	if (!t->conf.pacing || c->rto.srtt_us <= BURST_US)
		return UINT32_MAX;
	bytes = (uint64_t)c->cwnd * 2 * BURST_US / c->rto.srtt_us;
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

void tcp_pace_sent(struct tcp *t, struct tcb *c, uint32_t bytes)
{
	uint64_t us = (uint64_t)bytes * c->rto.srtt_us;

	if (!t->conf.pacing)
		return;
	us = c->cwnd < c->ssthresh ? us / 2 / c->cwnd : us * 5 / 6 / c->cwnd;
	/* A segment that left without being asked owes no more than a round trip. */
	c->pace_us += us < c->rto.srtt_us ? (uint32_t)us : c->rto.srtt_us;
}
