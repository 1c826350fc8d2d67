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

			*h = (struct host_addr){ .addr = answer->hosts[i].addrs[j], .host = i };
			if (ip_is_v4(&h->addr))
				site->has_v4 = 1;
			else
				site->has_v6 = 1;
		}
	}
}

static struct conf_limits limits_of(const struct sched *s, const char *domain,
                                    const struct mx_answer *answer, bool is_routed)
{
	const char *host = answer->n_hosts > 0 && !is_routed ? answer->hosts[0].name : NULL;

	return conf_limits_for(s->conf, domain, host);
}

void site_set_limits(const struct sched *s, struct site *site)
{
	site->limits_now = limits_of(s, site->domain, site->answer, site->is_routed);
}

/* Names a site by all that its sessions must have in common but TLS, which tells lanes apart:
 * domains of one MX set share them, and the limits, only if they ask the same of the host.
 */
static void site_key_of(const struct sdomain *dom, const struct mx_answer *answer,
                        const struct conf_limits *l, char *key, size_t room)
{
	char port[8] = "";

	if (answer->fate != MX_OK) {
		snprintf(key, room, "!%s", dom->name);
		return;
	}
	if (dom->is_routed && l->route.port != 0)
		snprintf(port, sizeof(port), ":%u", l->route.port);
	snprintf(key, room, "%s%s%s%s%s%s%s", answer->site, port,
	         l->protocol == DP_PROTO_LMTP ? "+lmtp" : "", l->auth_in_clear ? "+clear" : "",
	         dom->is_routed && l->requiretls ? "+requiretls" : "",
	         l->credential != NULL ? "+auth=" : "", l->credential != NULL ? l->credential : "");
}

/* The site of an answer. A domain that has nowhere to send to is a site of its own, so that its
 * recipients are judged by the same machinery.
 */
struct site *site_of(struct sched *s, struct sdomain *dom, struct mx_answer *answer)
{
	const struct conf_limits limits = limits_of(s, dom->name, answer, dom->is_routed);
	char key[MX_NAME_BYTES + 128];
	struct site *site;

	dom->tls = (uint8_t)limits.tls;
	site_key_of(dom, answer, &limits, key, sizeof(key));
	HASH_FIND_STR(s->sites_by_key, key, site);
	if (site == NULL) {
		site = xcalloc(1, sizeof(*site) + strlen(key) + 1);
		strcpy(site->key, key);
		snprintf(site->domain, sizeof(site->domain), "%s", dom->name);
		site->slot = slot_get(s);
		site->gen = (uint32_t)(s->random += 0x9e3779b9);
		site->wake_us = UINT64_MAX;
		site->limits_now = limits;
		site->limits = &site->limits_now;
		site->is_routed = dom->is_routed;
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
                      const struct dp_evt *evt, const char *reason)
{
	struct flight *f = flight_get(s, sl, row);

	if (f == NULL)
		return false;
	slice_take(sl, row);
	flight_settle(s, f, v, evt, reason);
	return true;
}

/* RFC 8689 4.2.1: a message that asks for REQUIRETLS is offered to no host that is not certain. */
static bool refuse_requiretls(struct sched *s, struct slice *sl, uint32_t row)
{
	static const struct dp_evt refusal = { .kind = DP_EVT_RCPT,
		                               .outcome = DP_OUT_REFUSED,
		                               .reach = DP_REACH_MESSAGE,
		                               .step = DP_STEP_MAIL,
		                               .code = 550,
		                               .enhanced = { 5, 7, 30 } };
	const struct verdict v = bounce_judge(&refusal, 0);

	return judge_row(
	    s, sl, row, &v, &refusal,
	    "REQUIRETLS: the configuration names no host of the domain that offers it");
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
	static const struct verdict expired = { .state = RCPT_EXPIRED, .enhanced = { 4, 4, 7 } };
	static const struct verdict no_source = { .state = RCPT_DEFERRED, .counts_attempt = 1 };
	struct campaign *c = sl->load->c;
	struct site *site = sl->dom->site;
	struct lane *lane;
	struct flight *f;

	if (is_too_old(s, c, row))
		return judge_row(s, sl, row, &expired, NULL,
		                 site->last_error[0] != '\0' ? site->last_error
		                                             : "not sent within retry.give_up")
		           ? GAVE
		           : GAVE_STARVED;
	if (site->answer->fate != MX_OK) {
		struct verdict v = bounce_judge_mx(site->answer);

		return judge_row(s, sl, row, &v, NULL, site->answer->why) ? GAVE : GAVE_STARVED;
	}
	if (sl->load->requiretls && !site_takes_requiretls(s, site, NULL))
		return refuse_requiretls(s, sl, row) ? GAVE : GAVE_STARVED;
	lane = lane_for(s, sl, row);
	if (lane == NULL)
		return judge_row(s, sl, row, &no_source, NULL,
		                 "no source of this pool has an address of the hosts' family")
		           ? GAVE
		           : GAVE_STARVED;
	if (lane_room(s, lane, sl->load) == 0)
		return GAVE_FULL;
	f = flight_get(s, sl, row);
	if (f == NULL)
		return GAVE_STARVED;
	slice_take(sl, row);
	f->lane = lane;
	lane->n_ahead++;
	lane->n_shared += sl->load->is_shared;
	lane->n_shared_coming += sl->load->is_shared;
	if (c->rcpts[row].first_attempt_s == 0)
		claim_add(s, claim, f);
	else
		flight_compose(s, f);
	return GAVE;
}

/* One slice's turn: up to SLICE_TURN_ROWS rows, or a transaction full that share a message. */
static enum gave give_rows(struct sched *s, struct slice *sl)
{
	uint32_t most = sl->load->is_shared ? (uint32_t)DP_RCPTS_MAX : (uint32_t)SLICE_TURN_ROWS;
	struct claim claim = { 0 };
	enum gave gave = GAVE;
	uint32_t row;

	for (uint32_t i = 0; i < most && gave == GAVE && slice_peek(sl, &row); i++)
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
	if (dom->site != site || dom->is_stale || (dom->looking && dom->answer->fate != MX_OK))
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
		if (lane->is_apart && lane->n_conns == 0 && lane->n_ahead == 0)
			lane_free(lane);
	}
	site->running = 0;
}
