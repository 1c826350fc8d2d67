/* team.c - a port and the workers that serve it, one for each of its queues. */
#include "dataplane/dp_hook.h"
#include "dataplane/idle_plan.h"
#include "dataplane/team.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/handoff.h"
#include "dataplane/port.h"
#include "dataplane/port_rss.h"
#include "dataplane/worker_int.h"

static_assert((int)PORT_QUEUES_MAX == (int)LANDING_QUEUES_MAX, "each has its place");

struct team {
	const struct dp_conf *dp;
	uint32_t index; /* of the port */
	uint32_t n;     /* workers */
	struct port port;
	bool port_is_found;
	struct landing landing;
	struct handoff *handoff;
	struct net_share *share;
	struct worker *workers[PORT_QUEUES_MAX];
};

static const struct dp_port_conf *port_conf(const struct team *t)
{
	return &t->dp->ports[t->index];
}

uint32_t team_size(const struct dp_conf *conf, uint32_t port)
{
	return port_n_queues(&conf->ports[port]);
}

void team_memory(const struct dp_conf *conf, uint32_t port, struct worker_size *sum)
{
	uint32_t n = team_size(conf, port);
	struct worker_size one;

	worker_size_of(conf, port, &one);
	sum->eal_bytes = n * one.eal_bytes;
	sum->tables_bytes = n * one.tables_bytes + sizeof(struct team) + handoff_memory_bytes(n);
	if (n > 1)
		sum->tables_bytes += net_share_memory_bytes(WORKER_NEIGHBOURS_MAX);
}

static int open_common(struct team *t, char why[DP_WHY_BYTES])
{
	uint64_t seed;
	int rc = handoff_open(t->n, &t->handoff);

	memcpy(&seed, t->dp->secret, sizeof(seed));
	if (rc == 0 && t->n > 1)
		rc = net_share_open(WORKER_NEIGHBOURS_MAX, seed, &t->share);
	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "port \"%.40s\": no memory for %u workers",
		         port_conf(t)->name, t->n);
	return rc;
}

static int open_workers(struct team *t, const struct team_conf *conf, char why[DP_WHY_BYTES])
{
	int rc = 0;

	for (uint32_t i = 0; i < t->n && rc == 0; i++) {
		struct worker_conf wc = { .dp = conf->dp,
			                  .index = conf->first_worker + i,
			                  .port_index = conf->port,
			                  .queue = (uint16_t)i,
			                  .port = &t->port,
			                  .landing = &t->landing,
			                  .handoff = t->handoff,
			                  .share = t->share,
			                  .stale = conf->stale,
			                  .n_stale = conf->n_stale,
			                  .cpus = &conf->cpus[i],
			                  .spins = conf->spins[i],
			                  .own = conf->own,
			                  .n_own = conf->n_own,
			                  .control = conf->control,
			                  .above = conf->above };

		rc = worker_open(&wc, &t->workers[i], why);
	}
	return rc;
}

static int open_port(struct team *t, char why[DP_WHY_BYTES])
{
	struct rte_mempool *pools[PORT_QUEUES_MAX];

	for (uint32_t i = 0; i < t->n; i++)
		pools[i] = t->workers[i]->rx_pool;
	return port_open(&t->port, port_conf(t), pools, why);
}

int team_open(const struct team_conf *conf, struct team **out, char why[DP_WHY_BYTES])
{
	struct team *t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);
	int rc;

	if (t == NULL) {
		snprintf(why, DP_WHY_BYTES, "no memory for port \"%.40s\"",
		         conf->dp->ports[conf->port].name);
		return -ENOMEM;
	}
	memset(t, 0, sizeof(*t));
	t->dp = conf->dp;
	t->index = conf->port;
	t->n = team_size(conf->dp, conf->port);
	rc = open_common(t, why);
	/* Before memory is taken for it. */
	if (rc == 0 && conf->io != NULL)
		port_use(&t->port, conf->io, conf->dev);
	else if (rc == 0)
		rc = port_find(&t->port, port_conf(t), why);
	t->port_is_found = rc == 0;
	if (rc == 0)
		rc = open_workers(t, conf, why);
	if (rc == 0)
		rc = open_port(t, why);
	if (conf->above != NULL && conf->above->reader_is_tame)
		t->port.plan.copy_tx = false;
	for (uint32_t i = 0; i < t->n && rc == 0; i++)
		rc = worker_equip(t->workers[i], why);
	if (rc != 0) {
		team_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

void team_close(struct team *t)
{
	/* Frames that wait in a ring, or in the device, go before the pools they are from. */
	for (uint32_t i = 0; i < t->n; i++)
		if (t->workers[i] != NULL)
			worker_unequip(t->workers[i]);
	if (t->handoff != NULL)
		handoff_close(t->handoff);
	if (t->port_is_found)
		port_stop(&t->port);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->workers[i] != NULL)
			worker_close(t->workers[i]);
	if (t->share != NULL)
		net_share_close(t->share);
	free(t);
}

/* Which families the port's sources have: only theirs must be foretold. */
static void families_of(const struct team *t, bool *v4, bool *v6)
{
	*v4 = *v6 = false;
	for (uint32_t i = 0; i < t->dp->n_sources; i++) {
		const struct dp_source_conf *s = &t->dp->sources[i];

		*v4 |= s->port == t->index && !ip_is_unset(&s->addr4);
		*v6 |= s->port == t->index && !ip_is_unset(&s->addr6);
	}
}

static void set_landing(struct team *t)
{
	enum dp_landing want = port_conf(t)->landing;
	struct landing_rss rss;
	bool v4, v6, may_predict = want == DP_LANDING_AUTO || want == DP_LANDING_PREDICT;
	char line[DP_WHY_BYTES];

	families_of(t, &v4, &v6);
	may_predict = may_predict && t->n > 1 && port_rss_read(&t->port, v4, v6, &rss);
	landing_init(&t->landing, t->n, WORKER_PORT_FIRST, WORKER_PORT_LAST,
	             may_predict ? &rss : NULL);
	if (want != DP_LANDING_PREDICT || may_predict || t->n == 1)
		return;
	snprintf(line, sizeof(line),
	         "port \"%.40s\": %.60s does not say how it spreads what it receives; "
	         "port.landing = partition instead",
	         port_conf(t)->name, port_conf(t)->device);
	t->dp->log(DP_LOG_WARN, line);
}

int team_start_port(struct team *t, char why[DP_WHY_BYTES])
{
	int rc = port_start(&t->port);

	if (rc != 0) {
		snprintf(why, DP_WHY_BYTES, "port \"%s\": %.100s does not start: %s",
		         port_conf(t)->name, port_conf(t)->device, strerror(-rc));
		return rc;
	}
	set_landing(t);
	return 0;
}

int team_start(struct team *t, char why[DP_WHY_BYTES])
{
	int rc = team_start_port(t, why);

	for (uint32_t i = 0; i < t->n && rc == 0; i++)
		rc = worker_start(t->workers[i], why);
	return rc;
}

void team_stop(struct team *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		worker_stop(t->workers[i]);
}

struct worker *team_worker(const struct team *t, uint32_t queue)
{
	assert(queue < t->n);
	return t->workers[queue];
}

void team_view(const struct team *t, struct dp_port_view *view)
{
	char idle[DP_IDLE_TEXT_BYTES];

	*view = (struct dp_port_view){ .name = port_conf(t)->name,
		                       .device = port_conf(t)->device,
		                       .mtu_bytes = t->port.plan.mtu_bytes,
		                       .n_workers = t->n,
		                       .landing = landing_mode_name(landing_mode(&t->landing)) };
	memcpy(view->mac, t->port.mac, sizeof(view->mac));
	for (uint32_t i = 0; i < t->n; i++) {
		const struct dp_counters *c = worker_counters(t->workers[i]);

		view->link_up |= counter_read(&c->port_link_up) != 0;
		view->handed += counter_read(&c->handed_out);
		view->wrong_core += counter_read(&c->rx_wrong_core);
	}
	port_plan_fallbacks(&t->port.plan, view->without, sizeof(view->without));
	snprintf(view->idle, sizeof(view->idle), "%s", worker_idle_text(t->workers[0], idle));
}

void team_describe(const struct team *t, char line[DP_WHY_BYTES])
{
	struct dp_port_view v;
	const uint8_t *m = v.mac;

	team_view(t, &v);
	snprintf(line, DP_WHY_BYTES,
	         "port \"%.32s\": %.50s, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, %u x %s, "
	         "idle: %.60s, not offloaded: %.90s",
	         v.name, v.device, m[0], m[1], m[2], m[3], m[4], m[5], v.mtu_bytes, v.n_workers,
	         v.landing, v.idle, v.without);
}
