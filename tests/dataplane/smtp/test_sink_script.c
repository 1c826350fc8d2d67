/* test_sink_script.c - the sink behaves as a script or a recipient's local part says. */
#include <string.h>

#include "tests/dataplane/smtp/sink_rig.h"
#include "tests/support/suite.h"

#define EHLO "EHLO c.test\r\n"
#define MAIL "MAIL FROM:<a@b.test>\r\n"

static struct rig r;

/* A client behind EHLO, to whom nothing was said so far. */
static struct rig_conn *begin(const char *script)
{
	struct rig_conn *c;

	rig_init(&r);
	rig_open(&r, script);
	c = rig_connect(&r, 1);
	rig_say(c, EHLO);
	(void)rig_heard(c);
	return c;
}

static void wrong_scripts_are_refused_by_line(void)
{
	static const struct {
		const char *script, *why;
	} cases[] = {
		{ "rctp : close", "line 1: \"rctp\" is no stage" },
		{ "# fine\n\nrcpt toe x : close", "line 3: \"toe\" is no condition" },
		{ "rcpt : clsoe", "line 1: \"clsoe\" is no deed" },
		{ "rcpt to *@x close", "line 1: \"close\" is no condition" },
		{ "rcpt to *@x", "line 1: there is no \":\" between blanks" },
		{ "rcpt :", "line 1: there is nothing to do behind \":\"" },
		{ "rcpt : close reset", "line 1: nothing may stand behind close" },
		{ "rcpt : reply 99 no", "line 1: reply takes CODE TEXT, and not at every stage" },
		{ "rcpt : reply 650 no", "line 1: reply takes CODE TEXT, and not at every stage" },
		{ "rcpt : raw \\q", "line 1: raw takes BYTES, and not at every stage" },
		{ "rcpt : raw x\\x4", "line 1: raw takes BYTES, and not at every stage" },
		{ "rcpt : delay 5", "line 1: delay takes TIME, and not at every stage" },
		{ "rcpt : delay 3s..1s", "line 1: delay takes TIME, and not at every stage" },
		{ "rcpt : text no_such", "line 1: text takes NAME, and not at every stage" },
		{ "rcpt chance 101% : close", "line 1: chance takes N%, and not at every stage" },
		{ "connect to x : close", "line 1: to takes PATTERN, and not at every stage" },
		{ "mail first 2 : close", "line 1: first takes N, and not at every stage" },
		{ "rcpt from 10.0.0.0/99 : close",
		  "line 1: from takes PREFIX, and not at every stage" },
		{ "rcpt faster 5 : close", "line 1: faster takes N/TIME, and not at every stage" },
		{ "rcpt at 10.0.0.x : close", "line 1: at takes PREFIX, and not at every stage" },
		{ "rcpt : then now", "line 1: then takes HOW, and not at every stage" },
		{ "body : reply 250 no", "line 1: nothing can be said in the middle of a message" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sink_script *script;
		char why[SINK_WHY_BYTES];

		CU_ASSERT(sink_script_parse(span_str(cases[i].script), &script, why) < 0);
		rig_equal(cases[i].script, why, cases[i].why);
	}
}

static void a_script_is_bounded(void)
{
	static char text[(1 << 16) + 2];
	struct sink_script *script;
	char why[SINK_WHY_BYTES];
	size_t n = 0;

	for (int i = 0; i < 65; i++, n += 13)
		memcpy(text + n, "noop : close\n", 13);
	CU_ASSERT(sink_script_parse(span_of(text, n), &script, why) < 0);
	rig_equal("rules", why, "line 65: more than 64 rules");
	memset(text, '#', sizeof(text));
	CU_ASSERT(sink_script_parse(span_of(text, sizeof(text)), &script, why) < 0);
}

/* One connection; what it says; what it hears. */
static void each_deed_does_what_it_says(void)
{
	static const struct {
		const char *script, *says, *heard;
		bool is_over, is_reset;
	} cases[] = {
		/* clang-format off */
		{ "noop : reply 250 2.1.0 one\\n2.1.0 two", "NOOP\r\n", "250-2.1.0 one\r\n250 2.1.0 two\r\n", false, false },
		{ "noop : raw 25\\x30 odd\\r\\n\\t\\\\", "NOOP\r\n", "250 odd\r\n\t\\", false, false },
		{ "noop : flood 2", "NOOP\r\n",
		  "250-line 1 of a reply that goes on\r\n250-line 2 of a reply that goes on\r\n250 2.0.0 Ok\r\n", false, false },
		{ "noop : flood 1 reply 550 no", "NOOP\r\n", "550-line 1 of a reply that goes on\r\n550 no\r\n", false, false },
		{ "noop : text greylisted", "NOOP\r\n", "450 4.7.1 Greylisted, please try again in five minutes\r\n", false, false },
		{ "noop : close", "NOOP\r\nNOOP\r\n", "", true, false },
		{ "noop : reset", "NOOP\r\n", "", true, true },
		{ "noop : silent", "NOOP\r\nRSET\r\n", "", false, false },
		{ "noop : then close", "NOOP\r\nNOOP\r\n", "250 2.0.0 Ok\r\n", true, false },
		{ "noop : then close raw 250-ha", "NOOP\r\nNOOP\r\n", "250-ha", true, false },
		{ "noop : then reset reply 450 x", "NOOP\r\n", "450 x\r\n", true, true },
		{ "noop : delay 5ms then reset reply 450 x", "NOOP\r\n", "450 x\r\n", true, true },
		{ "noop : then silent", "NOOP\r\nNOOP\r\n", "250 2.0.0 Ok\r\n", false, false },
		{ "data : then close", MAIL "RCPT TO:<c@d>\r\nDATA\r\n",
		  "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 until a line of one dot\r\n", true, false },
		{ "message : then reset raw 250 yes\\r", MAIL "RCPT TO:<c@d>\r\nBDAT 1 LAST\r\nx",
		  "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 yes\r", true, true },
		{ "tls : silent", "STARTTLS\r\nabc", "220 2.0.0 go ahead\r\n", false, false },
		{ "tls : delay 5ms raw 250 what?\\r\\n", "STARTTLS\r\n", "220 2.0.0 go ahead\r\n250 what?\r\n", false, false },
		{ "tls : close", "STARTTLS\r\nNOOP\r\n", "220 2.0.0 go ahead\r\n", true, false },
		{ "noop : reply 421 bye", "NOOP\r\nNOOP\r\n", "421 bye\r\n", true, false },
		{ "quit : silent", "QUIT\r\n", "", false, false },
		{ "quit : reply 500 never", "QUIT\r\n", "500 never\r\n", true, false },
		{ "body : close", MAIL "RCPT TO:<c@d>\r\nDATA\r\nx\r\n", "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 until a line of one dot\r\n", true, false },
		{ "body : reset", MAIL "RCPT TO:<c@d>\r\nBDAT 9 LAST\r\nx", "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n", true, true },
		{ "data : reply 451 4.3.0 no", MAIL "RCPT TO:<c@d>\r\nDATA\r\nBDAT 1\r\nx",
		  "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n451 4.3.0 no\r\n451 4.3.0 no\r\n", false, false },
		{ "rcpt : reply 251 elsewhere", MAIL "RCPT TO:<c@d>\r\nBDAT 1 LAST\r\nx",
		  "250 2.1.0 Ok\r\n251 elsewhere\r\n250 2.0.0 Ok, 1 octets\r\n", false, false },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_conn *c = begin(cases[i].script);

		rig_say(c, cases[i].says);
		rig_pass(&r, 10000);
		rig_equal(cases[i].script, rig_heard(c), cases[i].heard);
		CU_ASSERT_EQUAL(c->is_over, cases[i].is_over);
		CU_ASSERT_EQUAL(c->is_reset, cases[i].is_reset);
		CU_ASSERT_EQUAL(rig_count(&r, "rules_met") > 0, true);
		rig_close(&r);
	}
}

/* What a client gets that says the same again and again. */
static void each_condition_holds_when_it_says(void)
{
	static const struct {
		const char *script, *says, *codes;
	} cases[] = {
		/* clang-format off */
		{ "noop from 192.0.2.0/24 : reply 450 x", "NOOP\r\n", "450 450 450" },
		{ "noop from 192.0.3.0/24 : reply 450 x", "NOOP\r\n", "250 250 250" },
		{ "noop at 192.0.2.9 : reply 450 x", "NOOP\r\n", "450 450 450" },
		{ "noop at 192.0.2.8 : reply 450 x", "NOOP\r\n", "250 250 250" },
		{ "noop clear : reply 450 x", "NOOP\r\n", "450 450 450" },
		{ "noop secure : reply 450 x", "NOOP\r\n", "250 250 250" },
		{ "noop helo C.* : reply 450 x", "NOOP\r\n", "450 450 450" },
		{ "noop helo d.* : reply 450 x", "NOOP\r\n", "250 250 250" },
		{ "noop every 2 : reply 450 x", "NOOP\r\n", "250 450 250" },
		{ "noop chance 100% : reply 450 x", "NOOP\r\n", "450 450 450" },
		{ "noop faster 2/1h : reply 450 x", "NOOP\r\n", "250 250 450" },
		{ "mail sender *@b.test : reply 450 x", MAIL, "450 450 450" },
		{ "mail sender *@c.test : reply 450 x", MAIL "RSET\r\n", "250 250 250 250 250 250" },
		{ "rcpt to *@D.test first 1 : reply 450 x", MAIL "RCPT TO:<c@d.test>\r\nRSET\r\n", "250 450 250 250 250 250 250 250 250" },
		{ "rcpt to *@e.test : reply 450 x", MAIL "RCPT TO:<c@d.test>\r\nRSET\r\n", "250 250 250 250 250 250 250 250 250" },
		{ "message to ?@d.test : reply 450 x", MAIL "RCPT TO:<c@d.test>\r\nRCPT TO:<cc@e.test>\r\nBDAT 0 LAST\r\n",
		  "250 250 250 450 250 250 250 450 250 250 250 450" },
		{ "mail after 2 : reply 421 x", MAIL "RCPT TO:<c@d.test>\r\nBDAT 0 LAST\r\n", "250 250 250 250 250 250 421" },
		{ "rcpt grey 1h : reply 450 x", MAIL "RCPT TO:<c@d.test>\r\nRSET\r\n", "250 450 250 250 450 250 250 450 250" },
		{ "rcpt to c@* : reply 450 x\nrcpt : reply 550 y", MAIL "RCPT TO:<c@d.test>\r\nRCPT TO:<d@d.test>\r\nRSET\r\n",
		  "250 450 550 250 250 450 550 250 250 450 550 250" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_conn *c = begin(cases[i].script);

		for (int k = 0; k < 3 && !c->is_over; k++)
			rig_say(c, cases[i].says);
		rig_equal(cases[i].script, rig_codes(c), cases[i].codes);
		rig_close(&r);
	}
}

static void a_source_may_have_so_many_connections(void)
{
	struct rig_conn *c;

	rig_init(&r);
	rig_open(&r, "connect over 2 : text microsoft_rp003");
	rig_equal("first", rig_codes(rig_connect(&r, 1)), "220");
	rig_equal("second", rig_codes(rig_connect(&r, 1)), "220");
	rig_equal("another source", rig_codes(rig_connect(&r, 2)), "220");
	c = rig_connect(&r, 1);
	rig_equal("third", rig_codes(c), "421");
	CU_ASSERT(c->is_over);
	rig_disconnect(c);
	rig_disconnect(&r.conns[0]);
	rig_equal("when one has gone", rig_codes(rig_connect(&r, 1)), "220");
	rig_close(&r);
}

static void a_greylisted_triple_may_come_later(void)
{
	struct rig_conn *c = begin("rcpt grey 2s : reply 450 4.7.1 x");

	rig_say(c, MAIL "RCPT TO:<c@d>\r\n");
	rig_pass(&r, 1900000);
	rig_say(c, "RCPT TO:<c@d>\r\n");
	rig_pass(&r, 200000);
	rig_say(c, "RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\n");
	rig_equal("after the time, not before; others begin anew", rig_codes(c),
	          "250 450 450 250 450");
	rig_close(&r);
}

static void a_rate_recovers(void)
{
	struct rig_conn *c = begin("noop faster 2/1s : reply 450 x");

	rig_say(c, "NOOP\r\nNOOP\r\nNOOP\r\n");
	rig_pass(&r, 500000);
	rig_say(c, "NOOP\r\nNOOP\r\n");
	rig_equal("two a second", rig_codes(c), "250 250 450 250 450");
	rig_close(&r);
}

static void a_delayed_reply_holds_back_what_is_behind_it(void)
{
	struct rig_conn *c = begin("mail : delay 100ms");

	rig_say(c, MAIL "NOOP\r\n");
	rig_pass(&r, 99000);
	rig_equal("not yet", rig_codes(c), "");
	rig_pass(&r, 2000);
	rig_equal("both", rig_codes(c), "250 250");
	rig_say(c, "RSET\r\n" MAIL "RSET\r\n" MAIL);
	rig_equal("before it", rig_codes(c), "250");
	rig_pass(&r, 150000);
	rig_equal("one at a time", rig_codes(c), "250 250");
	rig_pass(&r, 51000);
	rig_equal("and the next", rig_codes(c), "250");
	rig_close(&r);
}

static void a_lag_delays_each_reply_by_itself(void)
{
	struct rig_conn *c = begin("noop : lag 100ms");

	rig_say(c, "NOOP\r\n");
	rig_pass(&r, 60000);
	rig_say(c, "NOOP\r\n");
	rig_pass(&r, 41000);
	rig_equal("the first", rig_codes(c), "250");
	rig_pass(&r, 60000);
	rig_equal("the second, 100 ms after its command", rig_codes(c), "250");
	rig_close(&r);
}

static void random_delays_keep_their_bounds_and_mean(void)
{
	static const struct {
		const char *script;
		uint64_t low_us, high_us, mean_low_us, mean_high_us;
	} cases[] = {
		{ "noop : delay 10ms..30ms", 10000, 32000, 18000, 23000 },
		{ "noop : delay ~20ms", 0, 1000000, 16000, 25000 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct rig_conn *c = begin(cases[i].script);
		uint64_t sum = 0;

		for (int k = 0; k < 500; k++) {
			uint64_t from = r.now_us;

			rig_say(c, "NOOP\r\n");
			while (c->n_said == 0)
				rig_pass(&r, 1000);
			(void)rig_heard(c);
			CU_ASSERT(r.now_us - from >= cases[i].low_us);
			CU_ASSERT(r.now_us - from <= cases[i].high_us);
			sum += r.now_us - from;
		}
		CU_ASSERT(sum / 500 >= cases[i].mean_low_us);
		CU_ASSERT(sum / 500 <= cases[i].mean_high_us);
		rig_close(&r);
	}
}

static void a_drip_leaves_octet_by_octet(void)
{
	struct rig_conn *c = begin("noop : drip 10ms reply 250 x");
	uint32_t before = c->n_flushes;

	rig_say(c, "NOOP\r\n");
	rig_pass(&r, 35000);
	CU_ASSERT(c->n_said >= 3 && c->n_said <= 4);
	rig_pass(&r, 100000);
	rig_equal("all of it", rig_heard(c), "250 x\r\n");
	CU_ASSERT(c->n_flushes - before >= 7);
	rig_close(&r);
}

static void a_flood_of_any_length_takes_no_memory(void)
{
	struct rig_conn *c = begin("ehlo : flood 10000");

	rig_say(c, EHLO);
	rig_pass(&r, 1000000);
	CU_ASSERT(c->n_said > 10000 * 35);
	CU_ASSERT(memcmp(c->said + c->n_said - 14, "250 STARTTLS\r\n", 14) == 0);
	rig_close(&r);
}

static void slow_is_the_carriers_work(void)
{
	struct rig_conn *c = begin("mail : slow 1000");

	CU_ASSERT_EQUAL(c->slow, UINT32_MAX);
	rig_say(c, MAIL);
	CU_ASSERT_EQUAL(c->slow, 1000);
	rig_close(&r);
}

static void a_local_part_says_what_it_wants(void)
{
	static const struct {
		const char *rcpt, *codes; /* of RCPT, DATA's three times two replies follow */
	} cases[] = {
		/* clang-format off */
		{ "anna", "250 354 250 250 354 250 250 354 250" },
		{ "anna+tag", "250 354 250 250 354 250 250 354 250" },
		{ "450+x", "450 554 450 554 450 554" },
		{ "450-2+x", "450 554 450 554 250 354 250" },
		{ "451.data+x", "250 451 250 451 250 451" },
		{ "552.message-1+x", "250 354 552 250 354 250 250 354 250" },
		{ "251+x", "251 354 250 251 354 250 251 354 250" },
		{ "google_full-1+x", "452 554 250 354 250 250 354 250" },
		{ "yahoo_ph01.message+x", "250 354 554 250 354 554 250 354 554" },
		{ "450-1+552.message-1+x", "450 554 250 354 552 250 354 250" },
		{ "grey-1s+x", "450 554 450 554 450 554" },
		{ "45+x", "250 354 250 250 354 250 250 354 250" },
		{ "450.mail+x", "501 554 501 554 501 554" },
		{ "450-x+x", "501 554 501 554 501 554" },
		{ "delay+x", "501 554 501 554 501 554" },
		{ "550.body+x", "501 554 501 554 501 554" },
		{ "close-+x", "501 554 501 554 501 554" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_conn *c = begin(NULL);
		char got[256] = "", line[128];

		for (int k = 0; k < 3; k++) {
			const char *codes;

			snprintf(line, sizeof(line), "RCPT TO:<%s@d.test>\r\n", cases[i].rcpt);
			rig_say(c, MAIL);
			(void)rig_heard(c);
			rig_say(c, line);
			rig_say(c, "DATA\r\n");
			codes = rig_codes(c);
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
			         k > 0 ? " " : "", codes);
			if (strstr(codes, "354") == NULL) {
				rig_say(c, "RSET\r\n");
				(void)rig_heard(c);
				continue;
			}
			rig_say(c, "x\r\n.\r\n");
			snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s", rig_codes(c));
		}
		rig_equal(cases[i].rcpt, got, cases[i].codes);
		rig_close(&r);
	}
}

static void a_local_part_may_end_or_delay_the_connection(void)
{
	struct rig_conn *c = begin(NULL);

	rig_say(c, MAIL "RCPT TO:<delay-50ms+x@d>\r\n");
	rig_equal("not yet", rig_codes(c), "250");
	rig_pass(&r, 52000);
	rig_equal("now", rig_codes(c), "250");
	rig_say(c, "RCPT TO:<close.message+x@d>\r\nDATA\r\n");
	rig_say(c, "x\r\n.\r\n");
	rig_equal("all but the last", rig_codes(c), "250 354");
	CU_ASSERT(c->is_over && !c->is_reset);
	CU_ASSERT_EQUAL(rig_count(&r, "messages"), 0);
	rig_close(&r);

	c = begin(NULL);
	rig_say(c, MAIL "RCPT TO:<reset.body+x@d>\r\nBDAT 10 LAST\r\nx");
	CU_ASSERT(c->is_over && c->is_reset);
	rig_close(&r);

	c = begin(NULL);
	rig_say(c, MAIL "RCPT TO:<silent.message+x@d>\r\nBDAT 1 LAST\r\nxNOOP\r\n");
	rig_equal("deaf from then on", rig_codes(c), "250 250");
	CU_ASSERT(!c->is_over);
	rig_close(&r);
}

static void without_verbs_local_parts_are_names(void)
{
	struct rig_conn *c;

	rig_init(&r);
	r.conf.obeys_rcpts = false;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_say(c, EHLO MAIL "RCPT TO:<550+x@d>\r\n");
	rig_equal("accepted", rig_codes(c), "220 250 250 250");
	rig_close(&r);
}

static void what_is_remembered_is_bounded(void)
{
	struct rig_conn *c;
	char line[64];

	rig_init(&r);
	r.conf.seen_max = 16;
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_say(c, EHLO MAIL);
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "RCPT TO:<450-1+%d@d>\r\n", i);
		rig_say(c, line);
	}
	CU_ASSERT(rig_count(&r, "forgotten") >= 900);
	CU_ASSERT_EQUAL(rig_count(&r, "recipients_4yz"), 1000);
	rig_close(&r);
}

static void every_provider_text_is_a_refusal_of_its_own_name(void)
{
	const char *name, *reply;
	uint32_t i = 0;

	for (; sink_text(i, &name, &reply); i++) {
		char rule[128];
		struct rig_conn *c;

		CU_ASSERT(reply[0] == '4' || reply[0] == '5');
		CU_ASSERT(reply[3] == ' ' && reply[4] == reply[0]); /* RFC 2034 4 */
		snprintf(rule, sizeof(rule), "noop : text %s", name);
		c = begin(rule);
		rig_say(c, "NOOP\r\n");
		CU_ASSERT(strncmp(rig_codes(c), reply, 3) == 0);
		rig_close(&r);
	}
	CU_ASSERT(i > 30);
}

static void help_names_every_word(void)
{
	const char *help = sink_script_help();

	for (uint32_t i = 0; i < SINK_N_STAGES; i++)
		CU_ASSERT(strstr(help, sink_stage_name(i)) != NULL);
	CU_ASSERT(strstr(help, "grey") != NULL && strstr(help, "silent") != NULL);
}

SUITE("dataplane/smtp/sink_script", TEST(wrong_scripts_are_refused_by_line),
      TEST(a_script_is_bounded), TEST(each_deed_does_what_it_says),
      TEST(each_condition_holds_when_it_says), TEST(a_source_may_have_so_many_connections),
      TEST(a_greylisted_triple_may_come_later), TEST(a_rate_recovers),
      TEST(a_delayed_reply_holds_back_what_is_behind_it), TEST(a_lag_delays_each_reply_by_itself),
      TEST(random_delays_keep_their_bounds_and_mean), TEST(a_drip_leaves_octet_by_octet),
      TEST(a_flood_of_any_length_takes_no_memory), TEST(slow_is_the_carriers_work),
      TEST(a_local_part_says_what_it_wants), TEST(a_local_part_may_end_or_delay_the_connection),
      TEST(without_verbs_local_parts_are_names), TEST(what_is_remembered_is_bounded),
      TEST(every_provider_text_is_a_refusal_of_its_own_name), TEST(help_names_every_word))
