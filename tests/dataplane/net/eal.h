/* eal.h - starts EAL for a test: no hugepages, no devices, no files, nothing said. */
#pragma once

#include <rte_eal.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Once a process. A test that cannot have EAL has failed. */
static inline void eal_start(void)
{
	static char prefix[64];
	char *argv[] = { "test",        "--no-huge", "--no-pci",       "-m",
		         "64",          prefix,      "--no-telemetry", "--no-shconf",
		         "--log-level", "*:error",   "--lcores",       "0" };

	snprintf(prefix, sizeof(prefix), "--file-prefix=ph-net-%d", (int)getpid());
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0) {
		fprintf(stderr, "EAL does not start\n");
		exit(2);
	}
}

static inline struct rte_mempool *eal_pool(const char *name, unsigned buffers)
{
	struct rte_mempool *pool =
	    rte_pktmbuf_pool_create(name, buffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);

	if (pool == NULL) {
		fprintf(stderr, "no mbuf pool\n");
		exit(2);
	}
	return pool;
}
