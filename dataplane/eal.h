/* eal.h - starting and ending DPDK's environment, from a thread of its own.
 *
 * EAL binds the thread that starts it to a CPU and makes threads of its own, which inherit that
 * thread's CPUs and signal mask. So it gets one that may run only where the workers do not, with
 * the real-time signals blocked; whoever calls here keeps what it has.
 *
 * Life    once in a process: eal_start() .. eal_stop().
 */
#pragma once

#include <sched.h>
#include <stdint.h>

#include "dataplane/dp.h"

struct eal;

/* What EAL takes for `bytes` of buffers, its own heap included. Pure. */
uint64_t eal_memory_bytes(uint64_t bytes);

/* Starts EAL with the devices of `conf` and room for `bytes` of buffers, from hugepages when enough
 * are free, else without. DPDK's log goes to conf->log from here on. Returns 0, or -errno with one
 * line in `why`.
 */
int eal_start(const struct dp_conf *conf, uint64_t bytes, const cpu_set_t *cpus, struct eal **out,
              char why[DP_WHY_BYTES]);

/* Every port must be closed. */
void eal_stop(struct eal *eal);

/* Leaves all memory that EAL has by now out of core dumps: buffers hold customers' mail and, where
 * a site allows AUTH in the clear, its secret. Returns 0 or -errno.
 */
int eal_leave_out_of_dumps(void);

/* True when memory comes from hugepages. */
bool eal_has_hugepages(const struct eal *eal);
