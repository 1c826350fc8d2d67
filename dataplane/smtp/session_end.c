/* session_end.c - what becomes of jobs and sessions: verdicts, and the end. */
#include <assert.h>
#include <stdio.h>

#include "dataplane/smtp/session.h"

void session_emit(struct session *s, uint64_t now_us, struct dp_evt *evt)
{
	evt->conn = s->conn;
	evt->handle = s->handle;
	evt->at_us = now_us;
	s->smtp->conf.emit(s->smtp->conf.emit_ctx, evt);
}

static void put_reply(struct dp_evt *evt, const struct smtp_reply *reply)
{
	uint32_t kept = reply->text_bytes < DP_TEXT_MAX ? reply->text_bytes : DP_TEXT_MAX;

	evt->code = reply->code;
	memcpy(evt->enhanced, reply->enhanced, sizeof(evt->enhanced));
	evt->text_bytes = reply->text_bytes < UINT16_MAX ? (uint16_t)reply->text_bytes : UINT16_MAX;
	memcpy(evt->text, reply->text, kept);
}

bool session_has_open_rcpts(const struct session *s)
{
	for (uint16_t i = 0; i < session_job(s)->n_rcpts; i++) {
		if (s->verdicts[i].kind == 0)
			return true;
	}
	return false;
}

/* How far a refusal reaches. 421 says that the host takes nothing now, unless it has just shown on
 * this session that it does: then it has only had enough of the session.
 */
static enum dp_reach reach_of(const struct session *s, const struct smtp_reply *reply)
{
	enum dp_step step = s->recv.step;

	if (reply->code == 421 && (step == DP_STEP_MAIL || step == DP_STEP_DATA))
		return s->has_settled_jobs ? DP_REACH_MESSAGE : DP_REACH_HOST;
	return smtp_steps[step].reach;
}

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
	case DP_OUT_GATED:
		count(&c->smtp_not_tried);
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

void session_end(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why)
{
	assert(end != SESSION_LIVES);
	if (s->end != SESSION_LIVES)
		return;
	s->end_step = s->recv.step;
	if (s->has_job && s->recv.step == DP_STEP_DOT && !s->is_dotted)
		s->end_step = DP_STEP_BODY;
	s->end = (uint8_t)end;
	s->why = (uint8_t)why;
	if (s->has_job) {
		/* RFC 1047: once the dot is out only the reply says whether the server has it. */
		session_judge_all(s, now_us, s->is_dotted ? DP_OUT_UNCONFIRMED : DP_OUT_NOT_TRIED,
		                  NULL);
		session_settle(s, now_us);
	}
	session_return_jobs(s, now_us, why);
	s->end_reach = (uint8_t)end_reach(s);
	s->n_due = 0;
	s->said_cut = 0;
	s->send = s->recv = (struct cursor){ .step = DP_STEP_QUIT };
}

void session_end_by_reply(struct session *s, uint64_t now_us)
{
	s->ended_by_reply = true;
	session_end(s, now_us, s->reply.code == 421 ? SESSION_END_FIN : SESSION_END_QUIT,
	            DP_WHY_REPLY);
}

void session_end_by_tls(struct session *s, uint64_t now_us, const char *text)
{
	if (s->end != SESSION_LIVES)
		return;
	smtp_reply_reset(&s->reply);
	s->reply.text_bytes =
	    (uint32_t)snprintf(s->reply.text, sizeof(s->reply.text), "TLS: %s", text);
	s->ended_by_reply = true;
	session_end(s, now_us, s->tls == NULL ? SESSION_END_QUIT : SESSION_END_FIN, DP_WHY_TLS);
}

void session_emit_closed(struct session *s, uint64_t now_us)
{
	struct dp_evt evt = {
		.kind = DP_EVT_CLOSED, .reach = s->end_reach, .step = s->end_step, .why = s->why
	};

	assert(s->end != SESSION_LIVES && s->n_jobs == 0);
	if (s->ended_by_reply)
		put_reply(&evt, &s->reply);
	session_emit(s, now_us, &evt);
}
