/* lane.c - one site from one source address: what waits there, and which connection takes it. */
#include <assert.h>
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

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
struct lane *lane_for(struct sched *s, const struct slice *sl, uint32_t row)
{
	const struct campaign *c = sl->load->c;
	const struct sdomain *dom = sl->dom;
	const struct tls_ask ask = { .site = dom->tls, .least = sl->load->tls_min };
	uint8_t wanted = tls_plan(&ask).wanted;
	const struct pool *p = pool_of(s, c->spec.pool);
	bool is_first = true;
	uint64_t alone = dom->is_alone ? dom->id : 0;
	struct site *site = dom->site;
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
	if (sl->load->is_shared) /* neighbours leave together */
		row /= DP_RCPTS_MAX;
	source = list[(row * 2654435761u ^ c->id * 40503u) % n];
	DL_FOREACH(site->lanes, lane)
	{
		if (lane->source == source && lane->alone == alone && lane->tls == wanted &&
		    lane->requiretls == sl->load->requiretls)
			return lane;
		is_first = is_first && lane->source != source;
	}
	lane = xcalloc(1, sizeof(*lane));
	lane->site = site;
	lane->source = source;
	lane->alone = alone;
	lane->tls = wanted;
	lane->requiretls = sl->load->requiretls;
	lane->is_apart = !is_first;
	site->n_apart += lane->is_apart;
	lane->n_workers = dp_workers_of(s->cf.dp, source, &lane->first_worker);
	DL_APPEND(site->lanes, lane);
	return lane;
}

void lane_free(struct lane *lane)
{
	assert(lane->n_conns == 0 && lane->n_ahead == 0);
	lane->site->n_apart -= lane->is_apart;
	DL_DELETE(lane->site->lanes, lane);
	free(lane);
}

/* Connections of its source to its site: domains that may not share have lanes of their own. */
static uint32_t conns_of_source(const struct lane *lane)
{
	const struct lane *other;
	uint32_t n = 0;

	if (lane->site->n_apart == 0)
		return lane->n_conns;
	DL_FOREACH(lane->site->lanes, other)
	n += other->source == lane->source ? other->n_conns : 0;
	return n;
}

/* Of a shared copy so many recipients may be ahead that each transaction is full; but one lane,
 * whose host may be slow, does not take the flights and credits of all others.
 */
uint32_t lane_room(const struct sched *s, const struct lane *lane, const struct load *load)
{
	const struct conf_limits *l = lane->site->limits;
	uint64_t ahead = (uint64_t)l->conns_max * (l->window_max + 1), most = UINT32_MAX;

	if (ahead < LANE_LOOKAHEAD_MIN)
		ahead = LANE_LOOKAHEAD_MIN;
	if (load->is_shared) {
		ahead *= share_rcpts_max(lane);
		most = s->flights_max < SHARED_PART ? 1 : s->flights_max / SHARED_PART;
	}
	if (lane->n_ahead >= ahead || (load->is_shared && lane->n_shared >= most))
		return 0;
	ahead -= lane->n_ahead;
	most -= load->is_shared ? lane->n_shared : 0;
	return (uint32_t)(ahead < most ? ahead : most);
}

void lane_push(struct sched *s, struct lane *lane, struct flight *f)
{
	DL_APPEND(lane->ready, f);
	lane->n_ready++;
	lane->n_shared_ready += f->copy != NULL;
	lane->n_shared_coming -= f->copy != NULL;
	site_todo(s, lane->site);
}

/* Whether a message may wait on a busy connection, behind those in flight, to save a round trip. It
 * counts for the rate when it is handed over and leaves later, all at once if the receiver paused:
 * only where that is next to nothing of the rate.
 */
static bool may_wait_on_conns(const struct conf_limits *l)
{
	return l->rate_per_s == 0 || l->conns_max <= l->rate_per_s / 100;
}

/* The best connection for one more message: the one with the fewest that are in flight, and when no
 * more may be opened also one where it has to wait. `is_poor`: some were left out since their
 * worker has no credit.
 */
static struct conn *pick(const struct sched *s, const struct lane *lane, bool *is_poor)
{
	const struct conf_limits *l = lane->site->limits;
	bool may_wait = conns_of_source(lane) >= l->conns_max && may_wait_on_conns(l);
	struct conn *c, *best = NULL;

	*is_poor = false;
	DL_FOREACH(lane->conns, c)
	{
		uint32_t jobs_max = may_wait ? dp_jobs_per_conn(c->window) : c->window;

		if (!c->open || c->quitting || c->closed || c->msgs >= c->msgs_max ||
		    c->jobs >= jobs_max)
			continue;
		if (s->credits[c->worker] == 0) {
			*is_poor = true;
			continue;
		}
		if (best == NULL || c->jobs < best->jobs)
			best = c;
		if (best->jobs == 0)
			break;
	}
	return best;
}

struct dp_job lane_job(const struct conn *c, const struct flight *f)
{
	struct dp_job job = {
		.conn = c->handle,
		.mail_from = f->mail_from,
		.envid = f->envid,
		.requiretls = f->lane->requiretls,
		.ret = f->slice->load->c->dsn.ret,
		.rcpts = &f->rcpt,
		.n_rcpts = 1,
		.n_wire = (uint8_t)f->out.n_wire,
		.needs_8bit = f->out.needs_8bit,
		.needs_smtputf8 = f->out.needs_smtputf8,
		.size_bytes = f->out.size_bytes,
		.campaign = f->slice->load->c->id,
		.released = f->slice->load->c->rcpts[f->row].released,
		.text = f->text,
		.n_text = (uint8_t)f->out.n_text,
	};

	static_assert((int)TPL_SPANS_MAX + (int)DP_TAGS_MAX <= (int)DP_SPANS_MAX, "tags fit, too");
	memcpy(job.wire, f->out.wire, f->out.n_wire * sizeof(job.wire[0]));
	return job;
}

/* One of the recipients of a job that was handed over. */
void lane_sent(struct sched *s, struct lane *lane, struct conn *c, struct flight *f)
{
	DL_DELETE(lane->ready, f);
	lane->n_ready--;
	lane->n_shared_ready -= f->copy != NULL;
	lane->n_ahead--;
	s->credits[c->worker]--;
	f->credit = 1;
	f->worker = c->worker;
	f->state = FLIGHT_SENT;
	f->conn = c;
	f->slice->load->c->attempts++;
	f->on_shared = c->domain != 0 && (c->domain != f->slice->dom->id || c->is_shared);
	c->is_shared |= f->on_shared;
	c->domain = f->slice->dom->id;
}

static bool submit_one(struct sched *s, struct lane *lane, struct conn *c, struct flight *f)
{
	struct dp_job job = lane_job(c, f);

	job.message = (uint64_t)f->gen << 32 | (uint32_t)(f - s->flights);
	if (dp_submit(s->cf.dp, c->worker, &job) != 0)
		return false;
	lane_sent(s, lane, c, f);
	return true;
}

static bool submit(struct sched *s, struct lane *lane, struct conn *c, struct flight *f)
{
	if (!(f->copy != NULL ? share_submit : submit_one)(s, lane, c, f))
		return false;
	c->jobs++;
	c->msgs++;
	if (lane->site->slices != NULL)
		site_todo(s, lane->site); /* there is room ahead again */
	return true;
}

bool lane_is_out(const struct lane *lane)
{
	const struct site *site = lane->site;

	return site->fails_in_row + lane->fails_in_row >= SITE_ROUNDS_MAX * site->n_addrs;
}

/* All hosts have failed again and again, or are none that the lane may go to: what waits in it is
 * judged without them.
 */
static void give_up(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;
	bool take_no_mail = lane_is_out(lane) && site->fails_in_row == 0 &&
	                    lane->no_mail_in_row == lane->fails_in_row;
	struct verdict v = bounce_judge_hosts((enum dp_why)site->last_why, take_no_mail);

	while (lane->ready != NULL)
		flight_settle(s, lane->ready, &v, NULL, site->last_error);
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
			if (c->msgs < c->msgs_max && s->now_us - c->idle_us < idle_us) {
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

/* More of those who share are a moment away, and there is room for them in the transaction. They
 * come whatever happens, or leave the lane; no more do while it is full.
 */
static bool is_worth_waiting(const struct lane *lane)
{
	return lane->ready->copy != NULL && lane->n_shared_coming > 0 &&
	       lane->n_shared_ready < share_rcpts_max(lane);
}

/* Hands over what the rate allows. */
static void hand_over(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;
	uint32_t per_s = site->limits->rate_per_s;
	bool is_poor = false;
	uint64_t wait_us;
	struct conn *c;

	while (lane->ready != NULL && !is_worth_waiting(lane) &&
	       (c = pick(s, lane, &is_poor)) != NULL) {
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
}

/* Transactions that what is ready comes to, at least. */
static uint32_t ready_jobs(const struct lane *lane)
{
	uint32_t each = share_rcpts_max(lane);

	return lane->n_ready - lane->n_shared_ready + (lane->n_shared_ready + each - 1) / each;
}

/* Opens connections for what is still waiting; each will take as many as it may have in flight. */
static void open_more(struct sched *s, struct lane *lane)
{
	struct site *site = lane->site;

	while ((uint64_t)lane->n_connecting * site->limits->window < ready_jobs(lane) &&
	       conns_of_source(lane) < site->limits->conns_max && !site->blocked) {
		enum dialled dialled = dial(s, lane);

		if (dialled == DIALLED_NEVER && lane->n_conns == 0) {
			site_set_error(site, "no host that this message may go to from its source");
			give_up(s, lane);
		}
		if (dialled == DIALLED_NOWHERE && lane->n_conns == 0 &&
		    (lane_is_out(lane) || credential_is_out(s, lane)))
			give_up(s, lane);
		if (dialled != DIALLED)
			break;
	}
}

void lane_run(struct sched *s, struct lane *lane)
{
	hand_over(s, lane);
	open_more(s, lane);
	retire(s, lane);
}
