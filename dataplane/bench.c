/* bench.c - measures the TCP layer: a worker with its real loop, waves of frames, busy cycles.
 *
 * A wave is put on the wire at once, so every burst but the last is full, and the turns that took
 * it are counted by the worker itself (worker_busy_cycles). What the player does meanwhile costs
 * the worker nothing. A wave during which the kernel gave the worker's CPU away, seen as busy
 * cycles that its thread's CPU time does not have, is left out and counted.
 */
#include "dataplane/dp_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "dataplane/bench_int.h"
#include "dataplane/worker_int.h"

enum { BUFFERS = 4095 };

/* The largest number whose tables, with the most of TIME-WAIT a worker takes, fit into 1 GiB. */
static uint32_t conns_in_a_gib(void)
{
	uint32_t low = 1, high = DP_BENCH_CONNS_MAX;

	while (low < high) {
		uint32_t mid = low + (high - low + 1) / 2;

		if (bench_tcp_bytes(mid, BENCH_WAITS) <= 1ull << 30)
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
	{ "segment_floor",    "cycles per frame for another station: ring, buffers, the first look", bench_segment_floor, 256, false },
	{ "segment_rx_hot",   "cycles per in-order segment received, few connections", bench_segment_rx_hot, 256, false },
	{ "segment_rx_1m",    "the same, random over a million connections", bench_segment_rx_1m, 1000000, false },
	{ "segment_tx",       "cycles per data segment sent, checksum in software", bench_segment_tx, 256, false },
	{ "connect_close",    "cycles per connection opened and closed without data", bench_connect_close, BENCH_CLOSE_CONNS, false },
	{ "connections_open", "connections open at once in 1 GiB of TCP's memory", bench_connections_open, 0, false },
	{ "memory",           "bytes per connection and per TIME-WAIT entry", bench_memory, 1, true },
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

static int devices(void *ctx, char why[DP_WHY_BYTES])
{
	struct bench *b = ctx;

	b->above->tap = &b->player.tap;
	return bench_player_open(&b->player, b->conns, &b->above->local, why);
}

static int run_row(struct bench *b, uint32_t row)
{
	int rc;

	rc = bench_wait_for(b, drained, 0, "the worker does not run");
	if (rc == 0)
		rc = bench_wait_for(b, is_known, 0, "the worker does not say who it is");
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
		              .idle = DP_IDLE_POLL, /* a CPU that slept meets cold caches */
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
		bench_say(b, "waves_left_out", b->n_left_out, "waves");
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
	b->costs = calloc(BENCH_WAVES_MAX, sizeof(*b->costs));
	b->cpu_costs = calloc(BENCH_WAVES_MAX, sizeof(*b->cpu_costs));
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
