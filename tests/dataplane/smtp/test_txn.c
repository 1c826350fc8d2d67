/* test_txn.c - one transaction with several recipients, by DATA and by BDAT; limits of the host;
 * and what is learnt of it.
 */
#include "tests/dataplane/smtp/world.h"

#define PIPED    "250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
#define CHUNKED  "250-mx\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define MESSAGE  "Subject: hi\r\n\r\nbody\r\n"
#define MAIL     "MAIL FROM:<a@x.test>\r\n"
#define RCPT(to) "RCPT TO:<" to "@y.test>\r\n"
#define BDAT     "BDAT 21 LAST\r\n" MESSAGE
#define SENDER   "250 2.1.0 sender\r\n"
#define TO       "250 2.1.5 recipient\r\n"
#define QUEUED   "250 2.0.0 queued\r\n"
#define RESET    "250 2.0.0 reset\r\n"
#define KNOWN    (DP_KNOWN_BDAT_WORKS | DP_KNOWN_TOLD_APART)

static struct dp_rcpt four[4];

/* One message to a, b, c and d @y.test, or as many of them. */
static void submit_to(uint64_t message, uint16_t n)
{
	static const char *const names[] = { "a@y.test", "b@y.test", "c@y.test", "d@y.test" };
	struct dp_job job = job_of(message);

	for (size_t i = 0; i < 4; i++)
		four[i].address = span_str(names[i]);
	job.rcpts = four;
	job.n_rcpts = n;
	smtp_submit(world.smtp, world.now_us, &job);
}

/* Dials with a window and what is known, up to EHLO's answer. */
static void greet_as(const char *ehlo, uint8_t window, uint16_t known)
{
	const struct dp_dial d = {
		.conn = 77, .remote_port = 25, .window = window, .known = known
	};
	const struct ip_addr local = { { 0 } };

	smtp_open_session(world.smtp, world.now_us, &d, &local);
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 mx ESMTP\r\n");
	CLIENT("EHLO out.x.test\r\n");
	fake_say(&world.tcp, world.now_us, 0, ehlo, strlen(ehlo));
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
}

static const struct dp_evt *of(uint64_t message, uint16_t rcpt)
{
	static const struct dp_evt none = { .outcome = 255 };
	const struct dp_evt *found = &none;
	unsigned n = 0;

	for (uint32_t i = 0; i < world.n_evts; i++)
		if (world.evts[i].kind == DP_EVT_RCPT && world.evts[i].message == message &&
		    world.evts[i].rcpt == rcpt) {
			found = &world.evts[i];
			n++;
		}
	CU_ASSERT_EQUAL(n, 1);
	return found;
}

/* 26: DATA only for those that were accepted. */
static void each_of_several_recipients_has_its_own_verdict(void)
{
	world_begin();
	greet(PIPED);
	submit_to(1, 4);
	CLIENT(MAIL RCPT("a") RCPT("b") RCPT("c") RCPT("d") "DATA\r\n");
	SERVER("250 ok\r\n250 a\r\n450 4.2.1 b\r\n550 5.1.1 c\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 0); /* until 354 shows that none is missing */
	SERVER("251 d\r\n354 go\r\n");
	CU_ASSERT_EQUAL(of(1, 1)->code, 450);
	CU_ASSERT_EQUAL(of(1, 2)->code, 550);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 2);
	CLIENT(MESSAGE ".\r\n");
	SERVER("250 2.0.0 queued\r\n");
	CU_ASSERT_EQUAL(of(1, 0)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(of(1, 3)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(of(1, 1)->outcome, DP_OUT_REFUSED);
	CU_ASSERT_EQUAL(of(1, 2)->reach, DP_REACH_RECIPIENT);
	part();
	world_end();
}

/* 27. */
static void a_goodbye_to_one_recipient_leaves_the_others_untried(void)
{
	world_begin();
	greet(PIPED);
	submit_to(1, 4);
	SERVER("250 ok\r\n250 a\r\n550 b\r\n421 4.3.2 c\r\n");
	/* Nothing shows that the 550 was not c's, and b's reply lost. */
	for (uint16_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(of(1, i)->outcome, DP_OUT_NOT_TRIED);
	CU_ASSERT_EQUAL(of(1, 1)->code, 550);
	CU_ASSERT_EQUAL(of(1, 2)->code, 421);
	fins_pass();
	world_end();
}

/* RFC 5321 4.5.3.1.10. */
static void a_server_that_has_enough_recipients_gets_the_others_in_another_transaction(void)
{
	static const struct {
		const char *why, *reply;
		enum dp_outcome outcome;
	} cases[] = {
		{ "as the RFC says", "452 too many recipients\r\n", DP_OUT_NOT_TRIED },
		{ "with its enhanced code", "452 4.5.3 too many\r\n", DP_OUT_NOT_TRIED },
		{ "the old way", "552 5.5.3 too many\r\n", DP_OUT_NOT_TRIED },
		{ "a full mailbox is something else", "452 4.2.2 full\r\n", DP_OUT_REFUSED },
		{ "so is a full disk", "452 4.3.1 no space\r\n", DP_OUT_REFUSED },
		{ "and 552 alone", "552 too large\r\n", DP_OUT_REFUSED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_many = cases[i].outcome == DP_OUT_NOT_TRIED;

		world_begin();
		greet("250 mx\r\n"); /* one by one: what is not said yet is not asked for */
		submit_to(1, 4);
		SERVER("250 ok\r\n");
		SERVER("250 a\r\n");
		SERVER("250 b\r\n");
		CLIENT(MAIL RCPT("a") RCPT("b") RCPT("c"));
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		if (of(1, 2)->outcome != cases[i].outcome)
			printf("\n    %s: got %u", cases[i].why, of(1, 2)->outcome);
		CU_ASSERT_EQUAL(of(1, 2)->outcome, cases[i].outcome);
		if (is_many) {
			CU_ASSERT_EQUAL(of(1, 2)->why, DP_WHY_TOO_MANY);
			CU_ASSERT_EQUAL(of(1, 3)->why, DP_WHY_TOO_MANY);
			CU_ASSERT_EQUAL(of(1, 3)->rcpts_max, 2);
			CLIENT("DATA\r\n");
		} else {
			CLIENT(RCPT("d"));
			SERVER("250 d\r\n");
			CLIENT("DATA\r\n");
		}
		SERVER("354 go\r\n");
		CLIENT(MESSAGE ".\r\n");
		SERVER("250 ok\r\n");
		CU_ASSERT_EQUAL(of(1, 0)->outcome, DP_OUT_DELIVERED);
		CU_ASSERT_EQUAL(of(1, 1)->outcome, DP_OUT_DELIVERED);
		part();
		world_end();
	}
}

static void too_many_at_the_first_recipient_is_a_refusal(void)
{
	world_begin();
	greet(PIPED);
	submit(1);
	SERVER("250 ok\r\n452 4.5.3 too many\r\n503 no\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
	CLIENT(MAIL RCPT("r1") "DATA\r\n");
	part();
	world_end();
}

/* RFC 9422. */
static void limits_are_learnt_and_obeyed(void)
{
	world_begin();
	greet("250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2 mailmax=2 RCPTDOMAINMAX=1 X=1\r\n");
	CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->rcpts_max, 2);
	CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->mail_max, 2);
	CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->domains_max, 1);
	submit_to(1, 4);
	CLIENT(MAIL RCPT("a") RCPT("b") "DATA\r\n");
	CU_ASSERT_EQUAL(of(1, 2)->why, DP_WHY_TOO_MANY);
	CU_ASSERT_EQUAL(of(1, 3)->why, DP_WHY_TOO_MANY);
	SERVER("250 ok\r\n250 a\r\n250 b\r\n354 go\r\n");
	SERVER("250 ok\r\n");
	CLIENT(MESSAGE ".\r\n");
	{
		struct dp_job other = job_of(2);

		other.rcpts = &(const struct dp_rcpt){ .address = span_str("a@z.test") };
		smtp_submit(world.smtp, world.now_us, &other);
		CLIENT("");
		CU_ASSERT_EQUAL(VERDICT(2)->why, DP_WHY_TOO_MANY);
	}
	submit(3);
	CLIENT(MAIL RCPT("r3") "DATA\r\n");
	submit(4);
	SERVER("250 ok\r\n250 a\r\n354 go\r\n");
	SERVER("250 ok\r\n");
	CLIENT(MESSAGE ".\r\nQUIT\r\n");
	CU_ASSERT_EQUAL(VERDICT(3)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(4)->why, DP_WHY_TOO_MANY);
	SERVER("221 bye\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	world_end();
}

static void no_more_recipients_are_said_than_the_operator_allows(void)
{
	world_conf();
	world.conf.rcpts_max = 3;
	world_begin_with();
	greet(PIPED);
	submit_to(1, 4);
	CLIENT(MAIL RCPT("a") RCPT("b") RCPT("c") "DATA\r\n");
	CU_ASSERT_EQUAL(of(1, 3)->why, DP_WHY_TOO_MANY);
	SERVER("550 no\r\n503 a\r\n503 b\r\n503 c\r\n503 d\r\n");
	part();
	world_end();
}

/* The octets share a flight with RCPT only where a BDAT was answered well before. */
static void the_first_bdat_waits_for_the_recipients_and_later_ones_do_not(void)
{
	world_begin();
	greet(CHUNKED);
	submit(1);
	submit(2);
	CLIENT(MAIL RCPT("r1"));
	SERVER("250 sender\r\n250 recipient\r\n");
	CLIENT(BDAT);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_BODY_TAKEN), 1);
	SERVER("250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	CU_ASSERT_EQUAL(VERDICT(1)->step, DP_STEP_BDAT);
	CU_ASSERT_TRUE((VERDICT(1)->learnt & DP_KNOWN_BDAT_WORKS) != 0);
	CLIENT(MAIL RCPT("r2") BDAT);
	SERVER("250 sender\r\n250 recipient\r\n250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void octets_go_as_they_are(void)
{
	static const char body[] = ".\r\n..x\r\n.";
	struct dp_job job;

	world_begin();
	greet_as(CHUNKED, 1, DP_KNOWN_BDAT_WORKS);
	job = job_of(1);
	job.wire[0] = span_of(body, 3);
	job.wire[1] = span_of(body + 3, sizeof(body) - 4);
	job.n_wire = 2;
	job.size_bytes = sizeof(body) - 1;
	smtp_submit(world.smtp, world.now_us, &job);
	CLIENT(MAIL RCPT("r1") "BDAT 9 LAST\r\n.\r\n..x\r\n.");
	SERVER("250 sender\r\n250 recipient\r\n250 queued\r\n");
	part();
	world_end();
}

/* 49. */
static void a_bdat_that_is_refused_ends_the_session_and_what_was_behind_it_was_not_tried(void)
{
	static const struct {
		const char *why, *reply;
		enum dp_outcome outcome;
	} cases[] = {
		{ "the command is not known", "502 5.5.1 what?\r\n", DP_OUT_NOT_TRIED },
		{ "or out of place", "503 5.5.1 what?\r\n", DP_OUT_NOT_TRIED },
		{ "the message is not wanted", "554 5.7.1 spam\r\n", DP_OUT_REFUSED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet_as(CHUNKED, 4, KNOWN);
		submit(1);
		submit(2);
		submit(3);
		CLIENT(MAIL RCPT("r1") BDAT "RSET\r\n" MAIL RCPT("r2") BDAT
		       "RSET\r\n" MAIL RCPT("r3") BDAT);
		SERVER(SENDER TO);
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, cases[i].outcome);
		for (uint64_t m = 2; m <= 3; m++) {
			CU_ASSERT_EQUAL(VERDICT(m)->outcome, DP_OUT_NOT_TRIED);
			CU_ASSERT_EQUAL(VERDICT(m)->why, DP_WHY_NO_CHUNKING);
		}
		CU_ASSERT_EQUAL(world.tcp.n_aborts, 1);
		CU_ASSERT_TRUE((last(DP_EVT_CLOSED)->learnt & DP_KNOWN_NO_CHUNKING) != 0);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_bdat_refused), 1);
		world_end();
	}
}

/* The octets of a transaction without recipients may have been read as commands: the RSET behind
 * them shows it, and nothing is believed that comes then.
 */
static void octets_taken_for_commands_are_noticed_before_any_verdict(void)
{
	for (int leaves = 0; leaves < 2; leaves++) {
		world_begin();
		greet_as(CHUNKED, 4, KNOWN);
		submit(1);
		submit(2);
		SERVER(SENDER "550 5.1.1 nobody\r\n503 5.5.1 no recipients\r\n");
		CU_ASSERT_EQUAL(n_evts(DP_EVT_RCPT), 0);
		if (leaves) {
			SERVER("500 what?\r\n500 what?\r\n250 ok\r\n");
			CU_ASSERT_EQUAL(VERDICT(1)->code, 550);
			CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_UNCONFIRMED);
			CU_ASSERT_TRUE((VERDICT(2)->learnt & DP_KNOWN_NO_CHUNKING) != 0);
			fins_pass();
		} else {
			SERVER(RESET SENDER TO QUEUED);
			CU_ASSERT_EQUAL(VERDICT(1)->code, 550);
			CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_DELIVERED);
			world.tcp.conns[0].n_seen = world.tcp.conns[0].n_flushed;
			part();
		}
		world_end();
	}
}

static void a_refusal_lets_nothing_begin_until_all_is_answered(void)
{
	world_begin();
	greet_as(CHUNKED, 3, KNOWN);
	submit(1);
	submit(2);
	submit(3);
	submit(4);
	CLIENT(MAIL RCPT("r1") BDAT "RSET\r\n" MAIL RCPT("r2") BDAT "RSET\r\n" MAIL RCPT("r3")
	           BDAT);
	SERVER(SENDER "550 5.1.1 nobody\r\n503 5.5.1 none\r\n");
	CLIENT("");
	SERVER(RESET SENDER TO QUEUED);
	CLIENT("");
	SERVER(RESET SENDER TO QUEUED);
	CLIENT(MAIL RCPT("r4") BDAT); /* the last BDAT was answered well: nothing is left over */
	SERVER(SENDER TO QUEUED);
	for (uint64_t m = 2; m <= 4; m++)
		CU_ASSERT_EQUAL(VERDICT(m)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

/* RFC 2920 3.1: the end of the data may be followed at once. */
static void behind_the_dot_the_next_envelope_leaves_unanswered(void)
{
	world_begin();
	greet_as(PIPED, 2, DP_KNOWN_TOLD_APART);
	submit(1);
	submit(2);
	CLIENT(MAIL RCPT("r1") "DATA\r\n");
	SERVER("250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(MESSAGE ".\r\n" MAIL RCPT("r2") "DATA\r\n");
	SERVER("554 no\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	CLIENT(MESSAGE ".\r\n");
	SERVER("250 ok\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->code, 554);
	CU_ASSERT_EQUAL(VERDICT(2)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void what_the_host_cannot_take_in_this_form_comes_back_to_be_made_again(void)
{
	static const struct {
		const char *why, *ehlo;
		uint8_t is_8bit, is_binary;
		const char *mail; /* NULL: it comes back */
	} cases[] = {
		/* clang-format off */
		{ "8-bit, not offered",   "250-mx\r\n250 PIPELINING\r\n", 1, 0, NULL },
		{ "8-bit, offered",       "250-mx\r\n250 8BITMIME\r\n",   1, 0, "MAIL FROM:<a@x.test> BODY=8BITMIME\r\n" },
		{ "binary, not offered",  CHUNKED,                        0, 1, NULL },
		{ "binary, no chunking",  "250-mx\r\n250 BINARYMIME\r\n", 0, 1, NULL },
		{ "binary, offered",      "250-mx\r\n250-BINARYMIME\r\n250 CHUNKING\r\n", 0, 1,
		  "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_job job;

		world_begin();
		greet(cases[i].ehlo);
		job = job_of(1);
		job.needs_8bit = cases[i].is_8bit;
		job.needs_binary = cases[i].is_binary;
		smtp_submit(world.smtp, world.now_us, &job);
		CLIENT(cases[i].mail == NULL ? "" : cases[i].mail);
		if (cases[i].mail != NULL) {
			SERVER("550 no\r\n");
			CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
		} else {
			CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
			CU_ASSERT_EQUAL(VERDICT(1)->why, DP_WHY_NEEDS_7BIT);
		}
		part();
		world_end();
	}
}

static void a_host_that_loses_count_is_told_of(void)
{
	static const struct {
		const char *why, *replies;
		bool waits;
	} cases[] = {
		{ "503 to a command in its place", "250 ok\r\n503 5.5.1 MAIL first\r\n", false },
		{ "503 to DATA with a recipient", "250 ok\r\n250 ok\r\n503 5.5.1 no\r\n", false },
		{ "a reply too many", "550 no\r\n503 no\r\n503 no\r\n250 ok\r\n", false },
		{ "a reply too few", "250 ok\r\n", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PIPED);
		submit(1);
		fake_say(&world.tcp, world.now_us, 0, cases[i].replies, strlen(cases[i].replies));
		if (cases[i].waits)
			wait_ms(301000);
		else
			fins_pass();
		if ((last(DP_EVT_CLOSED)->learnt & DP_KNOWN_NO_PIPELINING) == 0)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_TRUE((last(DP_EVT_CLOSED)->learnt & DP_KNOWN_NO_PIPELINING) != 0);
		if (i != 2)
			CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
		world_end();
	}
}

SUITE("dataplane/smtp/txn", TEST(each_of_several_recipients_has_its_own_verdict),
      TEST(a_goodbye_to_one_recipient_leaves_the_others_untried),
      TEST(a_server_that_has_enough_recipients_gets_the_others_in_another_transaction),
      TEST(too_many_at_the_first_recipient_is_a_refusal), TEST(limits_are_learnt_and_obeyed),
      TEST(no_more_recipients_are_said_than_the_operator_allows),
      TEST(the_first_bdat_waits_for_the_recipients_and_later_ones_do_not),
      TEST(octets_go_as_they_are),
      TEST(a_bdat_that_is_refused_ends_the_session_and_what_was_behind_it_was_not_tried),
      TEST(octets_taken_for_commands_are_noticed_before_any_verdict),
      TEST(a_refusal_lets_nothing_begin_until_all_is_answered),
      TEST(behind_the_dot_the_next_envelope_leaves_unanswered),
      TEST(what_the_host_cannot_take_in_this_form_comes_back_to_be_made_again),
      TEST(a_host_that_loses_count_is_told_of))
