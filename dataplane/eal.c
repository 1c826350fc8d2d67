/* eal.c - starting and ending DPDK's environment, from a thread of its own. */
#include "dataplane/eal.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dataplane/eal_log.h"
#include "dataplane/port.h"
#include "dataplane/sysmem.h"

enum {
	ARGS_MAX = 16 + 2 * DP_PORTS_MAX,
	ARG_BYTES = 512,
	OWN_BYTES = 24 << 20, /* EAL's heap: rings, devices' tables, malloc's slack */
};

struct eal {
	const struct dp_conf *conf;
	cpu_set_t cpus;
	pthread_t thread;
	sem_t started, stop;
	int rc;
	bool hugepages;
	int argc;
	char *argv[ARGS_MAX + 1];
	char args[ARGS_MAX][ARG_BYTES];
};

static void __attribute__((format(printf, 2, 3))) arg(struct eal *e, const char *format, ...)
{
	va_list ap;

	if (e->argc == ARGS_MAX) {
		e->rc = -E2BIG;
		return;
	}
	va_start(ap, format);
	if (vsnprintf(e->args[e->argc], ARG_BYTES, format, ap) >= ARG_BYTES)
		e->rc = -ENAMETOOLONG;
	va_end(ap);
	e->argv[e->argc] = e->args[e->argc];
	e->argc++;
}

static uint32_t hash_text(const char *text)
{
	uint32_t h = 2166136261; /* FNV-1a */

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 16777619;
	return h;
}

static void arg_cpus(struct eal *e)
{
	char list[ARG_BYTES] = "";
	size_t n = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE && n < sizeof(list) - 8; cpu++)
		if (CPU_ISSET(cpu, &e->cpus))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%d", n > 0 ? "," : "",
			                      cpu);
	arg(e, "--lcores=0@(%s)", list);
}

/* Virtual devices that must be told how many queues they will have; the others learn it when they
 * are set up.
 */
static void queues_arg(const struct dp_port_conf *p, char text[64])
{
	static const struct {
		const char *driver, *key;
	} takes[] = {
		{ "net_af_packet", "qpairs" },
		{ "net_af_xdp", "queue_count" },
		{ "net_virtio_user", "queues" },
	};

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
		if (strncmp(p->device, takes[i].driver, strlen(takes[i].driver)) == 0 &&
		    port_n_queues(p) > 1 && strstr(p->device, takes[i].key) == NULL)
			snprintf(text, 64, ",%s=%u", takes[i].key, port_n_queues(p));
}

static void arg_device(struct eal *e, const struct dp_port_conf *p)
{
	uint16_t frame = port_af_packet_frame_bytes(p->device, p->mtu_bytes);
	char queues[64];

	queues_arg(p, queues);
	if (port_is_pci(p->device))
		arg(e, "--allow=%s", p->device);
	else if (frame != 0 && strstr(p->device, "framesz=") == NULL)
		arg(e, "--vdev=%s,framesz=%u,blocksz=%u%s", p->device, frame,
		    frame < 4096 ? 4096 : frame, queues);
	else
		arg(e, "--vdev=%s%s", p->device, queues);
}

uint64_t eal_memory_bytes(uint64_t bytes)
{
	return (bytes + OWN_BYTES + (1 << 20) - 1) >> 20 << 20;
}

static void make_args(struct eal *e, uint64_t bytes)
{
	bool pci = false;
	uint64_t mb = eal_memory_bytes(bytes) >> 20;

	arg(e, "posthaste");
	arg_cpus(e);
	e->hugepages = sysmem_hugepages_free_bytes() >= mb << 20;
	if (e->hugepages) {
		arg(e, "--in-memory");
		arg(e, "--iova-mode=va");
	} else {
		arg(e, "--no-huge");
		arg(e, "--no-shconf");
		arg(e, "-m%llu", (unsigned long long)mb);
	}
	arg(e, "--no-telemetry");
	/* One engine per state directory, so its name makes a prefix that no other program has and
	 * that is the same after a crash: nothing piles up.
	 */
	arg(e, "--file-prefix=posthaste-%08x", hash_text(e->conf->state_dir));
	for (uint32_t i = 0; i < e->conf->n_ports; i++) {
		arg_device(e, &e->conf->ports[i]);
		pci |= port_is_pci(e->conf->ports[i].device);
	}
	if (!pci)
		arg(e, "--no-pci");
}

/* EAL insists on a directory; ours is the one place we may surely write to. */
static int init_in_state_dir(struct eal *e)
{
	const char *was = getenv("RUNTIME_DIRECTORY");
	char *keep = was != NULL ? strdup(was) : NULL;
	int rc;

	setenv("RUNTIME_DIRECTORY", e->conf->state_dir, 1);
	rc = rte_eal_init(e->argc, e->argv) < 0 ? -(rte_errno != 0 ? rte_errno : EIO) : 0;
	if (keep != NULL)
		setenv("RUNTIME_DIRECTORY", keep, 1);
	else
		unsetenv("RUNTIME_DIRECTORY");
	free(keep);
	return rc;
}

static void *eal_thread(void *arg_)
{
	struct eal *e = arg_;

	(void)pthread_setaffinity_np(pthread_self(), sizeof(e->cpus), &e->cpus);
	e->rc = init_in_state_dir(e);
	sem_post(&e->started);
	if (e->rc != 0)
		return NULL;
	while (sem_wait(&e->stop) != 0)
		continue; /* EINTR */
	(void)rte_eal_cleanup();
	return NULL;
}

/* A new thread inherits the mask of its maker. */
static int start_thread(struct eal *e)
{
	sigset_t rt, before;
	int rc;

	sigemptyset(&rt);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		sigaddset(&rt, s);
	pthread_sigmask(SIG_BLOCK, &rt, &before);
	rc = pthread_create(&e->thread, NULL, eal_thread, e);
	if (rc == 0)
		while (sem_wait(&e->started) != 0)
			continue; /* EINTR */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

static void eal_free(struct eal *e)
{
	eal_log_stop();
	sem_destroy(&e->started);
	sem_destroy(&e->stop);
	free(e);
}

int eal_start(const struct dp_conf *conf, uint64_t bytes, const cpu_set_t *cpus, struct eal **out,
              char why[DP_WHY_BYTES])
{
	struct eal *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL || sem_init(&e->started, 0, 0) != 0 || sem_init(&e->stop, 0, 0) != 0 ||
	    eal_log_start(conf->log) != 0) {
		free(e);
		snprintf(why, DP_WHY_BYTES, "no memory to start DPDK");
		return -ENOMEM;
	}
	e->conf = conf;
	e->cpus = *cpus;
	make_args(e, bytes);
	if (e->rc != 0) {
		rc = e->rc;
		snprintf(why, DP_WHY_BYTES, "a device or the state directory has too long a name");
		eal_free(e);
		return rc;
	}
	rc = start_thread(e);
	if (rc == 0 && e->rc != 0) {
		pthread_join(e->thread, NULL);
		rc = e->rc;
	}
	if (rc != 0) {
		snprintf(why, DP_WHY_BYTES, "cannot start DPDK: %s (%.160s)", strerror(-rc),
		         eal_log_first_error());
		eal_free(e);
		return rc;
	}
	*out = e;
	return 0;
}

void eal_stop(struct eal *e)
{
	sem_post(&e->stop);
	pthread_join(e->thread, NULL);
	eal_free(e);
}

static int leave_out(const struct rte_memseg_list *list, const struct rte_memseg *first,
                     size_t bytes, void *arg)
{
	(void)list, (void)arg;
	return madvise(first->addr, bytes, MADV_DONTDUMP) == 0 ? 0 : -1;
}

int eal_leave_out_of_dumps(void)
{
	return rte_memseg_contig_walk(leave_out, NULL) == 0 ? 0 : -errno;
}

bool eal_has_hugepages(const struct eal *e)
{
	return e->hugepages;
}
