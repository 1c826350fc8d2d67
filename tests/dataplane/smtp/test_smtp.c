/* test_smtp.c - orders from above: handles, queues, QUIT and the drain. */
#include <errno.h>

#include "tests/dataplane/smtp/world.h"

#define PIPED    "250-mx.y.test\r\n250 PIPELINING\r\n"
#define ENVELOPE "MAIL FROM:<a@x.test>\r\nRCPT TO:<r1@y.test>\r\nDATA\r\n"
#define BODY     "Subject: hi\r\n\r\nbody\r\n.\r\n"

static void bad_limits_are_refused(void)
{
	struct smtp *smtp;

	world_conf();
	world.conf.sessions_max = 0;
	CU_ASSERT_EQUAL(smtp_open(&world.conf, &world.tcp, 0, &smtp), -EINVAL);
	world_conf();
	world.conf.reply_lines_max = 0;
	CU_ASSERT_EQUAL(smtp_open(&world.conf, &world.tcp, 0, &smtp), -EINVAL);
	world_conf();
	CU_ASSERT_TRUE(smtp_memory_bytes(&world.conf) > 0);
}

static void a_stale_handle_gets_its_job_back_untried(void)
{
	struct dp_job job;

	world_begin();
	greet(PIPED);
	job = job_of(9);
	part();
	smtp_submit(world.smtp, world.now_us, &job);
	smtp_quit(world.smtp, world.now_us, world.conn);
	CU_ASSERT_EQUAL(VERDICT(9)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(9)->handle.gen, job.conn.gen);
	job.conn.slot = 12345; /* never was one */
	job.message = 10;
	smtp_submit(world.smtp, world.now_us, &job);
	CU_ASSERT_EQUAL(VERDICT(10)->outcome, DP_OUT_NOT_TRIED);
	world_end();
}

static void a_slot_used_again_is_not_reached_by_the_old_handle(void)
{
	struct dp_handle old;

	world_conf();
	world.conf.sessions_max = 1;
	world_begin_with();
	greet(PIPED);
	old = world.conn;
	part();
	world.n_evts = 0;
	greet(PIPED);
	CU_ASSERT_EQUAL(old.slot, world.conn.slot);
	smtp_quit(world.smtp, world.now_us, old);
	CLIENT("");
	part();
	world_end();
}

static void sessions_beyond_the_table_are_refused(void)
{
	world_conf();
	world.conf.sessions_max = 1;
	world_begin_with();
	dial();
	dial();
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_NO_ROOM);
	CU_ASSERT_EQUAL(smtp_n_sessions(world.smtp), 1);
	fake_closed(&world.tcp, world.now_us, 0, -ECONNREFUSED);
	world_end();
}

static void quit_waits_for_the_jobs_and_takes_no_more(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	submit(2);
	smtp_quit(world.smtp, world.now_us, world.conn);
	submit(3);
	CU_ASSERT_EQUAL(VERDICT(3)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(3)->why, DP_WHY_QUIT);
	CLIENT(ENVELOPE);
	SERVER("250 a\r\n250 b\r\n354 c\r\n");
	CLIENT(BODY);
	SERVER("250 d\r\n");
	CLIENT("MAIL FROM:<a@x.test>\r\nRCPT TO:<r2@y.test>\r\nDATA\r\n");
	SERVER("250 a\r\n250 b\r\n354 c\r\n");
	CLIENT(BODY);
	SERVER("250 d\r\n");
	CLIENT("QUIT\r\n");
	SERVER("221 bye\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_QUIT);
	world_end();
}

static void a_server_that_never_closes_is_reset_after_lingering_twice(void)
{
	world_begin();
	greet(PIPED);
	smtp_quit(world.smtp, world.now_us, world.conn);
	SERVER("221 bye\r\n");
	wait_ms(2001);
	CU_ASSERT_TRUE(world.tcp.conns[0].is_shut);
	CU_ASSERT_EQUAL(world.tcp.n_aborts, 0);
	wait_ms(2002);
	CU_ASSERT_EQUAL(world.tcp.n_aborts, 1);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_QUIT);
	world_end();
}

static void draining_waits_for_the_answer_to_a_dot_and_then_quits(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	submit(2);
	SERVER("250 a\r\n250 b\r\n354 c\r\n");
	CLIENT(ENVELOPE BODY);
	smtp_drain(world.smtp, world.now_us, 60000);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(VERDICT(2)->why, DP_WHY_SHUTDOWN);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 1);
	submit(3);
	CU_ASSERT_EQUAL(VERDICT(3)->why, DP_WHY_SHUTDOWN);
	wait_ms(30000);
	SERVER("250 d\r\n");
	CLIENT("QUIT\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	SERVER("221 bye\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_SHUTDOWN);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_NONE);
	dial();
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 2);
	world_end();
}

static void draining_leaves_an_unanswered_dot_unconfirmed_at_the_bound(void)
{
	for (int twice = 0; twice < 2; twice++) {
		world_begin();
		greet(PIPED);
		submit(1);
		SERVER("250 a\r\n250 b\r\n354 c\r\n");
		smtp_drain(world.smtp, world.now_us, 60000);
		wait_ms(59000);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 0);
		if (twice)
			smtp_drain(world.smtp, world.now_us, 60000);
		else
			wait_ms(1002);
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_UNCONFIRMED);
		CU_ASSERT_EQUAL(VERDICT(1)->why, DP_WHY_SHUTDOWN);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_timeouts), 0);
		world_end();
	}
}

/* What the server said last when the drain begins, and what then becomes of job and session. */
static void draining_gives_back_what_has_not_left_and_ends_what_is_idle(void)
{
	static const struct {
		const char *why;
		const char *said[3];
		bool has_job;
		size_t room;
		const char *client;
		bool shuts;
		uint32_t aborts;
	} cases[] = {
		/* clang-format off */
		{ "connecting",   { NULL },                                         false, 1000, "", false, 1 },
		{ "at greeting",  { "" },                                           false, 1000, "", true, 0 },
		{ "at EHLO",      { "220 hi\r\n" },                                 false, 1000, "EHLO out.x.test\r\n", true, 0 },
		{ "idle",         { "220 hi\r\n", PIPED },                          false, 1000, "EHLO out.x.test\r\nQUIT\r\n", false, 0 },
		{ "in MAIL",      { "220 hi\r\n", PIPED },                          true, 1000, "EHLO out.x.test\r\n" ENVELOPE, true, 0 },
		{ "in the body",  { "220 hi\r\n", PIPED, "250 a\r\n250 b\r\n354 c\r\n" }, true, 10,
		  "EHLO out.x.test\r\n" ENVELOPE "Subject: h", true, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		dial();
		if (cases[i].said[0] != NULL)
			fake_open(&world.tcp, world.now_us, 0);
		for (size_t n = 0; n < 3 && cases[i].said[n] != NULL; n++) {
			if (n == 2)
				world.tcp.conns[0].room = cases[i].room;
			fake_say(&world.tcp, world.now_us, 0, cases[i].said[n],
			         strlen(cases[i].said[n]));
			if (n == 1 && cases[i].has_job)
				submit(1);
		}
		smtp_drain(world.smtp, world.now_us, 60000);
		if (cases[i].said[0] != NULL)
			CLIENT(cases[i].client);
		if (cases[i].has_job) {
			CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
			CU_ASSERT_EQUAL(VERDICT(1)->why, DP_WHY_SHUTDOWN);
		}
		CU_ASSERT_EQUAL(world.tcp.conns[0].is_shut, cases[i].shuts);
		CU_ASSERT_EQUAL(world.tcp.n_aborts, cases[i].aborts);
		wait_ms(4005);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_SHUTDOWN);
		world_end();
	}
}

SUITE("dataplane/smtp/smtp", TEST(bad_limits_are_refused),
      TEST(a_stale_handle_gets_its_job_back_untried),
      TEST(a_slot_used_again_is_not_reached_by_the_old_handle),
      TEST(sessions_beyond_the_table_are_refused), TEST(quit_waits_for_the_jobs_and_takes_no_more),
      TEST(a_server_that_never_closes_is_reset_after_lingering_twice),
      TEST(draining_waits_for_the_answer_to_a_dot_and_then_quits),
      TEST(draining_leaves_an_unanswered_dot_unconfirmed_at_the_bound),
      TEST(draining_gives_back_what_has_not_left_and_ends_what_is_idle))
