/* cpus.h - which CPU each worker runs on, and which are left to everyone else. */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

enum { CPUS_WORKERS_MAX = 64 };

struct cpus_plan {
	cpu_set_t workers[CPUS_WORKERS_MAX]; /* one CPU each */
	cpu_set_t others;                    /* never empty */
	uint32_t n_workers;
	bool spins[CPUS_WORKERS_MAX]; /* it shares its CPU with nobody */
};

/* Divides the CPUs in `may` among `n_workers` (1 .. CPUS_WORKERS_MAX). One CPU: all share it. Else
 * the workers have the last ones, and at least the first stays with the others; workers in excess
 * share. Pure.
 */
void cpus_plan_make(const cpu_set_t *may, uint32_t n_workers, struct cpus_plan *plan);
