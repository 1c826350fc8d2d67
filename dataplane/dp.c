/* dp.c - the door of the data plane: checks, starts and ends workers, passes orders and events. */
#include "dataplane/dp.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/cpus.h"
#include "dataplane/dp_hook.h"
#include "dataplane/credential.h"
#include "dataplane/eal.h"
#include "dataplane/net/net.h"
#include "dataplane/netdev.h"
#include "dataplane/port.h"
#include "dataplane/sysmem.h"
#include "dataplane/team.h"
#include "dataplane/trace.h"
#include "dataplane/worker.h"

enum {
	CONNS_MAX = 1 << 22,
	WINDOW_MAX = 1 << 20,
	IP6_MTU_MIN = 1280, /* RFC 8200 5 */
};

struct dp {
	const struct dp_conf *conf;
	struct eal *eal;
	struct team *teams[DP_PORTS_MAX]; /* of each port */
	uint32_t n_teams;
	struct worker *workers[DP_WORKERS_MAX]; /* of all, the first port's first */
	uint32_t first_of[DP_PORTS_MAX];
	uint32_t n_workers;
	struct tcp_trace_entry *stale; /* while it starts: connections of dead engines */
	uint32_t n_stale;
	struct ip_addr *own; /* addresses of all ports and sources */
	uint32_t n_own;
	struct wake wake;
	cpu_set_t caller_cpus;
	struct credentials credentials;
};

static_assert((int)DP_WORKERS_MAX == (int)CPUS_WORKERS_MAX, "each has its place");
static_assert((int)DP_PORT_ADDRS_MAX == (int)NET_ADDRS_MAX, "a port's addresses fit");

/* Both kinds of memory that `conf` asks for. */
static void size_of(const struct dp_conf *conf, struct worker_size *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < conf->n_ports; i++) {
		struct worker_size one;

		team_memory(conf, i, &one);
		sum->eal_bytes += one.eal_bytes;
		sum->tables_bytes += one.tables_bytes;
	}
}

uint64_t dp_memory_bytes(const struct dp_conf *conf)
{
	struct worker_size sum;

	size_of(conf, &sum);
	return sum.eal_bytes + sum.tables_bytes;
}

static int check_port(const struct dp_conf *conf, uint32_t i, char why[DP_WHY_BYTES])
{
	const struct dp_port_conf *p = &conf->ports[i];
	char name[64], other[64];

	if (!port_device_name(p->device, name) ||
	    (!port_is_pci(p->device) && strncmp(name, "net_", 4) != 0)) {
		snprintf(
		    why, DP_WHY_BYTES,
		    "port \"%.40s\": \"%.60s\" is no device: a PCI address or net_tap0,iface=..., "
		    "net_af_packet0,iface=..., net_af_xdp0,iface=..., net_memif0,...",
		    p->name, p->device);
		return -EINVAL;
	}
	for (uint32_t k = 0; k < i; k++)
		if (port_device_name(conf->ports[k].device, other) && strcmp(name, other) == 0) {
			snprintf(why, DP_WHY_BYTES,
			         "port \"%.40s\": device %.60s is port \"%.40s\" already", p->name,
			         name, conf->ports[k].name);
			return -EINVAL;
		}
	if (p->n_addrs == 0 || p->n_addrs > DP_PORT_ADDRS_MAX) {
		snprintf(why, DP_WHY_BYTES, "port \"%.40s\": %u addresses; 1 to %d are possible",
		         p->name, p->n_addrs, DP_PORT_ADDRS_MAX);
		return -EINVAL;
	}
	if (p->queues > PORT_QUEUES_MAX || (p->landing == DP_LANDING_SINGLE && p->queues > 1)) {
		snprintf(why, DP_WHY_BYTES, "port \"%.40s\": port.queues = %u; %s", p->name,
		         p->queues,
		         p->queues > PORT_QUEUES_MAX ? "16 at most are possible"
		                                     : "port.landing = single has one");
		return -EINVAL;
	}
	for (uint32_t k = 0; k < p->n_addrs; k++)
		if (!ip_is_v4(&p->addrs[k].addr) && p->mtu_bytes < IP6_MTU_MIN) {
			snprintf(why, DP_WHY_BYTES,
			         "port \"%.40s\": mtu %u is less than IPv6 needs (%d)", p->name,
			         p->mtu_bytes, IP6_MTU_MIN);
			return -EINVAL;
		}
	return 0;
}

static uint32_t n_workers_of(const struct dp_conf *conf)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->n_ports; i++)
		n += team_size(conf, i);
	return n;
}

static int check_conf(const struct dp_conf *conf, char why[DP_WHY_BYTES])
{
	if (conf->n_ports == 0 || conf->n_ports > DP_PORTS_MAX) {
		snprintf(why, DP_WHY_BYTES, "%u ports; 1 to %d are possible", conf->n_ports,
		         DP_PORTS_MAX);
		return -EINVAL;
	}
	if (conf->conns_max == 0 || conf->conns_max > CONNS_MAX) {
		snprintf(why, DP_WHY_BYTES, "worker.connections_max = %u; 1 to %d are possible",
		         conf->conns_max, CONNS_MAX);
		return -EINVAL;
	}
	if (conf->window == 0 || conf->window > WINDOW_MAX) {
		snprintf(why, DP_WHY_BYTES, "worker.window = %u; 1 to %d are possible",
		         conf->window, WINDOW_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < conf->n_ports; i++)
		if (check_port(conf, i, why) != 0)
			return -EINVAL;
	if (n_workers_of(conf) > DP_WORKERS_MAX) {
		snprintf(why, DP_WHY_BYTES, "port.queues: %u queues of all ports; %d are possible",
		         n_workers_of(conf), DP_WORKERS_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].port >= conf->n_ports) {
			snprintf(why, DP_WHY_BYTES, "source \"%s\": there is no port %u",
			         conf->sources[i].name, conf->sources[i].port);
			return -EINVAL;
		}
	return 0;
}

static int check_host(const struct dp_conf *conf, char why[DP_WHY_BYTES])
{
	struct netdev_host *host = malloc(sizeof(*host));
	int rc = host != NULL ? netdev_look(conf, host) : -ENOMEM;

	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "cannot look at the host's interfaces: %s",
		         strerror(-rc));
	else
		rc = netdev_refuses(host, conf, why);
	free(host);
	return rc;
}

static int check_memory(const struct dp_conf *conf, const struct worker_size *need,
                        char why[DP_WHY_BYTES])
{
	uint64_t have = sysmem_available_bytes(), want = need->tables_bytes;
	bool huge = sysmem_hugepages_free_bytes() >= eal_memory_bytes(need->eal_bytes);

	if (!huge)
		want += eal_memory_bytes(need->eal_bytes);
	if (want <= have)
		return 0;
	if (conf->buffers != 0 && need->eal_bytes > need->tables_bytes)
		snprintf(
		    why, DP_WHY_BYTES,
		    "worker.buffers = %u needs %llu MB of memory, %llu MB is available; lower it",
		    conf->buffers, (unsigned long long)(want >> 20),
		    (unsigned long long)(have >> 20));
	else
		snprintf(why, DP_WHY_BYTES,
		         "worker.connections_max = %u needs %llu MB of memory, %llu MB is "
		         "available; lower "
		         "it%s",
		         conf->conns_max, (unsigned long long)(want >> 20),
		         (unsigned long long)(have >> 20),
		         conf->buffers == 0 ? " or set worker.buffers" : "");
	return -ENOMEM;
}

static int collect_own(struct dp *dp)
{
	const struct dp_conf *conf = dp->conf;

	dp->own = calloc((size_t)conf->n_ports * DP_PORT_ADDRS_MAX + 2 * (size_t)conf->n_sources,
	                 sizeof(*dp->own));
	if (dp->own == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < conf->n_ports; i++)
		for (uint32_t k = 0; k < conf->ports[i].n_addrs; k++)
			dp->own[dp->n_own++] = conf->ports[i].addrs[k].addr;
	for (uint32_t i = 0; i < conf->n_sources; i++) {
		if (!ip_is_unset(&conf->sources[i].addr4))
			dp->own[dp->n_own++] = conf->sources[i].addr4;
		if (!ip_is_unset(&conf->sources[i].addr6))
			dp->own[dp->n_own++] = conf->sources[i].addr6;
	}
	return 0;
}

static int open_team(struct dp *dp, const struct cpus_plan *cpus, uint32_t port,
                     const struct worker_above *above, char why[DP_WHY_BYTES])
{
	struct team_conf tc = { .dp = dp->conf,
		                .port = port,
		                .first_worker = dp->n_workers,
		                .cpus = &cpus->workers[dp->n_workers],
		                .spins = &cpus->spins[dp->n_workers],
		                .own = dp->own,
		                .n_own = dp->n_own,
		                .stale = dp->stale,
		                .n_stale = dp->n_stale,
		                .control = &dp->wake,
		                .above = above };
	int rc = team_open(&tc, &dp->teams[port], why);

	if (rc != 0)
		return rc;
	dp->n_teams++;
	dp->first_of[port] = dp->n_workers;
	for (uint32_t q = 0; q < team_size(dp->conf, port); q++)
		dp->workers[dp->n_workers++] = team_worker(dp->teams[port], q);
	return 0;
}

static int start_workers(struct dp *dp, const struct cpus_plan *cpus,
                         const struct worker_above *above, char why[DP_WHY_BYTES])
{
	int rc = trace_gather(dp->conf->state_dir, &dp->stale, &dp->n_stale);

	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "state_dir: %.150s/open.*: %s", dp->conf->state_dir,
		         strerror(-rc));
	for (uint32_t i = 0; i < dp->conf->n_ports && rc == 0; i++)
		rc = open_team(dp, cpus, i, above, why);
	if (rc == 0)
		trace_settle(dp->conf->state_dir, dp->n_workers);
	free(dp->stale);
	dp->stale = NULL;
	if (rc == 0) {
		rc = eal_leave_out_of_dumps();
		if (rc != 0)
			snprintf(why, DP_WHY_BYTES, "cannot leave buffers out of core dumps: %s",
			         strerror(-rc));
	}
	for (uint32_t i = 0; i < dp->n_teams && rc == 0; i++)
		rc = team_start(dp->teams[i], why);
	return rc;
}

static void log_ports(const struct dp *dp)
{
	char line[DP_WHY_BYTES];

	for (uint32_t i = 0; i < dp->n_teams; i++) {
		team_describe(dp->teams[i], line);
		dp->conf->log(DP_LOG_INFO, line);
	}
	dp->conf->log(DP_LOG_INFO, eal_has_hugepages(dp->eal) ? "packet memory: hugepages"
	                                                      : "packet memory: ordinary pages");
}

/* net_tap's queue of real-time signals may overflow; the kernel then says SIGIO instead, whose
 * default is to end the process. Nothing is lost by ignoring it: the next packet signals again.
 */
static void ignore_sigio(void)
{
	struct sigaction now;

	if (sigaction(SIGIO, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		(void)signal(SIGIO, SIG_IGN);
}

int dp_start(const struct dp_conf *conf, struct dp **out, char why[DP_WHY_BYTES])
{
	return dp_start_hooked(conf, NULL, out, why);
}

int dp_start_hooked(const struct dp_conf *conf, const struct dp_hook *hook, struct dp **out,
                    char why[DP_WHY_BYTES])
{
	struct cpus_plan cpus;
	struct worker_size need;
	struct dp *dp;
	int rc;

	rc = check_conf(conf, why);
	if (rc == 0)
		rc = check_host(conf, why);
	if (rc != 0)
		return rc;
	size_of(conf, &need);
	if (hook != NULL)
		need.eal_bytes += hook->eal_bytes;
	rc = check_memory(conf, &need, why);
	if (rc != 0)
		return rc;
	dp = aligned_alloc(64, (sizeof(*dp) + 63) / 64 * 64);
	if (dp == NULL) {
		snprintf(why, DP_WHY_BYTES, "no memory for the data plane");
		return -ENOMEM;
	}
	memset(dp, 0, sizeof(*dp));
	dp->conf = conf;
	dp->wake.fd = -1;
	(void)pthread_getaffinity_np(pthread_self(), sizeof(dp->caller_cpus), &dp->caller_cpus);
	cpus_plan_make(&dp->caller_cpus, n_workers_of(conf), &cpus);
	ignore_sigio();

	rc = wake_init(&dp->wake);
	if (rc == 0)
		rc = collect_own(dp);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "cannot set up the data plane: %s", strerror(-rc));
	if (rc == 0)
		rc = eal_start(conf, need.eal_bytes, &cpus.others, &dp->eal, why);
	if (rc == 0 && hook != NULL)
		rc = hook->devices(hook->ctx, why);
	if (rc == 0)
		rc = start_workers(dp, &cpus, hook != NULL ? hook->above : NULL, why);
	if (rc != 0) {
		dp_stop(dp);
		return rc;
	}
	(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus.others), &cpus.others);
	log_ports(dp);
	*out = dp;
	return 0;
}

void dp_stop(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->n_teams; i++)
		team_stop(dp->teams[i]);
	for (uint32_t i = 0; i < dp->n_teams; i++)
		team_close(dp->teams[i]);
	if (dp->eal != NULL)
		eal_stop(dp->eal);
	if (dp->wake.fd >= 0)
		wake_fini(&dp->wake);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(dp->caller_cpus), &dp->caller_cpus);
	credentials_fini(&dp->credentials);
	free(dp->own);
	free(dp);
}

uint32_t dp_workers_of(const struct dp *dp, uint32_t source, uint32_t *first)
{
	uint32_t port;

	assert(source < dp->conf->n_sources);
	port = dp->conf->sources[source].port;
	*first = dp->first_of[port];
	return team_size(dp->conf, port);
}

int dp_connect(struct dp *dp, uint32_t worker, const struct dp_dial *dial)
{
	uint32_t first, n = dp_workers_of(dp, dial->source, &first);

	assert(worker >= first && worker - first < n);
	(void)n;
	return worker_try_connect(dp->workers[worker], dial) ? 0 : -EAGAIN;
}

int dp_submit(struct dp *dp, uint32_t worker, const struct dp_job *job)
{
	assert(worker < dp->n_workers);
	return worker_try_submit(dp->workers[worker], job) ? 0 : -EAGAIN;
}

int dp_quit(struct dp *dp, uint32_t worker, struct dp_handle conn)
{
	assert(worker < dp->n_workers);
	return worker_try_quit(dp->workers[worker], conn) ? 0 : -EAGAIN;
}

int dp_set_credential(struct dp *dp, const struct dp_credential *from)
{
	struct credential *c;

	assert(from->id >= 1 && from->id <= DP_CREDENTIALS_MAX);
	for (uint32_t i = 0; i < dp->n_workers; i++)
		if (!worker_has_room(dp->workers[i]))
			return -EAGAIN;
	c = credential_new(from, dp->n_workers);
	if (c == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < dp->n_workers; i++)
		worker_set_credential(dp->workers[i], from->id, c);
	credentials_put(&dp->credentials, from->id, c);
	return 0;
}

int dp_set_gate(struct dp *dp, struct gate *gate)
{
	int rc = 0;

	for (uint32_t i = 0; i < dp->n_workers; i++)
		if (!worker_try_gate(dp->workers[i], gate))
			rc = -EAGAIN;
	return rc;
}

bool dp_has_gate(const struct dp *dp, const struct gate *gate)
{
	for (uint32_t i = 0; i < dp->n_workers; i++)
		if (!worker_has_gate(dp->workers[i], gate))
			return false;
	return true;
}

void dp_drain(struct dp *dp)
{
	for (uint32_t i = 0; i < dp->n_workers; i++)
		worker_drain(dp->workers[i]);
}

uint32_t dp_poll(struct dp *dp, uint32_t worker, struct dp_evt *evts, uint32_t n)
{
	assert(worker < dp->n_workers);
	return worker_poll(dp->workers[worker], evts, n);
}

int dp_ask(struct dp *dp, uint32_t worker, uint32_t from)
{
	assert(worker < dp->n_workers);
	return worker_try_ask(dp->workers[worker], from) ? 0 : -EAGAIN;
}

int dp_try_answer(struct dp *dp, uint32_t worker, struct dp_answer *out)
{
	assert(worker < dp->n_workers);
	return worker_try_answer(dp->workers[worker], out) ? 0 : -EAGAIN;
}

int dp_wake_fd(const struct dp *dp)
{
	return dp->wake.fd;
}

bool dp_about_to_sleep(struct dp *dp)
{
	wake_about_to_sleep(&dp->wake);
	for (uint32_t i = 0; i < dp->n_workers; i++)
		if (worker_has_events(dp->workers[i]) || worker_has_answer(dp->workers[i]))
			return false;
	return true;
}

void dp_awake(struct dp *dp)
{
	wake_awake(&dp->wake);
}

uint64_t dp_counter(const struct dp *dp, uint32_t worker, uint32_t counter)
{
	assert(worker < dp->n_workers && counter < dp_n_counters());
	/* counters.c asserts that the struct is an array of them */
	return counter_read((const _Atomic uint64_t *)worker_counters(dp->workers[worker]) +
	                    counter);
}

uint32_t dp_n_workers(const struct dp *dp)
{
	return dp->n_workers;
}

const char *dp_idle_text(const struct dp *dp, uint32_t worker, char text[DP_IDLE_TEXT_BYTES])
{
	assert(worker < dp->n_workers);
	return worker_idle_text(dp->workers[worker], text);
}

uint32_t dp_n_ports(const struct dp *dp)
{
	return dp->n_teams;
}

void dp_view_port(const struct dp *dp, uint32_t port, struct dp_port_view *view)
{
	assert(port < dp->n_teams);
	team_view(dp->teams[port], view);
	view->first_worker = dp->first_of[port];
}
