/* test_sched.c - the scheduler in a world of its own: virtual time, a seeded data plane, store and
 * resolver, and after every turn the promises that must hold.
 *
 * The fakes below stand for the rooms the scheduler drives; what each answers is decided by the
 * domain's name ("soft", "hard", "drop", "dead", "null", "egress", "badtls", "choosy": not from the
 * first source; "strip": offers TLS to as many sessions as "badtls" does; "relay": not on a session
 * of another domain, "norelay": not at all; "slam": hosts that let us in and close at the first
 * message, at MAIL or behind it, "hasty": before one; "521": takes no mail, "521dead": says so only
 * once; "grey": takes each recipient the second time; "nobdat": offers CHUNKING and refuses BDAT;
 * "mixed": by row, see answer_of(); "few": 4 recipients in a transaction; "bye": goodbye to every
 * MAIL; all others deliver).
 */
#include <stdlib.h>
#include <string.h>

#include "control/campaign/dsn.h"
#include "control/sched/sched.h"
#include "tests/support/suite.h"

enum {
	ROWS_MAX = 4000,
	DOMAINS_MAX = 16,
	QUEUE_MAX = 20000,
	CONNS_MAX = 64,
	WORKERS = 2, /* of the one port */
	WINDOW = 32, /* each */
	LOOK_UPS_MAX = 2
};

struct fake_conn {
	uint64_t name;
	uint32_t gen; /* of its handle */
	uint32_t worker, source;
	char domain[32];
	uint32_t jobs, jobs_max, msgs;
	uint32_t carried; /* domain of its last message + 1; 0: none */
	uint16_t known, learnt;
	uint32_t secret; /* it authenticated with */
	bool used, open, quitting, mixed;
	bool requiretls_ok; /* as it was dialled */
};

static struct world {
	uint64_t now_us, random;
	uint32_t seed;
	/* the campaign and its table */
	struct campaign c;
	struct rcpt rcpts[ROWS_MAX];
	struct table_domain domains[DOMAINS_MAX];
	struct mx_answer answers[DOMAINS_MAX];
	struct mx_host hosts[DOMAINS_MAX];
	uint32_t n_domains, n_rows;
	char addresses[ROWS_MAX][40]; /* "domain#row" */
	uint32_t delivered_times[ROWS_MAX];
	bool over;
	uint32_t ttl_ms;  /* of an answer */
	bool at_once;     /* look-ups answer before they return; else half of them do */
	uint32_t lookups; /* since time last moved */
	uint32_t looking; /* answers that are still to come */
	/* what is on its way up */
	struct late {
		uint64_t at_us;
		enum { LATE_EVT, LATE_DURABLE, LATE_COMPOSED, LATE_MX } kind;
		struct dp_evt evt;
		uint32_t worker; /* whose event it is */
		uint64_t cookie;
		mx_done_fn *mx_done;
		void *mx_ctx;
		uint32_t domain, row;  /* row: UINT32_MAX, none */
		bool as_7bit, is_last; /* is_last: of its job's recipients */
	} late[QUEUE_MAX];
	uint32_t n_late;
	struct fake_conn conns[CONNS_MAX];
	uint32_t unsettled[WORKERS]; /* recipients submitted whose outcome is not durable */
	uint32_t dialled[WORKERS], dials_in_all, dials_to[DOMAINS_MAX];
	uint8_t submitted[ROWS_MAX];                  /* its worker + 1 */
	uint8_t tries[ROWS_MAX], source_of[ROWS_MAX]; /* by row; the source + 1, once it left */
	uint32_t gens;
	uint32_t slabs; /* handed out and not freed */
	uint32_t conns_open, conns_open_most, msgs_most, submits;
	uint32_t sent, together_most; /* recipients submitted, and most of them in one job */
	uint32_t orders;              /* to compose */
	uint32_t utf8_jobs, utf8_together;
	uint16_t rcpts_max; /* hosts say so */
	uint32_t dials_secret, dials_clear, dials_as[DP_N_TLS];
	int tls_min;        /* of the campaign */
	uint32_t tls_works; /* handshakes of "badtls" and "strip" that still succeed */
	uint32_t gone;      /* sessions that ended because TLS was not offered any more */
	uint64_t submit_us[ROWS_MAX * 4];
	const char *requiretls_host; /* named for it in the configuration; NULL: none */
	uint32_t requiretls_jobs;
	/* Secrets: the hosts take number `secret_good`, the workers have `secret`, the file
	 * another. */
	uint32_t secret, secret_good, secret_file, secret_asked, secret_taken, expires_after;
	bool lets_in;                       /* whoever it is */
	bool one_site;                      /* all domains have the hosts of the first */
	bool pipelining;                    /* hosts offer it */
	uint16_t mail_max;                  /* hosts say so */
	uint16_t learnt;                    /* by each session */
	uint16_t known_last;                /* of the last dial */
	uint32_t window_first, window_most; /* of dials */
	uint32_t came_back;                 /* to be composed as 7-bit */
	uint32_t stops;                     /* messages of "gatestop" that are still stopped */
	uint32_t pauses, released;
	uint32_t uncomposed;      /* of the next messages so many cannot be composed */
	uint8_t enhanced_last[3]; /* of the newest outcome */
	uint32_t alone_dials;     /* to the host of the configuration */
	const char *broken;       /* the first promise that did not hold */
} w;

#define HOLDS(what)                                                                                \
	do {                                                                                       \
		if (!(what) && w.broken == NULL)                                                   \
			w.broken = #what;                                                          \
	} while (0)

static struct conf conf;
static struct conf_limits routed; /* of domains "routed..."; without a route: as all */

static uint32_t below(uint32_t n)
{
	w.random = w.random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w.random >> 33) % n;
}

static struct late *later(int kind, uint32_t most_us)
{
	struct late *l = &w.late[w.n_late++];

	if (w.n_late == QUEUE_MAX)
		abort();
	memset(l, 0, sizeof(*l));
	l->kind = kind;
	l->row = UINT32_MAX;
	l->at_us = w.now_us + 1 + below(most_us);
	return l;
}

/* ---- the rooms the scheduler drives ---- */

uint32_t dp_n_workers(const struct dp *dp)
{
	(void)dp;
	return WORKERS;
}

uint32_t dp_workers_of(const struct dp *dp, uint32_t source, uint32_t *first)
{
	(void)dp, (void)source;
	*first = 0;
	return WORKERS;
}

static void settled(uint32_t row)
{
	if (w.submitted[row] != 0)
		w.unsettled[w.submitted[row] - 1]--;
	w.submitted[row] = 0;
}

const char *dp_why_text(enum dp_why why)
{
	(void)why;
	return "connection refused";
}

/* NULL: the connection is gone. */
static struct fake_conn *conn_of(struct dp_handle h)
{
	HOLDS(h.slot < CONNS_MAX);
	return w.conns[h.slot].used && w.conns[h.slot].gen == h.gen ? &w.conns[h.slot] : NULL;
}

static bool slams(const struct fake_conn *c)
{
	return strncmp(c->domain, "slam", 4) == 0;
}

static void closed(struct fake_conn *c, enum dp_why why)
{
	struct late *l = later(LATE_EVT, 1);

	l->evt.kind = DP_EVT_CLOSED;
	l->evt.conn = c->name;
	l->evt.why = (uint8_t)why;
	l->evt.learnt = w.learnt | c->learnt;
	if (why != DP_WHY_QUIT && (c->msgs == 0 || slams(c) || c->learnt != 0))
		l->evt.reach = DP_REACH_HOST;
	if (c->learnt & DP_KNOWN_NO_CHUNKING)
		l->evt.step = DP_STEP_BDAT;
	l->worker = c->worker;
	c->used = false;
	w.conns_open--;
}

int dp_connect(struct dp *dp, uint32_t worker, const struct dp_dial *dial)
{
	uint32_t slot = 0, domain = dial->remote.b[15];
	struct fake_conn *c;
	bool offers_tls;
	struct late *l;

	(void)dp;
	if (below(20) == 0)
		return -EAGAIN;
	while (slot < CONNS_MAX && w.conns[slot].used)
		slot++;
	HOLDS(slot < CONNS_MAX);
	if (slot == CONNS_MAX)
		return -EAGAIN;
	c = &w.conns[slot];
	*c = (struct fake_conn){ .name = dial->conn,
		                 .gen = ++w.gens,
		                 .worker = worker,
		                 .used = true,
		                 .source = dial->source,
		                 .requiretls_ok = dial->requiretls_ok };
	w.dialled[worker]++;
	w.dials_in_all++;
	w.dials_to[domain]++;
	c->jobs_max = w.pipelining ? dial->window + 1u : 2;
	w.known_last = c->known = dial->known;
	if (w.window_first == 0)
		w.window_first = dial->window;
	if (dial->window > w.window_most)
		w.window_most = dial->window;
	w.alone_dials += strncmp(dial->host, "relay.", 6) == 0;
	HOLDS(dial->remote_port ==
	      (strncmp(dial->host, "relay.", 6) == 0 ? 587 : conf.egress.smtp_port));
	memcpy(c->domain, w.domains[domain].name.at, w.domains[domain].name.bytes);
	HOLDS(strcmp(dial->host, w.hosts[domain].name) == 0 ||
	      strcmp(dial->host, "relay.test") == 0);
	w.dials_as[dial->tls]++;
	if (dial->tls == DP_TLS_NONE)
		w.dials_clear++;
	else
		w.dials_secret++;
	if (++w.conns_open > w.conns_open_most)
		w.conns_open_most = w.conns_open;
	if (strncmp(c->domain, "dead", 4) == 0 || strncmp(c->domain, "egress", 6) == 0) {
		closed(c, c->domain[0] == 'd' ? DP_WHY_REFUSED : DP_WHY_EGRESS);
		return 0;
	}
	if (strncmp(c->domain, "choosy", 6) == 0 && dial->source == 0) {
		l = &w.late[w.n_late];
		closed(c, DP_WHY_REPLY);
		l->evt.step = DP_STEP_BANNER;
		l->evt.code = 554;
		return 0;
	}
	if (strncmp(c->domain, "521", 3) == 0) {
		bool is_dead = strncmp(c->domain, "521dead", 7) == 0 && w.dials_in_all > 1;

		l = &w.late[w.n_late];
		closed(c, is_dead ? DP_WHY_REFUSED : DP_WHY_REPLY);
		l->evt.step = is_dead ? DP_STEP_CONNECT : DP_STEP_BANNER;
		l->evt.code = is_dead ? 0 : 521;
		return 0;
	}
	if (strncmp(c->domain, "badtls", 6) == 0 && dial->tls != DP_TLS_NONE && w.tls_works == 0) {
		l = &w.late[w.n_late];
		closed(c, DP_WHY_TLS);
		l->evt.step = DP_STEP_TLS;
		l->evt.text_bytes = 8;
		memcpy(l->evt.text, "TLS: old", 8);
		return 0;
	}
	c->secret = w.secret;
	if (dial->credential != 0 && w.secret != w.secret_good && !w.lets_in) {
		l = &w.late[w.n_late];
		closed(c, DP_WHY_AUTH);
		l->at_us += 10000;
		l->evt.reach = DP_REACH_HOST;
		l->evt.step = DP_STEP_AUTH;
		l->evt.code = 535;
		return 0;
	}
	offers_tls = strncmp(c->domain, "strip", 5) != 0 || w.tls_works > 0;
	if (!offers_tls && dial->known & DP_KNOWN_TLS) {
		closed(c, DP_WHY_TLS_GONE);
		w.gone++;
		return 0;
	}
	c->open = true;
	l = later(LATE_EVT, 30000);
	l->evt.kind = DP_EVT_OPEN;
	l->worker = worker;
	l->evt.conn = c->name;
	l->evt.handle = (struct dp_handle){ .slot = slot, .gen = c->gen };
	l->evt.mail_max = w.mail_max;
	l->evt.rcpts_max = w.rcpts_max;
	l->evt.learnt = w.pipelining ? DP_KNOWN_PIPELINING | DP_KNOWN_TOLD_APART : 0;
	if (strncmp(c->domain, "hasty", 5) == 0) {
		uint64_t at_us = l->at_us;

		closed(c, DP_WHY_PEER_CLOSED);
		w.late[w.n_late - 1].at_us = at_us + 1;
		w.late[w.n_late - 1].evt.reach = DP_REACH_NONE;
	}
	if (dial->tls != DP_TLS_NONE && offers_tls) {
		l->evt.tls = 13;
		w.tls_works -= w.tls_works > 0;
	}
	return 0;
}

static bool to_is(const struct dp_job *job, const char *what)
{
	return strncmp((const char *)job->rcpts[0].address.at, what, strlen(what)) == 0;
}

static uint32_t row_of(const struct dp_rcpt *rcpt)
{
	const uint8_t *number = memchr(rcpt->address.at, '#', rcpt->address.bytes);
	uint32_t row = 0;

	HOLDS(number != NULL);
	while (++number < rcpt->address.at + rcpt->address.bytes)
		row = 10 * row + (uint32_t)(*number - '0');
	return row;
}

static uint32_t domain_of_row(uint32_t row)
{
	uint32_t d = 0;

	while (row >= w.domains[d].first_row + w.domains[d].n_rows)
		d++;
	return d;
}

static uint32_t domain_of(const struct dp_job *job)
{
	return domain_of_row(row_of(&job->rcpts[0]));
}

/* What the host says of one recipient. */
static void answer_of(const struct fake_conn *c, const struct dp_job *job, uint32_t i,
                      struct dp_evt *evt)
{
	uint32_t row = row_of(&job->rcpts[i]);
	const char *domain = c->domain;

	evt->outcome = DP_OUT_DELIVERED;
	evt->code = 250;
	if ((to_is(job, "relay") && c->mixed) || to_is(job, "norelay")) {
		evt->outcome = DP_OUT_REFUSED;
		evt->code = 550;
		evt->reach = DP_REACH_RECIPIENT;
		evt->step = DP_STEP_RCPT;
		memcpy(evt->enhanced, (const uint8_t[]){ 5, 7, 64 }, 3);
	}
	if (strncmp(domain, "lacks", 5) == 0 && job->requiretls) {
		evt->outcome = DP_OUT_REFUSED;
		evt->code = 550;
		evt->reach = DP_REACH_MESSAGE;
		evt->step = DP_STEP_MAIL;
		memcpy(evt->enhanced, (const uint8_t[]){ 5, 7, 30 }, 3);
	}
	if (strncmp(domain, "vague", 5) == 0) {
		evt->outcome = DP_OUT_UNCONFIRMED;
		evt->code = 0;
		evt->step = DP_STEP_DOT;
	}
	/* Every other time it is told to wait instead. */
	if ((w.submits % 2 == 0 && strncmp(domain, "vaguesoft", 9) == 0) ||
	    strncmp(domain, "soft", 4) == 0 || strncmp(domain, "hard", 4) == 0 ||
	    (strncmp(domain, "mixed", 5) == 0 && row % 10 < 3)) {
		evt->outcome = DP_OUT_REFUSED;
		evt->code = domain[0] == 'h' || (domain[0] == 'm' && row % 10 > 0) ? 550 : 450;
		evt->reach = DP_REACH_RECIPIENT;
		evt->step = DP_STEP_RCPT;
		evt->text_bytes = 8;
		memcpy(evt->text, "no, says", 8);
	}
	if (strncmp(domain, "grey", 4) == 0 && w.tries[row] == 1) {
		evt->outcome = DP_OUT_REFUSED;
		evt->code = 450;
		evt->reach = DP_REACH_RECIPIENT;
		evt->step = DP_STEP_RCPT;
		memcpy(evt->enhanced, (const uint8_t[]){ 4, 7, 1 }, 3);
	}
	if (slams(c)) {
		evt->outcome = DP_OUT_NOT_TRIED;
		evt->why = DP_WHY_PEER_CLOSED;
		evt->code = 0;
		evt->step = strncmp(domain, "slammail", 8) == 0 ? DP_STEP_MAIL : DP_STEP_DATA;
	}
	if (strncmp(domain, "gatehold", 8) == 0 && !job->released) {
		evt->outcome = DP_OUT_GATED;
		evt->gate = DP_GATE_HOLD << 1 | DP_GATE_NOTE;
	}
	if (strncmp(domain, "gatestop", 8) == 0 && w.stops > 0) {
		w.stops--;
		evt->outcome = DP_OUT_GATED;
		evt->gate = DP_GATE_REJECT << 1 | DP_GATE_STOP;
	}
	if (strncmp(domain, "few", 3) == 0 && i >= 4) {
		evt->outcome = DP_OUT_NOT_TRIED;
		evt->why = DP_WHY_TOO_MANY;
		evt->step = DP_STEP_RCPT;
		evt->rcpts_max = 4;
		w.came_back++;
	}
	if (c->secret != w.secret_good) { /* a token that has expired */
		evt->outcome = DP_OUT_REFUSED;
		evt->code = 530;
		evt->reach = DP_REACH_HOST;
		evt->step = DP_STEP_MAIL;
	}
	if (strncmp(domain, "bye", 3) == 0) {
		evt->outcome = DP_OUT_REFUSED;
		evt->code = 421;
		evt->reach = DP_REACH_HOST;
		evt->step = DP_STEP_MAIL;
	}
}

/* One event a recipient; those that RCPT decides come first, as they do on the wire. */
static void answer(struct fake_conn *c, const struct dp_job *job)
{
	struct late *l = later(LATE_EVT, 1);
	uint64_t at_us = l->at_us;
	struct dp_evt evts[DP_RCPTS_MAX];
	uint32_t n = 0;

	l->worker = c->worker;
	l->evt.conn = c->name;
	l->evt.message = job->message;
	l->evt.kind = DP_EVT_BODY_TAKEN;
	at_us += below(20000);
	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		evts[i] = (struct dp_evt){
			.kind = DP_EVT_RCPT, .conn = c->name, .message = job->message, .rcpt = i
		};
		answer_of(c, job, i, &evts[i]);
	}
	for (int by_rcpt = 1; by_rcpt >= 0; by_rcpt--) {
		for (uint16_t i = 0; i < job->n_rcpts; i++) {
			if ((evts[i].step == DP_STEP_RCPT) != by_rcpt)
				continue;
			l = later(LATE_EVT, 1);
			l->at_us = ++at_us;
			l->worker = c->worker;
			l->evt = evts[i];
			l->row = row_of(&job->rcpts[i]);
			l->is_last = ++n == job->n_rcpts;
		}
	}
}

static void not_tried(const struct dp_job *job, uint32_t worker, uint64_t conn, enum dp_why why,
                      enum dp_step step, uint16_t learnt)
{
	uint64_t at_us = w.now_us + 1 + below(5000);

	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		struct late *l = later(LATE_EVT, 1);

		l->at_us = at_us++;
		l->worker = worker;
		l->row = row_of(&job->rcpts[i]);
		l->is_last = i + 1 == job->n_rcpts;
		l->evt = (struct dp_evt){ .kind = DP_EVT_RCPT,
			                  .outcome = DP_OUT_NOT_TRIED,
			                  .step = (uint8_t)step,
			                  .why = (uint8_t)why,
			                  .conn = conn,
			                  .rcpt = i,
			                  .learnt = learnt,
			                  .message = job->message };
		w.came_back++;
	}
}

/* All of one domain, each once, and no more than any limit says. */
static void check_together(const struct dp_job *job, const struct fake_conn *c, uint32_t worker)
{
	HOLDS(job->n_rcpts >= 1 && job->n_rcpts <= conf.limits.rcpts_max);
	HOLDS(w.rcpts_max == 0 || job->n_rcpts <= w.rcpts_max);
	HOLDS((w.unsettled[worker] += job->n_rcpts) <= WINDOW);
	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		uint32_t row = row_of(&job->rcpts[i]);

		HOLDS(domain_of_row(row) == domain_of(job));
		HOLDS(w.rcpts[row].released == job->released);
		HOLDS(w.submitted[row] == 0 && w.rcpts[row].in_flight);
		HOLDS(w.rcpts[row].first_attempt_s != 0);
		HOLDS(!w.c.dsn.is_asked ||
		      strncmp((const char *)job->rcpts[i].orcpt.at + 7, w.addresses[row],
		              job->rcpts[i].orcpt.bytes - 7) == 0);
		HOLDS((job->rcpts[i].orcpt.bytes > 0) == w.c.dsn.is_asked);
		w.submitted[row] = (uint8_t)(worker + 1);
		w.submit_us[w.sent++] = w.now_us;
		/* RFC 6647 5: every attempt of a recipient leaves from one source. */
		HOLDS(c == NULL || w.source_of[row] == 0 || w.source_of[row] == c->source + 1);
		if (c != NULL)
			w.source_of[row] = (uint8_t)(c->source + 1);
		w.tries[row] += c != NULL;
	}
	for (uint16_t i = 0; i < job->n_rcpts; i++)
		if (job->rcpts[i].address.at[0] >= 0x80) {
			HOLDS(job->needs_smtputf8);
			w.utf8_jobs++;
			w.utf8_together += job->n_rcpts - 1u;
		}
	if (job->n_rcpts > w.together_most)
		w.together_most = job->n_rcpts;
}

int dp_submit(struct dp *dp, uint32_t worker, const struct dp_job *job)
{
	struct fake_conn *c = conn_of(job->conn);

	(void)dp;
	if (below(50) == 0)
		return -EAGAIN;
	check_together(job, c, worker);
	if (c == NULL) {
		not_tried(job, worker, 0, DP_WHY_PEER_CLOSED, DP_STEP_IDLE, 0);
		return 0;
	}
	HOLDS(c->open && !c->quitting && c->worker == worker);
	HOLDS(!job->requiretls || c->requiretls_ok);
	w.requiretls_jobs += job->requiretls;
	HOLDS(++c->jobs <= c->jobs_max);
	HOLDS(w.mail_max == 0 || c->msgs < w.mail_max);
	c->mixed |= c->carried != 0 && c->carried != domain_of(job) + 1;
	c->carried = domain_of(job) + 1;
	if (++c->msgs > w.msgs_most)
		w.msgs_most = c->msgs;
	if (++w.submits == w.expires_after)
		w.secret_good++;
	if (strncmp(c->domain, "seven", 5) == 0 && job->needs_8bit) {
		not_tried(job, worker, c->name, DP_WHY_NEEDS_7BIT, DP_STEP_EHLO, 0);
	} else if (strncmp(c->domain, "drop", 4) == 0 && below(3) == 0) {
		not_tried(job, worker, c->name, DP_WHY_PEER_CLOSED, DP_STEP_MAIL, 0);
	} else if (strncmp(c->domain, "nobdat", 6) == 0 && !(c->known & DP_KNOWN_NO_CHUNKING)) {
		c->learnt |= DP_KNOWN_NO_CHUNKING;
		not_tried(job, worker, c->name, DP_WHY_NO_CHUNKING, DP_STEP_BDAT, c->learnt);
	} else {
		answer(c, job);
	}
	return 0;
}

int dp_quit(struct dp *dp, uint32_t worker, struct dp_handle h)
{
	struct fake_conn *c = conn_of(h);

	(void)dp;
	if (c == NULL || c->learnt != 0)
		return 0; /* a stale handle is ignored, and one whose session has ended */
	HOLDS(!c->quitting && c->worker == worker);
	c->quitting = true;
	if (c->jobs == 0 && !(slams(c) && c->msgs > 0)) /* that is over already */
		closed(c, DP_WHY_QUIT);
	return 0;
}

int store_append(struct store *store, const struct store_rec *rec, uint64_t cookie)
{
	static uint64_t last_us;
	struct late *l;

	(void)store;
	if (below(30) == 0)
		return -EAGAIN;
	l = later(LATE_DURABLE, 3000);
	if (rec->kind == REC_OUTCOME || rec->kind == REC_UNCONFIRMED)
		l->row = rec->row;
	if (last_us > w.now_us && last_us < w.now_us + 3000 && l->at_us < last_us)
		l->at_us = last_us; /* records become durable in order */
	last_us = l->at_us;
	l->cookie = cookie;
	return 0;
}

/* Notes of the store; they outlive a scheduler. */
static struct {
	char name[64];
	int64_t at_s;
} notes[DOMAINS_MAX];

int store_note(struct store *store, const char *name, struct span value)
{
	size_t at = 0;

	(void)store;
	if (value.bytes > 0 && below(3) == 0)
		return -EAGAIN;
	while (at < DOMAINS_MAX && notes[at].name[0] != '\0' && strcmp(notes[at].name, name) != 0)
		at++;
	if (at == DOMAINS_MAX)
		abort();
	memset(&notes[at], 0, sizeof(notes[at]));
	if (value.bytes != sizeof(int64_t))
		return 0;
	strcpy(notes[at].name, name);
	memcpy(&notes[at].at_s, value.at, value.bytes);
	return 0;
}

int store_get(struct store *store, const char *name, void *out, size_t out_bytes)
{
	(void)store;
	for (size_t i = 0; i < DOMAINS_MAX && out_bytes >= sizeof(int64_t); i++) {
		if (strcmp(notes[i].name, name) != 0)
			continue;
		memcpy(out, &notes[i].at_s, sizeof(int64_t));
		return sizeof(int64_t);
	}
	return -ENOENT;
}

int store_each(struct store *store, const char *prefix, store_named_fn *fn, void *ctx)
{
	(void)store;
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		if (notes[i].name[0] != '\0' &&
		    strncmp(notes[i].name, prefix, strlen(prefix)) == 0 &&
		    !fn(ctx, span_str(notes[i].name), span_of(&notes[i].at_s, sizeof(int64_t))))
			return 0;
	return 0;
}

bool compose_try_order(struct composer *co, uint64_t cookie, const struct campaign *c, uint32_t row,
                       int64_t first_attempt_s, int64_t now_s)
{
	struct late *l;

	(void)co, (void)now_s;
	HOLDS(first_attempt_s != 0 && first_attempt_s == c->rcpts[row].first_attempt_s);
	if (w.slabs >= 40)
		return false;
	w.slabs++;
	w.orders++;
	l = later(LATE_COMPOSED, 2000);
	l->cookie = cookie;
	l->row = row;
	return true;
}

bool compose_try_order_as_7bit(struct composer *co, uint64_t cookie, const struct campaign *c,
                               uint32_t row, int64_t first_attempt_s, int64_t now_s)
{
	if (!compose_try_order(co, cookie, c, row, first_attempt_s, now_s))
		return false;
	w.late[w.n_late - 1].as_7bit = true;
	return true;
}

void compose_free(struct composer *co, void *slab)
{
	(void)co;
	HOLDS(slab != NULL && w.slabs > 0);
	w.slabs--;
}

void mx_lookup(struct mx *mx, const char *domain, mx_done_fn *done, void *ctx)
{
	(void)mx;
	for (uint32_t i = 0; i < w.n_domains; i++) {
		if (strlen(domain) != w.domains[i].name.bytes ||
		    memcmp(domain, w.domains[i].name.at, strlen(domain)) != 0)
			continue;
		if (++w.lookups > 10000)
			abort(); /* it would never end */
		w.answers[i].expires_ms = (int64_t)(w.now_us / 1000) + w.ttl_ms;
		if (w.at_once || below(2) == 0) {
			done(ctx, &w.answers[i]);
			return;
		}
		struct late *l = later(LATE_MX, 50000);

		HOLDS(++w.looking <= LOOK_UPS_MAX);

		l->mx_done = done;
		l->mx_ctx = ctx;
		l->domain = i;
		return;
	}
	HOLDS(!"the domain is one of the table's");
}

struct mx_answer *mx_hold(struct mx_answer *a)
{
	a->refs++;
	return a;
}

void mx_release(struct mx_answer *a)
{
	HOLDS(a->refs > 0);
	a->refs--;
}

struct conf_limits conf_limits_for(const struct conf *conf, const char *domain, const char *mx_host)
{
	(void)mx_host;
	return strncmp(domain, "routed", 6) == 0 && routed.route.host[0] != '\0' ? routed
	                                                                         : conf->limits;
}

uint8_t conf_provider_tls(const struct conf_limits *limits, const char *mx_host)
{
	(void)limits, (void)mx_host;
	return DP_TLS_NONE;
}

bool conf_is_requiretls_host(const struct conf *conf, const char *mx_host)
{
	(void)conf;
	return w.requiretls_host != NULL &&
	       strncmp(w.requiretls_host, mx_host, strlen(w.requiretls_host)) == 0;
}

/* The host of the configuration: address of the first domain's. */
void mx_lookup_host(struct mx *mx, const char *host, mx_done_fn *done, void *ctx)
{
	static struct mx_host h;
	static struct mx_answer a = { .fate = MX_OK, .n_hosts = 1, .hosts = &h, .refs = 1 };

	(void)mx;
	h = w.hosts[0];
	snprintf(h.name, sizeof(h.name), "%s", host);
	snprintf(a.site, sizeof(a.site), "%s", host);
	a.expires_ms = INT64_MAX;
	done(ctx, &a);
}

uint32_t table_n_rows(const struct table *t)
{
	(void)t;
	return w.n_rows;
}

uint32_t table_n_domains(const struct table *t)
{
	(void)t;
	return w.n_domains;
}

struct table_domain table_domain(const struct table *t, uint32_t domain)
{
	(void)t;
	return w.domains[domain];
}

struct span table_address(const struct table *t, uint32_t row)
{
	(void)t;
	return span_str(w.addresses[row]);
}

size_t dsn_orcpt(struct span address, char out[DSN_ORCPT_MAX])
{
	memcpy(out, "rfc822;", 7);
	memcpy(out + 7, address.at, address.bytes);
	return address.bytes + 7;
}

bool rcpt_state_is_final(enum rcpt_state state)
{
	return state > RCPT_HELD;
}

void campaign_set_in_flight(struct campaign *c, uint32_t row, bool in_flight)
{
	HOLDS(c->rcpts[row].in_flight != in_flight);
	c->rcpts[row].in_flight = in_flight;
}

uint8_t conf_tls_min(const struct conf *c, const char *class, const char *tenant)
{
	(void)c, (void)class, (void)tenant;
	return DP_TLS_NONE;
}

int campaign_tls_min(const struct campaign_spec *spec)
{
	(void)spec;
	return w.tls_min;
}

void campaign_pause(struct campaign *c, bool paused, const char *why)
{
	c->paused = paused;
	c->n_stopped = c->n_uncomposed = 0;
	snprintf(c->paused_why, sizeof(c->paused_why), "%s", why);
}

/* Rows that are held get another state. */
static bool apply_release(struct campaign *c, const struct store_rec *rec)
{
	for (uint32_t row = rec->row; row < rec->row + rec->rows; row++)
		if (c->rcpts[row].state == RCPT_HELD) {
			c->rcpts[row].state = rec->state;
			c->rcpts[row].released = rec->state == RCPT_PENDING;
		}
	return true;
}

bool campaign_apply(struct campaign *c, const struct store_rec *rec)
{
	if (rec->kind == REC_RELEASE)
		return apply_release(c, rec);
	for (uint32_t row = rec->row; row < rec->row + rec->rows; row++) {
		struct rcpt *r = &c->rcpts[row];

		HOLDS(!rcpt_state_is_final(r->state));
		if (rec->kind == REC_FIRST_ATTEMPT) {
			HOLDS(r->first_attempt_s == 0);
			r->first_attempt_s = (uint32_t)rec->at_s;
			continue;
		}
		r->unconfirmed = (r->unconfirmed + (rec->kind == REC_UNCONFIRMED)) & 15;
		r->state = rec->state;
		r->attempts = rec->attempts;
		r->due_s = (uint32_t)rec->due_s;
		memcpy(w.enhanced_last, rec->enhanced, sizeof(w.enhanced_last));
		if (rec->state == RCPT_DELIVERED)
			w.delivered_times[row]++;
	}
	return true;
}

/* ---- the world goes on ---- */

static struct conf_source sources[2] = { { .name = "a", .pool = "p", .helo = "a.test" },
	                                 { .name = "b", .pool = "q", .helo = "b.test" } };
static struct conf conf = {
	.sources = sources,
	.n_sources = 2,
	.egress = { .smtp_port = 25 },
	.limits = { .conns_max = 3,
	            .rate_per_s = 0,
	            .msgs_per_conn_max = 20,
	            .idle_ms = 500,
	            .window = 1,
	            .window_max = 1,
	            .rcpts_max = 10 },
	.hosts = { .entries_max = 64, .tls_s = 30 * 86400, .window_s = 3600 },
	.retry = { .after_s = { 2, 4 }, .n_after = 2, .give_up_s = 15, .host_s = 4 },
	.worker = { .conns_max = 32, .window = WINDOW },
	.dns = { .queries_max = LOOK_UPS_MAX },
};

static void on_paused(void *ctx, struct campaign *c)
{
	(void)ctx;
	HOLDS(c->paused);
	w.pauses++;
}

static struct sched *running;

/* What the file holds is told to the workers, if it is another. */
static bool on_refused(void *ctx, uint32_t credential, const char *why)
{
	(void)ctx;
	HOLDS(credential == 1 && strstr(why, "53") != NULL);
	w.secret_asked++;
	if (w.secret_file == w.secret)
		return false;
	w.secret = w.secret_file;
	sched_credential_set(running, 1);
	return true;
}

static void on_taken(void *ctx, uint32_t credential)
{
	(void)ctx;
	HOLDS(credential == 1);
	w.secret_taken++;
}

static void on_released(void *ctx, struct campaign *c, uint64_t n)
{
	(void)ctx, (void)c;
	w.released += (uint32_t)n;
}

static void on_over(void *ctx, struct campaign *c)
{
	(void)ctx, (void)c;
	w.over = true;
}

static void begin(uint32_t seed, const char *const *domains, uint32_t rows_each)
{
	bool one_site = w.one_site;

	memset(&w, 0, sizeof(w));
	memset(notes, 0, sizeof(notes));
	w.one_site = one_site;
	w.seed = seed;
	w.random = seed * 77777u + 1;
	w.now_us = 1000000000;
	w.ttl_ms = 2000;
	ip_parse("10.0.0.1", &sources[0].addr4);
	ip_parse("10.0.0.2", &sources[1].addr4);
	for (; domains[w.n_domains] != NULL; w.n_domains++) {
		uint32_t d = w.n_domains;
		struct mx_answer *a = &w.answers[d];

		w.domains[d] = (struct table_domain){ span_str(domains[d]), w.n_rows, rows_each };
		for (uint32_t i = 0; i < rows_each; i++)
			snprintf(w.addresses[w.n_rows + i], sizeof(w.addresses[0]), "%s#%u",
			         domains[d], w.n_rows + i);
		w.n_rows += rows_each;
		a->refs = 1;
		a->fate = strncmp(domains[d], "null", 4) == 0 ? MX_NULL : MX_OK;
		a->hosts = &w.hosts[d];
		if (a->fate != MX_OK)
			continue;
		if (w.one_site && d > 0) {
			strcpy(a->site, w.answers[0].site);
			a->hosts = &w.hosts[0];
			a->n_hosts = 1;
			continue;
		}
		snprintf(a->site, sizeof(a->site), "mx.%s", domains[d]);
		a->n_hosts = 1;
		a->hosts[0].n_addrs = 1;
		snprintf(a->hosts[0].name, sizeof(a->hosts[0].name), "mx.%s", domains[d]);
		ip_parse("192.0.2.0", &a->hosts[0].addrs[0]);
		a->hosts[0].addrs[0].b[15] = (uint8_t)d;
	}
	w.c = (struct campaign){ .id = 7,
		                 .status = CAMPAIGN_RUNNING,
		                 .rcpts = w.rcpts,
		                 .started_s = (int64_t)(w.now_us / 1000000) };
}

static void deliver_evt(struct sched *s, const struct late *l)
{
	uint32_t worker = l->worker;
	const struct dp_evt *evt = &l->evt;
	struct fake_conn *c = NULL;

	for (int i = 0; i < CONNS_MAX; i++)
		if (w.conns[i].used && w.conns[i].name == evt->conn)
			c = &w.conns[i];
	if (c != NULL)
		c->jobs -= l->is_last;
	sched_on_event(s, worker, evt);
	if (evt->kind == DP_EVT_RCPT && !w.rcpts[l->row].in_flight)
		settled(l->row); /* nothing of it is to be stored */
	if (evt->kind == DP_EVT_RCPT && c != NULL && c->jobs == 0 && c->used &&
	    (c->quitting || (evt->outcome == DP_OUT_NOT_TRIED && evt->why != DP_WHY_NEEDS_7BIT &&
	                     evt->why != DP_WHY_TOO_MANY)))
		closed(c, c->quitting && !slams(c) ? DP_WHY_QUIT : DP_WHY_PEER_CLOSED);
}

static void deliver(struct sched *s, struct late l)
{
	struct compose_done done = { .cookie = l.cookie,
		                     .slab = &w,
		                     .out = { .n_wire = 1, .needs_8bit = !l.as_7bit },
		                     .rcpt_to = span_of(NULL, 0) };

	if (w.uncomposed > 0 && l.kind == LATE_COMPOSED) {
		w.uncomposed--;
		compose_free(NULL, done.slab);
		done.slab = NULL;
		done.result = -EINVAL;
		done.err = (struct tpl_err){
			.file = "body.html.liquid", .line = 7, .column = 3, .text = "this says why"
		};
	}
	switch (l.kind) {
	case LATE_EVT:
		deliver_evt(s, &l);
		break;
	case LATE_DURABLE:
		if (l.row != UINT32_MAX)
			settled(l.row);
		sched_on_durable(s, l.cookie);
		break;
	case LATE_COMPOSED:
		done.rcpt_to = span_str(w.addresses[l.row]);
		sched_on_composed(s, &done);
		break;
	case LATE_MX:
		w.looking--;
		w.answers[l.domain].expires_ms = (int64_t)(w.now_us / 1000) + w.ttl_ms;
		l.mx_done(l.mx_ctx, &w.answers[l.domain]);
		break;
	}
}

/* Everything due, oldest first; the k-th RCPT of a conn never overtakes its own BODY_TAKEN. */
static bool deliver_due(struct sched *s)
{
	uint32_t best = w.n_late;

	for (uint32_t i = 0; i < w.n_late; i++)
		if (w.late[i].at_us <= w.now_us &&
		    (best == w.n_late || w.late[i].at_us < w.late[best].at_us))
			best = i;
	if (best == w.n_late)
		return false;
	struct late l = w.late[best];

	memmove(&w.late[best], &w.late[best + 1], (--w.n_late - best) * sizeof(l));
	deliver(s, l);
	return true;
}

static uint32_t in_state(enum rcpt_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w.n_rows; i++)
		n += w.rcpts[i].state == state;
	return n;
}

/* Runs until the campaign is over, nothing can go on, or `most_s` have passed. */
static struct sched *run(uint32_t attempts_max, uint32_t most_s)
{
	static uint64_t blocked;
	struct sched_conf sc = { .conf = &conf,
		                 .attempts_max = attempts_max,
		                 .campaign_over = on_over,
		                 .campaign_paused = on_paused,
		                 .credential_refused = on_refused,
		                 .credential_taken = on_taken };
	struct sched *s = running = sched_open(&sc);
	uint64_t end_us = w.now_us + (uint64_t)most_s * 1000000;
	uint32_t flights_before;

	sched_add(s, &w.c);
	while (!w.over && w.now_us < end_us && w.broken == NULL) {
		uint64_t wait_us, next_us = UINT64_MAX;

		do {
			while (deliver_due(s))
				;
			flights_before = sched_n_flights(s);
			wait_us = sched_run(s, w.now_us, (int64_t)(w.now_us / 1000000));
			HOLDS(flights_before <= 2 * WORKERS * WINDOW);
		} while (wait_us == 0);
		if (sched_is_stuck(s, &w.c, &blocked) && w.n_late == 0)
			break;
		for (uint32_t i = 0; i < w.n_late; i++)
			if (w.late[i].at_us < next_us)
				next_us = w.late[i].at_us;
		w.lookups = 0;
		w.now_us += wait_us;
		if (next_us < w.now_us)
			w.now_us = next_us;
	}
	if (w.broken != NULL)
		printf("\n    seed %u: %s does not hold", w.seed, w.broken);
	CU_ASSERT_PTR_NULL(w.broken);
	for (uint32_t i = 0; i < w.n_rows; i++)
		CU_ASSERT_TRUE(w.delivered_times[i] <= 1);
	return s;
}

static void everyone_is_delivered_once_within_all_limits(void)
{
	static const char *const domains[] = { "a.test", "b.test", "c.test", NULL };

	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct sched *s;

		begin(seed, domains, 200);
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 600);
		CU_ASSERT_EQUAL(sched_n_flights(s), 0);
		CU_ASSERT_TRUE(w.conns_open_most <= 3 * 2 * 3); /* limit, sources, sites */
		CU_ASSERT_TRUE(w.msgs_most <= 20);
		CU_ASSERT_EQUAL(w.slabs, 0);
		sched_close(s);
	}
}

static void each_kind_of_trouble_ends_in_its_own_state(void)
{
	static const char *const domains[] = { "a.test",    "soft.test", "hard.test", "drop.test",
		                               "null.test", "dead.test", NULL };

	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct sched *s;

		begin(seed, domains, 50);
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 100); /* a and drop */
		CU_ASSERT_EQUAL(in_state(RCPT_BOUNCED), 100);   /* hard and null */
		CU_ASSERT_EQUAL(in_state(RCPT_EXPIRED), 100);   /* soft and dead */
		sched_close(s);
	}
}

/* What it lets in it must answer, too: a host that only says hello has not worked. */
static void a_host_that_lets_us_in_and_answers_nothing_is_left_alone_longer(void)
{
	static const char *const slams[][2] = { { "hasty.test", NULL },
		                                { "slammail.test", NULL },
		                                { "slamdata.test", NULL } };

	for (size_t i = 0; i < 3; i++) {
		struct sched *s;

		begin(3, slams[i], 1);
		conf.retry.give_up_s = 600;
		s = run(3, 300);
		conf.retry.give_up_s = 15;
		CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), 1);
		CU_ASSERT_EQUAL(w.rcpts[0].attempts, 3);
		/* Three rounds, and one more for each attempt. */
		CU_ASSERT_TRUE(w.dialled[0] + w.dialled[1] <= 6);
		sched_close(s);
	}
}

/* RFC 6647 2, 5: nothing is held against anybody, and the second attempt is as the first. */
static void who_is_greylisted_comes_again_as_before_and_blames_nobody(void)
{
	static const char *const domains[] = { "grey.test", NULL };
	struct sched *s;

	begin(7, domains, 40);
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 40);
	CU_ASSERT_EQUAL(w.submits, 80);
	CU_ASSERT_TRUE(w.submit_us[39] - w.submit_us[0] < 1000000); /* no host was avoided */
	for (uint32_t i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(w.rcpts[i].attempts, 2);
	sched_close(s);
}

/* The hosts of all domains are the first one's, of these preferences; the others take no mail. */
static void begin_one(const char *const *domains, uint32_t rows, const uint16_t *preferences)
{
	begin(2, domains, rows);
	w.answers[0].n_hosts = w.n_domains;
	for (uint32_t d = 0; d < w.n_domains; d++) {
		w.hosts[d].preference = preferences[d];
		if (d > 0)
			w.answers[d].fate = MX_NULL;
	}
}

/* RFC 5321 5.1: by preference, equals by chance, and the next when one does not answer. */
static void hosts_are_tried_by_preference_and_equals_by_chance(void)
{
	static const char *const domains[] = { "dead.test", "a.test", "b.test", "last.test", NULL };
	static const uint16_t preferences[] = { 10, 20, 20, 30 };
	struct sched *s;

	begin_one(domains, 200, preferences);
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 200);
	CU_ASSERT_TRUE(w.dials_to[0] > 0 && w.dials_to[1] > 0 && w.dials_to[2] > 0);
	CU_ASSERT_EQUAL(w.dials_to[3], 0);
	sched_close(s);
}

/* As of a domain whose best MX is 127.0.0.1, or one of ours. */
static void a_host_that_the_guard_refuses_leaves_the_others(void)
{
	static const char *const domains[] = { "egress.test", "a.test", NULL };
	static const uint16_t preferences[] = { 10, 20 };
	uint64_t blocked;
	struct sched *s;

	begin_one(domains, 40, preferences);
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 40);
	(void)sched_is_stuck(s, &w.c, &blocked);
	CU_ASSERT_EQUAL(blocked, 0);
	sched_close(s);
}

/* RFC 7504 3: for good only when every host has said it, and said nothing else. */
static void only_hosts_that_all_take_no_mail_are_final(void)
{
	static const struct {
		const char *domains[2];
		enum rcpt_state want;
		uint8_t enhanced[3];
	} cases[] = {
		{ { "521.test", NULL }, RCPT_BOUNCED, { 5, 3, 2 } },
		{ { "521dead.test", NULL }, RCPT_DEFERRED, { 4, 4, 1 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sched *s;

		begin(4, cases[i].domains, 1);
		conf.retry.give_up_s = 600;
		s = run(1, 60);
		conf.retry.give_up_s = 15;
		CU_ASSERT_EQUAL(in_state(cases[i].want), 1);
		CU_ASSERT_EQUAL(memcmp(w.enhanced_last, cases[i].enhanced, 3), 0);
		sched_close(s);
	}
}

static void a_recipient_out_of_attempts_stays_deferred(void)
{
	static const char *const domains[] = { "soft.test", "a.test", NULL };
	struct sched *s;

	begin(5, domains, 40);
	s = run(2, 600);
	CU_ASSERT_FALSE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), 40);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 40);
	for (uint32_t i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(w.rcpts[i].attempts, 2);
	sched_close(s);
}

static void what_the_egress_guard_refuses_stays_pending_and_is_counted(void)
{
	static const char *const domains[] = { "egress.test", "a.test", NULL };
	uint64_t blocked;
	struct sched *s;

	begin(6, domains, 40);
	s = run(0, 600);
	CU_ASSERT_TRUE(sched_is_stuck(s, &w.c, &blocked));
	CU_ASSERT_EQUAL(blocked, 40);
	CU_ASSERT_EQUAL(in_state(RCPT_PENDING), 40);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 40);
	sched_close(s);
}

static void a_rate_is_kept_in_every_second_and_used(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf_limits before = conf.limits;
	struct sched *s;
	uint64_t took_us;

	begin(8, domains, 600);
	conf.limits.rate_per_s = 50;
	s = run(0, 600);
	conf.limits = before;
	CU_ASSERT_TRUE(w.over);
	for (uint32_t i = 51; i < w.submits; i++)
		CU_ASSERT_TRUE(w.submit_us[i] - w.submit_us[i - 51] >= 1000000);
	took_us = w.submit_us[w.submits - 1] - w.submit_us[0];
	CU_ASSERT_TRUE(took_us < 12700000); /* 600 at 50/s: 12 s, 5 % over at most */
	sched_close(s);
}

static void what_was_final_before_is_not_sent_again(void)
{
	static const char *const domains[] = { "a.test", "b.test", NULL };
	struct sched *s;

	begin(9, domains, 100);
	for (uint32_t i = 0; i < 150; i++)
		w.rcpts[i].state = i % 2 == 0 ? RCPT_DELIVERED : RCPT_BOUNCED;
	s = run(0, 600);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(w.submits, 50);
	sched_close(s);
}

static void a_stop_hands_back_what_has_not_left(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct sched *s;
	uint32_t submits;

	begin(10, domains, 1000);
	s = run(0, 1);
	sched_stop(s);
	submits = w.submits;
	for (int i = 0; i < 200 && sched_n_flights(s) > 0; i++) {
		w.now_us += 1000;
		while (deliver_due(s))
			;
		sched_run(s, w.now_us, (int64_t)(w.now_us / 1000000));
	}
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	CU_ASSERT_EQUAL(w.submits, submits);
	CU_ASSERT_EQUAL(w.slabs, 0);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s);
}

/* Time goes on for a while; what is on its way arrives. */
static void idle(struct sched *s, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		w.now_us += 1000;
		w.lookups = 0;
		while (deliver_due(s))
			;
		sched_run(s, w.now_us, (int64_t)(w.now_us / 1000000));
	}
}

/* Sites, domains and their answers go when the last recipient and connection are gone, those whose
 * look-up was under way then included.
 */
static void nothing_is_kept_when_all_are_served(void)
{
	static const char *const domains[] = { "a.test",    "b.test", "soft.test",
		                               "null.test", "c.test", NULL };
	struct sched_site_view view;

	for (uint32_t seed = 1; seed <= 20; seed++) {
		uint32_t cursor = 0;
		struct sched *s;

		begin(seed, domains, 100);
		w.ttl_ms = 0; /* so that one is often under way at the end */
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		idle(s, 1500);
		CU_ASSERT_EQUAL(sched_n_conns(s), 0);
		CU_ASSERT_EQUAL(w.looking, 0);
		CU_ASSERT_FALSE(sched_site_next(s, &cursor, &view));
		for (uint32_t i = 0; i < w.n_domains; i++)
			CU_ASSERT_EQUAL(w.answers[i].refs, 1);
		CU_ASSERT_PTR_NULL(w.broken);
		sched_close(s);
	}
}

static void closing_in_the_middle_lets_go_of_every_answer(void)
{
	static const char *const domains[] = { "a.test", "soft.test", "dead.test", "null.test",
		                               NULL };

	for (uint32_t seed = 1; seed <= 20; seed++) {
		begin(seed, domains, 300);
		sched_close(run(0, 1 + seed % 3));
		CU_ASSERT_FALSE(w.over);
		for (uint32_t i = 0; i < w.n_domains; i++)
			CU_ASSERT_EQUAL(w.answers[i].refs, 1);
	}
}

static void a_reload_with_a_lower_limit_closes_what_is_too_much(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf fewer = conf;
	struct sched *s;

	begin(12, domains, 3000);
	conf.limits.rate_per_s = 200;
	fewer.limits.rate_per_s = 200;
	fewer.limits.conns_max = 1;
	s = run(0, 2);
	CU_ASSERT_TRUE(sched_n_conns(s) > 2);
	sched_set_conf(s, &fewer);
	idle(s, 1000);
	CU_ASSERT_TRUE(sched_n_conns(s) <= 2); /* one from each source */
	CU_ASSERT_PTR_NULL(w.broken);
	CU_ASSERT_FALSE(w.over);
	conf.limits.rate_per_s = 0;
	sched_close(s);
}

static void a_campaign_without_anyone_left_is_over_when_it_is_added(void)
{
	static const char *const domains[] = { "a.test", "b.test", NULL };
	struct sched *s;

	begin(13, domains, 20);
	for (uint32_t i = 0; i < 40; i++)
		w.rcpts[i].state = RCPT_DELIVERED;
	s = run(0, 10);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(w.submits, 0);
	CU_ASSERT_EQUAL(w.answers[0].refs, 1);
	sched_close(s);
}

/* The resolver's clock is the loop's, which stands still while we run: what has just expired here
 * may still be good there.
 */
static void an_answer_that_expires_this_very_moment_serves_once_more(void)
{
	static const char *const domains[] = { "a.test", "null.test", NULL };
	struct sched *s;

	begin(11, domains, 100);
	w.ttl_ms = 0;
	w.at_once = true;
	s = run(0, 600);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 100);
	CU_ASSERT_EQUAL(in_state(RCPT_BOUNCED), 100);
	sched_close(s);
}

/* Who only would have liked TLS goes on in the clear, once it is known that the host cannot; who
 * asked for it waits; and a host that could yesterday is not believed to be unable today.
 */
static void clear_text_after_a_failed_handshake_is_for_the_opportunistic(void)
{
	static const char *const domains[] = { "badtls.test", NULL };
	static const struct {
		const char *why;
		enum dp_tls_policy policy, least;
		uint32_t clear_s, tls_works, port;
		int32_t noted_days; /* a run before this one saw TLS so long ago; 0: none did */
		bool clear;
	} cases[] = {
		/* clang-format off */
		{ "opportunistic", DP_TLS_OPPORTUNISTIC, 0, 3600, 0, 25, 0, true },
		{ "opportunistic, forbidden", DP_TLS_OPPORTUNISTIC, 0, 0, 0, 25, 0, false },
		{ "opportunistic, TLS worked", DP_TLS_OPPORTUNISTIC, 0, 3600, 1, 25, 0, false },
		{ "opportunistic, TLS worked before the restart", DP_TLS_OPPORTUNISTIC, 0, 3600, 0, 25, 29, false },
		{ "opportunistic, TLS worked long ago", DP_TLS_OPPORTUNISTIC, 0, 3600, 0, 25, 32, true },
		{ "opportunistic, port 465", DP_TLS_OPPORTUNISTIC, 0, 3600, 0, 465, 0, false },
		{ "opportunistic, tls_min = encrypt", DP_TLS_OPPORTUNISTIC, DP_TLS_ENCRYPT, 3600, 0, 25, 0, false },
		{ "none, tls_min = opportunistic", DP_TLS_NONE, DP_TLS_OPPORTUNISTIC, 3600, 0, 25, 0, true },
		{ "encrypt", DP_TLS_ENCRYPT, 0, 3600, 0, 25, 0, false },
		{ "verify", DP_TLS_VERIFY, 0, 3600, 0, 25, 0, false },
		/* clang-format on */
	};
	struct conf before = conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool works = cases[i].tls_works > 0;
		struct sched *s;

		begin(3, domains, 60);
		w.tls_works = cases[i].tls_works;
		w.tls_min = cases[i].least;
		w.c.spec.pool = sources[0].pool; /* one source: one connection at a time */
		conf.limits.tls = cases[i].policy;
		conf.limits.conns_max = 1;
		conf.limits.msgs_per_conn_max = 20;
		conf.tls.clear_s = cases[i].clear_s;
		conf.egress.smtp_port = cases[i].port;
		if (cases[i].noted_days > 0) {
			strcpy(notes[0].name, "tls/192.0.2.0");
			notes[0].at_s = (int64_t)(w.now_us / 1000000) - 86400 * cases[i].noted_days;
		}
		s = run(1, 600);
		if ((w.dials_clear > 0) != cases[i].clear)
			printf("\n    %s: %u dials in the clear", cases[i].why, w.dials_clear);
		CU_ASSERT_EQUAL(w.dials_clear > 0, cases[i].clear);
		CU_ASSERT_TRUE(w.dials_secret > 0);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), cases[i].clear ? 60 : works ? 20 : 0);
		CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), cases[i].clear ? 0 : works ? 40 : 60);
		if (cases[i].clear)
			CU_ASSERT_EQUAL(w.dials_secret, 1); /* then it is known */
		CU_ASSERT_EQUAL(notes[0].name[0] != '\0', works || cases[i].noted_days == 29);
		sched_close(s);
	}
	conf = before;
}

/* RFC 3207 6: what is taken out of an answer on the way is no reason to send in the clear, to who
 * has done TLS in 30 days, before a restart or not; nobody else waits.
 */
static void starttls_that_vanishes_stops_mail_to_who_has_done_tls(void)
{
	static const char *const domains[] = { "strip.test", NULL };
	static const struct {
		const char *why;
		enum dp_tls_policy policy;
		uint32_t tls_s, tls_works;
		int32_t noted_days; /* a run before this one saw TLS so long ago; 0: none did */
		uint32_t delivered;
	} cases[] = {
		/* clang-format off */
		{ "never seen", DP_TLS_OPPORTUNISTIC, 30 * 86400, 0, 0, 60 },
		{ "seen in this run", DP_TLS_OPPORTUNISTIC, 30 * 86400, 1, 0, 20 },
		{ "seen before the restart", DP_TLS_OPPORTUNISTIC, 30 * 86400, 0, 29, 0 },
		{ "seen long ago", DP_TLS_OPPORTUNISTIC, 30 * 86400, 0, 32, 60 },
		{ "the memory is switched off", DP_TLS_OPPORTUNISTIC, 0, 0, 1, 60 },
		{ "the memory was shortened", DP_TLS_OPPORTUNISTIC, 86400, 0, 29, 60 },
		{ "TLS is not wanted", DP_TLS_NONE, 30 * 86400, 0, 29, 60 },
		/* clang-format on */
	};
	struct conf before = conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sched *s;

		begin(3, domains, 60);
		w.tls_works = cases[i].tls_works;
		w.c.spec.pool = sources[0].pool;
		conf.limits.tls = cases[i].policy;
		conf.limits.conns_max = 1;
		conf.limits.msgs_per_conn_max = 20;
		conf.hosts.tls_s = cases[i].tls_s;
		if (cases[i].noted_days > 0) {
			strcpy(notes[0].name, "tls/192.0.2.0");
			notes[0].at_s = (int64_t)(w.now_us / 1000000) - 86400 * cases[i].noted_days;
		}
		s = run(1, 600);
		if (in_state(RCPT_DELIVERED) != cases[i].delivered)
			printf("\n    %s: %u delivered", cases[i].why, in_state(RCPT_DELIVERED));
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), cases[i].delivered);
		CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), 60 - cases[i].delivered);
		CU_ASSERT_EQUAL(w.gone > 0, cases[i].delivered < 60);
		sched_close(s);
		conf = before;
	}
}

/* The operator's word: it goes on in the clear, and a later life knows nothing of TLS either. */
static void a_host_that_is_forgotten_gets_mail_in_the_clear(void)
{
	static const char *const domains[] = { "strip.test", NULL };
	struct conf before = conf;
	struct sched_host_view view;
	struct ip_addr addr;
	uint32_t cursor = 0;
	struct sched *s;
	int known;

	begin(5, domains, 60);
	conf.limits.tls = DP_TLS_OPPORTUNISTIC;
	strcpy(notes[0].name, "tls/192.0.2.0");
	notes[0].at_s = (int64_t)(w.now_us / 1000000) - 86400;
	s = run(0, 3);
	CU_ASSERT_TRUE(w.gone > 0);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 0);
	CU_ASSERT_TRUE(sched_host_next(s, "mx.strip.test", &cursor, &view));
	CU_ASSERT_NSTRING_EQUAL(view.known, "TLS, TLS gone, left alone", 25);
	ip_parse("192.0.2.0", &addr);
	while ((known = sched_forget_host(s, &addr)) == -EAGAIN) /* the store's queue was full */
		continue;
	CU_ASSERT_EQUAL(known, 1);
	CU_ASSERT_EQUAL(notes[0].name[0], '\0');
	idle(s, 10000);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 60);
	ip_parse("192.0.2.77", &addr);
	CU_ASSERT_EQUAL(sched_forget_host(s, &addr), 0);
	sched_close(s);
	conf = before;
}

/* Memory is bounded: what left it is asked of the store, so a full table is no way to clear text.
 */
static void a_full_table_forgets_no_tls(void)
{
	static const char *const domains[] = { "strip.test", "a.test", "b.test", NULL };
	struct conf before = conf;
	struct sched *s;

	begin(6, domains, 40);
	conf.limits.tls = DP_TLS_OPPORTUNISTIC;
	conf.hosts.entries_max = 1;
	strcpy(notes[0].name, "tls/192.0.2.0");
	strcpy(notes[1].name, "tls/192.0.2.1");
	strcpy(notes[2].name, "tls/192.0.2.2");
	for (int i = 0; i < 3; i++)
		notes[i].at_s = (int64_t)(w.now_us / 1000000) - 86400;
	s = run(1, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 80);
	CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), 40);
	CU_ASSERT_TRUE(w.gone > 0);
	sched_close(s);
	conf = before;
}

/* RFC 8689 4.2.1: where nobody vouches for a host, nothing is said to it. */
static void requiretls_fails_where_no_host_is_named_for_it(void)
{
	static const char *const domains[] = { "named.test", "stranger.test", NULL };
	struct sched *s;

	begin(31, domains, 40);
	w.c.spec.requiretls = true;
	w.requiretls_host = "mx.named.test";
	s = run(0, 600);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 40);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 40);
	CU_ASSERT_EQUAL(w.requiretls_jobs, 40);
	CU_ASSERT_EQUAL(w.dials_as[DP_TLS_VERIFY], w.dials_secret + w.dials_clear);
	for (uint32_t i = 0; i < 40; i++) {
		CU_ASSERT_EQUAL(w.rcpts[i].state, RCPT_DELIVERED);
		CU_ASSERT_EQUAL(w.rcpts[40 + i].attempts, 0);
	}
	sched_close(s);
}

/* RFC 8689 4.2.1: the host that does not offer it is known for a while, and the others are tried.
 */
static void who_does_not_offer_requiretls_is_passed_over_for_others(void)
{
	static const char *const domains[] = { "lacks.test", "fine.test", NULL };
	static const struct {
		const char *why;
		bool second; /* has the other domain's host behind its own */
		uint32_t keep_s, delivered;
	} cases[] = { { "another host", true, 3600, 80 },
		      { "no other", false, 3600, 40 },
		      { "nothing is remembered, and nothing goes round for ever", true, 0, 40 } };
	struct conf before = conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mx_host both[2];
		struct sched *s;

		begin(33, domains, 40);
		w.c.spec.requiretls = true;
		w.requiretls_host = "mx."; /* all */
		conf.hosts.no_requiretls_s = cases[i].keep_s;
		both[0] = w.hosts[0], both[1] = w.hosts[1];
		both[1].preference = 20;
		w.answers[0].hosts = both;
		w.answers[0].n_hosts = cases[i].second ? 2 : 1;
		s = run(0, 600);
		if (in_state(RCPT_DELIVERED) != cases[i].delivered)
			printf("\n    %s: %u delivered", cases[i].why, in_state(RCPT_DELIVERED));
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), cases[i].delivered);
		CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 80 - cases[i].delivered);
		sched_close(s);
		conf = before;
	}
}

/* What is composed for a host that a reload no longer names waits for its next attempt, and fails
 * then.
 */
static void a_reload_that_names_no_host_any_more_strands_nobody(void)
{
	static const char *const domains[] = { "named.test", NULL };
	struct conf other = conf;
	struct sched *s;
	uint32_t sent;

	begin(32, domains, 400);
	w.c.spec.requiretls = true;
	w.requiretls_host = "mx.named.test";
	other.limits.rate_per_s = conf.limits.rate_per_s = 50;
	s = run(0, 2);
	conf.limits.rate_per_s = 0;
	sent = w.requiretls_jobs;
	CU_ASSERT_TRUE(sent > 0);
	w.requiretls_host = NULL;
	sched_set_conf(s, &other);
	idle(s, 30000);
	CU_ASSERT_EQUAL(w.requiretls_jobs, sent); /* not on a session from before either */
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED) + in_state(RCPT_FAILED), 400);
	CU_ASSERT_TRUE(in_state(RCPT_FAILED) > 0);
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s);
}

/* A session never carries mail that asks more of TLS than it was opened with; the limits are those
 * of the site all the same.
 */
static void a_new_policy_takes_new_sessions_of_the_same_site(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf stricter = conf;
	struct sched_site_view view;
	uint32_t cursor = 0;
	struct sched *s;

	begin(4, domains, 3000);
	conf.limits.tls = DP_TLS_OPPORTUNISTIC;
	conf.limits.rate_per_s = stricter.limits.rate_per_s = 200;
	stricter.limits.tls = DP_TLS_VERIFY;
	s = run(0, 2);
	CU_ASSERT_TRUE(w.dials_as[DP_TLS_OPPORTUNISTIC] > 0);
	CU_ASSERT_EQUAL(w.dials_as[DP_TLS_VERIFY], 0);
	sched_set_conf(s, &stricter);
	idle(s, 10000);
	CU_ASSERT_TRUE(w.dials_as[DP_TLS_VERIFY] > 0);
	CU_ASSERT_TRUE(sched_site_next(s, &cursor, &view));
	CU_ASSERT_STRING_EQUAL(view.name, "mx.a.test");
	CU_ASSERT_FALSE(sched_site_next(s, &cursor, &view));
	CU_ASSERT_PTR_NULL(w.broken);
	conf.limits.tls = DP_TLS_NONE;
	conf.limits.rate_per_s = 0;
	sched_close(s);
}

/* Nobody asked for more than one: it takes HOST_PROOF answers, PIPELINING, and no lost session. */
static void more_are_in_flight_only_where_the_host_has_shown_that_it_takes_them(void)
{
	static const struct {
		const char *why, *domain;
		bool pipelining;
		uint32_t window, window_max, want_first, want_most;
	} cases[] = {
		{ "proven", "a.test", true, 1, 4, 1, 4 },
		{ "forbidden", "a.test", true, 1, 1, 1, 1 },
		{ "no pipelining", "a.test", false, 1, 4, 1, 1 },
		{ "sessions are lost", "drop.test", true, 1, 4, 1, 1 },
		{ "configured", "a.test", true, 3, 3, 3, 3 },
	};
	struct conf before = conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const domains[] = { cases[i].domain, NULL };
		struct sched *s;

		begin(21, domains, 2000);
		w.pipelining = cases[i].pipelining;
		conf.limits.window = cases[i].window;
		conf.limits.window_max = cases[i].window_max;
		s = run(0, 600);
		if (w.window_first != cases[i].want_first || w.window_most != cases[i].want_most)
			printf("\n    %s: %u first, %u at most", cases[i].why, w.window_first,
			       w.window_most);
		CU_ASSERT_EQUAL(w.window_first, cases[i].want_first);
		CU_ASSERT_EQUAL(w.window_most, cases[i].want_most);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 2000);
		sched_close(s);
		conf = before;
	}
}

static void a_host_gets_no_more_messages_on_a_session_than_its_mailmax(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct sched *s;

	begin(22, domains, 300);
	w.mail_max = 7;
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 300);
	CU_ASSERT_EQUAL(w.msgs_most, 7);
	sched_close(s);
}

static void what_a_session_learnt_is_told_to_the_next(void)
{
	static const char *const domains[] = { "a.test", NULL };
	static const struct {
		uint16_t learnt, want;
	} cases[] = {
		{ DP_KNOWN_BDAT_WORKS, DP_KNOWN_BDAT_WORKS },
		{ DP_KNOWN_NO_PIPELINING, DP_KNOWN_NO_PIPELINING },
		{ DP_KNOWN_BDAT_WORKS | DP_KNOWN_NO_CHUNKING, DP_KNOWN_NO_CHUNKING },
		{ DP_KNOWN_PIPELINING, 0 },
	};
	struct conf before = conf;

	conf.hosts.bdat_works_s = conf.hosts.no_pipelining_s = conf.hosts.no_chunking_s = 60;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sched *s;

		begin(23, domains, 200);
		w.learnt = cases[i].learnt;
		s = run(0, 600);
		CU_ASSERT_EQUAL(w.known_last, cases[i].want);
		sched_close(s);
	}
	conf = before;
}

/* Two domains of one site: what one of them is refused for the other's sake goes alone. */
static void a_refusal_to_relay_on_a_shared_session_is_tried_again_alone(void)
{
	static const char *const domains[] = { "a.test", "relay.test", "norelay.test", NULL };

	for (uint32_t seed = 1; seed <= 10; seed++) {
		struct sched *s;

		w.one_site = true;
		begin(seed, domains, 150);
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 300);
		CU_ASSERT_EQUAL(in_state(RCPT_BOUNCED), 150);
		for (uint32_t i = 0; i < 450; i++)
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
		CU_ASSERT_TRUE(w.conns_open_most <= 3 * 2); /* the limit is the site's still */
		CU_ASSERT_TRUE(w.submits < 450 + 100);      /* some were tried twice, not all */
		w.one_site = false;
		sched_close(s);
	}
}

/* RFC 1047: sent again as often as retry.unconfirmed says, and no deferral in between counts. */
static void an_answer_that_is_lost_is_asked_for_again_as_policy_says(void)
{
	static const char *const domains[] = { "vague.test", "vaguesoft.test", NULL };
	struct conf before = conf;

	conf.retry.give_up_s = 600;
	for (uint32_t most = 0; most <= 3; most++) {
		struct sched *s;

		begin(26, domains, 20);
		conf.retry.unconfirmed = most;
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_UNCONFIRMED), 40);
		for (uint32_t i = 0; i < 40; i++) {
			CU_ASSERT_EQUAL(w.rcpts[i].unconfirmed, most + 1);
			CU_ASSERT_TRUE(w.rcpts[i].attempts >= most + 1);
		}
		for (uint32_t i = 0; i < 20; i++)
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, most + 1);
		sched_close(s);
	}
	conf = before;
}

/* RFC 6152 3: no attempt is counted, and few come back before the rest is composed so at once, even
 * where nothing is to be remembered.
 */
static void what_a_host_takes_as_7bit_only_is_composed_again(void)
{
	static const char *const domains[] = { "seven.test", NULL };
	struct conf before = conf;

	for (uint32_t keep_s = 0; keep_s <= 600; keep_s += 600) {
		struct sched *s;

		begin(27, domains, 400);
		conf.hosts.no_8bitmime_s = keep_s;
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 400);
		CU_ASSERT_TRUE(w.came_back > 0 && w.came_back < 60);
		for (uint32_t i = 0; i < 400; i++)
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
		sched_close(s);
	}
	conf = before;
}

/* At once, no attempt counted, where the refusal is remembered; with a wait where it is not. */
static void what_was_behind_a_refused_bdat_goes_again_and_cannot_loop(void)
{
	static const char *const domains[] = { "nobdat.test", NULL };
	struct conf before = conf;

	for (uint32_t keep_s = 0; keep_s <= 600; keep_s += 600) {
		struct sched *s;

		begin(28, domains, 20);
		w.c.spec.pool = sources[0].pool;
		conf.limits.conns_max = 1; /* the next session waits for the end of this one */
		conf.hosts.no_chunking_s = keep_s;
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		if (keep_s == 0) {
			/* Each waits 2 s in between, for the 15 s that it may take. */
			CU_ASSERT_EQUAL(in_state(RCPT_EXPIRED), 20);
			CU_ASSERT_TRUE(w.came_back <= 20 * 9);
		} else {
			CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 20);
			CU_ASSERT_TRUE(w.came_back <= 2); /* of the first session */
			CU_ASSERT_TRUE(w.submit_us[3] - w.submit_us[0] < 200000);
			for (uint32_t i = 0; i < 20; i++)
				CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
		}
		sched_close(s);
	}
	conf = before;
}

/* The first source is on the host's list, the second is not. */
static void what_a_host_says_to_one_source_is_not_held_against_another(void)
{
	static const char *const domains[] = { "choosy.test", NULL };
	uint32_t delivered;
	struct sched *s;

	begin(24, domains, 200);
	s = run(1, 600);
	delivered = in_state(RCPT_DELIVERED);
	CU_ASSERT_TRUE(delivered > 60 && delivered < 140);
	CU_ASSERT_EQUAL(in_state(RCPT_DEFERRED), 200 - delivered);
	CU_ASSERT_TRUE(w.submit_us[w.submits - 1] - 1000000000 < 5000000);
	sched_close(s);
}

static void a_route_sends_a_domain_to_its_host_and_a_reload_takes_it_away(void)
{
	static const char *const domains[] = { "a.test", "routed.test", NULL };
	struct conf_limits before = conf.limits;
	struct sched *s;
	uint32_t dials;

	begin(25, domains, 1000);
	conf.limits.rate_per_s = 100;
	routed = conf.limits;
	strcpy(routed.route.host, "relay.test");
	routed.route.port = 587;
	s = run(0, 3);
	CU_ASSERT_TRUE(w.alone_dials > 0);
	CU_ASSERT_STRING_EQUAL(sched_site_key(s, "routed.test"), "relay.test:587");
	CU_ASSERT_STRING_EQUAL(sched_site_key(s, "a.test"), "mx.a.test");
	routed.route.host[0] = '\0';
	sched_set_conf(s, &conf);
	idle(s, 2000);
	dials = w.alone_dials;
	CU_ASSERT_STRING_EQUAL(sched_site_key(s, "routed.test"), "mx.routed.test");
	idle(s, 2000);
	CU_ASSERT_EQUAL(w.alone_dials, dials);
	CU_ASSERT_PTR_NULL(w.broken);
	conf.limits = before;
	sched_close(s);
}

static void what_the_gate_holds_waits_until_it_is_released(void)
{
	static const char *const domains[] = { "gatehold.test", "a.test", NULL };
	struct sched *s;

	begin(31, domains, 100);
	s = run(0, 60);
	CU_ASSERT_FALSE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_HELD), 100);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 100);
	CU_ASSERT_EQUAL(w.rcpts[0].attempts, 0); /* nobody was asked */
	sched_release(s, &w.c, RCPT_PENDING, on_released, NULL);
	idle(s, 20000);
	CU_ASSERT_EQUAL(w.released, 100);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 200);
	CU_ASSERT_TRUE(w.over);
	for (uint32_t i = 0; i < w.n_rows; i++)
		CU_ASSERT_EQUAL(w.delivered_times[i], 1);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s);
}

static void what_was_held_before_a_restart_is_released_once(void)
{
	static const char *const domains[] = { "gatehold.test", NULL };
	struct sched *s;

	begin(32, domains, 60);
	sched_close(run(0, 60));
	CU_ASSERT_EQUAL(in_state(RCPT_HELD), 60);
	w.n_late = 0;
	for (int i = 0; i < CONNS_MAX; i++)
		w.conns[i].used = false;
	w.conns_open = 0;
	s = run(0, 1); /* it finds all of them held */
	sched_release(s, &w.c, RCPT_PENDING, on_released, NULL);
	idle(s, 20000);
	CU_ASSERT_EQUAL(w.released, 60);
	for (uint32_t i = 0; i < w.n_rows; i++)
		CU_ASSERT_EQUAL(w.delivered_times[i], 1);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s);
}

static void what_is_held_may_be_given_up(void)
{
	static const char *const domains[] = { "gatehold.test", NULL };
	struct sched *s;

	begin(33, domains, 20);
	s = run(0, 60);
	sched_release(s, &w.c, RCPT_CANCELLED, NULL, NULL);
	idle(s, 2000);
	CU_ASSERT_EQUAL(in_state(RCPT_CANCELLED), 20);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	sched_close(s);
}

static void three_stops_pause_a_campaign_until_it_is_resumed(void)
{
	static const char *const domains[] = { "gatestop.test", NULL };
	uint32_t tried;
	struct sched *s;

	begin(34, domains, 400);
	w.stops = 3;
	conf.gate.pause_hits = 3;
	s = run(0, 60);
	CU_ASSERT_EQUAL(w.pauses, 1);
	CU_ASSERT_TRUE(w.c.paused);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 3);
	CU_ASSERT_TRUE(in_state(RCPT_PENDING) > 300); /* what was with the workers went on */
	CU_ASSERT_EQUAL(w.slabs, 0);
	tried = w.submits;
	idle(s, 5000);
	CU_ASSERT_EQUAL(w.submits, tried);
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	sched_resume(s, &w.c);
	idle(s, 20000);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 3);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 397);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_PTR_NULL(w.broken);
	conf.gate.pause_hits = 0;
	sched_close(s);
}

static void no_number_of_stops_pauses_where_none_is_set(void)
{
	static const char *const domains[] = { "gatestop.test", NULL };
	struct sched *s;

	begin(35, domains, 50);
	w.stops = 50;
	s = run(0, 60);
	CU_ASSERT_EQUAL(w.pauses, 0);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 50);
	CU_ASSERT_TRUE(w.over);
	sched_close(s);
}

/* ---- who we are to hosts ---- */

static uint32_t dials(void)
{
	return w.dialled[0] + w.dialled[1];
}

/* All sessions of the first moment are refused, then one at a time finds out, more and more seldom.
 */
static void a_credential_that_is_refused_makes_no_storm_and_serves_when_it_is_replaced(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf before = conf;
	struct sched *s;

	conf.retry.give_up_s = 600;
	conf.limits.credential_id = 1;
	begin(41, domains, 100);
	w.secret_good = 1;
	s = run(0, 30);
	CU_ASSERT_FALSE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED) + in_state(RCPT_BOUNCED), 0);
	CU_ASSERT_TRUE(in_state(RCPT_DEFERRED) > 0); /* with the reason, for people to see */
	CU_ASSERT_TRUE(dials() >= 5 && dials() <= 6 + 10);
	CU_ASSERT_TRUE(w.secret_asked >= 5 && w.secret_asked <= 10); /* 1, 2, 4, 4, ... s */
	CU_ASSERT_EQUAL(w.secret_taken, 0);
	w.secret_file = w.secret = 1;
	sched_credential_set(s, 1);
	idle(s, 10000);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 100);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s);
	conf = before;
}

/* At the start or in the middle: one question, the next session at once, and no attempt spent. */
static void a_newer_secret_is_taken_at_once_when_one_is_refused(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf before = conf;

	conf.limits.credential_id = 1;
	for (uint32_t after = 0; after <= 50; after += 50) {
		struct sched *s;

		begin(42, domains, 200);
		w.expires_after = after;
		w.secret_good = after == 0;
		w.secret_file = 1;
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 200);
		CU_ASSERT_EQUAL(w.secret_asked, 1);
		for (uint32_t i = 0; i < 200; i++)
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
		CU_ASSERT_TRUE(w.submit_us[w.sent - 1] - 1000000000 < 1000000);
		sched_close(s);
	}
	conf = before;
}

/* One that lets us in and then takes no mail from us, as if we had not said who we are. */
static void to_be_let_in_is_not_to_be_taken(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf before = conf;
	struct sched *s;

	conf.limits.credential_id = 1;
	conf.retry.give_up_s = 600;
	begin(43, domains, 60);
	w.expires_after = 1;
	w.lets_in = true;
	s = run(0, 30);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 0);
	CU_ASSERT_EQUAL(w.secret_taken, 0);
	CU_ASSERT_TRUE(dials() <= 6 + 12);
	sched_close(s);
	conf = before;
}

/* ---- one message for all ---- */

static void begin_shared(uint32_t seed, const char *const *domains, uint32_t rows_each)
{
	begin(seed, domains, rows_each);
	w.c.spec.shared_copy = (char *)(uintptr_t) "undisclosed-recipients:;";
}

static void recipients_of_one_message_share_transactions_and_it_is_composed_once(void)
{
	static const char *const domains[] = { "a.test", "b.test", "c.test", NULL };

	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct sched *s;

		begin_shared(seed, domains, 200);
		w.c.dsn.is_asked = seed % 2 == 0;
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 600);
		CU_ASSERT_EQUAL(w.sent, 600);
		CU_ASSERT_EQUAL(w.together_most, 10); /* smtp.rcpts_max */
		CU_ASSERT_TRUE(w.submits <= 120);     /* 60 full ones */
		CU_ASSERT_TRUE(w.orders <= 20);       /* again only when nobody held it */
		CU_ASSERT_EQUAL(w.slabs, 0);
		CU_ASSERT_EQUAL(sched_n_flights(s), 0);
		for (uint32_t i = 0; i < 600; i++)
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
		sched_close(s);
	}
}

static void each_recipient_of_a_transaction_has_its_own_verdict(void)
{
	static const char *const domains[] = { "mixed.test", NULL };

	for (uint32_t seed = 1; seed <= 10; seed++) {
		struct sched *s;

		begin_shared(seed, domains, 400);
		s = run(3, 600);
		for (uint32_t i = 0; i < 400; i++) {
			enum rcpt_state want = i % 10 == 0  ? RCPT_DEFERRED
			                       : i % 10 < 3 ? RCPT_BOUNCED
			                                    : RCPT_DELIVERED;

			CU_ASSERT_EQUAL(w.rcpts[i].state, want);
			CU_ASSERT_EQUAL(w.rcpts[i].attempts, i % 10 == 0 ? 3 : 1);
		}
		CU_ASSERT_TRUE(w.together_most > 1);
		CU_ASSERT_EQUAL(w.sent, 400 + 2 * 40);
		/* Those that are due again share again. */
		CU_ASSERT_TRUE(w.submits < 250);
		CU_ASSERT_EQUAL(w.slabs, 0);
		sched_close(s);
	}
}

/* RFC 5321 4.5.3.1.10, RFC 9422 4.1: without an attempt, and what was learnt is kept to. */
static void who_was_too_many_goes_again_at_once(void)
{
	static const char *const few[] = { "few.test", NULL }, *const told[] = { "a.test", NULL };
	struct conf before = conf;
	struct sched *s;

	conf.hosts.limits_s = 600;
	begin_shared(7, few, 300);
	s = run(0, 600);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 300);
	for (uint32_t i = 0; i < 300; i++)
		CU_ASSERT_EQUAL(w.rcpts[i].attempts, 1);
	CU_ASSERT_TRUE(w.came_back > 0 && w.came_back <= 3 * 2 * 6);    /* of the first sessions */
	CU_ASSERT_TRUE(w.submit_us[w.sent - 1] - 1000000000 < 1900000); /* no retry step */
	sched_close(s);

	begin_shared(8, told, 300);
	w.rcpts_max = 3;
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 300);
	CU_ASSERT_EQUAL(w.together_most, 3);
	sched_close(s);
	conf = before;
}

static void trouble_of_a_shared_transaction_loses_and_repeats_nobody(void)
{
	static const char *const domains[] = { "drop.test", "seven.test",  "vague.test",
		                               "dead.test", "nobdat.test", NULL };
	struct conf before = conf;

	conf.hosts.no_chunking_s = 600;
	for (uint32_t seed = 1; seed <= 10; seed++) {
		struct sched *s;

		begin_shared(seed, domains, 60);
		s = run(0, 600);
		CU_ASSERT_TRUE(w.over);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 180);
		CU_ASSERT_EQUAL(in_state(RCPT_UNCONFIRMED), 60);
		CU_ASSERT_EQUAL(in_state(RCPT_EXPIRED), 60);
		CU_ASSERT_EQUAL(w.slabs, 0);
		CU_ASSERT_EQUAL(sched_n_flights(s), 0);
		sched_close(s);
	}
	conf = before;
}

/* One goodbye, however many it was said to: left alone 1 s, 2 s, 4 s. */
static void a_refusal_of_the_host_is_counted_once_for_a_transaction(void)
{
	static const char *const domains[] = { "bye.test", NULL };
	struct conf before = conf;
	struct sched *s;

	conf.limits.conns_max = 1;
	conf.retry.host_s = 600;
	begin_shared(9, domains, 40);
	w.c.spec.pool = sources[0].pool;
	s = run(0, 5);
	CU_ASSERT_TRUE(w.dialled[0] + w.dialled[1] >= 3 && w.dialled[0] + w.dialled[1] <= 4);
	sched_close(s);
	conf = before;
}

static void a_rate_counts_recipients_not_transactions(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf before = conf;
	uint64_t took_us;
	struct sched *s;

	begin_shared(10, domains, 600);
	conf.limits.rate_per_s = 50;
	s = run(0, 600);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(w.sent, 600);
	for (uint32_t i = 51; i < w.sent; i++)
		CU_ASSERT_TRUE(w.submit_us[i] - w.submit_us[i - 51] >= 1000000);
	CU_ASSERT_EQUAL(w.together_most, 5); /* a tenth of a second's */
	CU_ASSERT_TRUE(w.submits <= 180);
	took_us = w.submit_us[w.sent - 1] - w.submit_us[0];
	CU_ASSERT_TRUE(took_us < 15500000); /* at nine tenths of the rate: 13.3 s */
	sched_close(s);
	conf = before;
}

static void who_must_not_share_goes_alone(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct sched *s;

	begin_shared(11, domains, 60);
	w.c.spec.to_test = (char *)(uintptr_t) "me@b.test"; /* the same for all */
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 60);
	CU_ASSERT_EQUAL(w.together_most, 1);
	CU_ASSERT_TRUE(w.orders < 10);
	sched_close(s);

	begin_shared(12, domains, 60);
	for (uint32_t i = 0; i < 60; i += 2)
		snprintf(w.addresses[i], sizeof(w.addresses[i]), "\xc3\xbc#%u", i);
	s = run(0, 600);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 60);
	CU_ASSERT_TRUE(w.together_most > 1);
	CU_ASSERT_EQUAL(w.utf8_jobs, 30);
	CU_ASSERT_EQUAL(w.utf8_together, 0);
	sched_close(s);
}

static void a_shared_copy_is_held_released_paused_and_stopped_as_any_message(void)
{
	static const char *const held[] = { "gatehold.test", NULL },
				 *const stopped[] = { "gatestop.test", NULL },
				 *const a[] = { "a.test", NULL };
	uint32_t n_held;
	struct sched *s;

	for (uint32_t seed = 13; seed <= 20; seed++) {
		struct conf unlimited = conf;

		begin_shared(seed, held, 60);
		conf.limits.rate_per_s = 10;
		s = run(0, 3);
		n_held = in_state(RCPT_HELD);
		CU_ASSERT_TRUE(n_held > 10 && n_held < 50);
		sched_set_conf(s, &unlimited); /* so that they meet with those that come fresh */
		sched_release(s, &w.c, RCPT_PENDING, NULL, NULL);
		idle(s, 20000);
		CU_ASSERT_TRUE(in_state(RCPT_DELIVERED) >= n_held);
		CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED) + in_state(RCPT_HELD), 60);
		CU_ASSERT_TRUE(in_state(RCPT_HELD) > 0); /* those that came behind */
		CU_ASSERT_PTR_NULL(w.broken);
		conf.limits.rate_per_s = 0;
		sched_close(s);
	}

	begin_shared(14, stopped, 300);
	w.stops = 3;
	conf.gate.pause_hits = 3;
	s = run(0, 60);
	CU_ASSERT_EQUAL(w.pauses, 1);
	idle(s, 5000);
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	CU_ASSERT_EQUAL(w.slabs, 0);
	sched_resume(s, &w.c);
	idle(s, 20000);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 3);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 297);
	CU_ASSERT_PTR_NULL(w.broken);
	conf.gate.pause_hits = 0;
	sched_close(s);

	for (uint32_t seed = 1; seed <= 10; seed++) { /* at any moment */
		begin_shared(seed, a, 2000);
		w.uncomposed = seed == 10 ? UINT32_MAX : 0;
		s = run(0, 1);
		sched_stop(s);
		idle(s, 500);
		CU_ASSERT_EQUAL(sched_n_flights(s), 0);
		CU_ASSERT_EQUAL(w.slabs, 0);
		CU_ASSERT_PTR_NULL(w.broken);
		sched_close(s);
	}
	CU_ASSERT(in_state(RCPT_FAILED) > 100); /* of the last */
}

static void a_reload_composes_a_shared_copy_anew(void)
{
	static const char *const domains[] = { "a.test", NULL };
	struct conf other = conf;
	struct sched *s;
	uint32_t orders;

	begin_shared(15, domains, 2000);
	conf.limits.rate_per_s = other.limits.rate_per_s = 100;
	s = run(0, 3);
	orders = w.orders;
	idle(s, 3000);
	CU_ASSERT_TRUE(w.orders <= orders + 1);
	orders = w.orders;
	sched_set_conf(s, &other);
	idle(s, 3000);
	CU_ASSERT_TRUE(w.orders > orders);
	CU_ASSERT_PTR_NULL(w.broken);
	sched_close(s); /* in the middle */
	conf.limits.rate_per_s = 0;
}

/* One that comes out between others begins the count anew; of those that were with the composing
 * threads when it was paused, none is lost.
 */
static void as_many_in_a_row_as_cannot_be_composed_pause_a_campaign(void)
{
	static const char *const domains[] = { "fine.test", NULL };
	struct sched *s;

	begin(36, domains, 400);
	conf.compose.pause_failures = 5;
	w.uncomposed = 4;
	s = run(0, 60);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(w.pauses, 0);
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 4);
	sched_close(s);

	begin(37, domains, 400);
	w.uncomposed = 300;
	s = run(0, 60);
	CU_ASSERT_EQUAL(w.pauses, 1);
	CU_ASSERT_TRUE(w.c.paused);
	CU_ASSERT_STRING_EQUAL(w.c.paused_why,
	                       "5 messages in a row could not be composed; the last: "
	                       "body.html.liquid:7:3: this says why");
	CU_ASSERT_EQUAL(in_state(RCPT_FAILED), 5);
	CU_ASSERT_EQUAL(in_state(RCPT_PENDING), 395);
	CU_ASSERT_EQUAL(sched_n_flights(s), 0);
	CU_ASSERT_EQUAL(w.slabs, 0);
	w.uncomposed = 0;
	sched_resume(s, &w.c);
	idle(s, 20000);
	CU_ASSERT_TRUE(w.over);
	CU_ASSERT_EQUAL(in_state(RCPT_DELIVERED), 395);
	conf.compose.pause_failures = 0;
	sched_close(s);
}

SUITE("control/sched/sched",
      TEST(a_credential_that_is_refused_makes_no_storm_and_serves_when_it_is_replaced),
      TEST(a_newer_secret_is_taken_at_once_when_one_is_refused),
      TEST(to_be_let_in_is_not_to_be_taken),
      TEST(recipients_of_one_message_share_transactions_and_it_is_composed_once),
      TEST(each_recipient_of_a_transaction_has_its_own_verdict),
      TEST(who_was_too_many_goes_again_at_once),
      TEST(trouble_of_a_shared_transaction_loses_and_repeats_nobody),
      TEST(a_refusal_of_the_host_is_counted_once_for_a_transaction),
      TEST(a_rate_counts_recipients_not_transactions), TEST(who_must_not_share_goes_alone),
      TEST(a_shared_copy_is_held_released_paused_and_stopped_as_any_message),
      TEST(a_reload_composes_a_shared_copy_anew),
      TEST(what_the_gate_holds_waits_until_it_is_released),
      TEST(what_was_held_before_a_restart_is_released_once), TEST(what_is_held_may_be_given_up),
      TEST(three_stops_pause_a_campaign_until_it_is_resumed),
      TEST(no_number_of_stops_pauses_where_none_is_set),
      TEST(as_many_in_a_row_as_cannot_be_composed_pause_a_campaign),
      TEST(clear_text_after_a_failed_handshake_is_for_the_opportunistic),
      TEST(starttls_that_vanishes_stops_mail_to_who_has_done_tls),
      TEST(a_host_that_is_forgotten_gets_mail_in_the_clear), TEST(a_full_table_forgets_no_tls),
      TEST(requiretls_fails_where_no_host_is_named_for_it),
      TEST(who_does_not_offer_requiretls_is_passed_over_for_others),
      TEST(a_reload_that_names_no_host_any_more_strands_nobody),
      TEST(a_new_policy_takes_new_sessions_of_the_same_site),
      TEST(more_are_in_flight_only_where_the_host_has_shown_that_it_takes_them),
      TEST(a_host_gets_no_more_messages_on_a_session_than_its_mailmax),
      TEST(what_a_session_learnt_is_told_to_the_next),
      TEST(a_refusal_to_relay_on_a_shared_session_is_tried_again_alone),
      TEST(an_answer_that_is_lost_is_asked_for_again_as_policy_says),
      TEST(what_a_host_takes_as_7bit_only_is_composed_again),
      TEST(what_a_host_says_to_one_source_is_not_held_against_another),
      TEST(what_was_behind_a_refused_bdat_goes_again_and_cannot_loop),
      TEST(a_route_sends_a_domain_to_its_host_and_a_reload_takes_it_away),
      TEST(everyone_is_delivered_once_within_all_limits),
      TEST(each_kind_of_trouble_ends_in_its_own_state),
      TEST(a_host_that_lets_us_in_and_answers_nothing_is_left_alone_longer),
      TEST(who_is_greylisted_comes_again_as_before_and_blames_nobody),
      TEST(hosts_are_tried_by_preference_and_equals_by_chance),
      TEST(a_host_that_the_guard_refuses_leaves_the_others),
      TEST(only_hosts_that_all_take_no_mail_are_final),
      TEST(a_recipient_out_of_attempts_stays_deferred),
      TEST(what_the_egress_guard_refuses_stays_pending_and_is_counted),
      TEST(a_rate_is_kept_in_every_second_and_used), TEST(what_was_final_before_is_not_sent_again),
      TEST(a_stop_hands_back_what_has_not_left), TEST(nothing_is_kept_when_all_are_served),
      TEST(closing_in_the_middle_lets_go_of_every_answer),
      TEST(a_reload_with_a_lower_limit_closes_what_is_too_much),
      TEST(a_campaign_without_anyone_left_is_over_when_it_is_added),
      TEST(an_answer_that_expires_this_very_moment_serves_once_more))
