/* bench_wave.c - what a wave of frames cost the worker, and when it is over. */
#include "dataplane/bench_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring.h>

int bench_fail(struct bench *b, const char *what)
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

void bench_say(struct bench *b, const char *metric, double value, const char *unit)
{
	assert(b->out->n < DP_BENCH_VALUES_MAX);
	b->out->values[b->out->n++] =
	    (struct dp_bench_value){ .metric = metric, .value = value, .unit = unit };
}

uint64_t bench_counter(const struct bench *b, const char *name)
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
	uint64_t from = turns(b), end = rte_rdtsc() + (uint64_t)(BENCH_PATIENCE_S * b->hz);

	while (turns(b) < from + 3 && !b->is_stuck) {
		rte_pause();
		b->is_stuck = rte_rdtsc() > end;
	}
}

/* Of the worker's thread so far. */
static struct bench_spent spent_now(struct bench *b)
{
	struct bench_spent s;
	struct timespec t = { 0 };

	let_turns_pass(b);
	(void)clock_gettime(b->above->cpu, &t);
	s = (struct bench_spent){ .busy = bench_counter(b, "worker_busy_cycles"),
		                  .idle = bench_counter(b, "worker_idle_cycles") };
	s.cpu = ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) * b->hz;
	return s;
}

static bool is_done(const struct bench *b)
{
	return bench_player_is_drained(&b->player) && atomic_load(&b->above->todo) == 0;
}

static int wait_until(struct bench *b, bool (*is_so)(const struct bench *b), const char *what)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(BENCH_PATIENCE_S * b->hz);

	while (!is_so(b)) {
		rte_pause();
		if (rte_rdtsc() > end)
			return bench_fail(b, what);
	}
	let_turns_pass(b);
	return b->is_stuck ? bench_fail(b, "the worker makes no turns: its CPU is taken") : 0;
}

static bool has_let_go(const struct bench *b)
{
	return rte_ring_empty(b->player.from) != 0;
}

int bench_work(struct bench *b, const struct bench_order *order, struct bench_spent *spent)
{
	struct bench_spent before = spent_now(b), after;
	int rc;

	if (order != NULL)
		bench_above_order(b->above, order->job, order->first, order->round_conns, order->n);
	bench_player_send(&b->player);
	rc = wait_until(b, is_done, "the worker takes nothing");
	atomic_store(&b->player.tap.hurry, true);
	if (rc == 0)
		rc = wait_until(b, has_let_go, "the worker lets nothing go");
	atomic_store(&b->player.tap.hurry, false);
	after = spent_now(b);
	spent->busy += after.busy - before.busy;
	spent->idle += after.idle - before.idle;
	spent->cpu += after.cpu - before.cpu;
	return rc;
}

void bench_keep(struct bench *b, const struct bench_spent *spent, uint32_t n)
{
	if ((double)(spent->busy + spent->idle) > 1.1 * spent->cpu) {
		b->n_left_out++;
		return;
	}
	if (b->n_waves == BENCH_WAVES_MAX)
		return;
	b->costs[b->n_waves] = (double)spent->busy / n;
	b->cpu_costs[b->n_waves++] = spent->cpu / n;
}

void bench_forget(struct bench *b)
{
	b->n_waves = b->n_left_out = 0;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

double bench_median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

int bench_say_median(struct bench *b, const char *metric, const char *cpu_metric)
{
	if (b->n_waves < BENCH_WAVES_LEAST)
		return bench_fail(b, "the CPU was taken away in most waves: use a quiet machine");
	bench_say(b, metric, bench_median(b->costs, b->n_waves), "cycles");
	if (cpu_metric != NULL)
		bench_say(b, cpu_metric, bench_median(b->cpu_costs, b->n_waves), "cycles");
	/* What it is when nobody disturbs: with less noise, for comparing two builds. */
	bench_say(b, "low_decile", b->costs[b->n_waves / 10], "cycles");
	b->n_waves = 0;
	return 0;
}

int bench_wait_for(struct bench *b, bench_cond_fn *cond, uint64_t want, const char *what)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(BENCH_PATIENCE_S * b->hz);

	atomic_store(&b->player.tap.hurry, true);
	while (bench_player_take(&b->player) || !cond(b, want) || !rte_ring_empty(b->player.from)) {
		if (rte_rdtsc() > end)
			return bench_fail(b, what);
	}
	atomic_store(&b->player.tap.hurry, false);
	return b->player.n_bad_sum + b->player.n_rst + b->player.n_unsent + b->above->n_failed != 0
	           ? bench_fail(b, "something went wrong")
	           : 0;
}
