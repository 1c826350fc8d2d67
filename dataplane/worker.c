/* worker.c - one worker: its memory and its thread. */
#include "dataplane/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/worker_int.h"

enum {
	STOP_GRACE_US = 50000, /* for a device that is slow to take the last resets */
};

/* Like rte_pktmbuf_pool_create(), but an mbuf may cross a page where no device does DMA: without
 * hugepages one mbuf a page would nearly double the memory.
 */
static struct rte_mempool *pool_make(const char *kind, const struct worker *w, uint32_t n,
                                     uint16_t room_bytes)
{
	struct rte_pktmbuf_pool_private priv = { .mbuf_data_room_size = room_bytes,
		                                 .mbuf_priv_size = PORT_MBUF_PRIV_BYTES };
	uint32_t elem = (uint32_t)sizeof(struct rte_mbuf) + PORT_MBUF_PRIV_BYTES + room_bytes;
	unsigned flags =
	    port_is_pci(w->conf->ports[w->port_index].device) ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *mp;

	snprintf(name, sizeof(name), "%s%u", kind, w->index);
	mp = rte_mempool_create_empty(name, n, elem, PORT_POOL_CACHE, sizeof(priv), SOCKET_ID_ANY,
	                              flags | RTE_MEMPOOL_F_NO_SPREAD);
	if (mp == NULL)
		return NULL;
	/* What was given back last is taken next: it is in the cache still, where a ring would go
	 * round the whole pool. DPDK's package may come without it.
	 */
	if (rte_mempool_set_ops_byname(mp, "stack", NULL) != 0 &&
	    rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL) != 0)
		goto fail;
	rte_pktmbuf_pool_init(mp, &priv);
	if (rte_mempool_populate_default(mp) < (int)n)
		goto fail;
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
fail:
	rte_mempool_free(mp);
	return NULL;
}

static int open_pools(struct worker *w, char why[DP_WHY_BYTES])
{
	struct port_size size;

	port_size_of(w->conf, w->port_index, &size);
	/* Two pools: whatever is queued towards the peers, there is always a buffer to receive
	 * their ACKs into. ARP, ND and ICMP use the first as well.
	 */
	w->rx_pool = pool_make("rx", w, size.rx_buffers, size.room_bytes);
	w->tx_pool = pool_make("tx", w, size.tx_buffers, size.room_bytes);
	if (w->rx_pool != NULL && w->tx_pool != NULL)
		return 0;
	if (port_is_pci(w->conf->ports[w->port_index].device) && !rte_eal_has_hugepages())
		snprintf(why, DP_WHY_BYTES,
		         "port \"%.32s\": %.56s needs hugepages: sysctl -w vm.nr_hugepages=%u",
		         w->conf->ports[w->port_index].name, w->conf->ports[w->port_index].device,
		         (uint32_t)(size.bytes >> 20) / 2 + 64);
	else
		snprintf(why, DP_WHY_BYTES,
		         "worker.buffers: cannot make %u buffers of %u bytes in DPDK's memory",
		         size.tx_buffers, size.room_bytes);
	return -ENOMEM;
}

static int open_net(struct worker *w, struct net_conf *conf)
{
	struct ip_addr *sources = calloc(conf->n_sources + 1, sizeof(*sources));
	uint32_t n = 0;
	int rc;

	if (sources == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->conf->n_sources; i++) {
		const struct dp_source_conf *s = &w->conf->sources[i];

		if (s->port != w->port_index)
			continue;
		if (!ip_is_unset(&s->addr4))
			sources[n++] = s->addr4;
		if (!ip_is_unset(&s->addr6))
			sources[n++] = s->addr6;
	}
	assert(n == conf->n_sources);
	memcpy(conf->mac, w->port->mac, 6);
	conf->sources = sources;
	conf->tx_checksum_ip4 = w->port->plan.tx_checksum_ip4;
	conf->tx_checksum_tcp = w->port->plan.tx_checksum_tcp;
	conf->tx_checksum_on_trial = true;
	conf->rx_checksum = w->port->plan.rx_checksum;
	conf->pool = w->rx_pool;
	conf->tx = worker_tx_add;
	conf->tx_ctx = w;
	conf->counters = &w->counters;
	memcpy(&conf->seed, w->conf->secret, sizeof(conf->seed));
	conf->share = w->share;
	conf->is_writer = w->queue == 0;
	conf->tell = worker_on_word;
	conf->tell_ctx = w;
	rc = net_open(conf, &w->net);
	free(sources);
	return rc;
}

/* What the device cuts for the TCP engine. */
static void tell_of_cutting(const struct port_plan *plan, struct tcp_conf *tcp)
{
	tcp->tso_segs_max = plan->tso ? plan->tso_segs_max : 0;
	tcp->tso_mss_min = plan->tso_mss_min;
	tcp->tso_bytes_max = plan->tso_bytes_max;
	tcp->tso_ip6 = plan->tso_ip6;
}

static int open_engines(struct worker *w, char why[DP_WHY_BYTES])
{
	struct worker_engines_conf e;
	const char *what = "network";
	char tls_why[TLS_WHY_BYTES];
	int rc;

	worker_engines_conf(w->conf, w->port_index, &e);
	tsc_clock_init(&w->clock);
	w->now_us = tsc_clock_us(&w->clock, rte_rdtsc());
	rc = open_net(w, &e.net);
	if (rc == 0) {
		what = "TCP";
		e.tcp.pool = w->tx_pool;
		e.tcp.net = w->net;
		e.tcp.trace = w->trace.live;
		e.tcp.counters = &w->counters;
		e.tcp.ops = w->above != NULL ? w->above->ops : &smtp_tcp_ops;
		if (w->above != NULL) {
			e.tcp.listen_port = w->above->listen_port;
			e.tcp.accept = w->above->accept;
			e.tcp.accept_ctx = w->above->ctx;
		}
		tell_of_cutting(&w->port->plan, &e.tcp);
		if (w->share != NULL) {
			e.tcp.landing = w->landing;
			e.tcp.landing_me = w->queue;
			e.tcp.stray = worker_on_stray;
			e.tcp.stray_ctx = w;
		}
		rc = tcp_open(&e.tcp, w->now_us, &w->tcp);
	}
	if (rc == 0 && w->above != NULL) {
		w->above->opened(w->above->ctx, w->tcp);
		return 0;
	}
	if (rc == 0) {
		e.tls.counters = &w->counters;
		e.tls.ops = &smtp_tls_ops;
		rc = tls_open(&e.tls, w->tcp, &w->tls, tls_why);
		if (rc != 0) {
			snprintf(why, DP_WHY_BYTES, "%s%.200s",
			         rc == -EINVAL ? "tls.ca_file: " : "", tls_why);
			return rc;
		}
	}
	if (rc == 0) {
		what = "SMTP";
		e.smtp.tls = w->tls;
		e.smtp.helos = w->helos;
		e.smtp.emit = worker_emit;
		e.smtp.emit_ctx = w;
		e.smtp.gate = worker_pass_gate;
		e.smtp.gate_ctx = w;
		e.smtp.counters = &w->counters;
		rc = smtp_open(&e.smtp, w->tcp, w->now_us, &w->smtp);
	}
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "port \"%s\": cannot set up %s: %s",
		         w->conf->ports[w->port_index].name, what, strerror(-rc));
	return rc;
}

/* Pages are taken now, not in the middle of a campaign. */
static int open_ring(struct spsc *r, uint32_t slots, uint32_t elem_bytes)
{
	int rc = spsc_init(r, slots, elem_bytes);

	if (rc == 0)
		memset(r->slots, 0, (size_t)slots * elem_bytes);
	return rc;
}

static int open_rings(struct worker *w, char why[DP_WHY_BYTES])
{
	/* Nothing but SMTP has events. */
	uint32_t evts = w->above == NULL ? worker_evts_max(w->conf) : EVT_UNITS_MAX;
	int rc = open_ring(&w->evts, evts, EVT_UNIT_BYTES);

	if (rc == 0)
		rc = open_ring(&w->cmds, worker_cmds_max(w->conf), sizeof(struct worker_cmd));
	if (rc == 0)
		rc = wake_init(&w->wake);
	if (rc != 0) {
		snprintf(why, DP_WHY_BYTES, "worker %u: cannot make its rings: %s", w->index,
		         strerror(-rc));
		return rc;
	}
	return 0;
}

/* Each worker asks the peers whose answers will be its own if ports are partitioned; elsewhere they
 * come to another one of the port, which answers as well.
 */
static int open_trace(struct worker *w, const struct worker_conf *conf, char why[DP_WHY_BYTES])
{
	uint32_t n_workers = port_n_queues(&conf->dp->ports[conf->port_index]), n = 0;
	struct tcp_trace_entry *mine = calloc((size_t)conf->n_stale + 1, sizeof(*mine));
	int rc = mine != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < conf->n_stale && rc == 0; i++)
		if (conf->stale[i].local_port % n_workers == w->queue)
			mine[n++] = conf->stale[i];
	if (rc == 0)
		rc = trace_open(&w->trace, w->conf->state_dir, w->index, w->conf->conns_max, mine,
		                n);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "state_dir: %.150s/open.%u: %s", w->conf->state_dir,
		         w->index, strerror(-rc));
	free(mine);
	return rc;
}

static int open_helos(struct worker *w, char why[DP_WHY_BYTES])
{
	w->helos = calloc(w->conf->n_sources + 1, sizeof(*w->helos));
	if (w->helos == NULL) {
		snprintf(why, DP_WHY_BYTES, "no memory for %u sources", w->conf->n_sources);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < w->conf->n_sources; i++)
		w->helos[i] = w->conf->sources[i].helo;
	return 0;
}

int worker_open(const struct worker_conf *conf, struct worker **out, char why[DP_WHY_BYTES])
{
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	const struct dp_conf *dp = conf->dp;
	int rc;

	if (w == NULL) {
		snprintf(why, DP_WHY_BYTES, "no memory for worker %u", conf->index);
		return -ENOMEM;
	}
	memset(w, 0, sizeof(*w));
	w->conf = dp;
	w->index = conf->index;
	w->port_index = conf->port_index;
	w->queue = conf->queue;
	w->port = conf->port;
	w->landing = conf->landing;
	w->handoff = conf->handoff;
	w->share = conf->share;
	w->cpus = *conf->cpus;
	w->has_own_cpu = conf->spins;
	w->idle.epoll_fd = -1;
	w->control = conf->control;
	w->above = conf->above;
	w->dials_max = worker_dials_max(dp);
	w->wake.fd = -1;
	w->egress = (struct egress){ .live = dp->live != 0,
		                     .nets = dp->ports[conf->port_index].addrs,
		                     .n_nets = dp->ports[conf->port_index].n_addrs,
		                     .allow = dp->egress_allow,
		                     .n_allow = dp->n_egress_allow,
		                     .own = conf->own,
		                     .n_own = conf->n_own };
	sem_init(&w->started, 0, 0);

	rc = open_helos(w, why);
	if (rc == 0)
		rc = open_rings(w, why);
	if (rc == 0)
		rc = open_trace(w, conf, why);
	if (rc == 0)
		rc = open_pools(w, why);
	if (rc != 0) {
		worker_close(w);
		return rc;
	}
	handoff_set_wake(w->handoff, w->queue, &w->wake);
	*out = w;
	return 0;
}

int worker_equip(struct worker *w, char why[DP_WHY_BYTES])
{
	int rc = open_engines(w, why);

	if (rc == 0)
		stale_init(&w->stale, &w->trace, w->tcp, w->net, &w->counters, w->now_us);
	return rc;
}

void worker_unequip(struct worker *w)
{
	assert(!w->running);
	if (w->smtp != NULL)
		smtp_close(w->smtp);
	if (w->tls != NULL)
		tls_close(w->tls);
	if (w->tcp != NULL)
		tcp_close_engine(w->tcp);
	for (uint32_t i = 0; i < w->tx.n; i++)
		rte_pktmbuf_free(w->tx.m[i]);
	w->tx.n = 0;
	if (w->net != NULL)
		net_close(w->net);
	w->smtp = NULL;
	w->tls = NULL;
	w->tcp = NULL;
	w->net = NULL;
}

void worker_close(struct worker *w)
{
	assert(w->net == NULL);
	rte_mempool_free(w->rx_pool);
	rte_mempool_free(w->tx_pool);
	trace_close(&w->trace);
	spsc_fini(&w->cmds);
	spsc_fini(&w->evts);
	worker_idle_close(w);
	if (w->wake.fd >= 0)
		wake_fini(&w->wake);
	sem_destroy(&w->started);
	free(w->helos);
	free(w);
}

/* The worker takes no signal but the real-time ones, by which net_tap tells of packets, and those
 * that report a fault of its own.
 */
static void set_signals(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&set, faults[i]);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		sigdelset(&set, s);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

/* Ends what is open at once: a peer that was not told would wait for its own time-out. */
static void say_goodbye(struct worker *w)
{
	uint64_t now = tsc_clock_us(&w->clock, rte_rdtsc()), end = now + STOP_GRACE_US;

	w->now_us = now;
	tcp_abort_all(w->tcp, now);
	worker_tx_flush(w);
	while (w->tx.n > 0 && now < end) {
		now = tsc_clock_us(&w->clock, rte_rdtsc());
		w->now_us = now;
		worker_tx_flush(w);
	}
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", w->index);
	(void)pthread_setname_np(pthread_self(), name);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(w->cpus), &w->cpus);
	set_signals();
	/* Gives the thread an lcore id, and with it a mempool cache of its own. */
	w->start_rc = rte_thread_register() != 0 ? -rte_errno : worker_idle_open(w);
	sem_post(&w->started);
	if (w->start_rc != 0)
		return NULL;
	port_direct_signals_here(w->port, w->queue);
	worker_loop(w);
	say_goodbye(w);
	rte_thread_unregister();
	return NULL;
}

int worker_start(struct worker *w, char why[DP_WHY_BYTES])
{
	int rc = pthread_create(&w->thread, NULL, worker_thread, w);

	if (rc == 0) {
		while (sem_wait(&w->started) != 0)
			continue; /* EINTR */
		rc = -w->start_rc;
		if (rc != 0)
			pthread_join(w->thread, NULL);
	}
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "worker %u does not start: %s", w->index, strerror(rc));
	w->running = rc == 0;
	return -rc;
}

void worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	atomic_store_explicit(&w->stop, true, memory_order_release);
	wake_signal(&w->wake);
	pthread_join(w->thread, NULL);
	w->running = false;
}
