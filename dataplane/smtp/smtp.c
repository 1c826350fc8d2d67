/* smtp.c - the sessions of one worker: pool, timers and the calls from above and below. */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/smtp/txn.h"

enum {
	SMTPS_PORT = 465,
	SHARE = 8, /* of the sessions, those that need a slot that few need for long */
	SHARE_MIN = 1024,
};

/* How many of each thing an engine has. */
struct sizes {
	uint32_t sessions, txns, dues, replies, names;
};

/* One in so many sessions may have half a reply, or be on its way to TLS, at a time. */
static uint32_t share_of(uint32_t sessions)
{
	uint32_t n = sessions / SHARE + SHARE_MIN;

	return n < sessions ? n : sessions;
}

static struct sizes sizes_of(const struct smtp_conf *conf)
{
	struct sizes n = { .sessions = conf->sessions_max, .txns = conf->txns_max };

	n.dues = n.sessions < n.txns ? n.sessions : n.txns;
	n.replies = share_of(n.sessions);
	n.names = conf->tls != NULL || conf->has_tls ? share_of(n.sessions) : 0;
	return n;
}

uint64_t smtp_memory_bytes(const struct smtp_conf *conf)
{
	struct sizes n = sizes_of(conf);

	return sizeof(struct smtp) + pool_memory_bytes(n.sessions, sizeof(struct session)) +
	       pool_memory_bytes(n.txns, sizeof(struct txn)) +
	       pool_memory_bytes(n.dues, sizeof(struct dues)) +
	       pool_memory_bytes(n.txns, sizeof(struct held)) +
	       pool_memory_bytes(n.replies, sizeof(struct smtp_reply)) +
	       (n.names > 0 ? pool_memory_bytes(n.names, DP_HELO_BYTES) : 0) +
	       wheel_memory_bytes(n.sessions);
}

static int open_tables(struct smtp *smtp, uint64_t now_us)
{
	struct sizes n = sizes_of(&smtp->conf);
	int err = pool_init(&smtp->sessions, n.sessions, sizeof(struct session), NULL);

	if (err == 0)
		err = pool_init(&smtp->txns, n.txns, sizeof(struct txn), NULL);
	if (err == 0)
		err = pool_init(&smtp->dues, n.dues, sizeof(struct dues), NULL);
	if (err == 0)
		err = pool_init(&smtp->helds, n.txns, sizeof(struct held), NULL);
	if (err == 0)
		err = pool_init_sparse(&smtp->replies, n.replies, sizeof(struct smtp_reply));
	if (err == 0 && n.names > 0)
		err = pool_init_sparse(&smtp->names, n.names, DP_HELO_BYTES);
	if (err == 0)
		err = wheel_init(&smtp->wheel, n.sessions, now_us);
	return err;
}

static void close_tables(struct smtp *smtp)
{
	pool_fini(&smtp->sessions);
	pool_fini(&smtp->txns);
	pool_fini(&smtp->dues);
	pool_fini(&smtp->helds);
	pool_fini(&smtp->replies);
	pool_fini(&smtp->names);
}

int smtp_open(const struct smtp_conf *conf, struct tcp *tcp, uint64_t now_us, struct smtp **out)
{
	struct smtp *smtp;
	int err;

	if (conf->sessions_max == 0 || conf->txns_max == 0 || conf->emit == NULL ||
	    conf->counters == NULL || conf->helos == NULL || conf->reply_lines_max == 0 ||
	    conf->reply_bytes_max < 4)
		return -EINVAL;
	smtp = calloc(1, sizeof(*smtp));
	if (smtp == NULL)
		return -ENOMEM;
	smtp->conf = *conf;
	smtp->tcp = tcp;
	err = open_tables(smtp, now_us);
	if (err != 0) {
		close_tables(smtp);
		free(smtp);
		return err;
	}
	*out = smtp;
	return 0;
}

void smtp_close(struct smtp *smtp)
{
	for (uint32_t slot = 0; slot < smtp->sessions.n; slot++) {
		struct session *s = pool_at(&smtp->sessions, slot);

		if (pool_is_used(&smtp->sessions, slot) && s->tls != NULL)
			tls_stop(s->tls);
	}
	wheel_fini(&smtp->wheel);
	close_tables(smtp);
	free(smtp);
}

static void emit_stillborn(struct smtp *smtp, uint64_t now_us, uint64_t conn, enum dp_why why)
{
	struct dp_evt evt = { .kind = DP_EVT_CLOSED,
		              .step = DP_STEP_CONNECT,
		              .why = (uint8_t)why,
		              .conn = conn,
		              .at_us = now_us };

	if (why == DP_WHY_UNREACHABLE)
		evt.reach = DP_REACH_HOST;
	smtp->conf.emit(smtp->conf.emit_ctx, &evt);
}

static enum dp_why why_of_error(int err)
{
	switch (err) {
	case -ENOBUFS:
		return DP_WHY_NO_ROOM;
	case -EADDRNOTAVAIL:
		return DP_WHY_NO_PORTS;
	case -ECONNREFUSED:
		return DP_WHY_REFUSED;
	case -ETIMEDOUT:
		return DP_WHY_TIMEOUT;
	case -ECONNRESET:
		return DP_WHY_RESET;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return DP_WHY_UNREACHABLE;
	case -ECONNABORTED:
		return DP_WHY_SHUTDOWN; /* somebody below us aborts what we did not */
	default:
		return DP_WHY_PEER_CLOSED;
	}
}

static void put_session(struct smtp *smtp, struct session *s)
{
	wheel_cancel(&smtp->wheel, s->handle.slot);
	if (s->tls != NULL)
		tls_stop(s->tls);
	s->tls = NULL;
	session_put_reply(s);
	session_put_name(s);
	pool_put(&smtp->sessions, s->handle.slot);
	gauge(&smtp->conf.counters->smtp_open_now, smtp->sessions.n_used);
}

static void fill_session(struct smtp *smtp, struct session *s, uint32_t slot,
                         const struct dp_dial *dial)
{
	memset(s, 0, sizeof(*s));
	s->smtp = smtp;
	s->handle.slot = slot;
	s->handle.gen = pool_gen(&smtp->sessions, slot);
	s->conn = dial->conn;
	s->source = dial->source;
	s->policy = dial->tls;
	s->known = dial->known;
	s->window = dial->window == 0              ? 1
	            : dial->window > DP_WINDOW_MAX ? DP_WINDOW_MAX
	                                           : dial->window;
	s->is_lmtp = dial->protocol == DP_PROTO_LMTP;
	assert(dial->credential <= DP_CREDENTIALS_MAX);
	s->credential = (uint16_t)dial->credential;
	s->auth_in_clear = dial->auth_in_clear;
	s->requiretls_ok = dial->requiretls_ok;
	s->times = dial->times <= smtp->conf.n_more_times ? dial->times : 0;
	s->remote = dial->remote;
	s->is_implicit = dial->remote_port == SMTPS_PORT && smtp->conf.tls != NULL;
	s->txn_first = s->txn_last = s->txn_said = s->txn_heard = POOL_NONE;
	s->dues = s->reply = s->name = POOL_NONE;
}

/* The name of a host is needed until TLS has it. False: no room for it. */
static bool try_keep_name(struct session *s, const struct dp_dial *dial)
{
	struct smtp *smtp = s->smtp;

	if (smtp->conf.tls == NULL || dial->host[0] == '\0' ||
	    (dial->tls == DP_TLS_NONE && !s->is_implicit))
		return true;
	s->name = pool_try_get(&smtp->names);
	if (s->name == POOL_NONE) {
		count(&smtp->conf.counters->smtp_no_slot);
		return false;
	}
	memcpy(pool_at(&smtp->names, s->name), dial->host, DP_HELO_BYTES);
	return true;
}

void smtp_open_session(struct smtp *smtp, uint64_t now_us, const struct dp_dial *dial,
                       const struct ip_addr *local)
{
	struct session *s;
	uint32_t slot;
	int err = -ENOBUFS;

	slot = smtp->is_draining ? POOL_NONE : pool_try_get(&smtp->sessions);
	if (slot == POOL_NONE) {
		emit_stillborn(smtp, now_us, dial->conn,
		               smtp->is_draining ? DP_WHY_SHUTDOWN : DP_WHY_NO_ROOM);
		return;
	}
	s = pool_at(&smtp->sessions, slot);
	fill_session(smtp, s, slot, dial);
	if (try_keep_name(s, dial))
		err = tcp_connect(smtp->tcp, now_us, local, &dial->remote, dial->remote_port, s,
		                  &s->tcp);
	if (err != 0) {
		put_session(smtp, s);
		emit_stillborn(smtp, now_us, dial->conn, why_of_error(err));
		return;
	}
	count(&smtp->conf.counters->smtp_sessions);
	gauge(&smtp->conf.counters->smtp_open_now, smtp->sessions.n_used);
	session_begin(s, now_us);
}

static struct session *find_session(struct smtp *smtp, struct dp_handle h)
{
	if (!pool_is_live(&smtp->sessions, h.slot, h.gen))
		return NULL;
	return pool_at(&smtp->sessions, h.slot);
}

void smtp_set_credential(struct smtp *smtp, uint32_t id, const struct smtp_credential *c)
{
	assert(id >= 1 && id <= DP_CREDENTIALS_MAX);
	smtp->credentials[id - 1] = c;
	smtp->credential_turns++;
}

void smtp_submit(struct smtp *smtp, uint64_t now_us, const struct dp_job *job)
{
	struct session *s = find_session(smtp, job->conn);
	enum dp_why why;

	assert(job->n_rcpts >= 1 && job->n_rcpts <= DP_RCPTS_MAX && job->n_wire <= DP_SPANS_MAX);
	if (s == NULL)
		why = DP_WHY_PEER_CLOSED; /* whatever it was, its CLOSED event has told */
	else if (s->end != SESSION_LIVES)
		why = s->why;
	else if (smtp->is_draining)
		why = DP_WHY_SHUTDOWN;
	else if (s->wants_quit)
		why = DP_WHY_QUIT;
	else if (s->n_jobs == dp_jobs_per_conn(s->window) || !txn_add(s, job))
		why = DP_WHY_NO_ROOM;
	else {
		session_submitted(s, now_us);
		return;
	}
	smtp_emit_not_tried(smtp, s, now_us, job, why);
}

void smtp_quit(struct smtp *smtp, uint64_t now_us, struct dp_handle conn)
{
	struct session *s = find_session(smtp, conn);

	if (s == NULL || s->end != SESSION_LIVES)
		return;
	s->wants_quit = true;
	session_pump(s, now_us);
}

/* The bound is now: what is unanswered stays unconfirmed, every connection is reset. */
static void cut_session(struct session *s, uint64_t now_us)
{
	session_end(s, now_us, SESSION_END_ABORT, DP_WHY_SHUTDOWN);
	s->end = SESSION_END_ABORT;
	session_pump(s, now_us);
}

static void drain_session(struct session *s, uint64_t now_us)
{
	uint64_t until_us = s->smtp->drain_until_us;

	if (s->end != SESSION_LIVES) {
		until_us = now_us + (uint64_t)s->smtp->conf.linger_ms * 1000;
	} else {
		txn_return(s, now_us, DP_WHY_SHUTDOWN);
		if (s->step == DP_STEP_CONNECT)
			session_end(s, now_us, SESSION_END_ABORT, DP_WHY_SHUTDOWN);
		else if (!s->is_ready)
			session_end(s, now_us, SESSION_END_FIN, DP_WHY_SHUTDOWN);
		else
			session_drain(s, now_us);
	}
	if (s->deadline_us > until_us)
		s->deadline_us = until_us;
	session_pump(s, now_us);
}

void smtp_drain(struct smtp *smtp, uint64_t now_us, uint32_t drain_ms)
{
	bool is_bound = smtp->is_draining;

	smtp->is_draining = true;
	smtp->drain_until_us = now_us + (is_bound ? 0 : (uint64_t)drain_ms * 1000);
	for (uint32_t slot = 0; slot < smtp->sessions.n; slot++) {
		if (!pool_is_used(&smtp->sessions, slot))
			continue;
		if (is_bound)
			cut_session(pool_at(&smtp->sessions, slot), now_us);
		else
			drain_session(pool_at(&smtp->sessions, slot), now_us);
	}
}

static void fire(void *ctx, uint64_t now_us, uint32_t slot)
{
	struct smtp *smtp = ctx;

	session_timer(pool_at(&smtp->sessions, slot), now_us);
}

uint64_t smtp_tick(struct smtp *smtp, uint64_t now_us, uint32_t budget)
{
	wheel_advance(&smtp->wheel, now_us, budget, fire, smtp);
	if (smtp->conf.tls != NULL && tls_turn(smtp->conf.tls, now_us))
		return now_us;
	return wheel_next_due_us(&smtp->wheel);
}

uint32_t smtp_n_sessions(const struct smtp *smtp)
{
	return smtp->sessions.n_used;
}

static void on_opened(void *user, uint64_t now_us)
{
	session_opened(user, now_us);
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	struct session *s = user;

	if (s->tls != NULL)
		tls_received(s->tls, now_us, bytes);
	else
		session_received(s, now_us, bytes);
}

static void on_writable(void *user, uint64_t now_us)
{
	struct session *s = user;

	if (s->tls != NULL)
		tls_flush(s->tls, now_us);
	session_pump(s, now_us);
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	struct session *s = user;
	struct smtp *smtp = s->smtp;
	struct dp_handle h = s->handle;

	if (s->tls != NULL)
		tls_finish(s->tls, now_us);
	if (find_session(smtp, h) != NULL)
		session_peer_closed(s, now_us);
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct session *s = user;
	struct smtp *smtp = s->smtp;

	session_end(s, now_us, SESSION_END_ABORT, why_of_error(why));
	session_emit_closed(s, now_us);
	put_session(smtp, s);
}

const struct tcp_ops smtp_tcp_ops = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
	.expect = session_expect,
};

static void on_tls_secured(void *user, uint64_t now_us)
{
	session_secured(user, now_us);
}

static void on_tls_writable(void *user, uint64_t now_us)
{
	session_pump(user, now_us);
}

static void on_tls_received(void *user, uint64_t now_us, struct span bytes)
{
	session_received(user, now_us, bytes);
}

static void on_tls_peer_closed(void *user, uint64_t now_us)
{
	session_peer_closed(user, now_us);
}

static void on_tls_failed(void *user, uint64_t now_us, const char *why)
{
	struct session *s = user;

	session_end_by_tls(s, now_us, why);
	if (s->end == SESSION_END_QUIT)
		s->end = SESSION_END_FIN; /* nothing can be said any more */
	session_pump(s, now_us);
}

const struct tls_ops smtp_tls_ops = {
	.secured = on_tls_secured,
	.writable = on_tls_writable,
	.received = on_tls_received,
	.peer_closed = on_tls_peer_closed,
	.failed = on_tls_failed,
};
