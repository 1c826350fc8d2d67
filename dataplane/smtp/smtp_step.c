/* smtp_step.c - what is said at each step of a session and what the answer does to it. */
#include <assert.h>
#include <stdio.h>

#include "dataplane/smtp/session.h"

enum {
	COMMAND_BYTES = 512 + DP_ADDRESS_MAX, /* the longest we make: 11 + 320 + 45 */
};

/* Hands a command to TCP. It is made again, the same, when only a part of it was taken: that costs
 * no memory in the many sessions where everything fits.
 */
static bool say_text(struct session *s, uint64_t now_us, const char *text, size_t bytes)
{
	size_t took;

	assert(s->said_cut < bytes);
	took = wire_write(s, now_us, span_of(text + s->said_cut, bytes - s->said_cut));
	assert(took <= bytes - s->said_cut);
	s->said_cut += (uint16_t)took;
	if (s->said_cut < bytes)
		return false;
	s->said_cut = 0;
	return true;
}

static bool say_line(struct session *s, uint64_t now_us, const char *line)
{
	return say_text(s, now_us, line, strlen(line));
}

static bool say_greeting(struct session *s, uint64_t now_us, const char *verb)
{
	char line[COMMAND_BYTES];
	int n = snprintf(line, sizeof(line), "%s %s\r\n", verb, s->smtp->conf.helos[s->source]);

	assert(n > 0 && (size_t)n < sizeof(line)); /* the name is at most 255 bytes, see dp_msg.h */
	return say_text(s, now_us, line, (size_t)n);
}

static bool say_ehlo(struct session *s, uint64_t now_us)
{
	return say_greeting(s, now_us, "EHLO");
}

static bool say_helo(struct session *s, uint64_t now_us)
{
	return say_greeting(s, now_us, "HELO");
}

static bool say_starttls(struct session *s, uint64_t now_us)
{
	return say_line(s, now_us, "STARTTLS\r\n");
}

/* RFC 5321 4.1.1.2; parameters by RFC 1870 6, RFC 6152 2, RFC 6531 3.4. */
static bool say_mail(struct session *s, uint64_t now_us)
{
	const struct dp_job *job = session_job(s);
	char line[COMMAND_BYTES], size[24] = "";
	int n;

	if (s->caps.size)
		snprintf(size, sizeof(size), " SIZE=%u", job->size_bytes);
	n = snprintf(line, sizeof(line), "MAIL FROM:<%.*s>%s%s%s\r\n", (int)job->mail_from.bytes,
	             (const char *)job->mail_from.at, size,
	             job->needs_8bit && s->caps.eightbit ? " BODY=8BITMIME" : "",
	             job->needs_smtputf8 && s->caps.smtputf8 ? " SMTPUTF8" : "");
	assert(n > 0 && (size_t)n < sizeof(line)); /* addresses were bounded in smtp_submit() */
	if (s->mail_us == 0) {
		s->mail_us = now_us;
		s->n_messages++;
		count(&s->smtp->conf.counters->smtp_messages);
	}
	return say_text(s, now_us, line, (size_t)n);
}

static bool say_rcpt(struct session *s, uint64_t now_us)
{
	const struct span *to = &session_job(s)->rcpts[s->send.rcpt].address;
	char line[COMMAND_BYTES];
	int n = snprintf(line, sizeof(line), "RCPT TO:<%.*s>\r\n", (int)to->bytes,
	                 (const char *)to->at);

	assert(n > 0 && (size_t)n < sizeof(line));
	return say_text(s, now_us, line, (size_t)n);
}

static bool say_data(struct session *s, uint64_t now_us)
{
	return say_line(s, now_us, "DATA\r\n");
}

/* Nothing is said when the server asks for a body that has no recipient: only the lone dot
 * follows (RFC 2920 3.1).
 */
static bool say_body(struct session *s, uint64_t now_us)
{
	const struct dp_job *job = session_job(s);
	struct dp_evt taken = { .kind = DP_EVT_BODY_TAKEN, .message = job->message };

	if (!session_has_open_rcpts(s))
		return true;
	while (!smtp_body_is_done(&s->body, job)) {
		uint8_t *at;
		size_t room = wire_write_start(s, now_us, &at);

		if (room == 0)
			return false;
		wire_write_done(s, now_us, smtp_body_copy(&s->body, job, at, room));
	}
	session_emit(s, now_us, &taken);
	return true;
}

static bool say_dot(struct session *s, uint64_t now_us)
{
	s->is_dotted = say_line(s, now_us, s->body.line_open ? "\r\n.\r\n" : ".\r\n");
	return s->is_dotted;
}

static bool say_rset(struct session *s, uint64_t now_us)
{
	return say_line(s, now_us, "RSET\r\n");
}

static bool say_quit(struct session *s, uint64_t now_us)
{
	s->has_quit = say_line(s, now_us, "QUIT\r\n");
	return s->has_quit;
}

static bool is_good(const struct smtp_reply *reply)
{
	return reply->code / 100 == 2;
}

static bool is_refusal(const struct smtp_reply *reply)
{
	return reply->code / 100 == 4 || reply->code / 100 == 5;
}

/* A reply that has no place here: we and the server are out of step (RFC 5321 4.3.2). */
static void hear_nonsense(struct session *s, uint64_t now_us)
{
	count(&s->smtp->conf.counters->smtp_protocol_errors);
	s->ended_by_reply = true;
	session_end(s, now_us, SESSION_END_FIN, DP_WHY_PROTOCOL);
}

/* RFC 5321 3.1, 4.2: 220, or the host takes no mail (554, 421, 521 of RFC 7504). A run of asterisks
 * is a firewall that hides what it does not know: it answers no EHLO, so HELO is said at once.
 */
static void hear_banner(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	size_t kept = reply->text_bytes < DP_TEXT_MAX ? reply->text_bytes : DP_TEXT_MAX;

	if (is_refusal(reply))
		session_end_by_reply(s, now_us);
	else if (reply->code != 220)
		hear_nonsense(s, now_us);
	else if (memmem(reply->text, kept, "****", 4) != NULL)
		s->send.step = s->recv.step = DP_STEP_HELO;
	else
		s->send.step = s->recv.step = DP_STEP_EHLO;
}

/* 50z says that the command is not known (RFC 5321 4.2.1, 4.1.1.1): HELO then, without extensions.
 */
static void hear_ehlo(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code / 10 == 50) {
		s->caps = (struct smtp_caps){ .size = false };
		s->send.step = s->recv.step = DP_STEP_HELO;
	} else if (is_refusal(reply)) {
		session_end_by_reply(s, now_us);
	} else if (reply->code != 250) {
		hear_nonsense(s, now_us);
	} else {
		session_greeted(s, now_us);
	}
}

static void hear_helo(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	s->caps = (struct smtp_caps){ .size = false };
	if (is_refusal(reply))
		session_end_by_reply(s, now_us);
	else if (reply->code != 250)
		hear_nonsense(s, now_us);
	else
		session_greeted(s, now_us);
}

/* RFC 3207 4. Who only would have liked TLS goes on without it. */
static void hear_starttls(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 220)
		session_start_tls(s, now_us);
	else if (!is_refusal(reply))
		hear_nonsense(s, now_us);
	else if (s->policy >= DP_TLS_ENCRYPT || reply->code == 421)
		session_end_by_reply(s, now_us);
	else
		session_ready(s, now_us);
}

static void hear_mail(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (is_refusal(reply))
		session_judge_all(s, now_us, DP_OUT_REFUSED, reply);
	else if (!is_good(reply))
		hear_nonsense(s, now_us);
	s->needs_rset = true;
}

/* 251 and 252 are acceptance (RFC 5321 3.4, 3.5.3). After a refused MAIL every RCPT is refused too;
 * its recipients have their verdicts already.
 */
static void hear_rcpt(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (is_refusal(reply))
		session_judge(s, now_us, s->recv.rcpt, DP_OUT_REFUSED, reply);
	else if (!is_good(reply))
		hear_nonsense(s, now_us);
}

/* When all recipients were refused DATA may be answered either way (RFC 2920 3.1); the verdicts
 * stay those of RCPT.
 */
static void hear_data(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 354)
		s->is_body_due = true;
	else if (is_refusal(reply))
		session_judge_all(s, now_us, DP_OUT_REFUSED, reply);
	else
		hear_nonsense(s, now_us);
}

/* A reply before our dot is out cannot be about the message. A refusal is believed, since the
 * server will not take the rest; but the body cannot be ended without offering a torn message, so
 * the connection is.
 */
static void hear_early(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (!is_refusal(reply)) {
		hear_nonsense(s, now_us);
		return;
	}
	if (reply->code != 421)
		session_judge_all(s, now_us, DP_OUT_REFUSED, reply);
	s->ended_by_reply = true;
	session_end(s, now_us, SESSION_END_FIN, DP_WHY_REPLY);
}

/* RFC 5321 4.2.5: with 2yz the server has the message. */
static void hear_dot(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (!s->is_dotted)
		hear_early(s, now_us, reply);
	else if (is_good(reply))
		session_judge_all(s, now_us, DP_OUT_DELIVERED, reply);
	else if (is_refusal(reply))
		session_judge_all(s, now_us, DP_OUT_REFUSED, reply);
	else
		hear_nonsense(s, now_us);
	s->is_body_due = false;
	s->needs_rset = false;
}

static void hear_rset(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (!is_good(reply)) {
		s->ended_by_reply = true;
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_REPLY);
	}
	s->needs_rset = false;
}

/* Nothing was asked: a 421 says goodbye (RFC 5321 3.8), all else is out of step. */
static void hear_idle(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 421)
		session_end_by_reply(s, now_us);
	else
		hear_nonsense(s, now_us);
}

#define PATIENCE(field) offsetof(struct dp_times, field)

/* clang-format off */
const struct smtp_step smtp_steps[DP_N_STEPS] = {
	/*                   say        hear         reach               pipelined patience */
	[DP_STEP_CONNECT] = { NULL,     NULL,        DP_REACH_HOST,      false, PATIENCE(connect_ms) },
	[DP_STEP_BANNER]  = { NULL,     hear_banner, DP_REACH_HOST,      false, PATIENCE(banner_ms) },
	[DP_STEP_EHLO]    = { say_ehlo, hear_ehlo,   DP_REACH_HOST,      false, PATIENCE(ehlo_ms) },
	[DP_STEP_HELO]    = { say_helo, hear_helo,   DP_REACH_HOST,      false, PATIENCE(ehlo_ms) },
	[DP_STEP_MAIL]    = { say_mail, hear_mail,   DP_REACH_MESSAGE,   true,  PATIENCE(mail_ms) },
	[DP_STEP_RCPT]    = { say_rcpt, hear_rcpt,   DP_REACH_RECIPIENT, true,  PATIENCE(rcpt_ms) },
	[DP_STEP_DATA]    = { say_data, hear_data,   DP_REACH_MESSAGE,   false, PATIENCE(data_ms) },
	[DP_STEP_BODY]    = { say_body, NULL,        DP_REACH_NONE,      true,  PATIENCE(body_ms) },
	[DP_STEP_DOT]     = { say_dot,  hear_dot,    DP_REACH_MESSAGE,   false, PATIENCE(dot_ms) },
	[DP_STEP_RSET]    = { say_rset, hear_rset,   DP_REACH_HOST,      true,  PATIENCE(rset_ms) },
	[DP_STEP_IDLE]    = { NULL,     hear_idle,   DP_REACH_HOST,      false, PATIENCE(rset_ms) },
	[DP_STEP_STARTTLS] = { say_starttls, hear_starttls, DP_REACH_HOST, false, PATIENCE(ehlo_ms) },
	[DP_STEP_TLS]     = { NULL,     NULL,        DP_REACH_HOST,      false, PATIENCE(ehlo_ms) },
	[DP_STEP_QUIT]    = { say_quit, NULL,        DP_REACH_NONE,      false, PATIENCE(quit_ms) },
};
/* clang-format on */
static_assert(sizeof(smtp_steps) / sizeof(smtp_steps[0]) == DP_N_STEPS, "one row per step");
