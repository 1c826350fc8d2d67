/* bench_slices.c - what a worker did in slices of time. */
#include "dataplane/bench_slices.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

enum {
	PIECES_MIN = 1,
	SLICES_MIN = 10,
};

static uint32_t counter_named(const char *name)
{
	uint32_t i = 0;

	while (strcmp(dp_counter_name(i), name) != 0) {
		i++;
		assert(i < dp_n_counters());
	}
	return i;
}

/* The thread that calls itself worker-0; 0: there is none. */
static uint32_t find_thread(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	uint32_t tid = 0;

	while (d != NULL && tid == 0 && (e = readdir(d)) != NULL) {
		char path[300], name[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, name, sizeof(name) - 1) > 0 && strcmp(name, "worker-0\n") == 0)
			tid = (uint32_t)strtoul(e->d_name, NULL, 10);
		close(fd);
	}
	if (d != NULL)
		closedir(d);
	return tid;
}

int bench_slices_open(struct bench_slices *s, const struct dp *dp)
{
	uint32_t tid = find_thread();

	/* As pthread_getcpuclockid() makes it; we have its number and not its handle. */
	*s = (struct bench_slices){ .dp = dp,
		                    .cpu_clock = (clockid_t)(~tid << 3 | 6),
		                    .hz = (double)rte_get_tsc_hz(),
		                    .busy_at = counter_named("worker_busy_cycles"),
		                    .idle_at = counter_named("worker_idle_cycles"),
		                    .costs = calloc(BENCH_SLICES_MAX, sizeof(double)),
		                    .cpu_costs = calloc(BENCH_SLICES_MAX, sizeof(double)) };
	if (tid != 0 && s->costs != NULL && s->cpu_costs != NULL)
		return 0;
	bench_slices_close(s);
	return -ENOENT;
}

void bench_slices_close(struct bench_slices *s)
{
	free(s->costs);
	free(s->cpu_costs);
	s->costs = s->cpu_costs = NULL;
}

static double cpu_cycles(const struct bench_slices *s)
{
	struct timespec t = { 0 };

	(void)clock_gettime(s->cpu_clock, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9) * s->hz;
}

void bench_slices_begin(struct bench_slices *s)
{
	s->busy = dp_counter(s->dp, 0, s->busy_at);
	s->idle = dp_counter(s->dp, 0, s->idle_at);
	s->cpu = cpu_cycles(s);
}

void bench_slices_end(struct bench_slices *s, uint64_t pieces)
{
	struct bench_slices was = *s;
	double busy, turns, cpu, work;

	bench_slices_begin(s);
	busy = (double)(s->busy - was.busy);
	turns = busy + (double)(s->idle - was.idle);
	cpu = s->cpu - was.cpu;
	/* CPU time between turns is rest, and no work; what turns have and CPU time has not was
	 * taken away.
	 */
	work = (cpu < turns ? cpu : turns) - (turns - busy);
	if (turns > 1.1 * cpu || pieces < PIECES_MIN) {
		s->n_left_out++;
	} else if (s->n < BENCH_SLICES_MAX) {
		s->costs[s->n] = busy / (double)pieces;
		s->good_busy += busy;
		s->good_cpu += work;
		s->good_pieces += pieces;
		s->cpu_costs[s->n++] = work / (double)pieces;
	}
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

bool bench_slices_median(struct bench_slices *s, double *cost, double *cpu_cost, double *low)
{
	if (s->n < SLICES_MIN)
		return false;
	qsort(s->costs, s->n, sizeof(*s->costs), by_value);
	qsort(s->cpu_costs, s->n, sizeof(*s->cpu_costs), by_value);
	*cost = s->costs[s->n / 2];
	*cpu_cost = s->cpu_costs[s->n / 2];
	*low = s->costs[s->n / 10];
	return true;
}
