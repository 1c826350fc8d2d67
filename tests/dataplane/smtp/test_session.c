/* test_session.c - what is said when: order, pipelining, windows and the next job. */
#include <stdlib.h>

#include "tests/dataplane/smtp/world.h"

#define PLAIN       "250 mx.y.test\r\n"
#define PIPED       "250-mx.y.test\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
#define ENVELOPE(n) "MAIL FROM:<a@x.test> SIZE=21\r\nRCPT TO:<r" n "@y.test>\r\nDATA\r\n"
#define BODY        "Subject: hi\r\n\r\nbody\r\n.\r\n"

static void without_pipelining_each_command_waits_for_its_reply(void)
{
	world_begin();
	greet(PLAIN);
	submit(1);
	CLIENT("MAIL FROM:<a@x.test>\r\n");
	SERVER("250 ok\r\n");
	CLIENT("RCPT TO:<r1@y.test>\r\n");
	SERVER("250 ok\r\n");
	CLIENT("DATA\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_BODY_TAKEN), 0);
	SERVER("354 go\r\n");
	CLIENT(BODY);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_BODY_TAKEN), 1);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 0);
	world.now_us += 5000;
	SERVER("250 2.0.0 queued as 1\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(1)->code, 250);
	CU_ASSERT_EQUAL(VERDICT(1)->took_us, 5000);
	CU_ASSERT_EQUAL(VERDICT(1)->conn, 77);
	CU_ASSERT_NSTRING_EQUAL(VERDICT(1)->text, "2.0.0 queued as 1", 17);
	part();
	world_end();
}

static void with_pipelining_the_envelope_leaves_in_one_flight(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	CLIENT(ENVELOPE("1"));
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(BODY);
	SERVER("250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void pipelining_that_the_operator_forbids_is_not_used(void)
{
	world_conf();
	world.conf.pipelining = 0;
	world_begin_with();
	greet(PIPED);
	submit(1);
	CLIENT("MAIL FROM:<a@x.test> SIZE=21\r\n");
	smtp_drain(world.smtp, world.now_us, 0);
	fins_pass();
	world_end();
}

/* Odd server 48. */
static void replies_are_matched_by_order_however_they_are_cut(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	CLIENT(ENVELOPE("1"));
	server_drips("250-2.1.0 sender\r\n250 ok\r\n250 2.1.5 rcpt\r\n354 go\r\n");
	CLIENT(BODY);
	server_drips("250-queued\r\n250 as 7\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_NSTRING_EQUAL(VERDICT(1)->text, "queued as 7", 11);
	part();
	world_end();
}

static void the_waiting_job_begins_as_soon_as_the_former_is_settled(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	submit(2);
	CLIENT(ENVELOPE("1"));
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(BODY);
	SERVER("250 queued\r\n");
	CLIENT(ENVELOPE("2"));
	submit(3);
	CLIENT("");
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(BODY);
	SERVER("250 queued\r\n");
	CLIENT(ENVELOPE("3"));
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	SERVER("250 queued\r\n");
	CLIENT(BODY);
	for (uint64_t m = 1; m <= 3; m++)
		CU_ASSERT_EQUAL(VERDICT(m)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void rset_is_sent_only_when_a_transaction_was_given_up_and_another_follows(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	CLIENT(ENVELOPE("1"));
	SERVER("250 ok\r\n550 5.1.1 nobody\r\n554 no valid recipients\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
	CLIENT("");
	submit(2);
	CLIENT("RSET\r\n" ENVELOPE("2"));
	SERVER("250 flushed\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(BODY);
	SERVER("250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_DELIVERED);
	submit(3);
	CLIENT(ENVELOPE("3"));
	SERVER("450 later\r\n503 no\r\n503 no\r\n");
	part();
	world_end();
}

static void a_body_larger_than_the_window_goes_on_when_there_is_room(void)
{
	static uint8_t big[20000];
	struct dp_job job;
	struct fake_conn *c = &world.tcp.conns[0];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : i % 80 == 0 ? '.' : 'x';
	world_begin();
	greet(PLAIN);
	job = job_of(1);
	job.wire[0] = span_of(big, sizeof(big));
	job.size_bytes = sizeof(big);
	smtp_submit(world.smtp, world.now_us, &job);
	SERVER("250 ok\r\n");
	SERVER("250 ok\r\n");
	c->n_seen = c->n_out;
	c->room = 1000;
	SERVER("354 go\r\n");
	CU_ASSERT_EQUAL(c->n_out - c->n_seen, 1000);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_BODY_TAKEN), 0);
	while (n_evts(DP_EVT_BODY_TAKEN) == 0) {
		wait_ms(100000); /* slow, but each block is in time (odd server 37) */
		fake_make_room(&world.tcp, world.now_us, 0, 1000);
	}
	CU_ASSERT_EQUAL(c->n_out, c->n_flushed);
	CU_ASSERT_EQUAL(c->n_out - c->n_seen, 20000 + 250 + 3);
	CU_ASSERT_NSTRING_EQUAL(c->out + c->n_out - 7, "xx\r\n.\r\n", 7);
	SERVER("250 ok\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	c->n_seen = c->n_out;
	c->room = 1000;
	part();
	world_end();
}

static void commands_cut_by_a_full_window_are_continued_at_the_cut(void)
{
	struct fake_conn *c = &world.tcp.conns[0];

	world_begin();
	greet(PIPED);
	c->room = 0;
	submit(1);
	CLIENT("");
	for (size_t i = 0; i < sizeof(ENVELOPE("1")) - 1; i++)
		fake_make_room(&world.tcp, world.now_us, 0, 1);
	CLIENT(ENVELOPE("1"));
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	for (size_t i = 0; i < sizeof(BODY) - 1; i++)
		fake_make_room(&world.tcp, world.now_us, 0, 1);
	CLIENT(BODY);
	c->room = 100;
	SERVER("250 ok\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void a_refusal_while_rcpt_is_half_said_touches_no_span_after_the_verdict(void)
{
	struct fake_conn *c = &world.tcp.conns[0];
	char *to = malloc(10);
	struct dp_job job;

	world_begin();
	greet(PIPED);
	job = job_of(1);
	memcpy(to, "who@y.test", 10);
	job.rcpts = &(const struct dp_rcpt){ .address = span_of(to, 10) };
	c->room = 30 + 12;
	smtp_submit(world.smtp, world.now_us, &job);
	CLIENT("MAIL FROM:<a@x.test> SIZE=21\r\nRCPT TO:<who");
	SERVER("550 5.7.1 not you\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 0);
	fake_make_room(&world.tcp, world.now_us, 0, 1000);
	CLIENT("@y.test>\r\n");
	free(to);
	SERVER("503 MAIL first\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->step, DP_STEP_MAIL);
	CU_ASSERT_EQUAL(VERDICT(1)->code, 550);
	part();
	world_end();
}

static void without_buffers_the_write_is_tried_again_soon(void)
{
	world_begin();
	greet(PIPED);
	world.tcp.no_buffers = true;
	submit(1);
	CLIENT("");
	wait_ms(5);
	CLIENT("");
	world.tcp.no_buffers = false;
	wait_ms(20);
	CLIENT(ENVELOPE("1"));
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	SERVER("250 ok\r\n");
	CLIENT(BODY);
	part();
	world_end();
}

static void parameters_are_said_where_offered_and_needed(void)
{
	struct dp_job job;

	world_begin();
	greet("250-mx\r\n250-size\r\n250-8bitmime\r\n250 smtputf8\r\n");
	job = job_of(1);
	job.needs_8bit = job.needs_smtputf8 = 1;
	job.mail_from = span_of(NULL, 0);
	job.rcpts = &(const struct dp_rcpt){ .address = span_str("j\xc3\xb6rg@y.test") };
	smtp_submit(world.smtp, world.now_us, &job);
	CLIENT("MAIL FROM:<> SIZE=21 BODY=8BITMIME SMTPUTF8\r\n");
	SERVER("250 ok\r\n");
	CLIENT("RCPT TO:<j\xc3\xb6rg@y.test>\r\n");
	SERVER("550 no\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->step, DP_STEP_RCPT);
	part();
	world_end();
}

SUITE("dataplane/smtp/session", TEST(without_pipelining_each_command_waits_for_its_reply),
      TEST(with_pipelining_the_envelope_leaves_in_one_flight),
      TEST(pipelining_that_the_operator_forbids_is_not_used),
      TEST(replies_are_matched_by_order_however_they_are_cut),
      TEST(the_waiting_job_begins_as_soon_as_the_former_is_settled),
      TEST(rset_is_sent_only_when_a_transaction_was_given_up_and_another_follows),
      TEST(a_body_larger_than_the_window_goes_on_when_there_is_room),
      TEST(commands_cut_by_a_full_window_are_continued_at_the_cut),
      TEST(a_refusal_while_rcpt_is_half_said_touches_no_span_after_the_verdict),
      TEST(without_buffers_the_write_is_tried_again_soon),
      TEST(parameters_are_said_where_offered_and_needed))
