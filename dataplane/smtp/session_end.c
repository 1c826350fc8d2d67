/* session_end.c - events of a session, how far trouble reaches, and the end. */
#include <stdio.h>

#include "dataplane/smtp/txn.h"

void session_emit(struct session *s, uint64_t now_us, struct dp_evt *evt)
{
	evt->conn = s->conn;
	evt->handle = s->handle;
	evt->at_us = now_us;
	evt->learnt = s->learnt;
	evt->rcpts_max = s->caps.rcpts_max;
	evt->mail_max = s->caps.mail_max;
	evt->domains_max = s->caps.domains_max;
	s->smtp->conf.emit(s->smtp->conf.emit_ctx, evt);
}

void evt_put_reply(struct dp_evt *evt, const struct smtp_reply *reply)
{
	uint32_t kept = reply->text_bytes < DP_TEXT_MAX ? reply->text_bytes : DP_TEXT_MAX;

	evt->code = reply->code;
	memcpy(evt->enhanced, reply->enhanced, sizeof(evt->enhanced));
	evt->text_bytes = reply->text_bytes < UINT16_MAX ? (uint16_t)reply->text_bytes : UINT16_MAX;
	memcpy(evt->text, reply->text, kept);
}

bool session_try_keep_reply(struct session *s, const struct smtp_reply *reply)
{
	s->reply = pool_try_get(&s->smtp->replies);
	if (s->reply == POOL_NONE) {
		count(&s->smtp->conf.counters->smtp_no_slot);
		return false;
	}
	*(struct smtp_reply *)pool_at(&s->smtp->replies, s->reply) = *reply;
	return true;
}

void session_put_reply(struct session *s)
{
	if (s->reply != POOL_NONE)
		pool_put(&s->smtp->replies, s->reply);
	s->reply = POOL_NONE;
}

void session_put_name(struct session *s)
{
	if (s->name != POOL_NONE)
		pool_put(&s->smtp->names, s->name);
	s->name = POOL_NONE;
}

/* 421 says that the host takes nothing now, unless it has just shown on this session that it does:
 * then it has only had enough of the session.
 */
enum dp_reach session_reach(const struct session *s, enum dp_step step, uint16_t code)
{
	if (code == 421 && (step == DP_STEP_MAIL || step == DP_STEP_DATA))
		return s->has_settled_jobs ? DP_REACH_MESSAGE : DP_REACH_HOST;
	return smtp_steps[step].reach;
}

<<<<<<< HEAD
void session_judge(struct session *s, uint64_t now_us, uint16_t rcpt, enum dp_outcome outcome,
                   const struct smtp_reply *reply)
{
	struct dp_evt *v = &s->verdicts[rcpt];

	assert(s->has_job && rcpt < session_job(s)->n_rcpts);
	if (v->kind != 0)
		return;
	memset(v, 0, sizeof(*v));
	v->kind = DP_EVT_RCPT;
	v->outcome = (uint8_t)outcome;
	v->message = session_job(s)->message;
	v->rcpt = rcpt;
	v->step = s->end != SESSION_LIVES ? s->end_step : s->recv.step;
	v->took_us = s->mail_us == 0 ? 0 : (uint32_t)(now_us - s->mail_us);
	if (reply != NULL)
		put_reply(v, reply);
	if (outcome == DP_OUT_REFUSED)
		v->reach = (uint8_t)reach_of(s, reply);
	if (outcome == DP_OUT_NOT_TRIED || outcome == DP_OUT_UNCONFIRMED)
		v->why = s->why;
}

void session_judge_all(struct session *s, uint64_t now_us, enum dp_outcome outcome,
                       const struct smtp_reply *reply)
{
	for (uint16_t i = 0; i < session_job(s)->n_rcpts; i++)
		session_judge(s, now_us, i, outcome, reply);
}

static void count_verdict(struct session *s, const struct dp_evt *v)
{
	struct dp_counters *c = s->smtp->conf.counters;

	switch ((enum dp_outcome)v->outcome) {
	case DP_OUT_DELIVERED:
		count(&c->smtp_delivered);
		break;
	case DP_OUT_REFUSED:
		count(v->code / 100 == 4 ? &c->smtp_refused_4yz : &c->smtp_refused_5yz);
		break;
	case DP_OUT_UNCONFIRMED:
		count(&c->smtp_unconfirmed);
		break;
	case DP_OUT_NOT_TRIED:
		count(&c->smtp_not_tried);
		break;
	case DP_OUT_GATED: /* counted there */
		break;
	}
	if (v->outcome == DP_OUT_DELIVERED || (v->outcome == DP_OUT_REFUSED && v->code != 421))
		s->has_settled_jobs = true;
}

void session_settle(struct session *s, uint64_t now_us)
{
	uint16_t n = session_job(s)->n_rcpts;

	assert(s->has_job && !session_has_open_rcpts(s));
	s->has_job = s->is_dotted = s->is_body_due = false;
	s->mail_us = 0;
	s->job_first = (uint8_t)((s->job_first + 1) % DP_JOBS_PER_CONN);
	s->n_jobs--;
	s->send = s->recv = (struct cursor){ .step = DP_STEP_IDLE };
	for (uint16_t i = 0; i < n; i++) {
		count_verdict(s, &s->verdicts[i]);
		session_emit(s, now_us, &s->verdicts[i]);
		s->verdicts[i].kind = 0;
	}
}

void smtp_emit_not_tried(struct smtp *smtp, const struct session *s, uint64_t now_us,
                         const struct dp_job *job, enum dp_why why)
{
	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		struct dp_evt evt = { .kind = DP_EVT_RCPT,
			              .outcome = DP_OUT_NOT_TRIED,
			              .step = DP_STEP_IDLE,
			              .why = (uint8_t)why,
			              .rcpt = i,
			              .conn = s == NULL ? 0 : s->conn,
			              .message = job->message,
			              .handle = job->conn,
			              .at_us = now_us };

		count(&smtp->conf.counters->smtp_not_tried);
		smtp->conf.emit(smtp->conf.emit_ctx, &evt);
	}
}

void session_return_jobs(struct session *s, uint64_t now_us, enum dp_why why)
{
	uint8_t begun = s->has_job ? 1 : 0;

	for (uint8_t i = begun; i < s->n_jobs; i++)
		smtp_emit_not_tried(s->smtp, s, now_us,
		                    &s->jobs[(s->job_first + i) % DP_JOBS_PER_CONN], why);
	s->n_jobs = begun;
}

/* A message that this server is sure to refuse is not offered to it. */
static void refuse_here(struct session *s, uint64_t now_us, enum dp_step step, uint16_t code,
                        const uint8_t enhanced[3], const char *text)
{
	struct smtp_reply local = { .code = code };
	size_t bytes = strlen(text);

	assert(bytes <= DP_TEXT_MAX);
	memcpy(local.enhanced, enhanced, sizeof(local.enhanced));
	memcpy(local.text, text, bytes);
	local.text_bytes = (uint32_t)bytes;
	s->recv.step = (uint8_t)step;
	session_judge_all(s, now_us, DP_OUT_REFUSED, &local);
}

/* An address that would break out of its command line, or is not what the command can carry. */
static bool is_unfit(const struct session *s, struct span address)
{
	if (address.bytes > DP_ADDRESS_MAX)
		return true;
	for (size_t i = 0; i < address.bytes; i++) {
		uint8_t c = address.at[i];

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !session_job(s)->needs_smtputf8))
			return true;
	}
	return false;
}

void session_refuse_unfit(struct session *s, uint64_t now_us)
{
	const struct dp_job *job = session_job(s);
	char text[DP_TEXT_MAX];

	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		if (is_unfit(s, job->rcpts[i].address))
			refuse_here(s, now_us, DP_STEP_RCPT, 553, (const uint8_t[]){ 5, 1, 3 },
			            "recipient address cannot be said in SMTP");
	}
	if (is_unfit(s, job->mail_from))
		refuse_here(s, now_us, DP_STEP_MAIL, 553, (const uint8_t[]){ 5, 1, 7 },
		            "sender address cannot be said in SMTP");
	if (s->caps.size_max_bytes != 0 && job->size_bytes > s->caps.size_max_bytes) {
		/* RFC 1870 6 */
		snprintf(text, sizeof(text), "message of %u bytes, host takes %llu at most",
		         job->size_bytes, (unsigned long long)s->caps.size_max_bytes);
		refuse_here(s, now_us, DP_STEP_MAIL, 552, (const uint8_t[]){ 5, 3, 4 }, text);
	}
	if (job->needs_8bit && !s->caps.eightbit) /* RFC 6152 3 */
		refuse_here(s, now_us, DP_STEP_MAIL, 554, (const uint8_t[]){ 5, 6, 3 },
		            "host does not offer 8BITMIME");
	if (job->needs_smtputf8 && !s->caps.smtputf8) /* RFC 6531 3.1 */
		refuse_here(s, now_us, DP_STEP_MAIL, 554, (const uint8_t[]){ 5, 6, 7 },
		            "host does not offer SMTPUTF8");
	s->recv.step = DP_STEP_MAIL;
}

void session_pass_gate(struct session *s, uint64_t now_us)
{
	const struct smtp_conf *conf = &s->smtp->conf;
	struct dp_job *job = &s->jobs[s->job_first];
	struct dp_evt said = { .text_bytes = 0 };

	if (conf->gate == NULL || !session_has_open_rcpts(s) ||
	    conf->gate(conf->gate_ctx, job, &said))
		return;
	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		struct dp_evt *v = &s->verdicts[i];

		if (v->kind != 0)
			continue;
		session_judge(s, now_us, i, DP_OUT_GATED, NULL);
		v->gate = said.gate;
		v->gate_rule = said.gate_rule;
		v->text_bytes = said.text_bytes;
		memcpy(v->text, said.text, sizeof(v->text));
	}
}

=======
>>>>>>> main
/* Trouble before anything was settled is the host's; later it may be the message's, or chance. */
static enum dp_reach end_reach(const struct session *s)
{
	bool is_trouble = s->why != DP_WHY_QUIT && s->why != DP_WHY_SHUTDOWN;

	if (!is_trouble || s->has_settled_jobs)
		return DP_REACH_NONE;
	if (s->is_ready && !s->has_begun_jobs && s->why != DP_WHY_REPLY)
		return DP_REACH_NONE; /* it tired of an idle session */
	return DP_REACH_HOST;
}

/* Where it ends: at the step whose reply is being judged, else where it waits. */
static uint8_t end_step(const struct session *s)
{
	bool is_end = s->heard.step == DP_STEP_DOT || s->heard.step == DP_STEP_BDAT;
	const struct txn *t = txn_heard(s);

	if (!s->is_hearing)
		return session_step(s);
	return is_end && t != NULL && !t->is_whole ? (uint8_t)DP_STEP_BODY : s->heard.step;
}

void session_end(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why)
{
	assert(end != SESSION_LIVES);
	if (s->end != SESSION_LIVES)
		return;
	s->end_step = end_step(s);
	s->end = (uint8_t)end;
	s->why = (uint8_t)why;
	/* Behind a 421 nothing is read any more (RFC 5321 3.8). */
	txn_end_all(s, now_us, why, s->end_code == 421);
	s->end_reach = (uint8_t)end_reach(s);
	s->is_asked = false;
	s->said_cut = 0;
	s->step = DP_STEP_QUIT;
	session_put_name(s);
	if (!s->ended_by_reply)
		session_put_reply(s);
}

void session_end_with(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why,
                      const struct smtp_reply *reply)
{
	if (s->end != SESSION_LIVES)
		return;
	session_put_reply(s);
	s->ended_by_reply = true;
	s->end_code = reply->code;
	(void)session_try_keep_reply(s, reply); /* else the code must do */
	session_end(s, now_us, end, why);
}

void session_end_by_reply(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	session_end_with(s, now_us, reply->code == 421 ? SESSION_END_FIN : SESSION_END_QUIT,
	                 DP_WHY_REPLY, reply);
}

void session_end_by_nonsense(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	count(&s->smtp->conf.counters->smtp_protocol_errors);
	session_end_with(s, now_us, SESSION_END_FIN, DP_WHY_PROTOCOL, reply);
}

void session_end_by_tls(struct session *s, uint64_t now_us, const char *text)
{
	struct smtp_reply told = { .code = 0 };

	told.text_bytes = (uint32_t)snprintf(told.text, sizeof(told.text), "TLS: %s", text);
	session_end_with(s, now_us, s->tls == NULL ? SESSION_END_QUIT : SESSION_END_FIN, DP_WHY_TLS,
	                 &told);
}

void session_emit_closed(struct session *s, uint64_t now_us)
{
	struct dp_evt evt = { .kind = DP_EVT_CLOSED,
		              .reach = s->end_reach,
		              .step = s->end_step,
		              .why = s->why,
		              .code = s->end_code };

	assert(s->end != SESSION_LIVES && s->n_jobs == 0);
	if (s->ended_by_reply && s->reply != POOL_NONE)
		evt_put_reply(&evt, pool_at(&s->smtp->replies, s->reply));
	session_emit(s, now_us, &evt);
}
