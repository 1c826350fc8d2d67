/* test_bounce.c - what each kind of answer means for the recipient and for the host. */
#include <string.h>

#include "control/bounce/bounce.h"
#include "tests/support/suite.h"

struct want {
	enum rcpt_state state;
	uint8_t counts, now, avoid, end;
	enum bounce_about about;
};

static void check(const char *why, struct verdict v, const struct want *w)
{
	bool same = v.state == w->state && v.counts_attempt == w->counts && v.now == w->now &&
	            v.avoid_host == w->avoid && v.end_session == w->end && v.about == w->about;

	if (!same)
		printf("\n    %s: got state %u counts %u now %u avoid %u end %u about %u", why,
		       v.state, v.counts_attempt, v.now, v.avoid_host, v.end_session, v.about);
	CU_ASSERT_TRUE(same);
}

#define DEL RCPT_DELIVERED
#define DEF RCPT_DEFERRED
#define BOU RCPT_BOUNCED
#define UNC RCPT_UNCONFIRMED

static void a_reply_is_judged_by_reach_and_code(void)
{
	static const struct {
		const char *why;
		enum dp_reach reach;
		enum dp_step step;
		uint16_t code;
		uint8_t enhanced[3];
		uint32_t attempts;
		struct want want;
	} cases[] = {
		/* clang-format off */
		{ "no such user",              DP_REACH_RECIPIENT, DP_STEP_RCPT, 550, { 5, 1, 1 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "no enhanced code",          DP_REACH_RECIPIENT, DP_STEP_RCPT, 550, { 0, 0, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "551 is not chased",         DP_REACH_RECIPIENT, DP_STEP_RCPT, 551, { 5, 7, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "mailbox full for good",     DP_REACH_RECIPIENT, DP_STEP_RCPT, 552, { 5, 2, 2 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "greylisted",                DP_REACH_RECIPIENT, DP_STEP_RCPT, 450, { 4, 7, 1 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "mailbox full for now",      DP_REACH_RECIPIENT, DP_STEP_RCPT, 452, { 4, 2, 2 },  3, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "basic code wins over 5.x",  DP_REACH_RECIPIENT, DP_STEP_RCPT, 450, { 5, 1, 1 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "basic code wins over 4.x",  DP_REACH_RECIPIENT, DP_STEP_RCPT, 550, { 4, 2, 1 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "too many recipients",       DP_REACH_RECIPIENT, DP_STEP_RCPT, 452, { 4, 5, 3 },  0, { DEF, 1, 1, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "too many, again: a quota",  DP_REACH_RECIPIENT, DP_STEP_RCPT, 452, { 4, 5, 3 },  1, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "too many, as 552",          DP_REACH_RECIPIENT, DP_STEP_RCPT, 552, { 5, 5, 3 },  0, { DEF, 1, 1, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "too many, 552 again",       DP_REACH_RECIPIENT, DP_STEP_RCPT, 552, { 5, 5, 3 },  4, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT } },
		{ "RCPT policy",               DP_REACH_RECIPIENT, DP_STEP_RCPT, 550, { 5, 7, 1 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "goodbye to RCPT",           DP_REACH_RECIPIENT, DP_STEP_RCPT, 421, { 4, 3, 2 },  0, { DEF, 1, 0, 0, 1, BOUNCE_ABOUT_HOST } },
		{ "MAIL for now",              DP_REACH_MESSAGE,   DP_STEP_MAIL, 451, { 4, 3, 0 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "MAIL for good",             DP_REACH_MESSAGE,   DP_STEP_MAIL, 550, { 0, 0, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "REQUIRETLS, said by us",    DP_REACH_MESSAGE,   DP_STEP_MAIL, 550, { 5, 7, 30 }, 0, { RCPT_FAILED, 0, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "sender's domain",           DP_REACH_MESSAGE,   DP_STEP_MAIL, 550, { 5, 1, 8 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "too big, with code",        DP_REACH_MESSAGE,   DP_STEP_MAIL, 552, { 5, 3, 4 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "too big, without",          DP_REACH_MESSAGE,   DP_STEP_MAIL, 552, { 0, 0, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "no room for now",           DP_REACH_MESSAGE,   DP_STEP_MAIL, 452, { 4, 3, 1 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "no 8BITMIME",               DP_REACH_MESSAGE,   DP_STEP_MAIL, 554, { 5, 6, 3 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "goodbye to first MAIL",     DP_REACH_HOST,      DP_STEP_MAIL, 421, { 4, 7, 28 }, 0, { DEF, 0, 0, 1, 1, BOUNCE_ABOUT_HOST } },
		{ "goodbye to a later MAIL",   DP_REACH_MESSAGE,   DP_STEP_MAIL, 421, { 4, 7, 0 },  0, { DEF, 0, 1, 0, 1, BOUNCE_ABOUT_HOST } },
		{ "goodbye to DATA",           DP_REACH_MESSAGE,   DP_STEP_DATA, 421, { 4, 7, 0 },  2, { DEF, 0, 1, 0, 1, BOUNCE_ABOUT_HOST } },
		{ "DATA for now",              DP_REACH_MESSAGE,   DP_STEP_DATA, 451, { 0, 0, 0 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "DATA for good",             DP_REACH_MESSAGE,   DP_STEP_DATA, 554, { 0, 0, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "dot for now",               DP_REACH_MESSAGE,   DP_STEP_DOT,  451, { 4, 7, 1 },  0, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "dot for good, content",     DP_REACH_MESSAGE,   DP_STEP_DOT,  554, { 5, 6, 0 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_MESSAGE } },
		{ "dot for good, policy",      DP_REACH_MESSAGE,   DP_STEP_DOT,  554, { 5, 7, 1 },  0, { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_SENDER } },
		{ "goodbye to the dot",        DP_REACH_MESSAGE,   DP_STEP_DOT,  421, { 0, 0, 0 },  0, { DEF, 1, 0, 0, 1, BOUNCE_ABOUT_HOST } },
		{ "goodbye to BDAT LAST",      DP_REACH_MESSAGE,   DP_STEP_BDAT, 421, { 0, 0, 0 },  0, { DEF, 1, 0, 0, 1, BOUNCE_ABOUT_HOST } },
		{ "the host, for good",        DP_REACH_HOST,      DP_STEP_EHLO, 554, { 5, 7, 1 },  0, { DEF, 0, 0, 1, 1, BOUNCE_ABOUT_HOST } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_evt evt = { .kind = DP_EVT_RCPT,
			              .outcome = DP_OUT_REFUSED,
			              .reach = (uint8_t)cases[i].reach,
			              .step = (uint8_t)cases[i].step,
			              .code = cases[i].code };

		memcpy(evt.enhanced, cases[i].enhanced, sizeof(evt.enhanced));
		check(cases[i].why, bounce_judge(&evt, cases[i].attempts), &cases[i].want);
	}
}

static void an_end_without_a_refusal_is_judged_by_how_far_it_went(void)
{
	static const struct {
		const char *why;
		enum dp_outcome outcome;
		enum dp_step step;
		uint32_t attempts;
		struct want want;
	} cases[] = {
		/* clang-format off */
		{ "delivered",               DP_OUT_DELIVERED,   DP_STEP_DOT,  5, { DEL, 1, 0, 0, 0, BOUNCE_ABOUT_NOTHING } },
		{ "first unconfirmed",       DP_OUT_UNCONFIRMED, DP_STEP_DOT,  0, { DEF, 1, 0, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "second unconfirmed",      DP_OUT_UNCONFIRMED, DP_STEP_DOT,  1, { UNC, 1, 0, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "never begun",             DP_OUT_NOT_TRIED,   DP_STEP_IDLE, 0, { DEF, 0, 1, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "before MAIL, in RSET",    DP_OUT_NOT_TRIED,   DP_STEP_RSET, 0, { DEF, 0, 1, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "MAIL unanswered",         DP_OUT_NOT_TRIED,   DP_STEP_MAIL, 7, { DEF, 0, 1, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "RCPT unanswered",         DP_OUT_NOT_TRIED,   DP_STEP_RCPT, 0, { DEF, 0, 0, 0, 1, BOUNCE_ABOUT_NOTHING } },
		{ "in the body",             DP_OUT_NOT_TRIED,   DP_STEP_BODY, 0, { DEF, 0, 0, 0, 1, BOUNCE_ABOUT_NOTHING } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dp_evt evt = { .kind = DP_EVT_RCPT,
			                    .outcome = (uint8_t)cases[i].outcome,
			                    .why = DP_WHY_PEER_CLOSED,
			                    .step = (uint8_t)cases[i].step };

		check(cases[i].why, bounce_judge(&evt, cases[i].attempts), &cases[i].want);
	}
}

/* No attempt is counted for what no reply was about; why and how far it had come say the rest. */
static void what_was_not_tried_goes_again_at_once_or_waits_by_why(void)
{
	static const struct {
		enum dp_why why;
		/* At IDLE, at RCPT, at BDAT: again at once; the session ends. */
		uint8_t now[3], end[3];
	} cases[] = {
		/* clang-format off */
		{ DP_WHY_QUIT,        { 1, 1, 1 }, { 1, 1, 1 } },
		{ DP_WHY_REFUSED,     { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_TIMEOUT,     { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_UNREACHABLE, { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_RESET,       { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_PEER_CLOSED, { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_REPLY,       { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_PROTOCOL,    { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_EGRESS,      { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_NO_PORTS,    { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_NO_ROOM,     { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_NO_SOURCE,   { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_SHUTDOWN,    { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_TLS,         { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_TLS_GONE,    { 1, 0, 0 }, { 1, 1, 1 } },
		{ DP_WHY_NEEDS_7BIT,  { 1, 1, 1 }, { 0, 0, 0 } },
		{ DP_WHY_NO_CHUNKING, { 1, 1, 1 }, { 1, 1, 1 } },
		{ DP_WHY_TOO_MANY,    { 1, 1, 1 }, { 1, 0, 1 } },
		{ DP_WHY_AUTH,        { 1, 0, 0 }, { 1, 1, 1 } },
		/* clang-format on */
	};
	static const enum dp_step steps[] = { DP_STEP_IDLE, DP_STEP_RCPT, DP_STEP_BDAT };

	CU_ASSERT_EQUAL(sizeof(cases) / sizeof(cases[0]), DP_N_WHYS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(cases[i].why, i);
		for (size_t k = 0; k < 3; k++) {
			const struct dp_evt evt = { .kind = DP_EVT_RCPT,
				                    .outcome = DP_OUT_NOT_TRIED,
				                    .step = (uint8_t)steps[k],
				                    .why = (uint8_t)cases[i].why };
			const struct want want = { .state = DEF,
				                   .now = cases[i].now[k],
				                   .end = cases[i].end[k] };
			char why[32];

			snprintf(why, sizeof(why), "why %u at step %u", cases[i].why, steps[k]);
			check(why, bounce_judge(&evt, 3), &want);
		}
	}
}

/* Every step, with the reach the data plane gives its refusals: goodbye, for now, for good. */
static void every_step_has_a_verdict_for_each_kind_of_refusal(void)
{
#define HOST                                                                                       \
	{                                                                                          \
		DEF, 0, 0, 1, 1, BOUNCE_ABOUT_HOST                                                 \
	}
#define BYE_NOW                                                                                    \
	{                                                                                          \
		DEF, 0, 1, 0, 1, BOUNCE_ABOUT_HOST                                                 \
	}
#define BYE_LATER                                                                                  \
	{                                                                                          \
		DEF, 1, 0, 0, 1, BOUNCE_ABOUT_HOST                                                 \
	}
#define FOR_NOW(about)                                                                             \
	{                                                                                          \
		DEF, 1, 0, 0, 0, BOUNCE_ABOUT_##about                                              \
	}
#define FOR_GOOD(about)                                                                            \
	{                                                                                          \
		BOU, 1, 0, 0, 0, BOUNCE_ABOUT_##about                                              \
	}
	static const struct {
		enum dp_reach reach;
		struct want goodbye, for_now, for_good;
	} cases[] = {
		/* clang-format off */
		[DP_STEP_CONNECT]  = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_BANNER]   = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_EHLO]     = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_HELO]     = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_MAIL]     = { DP_REACH_MESSAGE,   BYE_NOW,   FOR_NOW(MESSAGE),   FOR_GOOD(SENDER) },
		[DP_STEP_RCPT]     = { DP_REACH_RECIPIENT, BYE_LATER, FOR_NOW(RECIPIENT), FOR_GOOD(RECIPIENT) },
		[DP_STEP_DATA]     = { DP_REACH_MESSAGE,   BYE_NOW,   FOR_NOW(MESSAGE),   FOR_GOOD(MESSAGE) },
		[DP_STEP_BODY]     = { DP_REACH_NONE,      BYE_NOW,   FOR_NOW(MESSAGE),   FOR_GOOD(MESSAGE) },
		[DP_STEP_DOT]      = { DP_REACH_MESSAGE,   BYE_LATER, FOR_NOW(MESSAGE),   FOR_GOOD(MESSAGE) },
		[DP_STEP_RSET]     = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_IDLE]     = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_QUIT]     = { DP_REACH_NONE,      BYE_NOW,   FOR_NOW(MESSAGE),   FOR_GOOD(MESSAGE) },
		[DP_STEP_STARTTLS] = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_TLS]      = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		[DP_STEP_BDAT]     = { DP_REACH_MESSAGE,   BYE_LATER, FOR_NOW(MESSAGE),   FOR_GOOD(MESSAGE) },
		[DP_STEP_AUTH]     = { DP_REACH_HOST,      HOST,      HOST,               HOST },
		/* clang-format on */
	};
#undef HOST
#undef BYE_NOW
#undef BYE_LATER
#undef FOR_NOW
#undef FOR_GOOD

	static_assert(sizeof(cases) / sizeof(cases[0]) == DP_N_STEPS, "one row per step");
	for (unsigned step = 0; step < DP_N_STEPS; step++) {
		static const uint16_t codes[] = {
			421, 400, 450, 451, 459, 499, 500, 550, 554, 599
		};

		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			const struct dp_evt evt = { .kind = DP_EVT_RCPT,
				                    .outcome = DP_OUT_REFUSED,
				                    .reach = (uint8_t)cases[step].reach,
				                    .step = (uint8_t)step,
				                    .code = codes[i] };
			const struct want *want = codes[i] == 421  ? &cases[step].goodbye
			                          : codes[i] < 500 ? &cases[step].for_now
			                                           : &cases[step].for_good;
			char why[32];

			snprintf(why, sizeof(why), "%u at step %u", codes[i], step);
			check(why, bounce_judge(&evt, 1), want);
		}
	}
}

static void a_refusal_to_relay_is_known_by_code_and_words(void)
{
	static const struct {
		const char *why, *text;
		uint16_t code;
		uint8_t enhanced[3];
		bool want;
	} cases[] = {
		/* clang-format off */
		{ "Postfix",          "5.7.1 <a@b>: Relay access denied",          554, { 5, 7, 1 },  true },
		{ "Postfix, for now", "4.7.1 <a@b>: Relay access denied",          454, { 4, 7, 1 },  true },
		{ "Exim",             "relay not permitted",                       550, { 0, 0, 0 },  true },
		{ "Sendmail",         "5.7.1 <a@b>... Relaying denied",            550, { 5, 7, 1 },  true },
		{ "Exchange",         "5.7.64 TenantAttribution; Relay Access",    550, { 5, 7, 64 }, true },
		{ "code alone",       "",                                          550, { 5, 7, 64 }, true },
		{ "policy",           "5.7.1 message looks like spam",             550, { 5, 7, 1 },  false },
		{ "no such user",     "5.1.1 no relay user here",                  550, { 5, 1, 1 },  false },
		{ "goodbye",          "relay shutting down",                       421, { 0, 0, 0 },  false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_evt evt = { .kind = DP_EVT_RCPT,
			              .outcome = DP_OUT_REFUSED,
			              .reach = DP_REACH_RECIPIENT,
			              .code = cases[i].code,
			              .text_bytes = (uint16_t)strlen(cases[i].text) };

		memcpy(evt.enhanced, cases[i].enhanced, sizeof(evt.enhanced));
		memcpy(evt.text, cases[i].text, evt.text_bytes);
		if (bounce_is_relaying(&evt) != cases[i].want)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(bounce_is_relaying(&evt), cases[i].want);
	}
}

static void a_credential_that_is_not_taken_is_told_from_a_host_in_trouble(void)
{
	static const struct {
		const char *why;
		struct dp_evt evt;
		bool want;
	} cases[] = {
		/* clang-format off */
		{ "535 to AUTH",             { .kind = DP_EVT_CLOSED, .why = DP_WHY_AUTH, .code = 535 }, true },
		{ "534 to AUTH",             { .kind = DP_EVT_CLOSED, .why = DP_WHY_AUTH, .code = 534 }, true },
		{ "454 to AUTH",             { .kind = DP_EVT_CLOSED, .why = DP_WHY_AUTH, .code = 454 }, false },
		{ "no mechanism that fits",  { .kind = DP_EVT_CLOSED, .why = DP_WHY_AUTH, .code = 0 }, false },
		{ "535 to the greeting",     { .kind = DP_EVT_CLOSED, .why = DP_WHY_REPLY, .code = 535 }, false },
		{ "530 to MAIL",             { .kind = DP_EVT_RCPT, .outcome = DP_OUT_REFUSED, .code = 530 }, true },
		{ "535 to MAIL",             { .kind = DP_EVT_RCPT, .outcome = DP_OUT_REFUSED, .code = 535 }, true },
		{ "550 to RCPT",             { .kind = DP_EVT_RCPT, .outcome = DP_OUT_REFUSED, .code = 550 }, false },
		{ "ended behind a 530",      { .kind = DP_EVT_RCPT, .outcome = DP_OUT_NOT_TRIED, .code = 530 }, false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (bounce_is_about_credential(&cases[i].evt) != cases[i].want)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(bounce_is_about_credential(&cases[i].evt), cases[i].want);
	}
}

/* Every event that the data plane can make has a rule, and the great laws hold for all of them. */
static void no_event_is_without_a_verdict_and_none_breaks_the_laws(void)
{
	for (unsigned code = 400; code < 600; code++) {
		for (unsigned n = 0; n < DP_N_STEPS * 4u * 8 * 9; n++) {
			const struct dp_evt evt = { .kind = DP_EVT_RCPT,
				                    .outcome = DP_OUT_REFUSED,
				                    .code = (uint16_t)code,
				                    .reach = (uint8_t)(n % 4),
				                    .step = (uint8_t)(n / 4 % DP_N_STEPS),
				                    .enhanced = {
							(uint8_t)(code / 100),
							(uint8_t)(n / 4 / DP_N_STEPS % 8),
							(uint8_t)(n / 4 / DP_N_STEPS / 8) } };
			struct verdict v = bounce_judge(&evt, n % 3);

			/* A refusal delivers nothing; 4yz never bounces; a bounce is counted. */
			if (v.state == RCPT_DELIVERED || v.state == RCPT_UNCONFIRMED ||
			    (code < 500 && v.state != RCPT_DEFERRED) ||
			    (v.state == RCPT_BOUNCED && !v.counts_attempt) ||
			    (v.now && v.state != RCPT_DEFERRED) ||
			    (evt.reach == DP_REACH_HOST && v.counts_attempt) ||
			    (v.now && !v.counts_attempt && code != 421))
				CU_FAIL("a verdict that must not be");
		}
	}
}

static void a_domain_without_hosts_bounces_and_dns_trouble_waits(void)
{
	static const struct {
		enum mx_fate fate;
		struct want want;
		uint8_t enhanced[3];
	} cases[] = {
		{ MX_NULL, { BOU, 0, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT }, { 5, 1, 10 } },
		{ MX_NO_DOMAIN, { BOU, 0, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT }, { 5, 1, 2 } },
		{ MX_NO_HOSTS, { BOU, 0, 0, 0, 0, BOUNCE_ABOUT_RECIPIENT }, { 5, 4, 4 } },
		{ MX_TRY_LATER, { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_NOTHING }, { 4, 4, 3 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mx_answer answer = { .fate = cases[i].fate };

		const struct verdict v = bounce_judge_mx(&answer);

		check("MX fate", v, &cases[i].want);
		CU_ASSERT_EQUAL(memcmp(v.enhanced, cases[i].enhanced, 3), 0);
	}
}

static void hosts_that_take_no_mail_are_final_and_all_other_silence_waits(void)
{
	static const struct want never = { BOU, 1, 0, 0, 0, BOUNCE_ABOUT_HOST },
				 later = { DEF, 1, 0, 0, 0, BOUNCE_ABOUT_HOST };
	static const struct {
		enum dp_why why;
		uint8_t enhanced[3];
	} whys[] = {
		{ DP_WHY_TIMEOUT, { 4, 4, 1 } }, { DP_WHY_REFUSED, { 4, 4, 1 } },
		{ DP_WHY_REPLY, { 4, 3, 2 } },   { DP_WHY_PROTOCOL, { 4, 5, 0 } },
		{ DP_WHY_TLS, { 4, 7, 5 } },     { DP_WHY_AUTH, { 4, 7, 8 } },
	};
	static const struct {
		const char *why;
		enum dp_step step;
		uint16_t code;
		uint8_t enhanced[3];
		bool want;
	} cases[] = {
		{ "RFC 7504", DP_STEP_BANNER, 521, { 0, 0, 0 }, true },
		{ "the same in full", DP_STEP_BANNER, 521, { 5, 3, 2 }, true },
		{ "policy is about us", DP_STEP_BANNER, 521, { 5, 7, 1 }, false },
		{ "no service for us", DP_STEP_BANNER, 554, { 5, 3, 2 }, false },
		{ "somewhere else", DP_STEP_EHLO, 521, { 0, 0, 0 }, false },
	};

	check("never", bounce_judge_hosts(DP_WHY_REPLY, true), &never);
	for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
		const struct verdict v = bounce_judge_hosts(whys[i].why, false);

		check("later", v, &later);
		CU_ASSERT_EQUAL(memcmp(v.enhanced, whys[i].enhanced, 3), 0);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_evt evt = { .kind = DP_EVT_CLOSED,
			              .reach = DP_REACH_HOST,
			              .step = (uint8_t)cases[i].step,
			              .code = cases[i].code };

		memcpy(evt.enhanced, cases[i].enhanced, sizeof(evt.enhanced));
		if (bounce_takes_no_mail(&evt) != cases[i].want)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(bounce_takes_no_mail(&evt), cases[i].want);
	}
}

static void the_last_wait_repeats(void)
{
	static const uint32_t after_s[] = { 300, 1200, 3600 };

	CU_ASSERT_EQUAL(bounce_retry_after_s(after_s, 3, 0), 300);
	CU_ASSERT_EQUAL(bounce_retry_after_s(after_s, 3, 1), 300);
	CU_ASSERT_EQUAL(bounce_retry_after_s(after_s, 3, 2), 1200);
	CU_ASSERT_EQUAL(bounce_retry_after_s(after_s, 3, 3), 3600);
	CU_ASSERT_EQUAL(bounce_retry_after_s(after_s, 3, UINT32_MAX), 3600);
}

static void what_our_own_rules_say_spends_no_attempt_and_blames_no_host(void)
{
	static const struct want held = { .state = RCPT_HELD }, failed = { .state = RCPT_FAILED };
	struct dp_evt evt = { .kind = DP_EVT_RCPT,
		              .outcome = DP_OUT_GATED,
		              .gate = DP_GATE_HOLD << 1 | DP_GATE_STOP };

	check("hold", bounce_judge(&evt, 3), &held);
	evt.gate = DP_GATE_REJECT << 1 | DP_GATE_NOTE;
	check("reject", bounce_judge(&evt, 0), &failed);
}

SUITE("control/bounce/bounce", TEST(what_our_own_rules_say_spends_no_attempt_and_blames_no_host),
      TEST(a_reply_is_judged_by_reach_and_code),
      TEST(a_refusal_to_relay_is_known_by_code_and_words),
      TEST(a_credential_that_is_not_taken_is_told_from_a_host_in_trouble),
      TEST(an_end_without_a_refusal_is_judged_by_how_far_it_went),
      TEST(what_was_not_tried_goes_again_at_once_or_waits_by_why),
      TEST(every_step_has_a_verdict_for_each_kind_of_refusal),
      TEST(no_event_is_without_a_verdict_and_none_breaks_the_laws),
      TEST(a_domain_without_hosts_bounces_and_dns_trouble_waits),
      TEST(hosts_that_take_no_mail_are_final_and_all_other_silence_waits),
      TEST(the_last_wait_repeats))
