/* bounce.c - the rules, first match wins: by reach and basic code first, then by enhanced code,
 * since servers send enhanced codes that contradict the basic one.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "control/bounce/bounce.h"

enum {
	ANY = -1,
	NOWHERE = -2,
};

struct rule {
	int outcome;            /* enum dp_outcome */
	int reach;              /* enum dp_reach, or ANY */
	int step;               /* enum dp_step, or ANY */
	int code_min, code_max; /* ANY in code_min: every code */
	int subject, detail;    /* of the enhanced code, or ANY */
	int attempts_max;       /* spent before, at most; ANY: however many */
	struct verdict verdict;
};

#define DELIVERED(...)                                                                             \
	{                                                                                          \
		.state = RCPT_DELIVERED, .counts_attempt = 1, __VA_ARGS__                          \
	}
#define AGAIN(about_, ...)                                                                         \
	{                                                                                          \
		.state = RCPT_DEFERRED, .about = BOUNCE_ABOUT_##about_, __VA_ARGS__                \
	}
#define LATER(about_, ...)                                                                         \
	{                                                                                          \
		.state = RCPT_DEFERRED, .counts_attempt = 1, .about = BOUNCE_ABOUT_##about_,       \
		__VA_ARGS__                                                                        \
	}
#define NEVER(about_)                                                                              \
	{                                                                                          \
		.state = RCPT_BOUNCED, .counts_attempt = 1, .about = BOUNCE_ABOUT_##about_         \
	}

/* clang-format off */
static const struct rule rules[] = {
	/* outcome             reach                step           code     enhanced tries  verdict */
	{ DP_OUT_DELIVERED,    ANY,                 ANY,           ANY, 0,   ANY, ANY, ANY, DELIVERED(.now = 0) },

	/* RFC 1047: it may have arrived. One more try is worth a rare duplicate, a second is not. */
	{ DP_OUT_UNCONFIRMED,  ANY,                 ANY,           ANY, 0,   ANY, ANY, 0,   LATER(NOTHING, .end_session = 1) },
	{ DP_OUT_UNCONFIRMED,  ANY,                 ANY,           ANY, 0,   ANY, ANY, ANY,
	  { .state = RCPT_UNCONFIRMED, .counts_attempt = 1, .end_session = 1 } },

	/* The host, whatever the digit (RFC 5321 3.8; RFC 7504): no fault of the recipient. */
	{ DP_OUT_REFUSED,      DP_REACH_HOST,       ANY,           ANY, 0,   ANY, ANY, ANY, AGAIN(HOST, .avoid_host = 1, .end_session = 1) },

	/* Goodbye to the recipient or to the whole message is an answer, and counted, so that a host
	 * which says it to every message is not asked for ever; elsewhere it only ends a session that
	 * had been good until then. BDAT LAST is the whole message (RFC 3030 2). */
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           421, 421, ANY, ANY, ANY, LATER(HOST, .end_session = 1) },
	{ DP_OUT_REFUSED,      ANY,                 DP_STEP_DOT,   421, 421, ANY, ANY, ANY, LATER(HOST, .end_session = 1) },
	{ DP_OUT_REFUSED,      ANY,                 DP_STEP_BDAT,  421, 421, ANY, ANY, ANY, LATER(HOST, .end_session = 1) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           421, 421, ANY, ANY, ANY, AGAIN(HOST, .now = 1, .end_session = 1) },

	/* Too many recipients (RFC 5321 4.5.3.1.10): a new transaction takes it. Counted, since some
	 * hosts say so for a quota that a new transaction does not help. */
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           452, 452, 5, 3,     0,   LATER(RECIPIENT, .now = 1) },
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           552, 552, 5, 3,     0,   LATER(RECIPIENT, .now = 1) },
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           552, 552, 5, 3,     ANY, LATER(RECIPIENT) },

	/* For now. */
	{ DP_OUT_REFUSED,      ANY,                 ANY,           400, 499, 7, ANY,   ANY, LATER(SENDER) },
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           400, 499, ANY, ANY, ANY, LATER(RECIPIENT) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           400, 499, ANY, ANY, ANY, LATER(MESSAGE) },

	/* RFC 8689 4.2.1: before MAIL we say so ourselves, and nobody was offered anything. */
	{ DP_OUT_REFUSED,      ANY,                 DP_STEP_MAIL,  550, 550, 7, 30,    ANY,
	  { .state = RCPT_FAILED, .about = BOUNCE_ABOUT_MESSAGE } },

	/* For good. x.7: policy; x.1.7, x.1.8: the sender's address or its domain; x.3.4: too big;
	 * x.6: its bytes (RFC 3463 3). Without an enhanced code the step tells. */
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, 7, ANY,   ANY, NEVER(SENDER) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, 1, 7,     ANY, NEVER(SENDER) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, 1, 8,     ANY, NEVER(SENDER) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, 3, 4,     ANY, NEVER(MESSAGE) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, 6, ANY,   ANY, NEVER(MESSAGE) },
	{ DP_OUT_REFUSED,      DP_REACH_RECIPIENT,  ANY,           500, 599, ANY, ANY, ANY, NEVER(RECIPIENT) },
	{ DP_OUT_REFUSED,      ANY,                 DP_STEP_MAIL,  552, 552, ANY, ANY, ANY, NEVER(MESSAGE) },
	{ DP_OUT_REFUSED,      ANY,                 DP_STEP_MAIL,  500, 599, ANY, ANY, ANY, NEVER(SENDER) },
	{ DP_OUT_REFUSED,      ANY,                 ANY,           500, 599, ANY, ANY, ANY, NEVER(MESSAGE) },
};
/* clang-format on */

/* What becomes of a recipient that no reply was about (DP_OUT_NOT_TRIED), by why: no attempt is
 * counted, whatever it is. The host's part is told by the CLOSED event.
 */
enum untried_when {
	BY_STEP, /* at once if nothing was said of it, or MAIL was never answered; lost further on
	            it may be what is wrong, so it waits */
	AT_ONCE,
};

struct untried {
	uint8_t when; /* enum untried_when */
	int stays_at; /* step at which the session is as good as before; ANY: at all, NOWHERE */
};

/* clang-format off */
static const struct untried untried[] = {
	[DP_WHY_QUIT]        = { AT_ONCE, NOWHERE },
	[DP_WHY_REFUSED]     = { BY_STEP, NOWHERE },
	[DP_WHY_TIMEOUT]     = { BY_STEP, NOWHERE },
	[DP_WHY_UNREACHABLE] = { BY_STEP, NOWHERE },
	[DP_WHY_RESET]       = { BY_STEP, NOWHERE },
	[DP_WHY_PEER_CLOSED] = { BY_STEP, NOWHERE },
	[DP_WHY_REPLY]       = { BY_STEP, NOWHERE },
	[DP_WHY_PROTOCOL]    = { BY_STEP, NOWHERE },
	[DP_WHY_EGRESS]      = { BY_STEP, NOWHERE },
	[DP_WHY_NO_PORTS]    = { BY_STEP, NOWHERE },
	[DP_WHY_NO_ROOM]     = { BY_STEP, NOWHERE },
	[DP_WHY_NO_SOURCE]   = { BY_STEP, NOWHERE },
	[DP_WHY_SHUTDOWN]    = { BY_STEP, NOWHERE },
	[DP_WHY_TLS]         = { BY_STEP, NOWHERE },
	[DP_WHY_TLS_GONE]    = { BY_STEP, NOWHERE },
	[DP_WHY_NEEDS_7BIT]  = { AT_ONCE, ANY },          /* in another form (RFC 6152 3) */
	[DP_WHY_NO_CHUNKING] = { AT_ONCE, NOWHERE },      /* the next session says DATA */
	[DP_WHY_TOO_MANY]    = { AT_ONCE, DP_STEP_RCPT }, /* of one transaction; else of the session (RFC 9422) */
	[DP_WHY_AUTH]        = { BY_STEP, NOWHERE },
};
/* clang-format on */
static_assert(sizeof(untried) / sizeof(untried[0]) == DP_N_WHYS, "one row per why");

static struct verdict judge_untried(const struct dp_evt *evt)
{
	const struct untried *u = &untried[evt->why];
	bool at_start =
	    evt->step == DP_STEP_IDLE || evt->step == DP_STEP_RSET || evt->step == DP_STEP_MAIL;

	return (struct verdict){ .state = RCPT_DEFERRED,
		                 .now = u->when == AT_ONCE || at_start,
		                 .end_session = u->stays_at != ANY && u->stays_at != evt->step };
}

static bool fits(int want, int got)
{
	return want == ANY || want == got;
}

static bool applies(const struct rule *r, const struct dp_evt *evt, uint32_t attempts)
{
	if (r->outcome != evt->outcome || !fits(r->reach, evt->reach) || !fits(r->step, evt->step))
		return false;
	if (r->code_min != ANY && (evt->code < r->code_min || evt->code > r->code_max))
		return false;
	if (r->attempts_max != ANY && attempts > (uint32_t)r->attempts_max)
		return false;
	return fits(r->subject, evt->enhanced[1]) && fits(r->detail, evt->enhanced[2]);
}

struct verdict bounce_judge(const struct dp_evt *evt, uint32_t attempts)
{
	assert(evt->kind == DP_EVT_RCPT);
	if (evt->outcome == DP_OUT_NOT_TRIED)
		return judge_untried(evt);
	/* What our own rules said: nobody was asked, no attempt was spent. */
	if (evt->outcome == DP_OUT_GATED)
		return (struct verdict){ .state = evt->gate >> 1 == DP_GATE_REJECT ? RCPT_FAILED
			                                                           : RCPT_HELD };
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (applies(&rules[i], evt, attempts))
			return rules[i].verdict;
	}
	/* The data plane reports nothing as refused that is not 4yz or 5yz. */
	assert(!"an event that no rule fits");
	return (struct verdict){ .state = RCPT_DEFERRED, .counts_attempt = 1 };
}

/* strcasestr() for a text that does not end in NUL and may hold some. */
static bool has_word(const struct dp_evt *evt, const char *word)
{
	size_t kept = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;
	size_t bytes = strlen(word);

	for (size_t i = 0; i + bytes <= kept; i++)
		if (strncasecmp(evt->text + i, word, bytes) == 0)
			return true;
	return false;
}

bool bounce_is_relaying(const struct dp_evt *evt)
{
	const uint8_t *e = evt->enhanced;

	if (evt->outcome != DP_OUT_REFUSED || evt->code == 421 || evt->reach == DP_REACH_HOST)
		return false;
	if (e[1] == 7 && e[2] == 64)
		return true;
	if (e[0] != 0 && !(e[1] == 7 && e[2] <= 1)) /* RFC 3463: about something else */
		return false;
	return has_word(evt, "relay") || has_word(evt, "TenantAttribution");
}

bool bounce_is_about_credential(const struct dp_evt *evt)
{
	if (evt->kind == DP_EVT_CLOSED) /* 4yz is the host's own trouble */
		return evt->why == DP_WHY_AUTH && evt->code / 100 == 5;
	return evt->kind == DP_EVT_RCPT && evt->outcome == DP_OUT_REFUSED &&
	       (evt->code == 530 || evt->code == 535);
}

struct verdict bounce_judge_mx(const struct mx_answer *answer)
{
	/* RFC 5321 5.1: nobody takes mail for this domain. RFC 7505 4.2, RFC 3463 3.2, 3.5. */
	static const struct verdict verdicts[] = {
		[MX_NULL] = { .state = RCPT_BOUNCED,
		              .about = BOUNCE_ABOUT_RECIPIENT,
		              .enhanced = { 5, 1, 10 } },
		[MX_NO_DOMAIN] = { .state = RCPT_BOUNCED,
		                   .about = BOUNCE_ABOUT_RECIPIENT,
		                   .enhanced = { 5, 1, 2 } },
		[MX_NO_HOSTS] = { .state = RCPT_BOUNCED,
		                  .about = BOUNCE_ABOUT_RECIPIENT,
		                  .enhanced = { 5, 4, 4 } },
		/* For now; it spends an attempt, so that the waits grow as for any other. */
		[MX_TRY_LATER] = { .state = RCPT_DEFERRED,
		                   .counts_attempt = 1,
		                   .enhanced = { 4, 4, 3 } },
	};

	assert(answer->fate != MX_OK && answer->fate < sizeof(verdicts) / sizeof(verdicts[0]));
	return verdicts[answer->fate];
}

/* RFC 3463 3.4 to 3.8: takes no mail, protocol trouble, cryptographic failure, who we are is not
 * known; all else is no answer from the host, X.4.1.
 */
static const uint8_t why_codes[DP_N_WHYS][2] = {
	[DP_WHY_REPLY] = { 3, 2 },    [DP_WHY_PROTOCOL] = { 5, 0 }, [DP_WHY_TLS] = { 7, 5 },
	[DP_WHY_TLS_GONE] = { 7, 5 }, [DP_WHY_AUTH] = { 7, 8 },
};

struct verdict bounce_judge_hosts(enum dp_why why, bool take_no_mail)
{
	const uint8_t *code = why_codes[why];
	struct verdict v = { .state = take_no_mail ? RCPT_BOUNCED : RCPT_DEFERRED,
		             .counts_attempt = 1,
		             .about = BOUNCE_ABOUT_HOST,
		             .enhanced = { take_no_mail ? 5 : 4, 4, 1 } };

	if (code[0] != 0)
		memcpy(v.enhanced + 1, code, sizeof(why_codes[0]));
	return v;
}

bool bounce_takes_no_mail(const struct dp_evt *evt)
{
	return evt->kind == DP_EVT_CLOSED && evt->step == DP_STEP_BANNER && evt->code == 521 &&
	       evt->enhanced[1] != 7;
}

uint32_t bounce_retry_after_s(const uint32_t *after_s, uint32_t n_after, uint32_t attempts)
{
	assert(n_after >= 1);
	if (attempts == 0)
		attempts = 1;
	return after_s[attempts <= n_after ? attempts - 1 : n_after - 1];
}
