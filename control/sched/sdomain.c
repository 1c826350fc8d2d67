/* sdomain.c - mail domains: where their mail goes, by DNS or by the configuration. */
#include <assert.h>
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

static void move_to(struct sched *s, struct sdomain *dom, struct site *site)
{
	struct site *old = dom->site;
	struct slice *sl;

	if (old == site)
		return;
	DL_FOREACH2(dom->slices, sl, dom_next)
	{
		if (sl->listed)
			DL_DELETE(old->slices, sl);
		sl->listed = 0;
		site->n_flights += sl->in_flight;
		site->deferred += sl->waiting;
		if (old != NULL) {
			old->n_flights -= sl->in_flight;
			old->deferred -= sl->waiting;
		}
	}
	dom->site = site;
	site->n_domains++;
	if (old != NULL) {
		old->n_domains--;
		site_try_free(s, old);
	}
}

static bool has_route(const struct sched *s, const struct sdomain *dom)
{
	return conf_limits_for(s->conf, dom->name, NULL).route.host[0] != '\0';
}

void sites_sort(struct sched *s)
{
	struct sdomain *dom, *tmp;
	struct slice *sl, *next;

	HASH_ITER(hh, s->domains, dom, tmp)
	{
		if (dom->answer == NULL)
			continue;
		if (dom->is_routed || has_route(s, dom)) { /* maybe not to there any more */
			dom->is_stale = 1;
			sdomain_look_up(dom);
			continue;
		}
		move_to(s, dom, site_of(s, dom, dom->answer));
		DL_FOREACH_SAFE2(dom->slices, sl, next, dom_next)
		slice_list(s, sl);
	}
}

static void on_answer(void *ctx, struct mx_answer *answer)
{
	struct sdomain *dom = ctx;
	struct sched *s = dom->s;
	struct slice *sl, *next;

	dom->looking = 0;
	s->n_looking--;
	if (dom->asked != s->n_confs && (dom->asked_route || has_route(s, dom))) {
		sdomain_look_up(dom); /* it was asked by a configuration that is no more */
		return;
	}
	dom->is_routed = dom->asked_route;
	dom->is_stale = 0;
	if (dom->answer != NULL)
		mx_release(dom->answer);
	dom->answer = mx_hold(answer);
	move_to(s, dom, site_of(s, dom, answer));
	if (answer->fate != MX_OK)
		site_set_error(dom->site, "%s", answer->why);
	DL_FOREACH_SAFE2(dom->slices, sl, next, dom_next)
	slice_list(s, sl);
	sdomain_try_free(dom);
}

static void look_up(struct sdomain *dom)
{
	struct sched *s = dom->s;
	const struct conf_route route = conf_limits_for(s->conf, dom->name, NULL).route;

	s->n_looking++;
	dom->asked = s->n_confs;
	dom->asked_route = route.host[0] != '\0';
	if (dom->asked_route) /* either may answer before it returns */
		mx_lookup_host(s->cf.mx, route.host, on_answer, dom);
	else
		mx_lookup(s->cf.mx, dom->name, on_answer, dom);
}

/* The resolver asks queries_max at once; what is beyond waits here, where it costs nothing. */
void sdomain_look_up(struct sdomain *dom)
{
	struct sched *s = dom->s;

	if (dom->looking)
		return;
	dom->looking = 1;
	if (s->to_look_up == NULL && s->n_looking < s->conf->dns.queries_max)
		look_up(dom);
	else
		DL_APPEND(s->to_look_up, dom);
}

bool sdomains_look_up(struct sched *s)
{
	for (int i = 0; s->to_look_up != NULL && s->n_looking < s->conf->dns.queries_max; i++) {
		struct sdomain *dom = s->to_look_up;

		if (i == LOOK_UPS_PER_RUN)
			return false;
		DL_DELETE(s->to_look_up, dom);
		look_up(dom);
	}
	return true;
}

/* A domain is known while it has recipients left or is being looked up. */
void sdomain_try_free(struct sdomain *dom)
{
	struct sched *s = dom->s;

	if (dom->slices != NULL || dom->looking)
		return;
	dom->site->n_domains--;
	site_try_free(s, dom->site);
	mx_release(dom->answer);
	HASH_DEL(s->domains, dom);
	free(dom);
}

struct sdomain *sdomain_of(struct sched *s, struct span name)
{
	struct sdomain *dom;

	HASH_FIND(hh, s->domains, name.at, name.bytes, dom);
	if (dom != NULL)
		return dom;
	dom = xcalloc(1, sizeof(*dom) + name.bytes + 1);
	memcpy(dom->name, name.at, name.bytes);
	dom->s = s;
	dom->id = ++s->n_domain_ids;
	HASH_ADD(hh, s->domains, name, name.bytes, dom);
	return dom;
}
