/* test_sink.c - the sink as a server: sessions, commands, what it counts.
 *
 * Each case is what a client says and the reply codes that it gets.
 */
#include <string.h>

#include "tests/dataplane/smtp/sink_rig.h"
#include "tests/support/suite.h"

#define EHLO "EHLO c.test\r\n"

static struct rig r;

/* A greeted client; what was said so far is forgotten. */
static struct rig_conn *begin(const char *script)
{
	struct rig_conn *c;

	rig_init(&r);
	rig_open(&r, script);
	c = rig_connect(&r, 1);
	(void)rig_heard(c);
	return c;
}

static void it_greets_and_says_what_it_offers(void)
{
	struct rig_conn *c;

	rig_init(&r);
	r.conf.mails_max = 7;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_equal("banner", rig_heard(c), "220 sink.test ESMTP sink: a test tool\r\n");
	rig_say(c, EHLO);
	rig_equal("in the clear", rig_heard(c),
	          "250-sink.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
	          "250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
	          "250-SIZE 100000\r\n250-LIMITS RCPTMAX=5 MAILMAX=7\r\n250 STARTTLS\r\n");
	rig_say(c, "STARTTLS\r\n");
	rig_equal("it may begin", rig_codes(c), "220");
	CU_ASSERT(c->is_secure);
	sink_secured(c->session, r.now_us);
	rig_say(c, "MAIL FROM:<a@b>\r\n");
	rig_equal("the first EHLO is forgotten", rig_codes(c), "503");
	rig_say(c, EHLO);
	CU_ASSERT(strstr(rig_heard(c), "STARTTLS") == NULL);
	rig_close(&r);
}

static void what_is_not_offered_is_refused(void)
{
	struct rig_conn *c;

	rig_init(&r);
	r.conf.offers = 0;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	(void)rig_heard(c);
	rig_say(c, EHLO);
	rig_equal("one line", rig_heard(c), "250 sink.test\r\n");
	rig_say(c, "STARTTLS\r\n");
	rig_say(c, "MAIL FROM:<a@b> SIZE=5\r\n");
	rig_say(c, "MAIL FROM:<a@b> BODY=8BITMIME\r\n");
	rig_equal("nor their words", rig_codes(c), "502 555 555");
	rig_say(c, "MAIL FROM:<a@b>\r\n");
	rig_equal("no enhanced codes", rig_heard(c), "250 Ok\r\n");
	rig_say(c, "RCPT TO:<a@b>\r\n");
	rig_say(c, "BDAT 5 LAST\r\n");
	rig_say(c, "hello\r\n"); /* read as a command: it has no BDAT */
	rig_equal("no chunks", rig_codes(c), "250 502 500");
	rig_close(&r);
}

static void commands_are_answered_as_they_deserve(void)
{
	static const struct {
		const char *why, *says, *codes;
	} cases[] = {
		/* clang-format off */
		{ "all in order", EHLO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nNOOP\r\n", "250 250 250 250 250" },
		{ "small letters", "ehlo c\r\nmail from:<>\r\nrcpt to:<c@d>\r\n", "250 250 250" },
		{ "no EHLO", "MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nBDAT 0 LAST\r\n", "503 503 503 503" },
		{ "EHLO without a name", "EHLO\r\nHELO \r\n", "501 501" },
		{ "RCPT without MAIL", EHLO "RCPT TO:<c@d>\r\nDATA\r\n", "250 503 503" },
		{ "MAIL twice", EHLO "MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", "250 250 503" },
		{ "EHLO ends a transaction", EHLO "MAIL FROM:<a@b>\r\n" EHLO "RCPT TO:<c@d>\r\n", "250 250 250 503" },
		{ "no recipient", EHLO "MAIL FROM:<a@b>\r\nDATA\r\n", "250 250 554" },
		{ "more than RCPTMAX", EHLO "MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\n"
		  "RCPT TO:<4@d>\r\nRCPT TO:<5@d>\r\nRCPT TO:<6@d>\r\n", "250 250 250 250 250 250 250 452" },
		{ "paths", EHLO "MAIL FROM:a@b\r\nMAIL FROM: <a@b>\r\nMAIL FROM:<a@b\r\nMAIL FROM:<a@b>X\r\nMAIL\r\n",
		  "250 501 501 501 501 501" },
		{ "a quoted local part", EHLO "MAIL FROM:<\"a> b\\\"\"@b> SIZE=3\r\n", "250 250" },
		{ "SIZE", EHLO "MAIL FROM:<a@b> SIZE=100000\r\nRSET\r\nMAIL FROM:<a@b> SIZE=100001\r\nMAIL FROM:<a@b> SIZE=x\r\n"
		  "MAIL FROM:<a@b> SIZE=99999999999999999999\r\nMAIL FROM:<a@b> SIZE\r\n", "250 250 250 552 552 552 501" },
		{ "BODY", EHLO "MAIL FROM:<a@b> BODY=8bitmime\r\nRSET\r\nMAIL FROM:<a@b> BODY=9BIT\r\n", "250 250 250 501" },
		{ "DSN", EHLO "MAIL FROM:<a@b> RET=HDRS ENVID=1\r\nRCPT TO:<c@d> NOTIFY=NEVER ORCPT=rfc822;c@d\r\n", "250 250 250" },
		{ "of the other command", EHLO "MAIL FROM:<a@b> NOTIFY=NEVER\r\n", "250 555" },
		{ "REQUIRETLS in the clear", EHLO "MAIL FROM:<a@b> REQUIRETLS\r\n", "250 555" },
		{ "outside ASCII", EHLO "MAIL FROM:<\xc3\xa4@b>\r\nMAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\nRCPT TO:<\xc3\xb6@d>\r\n", "250 553 250 250" },
		{ "HELO has no extensions", "HELO c\r\nMAIL FROM:<a@b> SIZE=1\r\nSTARTTLS\r\n", "250 555 502" },
		{ "not known", "XYZZY\r\n\r\nVRFY a\r\nLHLO c\r\n", "500 500 252 500" },
		{ "a bare LF", "NOOP\nNOOP\r\n", "500 250" },
		{ "chunks", EHLO "BDAT 1x\r\nNOOP\r\n", "250 501" },
		{ "QUIT", "QUIT\r\nNOOP\r\n", "221" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int slowly = 0; slowly < 2; slowly++) {
			struct rig_conn *c = begin(NULL);

			(slowly ? rig_say_slowly : rig_say)(c, cases[i].says);
			rig_equal(cases[i].why, rig_codes(c), cases[i].codes);
			rig_close(&r);
		}
	}
}

static void what_is_pipelined_is_answered_in_one_flight(void)
{
	struct rig_conn *c = begin(NULL);

	rig_say(c, EHLO);
	c->n_flushes = 0;
	rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5 LAST\r\nhelloMAIL FROM:<a@b>\r\n");
	rig_equal("in order", rig_codes(c), "250 250 250 250 250");
	CU_ASSERT_EQUAL(c->n_flushes, 1);
	CU_ASSERT_EQUAL(rig_count(&r, "pipelining_errors"), 0);
	rig_close(&r);
}

static void who_does_not_wait_where_he_must_is_counted(void)
{
	static const char *const flights[] = {
		EHLO "MAIL FROM:<a@b>\r\n",
		EHLO "STARTTLS\r\nEHLO c.test\r\n",
		"NOOP\r\nNOOP\r\n",
	};

	for (size_t i = 0; i < sizeof(flights) / sizeof(flights[0]); i++) {
		struct rig_conn *c = begin(NULL);

		rig_say(c, flights[i]);
		CU_ASSERT(rig_count(&r, "pipelining_errors") > 0);
		rig_close(&r);
	}
}

static void what_follows_starttls_in_the_clear_is_not_believed(void)
{
	struct rig_conn *c = begin(NULL);

	rig_say(c, EHLO);
	(void)rig_heard(c);
	rig_say(c, "STARTTLS\r\nMAIL FROM:<evil@x>\r\n");
	rig_equal("only the 220", rig_codes(c), "220");
	sink_secured(c->session, r.now_us);
	rig_say(c, EHLO "RCPT TO:<a@b>\r\n");
	rig_equal("no transaction", rig_codes(c), "250 503");
	rig_close(&r);
}

static void a_line_is_bounded(void)
{
	static char line[SINK_LINE_MAX + 100];
	struct rig_conn *c = begin(NULL);

	memset(line, 'x', sizeof(line));
	rig_say_bytes(c, line, sizeof(line));
	rig_equal("too long", rig_codes(c), "500");
	rig_say_bytes(c, line, sizeof(line));
	rig_say(c, "\r\nNOOP\r\n");
	rig_equal("the rest of it is no command", rig_codes(c), "250");
	rig_close(&r);
}

static void connections_are_bounded(void)
{
	rig_init(&r);
	r.conf.conns_max = 2;
	rig_open(&r, NULL);
	CU_ASSERT_PTR_NOT_NULL(rig_connect(&r, 1));
	CU_ASSERT_PTR_NOT_NULL(rig_connect(&r, 2));
	CU_ASSERT_PTR_NULL(rig_connect(&r, 3));
	CU_ASSERT_EQUAL(rig_count(&r, "connections_full"), 1);
	rig_disconnect(&r.conns[0]);
	CU_ASSERT_PTR_NOT_NULL(rig_connect(&r, 3));
	rig_close(&r);
}

static void transactions_are_bounded_as_limits_says(void)
{
	struct rig_conn *c;

	rig_init(&r);
	r.conf.mails_max = 1;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_say(c, EHLO "MAIL FROM:<a@b>\r\nRSET\r\n");
	(void)rig_heard(c);
	rig_say(c, "MAIL FROM:<a@b>\r\n");
	rig_equal("one more", rig_codes(c), "421");
	CU_ASSERT(c->is_over && !c->is_reset);
	rig_close(&r);
}

static void a_silent_client_is_told_and_left(void)
{
	struct rig_conn *c = begin(NULL);

	rig_pass(&r, 9000000);
	rig_say(c, "NOOP\r\n");
	rig_pass(&r, 9000000);
	rig_equal("not yet", rig_codes(c), "250");
	CU_ASSERT(!c->is_over);
	rig_pass(&r, 1100000);
	rig_equal("too long", rig_codes(c), "421");
	CU_ASSERT(c->is_over);
	CU_ASSERT_EQUAL(rig_count(&r, "timed_out"), 1);
	rig_close(&r);
}

static void a_client_that_takes_no_replies_is_reset(void)
{
	struct rig_conn *c = begin(NULL);

	r.has_no_room = true;
	rig_say(c, "NOOP\r\n");
	rig_pass(&r, 59000000);
	CU_ASSERT(!c->is_over);
	rig_pass(&r, 2000000);
	CU_ASSERT(c->is_over && c->is_reset);
	rig_close(&r);

	c = begin(NULL);
	r.has_no_room = true;
	for (int i = 0; i < 10000 && !c->is_over; i++)
		rig_say(c, "NOOP\r\n");
	CU_ASSERT(c->is_over && c->is_reset); /* nor does it ask for more than is held */
	rig_close(&r);
}

static void replies_without_room_leave_later_and_in_order(void)
{
	struct rig_conn *c = begin(NULL);

	rig_say(c, EHLO);
	(void)rig_heard(c);
	r.has_no_room = true;
	rig_say(c, "MAIL FROM:<a@b>\r\nXYZZY\r\n");
	r.has_no_room = false;
	rig_say(c, "NOOP\r\n");
	rig_equal("nothing overtakes", rig_codes(c), "");
	rig_pass(&r, 20000);
	rig_equal("then all", rig_codes(c), "250 500 250");
	rig_close(&r);
}

static void the_clients_fin_is_answered_behind_the_last_reply(void)
{
	struct rig_conn *c = begin("noop : delay 100ms");

	rig_say(c, "NOOP\r\n");
	sink_peer_closed(c->session, r.now_us);
	CU_ASSERT(!c->is_over);
	rig_pass(&r, 110000);
	rig_equal("said all the same", rig_codes(c), "250");
	CU_ASSERT(c->is_over && !c->is_reset);
	CU_ASSERT_EQUAL(rig_count(&r, "closed_by_client"), 1);
	rig_close(&r);
}

static void lmtp_answers_for_each_recipient(void)
{
	struct rig_conn *c;

	rig_init(&r);
	r.conf.is_lmtp = true;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_say(c, "EHLO c\r\n");
	rig_say(c, "LHLO c\r\n");
	rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<452.message+2@d>\r\n"
	           "RCPT TO:<550+3@d>\r\nRCPT TO:<4@d>\r\n");
	rig_say(c, "DATA\r\n");
	rig_say(c, "x\r\n.\r\n");
	rig_equal("RFC 2033 4.2", rig_codes(c), "220 500 250 250 250 250 550 250 354 250 452 250");
	CU_ASSERT_EQUAL(rig_count(&r, "recipients"), 2);
	CU_ASSERT_EQUAL(rig_count(&r, "messages"), 1);
	rig_close(&r);
}

static void every_count_has_a_name_and_says_what_it_is(void)
{
	uint32_t i = 0;

	for (; sink_count_name(i) != NULL; i++)
		CU_ASSERT(sink_count_help(i) != NULL && sink_count_help(i)[0] != '\0');
	CU_ASSERT(i > 10 && sink_count_help(i) == NULL);
}

SUITE("dataplane/smtp/sink", TEST(it_greets_and_says_what_it_offers),
      TEST(what_is_not_offered_is_refused), TEST(commands_are_answered_as_they_deserve),
      TEST(what_is_pipelined_is_answered_in_one_flight),
      TEST(who_does_not_wait_where_he_must_is_counted),
      TEST(what_follows_starttls_in_the_clear_is_not_believed), TEST(a_line_is_bounded),
      TEST(connections_are_bounded), TEST(transactions_are_bounded_as_limits_says),
      TEST(a_silent_client_is_told_and_left), TEST(a_client_that_takes_no_replies_is_reset),
      TEST(replies_without_room_leave_later_and_in_order),
      TEST(the_clients_fin_is_answered_behind_the_last_reply),
      TEST(lmtp_answers_for_each_recipient), TEST(every_count_has_a_name_and_says_what_it_is))
