/* bench_slices.h - what a worker did in slices of time, by its own account and by the kernel's.
 *
 * A slice in which what the worker counts and what the kernel gave its thread differ by more than a
 * tenth lost its CPU to somebody else in the middle of a turn: it is left out, and counted.
 *
 * Thread  the measuring one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "dataplane/dp.h"

enum { BENCH_SLICES_MAX = 20000 };

struct bench_slices {
	const struct dp *dp;
	uint32_t busy_at, idle_at; /* counters */
	clockid_t cpu_clock;       /* the thread's */
	double hz;
	double *costs, *cpu_costs; /* cycles a piece, by slice */
	uint32_t n, n_left_out;
	uint64_t busy, idle;
	double cpu;                 /* cycles */
	double good_busy, good_cpu; /* cycles of the slices that count, and what was done in them */
	uint64_t good_pieces;
};

/* Finds the worker's thread. Returns 0 or -errno. */
int bench_slices_open(struct bench_slices *s, const struct dp *dp);
void bench_slices_close(struct bench_slices *s);

/* Begins; then ends a slice in which so many pieces were done, and begins the next. */
void bench_slices_begin(struct bench_slices *s);
void bench_slices_end(struct bench_slices *s, uint64_t pieces);

/* Median and low decile over the slices. False: too few are left. */
bool bench_slices_median(struct bench_slices *s, double *cost, double *cpu_cost, double *low);
