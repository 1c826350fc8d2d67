/* bench_above.c - a layer above TCP that does next to nothing. */
#include "dataplane/bench_above.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct bench_above the;

struct ip_addr bench_remote(uint32_t i)
{
	uint32_t host = i + 16;
	uint8_t v4[4] = { 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host };

	assert(host < 1 << 24);
	return ip_from_v4(v4);
}

/* One writer each, as counters.h has it. */
static void add(_Atomic uint32_t *n, uint32_t by)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by,
	                      memory_order_release);
}

static void on_opened(void *user, uint64_t now_us)
{
	tcp_id *id = user;

	add(&the.n_open, 1);
	if (atomic_load_explicit(&the.closes, memory_order_relaxed))
		tcp_close(the.tcp, now_us, *id);
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	(void)user;
	(void)now_us;
	atomic_store_explicit(&the.bytes,
	                      atomic_load_explicit(&the.bytes, memory_order_relaxed) + bytes.bytes,
	                      memory_order_relaxed);
}

static void on_writable(void *user, uint64_t now_us)
{
	(void)user;
	(void)now_us;
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	(void)user;
	(void)now_us;
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	(void)user;
	(void)now_us;
	add(why == 0 ? &the.n_closed : &the.n_failed, 1);
}

static const struct tcp_ops ops = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
};

static void connect_one(struct bench_above *a, uint64_t now_us, uint32_t i)
{
	struct ip_addr remote = bench_remote(i);

	if (tcp_connect(a->tcp, now_us, &a->local, &remote, BENCH_PORT, &a->ids[i], &a->ids[i]) !=
	    0)
		add(&a->n_failed, 1);
}

static void send_one(struct bench_above *a, uint64_t now_us, uint32_t i)
{
	static const uint8_t payload[BENCH_PAYLOAD_BYTES] = "250 2.0.0 Ok";

	if (tcp_write(a->tcp, now_us, a->ids[i], span_of(payload, sizeof(payload))) !=
	    sizeof(payload))
		add(&a->n_failed, 1);
	tcp_flush(a->tcp, now_us, a->ids[i]);
}

static bool turn(void *ctx, uint64_t now_us)
{
	struct bench_above *a = ctx;
	uint32_t todo = atomic_load_explicit(&a->todo, memory_order_acquire), n;

	if (!a->cpu_known)
		a->cpu_known = pthread_getcpuclockid(pthread_self(), &a->cpu) == 0;
	n = todo < BENCH_PER_TURN ? todo : BENCH_PER_TURN;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = a->first + a->at;

		if (++a->at == a->round_conns)
			a->at = 0;
		if (a->job == BENCH_CONNECT)
			connect_one(a, now_us, i);
		else
			send_one(a, now_us, i);
	}
	if (n != 0)
		atomic_store_explicit(&a->todo, todo - n, memory_order_release);
	return bench_tap_turn(a->tap) + n != 0;
}

static void opened(void *ctx, struct tcp *tcp)
{
	struct bench_above *a = ctx;

	a->tcp = tcp;
}

struct bench_above *bench_above_open(uint32_t conns, const struct ip_addr *local)
{
	the = (struct bench_above){
		.door = { .ops = &ops,
		          .opened = opened,
		          .turn = turn,
		          .ctx = &the,
		          .reader_is_tame = true },
		.conns = conns,
		.local = *local,
		.ids = calloc(conns, sizeof(*the.ids)),
	};
	return the.ids != NULL ? &the : NULL;
}

void bench_above_close(struct bench_above *a)
{
	free(a->ids);
	a->ids = NULL;
}

void bench_above_order(struct bench_above *a, enum bench_job job, uint32_t first,
                       uint32_t round_conns, uint32_t n)
{
	assert(atomic_load(&a->todo) == 0 && round_conns != 0 && first + round_conns <= a->conns);
	a->job = job;
	a->first = first;
	a->round_conns = round_conns;
	a->at = 0;
	atomic_store_explicit(&a->todo, n, memory_order_release);
}
