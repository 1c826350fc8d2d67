/* lane.c - one site from one source address: its connections, and what they carry. */
#include <assert.h>
#include <inttypes.h>
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

/* Small, fast and not secret: spreads load, nothing depends on it. */
static uint32_t random_below(struct sched *s, uint32_t n)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 32) % n;
}

static struct pool *pool_of(struct sched *s, const char *name)
{
	struct pool *p;

	for (p = s->pools; p != NULL; p = p->next)
		if (name == NULL ? p->name == NULL : p->name != NULL && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* The same recipient leaves from the same source at every attempt, as greylisting wants it
 * (RFC 6647 5): the choice is a function of the row, not of the moment.
 */
struct lane *lane_for(struct sched *s, struct site *site, const struct campaign *c, uint32_t row)
{
	const struct pool *p = pool_of(s, c->spec.pool);
	const uint32_t *list;
	uint32_t n, source;
	struct lane *lane;

	if (p == NULL)
		return NULL;
	if (site->has_v4 && site->has_v6)
		list = p->any, n = p->n_any;
	else if (site->has_v4)
		list = p->v4, n = p->n_v4;
	else
		list = p->v6, n = p->n_v6;
	if (n == 0)
		return NULL;
	source = list[(row * 2654435761u ^ c->id * 40503u) % n];
	DL_FOREACH(site->lanes, lane)
	if (lane->source == source)
		return lane;
	lane = xcalloc(1, sizeof(*lane));
	lane->site = site;
	lane->source = source;
	lane->n_workers = dp_workers_of(s->cf.dp, source, &lane->first_worker);
	DL_APPEND(site->lanes, lane);
	return lane;
}

void lane_free(struct lane *lane)
{
	assert(lane->n_conns == 0 && lane->n_ahead == 0);
	DL_DELETE(lane->site->lanes, lane);
	free(lane);
}

uint32_t lane_room(const struct lane *lane)
{
	uint32_t ahead = lane->site->limits->conns_max * DP_JOBS_PER_CONN;

	if (ahead < LANE_LOOKAHEAD_MIN)
		ahead = LANE_LOOKAHEAD_MIN;
	return lane->n_ahead < ahead ? ahead - lane->n_ahead : 0;
}

void lane_push(struct sched *s, struct lane *lane, struct flight *f)
{
	DL_APPEND(lane->ready, f);
	lane->n_ready++;
	site_todo(s, lane->site);
}

/* Whether messages may wait on busy connections, to save a round trip each. They count for the rate
 * when they are handed over and leave later, all at once if the receiver paused: only where that is
 * next to nothing of the rate.
 */
static bool may_wait_on_conns(const struct conf_limits *l)
{
	return l->rate_per_s == 0 || l->conns_max * (DP_JOBS_PER_CONN - 1) <= l->rate_per_s / 100;
}

/* The best connection for one more message: an idle one, else, when no more may be opened, one
 * with a single job. `is_poor`: some were left out since their worker has no credit.
 */
static struct conn *pick(const struct sched *s, const struct lane *lane, bool *is_poor)
{
	const struct conf_limits *l = lane->site->limits;
	bool full = lane->n_conns >= l->conns_max && may_wait_on_conns(l);
	struct conn *c, *second = NULL;

	*is_poor = false;
	DL_FOREACH(lane->conns, c)
	{
		if (!c->open || c->quitting || c->closed || c->msgs >= l->msgs_per_conn_max)
			continue;
		if (s->credits[c->worker] == 0) {
			*is_poor = true;
			continue;
		}
		if (c->jobs == 0)
			return c;
		if (full && c->jobs < DP_JOBS_PER_CONN && second == NULL)
			second = c;
	}
	return second;
}

static bool submit(struct sched *s, struct lane *lane, struct conn *c, struct flight *f)
{
	struct dp_job job = {
		.conn = c->handle,
		.message = (uint64_t)f->gen << 32 | (uint32_t)(f - s->flights),
		.mail_from = f->mail_from,
		.rcpts = &f->rcpt,
		.n_rcpts = 1,
		.n_wire = (uint8_t)f->out.n_wire,
		.needs_8bit = f->out.needs_8bit,
		.needs_smtputf8 = f->out.needs_smtputf8,
		.size_bytes = f->out.size_bytes,
	};

	memcpy(job.wire, f->out.wire, f->out.n_wire * sizeof(job.wire[0]));
	if (dp_submit(s->cf.dp, c->worker, &job) != 0)
		return false;
	DL_DELETE(lane->ready, f);
	lane->n_ready--;
	lane->n_ahead--;
	s->credits[c->worker]--;
	f->credit = 1;
	f->worker = c->worker;
	f->state = FLIGHT_SENT;
	f->conn = c;
	f->slice->load->c->attempts++;
	c->jobs++;
	c->msgs++;
	if (lane->site->slices != NULL)
		site_todo(s, lane->site); /* there is room ahead again */
	return true;
}

/* An address of the best preference that has one in use for this source (RFC 5321 5.1: by
 * preference, equals in random order). NULL, and when to ask again, if all are to be left alone.
 */
static struct host_addr *pick_host(struct sched *s, const struct lane *lane, uint64_t *again_us)
{
	const struct mx_answer *a = lane->site->answer;
	const struct conf_source *src = &s->conf->sources[lane->source];
	bool v4 = !ip_is_unset(&src->addr4), v6 = !ip_is_unset(&src->addr6);
	struct host_addr *found = NULL, *h = lane->site->addrs;
	uint32_t equals = 0;

	*again_us = UINT64_MAX;
	for (uint32_t i = 0; i < a->n_hosts; i++) {
		struct host_addr *usable = NULL;

		if (found != NULL && a->hosts[i].preference != a->hosts[i - 1].preference)
			break;
		for (uint32_t j = 0; j < a->hosts[i].n_addrs; j++, h++) {
			if (!(ip_is_v4(&h->addr) ? v4 : v6))
				continue;
			if (h->until_us > s->now_us) {
				if (h->until_us < *again_us)
					*again_us = h->until_us;
			} else if (usable == NULL) {
				usable = h;
			}
		}
		if (usable != NULL && random_below(s, ++equals) == 0)
			found = usable;
	}
	return found;
}

/* All hosts have failed again and again: what waits in the lane waits for its next attempt. */
static void give_up(struct sched *s, struct lane *lane)
{
	static const struct verdict later = { .state = RCPT_DEFERRED, .counts_attempt = 1 };
	struct site *site = lane->site;

	while (lane->ready != NULL)
		flight_settle(s, lane->ready, &later, NULL, site->last_error);
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

/* Opens one more connection. False when none can be opened now. */
static bool dial(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;
	struct conn *c = s->free_conns;
	uint64_t again_us;
	struct host_addr *h = pick_host(s, lane, &again_us);
	uint32_t worker = pick_worker(s, lane);
	struct dp_dial d = { .source = lane->source,
		             .remote_port = (uint16_t)s->conf->egress.smtp_port };

	if (h == NULL) {
		if (again_us != UINT64_MAX)
			site_wake_at(s, site, again_us);
		if (lane->n_conns == 0 && site->fails_in_row >= SITE_ROUNDS_MAX * site->n_addrs)
			give_up(s, lane);
		return false;
	}
	if (c == NULL || s->n_conns_of[worker] >= s->conf->worker.conns_max) {
		site_hungry(s, site);
		return false;
	}
	d.remote = h->addr;
	d.tls = site->tls;
	if (d.tls == DP_TLS_OPPORTUNISTIC && h->clear_until_us > s->now_us)
		d.tls = DP_TLS_NONE;
	snprintf(d.host, sizeof(d.host), "%s", site->answer->hosts[h->host].name);
	d.conn = (uint64_t)(c->gen + 1) << 32 | (uint32_t)(c - s->conns);
	if (dp_connect(s->cf.dp, worker, &d) != 0) {
		site_hungry(s, site);
		return false;
	}
	LL_DELETE(s->free_conns, c);
	*c = (struct conn){
		.gen = c->gen + 1, .worker = worker, .lane = lane, .addr = h->addr, .tls = d.tls
	};
	DL_APPEND(lane->conns, c);
	lane->n_conns++;
	lane->n_connecting++;
	s->n_conns++;
	s->n_conns_of[worker]++;
	return true;
}

/* Sessions that have carried their share, or nothing for a while, are ended; so are those that are
 * too many since the limit was lowered, when their jobs are settled.
 */
static void retire(struct sched *s, struct lane *lane)
{
	const struct conf_limits *l = lane->site->limits;
	uint64_t idle_us = (uint64_t)l->idle_ms * 1000;
	uint32_t kept = 0;
	struct conn *c;

	DL_FOREACH(lane->conns, c)
	{
		if (!c->open || c->quitting || c->closed)
			continue;
		if (++kept <= l->conns_max) {
			if (c->jobs > 0)
				continue;
			if (c->msgs < l->msgs_per_conn_max && s->now_us - c->idle_us < idle_us) {
				site_wake_at(s, lane->site, c->idle_us + idle_us);
				continue;
			}
		}
		if (dp_quit(s->cf.dp, c->worker, c->handle) == 0)
			c->quitting = 1;
		else
			site_hungry(s, lane->site);
	}
}

void lane_run(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;
	uint32_t per_s = site->limits->rate_per_s;
	uint64_t wait_us;
	struct conn *c;
	bool is_poor = false;

	while (lane->ready != NULL && (c = pick(s, lane, &is_poor)) != NULL) {
		if (!rate_try(&site->rate, per_s, s->now_us, &wait_us)) {
			site_wake_at(s, site, s->now_us + wait_us);
			break;
		}
		if (!submit(s, lane, c, lane->ready)) {
			rate_undo(&site->rate, per_s);
			site_hungry(s, site);
			break;
		}
	}
	if (lane->ready != NULL && is_poor)
		site_hungry(s, site);
	while (lane->n_connecting < lane->n_ready && lane->n_conns < site->limits->conns_max &&
	       !site->blocked)
		if (!dial(s, lane))
			break;
	retire(s, lane);
}

/* A connection that is over and has no job left gives its slot back. A job that was handed over
 * while the end was on its way up comes back after it.
 */
static void conn_try_put(struct sched *s, struct conn *c)
{
	struct lane *lane = c->lane;

	if (!c->closed || c->jobs > 0)
		return;
	DL_DELETE(lane->conns, c);
	lane->n_conns--;
	if (!c->open)
		lane->n_connecting--;
	s->n_conns--;
	s->n_conns_of[c->worker]--;
	s->fed++;
	c->lane = NULL;
	LL_PREPEND(s->free_conns, c);
	site_todo(s, lane->site);
}

static struct host_addr *addr_of(struct site *site, const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < site->n_addrs; i++)
		if (ip_eq(&site->addrs[i].addr, addr))
			return &site->addrs[i];
	return NULL;
}

/* A host that failed is left alone, longer each time, up to retry.host. */
static void host_failed(struct sched *s, struct site *site, const struct ip_addr *addr)
{
	struct host_addr *h = addr_of(site, addr);
	uint64_t most_us = (uint64_t)s->conf->retry.host_s * 1000000, us = HOST_BACKOFF_US;

	site->fails_in_row++;
	if (h == NULL)
		return;
	for (uint32_t i = 0; i < h->fails && us < most_us; i++)
		us *= 2;
	h->fails++;
	h->until_us = s->now_us + (us < most_us ? us : most_us);
}

static void host_worked(struct site *site, const struct ip_addr *addr)
{
	struct host_addr *h = addr_of(site, addr);

	site->fails_in_row = 0;
	if (h != NULL)
		h->fails = 0;
}

static void remember_trouble(struct site *site, const struct conn *c, const struct dp_evt *evt)
{
	char ip[IP_TEXT_MAX];
	int n = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;

	ip_format(&c->addr, ip);
	if (n == 0 && evt->kind == DP_EVT_CLOSED && evt->step == DP_STEP_TLS)
		site_set_error(site, "%s: TLS handshake: %s", ip, dp_why_text(evt->why));
	else if (n > 0)
		site_set_error(site, "%s: %.*s", ip, n, evt->text);
	else
		site_set_error(site, "%s: %s", ip, dp_why_text(evt->why));
}

/* Nothing can go to this site until the configuration changes: what was ready waits untouched. */
static void block(struct sched *s, struct site *site, const struct conn *c)
{
	bool live = s->conf->egress.mode == CONF_EGRESS_LIVE;
	char ip[IP_TEXT_MAX];
	struct lane *lane;

	site->blocked = 1;
	site_set_error(site,
	               "%s is outside of what egress.mode = %s allows; add it to egress.allow%s",
	               ip_format(&c->addr, ip), live ? "live" : "sandbox",
	               live ? "" : " or set egress.mode = live");
	DL_FOREACH(site->lanes, lane)
	while (lane->ready != NULL)
		flight_return(s, lane->ready);
}

/* Opportunistic TLS asks nothing of a host: one whose handshake failed is tried in the clear,
 * unless it has shown that it can do better. Port 465 knows no clear.
 */
static bool falls_back(struct sched *s, const struct conn *c, const struct dp_evt *evt)
{
	struct host_addr *h = addr_of(c->lane->site, &c->addr);

	if (evt->step != DP_STEP_TLS || c->tls != DP_TLS_OPPORTUNISTIC ||
	    s->conf->egress.smtp_port == 465 || s->conf->tls.clear_s == 0 || h == NULL ||
	    h->tls_until_us > s->now_us)
		return false;
	h->clear_until_us = s->now_us + (uint64_t)s->conf->tls.clear_s * 1000000;
	return true;
}

static void on_closed(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	struct site *site = c->lane->site;
	bool in_order = evt->why == DP_WHY_QUIT || evt->why == DP_WHY_SHUTDOWN;
	bool ours = evt->why == DP_WHY_NO_ROOM || evt->why == DP_WHY_NO_PORTS;

	if (!in_order)
		remember_trouble(site, c, evt);
	if (evt->why == DP_WHY_EGRESS && !site->blocked)
		block(s, site, c);
	else if (!in_order && !ours && c->delivered == 0 && !falls_back(s, c, evt))
		host_failed(s, site, &c->addr);
	c->closed = 1;
	conn_try_put(s, c);
}

static struct flight *flight_of(struct sched *s, const struct dp_evt *evt)
{
	struct flight *f = &s->flights[(uint32_t)evt->message];

	assert((uint32_t)evt->message < s->flights_max && f->gen == evt->message >> 32);
	assert(f->state == FLIGHT_SENT && f->conn != NULL);
	return f;
}

static void on_body_taken(struct sched *s, struct flight *f)
{
	if (f->slab != NULL)
		compose_free(s->cf.composer, f->slab);
	f->slab = NULL;
}

/* The connection is the flight's: one that was gone when the job reached it has no name to tell. */
static void on_rcpt(struct sched *s, struct flight *f, const struct dp_evt *evt)
{
	struct conn *c = f->conn;
	struct lane *lane = c->lane;
	const struct rcpt *r = &f->slice->load->c->rcpts[f->row];
	struct verdict v = bounce_judge(evt, r->attempts);

	c->jobs--;
	if (c->jobs == 0)
		c->idle_us = s->now_us;
	if (evt->outcome == DP_OUT_DELIVERED)
		c->delivered++;
	else if (evt->outcome != DP_OUT_NOT_TRIED)
		remember_trouble(lane->site, c, evt);
	if (v.avoid_host)
		host_failed(s, lane->site, &c->addr);
	if (v.end_session && !c->quitting && !c->closed &&
	    dp_quit(s->cf.dp, c->worker, c->handle) == 0)
		c->quitting = 1;
	f->conn = NULL;
	f->lane = NULL;
	if (evt->outcome == DP_OUT_NOT_TRIED && (v.now || s->stopping))
		flight_return(s, f);
	else
		flight_settle(s, f, &v, evt, dp_why_text(evt->why));
	site_todo(s, lane->site);
	conn_try_put(s, c);
}

static struct conn *conn_of(struct sched *s, uint32_t worker, const struct dp_evt *evt)
{
	struct conn *c = &s->conns[(uint32_t)evt->conn];

	assert((uint32_t)evt->conn < s->conns_max && c->gen == evt->conn >> 32);
	assert(c->lane != NULL && c->worker == worker && !c->closed);
	return c;
}

static void on_open(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	struct host_addr *h = addr_of(c->lane->site, &c->addr);

	c->open = 1;
	c->handle = evt->handle;
	c->idle_us = s->now_us;
	c->lane->n_connecting--;
	if (evt->tls != 0 && h != NULL) {
		h->tls_until_us = s->now_us + (uint64_t)HOST_TLS_S * 1000000;
		h->clear_until_us = 0;
	}
	host_worked(c->lane->site, &c->addr);
	site_todo(s, c->lane->site);
}

void sched_on_event(struct sched *s, uint32_t worker, const struct dp_evt *evt)
{
	switch ((enum dp_evt_kind)evt->kind) {
	case DP_EVT_OPEN:
		on_open(s, conn_of(s, worker, evt), evt);
		break;
	case DP_EVT_BODY_TAKEN:
		on_body_taken(s, flight_of(s, evt));
		break;
	case DP_EVT_RCPT:
		on_rcpt(s, flight_of(s, evt), evt);
		break;
	case DP_EVT_CLOSED:
		on_closed(s, conn_of(s, worker, evt), evt);
		break;
	}
}
