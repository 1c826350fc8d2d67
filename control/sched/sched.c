/* sched.c - which message next, on which connection: the driver. */
#include <assert.h>
#include <utlist.h>

#include "control/sched/host_tls.h"
#include "control/sched/sched_int.h"
#include "control/xalloc.h"

enum {
	RUN_AT_MOST_US = 1000000, /* due recipients are looked for at least this often */
};

static struct pool *pool_new(const struct conf *conf, const char *name)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->name = name;
	p->any = xcalloc(conf->n_sources, sizeof(*p->any));
	p->v4 = xcalloc(conf->n_sources, sizeof(*p->v4));
	p->v6 = xcalloc(conf->n_sources, sizeof(*p->v6));
	for (uint32_t i = 0; i < conf->n_sources; i++) {
		const struct conf_source *src = &conf->sources[i];

		if (name != NULL && strcmp(src->pool, name) != 0)
			continue;
		p->any[p->n_any++] = i;
		if (!ip_is_unset(&src->addr4))
			p->v4[p->n_v4++] = i;
		if (!ip_is_unset(&src->addr6))
			p->v6[p->n_v6++] = i;
	}
	return p;
}

static void make_pools(struct sched *s)
{
	const struct conf *conf = s->conf;
	struct pool *p;

	s->pools = pool_new(conf, NULL);
	for (uint32_t i = 0; i < conf->n_sources; i++) {
		for (p = s->pools; p != NULL; p = p->next)
			if (p->name != NULL && strcmp(p->name, conf->sources[i].pool) == 0)
				break;
		if (p == NULL) {
			p = pool_new(conf, conf->sources[i].pool);
			LL_APPEND(s->pools, p);
		}
	}
}

struct sched *sched_open(const struct sched_conf *conf)
{
	struct sched *s = xcalloc(1, sizeof(*s));

	s->cf = *conf;
	s->conf = conf->conf;
	s->random = 0x853c49e6748fea9bull;
	s->n_workers = dp_n_workers(conf->dp);
	s->credits = xcalloc(s->n_workers, sizeof(*s->credits));
	s->n_conns_of = xcalloc(s->n_workers, sizeof(*s->n_conns_of));
	for (uint32_t w = 0; w < s->n_workers; w++)
		s->credits[w] = s->conf->worker.window;
	/* A credit's worth with the workers, as much again being claimed, composed and stored. */
	s->flights_max = 2 * s->conf->worker.window * s->n_workers;
	s->flights = xcalloc(s->flights_max, sizeof(*s->flights));
	for (uint32_t i = s->flights_max; i-- > 0;)
		LL_PREPEND(s->free_flights, &s->flights[i]);
	s->conns_max = s->conf->worker.conns_max * s->n_workers;
	s->conns = xcalloc(s->conns_max, sizeof(*s->conns));
	for (uint32_t i = s->conns_max; i-- > 0;)
		LL_PREPEND(s->free_conns, &s->conns[i]);
	shares_open(s);
	s->hosts = hosts_new(s->conf->hosts.entries_max);
	make_pools(s);
	return s;
}

void sched_close(struct sched *s)
{
	struct site *site, *next_site;
	struct load *load, *next_load;
	struct sdomain *dom, *next_dom;
	struct pool *p, *next_pool;
	struct note *note, *next_note;

	LL_FOREACH_SAFE(s->pools, p, next_pool)
	{
		free(p->any);
		free(p->v4);
		free(p->v6);
		free(p);
	}
	DL_FOREACH_SAFE(s->notes, note, next_note)
	free(note);
	DL_FOREACH_SAFE(s->loads, load, next_load)
	{
		struct slice *sl, *next;

		DL_FOREACH_SAFE2(load->slices, sl, next, load_next)
		{
			free(sl->again);
			free(sl);
		}
		free(load);
	}
	HASH_ITER(hh, s->domains, dom, next_dom)
	{
		HASH_DEL(s->domains, dom);
		if (dom->answer != NULL)
			mx_release(dom->answer);
		free(dom);
	}
	HASH_ITER(hh, s->sites_by_key, site, next_site)
	{
		struct lane *lane, *next;

		HASH_DEL(s->sites_by_key, site);
		DL_FOREACH_SAFE(site->lanes, lane, next)
		free(lane);
		mx_release(site->answer);
		free(site->addrs);
		free(site);
	}
	heap_fini(&s->due);
	heap_fini(&s->wakes);
	hosts_free(s->hosts);
	free(s->sites);
	free(s->free_slots);
	shares_close(s);
	free(s->flights);
	free(s->conns);
	free(s->credits);
	free(s->n_conns_of);
	free(s);
}

static uint8_t least_of(const struct sched *s, const struct campaign *c)
{
	uint8_t least = conf_tls_min(s->conf, c->spec.class, c->spec.tenant);
	int own = campaign_tls_min(&c->spec);

	/* A word that an older or newer version wrote and we do not know is no reason to ask less.
	 */
	if (own < 0 || c->spec.requiretls) /* RFC 8689 4.2.1: the name is checked, too */
		own = DP_TLS_VERIFY;
	return own > least ? (uint8_t)own : least;
}

/* Which hosts may get REQUIRETLS mail was asked when their sessions were opened: they have carried
 * their share.
 */
static void renew_requiretls(struct site *site)
{
	struct lane *lane;
	struct conn *c;

	DL_FOREACH(site->lanes, lane)
	DL_FOREACH(lane->conns, c)
	if (lane->requiretls)
		c->msgs_max = c->msgs;
}

void sched_set_conf(struct sched *s, const struct conf *conf)
{
	struct pool *p, *next_pool;
	struct load *load;

	s->conf = s->cf.conf = conf;
	s->n_confs++;
	hosts_set_max(s->hosts, conf->hosts.entries_max);
	copies_renew(s); /* keys may be others */
	LL_FOREACH_SAFE(s->pools, p, next_pool)
	{
		free(p->any);
		free(p->v4);
		free(p->v6);
		free(p);
	}
	s->pools = NULL;
	make_pools(s);
	DL_FOREACH(s->loads, load)
	load->tls_min = least_of(s, load->c);
	for (uint32_t i = 0; i < s->sites_room; i++) {
		struct site *site = s->sites[i];

		if (site == NULL)
			continue;
		site_set_limits(s, site);
		renew_requiretls(site);
		site->blocked = 0;
		for (uint32_t k = 0; k < site->n_addrs; k++)
			site->addrs[k].is_barred = 0;
		site_todo(s, site);
	}
	sites_sort(s);
}

void sched_credential_set(struct sched *s, uint32_t credential)
{
	struct credential *cr = &s->credentials[credential - 1];

	assert(credential >= 1 && credential <= DP_CREDENTIALS_MAX);
	*cr = (struct credential){ .turn = cr->turn + 1 };
	for (uint32_t i = 0; i < s->sites_room; i++)
		if (s->sites[i] != NULL && s->sites[i]->limits->credential_id == credential)
			site_todo(s, s->sites[i]);
}

void load_try_end(struct sched *s, struct load *load)
{
	struct campaign *c = load->c;

	if (load->left > 0)
		return;
	DL_DELETE(s->loads, load);
	free(load);
	s->cf.campaign_over(s->cf.ctx, c);
}

void sched_add(struct sched *s, struct campaign *c)
{
	struct load *load = xcalloc(1, sizeof(*load));

	load->c = c;
	load->tls_min = least_of(s, c);
	load->is_shared = c->spec.shared_copy != NULL;
	load->requiretls = c->spec.requiretls;
	DL_APPEND(s->loads, load);
	for (uint32_t d = 0; d < table_n_domains(c->table); d++)
		slice_new(s, load, d);
	load_try_end(s, load);
}

/* Rows whose time has come go back to their slices. False: there are more. */
static bool take_due(struct sched *s)
{
	struct heap_item item;

	for (int i = 0; heap_peek(&s->due, &item) && (int64_t)item.key <= s->now_s; i++) {
		struct slice *sl = (struct slice *)(uintptr_t)item.a;

		if (i == DUE_PER_RUN)
			return false;
		heap_pop(&s->due);
		sl->waiting--;
		if (sl->dom->site != NULL)
			sl->dom->site->deferred--;
		slice_again(s, sl, (uint32_t)item.b);
	}
	return true;
}

static void take_wakes(struct sched *s)
{
	struct heap_item item;

	while (heap_peek(&s->wakes, &item) && item.key <= s->now_us) {
		struct site *site = s->sites[item.a];

		heap_pop(&s->wakes);
		if (site == NULL || site->gen != (uint32_t)item.b)
			continue; /* freed meanwhile */
		if (site->wake_us == item.key)
			site->wake_us = UINT64_MAX;
		site_todo(s, site);
	}
}

static void run_sites(struct sched *s)
{
	for (int i = 0; i < SITES_PER_RUN && s->todo != NULL; i++) {
		struct site *site = s->todo;

		DL_DELETE(s->todo, site);
		site->queued = SITE_NOWHERE;
		site_run(s, site);
		site_try_free(s, site);
	}
}

uint64_t sched_run(struct sched *s, uint64_t now_us, int64_t now_s)
{
	struct heap_item item;
	uint64_t wait_us = RUN_AT_MOST_US;
	bool all;

	bool is_first = s->now_s == 0;

	s->now_us = now_us;
	s->now_s = now_s;
	if (is_first)
		host_tls_load(s);
	flight_retry_waiting(s);
	if (s->stopping)
		return s->append_wait != NULL ? RETRY_US : RUN_AT_MOST_US;
	all = sdomains_look_up(s);
	all = take_due(s) && all;
	sites_feed(s);
	take_wakes(s);
	run_sites(s);
	if (s->todo != NULL || !all)
		return 0;
	if (heap_peek(&s->wakes, &item) && item.key - now_us < wait_us)
		wait_us = item.key > now_us ? item.key - now_us : 0;
	if (s->hungry != NULL || s->append_wait != NULL || s->compose_wait != NULL)
		wait_us = wait_us < RETRY_US ? wait_us : RETRY_US;
	return wait_us;
}
