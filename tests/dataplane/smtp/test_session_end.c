/* test_session_end.c - connections that end: what that says of jobs and of the host. */
#include <errno.h>

#include "tests/dataplane/smtp/world.h"

#define PIPED    "250-mx.y.test\r\n250 PIPELINING\r\n"
#define ENVELOPE "MAIL FROM:<a@x.test>\r\nRCPT TO:<r1@y.test>\r\nDATA\r\n"
#define BODY     "Subject: hi\r\n\r\nbody\r\n.\r\n"

/* 1, 2. */
static void a_connection_that_never_opens_blames_the_host(void)
{
	static const struct {
		int error;
		enum dp_why why;
	} cases[] = {
		{ -ECONNREFUSED, DP_WHY_REFUSED },
		{ -ETIMEDOUT, DP_WHY_TIMEOUT },
		{ -EHOSTUNREACH, DP_WHY_UNREACHABLE },
		{ -ECONNRESET, DP_WHY_RESET },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		dial();
		fake_closed(&world.tcp, world.now_us, 0, cases[i].error);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, cases[i].why);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_CONNECT);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->conn, 77);
		world_end();
	}
}

static void a_connection_that_cannot_be_tried_closes_at_once(void)
{
	static const struct {
		int error;
		enum dp_why why;
		enum dp_reach reach;
	} cases[] = {
		{ -ENOBUFS, DP_WHY_NO_ROOM, DP_REACH_NONE },
		{ -EADDRNOTAVAIL, DP_WHY_NO_PORTS, DP_REACH_NONE },
		{ -ENETUNREACH, DP_WHY_UNREACHABLE, DP_REACH_HOST },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		world.tcp.connect_error = cases[i].error;
		dial();
		CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, cases[i].why);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, cases[i].reach);
		world_end();
	}
}

/* Each silence ends after its own time and not before (RFC 5321 4.5.3.2). */
static void silence_ends_the_session_after_the_time_of_its_step(void)
{
	static const struct {
		const char *why;
		const char *said[5]; /* by the server, from the greeting on */
		uint64_t ms;
		enum dp_step step;
		enum dp_outcome outcome;
	} cases[] = {
		/* clang-format off */
		{ "3. no greeting",  { NULL },                                  300000, DP_STEP_BANNER, 0 },
		{ "no EHLO reply",   { "220 hi\r\n" },                          300000, DP_STEP_EHLO, 0 },
		{ "19. half of one", { "220 hi\r\n", "250-PIPELINING\r\n" },    300000, DP_STEP_EHLO, 0 },
		{ "no MAIL reply",   { "220 hi\r\n", PIPED },                   300000, DP_STEP_MAIL,
		  DP_OUT_NOT_TRIED },
		{ "33. no RCPT reply", { "220 hi\r\n", PIPED, "250 ok\r\n" },   300000, DP_STEP_RCPT,
		  DP_OUT_NOT_TRIED },
		{ "no DATA reply",   { "220 hi\r\n", PIPED, "250 a\r\n250 b\r\n" }, 120000, DP_STEP_DATA,
		  DP_OUT_NOT_TRIED },
		{ "38. no dot reply", { "220 hi\r\n", PIPED, "250 a\r\n250 b\r\n", "354 c\r\n" }, 600000,
		  DP_STEP_DOT, DP_OUT_UNCONFIRMED },
		{ "39. half a dot reply", { "220 hi\r\n", PIPED, "250 a\r\n250 b\r\n354 c\r\n", "250-ok\r\n250" },
		  600000, DP_STEP_DOT, DP_OUT_UNCONFIRMED },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		dial();
		fake_open(&world.tcp, world.now_us, 0);
		for (size_t n = 0; n < 5 && cases[i].said[n] != NULL; n++) {
			fake_say(&world.tcp, world.now_us, 0, cases[i].said[n],
			         strlen(cases[i].said[n]));
			if (n_evts(DP_EVT_OPEN) == 1 && n == 1)
				submit(1);
		}
		wait_ms(cases[i].ms - 1);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 0);
		wait_ms(3);
		if (last(DP_EVT_CLOSED)->step != cases[i].step)
			printf("\n    %s: got step %u", cases[i].why, last(DP_EVT_CLOSED)->step);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, cases[i].step);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_TIMEOUT);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
		if (n_evts(DP_EVT_OPEN) == 1)
			CU_ASSERT_EQUAL(VERDICT(1)->outcome, cases[i].outcome);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_timeouts), 1);
		world_end();
	}
}

/* 37: a window that stays closed. */
static void a_body_that_makes_no_progress_ends_the_session(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	CLIENT(ENVELOPE);
	world.tcp.conns[0].room = 5;
	SERVER("250 a\r\n250 b\r\n354 c\r\n");
	wait_ms(179000);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 0);
	fake_make_room(&world.tcp, world.now_us, 0, 1);
	wait_ms(179000);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 0);
	wait_ms(2000);
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(1)->step, DP_STEP_BODY);
	CU_ASSERT_EQUAL(VERDICT(1)->why, DP_WHY_TIMEOUT);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_BODY_TAKEN), 0);
	CU_ASSERT_EQUAL(world.tcp.n_aborts, 1);
	world_end();
}

/* 4, 36, 39, 40: where the line is cut decides. A FIN or a reset makes no difference. */
static void a_lost_connection_leaves_a_job_untried_before_the_dot_and_unconfirmed_after(void)
{
	static const struct {
		const char *why, *replies, *dot;
		size_t room;
		enum dp_outcome outcome;
		enum dp_step step;
	} cases[] = {
		{ "before any reply", "", "", 1000, DP_OUT_NOT_TRIED, DP_STEP_MAIL },
		{ "after MAIL", "250 a\r\n", "", 1000, DP_OUT_NOT_TRIED, DP_STEP_RCPT },
		{ "after RCPT", "250 a\r\n250 b\r\n", "", 1000, DP_OUT_NOT_TRIED, DP_STEP_DATA },
		{ "36. in the body", "250 a\r\n250 b\r\n354 c\r\n", "", 9, DP_OUT_NOT_TRIED,
		  DP_STEP_BODY },
		{ "before the last byte", "250 a\r\n250 b\r\n354 c\r\n", "", sizeof(BODY) - 2,
		  DP_OUT_NOT_TRIED, DP_STEP_BODY },
		{ "39. after it", "250 a\r\n250 b\r\n354 c\r\n", "", 1000, DP_OUT_UNCONFIRMED,
		  DP_STEP_DOT },
		{ "39. in the reply", "250 a\r\n250 b\r\n354 c\r\n", "250-x\r\n250 y\r", 1000,
		  DP_OUT_UNCONFIRMED, DP_STEP_DOT },
		{ "40. after the reply", "250 a\r\n250 b\r\n354 c\r\n", "250 y\r\n", 1000,
		  DP_OUT_DELIVERED, DP_STEP_DOT },
	};

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t k = i / 2;
		bool reset = i % 2 == 1;

		world_begin();
		greet(PIPED);
		submit(1);
		submit(2);
		CLIENT(ENVELOPE);
		world.tcp.conns[0].room = cases[k].room;
		fake_say(&world.tcp, world.now_us, 0, cases[k].replies, strlen(cases[k].replies));
		fake_say(&world.tcp, world.now_us, 0, cases[k].dot, strlen(cases[k].dot));
		if (reset) {
			fake_closed(&world.tcp, world.now_us, 0, -ECONNRESET);
		} else {
			fake_fin(&world.tcp, world.now_us, 0);
			fins_pass();
		}
		if (VERDICT(1)->outcome != cases[k].outcome || VERDICT(1)->step != cases[k].step)
			printf("\n    %s: got outcome %u step %u", cases[k].why,
			       VERDICT(1)->outcome, VERDICT(1)->step);
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, cases[k].outcome);
		CU_ASSERT_EQUAL(VERDICT(1)->step, cases[k].step);
		CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_NOT_TRIED);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why,
		                reset ? DP_WHY_RESET : DP_WHY_PEER_CLOSED);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, cases[k].outcome == DP_OUT_DELIVERED
		                                                ? DP_REACH_NONE
		                                                : DP_REACH_HOST);
		world_end();
	}
}

static void a_server_that_tires_of_an_idle_session_is_not_blamed(void)
{
	world_begin();
	greet(PIPED);
	wait_ms(3600000);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 0);
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_PEER_CLOSED);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_NONE);
	world_end();
}

static void half_a_goodbye_on_an_idle_session_is_waited_for_but_not_for_ever(void)
{
	world_begin();
	greet(PIPED);
	wait_ms(3600000);
	SERVER("421-4.4.2 idle\r\n");
	wait_ms(299999);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 0);
	wait_ms(3);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_TIMEOUT);
	world_end();
}

/* 25, 50, and addresses that would say more than one line. */
static void what_the_host_cannot_take_is_refused_without_asking_it(void)
{
	static const struct {
		const char *why, *from, *to;
		uint32_t size_bytes;
		uint8_t needs_8bit, needs_smtputf8;
		uint16_t code;
		uint8_t enhanced[3];
		enum dp_reach reach;
	} cases[] = {
		/* clang-format off */
		{ "25. larger than SIZE",  "a@x.test", "b@y.test", 1001, 0, 0, 552, { 5, 3, 4 }, DP_REACH_MESSAGE },
		{ "50. SMTPUTF8",          "a@x.test", "b@y.test", 21,   0, 1, 554, { 5, 6, 7 }, DP_REACH_MESSAGE },
		{ "a second command",      "a@x.test", "b@y.test>\r\nRCPT TO:<c@y.test", 21, 0, 0,
		  553, { 5, 1, 3 }, DP_REACH_RECIPIENT },
		{ "the same in MAIL",      "a@x.test\n", "b@y.test", 21, 0, 0, 553, { 5, 1, 7 }, DP_REACH_MESSAGE },
		{ "8-bit in an address",   "a@x.test", "\xc3\xb6@y.test", 21, 0, 0, 553, { 5, 1, 3 }, DP_REACH_RECIPIENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_job job;

		world_begin();
		greet("250-mx\r\n250-SIZE 1000\r\n250 PIPELINING\r\n");
		job = job_of(1);
		job.mail_from = span_str(cases[i].from);
		job.rcpts = &(const struct dp_rcpt){ .address = span_str(cases[i].to) };
		job.size_bytes = cases[i].size_bytes;
		job.needs_8bit = cases[i].needs_8bit;
		job.needs_smtputf8 = cases[i].needs_smtputf8;
		smtp_submit(world.smtp, world.now_us, &job);
		CLIENT("");
		if (VERDICT(1)->code != cases[i].code)
			printf("\n    %s: got %u", cases[i].why, VERDICT(1)->code);
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
		CU_ASSERT_EQUAL(VERDICT(1)->code, cases[i].code);
		CU_ASSERT_EQUAL(memcmp(VERDICT(1)->enhanced, cases[i].enhanced, 3), 0);
		CU_ASSERT_EQUAL(VERDICT(1)->reach, cases[i].reach);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_messages), 0);
		submit(2);
		CLIENT("MAIL FROM:<a@x.test> SIZE=21\r\nRCPT TO:<r2@y.test>\r\nDATA\r\n");
		SERVER("250 a\r\n250 b\r\n354 c\r\n");
		SERVER("250 d\r\n");
		CLIENT(BODY);
		part();
		world_end();
	}
}

/* Whatever its length and wherever the byte stands. */
static void each_byte_of_an_address_is_looked_at(void)
{
	static const struct {
		char byte;
		bool utf8, fits;
	} cases[] = {
		/* clang-format off */
		{ '\n',   false, false }, { '\r',   false, false }, { '\0', false, false },
		{ '\x1f', false, false }, { '\x7f', false, false }, { ' ',  false, true },
		{ '!',    false, true },  { '~',    false, true },  { '\xc3', false, false },
		{ '\xc3', true,  true },  { '\x80', true,  true },  { '\x1f', true, false },
		{ '\x7f', true,  false },
		/* clang-format on */
	};
	uint64_t message = 0;

	world_begin();
	greet("250-mx\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t n = 1; n <= 27; n++) {
			for (size_t at = 0; at < n; at++) {
				char address[32] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
				struct dp_job job = job_of(message++);
				const struct dp_rcpt to = { .address = span_of(address, n) };

				address[at] = cases[i].byte;
				job.rcpts = &to;
				job.needs_smtputf8 = cases[i].utf8;
				job.needs_8bit = 1;
				world.n_evts = 0;
				smtp_submit(world.smtp, world.now_us, &job);
				CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), cases[i].fits ? 0 : 1);
				if (cases[i].fits) {
					SERVER("250 a\r\n250 b\r\n354 c\r\n");
					SERVER("250 d\r\n");
				}
				world.tcp.conns[0].n_out = world.tcp.conns[0].n_flushed = 0;
				world.tcp.conns[0].n_seen = 0;
				world.tcp.conns[0].room = FAKE_OUT_BYTES;
				CU_ASSERT_EQUAL(last(DP_EVT_RCPT)->code, cases[i].fits ? 250 : 553);
			}
		}
	}
	part();
	world_end();
}

SUITE("dataplane/smtp/session_end", TEST(a_connection_that_never_opens_blames_the_host),
      TEST(a_connection_that_cannot_be_tried_closes_at_once),
      TEST(silence_ends_the_session_after_the_time_of_its_step),
      TEST(a_body_that_makes_no_progress_ends_the_session),
      TEST(a_lost_connection_leaves_a_job_untried_before_the_dot_and_unconfirmed_after),
      TEST(a_server_that_tires_of_an_idle_session_is_not_blamed),
      TEST(half_a_goodbye_on_an_idle_session_is_waited_for_but_not_for_ever),
      TEST(what_the_host_cannot_take_is_refused_without_asking_it),
      TEST(each_byte_of_an_address_is_looked_at))
