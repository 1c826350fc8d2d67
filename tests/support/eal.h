/* eal.h - DPDK's environment for a test: no hugepages, no devices, no telemetry, quiet.
 *
 * Needs no root. One call a process.
 */
#pragma once

#include <stdint.h>

struct rte_mempool;

/* Starts the environment, or ends the process with status 77 (meson: skipped) and a reason. */
void eal_start(void);

/* The same with so much memory, where 64 MB are too little. */
void eal_start_with(uint32_t megabytes);

/* A pool of `mbufs` packet buffers of `data_bytes` room each, headroom included, and a private area
 * of `priv_bytes`.
 */
struct rte_mempool *eal_pool(const char *name, uint32_t mbufs, uint16_t data_bytes,
                             uint16_t priv_bytes);

/* Buffers of a pool that somebody holds. */
uint32_t eal_pool_held(const struct rte_mempool *pool);
