/* view.c - what others may see of the scheduler, and its orderly end. */
#include <utlist.h>

#include "control/sched/host_tls.h"
#include "control/sched/sched_int.h"

void sched_stop(struct sched *s)
{
	struct site *site, *next;
	struct lane *lane;

	if (s->stopping)
		return;
	s->stopping = 1;
	HASH_ITER(hh, s->sites_by_key, site, next)
	DL_FOREACH(site->lanes, lane)
	while (lane->ready != NULL)
		flight_return(s, lane->ready);
	flight_retry_waiting(s);
}

uint32_t sched_n_conns(const struct sched *s)
{
	return s->n_conns;
}

uint32_t sched_n_flights(const struct sched *s)
{
	const struct note *n;
	uint32_t notes;

	DL_COUNT(s->notes, n, notes);
	return s->n_flights + notes;
}

bool sched_is_stuck(const struct sched *s, const struct campaign *c, uint64_t *blocked)
{
	const struct load *load;
	const struct slice *sl;
	bool moving = false;

	*blocked = 0;
	DL_FOREACH(s->loads, load)
	{
		if (load->c != c)
			continue;
		if (c->paused)
			return c->in_flight == 0;
		DL_FOREACH2(load->slices, sl, load_next)
		{
			if (sl->left == sl->parked)
				continue;
			if (sl->in_flight == 0 && sl->dom->site != NULL && sl->dom->site->blocked)
				*blocked += sl->left - sl->parked;
			else
				moving = true;
		}
	}
	return !moving;
}

const char *sched_conn_site(const struct sched *s, uint64_t conn)
{
	const struct conn *c;

	if ((uint32_t)conn >= s->conns_max)
		return NULL;
	c = &s->conns[(uint32_t)conn];
	return c->gen == conn >> 32 && c->lane != NULL ? c->lane->site->key : NULL;
}

const char *sched_site_key(const struct sched *s, const char *name)
{
	const struct sdomain *dom;
	const struct site *site;

	HASH_FIND_STR(s->sites_by_key, name, site);
	if (site != NULL)
		return site->key;
	HASH_FIND(hh, s->domains, name, strlen(name), dom);
	return dom != NULL && dom->site != NULL ? dom->site->key : NULL;
}

bool sched_site_next(const struct sched *s, uint32_t *cursor, struct sched_site_view *view)
{
	const struct site *site = NULL;
	const struct lane *lane;
	const struct slice *sl;
	const struct conn *c;

	while (site == NULL && *cursor < s->sites_room)
		site = s->sites[(*cursor)++];
	if (site == NULL)
		return false;
	*view = (struct sched_site_view){
		.name = site->key,
		.domain = site->domain,
		.conns_max = site->limits->conns_max,
		.deferred = site->deferred,
		.in_flight = site->n_flights,
		.delivered = site->delivered,
		.refused = site->refused,
		.rate_per_s = site->limits->rate_per_s,
		.tls = tls_policy_name(site->limits->tls),
		.provider = site->limits->provider,
		.blocked = site->blocked,
		.last_error = site->last_error[0] != '\0' ? site->last_error : NULL,
	};
	DL_FOREACH(site->slices, sl)
	view->ready += sl->again_n + (sl->end_row - sl->next_row);
	DL_FOREACH(site->lanes, lane)
	{
		view->conns += lane->n_conns;
		DL_FOREACH(lane->conns, c)
		view->conns_idle += c->open && c->jobs == 0;
	}
	return true;
}

int sched_forget_host(struct sched *s, const struct ip_addr *addr)
{
	int noted = host_tls_forget(s, addr);
	bool known;

	if (noted < 0)
		return noted;
	known = hosts_del(s->hosts, addr);
	for (uint32_t i = 0; i < s->sites_room; i++)
		for (uint32_t j = 0; s->sites[i] != NULL && j < s->sites[i]->n_addrs; j++)
			if (ip_eq(&s->sites[i]->addrs[j].addr, addr))
				site_todo(s, s->sites[i]);
	return known || noted > 0;
}

uint32_t sched_n_hosts(const struct sched *s)
{
	return hosts_n(s->hosts);
}

uint64_t sched_n_hosts_evicted(const struct sched *s)
{
	return hosts_n_evicted(s->hosts);
}

bool sched_host_next(struct sched *s, const char *key, uint32_t *cursor,
                     struct sched_host_view *view)
{
	const struct mx_host *mx;
	const struct host *host;
	const struct lane *lane;
	const struct conn *c;
	struct site *site;

	HASH_FIND_STR(s->sites_by_key, key, site);
	if (site == NULL || *cursor >= site->n_addrs)
		return false;
	mx = &site->answer->hosts[site->addrs[*cursor].host];
	host = hosts_find(s->hosts, &site->addrs[*cursor].addr, HOST_ANY_SOURCE);
	*view = (struct sched_host_view){ .name = mx->name,
		                          .preference = mx->preference,
		                          .addr = site->addrs[*cursor].addr,
		                          .window = dial_window(site->limits, host, s->now_us) };
	host_text(host, s->now_us, view->known);
	DL_FOREACH(site->lanes, lane)
	DL_FOREACH(lane->conns, c)
	view->conns += ip_eq(&c->addr, &view->addr) && !c->closed;
	(*cursor)++;
	return true;
}
