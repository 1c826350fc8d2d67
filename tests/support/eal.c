/* eal.c - DPDK's environment for a test. */
#include "tests/support/eal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

enum { EXIT_SKIP = 77 };

/* EAL leaves its runtime folder behind, with at most its config file in it. */
static void leave_nothing(void)
{
	char dir[256], file[300];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	snprintf(file, sizeof(file), "%s/config", dir);
	unlink(file);
	rmdir(dir);
}

void eal_start(void)
{
	eal_start_with(64);
}

void eal_start_with(uint32_t megabytes)
{
	char prefix[64], memory[16];
	char *argv[] = { (char *)"test",
		         (char *)"--no-huge",
		         (char *)"--no-pci",
		         (char *)"-m",
		         memory,
		         (char *)"--no-telemetry",
		         (char *)"--log-level",
		         (char *)"*:error",
		         (char *)"-l",
		         (char *)"0",
		         (char *)"--no-shconf",
		         prefix,
		         NULL };

	/* The runtime folder must be writable for whoever runs the test. */
	if (getenv("RUNTIME_DIRECTORY") == NULL && geteuid() != 0)
		setenv("RUNTIME_DIRECTORY", "/tmp", 0);
	snprintf(memory, sizeof(memory), "%u", megabytes);
	snprintf(prefix, sizeof(prefix), "--file-prefix=ph-test-%d", (int)getpid());
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		exit(EXIT_SKIP);
	}
	atexit(leave_nothing);
}

struct rte_mempool *eal_pool(const char *name, uint32_t mbufs, uint16_t data_bytes,
                             uint16_t priv_bytes)
{
	struct rte_mempool *p =
	    rte_pktmbuf_pool_create(name, mbufs, 0, priv_bytes, data_bytes, SOCKET_ID_ANY);

	if (p == NULL) {
		fprintf(stderr, "no memory for pool %s: %s\n", name, rte_strerror(rte_errno));
		exit(2);
	}
	return p;
}

uint32_t eal_pool_held(const struct rte_mempool *pool)
{
	return rte_mempool_in_use_count(pool);
}
