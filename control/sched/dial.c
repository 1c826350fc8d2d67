/* dial.c - which host a connection goes to, and what it is told of that host. */
#include "control/sched/host_tls.h"
#include "control/sched/sched_int.h"

#include <utlist.h>

enum { SMTPS_PORT = 465 };

/* Small, fast and not secret: spreads load, nothing depends on it. */
static uint32_t random_below(struct sched *s, uint32_t n)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32) % n;
}

/* Until when an address is to be left alone: for what the host does to everybody, or to this
 * source.
 */
static uint64_t avoid_us(struct sched *s, const struct lane *lane, const struct ip_addr *addr)
{
	uint64_t all = host_avoid_us(hosts_find(s->hosts, addr, HOST_ANY_SOURCE), s->now_us);
	uint64_t ours = host_avoid_us(hosts_find(s->hosts, addr, lane->source), s->now_us);

	return all > ours ? all : ours;
}

bool lane_reaches(const struct sched *s, const struct lane *lane, const struct ip_addr *addr)
{
	const struct conf_source *src = &s->conf->sources[lane->source];

	return !ip_is_unset(ip_is_v4(addr) ? &src->addr4 : &src->addr6);
}

static bool is_named(const struct sched *s, const struct site *site, const struct host_addr *h)
{
	return site->is_routed
	           ? site->limits->requiretls
	           : conf_is_requiretls_host(s->conf, site->answer->hosts[h->host].name);
}

bool site_takes_requiretls(struct sched *s, const struct site *site, const struct host_addr *addr)
{
	for (uint32_t i = 0; i < site->n_addrs; i++) {
		const struct host_addr *h = &site->addrs[i];

		if ((addr == NULL || addr == h) && is_named(s, site, h) &&
		    !host_is(hosts_find(s->hosts, &h->addr, HOST_ANY_SOURCE), HOST_NO_REQUIRETLS,
		             s->now_us))
			return true;
	}
	return false;
}

/* The best address so far: of the least rank, equals in random order. */
struct choice {
	const struct host_addr *addr; /* NULL: none */
	uint32_t rank, n_equal;
};

static void offer(struct sched *s, struct choice *best, const struct host_addr *addr, uint32_t rank)
{
	if (best->addr != NULL && rank > best->rank)
		return;
	if (best->addr == NULL || rank < best->rank)
		best->n_equal = 0;
	best->rank = rank;
	if (random_below(s, ++best->n_equal) == 0)
		best->addr = addr;
}

static uint32_t rank_of(uint32_t preference, const struct ip_addr *addr)
{
	if (preference == CONF_IP_ANY)
		return 0;
	return ip_is_v4(addr) != (preference == CONF_IP_IPV4);
}

/* An address of the best MX preference that has one in use for this source: hosts of one preference
 * in random order (RFC 5321 5.1), those with an address of the preferred family first. That section
 * keeps the addresses of one host in the order in which its resolver presents them, by preference
 * where there is any. Records of a set have no order (RFC 2181 5), and whoever caches them hands
 * them out in another one each time, so that the host's load is spread: so do we. NULL, and when to
 * ask again, if all are to be left alone; never, if there is none for this lane.
 */
static const struct host_addr *pick_host(struct sched *s, const struct lane *lane,
                                         uint64_t *again_us)
{
	const struct mx_answer *a = lane->site->answer;
	const struct host_addr *h = lane->site->addrs;
	struct choice best = { .addr = NULL };

	*again_us = UINT64_MAX;
	for (uint32_t i = 0; i < a->n_hosts; i++) {
		struct choice of_host = { .addr = NULL };

		if (best.addr != NULL && a->hosts[i].preference != a->hosts[i - 1].preference)
			break;
		for (uint32_t j = 0; j < a->hosts[i].n_addrs; j++, h++) {
			uint64_t until_us;

			if (h->is_barred || !lane_reaches(s, lane, &h->addr) ||
			    (lane->requiretls && !site_takes_requiretls(s, lane->site, h)))
				continue;
			until_us = avoid_us(s, lane, &h->addr);
			if (until_us == 0)
				offer(s, &of_host, h,
				      rank_of(lane->site->limits->ip_preference, &h->addr));
			else if (until_us < *again_us)
				*again_us = until_us;
		}
		if (of_host.addr != NULL)
			offer(s, &best, of_host.addr, of_host.rank);
	}
	return best.addr;
}

/* The worker of the lane's port that has the fewest connections; of equals, one that differs
 * between sites, so that sites of one connection each do not meet at the first.
 */
static uint32_t pick_worker(const struct sched *s, const struct lane *lane)
{
	uint32_t best = lane->first_worker + (lane->site->slot + lane->n_conns) % lane->n_workers;

	for (uint32_t i = 0; i < lane->n_workers; i++) {
		uint32_t w = lane->first_worker + i;

		if (s->n_conns_of[w] < s->n_conns_of[best])
			best = w;
	}
	return best;
}

/* Every fact of a host that a session is told. */
static uint16_t known_of(const struct host *host, uint64_t now_us)
{
	static const struct {
		enum host_fact fact;
		enum dp_known bit;
	} told[] = {
		{ HOST_NO_PIPELINING, DP_KNOWN_NO_PIPELINING },
		{ HOST_NO_CHUNKING, DP_KNOWN_NO_CHUNKING },
		{ HOST_BDAT_WORKS, DP_KNOWN_BDAT_WORKS },
	};
	unsigned known = 0;

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (host_is(host, told[i].fact, now_us))
			known |= told[i].bit;
	return (uint16_t)known;
}

static uint16_t port_of(const struct sched *s, const struct conf_limits *l)
{
	if (l->route.port != 0)
		return l->route.port;
	return l->protocol == DP_PROTO_LMTP ? 24 : (uint16_t)s->conf->egress.smtp_port;
}

uint32_t dial_window(const struct conf_limits *l, const struct host *host, uint64_t now_us)
{
	uint32_t proven = host_window(host, now_us);

	if (proven > l->window_max)
		proven = l->window_max;
	return proven > l->window ? proven : l->window;
}

/* How a session with that address is to be encrypted. Only who would do without asks what the host
 * can; a provider's own host is known by its name, whatever else is in the domain's MX.
 */
static struct tls_plan plan_of(struct sched *s, const struct lane *lane, const struct host_addr *h,
                               bool is_implicit)
{
	const struct site *site = lane->site;
	const char *name = site->answer->hosts[h->host].name;
	const struct host *host = hosts_find(s->hosts, &h->addr, HOST_ANY_SOURCE);
	const struct tls_ask ask = {
		.site = lane->tls,
		.least = site->is_routed ? DP_TLS_NONE : conf_provider_tls(site->limits, name),
		.is_implicit = is_implicit,
		.has_done_tls = lane->tls == DP_TLS_OPPORTUNISTIC && host_tls_is_known(s, &h->addr),
		.fails_tls = host_is(host, HOST_CLEAR, s->now_us),
	};

	return tls_plan(&ask);
}

static struct dp_dial order_of(struct sched *s, const struct lane *lane, const struct conn *c,
                               const struct host_addr *h, struct tls_plan *plan)
{
	const struct conf_limits *l = lane->site->limits;
	const struct host *host = hosts_find(s->hosts, &h->addr, HOST_ANY_SOURCE);
	const char *name = lane->site->answer->hosts[h->host].name;
	bool is_named = l->route.host[0] != '\0';
	struct dp_dial d = {
		.conn = (uint64_t)c->gen << 32 | (uint32_t)(c - s->conns),
		.source = lane->source,
		.remote_port = port_of(s, l),
		.protocol = (uint8_t)l->protocol,
		.window = (uint8_t)dial_window(l, host, s->now_us),
		.auth_in_clear = l->auth_in_clear,
		.requiretls_ok = lane->requiretls, /* or it had not been picked */
		.known = known_of(host, s->now_us),
		.times = l->times_set,
		.credential = l->credential_id,
		.remote = h->addr,
	};

	*plan = plan_of(s, lane, h, d.remote_port == SMTPS_PORT);
	d.tls = plan->dial;
	if (plan->expects_tls)
		d.known |= DP_KNOWN_TLS;
	if (!is_named || ip_is_unset(&l->route.addr))
		snprintf(d.host, sizeof(d.host), "%s", name);
	return d;
}

enum dialled dial(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;
	struct conn *c = s->free_conns;
	uint64_t again_us;
	const struct host_addr *h = pick_host(s, lane, &again_us);
	uint32_t worker = pick_worker(s, lane);
	struct tls_plan plan;
	struct dp_dial d;

	if (h != NULL && !credential_may_dial(s, lane, &again_us))
		h = NULL;
	if (h == NULL) {
		if (again_us == UINT64_MAX)
			return DIALLED_NEVER;
		site_wake_at(s, site, again_us);
		return DIALLED_NOWHERE;
	}
	if (c == NULL || s->n_conns_of[worker] >= s->conf->worker.conns_max) {
		site_hungry(s, site);
		return DIALLED_FULL;
	}
	c->gen++;
	d = order_of(s, lane, c, h, &plan);
	if (dp_connect(s->cf.dp, worker, &d) != 0) {
		site_hungry(s, site);
		return DIALLED_FULL;
	}
	LL_DELETE(s->free_conns, c);
	*c = (struct conn){ .gen = c->gen,
		            .worker = worker,
		            .lane = lane,
		            .addr = h->addr,
		            .may_clear = plan.may_clear,
		            .window = d.window,
		            .msgs_max = site->limits->msgs_per_conn_max };
	credential_dialled(s, c);
	DL_APPEND(lane->conns, c);
	lane->n_conns++;
	lane->n_connecting++;
	s->n_conns++;
	s->n_conns_of[worker]++;
	if (site->n_apart > 0) { /* who shares a limit takes turns */
		DL_DELETE(site->lanes, lane);
		DL_APPEND(site->lanes, lane);
	}
	return DIALLED;
}
