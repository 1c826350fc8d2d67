/* session.c - the driver: moves the two cursors of a session through the table of steps. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "dataplane/smtp/session.h"

enum {
	POKE_US = 10000, /* until TCP is asked again when it had room but no buffers */
};

/* Where the step after the one said or answered is; RCPT comes once per recipient. */
static const uint8_t next_step[DP_N_STEPS] = {
	[DP_STEP_CONNECT] = DP_STEP_BANNER, [DP_STEP_BANNER] = DP_STEP_EHLO,
	[DP_STEP_EHLO] = DP_STEP_IDLE,      [DP_STEP_HELO] = DP_STEP_IDLE,
	[DP_STEP_RSET] = DP_STEP_MAIL,      [DP_STEP_MAIL] = DP_STEP_RCPT,
	[DP_STEP_RCPT] = DP_STEP_DATA,      [DP_STEP_DATA] = DP_STEP_BODY,
	[DP_STEP_BODY] = DP_STEP_DOT,       [DP_STEP_DOT] = DP_STEP_IDLE,
	[DP_STEP_IDLE] = DP_STEP_IDLE,      [DP_STEP_QUIT] = DP_STEP_QUIT,
	[DP_STEP_STARTTLS] = DP_STEP_TLS,   [DP_STEP_TLS] = DP_STEP_EHLO,
};

static void advance(const struct session *s, struct cursor *c)
{
	if (c->step == DP_STEP_RCPT && c->rcpt + 1 < session_job(s)->n_rcpts) {
		c->rcpt++;
		return;
	}
	c->step = next_step[c->step];
	c->rcpt = 0;
}

static void set_cursors(struct session *s, enum dp_step step)
{
	s->send = s->recv = (struct cursor){ .step = (uint8_t)step };
}

/* Version and suite, as an operator wants to read them. */
static void tell_tls(const struct session *s, struct dp_evt *evt)
{
	struct tls_info info;
	int n;

	tls_describe(s->tls, &info);
	evt->tls = info.version == 0x0304 ? 13 : 12;
	n = snprintf(evt->text, sizeof(evt->text), "TLS 1.%u %s%s", evt->tls - 10u, info.suite,
	             info.is_resumed ? ", resumed" : "");
	evt->text_bytes = (uint16_t)n;
}

void session_ready(struct session *s, uint64_t now_us)
{
	struct dp_evt evt = { .kind = DP_EVT_OPEN,
		              .step = s->recv.step,
		              .code = s->reply.code,
		              .took_us = (uint32_t)(now_us - s->began_us) };

	if (s->tls != NULL)
		tell_tls(s, &evt);
	s->is_ready = true;
	set_cursors(s, DP_STEP_IDLE);
	count(&s->smtp->conf.counters->smtp_sessions_ready);
	session_emit(s, now_us, &evt);
}

void session_greeted(struct session *s, uint64_t now_us)
{
	bool wants = s->policy != DP_TLS_NONE && s->smtp->conf.tls != NULL && s->tls == NULL;

	if (wants && s->caps.starttls)
		set_cursors(s, DP_STEP_STARTTLS);
	else if (s->policy >= DP_TLS_ENCRYPT && s->tls == NULL)
		session_end_by_tls(s, now_us,
		                   "STARTTLS is not offered, and its policy asks for it");
	else
		session_ready(s, now_us);
}

void session_start_tls(struct session *s, uint64_t now_us)
{
	static const enum tls_demand demands[] = { [DP_TLS_NONE] = TLS_ANY,
		                                   [DP_TLS_OPPORTUNISTIC] = TLS_ANY,
		                                   [DP_TLS_ENCRYPT] = TLS_STRICT,
		                                   [DP_TLS_VERIFY] = TLS_CHECKED };
	struct tls_peer peer = { .host = s->host, .addr = s->remote, .demand = demands[s->policy] };

	s->caps = (struct smtp_caps){ .size = false }; /* RFC 3207 4.2: they are forgotten */
	set_cursors(s, DP_STEP_TLS);
	s->tls = tls_start(s->smtp->conf.tls, &peer, s->tcp, s);
	if (s->tls == NULL)
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_NO_ROOM);
}

uint8_t session_step(const struct session *s)
{
	return s->n_due > 0 ? s->recv.step : s->send.step;
}

/* Starts the patience for what comes next anew. */
static void expect(struct session *s, uint64_t now_us)
{
	const struct smtp *smtp = s->smtp;
	const struct dp_times *times = session_times(s);
	uint32_t ms;

	if (s->is_silent || (s->end != SESSION_LIVES && smtp->is_draining))
		ms = smtp->conf.linger_ms;
	else
		memcpy(&ms, (const uint8_t *)times + smtp_steps[session_step(s)].patience,
		       sizeof(ms));
	s->deadline_us = now_us + (uint64_t)ms * 1000;
	if (smtp->is_draining && s->end == SESSION_LIVES && s->deadline_us > smtp->drain_until_us)
		s->deadline_us = smtp->drain_until_us;
}

/* Nobody has spoken under TLS yet: on port 465 the server begins, behind STARTTLS we do. */
void session_secured(struct session *s, uint64_t now_us)
{
	if (s->end != SESSION_LIVES)
		return;
	set_cursors(s, s->is_implicit ? DP_STEP_BANNER : DP_STEP_EHLO);
	s->n_due = s->is_implicit ? 1 : 0;
	expect(s, now_us);
}

/* True when nothing is asked of the server and nothing half said by either side. */
static bool is_at_rest(const struct session *s)
{
	return s->send.step == DP_STEP_IDLE && s->n_due == 0 && s->reply.n_bytes == 0;
}

/* Sets the timer for the end of patience; `is_stalled`: TCP had room but took nothing. */
static void arm(struct session *s, uint64_t now_us, bool is_stalled)
{
	uint64_t due = s->deadline_us;

	if (s->end == SESSION_LIVES && is_at_rest(s)) {
		wheel_cancel(&s->smtp->wheel, s->handle.slot);
		return;
	}
	if (is_stalled && due > now_us + POKE_US)
		due = now_us + POKE_US;
	wheel_arm(&s->smtp->wheel, s->handle.slot, due);
}

/* RFC 2920 3.1: only where the server offers it, and only behind a command that allows it. */
static bool may_say(const struct session *s)
{
	if (s->n_due == 0)
		return true;
	return s->smtp->conf.pipelining && s->caps.pipelining && smtp_steps[s->said].pipelined;
}

/* At rest: the next job, or QUIT when it is asked for. False when there is nothing to say. */
static bool begin_work(struct session *s, uint64_t now_us)
{
	while (s->n_jobs > 0) {
		s->has_job = s->has_begun_jobs = true;
		smtp_body_begin(&s->body);
		set_cursors(s, DP_STEP_MAIL);
		session_refuse_unfit(s, now_us);
		if (session_has_open_rcpts(s)) {
			if (s->needs_rset)
				set_cursors(s, DP_STEP_RSET);
			return true;
		}
		session_settle(s, now_us);
	}
	if (!s->wants_quit && !s->smtp->is_draining)
		return false;
	session_end(s, now_us, SESSION_END_QUIT, s->wants_quit ? DP_WHY_QUIT : DP_WHY_SHUTDOWN);
	return true;
}

/* A job whose recipients all have verdicts goes no further, unless the server waits for a body or
 * a command of it is half said. True when it is over.
 */
static bool try_settle(struct session *s, uint64_t now_us)
{
	if (!s->has_job || session_has_open_rcpts(s) || s->is_body_due || s->said_cut > 0)
		return false;
	if (s->n_due == 0)
		session_settle(s, now_us);
	return true;
}

/* Says all that may be said now. True when some of it was taken; `is_full`: TCP refused the rest.
 */
static bool say_all(struct session *s, uint64_t now_us, bool *is_full)
{
	bool progress = false;

	*is_full = false;
	while (s->end == SESSION_LIVES || (s->end == SESSION_END_QUIT && !s->has_quit)) {
		const struct smtp_step *step;
		uint32_t span = s->body.span, at = s->body.at, cut = s->said_cut;

		if (try_settle(s, now_us) && s->n_due > 0)
			break;
		if (is_at_rest(s) && !begin_work(s, now_us))
			break;
		step = &smtp_steps[s->send.step];
		if (step->say == NULL || !may_say(s))
			break;
		if (!step->say(s, now_us)) {
			*is_full = true;
			return progress || span != s->body.span || at != s->body.at ||
			       cut != s->said_cut;
		}
		progress = true;
		s->said = s->send.step;
		if (step->hear != NULL)
			s->n_due++;
		advance(s, &s->send);
	}
	return progress;
}

void session_pump(struct session *s, uint64_t now_us)
{
	bool is_full, is_stalled;

	if (say_all(s, now_us, &is_full)) {
		wire_flush(s, now_us);
		expect(s, now_us);
	}
	if (s->end == SESSION_END_ABORT) {
		tcp_abort(s->smtp->tcp, now_us, s->tcp); /* `s` is gone now */
		return;
	}
	if (s->end == SESSION_END_FIN && !s->is_silent) {
		s->is_silent = true;
		wire_close(s, now_us);
		expect(s, now_us);
	}
	is_stalled = is_full && tcp_write_room(s->smtp->tcp, s->tcp) > 0;
	arm(s, now_us, is_stalled);
}

/* One whole reply, for the command it belongs to by order. */
static void hear(struct session *s, uint64_t now_us)
{
	/* A reply before the dot is the DOT row's business; any other that was not asked for
	 * comes to IDLE. */
	bool asked = s->n_due > 0 || s->recv.step == DP_STEP_DOT;
	uint8_t step = asked ? s->recv.step : (uint8_t)DP_STEP_IDLE;
	struct cursor before = s->recv;

	if (s->n_due > 0)
		s->n_due--;
	smtp_steps[step].hear(s, now_us, &s->reply);
	if (s->end != SESSION_LIVES)
		return;
	/* RFC 5321 3.8: 421 may answer anything, and the server goes. */
	if (s->reply.code == 421) {
		session_end_by_reply(s, now_us);
		return;
	}
	smtp_reply_reset(&s->reply);
	if (s->recv.step == before.step && s->recv.rcpt == before.rcpt) {
		advance(s, &s->recv);
		if (s->recv.step == DP_STEP_BODY)
			s->recv.step = DP_STEP_DOT;
	}
	try_settle(s, now_us);
	expect(s, now_us);
}

static void note_line(struct session *s)
{
	if (s->recv.step == DP_STEP_EHLO && s->n_due > 0 && s->reply.n_lines > 1)
		smtp_caps_line(&s->caps, span_of(s->reply.line, s->reply.line_bytes));
}

static void hear_all(struct session *s, uint64_t now_us, struct span bytes)
{
	const struct smtp_reply_bounds bounds = { .lines_max = s->smtp->conf.reply_lines_max,
		                                  .bytes_max = s->smtp->conf.reply_bytes_max };
	bool was_at_rest = is_at_rest(s);

	while (s->end == SESSION_LIVES) {
		switch (smtp_reply_take(&s->reply, &bounds, &bytes)) {
		case SMTP_REPLY_MORE:
			if (was_at_rest && !is_at_rest(s))
				expect(s, now_us); /* a goodbye has begun: it must end too */
			return;
		case SMTP_REPLY_LINE:
			note_line(s);
			break;
		case SMTP_REPLY_END:
			note_line(s);
			if (s->recv.step != DP_STEP_STARTTLS || bytes.bytes == 0) {
				hear(s, now_us);
				break;
			}
			/* Whoever wrote behind the answer wants it to be taken for something that
			 * TLS protects (RFC 3207 6).
			 */
			/* fallthrough */
		case SMTP_REPLY_BAD:
			count(&s->smtp->conf.counters->smtp_protocol_errors);
			session_end(s, now_us, SESSION_END_FIN, DP_WHY_PROTOCOL);
			return;
		}
	}
}

/* Nothing is said before all that was received is heard: a reply too many is then seen for what it
 * is, and not taken for the answer to the next command.
 */
void session_received(struct session *s, uint64_t now_us, struct span bytes)
{
	hear_all(s, now_us, bytes);
	if (s->has_quit && !s->is_silent) {
		/* That is 221 or what stands for it; the server closes now (RFC 5321 4.1.1.10). */
		uint64_t linger_us = now_us + (uint64_t)s->smtp->conf.linger_ms * 1000;

		if (s->deadline_us > linger_us)
			s->deadline_us = linger_us;
	}
	session_pump(s, now_us);
}

void session_timer(struct session *s, uint64_t now_us)
{
	if (now_us < s->deadline_us) {
		session_pump(s, now_us);
		return;
	}
	if (s->end == SESSION_LIVES) {
		bool drained = s->smtp->is_draining && now_us >= s->smtp->drain_until_us;

		if (!drained)
			count(&s->smtp->conf.counters->smtp_timeouts);
		session_end(s, now_us, SESSION_END_ABORT,
		            drained ? DP_WHY_SHUTDOWN : DP_WHY_TIMEOUT);
	} else {
		s->end = s->is_silent || !s->has_quit ? SESSION_END_ABORT : SESSION_END_FIN;
	}
	session_pump(s, now_us);
}

void session_peer_closed(struct session *s, uint64_t now_us)
{
	if (s->end == SESSION_LIVES)
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_PEER_CLOSED);
	else if (s->end == SESSION_END_QUIT)
		s->end = SESSION_END_FIN;
	session_pump(s, now_us);
}

void session_opened(struct session *s, uint64_t now_us)
{
	set_cursors(s, DP_STEP_BANNER);
	s->n_due = 1;
	if (s->is_implicit) {
		s->n_due = 0;
		session_start_tls(s, now_us);
	}
	expect(s, now_us);
	arm(s, now_us, false);
}

void session_begin(struct session *s, uint64_t now_us)
{
	s->began_us = now_us;
	set_cursors(s, DP_STEP_CONNECT);
	expect(s, now_us);
	arm(s, now_us, false);
}
