/* test_sink_data.c - what the sink takes for a message is what the client meant. */
#include <string.h>

#include "tests/dataplane/smtp/sink_rig.h"
#include "tests/support/suite.h"

static struct rig r;

/* A client with a transaction of one recipient. */
static struct rig_conn *begin(void)
{
	struct rig_conn *c;

	rig_init(&r);
	rig_open(&r, NULL);
	c = rig_connect(&r, 1);
	rig_say(c, "EHLO c.test\r\n");
	rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
	(void)rig_heard(c);
	return c;
}

static const struct {
	const char *why, *wire, *message;
} bodies[] = {
	/* clang-format off */
	{ "nothing",                ".\r\n",                        "" },
	{ "a line",                 "hello\r\n.\r\n",               "hello\r\n" },
	{ "dots",                   "..\r\n...\r\n.x\r\na.b.\r\n.\r\n", ".\r\n..\r\nx\r\na.b.\r\n" },
	{ "empty lines",            "\r\n\r\na\r\n\r\n.\r\n",       "\r\n\r\na\r\n\r\n" },
	{ "LF dot CR LF",           "a\n.\r\nb\r\n.\r\n",           "a\n.\r\nb\r\n" },
	{ "CR LF dot LF",           "a\r\n.\nb\r\n.\r\n",           "a\r\n\nb\r\n" },
	{ "CR LF dot CR",           "a\r\n.\rb\r\n.\r\n",           "a\r\n\rb\r\n" },
	{ "CR dot CR",              "a\r.\rb\r\n.\r\n",             "a\r.\rb\r\n" },
	{ "LF dot LF",              "a\n.\nb\r\n.\r\n",             "a\n.\nb\r\n" },
	{ "CR CR LF",               "a\r\r\n.\r\n",                 "a\r\r\n" },
	{ "dot CR CR LF",           ".\r\r\nx\r\n.\r\n",            "\r\r\nx\r\n" },
	{ "a bare LF first",        "\n.\r\n\r\n.\r\n",             "\n.\r\n\r\n" },
	{ "a bare CR first",        "\r.\r\n\r\n.\r\n",             "\r.\r\n\r\n" },
	{ "a lone dot in the text", "x\r\n ..\r\n.\r\n",            "x\r\n ..\r\n" },
	/* clang-format on */
};

/* However the octets are cut, the message is the same: RFC 5321 4.1.1.4, 4.5.2. */
static void only_cr_lf_dot_cr_lf_ends_a_message(void)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t n = strlen(bodies[i].wire);

		for (size_t cut = 0; cut <= n + 1; cut++) {
			struct rig_conn *c = begin();

			rig_say(c, "DATA\r\n");
			if (cut == n + 1) {
				rig_say_slowly(c, bodies[i].wire);
			} else {
				rig_say_bytes(c, bodies[i].wire, cut);
				rig_say_bytes(c, bodies[i].wire + cut, n - cut);
			}
			r.body[r.n_body] = '\0';
			rig_equal(bodies[i].why, r.body, bodies[i].message);
			rig_equal(bodies[i].why, rig_codes(c), "354 250");
			CU_ASSERT_EQUAL(r.n_kept, 1);
			CU_ASSERT_EQUAL(rig_count(&r, "bytes"), strlen(bodies[i].message));
			rig_say(c, "NOOP\r\n");
			rig_equal("and nothing of it is left", rig_codes(c), "250");
			rig_close(&r);
		}
	}
}

static void chunks_are_taken_as_they_are(void)
{
	static const char first[] = "a\r\n.\r\nb", last[] = "\r\nc\0d";
	struct rig_conn *c = begin();

	rig_say(c, "BDAT 7\r\n");
	rig_say_bytes(c, first, 3);
	rig_say_bytes(c, first + 3, 4);
	rig_equal("a chunk", rig_codes(c), "250");
	rig_say(c, "BDAT 5 LAST\r\n");
	rig_say_bytes(c, last, 5);
	rig_equal("the last", rig_codes(c), "250");
	CU_ASSERT_EQUAL(r.n_body, 12);
	CU_ASSERT(memcmp(r.body, first, 7) == 0 && memcmp(r.body + 7, last, 5) == 0);
	CU_ASSERT_EQUAL(rig_count(&r, "messages"), 1);
	rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\n");
	rig_equal("the last may be empty", rig_codes(c), "250 250 250 250");
	CU_ASSERT_EQUAL(r.n_kept, 2);
	rig_close(&r);
}

static void the_octets_of_a_refused_chunk_are_no_commands(void)
{
	struct rig_conn *c = begin();

	rig_say(c, "RSET\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
	rig_equal("no MAIL", rig_codes(c), "250 503 250");
	rig_say(c, "MAIL FROM:<a@b>\r\nRCPT TO:<550+x@d>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
	rig_equal("no recipient", rig_codes(c), "250 550 554 250");
	rig_say(c, "RCPT TO:<x@d>\r\nDATA\r\n");
	rig_say(c, "x\r\n.\r\n");
	rig_equal("the transaction goes on", rig_codes(c), "250 354 250");
	rig_close(&r);
}

static void data_and_chunks_do_not_mix(void)
{
	struct rig_conn *c = begin();

	rig_say(c, "BDAT 1\r\nxDATA\r\n");
	rig_say(c, "RCPT TO:<x@y>\r\nBDAT 0 LAST\r\n");
	rig_equal("RFC 3030 3", rig_codes(c), "250 503 503 250");
	rig_close(&r);
}

static void a_message_is_bounded(void)
{
	static char block[10000];
	struct rig_conn *c = begin();

	memset(block, 'x', sizeof(block));
	rig_say(c, "DATA\r\n");
	for (int i = 0; i < 11; i++)
		rig_say_bytes(c, block, sizeof(block));
	rig_say(c, "\r\n.\r\n");
	rig_equal("more than SIZE", rig_codes(c), "354 552");
	CU_ASSERT_EQUAL(r.n_thrown, 1);
	CU_ASSERT_EQUAL(rig_count(&r, "messages_refused"), 1);
	rig_close(&r);
}

static void a_keeper_without_room_refuses_for_now(void)
{
	struct rig_conn *c = begin();

	rig_say(c, "DATA\r\n");
	r.keeps_nothing = true;
	rig_say(c, "x\r\n.\r\n");
	rig_say(c, "MAIL FROM:<a@b>\r\n");
	rig_equal("in the middle, and before", rig_codes(c), "354 452 452");
	CU_ASSERT_EQUAL(rig_count(&r, "no_room"), 2);
	CU_ASSERT_EQUAL(rig_count(&r, "messages"), 0);
	rig_close(&r);
}

static void a_message_that_is_cut_off_is_thrown_away(void)
{
	struct rig_conn *c = begin();

	rig_say(c, "DATA\r\n");
	rig_say(c, "half of it\r\n");
	rig_disconnect(c);
	CU_ASSERT_EQUAL(r.n_kept, 0);
	CU_ASSERT_EQUAL(r.n_thrown, 1);
	CU_ASSERT_EQUAL(rig_count(&r, "messages_cut"), 1);
	rig_close(&r);
}

SUITE("dataplane/smtp/sink_data", TEST(only_cr_lf_dot_cr_lf_ends_a_message),
      TEST(chunks_are_taken_as_they_are), TEST(the_octets_of_a_refused_chunk_are_no_commands),
      TEST(data_and_chunks_do_not_mix), TEST(a_message_is_bounded),
      TEST(a_keeper_without_room_refuses_for_now), TEST(a_message_that_is_cut_off_is_thrown_away))
