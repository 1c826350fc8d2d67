/* bench_int.h - what the files of the bench share: a run, the account of a wave, waiting.
 *
 *	bench.c       the rows, setting up           bench_rows.c  what each row does
 *	bench_wave.c  what a wave cost, and its end
 *
 * Owner   dp_bench(). Thread: the one that measures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/bench_above.h"
#include "dataplane/bench_player.h"
#include "dataplane/dp_bench.h"

enum {
	BENCH_WAVES_MAX = 100000, /* kept for the median */
	BENCH_WAVES_LEAST = 9,    /* undisturbed ones that a median is made of */
	BENCH_PATIENCE_S = 20,
	BENCH_CLOSE_CONNS = 4096,
	BENCH_WAITS = 1 << 18, /* of TIME-WAIT: the most that a worker takes */
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

/* What the worker's thread has spent, in cycles. */
struct bench_spent {
	uint64_t busy, idle; /* in turns with work, and without */
	double cpu;          /* what the kernel charged it for */
};

/* What the layer above is to do; see bench_above_order(). */
struct bench_order {
	enum bench_job job;
	uint32_t first, round_conns, n;
};

/* bench_wave.c. Says what went wrong, with what the player saw; returns -EIO. */
int bench_fail(struct bench *b, const char *what);
void bench_say(struct bench *b, const char *metric, double value, const char *unit);
uint64_t bench_counter(const struct bench *b, const char *name);

/* Orders (NULL: nothing), puts the player's wave on the wire, waits until the worker has done all
 * of it and let go of all it sent, and adds what that cost to `spent`. Returns 0 or -EIO.
 */
int bench_work(struct bench *b, const struct bench_order *order, struct bench_spent *spent);

/* Keeps a wave of `n` pieces. One in which the kernel gave the worker's CPU to somebody else (its
 * turns cost more than its thread was charged for) is counted and left out.
 */
void bench_keep(struct bench *b, const struct bench_spent *spent, uint32_t n);
void bench_forget(struct bench *b);

double bench_median(double *v, uint32_t n);

/* Says the median over the waves so far and forgets them; `cpu_metric` may be NULL. Returns 0, or
 * -EIO when too few were undisturbed.
 */
int bench_say_median(struct bench *b, const char *metric, const char *cpu_metric);

/* Waits for what the player sees of it; never while a wave is measured. */
typedef bool bench_cond_fn(struct bench *b, uint64_t want);
int bench_wait_for(struct bench *b, bench_cond_fn *cond, uint64_t want, const char *what);

/* bench_rows.c: each measures and says; 0 or -errno. */
int bench_segment_floor(struct bench *b);
int bench_segment_rx_hot(struct bench *b);
int bench_segment_rx_1m(struct bench *b);
int bench_segment_tx(struct bench *b);
int bench_connect_close(struct bench *b);
int bench_connections_open(struct bench *b);
int bench_memory(struct bench *b);

/* Bytes of TCP's tables. Pure. */
uint64_t bench_tcp_bytes(uint32_t conns, uint32_t time_waits);
