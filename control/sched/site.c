/* site.c - MX sets: which domains share one, what may go there now, and what to do when nowhere. */
#include <assert.h>
#include <stdarg.h>
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

void site_set_error(struct site *site, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(site->last_error, sizeof(site->last_error), fmt, ap);
	va_end(ap);
}

static void unqueue(struct sched *s, struct site *site)
{
	if (site->queued == SITE_TODO)
		DL_DELETE(s->todo, site);
	else if (site->queued == SITE_HUNGRY)
		DL_DELETE(s->hungry, site);
	site->queued = SITE_NOWHERE;
}

void site_todo(struct sched *s, struct site *site)
{
	if (site->queued == SITE_TODO)
		return;
	unqueue(s, site);
	DL_APPEND(s->todo, site);
	site->queued = SITE_TODO;
}

void site_hungry(struct sched *s, struct site *site)
{
	if (site->queued != SITE_NOWHERE)
		return;
	DL_APPEND(s->hungry, site);
	site->queued = SITE_HUNGRY;
}

/* One site for each thing that came free: 100,000 that starve must not be asked at every turn. The
 * rest wait in line; time feeds a few, since rings have room again without telling.
 */
void sites_feed(struct sched *s)
{
	uint32_t n = s->fed;

	if (s->now_us - s->fed_us >= RETRY_US) {
		s->fed_us = s->now_us;
		n += HUNGRY_PER_TICK;
	}
	s->fed = 0;
	for (; n > 0 && s->hungry != NULL; n--)
		site_todo(s, s->hungry);
}

void site_wake_at(struct sched *s, struct site *site, uint64_t at_us)
{
	if (site->wake_us <= at_us)
		return;
	site->wake_us = at_us;
	heap_push(&s->wakes, (struct heap_item){ at_us, site->slot, site->gen });
}

static uint32_t slot_get(struct sched *s)
{
	uint32_t room;

	if (s->n_free_slots == 0) {
		room = s->sites_room == 0 ? 64 : s->sites_room * 2;
		s->sites = xrealloc(s->sites, room, sizeof(*s->sites));
		memset(s->sites + s->sites_room, 0, (room - s->sites_room) * sizeof(*s->sites));
		s->free_slots = xrealloc(s->free_slots, room, sizeof(*s->free_slots));
		for (uint32_t slot = room; slot-- > s->sites_room;)
			s->free_slots[s->n_free_slots++] = slot;
		s->sites_room = room;
	}
	return s->free_slots[--s->n_free_slots];
}

/* Takes on a newer answer. */
static void site_set_answer(struct site *site, struct mx_answer *answer)
{
	uint32_t n = 0;

	if (site->answer != NULL)
		mx_release(site->answer);
	site->answer = mx_hold(answer);
	site->has_v4 = site->has_v6 = 0;
	for (uint32_t i = 0; i < answer->n_hosts; i++)
		n += answer->hosts[i].n_addrs;
	free(site->addrs);
	site->addrs = xcalloc(n > 0 ? n : 1, sizeof(*site->addrs));
	site->n_addrs = 0;
	for (uint32_t i = 0; i < answer->n_hosts; i++) {
		for (uint32_t j = 0; j < answer->hosts[i].n_addrs; j++) {
			struct host_addr *h = &site->addrs[site->n_addrs++];

			*h = (struct host_addr){ answer->hosts[i].addrs[j], i };
			if (ip_is_v4(&h->addr))
				site->has_v4 = 1;
			else
				site->has_v6 = 1;
		}
	}
}

/* The site of an answer: domains of one MX set share it, and so its sessions, only if they ask the
 * same of TLS. A domain that has nowhere to send to is a site of its own, so that its
 * recipients are judged by the same machinery.
 */
static struct site *site_of(struct sched *s, struct sdomain *dom, struct mx_answer *answer)
{
	static const char *const marks[] = { [DP_TLS_NONE] = "+none",
		                             [DP_TLS_OPPORTUNISTIC] = "",
		                             [DP_TLS_ENCRYPT] = "+encrypt",
		                             [DP_TLS_VERIFY] = "+verify" };
	const struct conf_limits *limits =
	    conf_limits_for(s->conf, dom->name, answer->n_hosts > 0 ? answer->hosts[0].name : "");
	char key[MX_NAME_BYTES + 16];
	struct site *site;

	if (answer->fate == MX_OK)
		snprintf(key, sizeof(key), "%s%s", answer->site, marks[limits->tls]);
	else
		snprintf(key, sizeof(key), "!%s", dom->name);
	HASH_FIND_STR(s->sites_by_key, key, site);
	if (site == NULL) {
		site = xcalloc(1, sizeof(*site) + strlen(key) + 1);
		strcpy(site->key, key);
		snprintf(site->domain, sizeof(site->domain), "%s", dom->name);
		site->slot = slot_get(s);
		site->gen = (uint32_t)(s->random += 0x9e3779b9);
		site->wake_us = UINT64_MAX;
		site->limits = limits;
		site->tls = (uint8_t)limits->tls;
		s->sites[site->slot] = site;
		HASH_ADD_STR(s->sites_by_key, key, site);
	}
	if (site->answer != answer)
		site_set_answer(site, answer);
	return site;
}

void site_try_free(struct sched *s, struct site *site)
{
	struct lane *lane, *next;

	if (site->n_domains > 0 || site->running)
		return;
	DL_FOREACH(site->lanes, lane)
	if (lane->n_conns > 0 || lane->n_ahead > 0)
		return;
	assert(site->slices == NULL);
	DL_FOREACH_SAFE(site->lanes, lane, next)
	lane_free(lane);
	unqueue(s, site);
	HASH_DEL(s->sites_by_key, site);
	s->sites[site->slot] = NULL;
	s->free_slots[s->n_free_slots++] = site->slot;
	mx_release(site->answer);
	free(site->addrs);
	free(site);
}

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

void sites_sort(struct sched *s)
{
	struct sdomain *dom, *tmp;
	struct slice *sl, *next;

	HASH_ITER(hh, s->domains, dom, tmp)
	{
		if (dom->answer == NULL)
			continue;
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
	dom->s->n_looking++;
	mx_lookup(dom->s->cf.mx, dom->name, on_answer, dom); /* may answer before it returns */
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

/* A recipient whose time is up before it could be tried again. */
static bool is_too_old(const struct sched *s, const struct campaign *c, uint32_t row)
{
	int64_t since = c->rcpts[row].first_attempt_s;

	if (since == 0)
		since = c->started_s;
	return s->now_s > since + (int64_t)s->conf->retry.give_up_s;
}

/* Settles one row without sending it: its domain takes no mail, or it has waited too long. */
static bool judge_row(struct sched *s, struct slice *sl, uint32_t row, const struct verdict *v,
                      const char *reason)
{
	struct flight *f = flight_get(s, sl, row);

	if (f == NULL)
		return false;
	slice_take(sl, row);
	flight_settle(s, f, v, NULL, reason);
	return true;
}

/* A run of fresh rows that is being claimed: their first-attempt time becomes durable in one
 * record.
 */
struct claim {
	struct flight *first, *last;
	uint32_t n;
};

static void claim_end(struct sched *s, struct claim *claim)
{
	if (claim->n > 0)
		flight_claim(s, claim->first, claim->n);
	*claim = (struct claim){ 0 };
}

static void claim_add(struct sched *s, struct claim *claim, struct flight *f)
{
	if (claim->n > 0 && f->row != claim->first->row + claim->n)
		claim_end(s, claim);
	if (claim->n == 0)
		claim->first = f;
	else
		claim->last->claim_next = f;
	claim->last = f;
	claim->n++;
}

enum gave { GAVE, GAVE_FULL, GAVE_STARVED };

/* Puts one row on its way. */
static enum gave give_row(struct sched *s, struct slice *sl, uint32_t row, struct claim *claim)
{
	static const struct verdict expired = { .state = RCPT_EXPIRED };
	static const struct verdict no_source = { .state = RCPT_DEFERRED, .counts_attempt = 1 };
	struct campaign *c = sl->load->c;
	struct site *site = sl->dom->site;
	struct lane *lane;
	struct flight *f;

	if (is_too_old(s, c, row))
		return judge_row(s, sl, row, &expired,
		                 site->last_error[0] != '\0' ? site->last_error
		                                             : "not sent within retry.give_up")
		           ? GAVE
		           : GAVE_STARVED;
	if (site->answer->fate != MX_OK) {
		struct verdict v = bounce_judge_mx(site->answer);

		return judge_row(s, sl, row, &v, site->answer->why) ? GAVE : GAVE_STARVED;
	}
	lane = lane_for(s, sl->dom, c, row);
	if (lane == NULL)
		return judge_row(s, sl, row, &no_source,
		                 "no source of this pool has an address of the hosts' family")
		           ? GAVE
		           : GAVE_STARVED;
	if (lane_room(lane) == 0)
		return GAVE_FULL;
	f = flight_get(s, sl, row);
	if (f == NULL)
		return GAVE_STARVED;
	slice_take(sl, row);
	f->lane = lane;
	lane->n_ahead++;
	if (c->rcpts[row].first_attempt_s == 0)
		claim_add(s, claim, f);
	else
		flight_compose(s, f);
	return GAVE;
}

/* One slice's turn: up to SLICE_TURN_ROWS rows. */
static enum gave give_rows(struct sched *s, struct slice *sl)
{
	struct claim claim = { 0 };
	enum gave gave = GAVE;
	uint32_t row;

	for (int i = 0; i < SLICE_TURN_ROWS && gave == GAVE && slice_peek(sl, &row); i++)
		gave = give_row(s, sl, row, &claim);
	claim_end(s, &claim);
	return gave;
}

/* Whether the slice's rows may go to its site now. An answer that has expired is asked for again; a
 * good one serves meanwhile, a bad one waits. What comes at once serves, whatever its date: the
 * resolver's clock may be a little behind ours, and asking until they agree would never end.
 */
static bool may_go(struct sched *s, struct slice *sl)
{
	struct sdomain *dom = sl->dom;
	struct site *site = dom->site;

	if (dom->answer->expires_ms <= (int64_t)(s->now_us / 1000))
		sdomain_look_up(dom);
	if (dom->site != site || (dom->looking && dom->answer->fate != MX_OK))
		return false;
	if (sl->listed) /* by the answer */
		DL_DELETE(site->slices, sl);
	sl->listed = 0;
	return true;
}

void site_run(struct sched *s, struct site *site)
{
	struct lane *lane, *next;
	struct slice *sl;
	uint32_t full = 0;
	enum gave gave = GAVE;

	site->running = 1;
	while ((sl = site->slices) != NULL && !site->blocked && gave != GAVE_STARVED) {
		DL_DELETE(site->slices, sl);
		sl->listed = 0;
		if (!may_go(s, sl))
			continue;
		gave = give_rows(s, sl);
		slice_list(s, sl);
		if (gave == GAVE_FULL && ++full >= SITE_FULL_LANES_MAX)
			break;
	}
	unqueue(s, site); /* listing a slice of ours asked for this very run */
	if (gave == GAVE_STARVED)
		site_hungry(s, site);
	DL_FOREACH_SAFE(site->lanes, lane, next)
	{
		lane_run(s, lane);
		if (lane->alone != 0 && lane->n_conns == 0 && lane->n_ahead == 0)
			lane_free(lane);
	}
	site->running = 0;
}
