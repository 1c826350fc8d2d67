/* session.c - the driver: what is said next, what a reply answers, and the patience for it. */
#include <errno.h>
#include <stdio.h>

#include "dataplane/smtp/txn.h"

enum {
	POKE_US = 10000, /* until TCP is asked again when it had room but no buffers */
};

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

void session_ready(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct dp_evt evt = { .kind = DP_EVT_OPEN,
		              .step = s->step,
		              .code = reply->code,
		              .took_us = (uint32_t)(now_us - s->began_us) };

	if (s->tls != NULL)
		tell_tls(s, &evt);
	if (s->caps.pipelining)
		s->learnt |= DP_KNOWN_PIPELINING;
	session_put_name(s);
	s->is_ready = s->is_clean = true;
	s->step = DP_STEP_IDLE;
	count(&s->smtp->conf.counters->smtp_sessions_ready);
	session_emit(s, now_us, &evt);
}

void session_greeted(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	bool wants = s->policy != DP_TLS_NONE && s->smtp->conf.tls != NULL && s->tls == NULL;

	if (wants && s->caps.starttls)
		s->step = DP_STEP_STARTTLS;
	else if (s->policy >= DP_TLS_ENCRYPT && s->tls == NULL)
		session_end_by_tls(s, now_us,
		                   "STARTTLS is not offered, and its policy asks for it");
	else if (wants && session_expects_tls(s))
		session_end_by_gone(s, now_us, NULL);
	else
		session_authenticate(s, now_us, reply);
}

void session_start_tls(struct session *s, uint64_t now_us)
{
	static const enum tls_demand demands[] = { [DP_TLS_NONE] = TLS_ANY,
		                                   [DP_TLS_OPPORTUNISTIC] = TLS_ANY,
		                                   [DP_TLS_ENCRYPT] = TLS_STRICT,
		                                   [DP_TLS_VERIFY] = TLS_CHECKED };
	struct tls_peer peer = { .host =
		                     s->name == POOL_NONE ? "" : pool_at(&s->smtp->names, s->name),
		                 .addr = s->remote,
		                 .demand = demands[s->policy] };

	s->caps = (struct smtp_caps){ .size = false }; /* RFC 3207 4.2: they are forgotten */
	s->step = DP_STEP_TLS;
	s->tls = tls_start(s->smtp->conf.tls, &peer, s->tcp, s);
	session_put_name(s);
	if (s->tls == NULL)
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_NO_ROOM);
}

uint8_t session_step(const struct session *s)
{
	const struct due *d = dues_first(s);
	const struct txn *t;

	if (d != NULL) {
		bool is_end = d->step == DP_STEP_DOT || d->step == DP_STEP_BDAT;

		t = txn_at(s->smtp, txn_due(s));
		return is_end && !t->is_whole ? (uint8_t)DP_STEP_BODY : d->step;
	}
	t = txn_said(s);
	return t != NULL && t->is_begun ? s->said_step : s->step;
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
	s->step = s->is_implicit ? DP_STEP_BANNER : DP_STEP_EHLO;
	s->is_asked = s->is_implicit;
	expect(s, now_us);
}

/* True when nothing is asked of the server and nothing half said by either side. */
static bool is_at_rest(const struct session *s)
{
	return s->step == DP_STEP_IDLE && s->n_flight == 0 && s->reply == POOL_NONE;
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
	/* Patience begins anew with each reply, and nearly always ends unused: a timer that fires
	 * early looks again (session_timer()).
	 */
	if (!wheel_is_armed(&s->smtp->wheel, s->handle.slot) ||
	    due / WHEEL_TICK_US < wheel_due_tick(&s->smtp->wheel, s->handle.slot))
		wheel_arm(&s->smtp->wheel, s->handle.slot, due);
}

/* RFC 2920 3.1: unanswered only behind a command that allows it, where the server offers it. BDAT
 * only where one was answered well before: elsewhere its octets might be taken for commands. Once
 * something was refused all that is due comes first.
 */
static bool may_say(const struct session *s, const struct txn *t)
{
	if (s->smtp->is_draining)
		return false;
	if (s->said_cut > 0 || s->said_step == DP_STEP_DOT)
		return true;
	if (s->said_step == DP_STEP_BODY)
		return t->by_bdat || t->is_body_due;
	if (dues_count(s) == 0)
		return true;
	if (dues_count(s) == SMTP_DUES_MAX || s->is_stopped)
		return false;
	if (!session_pipelines(s) || !smtp_steps[s->said_last].pipelined)
		return false;
	return s->said_step != DP_STEP_BDAT || session_bdat_works(s);
}

/* The next transaction: at rest, or behind the last byte of the one before where the window is not
 * full and replies can be told apart. What is behind a BDAT must not depend on the first one of its
 * kind, and nothing is behind an end that has several replies (RFC 2033 4.2).
 */
static bool may_begin(const struct session *s)
{
	if (s->n_flight == 0)
		return s->reply == POOL_NONE;
	if (s->n_flight >= s->window || !session_is_told_apart(s) || s->is_stopped ||
	    dues_count(s) == SMTP_DUES_MAX || txn_has_ends(s))
		return false;
	if (!session_pipelines(s) || !smtp_steps[s->said_last].pipelined)
		return false;
	return s->said_last != DP_STEP_BODY || session_bdat_works(s);
}

/* A transaction that is of no use to anybody any more goes no further, unless the server waits for
 * a body or a command of it is half said.
 */
static void drop_rest(struct session *s)
{
	const struct txn *t = txn_said(s);

	if (t != NULL && t->is_begun && t->n_open == 0 && s->said_cut == 0 &&
	    s->said_step != DP_STEP_BODY && s->said_step != DP_STEP_DOT)
		txn_finish(s);
}

/* The step behind the one that was just said in a transaction. */
static void advance(struct session *s, struct txn *t)
{
	switch ((enum dp_step)s->said_step) {
	case DP_STEP_RSET:
		s->said_step = DP_STEP_MAIL;
		break;
	case DP_STEP_RCPT:
		s->said_rcpt++;
		/* fallthrough */
	case DP_STEP_MAIL:
		while (s->said_rcpt < t->job.n_rcpts && !txn_is_open(t, s->said_rcpt))
			s->said_rcpt++;
		s->said_step = s->said_rcpt < t->job.n_rcpts ? DP_STEP_RCPT
		               : t->by_bdat                  ? DP_STEP_BDAT
		                                             : DP_STEP_DATA;
		break;
	case DP_STEP_BODY:
		s->said_step = DP_STEP_DOT;
		if (t->by_bdat)
			txn_finish(s);
		break;
	case DP_STEP_DOT:
		txn_finish(s);
		break;
	default: /* DATA, BDAT */
		s->said_step = DP_STEP_BODY;
		break;
	}
}

/* RFC 9422 4.2: so many MAIL in a session. The rest is for another one. */
static void obey_mail_max(struct session *s, uint64_t now_us)
{
	if (s->caps.mail_max == 0 || s->n_messages < s->caps.mail_max || s->txn_said == POOL_NONE)
		return;
	txn_return(s, now_us, DP_WHY_TOO_MANY);
	s->wants_quit = true;
}

/* Nothing is begun that is not said whole: begins the next transaction, or QUIT when it is asked
 * for. False when there is nothing to say.
 */
static bool begin_work(struct session *s, uint64_t now_us)
{
	if (!may_begin(s))
		return false;
	obey_mail_max(s, now_us);
	if (s->txn_said != POOL_NONE) {
		if (!txn_begin(s, now_us)) {
			txn_finish(s);
			txn_settle_all(s, now_us);
		}
		return true;
	}
	if (s->n_flight > 0 || (!s->wants_quit && !s->smtp->is_draining))
		return false;
	session_end(s, now_us, SESSION_END_QUIT, s->wants_quit ? DP_WHY_QUIT : DP_WHY_SHUTDOWN);
	return true;
}

/* What one attempt to say something came to. */
enum said { SAID_NOTHING, SAID_ALL, SAID_PART, SAID_FULL };

static enum said say_step(struct session *s, uint64_t now_us, uint8_t step)
{
	const struct txn *t = txn_said(s);
	const struct smtp_body before = t == NULL ? (struct smtp_body){ .span = 0 } : t->body;
	uint16_t cut = s->said_cut;

	if (smtp_steps[step].say(s, now_us)) {
		s->said_last = step;
		return SAID_ALL;
	}
	t = txn_said(s);
	return cut != s->said_cut ||
	               (t != NULL && (before.span != t->body.span || before.at != t->body.at))
	           ? SAID_PART
	           : SAID_FULL;
}

/* Outside of transactions: one command, then its reply. */
static enum said say_alone(struct session *s, uint64_t now_us)
{
	const struct smtp_step *row = &smtp_steps[s->step];
	enum said said;

	if (row->say == NULL || s->is_asked)
		return SAID_NOTHING;
	said = say_step(s, now_us, s->step);
	if (said == SAID_ALL)
		s->is_asked = row->hear != NULL;
	return said;
}

static enum said say_of_txn(struct session *s, uint64_t now_us)
{
	struct txn *t = txn_said(s);
	uint8_t step = s->said_step, rcpt = s->said_rcpt;
	enum said said;

	if (!may_say(s, t))
		return SAID_NOTHING;
	said = say_step(s, now_us, step);
	if (said != SAID_ALL)
		return said;
	if (smtp_steps[step].hear != NULL && step != DP_STEP_DOT) /* due since 354 */
		dues_push(s, step, t->number, rcpt);
	advance(s, t);
	return said;
}

/* Says all that may be said now. True when some of it was taken; `is_full`: TCP refused the rest.
 */
static bool say_all(struct session *s, uint64_t now_us, bool *is_full)
{
	bool progress = false;

	*is_full = false;
	while (s->end == SESSION_LIVES || (s->end == SESSION_END_QUIT && !s->has_quit)) {
		const struct txn *t;
		enum said said;

		drop_rest(s);
		txn_settle_all(s, now_us);
		if (s->step == DP_STEP_IDLE && order_needs_probe(s))
			s->step = DP_STEP_RSET;
		t = txn_said(s);
		if (s->step != DP_STEP_IDLE) {
			said = say_alone(s, now_us);
		} else if (t == NULL || !t->is_begun) {
			if (!begin_work(s, now_us))
				break;
			continue;
		} else {
			said = say_of_txn(s, now_us);
		}
		progress |= said == SAID_ALL || said == SAID_PART;
		*is_full = said == SAID_PART || said == SAID_FULL;
		if (said != SAID_ALL)
			break;
	}
	return progress;
}

void session_pump(struct session *s, uint64_t now_us)
{
	bool is_full, is_stalled, was_due = dues_count(s) > 0;
	uint8_t before = session_step(s);

	if (say_all(s, now_us, &is_full)) {
		wire_flush(s, now_us);
		/* To say more does not prolong the patience for what was said before. */
		if (!was_due || before == DP_STEP_BODY)
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

void session_submitted(struct session *s, uint64_t now_us)
{
	if (may_begin(s))
		session_pump(s, now_us);
}

void session_drain(struct session *s, uint64_t now_us)
{
	const struct txn *t = txn_oldest(s);

	/* FIN before the last byte: the server drops what it has (RFC 5321 4.1.1.4). */
	if (t != NULL && t->is_begun && !t->is_whole)
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_SHUTDOWN);
}

/* Which command a reply belongs to: the oldest that is not answered. IDLE: none. */
static struct due due_of_reply(struct session *s)
{
	struct due d = { .step = DP_STEP_IDLE };

	s->txn_heard = POOL_NONE;
	if (dues_count(s) > 0) {
		s->txn_heard = txn_due(s);
		d = dues_pop(s);
		s->is_hearing = true;
	} else if (s->is_asked) {
		d.step = s->step;
		s->is_asked = false;
		s->is_hearing = true;
	}
	return d;
}

/* RFC 5321 4.2.1: all lines of a reply have one code. Else two of them were run together, one whose
 * last line never came and the one of the next command: a yes to that is none to this. Only a
 * greeting, in front of which nothing was said, goes by its last line: some servers begin it while
 * they make up their mind.
 */
static void hear_mixed(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (s->has_pipelined)
		s->learnt |= DP_KNOWN_NO_PIPELINING;
	session_end_by_nonsense(s, now_us, reply);
}

/* One whole reply, for the command it belongs to by order. */
static void hear(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	s->heard = due_of_reply(s);
	order_note(s, reply);
	/* What is behind a refusal may depend on it: nothing new before it is clear what came of
	 * what is in flight. */
	if (is_refusal(reply) && s->window > 1)
		s->is_stopped = true;
	if (reply->is_mixed && s->heard.step != DP_STEP_BANNER)
		hear_mixed(s, now_us, reply);
	else
		smtp_steps[s->heard.step].hear(s, now_us, reply);
	/* RFC 5321 3.8: 421 may answer anything, and the server goes. */
	if (s->end == SESSION_LIVES && reply->code == 421)
		session_end_by_reply(s, now_us, reply);
	s->is_hearing = false;
	if (s->end != SESSION_LIVES)
		return;
	s->has_heard_flight = dues_count(s) > 0;
	if (!s->has_heard_flight)
		s->is_stopped = false;
	drop_rest(s);
	txn_settle_all(s, now_us);
	if (s->smtp->is_draining)
		session_drain(s, now_us);
}

static void note_line(struct session *s, const struct smtp_reply *reply)
{
	if (s->step == DP_STEP_EHLO && s->is_asked && reply->n_lines > 1)
		smtp_caps_line(&s->caps, span_of(reply->line, reply->line_bytes));
}

/* Takes out what was kept, or begins a new one. */
static struct smtp_reply *take_reply(struct session *s)
{
	struct smtp_reply *reply = &s->smtp->heard;

	if (s->reply == POOL_NONE)
		smtp_reply_reset(reply);
	else
		*reply = *(struct smtp_reply *)pool_at(&s->smtp->replies, s->reply);
	session_put_reply(s);
	return reply;
}

static void hear_all(struct session *s, uint64_t now_us, struct span bytes)
{
	const struct smtp_reply_bounds bounds = { .lines_max = s->smtp->conf.reply_lines_max,
		                                  .bytes_max = s->smtp->conf.reply_bytes_max };
	bool was_at_rest = is_at_rest(s), has_heard = false;
	struct smtp_reply *reply = take_reply(s);

	while (s->end == SESSION_LIVES) {
		switch (smtp_reply_take(reply, &bounds, &bytes)) {
		case SMTP_REPLY_MORE:
			if (reply->n_bytes > 0 && !session_try_keep_reply(s, reply)) {
				session_end(s, now_us, SESSION_END_FIN, DP_WHY_NO_ROOM);
				return;
			}
			/* A reply begins the patience for the next; a goodbye that has begun must
			 * end too.
			 */
			if (has_heard || (was_at_rest && !is_at_rest(s)))
				expect(s, now_us);
			return;
		case SMTP_REPLY_LINE:
			note_line(s, reply);
			break;
		case SMTP_REPLY_END:
			note_line(s, reply);
			if (s->step != DP_STEP_STARTTLS || bytes.bytes == 0) {
				hear(s, now_us, reply);
				smtp_reply_reset(reply);
				has_heard = true;
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
	if (s->end == SESSION_LIVES)
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
		if (!drained && s->has_heard_flight)
			s->learnt |= DP_KNOWN_NO_PIPELINING; /* fewer answers than commands */
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
	s->step = DP_STEP_BANNER;
	s->is_asked = true;
	if (s->is_implicit) {
		s->is_asked = false;
		session_start_tls(s, now_us);
	}
	expect(s, now_us);
	arm(s, now_us, false);
}

void session_begin(struct session *s, uint64_t now_us)
{
	s->began_us = now_us;
	s->step = DP_STEP_CONNECT;
	expect(s, now_us);
	arm(s, now_us, false);
}
