/* conn.c - what sessions report: to their lane, and to the flights they carry. */
#include <assert.h>
#include <utlist.h>

#include "control/log.h"
#include "control/sched/host_tls.h"
#include "control/sched/sched_int.h"

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

static void remember_trouble(struct site *site, const struct conn *c, const struct dp_evt *evt)
{
	char ip[IP_TEXT_MAX];
	int n = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;

	site->last_why = evt->kind == DP_EVT_RCPT && evt->code != 0 ? DP_WHY_REPLY : evt->why;
	ip_format(&c->addr, ip);
	if (evt->kind == DP_EVT_CLOSED && evt->why == DP_WHY_TLS_GONE)
		site_set_error(site, "%s: %s%s%.*s", ip, dp_why_text(evt->why), n > 0 ? ": " : "",
		               n, evt->text);
	else if (n == 0 && evt->kind == DP_EVT_CLOSED && evt->step == DP_STEP_TLS)
		site_set_error(site, "%s: TLS handshake: %s", ip, dp_why_text(evt->why));
	else if (n > 0)
		site_set_error(site, "%s: %.*s", ip, n, evt->text);
	else
		site_set_error(site, "%s: %s", ip, dp_why_text(evt->why));
}

/* True when that was the last address that its source reaches. */
static bool bar_address(const struct sched *s, const struct conn *c)
{
	struct site *site = c->lane->site;
	uint32_t left = 0;

	for (uint32_t i = 0; i < site->n_addrs; i++) {
		struct host_addr *h = &site->addrs[i];

		h->is_barred |= memcmp(&h->addr, &c->addr, sizeof(h->addr)) == 0;
		left += !h->is_barred && lane_reaches(s, c->lane, &h->addr);
	}
	return left == 0;
}

/* The egress guard refuses a host: others of the domain may do. If none is left nothing can go to
 * this site until the configuration changes: what was ready waits untouched.
 */
static void bar(struct sched *s, struct site *site, const struct conn *c)
{
	bool live = s->conf->egress.mode == CONF_EGRESS_LIVE;
	char ip[IP_TEXT_MAX];
	struct lane *lane;

	site_set_error(site,
	               "%s is outside of what egress.mode = %s allows; add it to egress.allow%s",
	               ip_format(&c->addr, ip), live ? "live" : "sandbox",
	               live ? "" : " or set egress.mode = live");
	if (!bar_address(s, c))
		return;
	site->blocked = 1;
	DL_FOREACH(site->lanes, lane)
	while (lane->ready != NULL)
		flight_return(s, lane->ready);
}

/* A host whose handshake failed is tried in the clear, on a new connection, where the policy allows
 * that and the host has not shown that it can do better.
 */
static bool falls_back(struct sched *s, const struct conn *c, const struct dp_evt *evt)
{
	if (evt->step != DP_STEP_TLS || s->conf->tls.clear_s == 0 || !c->may_clear ||
	    host_tls_is_known(s, &c->addr))
		return false;
	learn(s, host_of(s, c), HOST_CLEAR);
	return true;
}

/* Told once: a host that has given TLS up for good waits for an operator's word. */
static void note_tls_gone(struct sched *s, const struct conn *c)
{
	struct host *host = host_of(s, c);
	char ip[IP_TEXT_MAX];

	if (!host_is(host, HOST_TLS_GONE, s->now_us))
		log_warn("host %s of %s did TLS before and does not offer it now: its mail waits; "
		         "if that is meant, say `posthaste ctl host forget %s`",
		         ip_format(&c->addr, ip), c->lane->site->key, ip);
	learn(s, host, HOST_TLS_GONE);
}

/* Refused BDAT and nothing else: the next session with it says DATA, if that is remembered. */
static bool will_say_data(struct sched *s, const struct conn *c, const struct dp_evt *evt)
{
	return evt->step == DP_STEP_BDAT && evt->learnt & DP_KNOWN_NO_CHUNKING &&
	       host_is(host_of(s, c), HOST_NO_CHUNKING, s->now_us);
}

/* Who ends an idle session may be tired of it; who ends each new one is no host to send to. */
static bool is_hosts_fault(struct sched *s, const struct conn *c, const struct dp_evt *evt,
                           bool in_order)
{
	bool ours = evt->why == DP_WHY_NO_ROOM || evt->why == DP_WHY_NO_PORTS;
	bool is_hasty =
	    c->open && !in_order && c->answered == 0 && s->now_us - c->opened_us < CONN_HASTE_US;

	return !ours && c->delivered == 0 && (evt->reach == DP_REACH_HOST || is_hasty) &&
	       !will_say_data(s, c, evt);
}

static void on_closed(struct sched *s, struct conn *c, const struct dp_evt *evt)
{
	struct site *site = c->lane->site;
	bool in_order = evt->why == DP_WHY_QUIT || evt->why == DP_WHY_SHUTDOWN;

	if (!in_order)
		remember_trouble(site, c, evt);
	if (evt->why == DP_WHY_TLS_GONE)
		note_tls_gone(s, c);
	if (evt->why == DP_WHY_EGRESS && !site->blocked)
		bar(s, site, c);
	else if (c->credential != 0 && bounce_is_about_credential(evt))
		(void)credential_refused(s, c, evt);
	else if (is_hosts_fault(s, c, evt, in_order) && !falls_back(s, c, evt))
		conn_failed(s, c, evt);
	conn_prove_window(s, c, in_order);
	c->closed = 1;
	conn_try_put(s, c);
}

static struct flight *flight_of(struct sched *s, const struct dp_evt *evt)
{
	struct flight *f;

	if (batch_is_message(evt->message))
		return batch_flight(s, evt);
	f = &s->flights[(uint32_t)evt->message];
	assert((uint32_t)evt->message < s->flights_max && f->gen == evt->message >> 32);
	assert(f->state == FLIGHT_SENT && f->conn != NULL);
	return f;
}

static void on_body_taken(struct sched *s, struct flight *f)
{
	if (f == NULL || f->slab == NULL)
		return; /* a shared one is kept while there is somebody for it */
	compose_free(s->cf.composer, f->slab);
	f->slab = NULL;
}

/* A refusal to relay that a domain gets on a session which carried another's mail may be about the
 * mixture: it is tried once more, on sessions of its own from now on. What it gets there stands.
 */
static bool is_for_sharing(const struct flight *f, const struct dp_evt *evt)
{
	return f->on_shared && bounce_is_relaying(evt);
}

/* Attempts before this one, as bounce_judge() wants them. */
static uint32_t spent(const struct sched *s, const struct rcpt *r, const struct dp_evt *evt)
{
	if (evt->outcome != DP_OUT_UNCONFIRMED)
		return r->attempts;
	return r->unconfirmed < s->conf->retry.unconfirmed ? 0 : 1;
}

/* RFC 6152 3: what comes back is composed again, and what follows is so at once. No time so short
 * that it could come back for ever.
 */
static void needs_7bit(struct sched *s, const struct conn *c)
{
	uint64_t until_us = fact_until_us(s, HOST_NO_8BITMIME);
	uint64_t least_us = after_s(s, AS_7BIT_MIN_S);

	learn(s, host_of(s, c), HOST_NO_8BITMIME);
	c->lane->site->as_7bit_until_us = until_us > least_us ? until_us : least_us;
}

/* Whether what no reply was about goes again at once. Nothing may come back for ever: not to a host
 * whose refusal of BDAT is not remembered, and not too often in a row whatever the reason.
 */
static bool goes_again(struct sched *s, const struct conn *c, struct rcpt *r,
                       const struct dp_evt *evt, bool now)
{
	if (s->stopping)
		return true;
	/* Others of its transaction have got their answer, each time. */
	if (evt->why == DP_WHY_TOO_MANY)
		return true;
	if (!now || r->again == AGAIN_AT_ONCE_MAX ||
	    (evt->why == DP_WHY_NO_CHUNKING &&
	     !host_is(host_of(s, c), HOST_NO_CHUNKING, s->now_us)))
		return false;
	r->again++;
	return true;
}

/* Transactions that were answered, and those that their session lost. */
static void count_answer(struct sched *s, struct conn *c, const struct dp_evt *evt, bool is_last)
{
	bool not_tried = evt->outcome == DP_OUT_NOT_TRIED;

	if (not_tried && evt->why == DP_WHY_NEEDS_7BIT)
		needs_7bit(s, c);
	else if (not_tried && evt->why == DP_WHY_TOO_MANY)
		conn_learn_limits(s, c, evt);
	else if (is_last && (evt->outcome == DP_OUT_UNCONFIRMED ||
	                     (not_tried && evt->why != DP_WHY_NO_CHUNKING)))
		c->lost++;
	else if (is_last && (evt->outcome == DP_OUT_DELIVERED || evt->outcome == DP_OUT_REFUSED))
		c->answered++;
}

/* RFC 8689 4.2.1: a host that does not offer REQUIRETLS is passed over for the domain's others.
 * True when there is one.
 */
static bool goes_to_another(struct sched *s, const struct conn *c, const struct dp_evt *evt,
                            struct verdict *v)
{
	static const uint8_t lacking[] = { 5, 7, 30 };

	if (!c->lane->requiretls || evt->outcome != DP_OUT_REFUSED || evt->step != DP_STEP_MAIL ||
	    memcmp(evt->enhanced, lacking, sizeof(lacking)) != 0)
		return false;
	v->end_session = 1;
	learn(s, host_of(s, c), HOST_NO_REQUIRETLS);
	return host_is(host_of(s, c), HOST_NO_REQUIRETLS, s->now_us) &&
	       site_takes_requiretls(s, c->lane->site, NULL);
}

/* The connection is the flight's: one that was gone when the job reached it has no name to tell. */
static void on_rcpt(struct sched *s, struct flight *f, const struct dp_evt *evt)
{
	struct conn *c = f->conn;
	struct lane *lane = c->lane;
	struct campaign *campaign = f->slice->load->c;
	struct rcpt *r = &campaign->rcpts[f->row];
	struct verdict v = bounce_judge(evt, spent(s, r, evt));
	bool is_last = batch_leave(s, f); /* of its transaction */
	bool to_another = goes_to_another(s, c, evt, &v);

	c->jobs -= is_last;
	if (c->jobs == 0)
		c->idle_us = s->now_us;
	if (evt->outcome == DP_OUT_DELIVERED)
		c->delivered++;
	else if (evt->outcome != DP_OUT_NOT_TRIED && evt->outcome != DP_OUT_GATED)
		remember_trouble(lane->site, c, evt);
	count_answer(s, c, evt, is_last);
	if (c->credential != 0 && bounce_is_about_credential(evt)) {
		v.avoid_host = 0;
		v.now = credential_refused(s, c, evt);
	} else if (evt->outcome == DP_OUT_DELIVERED || evt->outcome == DP_OUT_REFUSED) {
		credential_taken(s, c);
	}
	if (v.avoid_host)
		conn_failed(s, c, evt);
	else if (evt->outcome == DP_OUT_DELIVERED || evt->outcome == DP_OUT_REFUSED)
		conn_worked(s, c);
	if (v.state == RCPT_DEFERRED && !v.now && evt->outcome != DP_OUT_GATED && lane_is_out(lane))
		v.counts_attempt = 1;
	if (v.end_session && !c->quitting && !c->closed &&
	    dp_quit(s->cf.dp, c->worker, c->handle) == 0)
		c->quitting = 1;
	f->conn = NULL;
	f->lane = NULL;
	lane->n_shared -= f->slice->load->is_shared;
	if (is_for_sharing(f, evt)) {
		f->slice->dom->is_alone = 1;
		flight_return(s, f);
	} else if (to_another ||
	           (evt->outcome == DP_OUT_NOT_TRIED && goes_again(s, c, r, evt, v.now))) {
		flight_return(s, f);
	} else {
		v.now = v.now && evt->outcome != DP_OUT_NOT_TRIED;
		flight_settle(s, f, &v, evt, dp_why_text(evt->why));
	}
	site_todo(s, lane->site);
	conn_try_put(s, c);
	if (evt->outcome == DP_OUT_GATED)
		campaign_stopped(s, campaign, evt);
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
	c->open = 1;
	c->handle = evt->handle;
	c->idle_us = c->opened_us = s->now_us;
	c->lane->n_connecting--;
	/* Without PIPELINING all but one would wait. */
	if (!(evt->learnt & DP_KNOWN_PIPELINING))
		c->window = 1;
	if (evt->tls != 0) {
		host_tls_learn(s, &c->addr);
		host_learn(host_of(s, c), HOST_CLEAR, 0);
		host_learn(host_of(s, c), HOST_TLS_GONE, 0);
	}
	conn_learn_limits(s, c, evt);
	site_todo(s, c->lane->site);
}

void sched_on_event(struct sched *s, uint32_t worker, const struct dp_evt *evt)
{
	switch ((enum dp_evt_kind)evt->kind) {
	case DP_EVT_OPEN:
		conn_learn(s, conn_of(s, worker, evt), evt);
		on_open(s, conn_of(s, worker, evt), evt);
		break;
	case DP_EVT_BODY_TAKEN:
		on_body_taken(s, flight_of(s, evt));
		break;
	case DP_EVT_RCPT:
		conn_learn(s, flight_of(s, evt)->conn, evt);
		on_rcpt(s, flight_of(s, evt), evt);
		break;
	case DP_EVT_CLOSED:
		conn_learn(s, conn_of(s, worker, evt), evt);
		on_closed(s, conn_of(s, worker, evt), evt);
		break;
	}
}
