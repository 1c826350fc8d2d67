/* worker.c - one worker: its memory, its thread, and control's side of its rings. */
#include "dataplane/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/worker_int.h"

enum {
	SPIN_US = 100,
	MEMPOOL_CACHE = 256,
	NEIGHBOURS_MAX = 1024,
	NEIGHBOUR_QUEUE_MAX = 256,
	TX_BYTES_MAX = 65536,
	RX_WINDOW_BYTES = 16384, /* replies are short; our limits cut them far below */
	TIME_WAIT_MIN = 1024,
	TIME_WAIT_MAX = 1 << 18,
	USER_TIMEOUT_MS = 120000, /* RFC 1122 4.2.3.5: R2 of at least 100 s */
	RST_PER_SECOND_MAX = 1000,
	LINGER_MS = 2000,
	STOP_GRACE_US = 50000, /* for the last FINs and RSTs */
	CMDS_MIN = 1024,
	CMDS_MAX = 16384,
};

/* The engines' configurations; pointers to what only exists later are set by the caller. */
struct engines_conf {
	struct net_conf net;
	struct tcp_conf tcp;
	struct smtp_conf smtp;
};

static void engines_conf_make(const struct dp_conf *conf, uint32_t index, struct engines_conf *e)
{
	const struct dp_port_conf *p = &conf->ports[index];
	const struct dp_smtp_conf *s = &conf->smtp;
	uint32_t time_wait =
	    conf->conns_max < TIME_WAIT_MAX / 2 ? 2 * conf->conns_max : TIME_WAIT_MAX;

	memset(e, 0, sizeof(*e));
	e->net.vlan = p->vlan;
	e->net.mtu_bytes = p->mtu_bytes;
	e->net.addrs = p->addrs;
	e->net.n_addrs = p->n_addrs;
	e->net.gateway4 = p->gateway4;
	e->net.gateway6 = p->gateway6;
	e->net.neighbours_max = NEIGHBOURS_MAX;
	e->net.neighbour_queue_max = NEIGHBOUR_QUEUE_MAX;
	for (uint32_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].port == index)
			e->net.n_sources += !ip_is_unset(&conf->sources[i].addr4) +
			                    !ip_is_unset(&conf->sources[i].addr6);

	e->tcp.conns_max = conf->conns_max;
	e->tcp.time_wait_max = time_wait > TIME_WAIT_MIN ? time_wait : TIME_WAIT_MIN;
	e->tcp.tx_bytes_max = TX_BYTES_MAX;
	e->tcp.rx_window_bytes = RX_WINDOW_BYTES;
	e->tcp.syn_timeout_ms = s->connect_ms;
	e->tcp.user_timeout_ms = USER_TIMEOUT_MS;
	e->tcp.rst_per_second_max = RST_PER_SECOND_MAX;
	e->tcp.port_first = 1024; /* the addresses are ours alone: all but the well-known */
	e->tcp.port_last = 65535;
	e->tcp.secret = conf->secret;

	e->smtp = (struct smtp_conf){ .sessions_max = conf->conns_max,
		                      .connect_ms = s->connect_ms,
		                      .banner_ms = s->banner_ms,
		                      .ehlo_ms = s->ehlo_ms,
		                      .mail_ms = s->mail_ms,
		                      .rcpt_ms = s->rcpt_ms,
		                      .data_ms = s->data_ms,
		                      .body_ms = s->body_ms,
		                      .dot_ms = s->dot_ms,
		                      .rset_ms = s->rset_ms,
		                      .quit_ms = s->quit_ms,
		                      .linger_ms = LINGER_MS,
		                      .reply_lines_max = s->reply_lines_max,
		                      .reply_bytes_max = s->reply_bytes_max,
		                      .pipelining = s->pipelining };
}

/* Sessions, and half as many again whose end control has not read yet. */
static uint32_t dials_max(const struct dp_conf *conf)
{
	return conf->conns_max + conf->conns_max / 2;
}

/* A dial has at most two events (OPEN, CLOSED) that control has not read, and at most dials_max
 * dials are between their order and the reading of their CLOSED: conns_max * 3. A credit has at
 * most two (BODY_TAKEN, RCPT): window * 2. So no event ever meets a full ring.
 */
static uint32_t evts_max(const struct dp_conf *conf)
{
	return 2 * conf->window + 3 * conf->conns_max;
}

/* A full command ring only makes control try again, so it need not hold everything. */
static uint32_t cmds_max(const struct dp_conf *conf)
{
	uint64_t n = (uint64_t)conf->window + conf->conns_max;

	return n < CMDS_MIN ? CMDS_MIN : n > CMDS_MAX ? CMDS_MAX : (uint32_t)n;
}

static uint64_t ring_bytes(uint32_t slots, uint64_t elem_bytes)
{
	uint64_t n = 1;

	while (n < slots)
		n <<= 1;
	return n * elem_bytes;
}

void worker_size_of(const struct dp_conf *conf, uint32_t index, struct worker_size *size)
{
	struct engines_conf e;
	struct port_size port;

	engines_conf_make(conf, index, &e);
	port_size_of(conf, index, &port);
	size->eal_bytes = port.bytes + 16 * ((uint64_t)port.rx_buffers + port.tx_buffers);
	size->tables_bytes =
	    net_memory_bytes(&e.net) + tcp_memory_bytes(&e.tcp) + smtp_memory_bytes(&e.smtp) +
	    ring_bytes(evts_max(conf), sizeof(struct dp_evt)) +
	    ring_bytes(cmds_max(conf), sizeof(struct worker_cmd)) +
	    2 * sizeof(struct tcp_trace_entry) * (uint64_t)conf->conns_max + sizeof(struct worker);
}

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
	    port_is_pci(w->conf->ports[w->index].device) ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *mp;

	snprintf(name, sizeof(name), "%s%u", kind, w->index);
	mp = rte_mempool_create_empty(name, n, elem, MEMPOOL_CACHE, sizeof(priv), SOCKET_ID_ANY,
	                              flags | RTE_MEMPOOL_F_NO_SPREAD);
	if (mp == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL) != 0)
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

	port_size_of(w->conf, w->index, &size);
	/* Two pools: whatever is queued towards the peers, there is always a buffer to receive
	 * their ACKs into. ARP, ND and ICMP use the first as well.
	 */
	w->rx_pool = pool_make("rx", w, size.rx_buffers, size.room_bytes);
	w->tx_pool = pool_make("tx", w, size.tx_buffers, size.room_bytes);
	if (w->rx_pool != NULL && w->tx_pool != NULL)
		return 0;
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

		if (s->port != w->index)
			continue;
		if (!ip_is_unset(&s->addr4))
			sources[n++] = s->addr4;
		if (!ip_is_unset(&s->addr6))
			sources[n++] = s->addr6;
	}
	assert(n == conf->n_sources);
	memcpy(conf->mac, w->port.mac, 6);
	conf->sources = sources;
	conf->tx_checksum_ip4 = w->port.plan.tx_checksum_ip4;
	conf->tx_checksum_tcp = w->port.plan.tx_checksum_tcp;
	conf->rx_checksum = w->port.plan.rx_checksum;
	conf->pool = w->rx_pool;
	conf->tx = worker_tx_add;
	conf->tx_ctx = w;
	conf->counters = &w->counters;
	rc = net_open(conf, &w->net);
	free(sources);
	return rc;
}

static int open_engines(struct worker *w, char why[DP_WHY_BYTES])
{
	struct engines_conf e;
	const char *what = "network";
	int rc;

	engines_conf_make(w->conf, w->index, &e);
	tsc_clock_init(&w->clock);
	w->now_us = tsc_clock_us(&w->clock, rte_rdtsc());
	rc = open_net(w, &e.net);
	if (rc == 0) {
		what = "TCP";
		e.tcp.pool = w->tx_pool;
		e.tcp.net = w->net;
		e.tcp.trace = w->trace.live;
		e.tcp.counters = &w->counters;
		e.tcp.ops = &smtp_tcp_ops;
		rc = tcp_open(&e.tcp, w->now_us, &w->tcp);
	}
	if (rc == 0) {
		what = "SMTP";
		e.smtp.helos = w->helos;
		e.smtp.emit = worker_emit;
		e.smtp.emit_ctx = w;
		e.smtp.counters = &w->counters;
		rc = smtp_open(&e.smtp, w->tcp, w->now_us, &w->smtp);
	}
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "port \"%s\": cannot set up %s: %s",
		         w->conf->ports[w->index].name, what, strerror(-rc));
	return rc;
}

/* Pages are taken now, not in the middle of a campaign. */
static int open_ring(struct spsc *r, uint32_t slots, uint32_t elem_bytes)
{
	int rc = spsc_init(r, slots, elem_bytes);

	if (rc == 0)
		memset(r->slots, 0, ((size_t)r->mask + 1) * elem_bytes);
	return rc;
}

static int open_rings(struct worker *w, char why[DP_WHY_BYTES])
{
	int rc = open_ring(&w->evts, evts_max(w->conf), sizeof(struct dp_evt));

	if (rc == 0)
		rc = open_ring(&w->cmds, cmds_max(w->conf), sizeof(struct worker_cmd));
	if (rc == 0)
		rc = wake_init(&w->wake);
	if (rc != 0) {
		snprintf(why, DP_WHY_BYTES, "worker %u: cannot make its rings: %s", w->index,
		         strerror(-rc));
		return rc;
	}
	rc = trace_open(&w->trace, w->conf->state_dir, w->index, w->conf->conns_max);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "state_dir: %.150s/open.%u: %s", w->conf->state_dir,
		         w->index, strerror(-rc));
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
	w->cpus = *conf->cpus;
	w->spin_us = conf->spins ? SPIN_US : 0;
	w->control = conf->control;
	w->dials_max = dials_max(dp);
	w->wake.fd = -1;
	w->egress = (struct egress){ .live = dp->live != 0,
		                     .nets = dp->ports[conf->index].addrs,
		                     .n_nets = dp->ports[conf->index].n_addrs,
		                     .allow = dp->egress_allow,
		                     .n_allow = dp->n_egress_allow,
		                     .own = conf->own,
		                     .n_own = conf->n_own };
	sem_init(&w->started, 0, 0);

	rc = open_helos(w, why);
	if (rc == 0)
		rc = open_rings(w, why);
	if (rc == 0)
		rc = open_pools(w, why);
	if (rc == 0) {
		rc = port_open(&w->port, &dp->ports[w->index], w->rx_pool, why);
		w->port_is_open = rc == 0;
	}
	if (rc == 0)
		rc = open_engines(w, why);
	if (rc != 0) {
		worker_close(w);
		return rc;
	}
	stale_init(&w->stale, &w->trace, w->tcp, w->net, &w->counters, w->now_us);
	*out = w;
	return 0;
}

void worker_close(struct worker *w)
{
	assert(!w->running);
	if (w->smtp != NULL)
		smtp_close(w->smtp);
	if (w->tcp != NULL)
		tcp_close_engine(w->tcp);
	for (uint32_t i = 0; i < w->tx.n; i++)
		rte_pktmbuf_free(w->tx.m[i]);
	if (w->net != NULL)
		net_close(w->net);
	if (w->port_is_open)
		port_stop(&w->port);
	rte_mempool_free(w->rx_pool);
	rte_mempool_free(w->tx_pool);
	trace_close(&w->trace);
	spsc_fini(&w->cmds);
	spsc_fini(&w->evts);
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

/* Ends what is open as politely as no time allows; what stays open is in the trace, and the next
 * start ends it.
 */
static void say_goodbye(struct worker *w)
{
	uint64_t now = tsc_clock_us(&w->clock, rte_rdtsc()), end = now + STOP_GRACE_US;

	w->now_us = now;
	smtp_drain(w->smtp, now, 0);
	smtp_drain(w->smtp, now, 0);
	while (smtp_n_sessions(w->smtp) > 0 && now < end) {
		(void)worker_turn(w, now);
		now = tsc_clock_us(&w->clock, rte_rdtsc());
	}
	tcp_turn_end(w->tcp, now);
	worker_tx_flush(w);
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
	w->start_rc = rte_thread_register() != 0 ? -rte_errno : port_start(&w->port);
	sem_post(&w->started);
	if (w->start_rc != 0)
		return NULL;
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
		snprintf(why, DP_WHY_BYTES, "port \"%s\": %.100s does not start: %s",
		         w->conf->ports[w->index].name, w->conf->ports[w->index].device,
		         strerror(rc));
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

static bool try_order(struct worker *w, const struct worker_cmd *cmd)
{
	if (!spsc_try_put(&w->cmds, cmd))
		return false;
	wake_signal(&w->wake);
	return true;
}

bool worker_try_connect(struct worker *w, const struct dp_dial *dial)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_CONNECT, .dial = *dial };

	assert(dial->source < w->conf->n_sources);
	if (w->dials_open >= w->dials_max || !try_order(w, &cmd))
		return false;
	w->dials_open++;
	return true;
}

bool worker_try_submit(struct worker *w, const struct dp_job *job)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_SUBMIT, .job = *job };

	assert(job->n_rcpts >= 1 && job->n_rcpts <= DP_RCPTS_MAX);
	assert(job->n_wire <= DP_SPANS_MAX);
	assert(w->rcpts_open + job->n_rcpts <= w->conf->window); /* one credit each */
	if (!try_order(w, &cmd))
		return false;
	w->rcpts_open += job->n_rcpts;
	return true;
}

bool worker_try_quit(struct worker *w, struct dp_handle conn)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_QUIT, .conn = conn };

	return try_order(w, &cmd);
}

void worker_drain(struct worker *w)
{
	atomic_fetch_add_explicit(&w->drains, 1, memory_order_release);
	wake_signal(&w->wake);
}

uint32_t worker_poll(struct worker *w, struct dp_evt *evts, uint32_t n)
{
	uint32_t taken = 0;

	for (; taken < n && spsc_try_take(&w->evts, &evts[taken]); taken++) {
		if (evts[taken].kind == DP_EVT_CLOSED) {
			assert(w->dials_open > 0); /* one CLOSED a dial */
			w->dials_open--;
		} else if (evts[taken].kind == DP_EVT_RCPT) {
			assert(w->rcpts_open > 0); /* one RCPT a recipient */
			w->rcpts_open--;
		}
	}
	return taken;
}

bool worker_has_events(const struct worker *w)
{
	return spsc_count(&w->evts) > 0;
}

const struct dp_counters *worker_counters(const struct worker *w)
{
	return &w->counters;
}

void worker_describe(const struct worker *w, char line[DP_WHY_BYTES])
{
	const struct dp_port_conf *p = &w->conf->ports[w->index];
	const struct port_plan *plan = &w->port.plan;
	const uint8_t *m = w->port.mac;

	snprintf(
	    line, DP_WHY_BYTES,
	    "port \"%.40s\": %.60s, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, checksums sent by %s, "
	    "received checked by %s, idle: %s%s",
	    p->name, p->device, m[0], m[1], m[2], m[3], m[4], m[5], plan->mtu_bytes,
	    plan->tx_checksum_tcp ? "the device" : "us", plan->rx_checksum ? "the device" : "us",
	    w->port.rx_fd >= 0 ? "interrupt" : "naps", w->spin_us > 0 ? " after spinning" : "");
}
