/* session_auth.c - AUTH in a session (RFC 4954): whether the host may be told who we are, and what
 * its answers do.
 */
#include <stdio.h>

#include "dataplane/smtp/auth.h"
#include "dataplane/smtp/session.h"

enum { ROUNDS_MAX = 4 }; /* lines of ours in one exchange */

static const struct smtp_credential *credential_of(const struct session *s)
{
	return s->credential == 0 ? NULL : s->smtp->credentials[s->credential - 1];
}

static void end_without(struct session *s, uint64_t now_us, const char *why)
{
	struct smtp_reply told = { .code = 0 };

	told.text_bytes = (uint32_t)snprintf(told.text, sizeof(told.text), "AUTH: %s", why);
	count(&s->smtp->conf.counters->smtp_auth_failed);
	session_end_with(s, now_us, SESSION_END_QUIT, DP_WHY_AUTH, &told);
}

/* RFC 4954 4: a secret for reading is told only to whom it is meant for, and nobody else hears it.
 */
void session_authenticate(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	const struct smtp_credential *c = credential_of(s);

	if (s->credential == 0) {
		session_ready(s, now_us, reply);
		return;
	}
	if (!session_is_verified(s) && !s->auth_in_clear) {
		end_without(s, now_us, "the host's name is not verified by TLS");
		return;
	}
	if (c == NULL) {
		end_without(s, now_us, "the secret could not be read");
		return;
	}
	s->auth = (uint8_t)auth_choose(c, s->caps.auth);
	if (s->auth == DP_AUTH_AUTO) {
		end_without(s, now_us, "the host offers no mechanism that fits");
		return;
	}
	s->auth_round = 0;
	s->step = DP_STEP_AUTH;
}

/* True when the secret was replaced while it was being told: half of the one and half of the other
 * is neither.
 */
static bool is_replaced(const struct session *s)
{
	return s->auth_turn != s->smtp->credential_turns;
}

bool say_auth(struct session *s, uint64_t now_us)
{
	const struct smtp_credential *c = credential_of(s);
	char line[AUTH_BYTES];
	size_t bytes = 0;
	bool said;

	if (s->auth_round == 0 && s->said_cut == 0)
		s->auth_turn = s->smtp->credential_turns;
	if (is_replaced(s) || c == NULL) {
		session_end(s, now_us, SESSION_END_FIN, DP_WHY_AUTH);
		return false;
	}
	bytes = auth_line(c, (enum dp_auth)s->auth, s->auth_round, line);
	if (bytes == 0) /* it asks for more than there is */
		bytes = (size_t)snprintf(line, sizeof(line), "*\r\n");
	said = session_say(s, now_us, line, bytes);
	wire_wipe(s, now_us);
	explicit_bzero(line, sizeof(line));
	return said;
}

void session_hide_secret(const struct session *s, struct smtp_reply *reply)
{
	const struct smtp_credential *c = credential_of(s);
	size_t kept = reply->text_bytes < DP_TEXT_MAX ? reply->text_bytes : DP_TEXT_MAX;

	if (c == NULL || !auth_is_told(c, (enum dp_auth)s->auth, span_of(reply->text, kept)))
		return;
	explicit_bzero(reply->text, sizeof(reply->text));
	reply->text_bytes =
	    (uint32_t)snprintf(reply->text, sizeof(reply->text), "(the reply repeats the secret)");
}

void hear_auth(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (reply->code == 334 && ++s->auth_round < ROUNDS_MAX)
		return; /* said again, the next line */
	if (reply->code == 235) {
		session_ready(s, now_us, reply);
		return;
	}
	count(&s->smtp->conf.counters->smtp_auth_failed);
	if (is_refusal(reply))
		session_end_with(s, now_us, reply->code == 421 ? SESSION_END_FIN : SESSION_END_QUIT,
		                 DP_WHY_AUTH, reply);
	else
		session_end_by_nonsense(s, now_us, reply);
}
