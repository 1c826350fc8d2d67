/* tcp_port.c - a local port for (local, remote, remote port), in an order nobody foresees.
 *
 * RFC 6056 3.3.4: a keyed offset for each destination and a counter from a small table, so one
 * source address can hold a full range of ports to each of many destinations. Where a port has
 * several workers only those are taken whose replies are this one's, see landing.h.
 */
#include <errno.h>

#include "dataplane/tcp/tcp_engine.h"

/* May a new connection have this tuple? An entry in TIME-WAIT makes room if it may. */
static bool try_claim(struct tcp *t, const struct tcp_tuple *tuple)
{
	uint32_t value = tcp_look_up(t, tuple);

	if (value == TCP_FLOW_NONE)
		return true;
	if (!(value & TCP_TW_BIT) || !tcp_tw_may_reuse(t, value & ~TCP_TW_BIT))
		return false;
	tcp_tw_del(t, value & ~TCP_TW_BIT);
	return true;
}

/* Ports first .. first + n - 1, from where the counter stands. Another worker's ports are passed
 * over at a few cycles each; the others cost a look-up each, of which `probes` are left.
 */
static bool try_range(struct tcp *t, struct tcp_tuple *tuple, const struct landing_search *search,
                      uint32_t first, uint32_t n, uint32_t *probes)
{
	uint64_t key = tcp_key_ports(&t->key, tuple);
	uint32_t *counter = &t->ports[(key >> 32) % TCP_PORT_COUNTERS];
	uint32_t at = ((uint32_t)key % n + *counter % n) % n;

	for (uint32_t i = 0; i<n && * probes> 0; i++, at = at + 1 == n ? 0 : at + 1) {
		tuple->lport = (uint16_t)(first + at);
		++*counter;
		if (search != NULL && !landing_search_has(search, tuple->lport))
			continue;
		--*probes;
		if (try_claim(t, tuple))
			return true;
	}
	return false;
}

int tcp_port_choose(struct tcp *t, struct tcp_tuple *tuple)
{
	const struct tcp_conf *c = &t->conf;
	uint32_t range = (uint32_t)c->port_last - c->port_first + 1, probes = TCP_PORT_PROBES_MAX;
	struct landing_search search;

	if (c->landing == NULL) {
		if (try_range(t, tuple, NULL, c->port_first, range, &probes))
			return 0;
	} else {
		landing_search_init(&search, c->landing, c->landing_me, &tuple->local,
		                    &tuple->remote, tuple->rport);
		for (uint32_t i = 0; i < search.n_ranges; i++)
			if (try_range(t, tuple, &search, search.ranges[i].first, search.ranges[i].n,
			              &probes))
				return 0;
	}
	count(&t->conf.counters->tcp_ports_exhausted);
	return -EADDRNOTAVAIL;
}
