/* test_smtp_mail.c - parameters of MAIL and RCPT, and LMTP, where each recipient has a last word.
 */
#include <errno.h>

#include "tests/dataplane/smtp/world.h"

static void dsn_is_asked_for_where_it_is_offered(void)
{
	static const struct {
		const char *why, *ehlo;
		uint8_t notify, ret;
		const char *envid, *orcpt;
		const char *mail, *rcpt;
	} cases[] = {
		{ "all of it", "250-mx\r\n250 DSN\r\n", DP_NOTIFY_SUCCESS | DP_NOTIFY_FAILURE,
		  DP_RET_HDRS, "c7.r9", "rfc822;r1@y.test",
		  "MAIL FROM:<a@x.test> RET=HDRS ENVID=c7.r9\r\n",
		  "RCPT TO:<r1@y.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;r1@y.test\r\n" },
		{ "never", "250-mx\r\n250 DSN\r\n", DP_NOTIFY_NEVER, DP_RET_NONE, "", "",
		  "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<r1@y.test> NOTIFY=NEVER\r\n" },
		{ "not offered", "250 mx\r\n", DP_NOTIFY_FAILURE, DP_RET_FULL, "c7.r9",
		  "rfc822;r1@y.test", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<r1@y.test>\r\n" },
		{ "no words of its own", "250-mx\r\n250 DSN\r\n", DP_NOTIFY_DELAY, DP_RET_FULL,
		  "a b", "rfc822;x\r\nDATA", "MAIL FROM:<a@x.test> RET=FULL\r\n",
		  "RCPT TO:<r1@y.test> NOTIFY=DELAY\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_rcpt rcpt;
		struct dp_job job;

		world_begin();
		greet(cases[i].ehlo);
		job = job_of(1);
		rcpt = job.rcpts[0];
		rcpt.notify = cases[i].notify;
		rcpt.orcpt = span_str(cases[i].orcpt);
		job.rcpts = &rcpt;
		job.ret = cases[i].ret;
		job.envid = span_str(cases[i].envid);
		smtp_submit(world.smtp, world.now_us, &job);
		CLIENT(cases[i].mail);
		SERVER("250 ok\r\n");
		CLIENT(cases[i].rcpt);
		SERVER("550 no\r\n");
		CU_ASSERT_EQUAL(VERDICT(1)->code, 550);
		part();
		world_end();
	}
}

static void greet_lmtp(void)
{
	world_begin();
	world.order.protocol = DP_PROTO_LMTP;
	world.order.window = 4; /* of no use: its end of data has several answers */
	dial();
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 **** LMTP\r\n");
	CLIENT("LHLO out.x.test\r\n");
	SERVER("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
}

static struct dp_rcpt four[4];

static void submit_four(void)
{
	struct dp_job job = job_of(1);

	for (int i = 0; i < 4; i++) {
		struct dp_job one = job_of(10 + (uint64_t)i);

		four[i] = one.rcpts[0];
	}
	job.rcpts = four;
	job.n_rcpts = 4;
	smtp_submit(world.smtp, world.now_us, &job);
	submit(2); /* behind it, however large the window */
	CLIENT("MAIL FROM:<a@x.test>\r\nRCPT TO:<r10@y.test>\r\nRCPT TO:<r11@y.test>\r\n"
	       "RCPT TO:<r12@y.test>\r\nRCPT TO:<r13@y.test>\r\nDATA\r\n");
	SERVER("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT("Subject: hi\r\n\r\nbody\r\n.\r\n");
}

static const struct dp_evt *verdict_of(uint16_t rcpt)
{
	static const struct dp_evt none = { .outcome = 255 };
	const struct dp_evt *found = &none;

	for (uint32_t i = 0; i < world.n_evts; i++)
		if (world.evts[i].kind == DP_EVT_RCPT && world.evts[i].message == 1 &&
		    world.evts[i].rcpt == rcpt) {
			CU_ASSERT_EQUAL(found, &none);
			found = &world.evts[i];
		}
	return found;
}

/* RFC 2033 4.2: one reply for each that was accepted, in their order. */
static void each_recipient_of_lmtp_has_its_own_last_word(void)
{
	greet_lmtp();
	submit_four();
	SERVER("250 2.0.0 kept\r\n452 4.2.2 r12 is full\r\n");
	CU_ASSERT_EQUAL(verdict_of(3)->outcome, 255); /* not yet */
	SERVER("550 5.2.1 r13 is gone\r\n");
	CU_ASSERT_EQUAL(verdict_of(0)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(verdict_of(1)->code, 550);
	CU_ASSERT_EQUAL(verdict_of(1)->step, DP_STEP_RCPT);
	CU_ASSERT_EQUAL(verdict_of(2)->code, 452);
	CU_ASSERT_EQUAL(verdict_of(2)->reach, DP_REACH_RECIPIENT);
	CU_ASSERT_EQUAL(verdict_of(3)->code, 550);
	CU_ASSERT_EQUAL(verdict_of(3)->step, DP_STEP_DOT);
	/* To one recipient all is as in SMTP. */
	CLIENT("MAIL FROM:<a@x.test>\r\nRCPT TO:<r2@y.test>\r\n");
	SERVER("250 sender\r\n250 recipient\r\n");
	CLIENT("BDAT 21 LAST\r\nSubject: hi\r\n\r\nbody\r\n");
	SERVER("552 5.2.2 full\r\n");
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_REFUSED);
	CU_ASSERT_EQUAL(VERDICT(2)->reach, DP_REACH_RECIPIENT);
	world_end();
}

/* Which one it left out cannot be told, so nobody has got his. */
static void a_word_that_lmtp_leaves_out_leaves_all_unconfirmed(void)
{
	greet_lmtp();
	submit_four();
	SERVER("250 r10\r\n250 r12\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(verdict_of(1)->code, 550);
	CU_ASSERT_EQUAL(verdict_of(1)->outcome, DP_OUT_REFUSED);
	for (uint16_t i = 0; i < 4; i += i == 0 ? 2 : 1)
		CU_ASSERT_EQUAL(verdict_of(i)->outcome, DP_OUT_UNCONFIRMED);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_NOT_TRIED);
	world_end();
}

/* A word that is the same as the one before may be that one said again. */
static void words_of_lmtp_that_are_the_same_settle_only_when_all_are_good(void)
{
	static const struct {
		const char *words;
		enum dp_outcome first, last;
	} cases[] = {
		{ "250 ok\r\n250 ok\r\n250 ok\r\n", DP_OUT_DELIVERED, DP_OUT_DELIVERED },
		{ "250 ok\r\n250 ok\r\n552 full\r\n", DP_OUT_UNCONFIRMED, DP_OUT_UNCONFIRMED },
		{ "552 full\r\n552 full\r\n250 ok\r\n", DP_OUT_UNCONFIRMED, DP_OUT_UNCONFIRMED },
		{ "552 full\r\n250 ok\r\n250 done\r\n", DP_OUT_REFUSED, DP_OUT_DELIVERED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_doubtful = i < 3;

		greet_lmtp();
		submit_four();
		fake_say(&world.tcp, world.now_us, 0, cases[i].words, strlen(cases[i].words));
		if (is_doubtful) {
			CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 1);
			CLIENT("RSET\r\n");
			SERVER("250 reset\r\n");
		}
		CU_ASSERT_EQUAL(verdict_of(0)->outcome, cases[i].first);
		CU_ASSERT_EQUAL(verdict_of(3)->outcome, cases[i].last);
		world.tcp.conns[0].n_seen = world.tcp.conns[0].n_flushed;
		fake_closed(&world.tcp, world.now_us, 0, -ECONNRESET);
		world_end();
	}
}

static void a_word_too_many_of_lmtp_ends_the_session(void)
{
	greet_lmtp();
	submit_four();
	SERVER("250 r10\r\n250 r12\r\n250 r13\r\n250 who?\r\n");
	CU_ASSERT_EQUAL(verdict_of(3)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_NOT_TRIED);
	fins_pass();
	world_end();
}

/* RFC 2033 4.1: what does not know LHLO is no LMTP server, and HELO is not for it. */
static void a_host_without_lhlo_is_left(void)
{
	world_begin();
	world.order.protocol = DP_PROTO_LMTP;
	dial();
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 mx ESMTP\r\n");
	CLIENT("LHLO out.x.test\r\n");
	SERVER("500 what?\r\n");
	CLIENT("QUIT\r\n");
	SERVER("221 bye\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_REPLY);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
	world_end();
}

SUITE("dataplane/smtp/smtp_mail", TEST(dsn_is_asked_for_where_it_is_offered),
      TEST(each_recipient_of_lmtp_has_its_own_last_word),
      TEST(a_word_that_lmtp_leaves_out_leaves_all_unconfirmed),
      TEST(words_of_lmtp_that_are_the_same_settle_only_when_all_are_good),
      TEST(a_word_too_many_of_lmtp_ends_the_session), TEST(a_host_without_lhlo_is_left))
