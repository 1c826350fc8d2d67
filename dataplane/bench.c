/* bench.c - measures the TCP layer: a worker with its real loop, waves of frames, busy cycles.
 *
 * A wave is put on the wire at once, so every burst but the last is full, and the turns that took
 * it are counted by the worker itself (worker_busy_cycles). What the player does meanwhile costs
 * the worker nothing. A wave during which the kernel gave the worker's CPU away, seen as busy
 * cycles that its thread's CPU time does not have, is left out and counted.
 */
#include "dataplane/dp_bench.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include "dataplane/bench_above.h"
#include "dataplane/bench_player.h"
#include "dataplane/net/net.h"
#include "dataplane/worker_int.h"

enum {
	RX_WAVE = 4096,     /* segments to the worker */
	TX_WAVE = 2048,     /* from it: its buffers are few, as on a port they would be */
	HANDSHAKES = 2048,  /* at once */
	WAVES_MAX = 100000, /* kept for the median */
	PATIENCE_S = 20,
	BUFFERS = 4095,
	CLOSE_CONNS = 4096,
	ALIVE_EVERY = 64, /* of the connections held, one in so many is spoken to */
};

struct bench {
	const struct dp_bench_conf *conf;
	struct dp_bench_result *out;
	char *why;
	uint32_t conns;
	struct dp *dp;
	struct bench_above *above;
	struct bench_player player;
	uint32_t *order; /* of connections, random */
	double hz;

	double *costs, *cpu_costs; /* of the waves, cycles a piece */
	uint32_t n_waves, n_left_out;
	bool is_stuck; /* the worker has made no turns for PATIENCE_S */
	uint32_t seed;
};

static int fail(struct bench *b, const char *what)
{
	const struct bench_player *p = &b->player;

	snprintf(b->why, DP_WHY_BYTES,
	         "%s: %.60s (syn %llu fin %llu data %llu ack %llu rst %llu bad sum %llu odd %llu, "
	         "open %u closed %u failed %u)",
	         b->conf->row, what, (unsigned long long)p->n_syn, (unsigned long long)p->n_fin,
	         (unsigned long long)p->n_data, (unsigned long long)p->n_ack,
	         (unsigned long long)p->n_rst, (unsigned long long)p->n_bad_sum,
	         (unsigned long long)p->n_odd, b->above->n_open, b->above->n_closed,
	         b->above->n_failed);
	return -EIO;
}

static void say(struct bench *b, const char *metric, double value, const char *unit)
{
	assert(b->out->n < DP_BENCH_VALUES_MAX);
	b->out->values[b->out->n++] =
	    (struct dp_bench_value){ .metric = metric, .value = value, .unit = unit };
}

/* ---- the worker's account ---- */

struct account {
	uint64_t busy, turns;
	double cpu_s;
};

static uint64_t counter(const struct bench *b, const char *name)
{
	for (uint32_t i = 0; i < dp_n_counters(); i++)
		if (strcmp(dp_counter_name(i), name) == 0)
			return dp_counter(b->dp, 0, i);
	assert(false);
	return 0;
}

static uint64_t turns(const struct bench *b)
{
	static uint32_t at = UINT32_MAX;

	for (uint32_t i = 0; at == UINT32_MAX; i++)
		if (strcmp(dp_counter_name(i), "worker_turns") == 0)
			at = i;
	return dp_counter(b->dp, 0, at);
}

/* Waits until the turn that may be running, and the next, are over and counted. Nothing is taken
 * meanwhile: what the worker sends stays on the wire until the wave is over, so that no line of it
 * is pulled out of the worker's cache under its hands.
 */
static void let_turns_pass(struct bench *b)
{
	uint64_t from = turns(b), end = rte_rdtsc() + (uint64_t)(PATIENCE_S * b->hz);

	while (turns(b) < from + 3 && !b->is_stuck) {
		rte_pause();
		b->is_stuck = rte_rdtsc() > end;
	}
}

static struct account account(struct bench *b)
{
	struct timespec t = { 0 };
	struct account a;

	let_turns_pass(b);
	(void)clock_gettime(b->above->cpu, &t);
	a = (struct account){ .busy = counter(b, "worker_busy_cycles"), .turns = turns(b) };
	a.cpu_s = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
	return a;
}

static void keep(struct bench *b, double busy, double cpu, uint32_t n)
{
	/* An idle turn or two are CPU time and no work; the other way round is a lost CPU. */
	if (busy > 1.1 * cpu) {
		b->n_left_out++;
		return;
	}
	if (b->n_waves == WAVES_MAX)
		return;
	b->costs[b->n_waves] = busy / n;
	b->cpu_costs[b->n_waves++] = cpu / n;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static double median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* Says the median over the waves so far, and forgets them. */
static int say_median(struct bench *b, const char *metric, const char *cpu_metric)
{
	if (b->n_waves == 0 || b->n_left_out > b->n_waves)
		return fail(b, "the CPU was taken away in most waves: use a quiet machine");
	say(b, metric, median(b->costs, b->n_waves), "cycles");
	if (cpu_metric != NULL)
		say(b, cpu_metric, median(b->cpu_costs, b->n_waves), "cycles");
	/* What it is when nobody disturbs: with less noise, for comparing two builds. */
	say(b, "low_decile", b->costs[b->n_waves / 10], "cycles");
	b->n_waves = 0;
	return 0;
}

/* ---- waiting ---- */

typedef bool cond_fn(struct bench *b, uint64_t want);

static int wait_for(struct bench *b, cond_fn *cond, uint64_t want, const char *what);

/* The worker has taken all that was sent to it and done all that was ordered, and counted it. */
static int wait_work(struct bench *b)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(PATIENCE_S * b->hz);

	while (!bench_player_is_drained(&b->player) || atomic_load(&b->above->todo) != 0) {
		rte_pause();
		if (rte_rdtsc() > end)
			return fail(b, "the worker takes nothing");
	}
	let_turns_pass(b);
	return b->is_stuck ? fail(b, "the worker makes no turns: its CPU is taken") : 0;
}

/* Waits for what the player sees of it; never while a wave is measured. */
static int wait_for(struct bench *b, cond_fn *cond, uint64_t want, const char *what)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(PATIENCE_S * b->hz);

	atomic_store(&b->player.tap.hurry, true);
	while (bench_player_take(&b->player) || !cond(b, want) || !rte_ring_empty(b->player.from)) {
		if (rte_rdtsc() > end)
			return fail(b, what);
	}
	atomic_store(&b->player.tap.hurry, false);
	return b->player.n_bad_sum + b->player.n_rst + b->player.n_unsent + b->above->n_failed != 0
	           ? fail(b, "something went wrong")
	           : 0;
}

static bool syns(struct bench *b, uint64_t want)
{
	return b->player.n_syn >= want;
}

static bool opens(struct bench *b, uint64_t want)
{
	return atomic_load(&b->above->n_open) >= want;
}

static bool fins(struct bench *b, uint64_t want)
{
	return b->player.n_fin >= want;
}

static bool closes(struct bench *b, uint64_t want)
{
	return atomic_load(&b->above->n_closed) >= want;
}

static bool data(struct bench *b, uint64_t want)
{
	return b->player.n_data >= want;
}

static bool let_go(struct bench *b, uint64_t want)
{
	return atomic_load(&b->player.tap.taken) >= want;
}

static bool drained(struct bench *b, uint64_t want)
{
	(void)want;
	return bench_player_is_drained(&b->player);
}

static bool is_known(struct bench *b, uint64_t want)
{
	(void)want;
	return b->player.mac_known && b->above->cpu_known;
}

/* What was sent in a wave over the first `want` of order[] is acknowledged. */
static bool acked(struct bench *b, uint64_t want)
{
	static uint32_t at;

	for (; at < want; at++) {
		const struct bench_peer *peer = &b->player.peers[b->order[at]];

		if (peer->acked != peer->seq)
			return false;
	}
	at = 0;
	return true;
}

/* ---- the rows ---- */

static uint32_t draw(struct bench *b)
{
	b->seed ^= b->seed << 13;
	b->seed ^= b->seed >> 17;
	b->seed ^= b->seed << 5;
	return b->seed;
}

/* From `at` on, the next `n` of order[] become random among all that were not drawn yet. */
static void shuffle(struct bench *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + draw(b) % (b->conns - i), was = b->order[i];

		b->order[i] = b->order[k];
		b->order[k] = was;
	}
}

/* Opens connections [first, first + n). */
static int open_some(struct bench *b, uint32_t first, uint32_t n)
{
	uint64_t syn = b->player.n_syn + n, open = atomic_load(&b->above->n_open) + n;
	int rc;

	bench_above_order(b->above, BENCH_CONNECT, first, n, n);
	rc = wait_work(b);
	if (rc == 0)
		rc = wait_for(b, syns, syn, "not every SYN came");
	if (rc != 0)
		return rc;
	for (uint32_t i = first; i < first + n; i++)
		bench_player_add(&b->player, i, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, 0);
	bench_player_send(&b->player);
	rc = wait_work(b);
	return rc != 0 ? rc : wait_for(b, opens, open, "not every connection opened");
}

static int open_all(struct bench *b)
{
	int rc = 0;

	for (uint32_t i = 0; i < b->conns && rc == 0; i += HANDSHAKES)
		rc = open_some(b, i, b->conns - i < HANDSHAKES ? b->conns - i : HANDSHAKES);
	return rc;
}

static bool is_time_left(const struct bench *b, uint64_t began)
{
	return rte_rdtsc() - began < (uint64_t)(b->conf->seconds * b->hz);
}

/* One wave of segments in order over `over` connections drawn anew. */
static int rx_wave(struct bench *b, uint32_t over)
{
	struct account before, after;
	int rc;

	shuffle(b, over);
	for (uint32_t i = 0; i < RX_WAVE; i++)
		bench_player_add(&b->player, b->order[i % over],
		                 RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, BENCH_PAYLOAD_BYTES);
	before = account(b);
	bench_player_send(&b->player);
	rc = wait_work(b);
	if (rc != 0)
		return rc;
	after = account(b);
	keep(b, (double)(after.busy - before.busy), (after.cpu_s - before.cpu_s) * b->hz, RX_WAVE);
	return wait_for(b, acked, over, "not every segment was acknowledged");
}

static int rx(struct bench *b, uint32_t over, const char *metric, const char *cpu_metric)
{
	uint64_t began;
	int rc = open_all(b);

	for (uint32_t i = 0; i < 3 && rc == 0; i++)
		rc = rx_wave(b, over);
	b->n_waves = b->n_left_out = 0;
	began = rte_rdtsc();
	while (rc == 0 && is_time_left(b, began))
		rc = rx_wave(b, over);
	return rc != 0 ? rc : say_median(b, metric, cpu_metric);
}

static int segment_rx_hot(struct bench *b)
{
	return rx(b, b->conns < RX_WAVE ? b->conns : RX_WAVE, "segment_rx_hot",
	          "segment_rx_hot_cpu");
}

static int segment_rx_1m(struct bench *b)
{
	return rx(b, b->conns < RX_WAVE ? b->conns : RX_WAVE, "segment_rx_1m", "segment_rx_1m_cpu");
}

/* Every connection sends what fits into a first window; then all is acknowledged. The player looks
 * at the first waves; later it knows what was sent without looking.
 */
static int tx_wave(struct bench *b, bool looks, double *ack_cost)
{
	struct bench_player *p = &b->player;
	uint64_t came = p->n_data + TX_WAVE, taken = p->tap.taken + TX_WAVE;
	struct account before, sent, after;
	int rc;

	atomic_store(&p->tap.blind, !looks);
	before = account(b);
	bench_above_order(b->above, BENCH_SEND, 0, b->conns, TX_WAVE);
	rc = wait_work(b);
	if (rc != 0)
		return rc;
	sent = account(b);
	rc = looks ? wait_for(b, data, came, "not every segment came")
	           : wait_for(b, let_go, taken, "not every segment came");
	for (uint32_t i = 0; i < b->conns; i++) {
		if (!looks)
			p->peers[i].ack += TX_WAVE / b->conns * BENCH_PAYLOAD_BYTES;
		bench_player_add(p, i, RTE_TCP_ACK_FLAG, 0);
	}
	before.cpu_s -= sent.cpu_s;
	keep(b, (double)(sent.busy - before.busy), -before.cpu_s * b->hz, TX_WAVE);
	sent = account(b);
	bench_player_send(p);
	if (rc == 0)
		rc = wait_work(b);
	after = account(b);
	*ack_cost = (double)(after.busy - sent.busy) / TX_WAVE;
	return rc;
}

static int segment_tx(struct bench *b)
{
	double *acks = calloc(WAVES_MAX, sizeof(*acks));
	uint32_t n = 0;
	uint64_t began;
	int rc;

	if (acks == NULL)
		return -ENOMEM;
	if (TX_WAVE % b->conns != 0 || TX_WAVE / b->conns > 16) {
		free(acks);
		return fail(b, "--connections must be 128, 256, 512, 1024 or 2048 here");
	}
	rc = open_all(b);

	for (uint32_t i = 0; i < 3 && rc == 0; i++)
		rc = tx_wave(b, true, acks);
	b->n_waves = b->n_left_out = 0;
	began = rte_rdtsc();
	for (; rc == 0 && n < WAVES_MAX && is_time_left(b, began); n++)
		rc = tx_wave(b, false, &acks[n]);
	if (rc == 0)
		rc = say_median(b, "segment_tx", "segment_tx_cpu");
	if (rc == 0)
		say(b, "segment_tx_ack_share", median(acks, n), "cycles");
	free(acks);
	return rc;
}

/* SYN, SYN-ACK, FIN, FIN-ACK, ACK and the entry in TIME-WAIT, which drives out the oldest. */
static int close_wave(struct bench *b)
{
	uint64_t closed = atomic_load(&b->above->n_closed) + HANDSHAKES;
	uint64_t fin = b->player.n_fin + HANDSHAKES;
	struct account before = account(b), after;
	int rc = open_some(b, 0, HANDSHAKES);

	if (rc == 0)
		rc = wait_for(b, fins, fin, "not every FIN came");
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < HANDSHAKES; i++)
		bench_player_add(&b->player, i, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 0);
	bench_player_send(&b->player);
	rc = wait_work(b);
	if (rc == 0)
		rc = wait_for(b, closes, closed, "not every connection closed");
	after = account(b);
	/* The worker rests while the player prepares: its CPU time is no measure here. */
	keep(b, (double)(after.busy - before.busy), 1e18, HANDSHAKES);
	return rc;
}

static int connect_close(struct bench *b)
{
	uint64_t began;
	int rc = 0;

	atomic_store(&b->above->closes, true);
	for (uint32_t i = 0; i < 6 && rc == 0; i++)
		rc = close_wave(b); /* until TIME-WAIT is full */
	b->n_waves = b->n_left_out = 0;
	began = rte_rdtsc();
	while (rc == 0 && is_time_left(b, began))
		rc = close_wave(b);
	return rc != 0 ? rc : say_median(b, "connect_close", NULL);
}

static uint64_t tcp_bytes(uint32_t conns, uint32_t time_waits)
{
	struct tcp_conf c = { .conns_max = conns, .time_wait_max = time_waits };

	return tcp_memory_bytes(&c);
}

/* As many as fit into 1 GiB of the TCP layer's memory are opened, and some of them spoken to. */
static int connections_open(struct bench *b)
{
	uint32_t n = b->conns / ALIVE_EVERY < RX_WAVE ? b->conns / ALIVE_EVERY : RX_WAVE;
	int rc = open_all(b);

	if (rc != 0)
		return rc;
	if (counter(b, "tcp_open_now") != b->conns)
		return fail(b, "not all are open at once");
	shuffle(b, n);
	for (uint32_t i = 0; i < n; i++)
		bench_player_add(&b->player, b->order[i], RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG,
		                 BENCH_PAYLOAD_BYTES);
	bench_player_send(&b->player);
	rc = wait_for(b, acked, n, "not every connection lives");
	say(b, "connections_open", b->conns, "connections");
	say(b, "connections_open_bytes", (double)tcp_bytes(b->conns, 1 << 18), "bytes");
	return rc;
}

/* What one more of a million costs: all that is allocated, by the number of them. */
static int memory(struct bench *b)
{
	enum { CONNS = 1000000, WAITS = 262144 };
	double conns = (double)tcp_bytes(CONNS, 1), both = (double)tcp_bytes(CONNS, WAITS);

	say(b, "bytes_per_connection", conns / CONNS, "bytes");
	say(b, "timewait_bytes", (both - conns) / WAITS, "bytes");
	return 0;
}

/* The largest number whose tables, with the most of TIME-WAIT a worker takes, fit into 1 GiB. */
static uint32_t conns_in_a_gib(void)
{
	uint32_t low = 1, high = DP_BENCH_CONNS_MAX;

	while (low < high) {
		uint32_t mid = low + (high - low + 1) / 2;

		if (tcp_bytes(mid, 1 << 18) <= 1ull << 30)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

static const struct {
	const char *name, *help;
	int (*run)(struct bench *b);
	uint32_t conns; /* 0: as many as fit into 1 GiB */
	bool no_worker;
} rows[] = {
	/* clang-format off */
	{ "segment_rx_hot",   "cycles per in-order segment received, few connections", segment_rx_hot, 256, false },
	{ "segment_rx_1m",    "the same, random over a million connections", segment_rx_1m, 1000000, false },
	{ "segment_tx",       "cycles per data segment sent, checksum in software", segment_tx, 256, false },
	{ "connect_close",    "cycles per connection opened and closed without data", connect_close, CLOSE_CONNS, false },
	{ "connections_open", "connections open at once in 1 GiB of TCP's memory", connections_open, 0, false },
	{ "memory",           "bytes per connection and per TIME-WAIT entry", memory, 1, true },
	/* clang-format on */
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *dp_bench_row(uint32_t row)
{
	return row < N_ROWS ? rows[row].name : NULL;
}

const char *dp_bench_help(uint32_t row)
{
	return row < N_ROWS ? rows[row].help : NULL;
}

/* ---- setting up ---- */

static int devices(void *ctx, char why[DP_WHY_BYTES])
{
	struct bench *b = ctx;

	b->above->tap = &b->player.tap;
	return bench_player_open(&b->player, b->conns, &b->above->local, why);
}

static int run_row(struct bench *b, uint32_t row)
{
	int rc;

	rc = wait_for(b, drained, 0, "the worker does not run");
	if (rc == 0)
		rc = wait_for(b, is_known, 0, "the worker does not say who it is");
	/* Without a known way the first SYNs would wait for the gateway's address. */
	for (uint64_t end = rte_rdtsc() + (uint64_t)(0.3 * b->hz); rc == 0 && rte_rdtsc() < end;)
		bench_player_take(&b->player);
	return rc != 0 ? rc : rows[row].run(b);
}

static int with_worker(struct bench *b, uint32_t row)
{
	struct dp_port_conf port = {
		.name = "bench", .device = BENCH_DEVICE, .n_addrs = 1, .mtu_bytes = 1500
	};
	struct dp_source_conf source = { .name = "bench", .helo = "bench.invalid" };
	static const uint8_t secret[32] = "numbers that need not be secret";
	struct dp_conf dp = { .ports = &port,
		              .n_ports = 1,
		              .sources = &source,
		              .n_sources = 1,
		              .conns_max = b->conns,
		              .window = 1,
		              .buffers = BUFFERS,
		              .drain_max_ms = 1,
		              .smtp = { .times = { .connect_ms = 60000 } },
		              .state_dir = b->conf->state_dir,
		              .secret = secret,
		              .log = b->conf->log };
	struct dp_hook hook = { .eal_bytes = bench_player_bytes(), .devices = devices, .ctx = b };
	int rc;

	(void)ip_prefix_parse("198.18.0.2/24", &port.addrs[0]);
	(void)ip_parse("198.18.0.1", &port.gateway4);
	source.addr4 = port.addrs[0].addr;
	b->above = bench_above_open(b->conns, &source.addr4);
	if (b->above == NULL)
		return -ENOMEM;
	hook.above = &b->above->door;
	rc = dp_start_hooked(&dp, &hook, &b->dp, b->why);
	if (rc == 0) {
		b->hz = (double)rte_get_tsc_hz();
		b->out->hugepages = rte_eal_has_hugepages() != 0;
		(void)rte_thread_register(); /* a cache of buffers of its own */
		rc = run_row(b, row);
		rte_thread_unregister();
		say(b, "waves_left_out", b->n_left_out, "waves");
		dp_stop(b->dp);
		bench_player_close(&b->player);
	}
	bench_above_close(b->above);
	return rc;
}

int dp_bench(const struct dp_bench_conf *conf, struct dp_bench_result *out, char why[DP_WHY_BYTES])
{
	struct bench *b = calloc(1, sizeof(*b));
	uint32_t row = 0;
	int rc = -ENOMEM;

	memset(out, 0, sizeof(*out));
	while (row < N_ROWS && strcmp(rows[row].name, conf->row) != 0)
		row++;
	if (row == N_ROWS) {
		snprintf(why, DP_WHY_BYTES, "there is no row \"%.40s\"", conf->row);
		free(b);
		return -EINVAL;
	}
	snprintf(why, DP_WHY_BYTES, "no memory for the bench");
	if (b == NULL)
		return rc;
	b->conf = conf;
	b->out = out;
	b->why = why;
	b->seed = 2463534242u;
	b->conns = conf->conns != 0 ? conf->conns : rows[row].conns;
	if (b->conns == 0)
		b->conns = conns_in_a_gib();
	b->order = calloc(b->conns, sizeof(*b->order));
	b->costs = calloc(WAVES_MAX, sizeof(*b->costs));
	b->cpu_costs = calloc(WAVES_MAX, sizeof(*b->cpu_costs));
	if (b->order != NULL && b->costs != NULL && b->cpu_costs != NULL) {
		for (uint32_t i = 0; i < b->conns; i++)
			b->order[i] = i;
		rc = rows[row].no_worker ? rows[row].run(b) : with_worker(b, row);
	}
	free(b->order);
	free(b->costs);
	free(b->cpu_costs);
	free(b);
	return rc;
}
