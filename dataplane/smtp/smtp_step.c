/* smtp_step.c - the table of steps; what is said outside of transactions and what the answer does.
 */
#include <stdio.h>

#include "dataplane/smtp/txn.h"

enum {
	GREETING_BYTES = 8 + DP_HELO_BYTES,
};

static bool say_greeting(struct session *s, uint64_t now_us, const char *verb)
{
	char line[GREETING_BYTES];
	int n = snprintf(line, sizeof(line), "%s %s\r\n", verb, s->smtp->conf.helos[s->source]);

	assert(n > 0 && (size_t)n < sizeof(line)); /* the name is at most 255 bytes, see dp_msg.h */
	return session_say(s, now_us, line, (size_t)n);
}

static bool say_ehlo(struct session *s, uint64_t now_us)
{
	return say_greeting(s, now_us, s->is_lmtp ? "LHLO" : "EHLO"); /* RFC 2033 4.1 */
}

static bool say_helo(struct session *s, uint64_t now_us)
{
	return say_greeting(s, now_us, "HELO");
}

static bool say_starttls(struct session *s, uint64_t now_us)
{
	return session_say_line(s, now_us, "STARTTLS\r\n");
}

static bool say_quit(struct session *s, uint64_t now_us)
{
	s->has_quit = session_say_line(s, now_us, "QUIT\r\n");
	return s->has_quit;
}

/* RFC 5321 3.1, 4.2: 220, or the host takes no mail (554, 421, 521 of RFC 7504). A run of asterisks
 * is a firewall that hides what it does not know: it answers no EHLO, so HELO is said at once.
 */
static void hear_banner(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	size_t kept = reply->text_bytes < DP_TEXT_MAX ? reply->text_bytes : DP_TEXT_MAX;

	if (is_refusal(reply))
		session_end_by_reply(s, now_us, reply);
	else if (reply->code != 220)
		session_end_by_nonsense(s, now_us, reply);
	else if (!s->is_lmtp && memmem(reply->text, kept, "****", 4) != NULL)
		s->step = DP_STEP_HELO;
	else
		s->step = DP_STEP_EHLO;
}

/* 50z says that the command is not known (RFC 5321 4.2.1, 4.1.1.1): HELO then, without extensions.
 */
static void hear_ehlo(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code / 10 == 50 && !s->is_lmtp) {
		s->caps = (struct smtp_caps){ .size = false };
		s->step = DP_STEP_HELO;
	} else if (is_refusal(reply)) {
		session_end_by_reply(s, now_us, reply);
	} else if (reply->code != 250) {
		session_end_by_nonsense(s, now_us, reply);
	} else {
		session_greeted(s, now_us, reply);
	}
}

static void hear_helo(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	s->caps = (struct smtp_caps){ .size = false };
	if (is_refusal(reply))
		session_end_by_reply(s, now_us, reply);
	else if (reply->code != 250)
		session_end_by_nonsense(s, now_us, reply);
	else
		session_greeted(s, now_us, reply);
}

/* RFC 3207 4. Who only would have liked TLS goes on without it. */
static void hear_starttls(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 220)
		session_start_tls(s, now_us);
	else if (!is_refusal(reply))
		session_end_by_nonsense(s, now_us, reply);
	else if (s->policy >= DP_TLS_ENCRYPT || reply->code == 421)
		session_end_by_reply(s, now_us, reply);
	else if (session_expects_tls(s))
		session_end_by_gone(s, now_us, reply);
	else
		session_authenticate(s, now_us, reply);
}

/* Nothing was asked: a 421 says goodbye (RFC 5321 3.8), all else is out of step. */
static void hear_idle(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 421)
		session_end_by_reply(s, now_us, reply);
	else if (s->has_pipelined)
		s->learnt |= DP_KNOWN_NO_PIPELINING; /* it answers more than it was asked */
	if (s->end == SESSION_LIVES)
		session_end_by_nonsense(s, now_us, reply);
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
	[DP_STEP_DOT]     = { say_dot,  hear_dot,    DP_REACH_MESSAGE,   true,  PATIENCE(dot_ms) },
	[DP_STEP_BDAT]    = { say_bdat, hear_bdat,   DP_REACH_MESSAGE,   true,  PATIENCE(dot_ms) },
	[DP_STEP_RSET]    = { say_rset, hear_rset,   DP_REACH_HOST,      true,  PATIENCE(rset_ms) },
	[DP_STEP_IDLE]    = { NULL,     hear_idle,   DP_REACH_HOST,      false, PATIENCE(rset_ms) },
	[DP_STEP_STARTTLS] = { say_starttls, hear_starttls, DP_REACH_HOST, false, PATIENCE(ehlo_ms) },
	[DP_STEP_AUTH]    = { say_auth, hear_auth,   DP_REACH_HOST,      false, PATIENCE(ehlo_ms) },
	[DP_STEP_TLS]     = { NULL,     NULL,        DP_REACH_HOST,      false, PATIENCE(ehlo_ms) },
	[DP_STEP_QUIT]    = { say_quit, NULL,        DP_REACH_NONE,      false, PATIENCE(quit_ms) },
};
/* clang-format on */
static_assert(sizeof(smtp_steps) / sizeof(smtp_steps[0]) == DP_N_STEPS, "one row per step");
