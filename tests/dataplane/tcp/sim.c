/* sim.c - two engines joined by a bad wire, in virtual time. */
#include "tests/dataplane/tcp/sim_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "tests/support/eal.h"

static struct rte_mempool *pools[2][2]; /* of each end: plenty, few */
static struct packet *packets;
static const uint8_t secret[32] = "another secret of 32 bytes......";

/* --- the layer above --- */

static void write_more(struct end *e, uint64_t now_us)
{
	uint8_t chunk[1700];

	e->write_us = UINT64_MAX;
	while (e->written < e->total) {
		uint32_t n = RTE_MIN(e->total - e->written, 1 + sim_below(e->sim, sizeof(chunk)));
		size_t took;

		for (uint32_t i = 0; i < n; i++)
			chunk[i] = sim_pattern(e->written + i);
		took = tcp_write(e->tcp, now_us, e->id, span_of(chunk, n));
		e->written += (uint32_t)took;
		if (took < n)
			break;
		if (e->sim->path->pause_ms != 0 && sim_happens(e->sim, 50)) {
			e->write_us = now_us + 1000ull * sim_below(e->sim, e->sim->path->pause_ms);
			break;
		}
	}
	tcp_flush(e->tcp, now_us, e->id);
	if (e->written == e->total && !e->closing) {
		e->closing = true;
		tcp_close(e->tcp, now_us, e->id);
	}
}

static void opened(void *user, uint64_t now_us)
{
	struct end *e = user;

	assert(!e->opened);
	e->opened = true;
	write_more(e, now_us);
}

static void received(void *user, uint64_t now_us, struct span bytes)
{
	struct end *e = user;

	(void)now_us;
	assert(e->opened && !e->closed && !e->peer_closed);
	for (size_t i = 0; i < bytes.bytes; i++)
		e->bad |= bytes.at[i] != sim_pattern(e->received++);
}

static void writable(void *user, uint64_t now_us)
{
	write_more(user, now_us);
}

static void peer_closed(void *user, uint64_t now_us)
{
	struct end *e = user;

	(void)now_us;
	assert(!e->peer_closed);
	e->peer_closed = true;
}

static void closed(void *user, uint64_t now_us, int why)
{
	struct end *e = user;

	assert(!e->closed);
	if (!e->opened && e->index == 1) { /* a SYN that nobody stood behind: it listens on */
		e->id = TCB_NONE;
		return;
	}
	e->closed = true;
	e->closed_us = now_us;
	e->write_us = UINT64_MAX;
	e->why = why;
}

/* One connection only: a SYN that comes again after it has ended is refused. */
static void *accept_one(void *ctx, tcp_id id)
{
	struct end *e = ctx;

	if (e->id != TCB_NONE)
		return NULL;
	e->id = id;
	return e;
}

static const struct tcp_ops ops = { .opened = opened,
	                            .received = received,
	                            .writable = writable,
	                            .peer_closed = peer_closed,
	                            .closed = closed };

/* --- time --- */

static void open_end(struct sim *s, unsigned i)
{
	const struct sim_path *path = s->path;
	struct end *e = &s->ends[i];
	struct tcp_conf conf = {
		.conns_max = 4,
		.time_wait_max = 4,
		.tx_bytes_max = 60000,
		.rx_window_bytes = path->rx_window_bytes,
		.syn_timeout_ms = 600000,
		.user_timeout_ms = 900000,
		.rst_per_second_max = 10,
		.cc = path->reno ? TCP_CC_NEWRENO : TCP_CC_CUBIC,
		.ecn = path->ecn[i],
		.pacing = path->pacing,
		.tso_segs_max = path->tso_segs,
		.tso_bytes_max = path->tso_bytes,
		.port_first = PORT_A,
		.port_last = PORT_A,
		.secret = secret,
		.pool = pools[path->few_buffers][i],
		.net = (struct net *)e,
		.counters = &e->counters,
		.ops = &ops,
	};
	int rc;

	if (i == 1) {
		conf.listen_port = PORT_B;
		conf.accept = accept_one;
		conf.accept_ctx = e;
	}
	e->sim = s;
	e->other = &s->ends[1 - i];
	e->index = i;
	e->total = path->bytes[i];
	e->port = i == 0 ? PORT_A : PORT_B;
	e->id = TCB_NONE;
	e->pool = conf.pool;
	e->write_us = e->next_us = UINT64_MAX;
	ip_parse(i == 0 ? "10.0.0.1" : "10.0.0.2", &e->addr);
	rc = tcp_open(&conf, s->now_us, &e->tcp);
	assert(rc == 0);
	tcp_force_iss(e->tcp, path->iss);
}

static void steal_buffers(struct end *e)
{
	uint32_t n = sim_below(e->sim, STARVED_MAX);

	while (e->n_stolen < n) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);

		if (m == NULL)
			break;
		e->stolen[e->n_stolen++] = m;
	}
}

static void return_buffers(struct end *e)
{
	while (e->n_stolen != 0)
		rte_pktmbuf_free(e->stolen[--e->n_stolen]);
}

/* What may go wrong at an end when a packet comes. */
static void play_games(struct sim *s, struct end *e)
{
	const struct sim_path *p = s->path;

	if (s->now_us > START_US + GAMES_END_US)
		return;
	if (s->now_us >= e->lie_until_us && sim_happens(s, p->window_games)) {
		e->lie_until_us = s->now_us + sim_below(s, 3000000);
		e->lie_divisor = sim_below(s, 5);
	}
	if (s->now_us >= e->starved_until_us && sim_happens(s, p->starve)) {
		e->starved_until_us = s->now_us + sim_below(s, 2000000);
		steal_buffers(e);
	}
	if (sim_happens(s, p->stall))
		e->stalled_until_us = s->now_us + sim_below(s, 1500000);
}

static void run_end(struct sim *s, struct end *e)
{
	if (s->now_us >= e->starved_until_us)
		return_buffers(e);
	if (s->now_us >= e->write_us)
		write_more(e, s->now_us);
	e->next_us = tcp_tick(e->tcp, s->now_us, 100);
	tcp_check(e->tcp);
	tcp_turn_end(e->tcp, s->now_us);
	tcp_check(e->tcp);
}

static void deliver(struct sim *s, struct packet *p)
{
	struct end *e = p->to;
	struct net_seg seg = { .local = e->addr,
		               .remote = e->other->addr,
		               .tcp = span_of(p->at, p->bytes),
		               .ecn = p->ecn };

	play_games(s, e);
	if (p->bytes == 0) {
		tcp_icmp(e->tcp, s->now_us, &p->icmp);
	} else if (sim_sum(p->at, p->bytes) == p->sum) { /* as net does */
		tcp_foresee(e->tcp, &seg);
		tcp_expect(e->tcp, &seg, 1);
		tcp_input(e->tcp, s->now_us, &seg);
	}
	tcp_check(e->tcp);
}

static void deliver_due(struct sim *s)
{
	while (s->n_heap != 0 && s->packets[s->heap[0]].due_us <= s->now_us) {
		uint32_t i = sim_heap_pop(s);
		struct packet *p = &s->packets[i];

		if (s->now_us < p->to->stalled_until_us) { /* it waits in the device */
			p->due_us = p->to->stalled_until_us;
			sim_heap_add(s, i);
			continue;
		}
		deliver(s, p);
		sim_packet_put(s, p);
	}
}

static uint64_t next_of(const struct end *e)
{
	uint64_t at = RTE_MIN(e->next_us, e->write_us);

	if (e->n_stolen != 0)
		at = RTE_MIN(at, e->starved_until_us);
	return RTE_MAX(at, e->stalled_until_us);
}

static void run_until_closed(struct sim *s)
{
	const struct sim_path *path = s->path;
	struct end *a = &s->ends[0], *b = &s->ends[1];
	uint64_t abort_us = path->abort_ms != 0 ? START_US + path->abort_ms * 1000ull : UINT64_MAX;

	while (!(a->closed && (b->closed || b->id == TCB_NONE)) && s->now_us < TIME_MAX_US) {
		uint64_t next = RTE_MIN(next_of(a), next_of(b));

		if (s->n_heap != 0)
			next = RTE_MIN(next, s->packets[s->heap[0]].due_us);
		if (next == UINT64_MAX)
			return; /* nothing will ever happen again */
		s->now_us = RTE_MAX(next, s->now_us + STEP_US);
		deliver_due(s);
		for (unsigned i = 0; i < 2; i++)
			if (s->now_us >= s->ends[i].stalled_until_us)
				run_end(s, &s->ends[i]);
		if (s->now_us >= abort_us && !a->closed) {
			tcp_abort(a->tcp, s->now_us, a->id);
			tcp_check(a->tcp);
		}
	}
}

/* TIME-WAIT is over: a FIN that comes again meets nobody, and a RST is right. */
static bool reset_is_fair(const struct end *e)
{
	return e->why == -ECONNRESET && e->other->closed && e->other->why == 0 &&
	       e->closed_us - e->other->closed_us > 60000000;
}

static void judge(const struct sim *s, struct sim_result *out)
{
	for (unsigned i = 0; i < 2 && out->wrong[0] == '\0'; i++) {
		const struct end *e = &s->ends[i];
		const char *who = i == 0 ? "opener" : "listener";

		if (e->bad || e->received > e->other->total)
			snprintf(out->wrong, sizeof(out->wrong), "%s got wrong bytes", who);
		else if (!e->closed && (e->id != TCB_NONE || i == 0))
			snprintf(out->wrong, sizeof(out->wrong),
			         "%s never ends: sent %u of %u, got %u", who, e->written, e->total,
			         e->received);
		else if (s->path->abort_ms != 0)
			continue;
		else if (e->why != 0 && !reset_is_fair(e))
			snprintf(out->wrong, sizeof(out->wrong), "%s ended with %d, got %u of %u",
			         who, e->why, e->received, e->other->total);
		else if (e->received != e->other->total)
			snprintf(out->wrong, sizeof(out->wrong), "%s got %u of %u", who,
			         e->received, e->other->total);
	}
}

bool sim_run(const struct sim_path *path, struct sim_result *out)
{
	static struct sim s; /* large */
	int rc;

	memset(out, 0, sizeof(*out));
	s = (struct sim){ .path = path,
		          .now_us = START_US,
		          .random = path->seed * 0x9e3779b97f4a7c15ull + 1,
		          .packets = packets };
	for (uint32_t i = 0; i < PACKETS_MAX; i++)
		s.free[s.n_free++] = i;
	open_end(&s, 0);
	open_end(&s, 1);
	rc = tcp_connect(s.ends[0].tcp, s.now_us, &s.ends[0].addr, &s.ends[1].addr, PORT_B,
	                 &s.ends[0], &s.ends[0].id);
	assert(rc == 0);
	s.ends[0].next_us = s.now_us;
	run_until_closed(&s);
	judge(&s, out);
	out->took_us = s.now_us - START_US;
	out->packets = s.n_sent;
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &s.ends[i];

		out->received[i] = e->received;
		out->why[i] = e->why;
		out->resent[i] = counter_read(&e->counters.tcp_retransmits);
		out->timeouts[i] = counter_read(&e->counters.tcp_rto);
#define SEEN(counter) out->seen.counter += counter_read(&e->counters.counter);
		SIM_SEEN
#undef SEEN
		return_buffers(e);
		tcp_close_engine(e->tcp);
		sim_let_go(e);
		if (eal_pool_held(e->pool) != 0 && out->wrong[0] == '\0')
			snprintf(out->wrong, sizeof(out->wrong), "%u buffers were lost",
			         eal_pool_held(e->pool));
	}
	return out->wrong[0] == '\0';
}

void sim_init(void)
{
	eal_start();
	pools[0][0] = eal_pool("plenty-a", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[0][1] = eal_pool("plenty-b", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][0] = eal_pool("few-a", 31, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][1] = eal_pool("few-b", 31, 2176, TCP_MBUF_PRIV_BYTES);
	packets = malloc(PACKETS_MAX * sizeof(*packets));
	assert(packets != NULL);
}
