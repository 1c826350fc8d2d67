/* test_smtp_step.c - what odd servers answer at each step, and what we report of it.
 *
 * The numbers are those of the list of odd servers that the project keeps: A greeting, B EHLO,
 * C MAIL and RCPT, D data, E reuse, F extensions.
 */
#include <errno.h>

#include "tests/dataplane/smtp/world.h"

#define PLAIN    "250 mx.y.test\r\n"
#define PIPED    "250-mx.y.test\r\n250 PIPELINING\r\n"
#define ENVELOPE "MAIL FROM:<a@x.test>\r\nRCPT TO:<r1@y.test>\r\nDATA\r\n"
#define BODY     "Subject: hi\r\n\r\nbody\r\n.\r\n"

/* What the client does with a greeting or an answer to EHLO that it cannot work with. */
struct refusal {
	const char *why, *reply, *says;
	enum dp_why ends;
	uint16_t code;
	uint8_t enhanced0;
};

static void check_closed(const struct refusal *r, enum dp_step step)
{
	const struct dp_evt *e;

	CLIENT(r->says);
	if (!world.tcp.conns[0].is_shut)
		fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	e = last(DP_EVT_CLOSED);
	if (e->why != r->ends || e->code != r->code || e->step != step)
		printf("\n    %s: got why %u code %u step %u", r->why, e->why, e->code, e->step);
	CU_ASSERT_EQUAL(e->why, r->ends);
	CU_ASSERT_EQUAL(e->code, r->code);
	CU_ASSERT_EQUAL(e->step, step);
	CU_ASSERT_EQUAL(e->reach, DP_REACH_HOST);
	CU_ASSERT_EQUAL(e->enhanced[0], r->enhanced0);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
	world_end();
}

static void a_greeting_that_is_not_220_ends_the_session(void)
{
	static const struct refusal cases[] = {
		/* clang-format off */
		{ "6. no mail here",         "554 5.3.2 no\r\n",       "QUIT\r\n", DP_WHY_REPLY,    554, 5 },
		{ "7. not now",              "421 4.7.0 busy\r\n",     "",         DP_WHY_REPLY,    421, 4 },
		{ "8. RFC 7504",             "521 never\r\n",          "QUIT\r\n", DP_WHY_REPLY,    521, 0 },
		{ "9. HTTP",                 "HTTP/1.1 400 Bad\r\n",   "",         DP_WHY_PROTOCOL, 0,   0 },
		{ "9. TLS",                  "\x15\x03\x01\x02\x02\n", "",         DP_WHY_PROTOCOL, 0,   0 },
		{ "a wrong 2yz",             "250 hi\r\n",             "",         DP_WHY_PROTOCOL, 250, 0 },
		{ "a 354",                   "354 go\r\n",             "",         DP_WHY_PROTOCOL, 354, 0 },
		{ "refused on several lines", "554-a\r\n554-b\r\n554 c\r\n", "QUIT\r\n", DP_WHY_REPLY, 554, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		dial();
		fake_open(&world.tcp, world.now_us, 0);
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		check_closed(&cases[i], DP_STEP_BANNER);
	}
}

static void ehlo_that_is_refused_ends_the_session_unless_the_command_is_unknown(void)
{
	static const struct refusal cases[] = {
		/* clang-format off */
		{ "13. not you",     "550 5.7.1 no\r\n", "QUIT\r\n", DP_WHY_REPLY,    550, 5 },
		{ "13. not you",     "554 no\r\n",       "QUIT\r\n", DP_WHY_REPLY,    554, 0 },
		{ "14. not now",     "421 busy\r\n",     "",         DP_WHY_REPLY,    421, 0 },
		{ "14. not now",     "450 busy\r\n",     "QUIT\r\n", DP_WHY_REPLY,    450, 0 },
		{ "15. a greeting",  "220 again\r\n",    "",         DP_WHY_PROTOCOL, 220, 0 },
		{ "15. a go-ahead",  "354 go\r\n",       "",         DP_WHY_PROTOCOL, 354, 0 },
		{ "21. a bare CR",   "250-a\rb\r\n",     "",         DP_WHY_PROTOCOL, 0,   0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		dial();
		fake_open(&world.tcp, world.now_us, 0);
		SERVER("220 hi\r\n");
		CLIENT("EHLO out.x.test\r\n");
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		check_closed(&cases[i], DP_STEP_EHLO);
	}
}

/* 16. */
static void an_endless_ehlo_answer_is_cut_off_by_lines_and_by_bytes(void)
{
	static char lines[101 * 6 + 1], bytes[20000];
	const char *const hostile[] = { lines, bytes };

	for (size_t i = 0; i < 101; i++)
		memcpy(lines + i * 6, "250-\r\n", 6);
	memset(bytes, 'x', sizeof(bytes) - 1);
	memcpy(bytes, "250-", 4);
	for (size_t i = 0; i < 2; i++) {
		world_begin();
		dial();
		fake_open(&world.tcp, world.now_us, 0);
		SERVER("220 hi\r\n");
		fake_say(&world.tcp, world.now_us, 0, hostile[i], strlen(hostile[i]));
		fins_pass();
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_PROTOCOL);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_protocol_errors), 1);
		world_end();
	}
}

/* 12, 11: the greeting is hidden behind asterisks, or EHLO is not known. */
static void helo_is_said_where_ehlo_is_unknown_and_nothing_is_taken_as_offered(void)
{
	static const char *const unknown[] = { "500 what?\r\n", "502 5.5.1 no\r\n", NULL };

	for (size_t i = 0; i < 3; i++) {
		world_begin();
		dial();
		fake_open(&world.tcp, world.now_us, 0);
		if (unknown[i] != NULL) {
			SERVER("220 old\r\n");
			CLIENT("EHLO out.x.test\r\n");
			fake_say(&world.tcp, world.now_us, 0, unknown[i], strlen(unknown[i]));
		} else {
			SERVER("220 *****************2***0*0\r\n");
		}
		CLIENT("HELO out.x.test\r\n");
		SERVER("250-hello\r\n250 PIPELINING\r\n");
		CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->step, DP_STEP_HELO);
		submit(1);
		CLIENT("MAIL FROM:<a@x.test>\r\n");
		SERVER("451 later\r\n");
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
		part();
		world_end();
	}
}

/* 5, 10, 17, 18, 20. */
static void greetings_and_offers_in_odd_shapes_are_understood(void)
{
	char banner[40 * 12 + 32] = "";
	char longest[2100];

	for (int i = 0; i < 40; i++)
		strcat(banner, "220-line\r\n");
	strcat(banner, "220\r\n");
	memset(longest, 'z', sizeof(longest));
	memcpy(longest, "250-", 4);
	memcpy(longest + sizeof(longest) - 3, "\r\n", 3);
	world_begin();
	dial();
	fake_open(&world.tcp, world.now_us, 0);
	fake_say(&world.tcp, world.now_us, 0, banner, strlen(banner));
	CLIENT("EHLO out.x.test\r\n");
	fake_say(&world.tcp, world.now_us, 0, longest, strlen(longest));
	server_drips(
	    "250-AUTH=LOGIN\r\n250-\r\n250- \r\n250-X-\x01\xc3\xa9\r\n250  pipelining \r\n");
	submit(1);
	CLIENT(ENVELOPE);
	SERVER("250 ok\r\n550 \x01\xc3");
	SERVER("\xa9 no\r\n554 no\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->text_bytes, 6);
	CU_ASSERT_NSTRING_EQUAL(VERDICT(1)->text, "\x01\xc3\xa9 no", 6);
	part();
	world_end();
}

/* C and D: one job over PIPELINING; the three replies to its envelope and, if it goes so far, the
 * reply to its dot.
 */
static void each_recipient_gets_the_verdict_of_the_reply_that_concerns_it(void)
{
	static const struct {
		const char *why, *envelope, *body, *dot;
		enum dp_outcome outcome;
		uint16_t code;
		enum dp_reach reach;
		enum dp_step step;
		bool ends;
	} cases[] = {
		/* clang-format off */
		{ "22. MAIL for now",        "451 4.3.0 a\r\n503 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 451, DP_REACH_MESSAGE, DP_STEP_MAIL, false },
		{ "23. MAIL for good",       "550 5.7.1 a\r\n503 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 550, DP_REACH_MESSAGE, DP_STEP_MAIL, false },
		{ "24. MAIL too big",        "552 5.3.4 a\r\n503 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 552, DP_REACH_MESSAGE, DP_STEP_MAIL, false },
		{ "MAIL refused, DATA not",  "550 a\r\n503 b\r\n354 c\r\n", ".\r\n", "554 d\r\n",
		  DP_OUT_REFUSED, 550, DP_REACH_MESSAGE, DP_STEP_MAIL, false },
		{ "26. RCPT for good",       "250 a\r\n550 5.1.1 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 550, DP_REACH_RECIPIENT, DP_STEP_RCPT, false },
		{ "27. RCPT and goodbye",    "250 a\r\n421 4.3.2 b\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 421, DP_REACH_RECIPIENT, DP_STEP_RCPT, true },
		{ "28. RCPT forwards",       "250 a\r\n251 b\r\n354 c\r\n", BODY, "250 d\r\n",
		  DP_OUT_DELIVERED, 250, DP_REACH_NONE, DP_STEP_DOT, false },
		{ "28. RCPT cannot verify",  "250 a\r\n252 b\r\n354 c\r\n", BODY, "250 d\r\n",
		  DP_OUT_DELIVERED, 250, DP_REACH_NONE, DP_STEP_DOT, false },
		{ "29. RCPT has moved",      "250 a\r\n551 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 551, DP_REACH_RECIPIENT, DP_STEP_RCPT, false },
		{ "30. greylisted",          "250 a\r\n450 4.7.1 b\r\n503 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 450, DP_REACH_RECIPIENT, DP_STEP_RCPT, false },
		{ "31. RCPT answered 850",   "250 a\r\n850 b\r\n", NULL, NULL,
		  DP_OUT_NOT_TRIED, 0, DP_REACH_NONE, DP_STEP_RCPT, true },
		{ "31. RCPT answered 354",   "250 a\r\n354 b\r\n", NULL, NULL,
		  DP_OUT_NOT_TRIED, 0, DP_REACH_NONE, DP_STEP_RCPT, true },
		{ "34. DATA after RCPT",     "250 a\r\n550 b\r\n354 c\r\n", ".\r\n", "250 d\r\n",
		  DP_OUT_REFUSED, 550, DP_REACH_RECIPIENT, DP_STEP_RCPT, false },
		{ "35. DATA for now",        "250 a\r\n250 b\r\n451 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 451, DP_REACH_MESSAGE, DP_STEP_DATA, false },
		{ "35. DATA for good",       "250 a\r\n250 b\r\n554 c\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 554, DP_REACH_MESSAGE, DP_STEP_DATA, false },
		{ "DATA answered 250",       "250 a\r\n250 b\r\n250 c\r\n", NULL, NULL,
		  DP_OUT_NOT_TRIED, 0, DP_REACH_NONE, DP_STEP_DATA, true },
		{ "41. dot for now",         "250 a\r\n250 b\r\n354 c\r\n", BODY, "452 d\r\n",
		  DP_OUT_REFUSED, 452, DP_REACH_MESSAGE, DP_STEP_DOT, false },
		{ "41. dot for good",        "250 a\r\n250 b\r\n354 c\r\n", BODY, "554 5.7.1 d\r\n",
		  DP_OUT_REFUSED, 554, DP_REACH_MESSAGE, DP_STEP_DOT, false },
		{ "dot and goodbye",         "250 a\r\n250 b\r\n354 c\r\n", BODY, "421 d\r\n",
		  DP_OUT_REFUSED, 421, DP_REACH_MESSAGE, DP_STEP_DOT, true },
		{ "dot answered 354",        "250 a\r\n250 b\r\n354 c\r\n", BODY, "354 d\r\n",
		  DP_OUT_UNCONFIRMED, 0, DP_REACH_NONE, DP_STEP_DOT, true },
		{ "MAIL and goodbye",        "421 a\r\n", NULL, NULL,
		  DP_OUT_REFUSED, 421, DP_REACH_HOST, DP_STEP_MAIL, true },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dp_evt *v;

		world_begin();
		greet(PIPED);
		submit(1);
		CLIENT(ENVELOPE);
		fake_say(&world.tcp, world.now_us, 0, cases[i].envelope, strlen(cases[i].envelope));
		if (cases[i].body != NULL) {
			CLIENT(cases[i].body);
			fake_say(&world.tcp, world.now_us, 0, cases[i].dot, strlen(cases[i].dot));
		}
		v = VERDICT(1);
		if (v->outcome != cases[i].outcome || v->code != cases[i].code ||
		    v->reach != cases[i].reach || v->step != cases[i].step)
			printf("\n    %s: got outcome %u code %u reach %u step %u", cases[i].why,
			       v->outcome, v->code, v->reach, v->step);
		CU_ASSERT_EQUAL(v->outcome, cases[i].outcome);
		CU_ASSERT_EQUAL(v->code, cases[i].code);
		CU_ASSERT_EQUAL(v->reach, cases[i].reach);
		CU_ASSERT_EQUAL(v->step, cases[i].step);
		CU_ASSERT_EQUAL(world.tcp.conns[0].is_shut, cases[i].ends);
		if (cases[i].ends) {
			CLIENT("");
			fins_pass();
		} else {
			part();
		}
		world_end();
	}
}

/* 32: the basic code is what counts; what does not parse is only text. */
static void enhanced_codes_are_reported_when_well_formed(void)
{
	static const struct {
		const char *why, *reply;
		uint8_t want[3];
	} cases[] = {
		{ "well formed", "550 5.1.1 x\r\n", { 5, 1, 1 } },
		{ "none", "550 x\r\n", { 0, 0, 0 } },
		{ "a dot too many", "550 5.1.1. x\r\n", { 0, 0, 0 } },
		{ "another class than the code", "421 5.7.32 x\r\n", { 5, 7, 32 } },
		{ "detail saturates", "450 4.7.650 x\r\n", { 4, 7, 255 } },
		{ "nothing behind it", "550 5.7.1\r\n", { 5, 7, 1 } },
		{ "no such class", "550 3.1.1 x\r\n", { 0, 0, 0 } },
		{ "digits without end", "550 5.1.1111 x\r\n", { 0, 0, 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PLAIN);
		submit(1);
		CLIENT("MAIL FROM:<a@x.test>\r\n");
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		if (memcmp(VERDICT(1)->enhanced, cases[i].want, 3) != 0)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(memcmp(VERDICT(1)->enhanced, cases[i].want, 3), 0);
		if (world.tcp.conns[0].is_shut)
			fins_pass();
		else
			part();
		world_end();
	}
}

/* 44. */
static void a_goodbye_at_the_second_mail_is_not_held_against_the_host(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	submit(2);
	submit(3);
	CU_ASSERT_EQUAL(VERDICT(3)->why, DP_WHY_NO_ROOM);
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	SERVER("250 ok\r\n");
	submit(4);
	SERVER("421 4.7.0 too many messages on this connection\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_REFUSED);
	CU_ASSERT_EQUAL(VERDICT(2)->reach, DP_REACH_MESSAGE);
	CU_ASSERT_EQUAL(VERDICT(4)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(4)->why, DP_WHY_REPLY);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_NONE);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->code, 421);
	world_end();
}

/* 46, and replies that nobody asked for. */
static void an_idle_session_hears_a_goodbye_and_ends_at_any_other_reply(void)
{
	static const struct {
		const char *reply;
		enum dp_why why;
		uint16_t code;
	} cases[] = {
		{ "421 4.4.2 idle too long\r\n", DP_WHY_REPLY, 421 },
		{ "250 ok\r\n", DP_WHY_PROTOCOL, 250 },
		{ "nonsense\r\n", DP_WHY_PROTOCOL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PIPED);
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		submit(1);
		CLIENT("");
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
		fins_pass();
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, cases[i].why);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->code, cases[i].code);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_IDLE);
		world_end();
	}
}

static void a_reply_too_many_is_never_taken_for_the_next_one(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	submit(2);
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(ENVELOPE BODY);
	SERVER("250 queued\r\n250 queued\r\n");
	CLIENT("");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(2)->why, DP_WHY_PROTOCOL);
	fins_pass();
	world_end();
}

/* 45. */
static void whatever_quit_is_answered_nothing_is_undone(void)
{
	static const struct {
		const char *answer;
		uint64_t ms; /* until we close, since the server does not */
	} cases[] = {
		{ "500 what?\r\n", 2000 },
		{ "354 go\r\n", 2000 },
		{ "garbage", 2000 },
		{ "", 10000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PIPED);
		submit(1);
		SERVER("250 a\r\n250 b\r\n354 c\r\n");
		SERVER("250 d\r\n");
		CLIENT(ENVELOPE BODY);
		smtp_quit(world.smtp, world.now_us, world.conn);
		CLIENT("QUIT\r\n");
		if (cases[i].answer[0] != '\0')
			fake_say(&world.tcp, world.now_us, 0, cases[i].answer,
			         strlen(cases[i].answer));
		wait_ms(cases[i].ms - 1);
		CU_ASSERT_FALSE(world.tcp.conns[0].is_shut);
		wait_ms(3);
		fins_pass();
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_QUIT);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_protocol_errors), 0);
		world_end();
	}
}

/* A server may refuse in the middle of the body, or lie about having it. */
static void nothing_is_delivered_before_the_dot_is_out(void)
{
	static const struct {
		const char *reply;
		enum dp_outcome outcome;
	} cases[] = {
		{ "250 got it already\r\n", DP_OUT_NOT_TRIED },
		{ "552 5.3.4 too much\r\n", DP_OUT_REFUSED },
		{ "421 4.4.2 too slow\r\n", DP_OUT_NOT_TRIED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PIPED);
		submit(1);
		CLIENT(ENVELOPE);
		world.tcp.conns[0].room = 10;
		SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
		CLIENT("Subject: h");
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, cases[i].outcome);
		fake_make_room(&world.tcp, world.now_us, 0, 1000);
		CLIENT("");
		fins_pass();
		world_end();
	}
}

SUITE("dataplane/smtp/smtp_step", TEST(a_greeting_that_is_not_220_ends_the_session),
      TEST(ehlo_that_is_refused_ends_the_session_unless_the_command_is_unknown),
      TEST(an_endless_ehlo_answer_is_cut_off_by_lines_and_by_bytes),
      TEST(helo_is_said_where_ehlo_is_unknown_and_nothing_is_taken_as_offered),
      TEST(greetings_and_offers_in_odd_shapes_are_understood),
      TEST(each_recipient_gets_the_verdict_of_the_reply_that_concerns_it),
      TEST(enhanced_codes_are_reported_when_well_formed),
      TEST(a_goodbye_at_the_second_mail_is_not_held_against_the_host),
      TEST(an_idle_session_hears_a_goodbye_and_ends_at_any_other_reply),
      TEST(a_reply_too_many_is_never_taken_for_the_next_one),
      TEST(whatever_quit_is_answered_nothing_is_undone),
      TEST(nothing_is_delivered_before_the_dot_is_out))
