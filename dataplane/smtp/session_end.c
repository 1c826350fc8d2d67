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

/* clang-format off */
const struct reach_rule smtp_reaches[SMTP_REACHES] = {
	/* RFC 4954 6: what we are, or how we came, and no word on message or recipient. */
	{ 530, DP_N_STEPS,   REACH_ALWAYS,       DP_REACH_HOST },
	{ 534, DP_N_STEPS,   REACH_ALWAYS,       DP_REACH_HOST },
	{ 535, DP_N_STEPS,   REACH_ALWAYS,       DP_REACH_HOST },
	{ 538, DP_N_STEPS,   REACH_ALWAYS,       DP_REACH_HOST },
	/* RFC 2033 4.2: one reply a recipient. */
	{ 0,   DP_STEP_DOT,  REACH_IN_LMTP,      DP_REACH_RECIPIENT },
	{ 0,   DP_STEP_BDAT, REACH_IN_LMTP,      DP_REACH_RECIPIENT },
	/* The host takes nothing now, unless it has just shown on this session that it does: then it
	 * has only had enough of the session. */
	{ 421, DP_STEP_MAIL, REACH_ONCE_SETTLED, DP_REACH_MESSAGE },
	{ 421, DP_STEP_DATA, REACH_ONCE_SETTLED, DP_REACH_MESSAGE },
	{ 421, DP_STEP_MAIL, REACH_ALWAYS,       DP_REACH_HOST },
	{ 421, DP_STEP_DATA, REACH_ALWAYS,       DP_REACH_HOST },
};
/* clang-format on */

enum dp_reach session_reach(const struct session *s, enum dp_step step, uint16_t code)
{
	const bool now[] = { [REACH_ALWAYS] = true,
		             [REACH_IN_LMTP] = s->is_lmtp,
		             [REACH_ONCE_SETTLED] = s->has_settled_jobs };

	for (size_t i = 0; i < SMTP_REACHES; i++) {
		const struct reach_rule *r = &smtp_reaches[i];

		if ((r->code == 0 || r->code == code) &&
		    (r->step == DP_N_STEPS || r->step == step) && now[r->when])
			return (enum dp_reach)r->reach;
	}
	return smtp_steps[step].reach;
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
	if (session_try_keep_reply(s, reply)) /* else the code must do */
		session_hide_secret(s, pool_at(&s->smtp->replies, s->reply));
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

/* RFC 3207 6: who stands between may take STARTTLS out of the answer, or refuse it for the host. */
void session_end_by_gone(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	count(&s->smtp->conf.counters->smtp_tls_gone);
	if (reply != NULL)
		session_end_with(s, now_us, SESSION_END_QUIT, DP_WHY_TLS_GONE, reply);
	else
		session_end(s, now_us, SESSION_END_QUIT, DP_WHY_TLS_GONE);
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
