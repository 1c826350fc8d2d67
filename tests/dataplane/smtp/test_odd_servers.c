/* test_odd_servers.c - servers that are on nobody's list: whole conversations, and what must hold
 * whatever the server does.
 *
 * The cases of the list are in test_smtp_step.c, test_session_end.c and others: odd_servers.md says
 * where. Here each message has one verdict, nothing counts as delivered without 2yz behind its last
 * byte, and when the session is over its memory is back.
 */
#include <errno.h>

#include "tests/dataplane/smtp/world.h"

#define PIPED "250-mx.y.test\r\n250 PIPELINING\r\n"
#define CHUNK "250-mx.y.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define YES   "250 a\r\n250 b\r\n354 c\r\n"

enum { PIECES_MAX = 6 };

/* What becomes of two messages on one session. */
struct talk {
	const char *why, *ehlo;
	const char *says[PIECES_MAX]; /* what arrives, piece by piece; NULL: then silence */
	uint64_t wait_ms;             /* before each piece but the first */
	enum dp_outcome first, second;
	uint16_t code; /* of the first */
	enum dp_why closed;
};

#define DEL  DP_OUT_DELIVERED
#define REF  DP_OUT_REFUSED
#define NOT  DP_OUT_NOT_TRIED
#define UNC  DP_OUT_UNCONFIRMED
#define SPOT DP_WHY_PROTOCOL

static void check_promises(const char *why)
{
	bool held = counter_read(&world.counters.smtp_open_now) == 0 && n_evts(DP_EVT_RCPT) == 2 &&
	            n_evts(DP_EVT_CLOSED) == 1;

	if (!held)
		printf("\n    %s: %u verdicts, %u ends", why, n_evts(DP_EVT_RCPT),
		       n_evts(DP_EVT_CLOSED));
	CU_ASSERT_TRUE(held);
}

static void run(const struct talk *t)
{
	bool held;

	world_begin();
	greet(t->ehlo);
	submit(1);
	submit(2);
	for (size_t i = 0; i < PIECES_MAX && t->says[i] != NULL; i++) {
		if (i > 0 && t->wait_ms > 0)
			wait_ms(t->wait_ms);
		if (world.tcp.conns[0].is_used)
			fake_say(&world.tcp, world.now_us, 0, t->says[i], strlen(t->says[i]));
	}
	if (world.tcp.conns[0].is_used && !world.tcp.conns[0].is_shut)
		wait_ms(1200000); /* no patience is longer */
	if (world.tcp.conns[0].is_used && !world.tcp.conns[0].is_shut)
		fake_fin(&world.tcp, world.now_us, 0);
	if (world.tcp.conns[0].is_used)
		fins_pass();
	held = VERDICT(1)->outcome == t->first && VERDICT(2)->outcome == t->second &&
	       VERDICT(1)->code == t->code && last(DP_EVT_CLOSED)->why == t->closed;
	if (!held)
		printf("\n    %s: got %u (%u), %u, end %u", t->why, VERDICT(1)->outcome,
		       VERDICT(1)->code, VERDICT(2)->outcome, last(DP_EVT_CLOSED)->why);
	CU_ASSERT_TRUE(held);
	check_promises(t->why);
	world_end();
}

static void every_odd_conversation_ends_as_it_should(void)
{
	static const struct talk talks[] = {
		/* clang-format off */
		/* shapes of a reply */
		{ "another code in the last line", PIPED, { "250 a\r\n250-b\r\n550 5.1.1 no\r\n503 c\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "a no run together with the next yes", PIPED, { YES, "502-d\r\n", "250 2.1.0 next\r\n" }, 0, UNC, NOT, 0, SPOT },
		{ "a yes run together with the next no", PIPED, { YES, "250-d\r\n", "550 5.1.1 next\r\n" }, 0, UNC, NOT, 0, SPOT },
		{ "a tab behind the code", PIPED, { "250\ta\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "four digits", PIPED, { "2500 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "a blank in front", PIPED, { " 250 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "an empty line between", PIPED, { "250 a\r\n\r\n250 b\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "an underscore for a hyphen", PIPED, { "250_a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "digits of another script", PIPED, { "\xd9\xa2\xd9\xa5\xd9\xa0 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "telnet options", PIPED, { "\xff\xfd\x01" "250 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "line ends without CR", PIPED, { "250 a\n250 b\n354 c\n", "250 d\n", "550 5.7.1 e\n503 f\n503 g\n" }, 0, DEL, REF, 250, DP_WHY_PEER_CLOSED },
		{ "codes between the known", PIPED, { "299 a\r\n259 b\r\n354 c\r\n", "277 d\r\n", "421 e\r\n" }, 0, DEL, REF, 277, DP_WHY_REPLY },
		{ "3yz to MAIL", PIPED, { "354 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "2yz to DATA", PIPED, { "250 a\r\n250 b\r\n220 c\r\n" }, 0, NOT, NOT, 0, SPOT },
		/* time */
		{ "two halves five minutes apart", PIPED, { YES, "25", "0 d\r\n", "421 e\r\n" }, 290000, DEL, REF, 250, DP_WHY_REPLY },
		{ "an octet now and then", PIPED, { YES, "2", "5", "0", " " }, 200000, UNC, NOT, 0, DP_WHY_TIMEOUT },
		{ "a line now and then", PIPED, { "250-a\r\n", "250-b\r\n", "250-c\r\n", "250-d\r\n", "250-e\r\n" }, 90000, NOT, NOT, 0, DP_WHY_TIMEOUT },
		/* too soon, too many, too few */
		{ "all answers before any question", PIPED YES "250 d\r\n", { "" }, 0, NOT, NOT, 0, SPOT },
		{ "the answer to the dot with 354", PIPED, { YES "250 d\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "each reply twice", PIPED, { "250 a\r\n250 a\r\n250 b\r\n250 b\r\n354 c\r\n354 c\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "a refusal of MAIL twice", PIPED, { "550 a\r\n550 a\r\n503 b\r\n503 c\r\n" }, 0, REF, NOT, 550, SPOT },
		{ "354 twice", PIPED, { YES "354 d\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "only the first of a flight is read", PIPED, { "250 a\r\n" }, 0, NOT, NOT, 0, DP_WHY_TIMEOUT },
		{ "503 to what was in its place", PIPED, { "250 a\r\n503 b\r\n503 c\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "the dot is answered twice", PIPED, { YES, "250 d\r\n250 d\r\n" }, 0, DEL, NOT, 250, SPOT },
		{ "a banner in the middle", PIPED, { YES, "250 d\r\n", "220 mx ESMTP\r\n" }, 0, DEL, NOT, 250, DP_WHY_TIMEOUT },
		/* refusals in odd places */
		{ "521 to MAIL", PIPED, { "521 5.3.2 never\r\n503 b\r\n503 c\r\n", "421 x\r\n" }, 0, REF, NOT, 521, DP_WHY_REPLY },
		{ "554 behind 354", PIPED, { YES, "554 5.3.4 d\r\n", "421 x\r\n" }, 0, REF, REF, 554, DP_WHY_REPLY },
		{ "RSET is refused", PIPED, { "550 a\r\n503 b\r\n503 c\r\n", "500 what?\r\n" }, 0, REF, NOT, 550, DP_WHY_REPLY },
		{ "RSET is answered 354", PIPED, { "550 a\r\n503 b\r\n503 c\r\n", "354 go\r\n" }, 0, REF, NOT, 550, DP_WHY_REPLY },
		{ "334 to MAIL", PIPED, { "334 a\r\n" }, 0, NOT, NOT, 0, SPOT },
		/* chunks */
		{ "2yz before the octets are asked for", CHUNK, { "250 a\r\n250 b\r\n250 c\r\n", "250 d\r\n" }, 0, NOT, NOT, 0, SPOT },
		{ "BDAT is answered 354", CHUNK, { "250 a\r\n250 b\r\n", "354 go\r\n" }, 0, UNC, NOT, 0, SPOT },
		{ "BDAT is not known", CHUNK, { "250 a\r\n250 b\r\n", "500 what?\r\n" }, 0, NOT, NOT, 500, DP_WHY_REPLY },
		{ "BDAT is out of order", CHUNK, { "250 a\r\n250 b\r\n", "503 MAIL first\r\n" }, 0, NOT, NOT, 503, DP_WHY_REPLY },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		run(&talks[i]);
}

/* RFC 5321 3.8: goodbye may stand in the place of any reply, and nothing is read behind it. */
static void a_goodbye_in_place_of_each_reply_is_its_answer(void)
{
	static const struct {
		const char *why, *said[3];
		enum dp_outcome first, second;
		uint16_t code, second_code;
	} cases[] = {
		/* clang-format off */
		{ "MAIL", { "" }, REF, NOT, 421, 0 },
		{ "RCPT", { "250 a\r\n" }, REF, NOT, 421, 0 },
		{ "DATA", { "250 a\r\n250 b\r\n" }, REF, NOT, 421, 0 },
		{ "the dot", { YES }, REF, NOT, 421, 0 },
		{ "the next MAIL", { YES, "250 d\r\n" }, DEL, REF, 250, 421 },
		{ "RSET", { "550 a\r\n503 b\r\n503 c\r\n" }, REF, NOT, 550, 0 },
		{ "MAIL behind RSET", { "550 a\r\n503 b\r\n503 c\r\n", "250 r\r\n" }, REF, REF, 550, 421 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool held;

		world_begin();
		greet(PIPED);
		submit(1);
		submit(2);
		for (size_t k = 0; k < 3 && cases[i].said[k] != NULL; k++)
			fake_say(&world.tcp, world.now_us, 0, cases[i].said[k],
			         strlen(cases[i].said[k]));
		SERVER("421 4.3.2 bye\r\n250 and more\r\n");
		fins_pass();
		held = VERDICT(1)->outcome == cases[i].first && VERDICT(1)->code == cases[i].code &&
		       VERDICT(2)->outcome == cases[i].second &&
		       VERDICT(2)->code == cases[i].second_code &&
		       last(DP_EVT_CLOSED)->why == DP_WHY_REPLY && last(DP_EVT_CLOSED)->code == 421;
		if (!held)
			printf("\n    %s: got %u (%u), %u (%u)", cases[i].why, VERDICT(1)->outcome,
			       VERDICT(1)->code, VERDICT(2)->outcome, VERDICT(2)->code);
		CU_ASSERT_TRUE(held);
		check_promises(cases[i].why);
		world_end();
	}
}

/* Whatever comes without end is cut off: its bytes are neither kept nor looked at. */
static void what_never_ends_is_left_at_a_bound(void)
{
	static char lines[4000 * 6], replies[4000 * 8], line[60000];
	const struct {
		const char *why, *at;
		size_t bytes;
	} cases[] = { { "lines of one reply", lines, sizeof(lines) },
		      { "replies", replies, sizeof(replies) },
		      { "one line", line, sizeof(line) } };

	for (size_t i = 0; i < 4000; i++) {
		memcpy(lines + i * 6, "250-\r\n", 6);
		memcpy(replies + i * 8, "250 ok\r\n", 8);
	}
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		greet(PIPED);
		submit(1);
		submit(2);
		for (size_t at = 0; at < cases[i].bytes; at += 1460) {
			size_t left = cases[i].bytes - at;

			fake_say(&world.tcp, world.now_us, 0, cases[i].at + at,
			         left < 1460 ? left : 1460);
		}
		fins_pass();
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, NOT);
		CU_ASSERT_EQUAL(VERDICT(2)->outcome, NOT);
		CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, SPOT);
		check_promises(cases[i].why);
		world_end();
	}
}

/* Octets that have not left were not received, whatever the server says of them. */
static void a_yes_to_a_chunk_before_its_last_octet_delivers_nothing(void)
{
	world_begin();
	greet(CHUNK);
	submit(1);
	submit(2);
	world.tcp.conns[0].room = 20;
	SERVER("250 a\r\n250 b\r\n");
	SERVER("250 got it\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, NOT);
	CU_ASSERT_EQUAL(VERDICT(1)->step, DP_STEP_BODY);
	fake_make_room(&world.tcp, world.now_us, 0, 1000);
	fins_pass();
	check_promises("early yes");
	world_end();
}

SUITE("dataplane/smtp/odd_servers", TEST(every_odd_conversation_ends_as_it_should),
      TEST(a_goodbye_in_place_of_each_reply_is_its_answer),
      TEST(what_never_ends_is_left_at_a_bound),
      TEST(a_yes_to_a_chunk_before_its_last_octet_delivers_nothing))
