/* cpus.c - which CPU each worker runs on, and which are left to everyone else. */
#include "dataplane/cpus.h"

#include <assert.h>
#include <string.h>

void cpus_plan_make(const cpu_set_t *may, uint32_t n_workers, struct cpus_plan *plan)
{
	uint32_t n = (uint32_t)CPU_COUNT(may), mine, seen = 0;
	int list[CPU_SETSIZE];

	assert(n_workers >= 1 && n_workers <= CPUS_WORKERS_MAX && n >= 1);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, may))
			list[seen++] = cpu;
	assert(seen == n);

	memset(plan, 0, sizeof(*plan));
	plan->n_workers = n_workers;
	mine = n == 1 ? 1 : n_workers < n ? n_workers : n - 1;
	plan->others = *may;
	for (uint32_t i = 0; i < n_workers; i++) {
		int cpu = list[n - mine + i % mine];

		plan->spins[i] = n > 1 && i < mine && i + mine >= n_workers;
		CPU_SET(cpu, &plan->workers[i]);
		if (n > 1)
			CPU_CLR(cpu, &plan->others);
	}
}
