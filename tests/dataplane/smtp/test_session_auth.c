/* test_session_auth.c - AUTH with scripted servers, in the clear so that every byte shows; who may
 * be told at all is tested under TLS in test_wire.c.
 */
#include "tests/dataplane/smtp/world.h"

static struct smtp_credential credential;

static void greet_with(const char *user, const char *secret, bool is_token, const char *offer)
{
	world_begin();
	credential = (struct smtp_credential){ .user = span_str(user),
		                               .secret = span_str(secret),
		                               .is_token = is_token };
	smtp_set_credential(world.smtp, 1, &credential);
	world.order.credential = 1;
	world.order.auth_in_clear = 1;
	dial();
	fake_open(&world.tcp, world.now_us, 0);
	SERVER("220 mx.y.test ESMTP\r\n");
	CLIENT("EHLO out.x.test\r\n");
	fake_say(&world.tcp, world.now_us, 0, offer, strlen(offer));
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
}

/* The session says QUIT and ends for want of an identity. */
static const struct dp_evt *ends_by_auth(void)
{
	CLIENT("QUIT\r\n");
	SERVER("221 bye\r\n");
	fake_fin(&world.tcp, world.now_us, 0);
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_AUTH);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
	CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_auth_failed), 1);
	return last(DP_EVT_CLOSED);
}

static void a_session_is_ready_when_the_host_knows_us(void)
{
	greet_with("joe", "pw", false, "250-mx\r\n250-AUTH LOGIN PLAIN\r\n250 AUTH=LOGIN\r\n");
	CLIENT("AUTH PLAIN AGpvZQBwdw==\r\n");
	server_drips("235 2.7.0 welcome\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
	submit(1);
	CLIENT("MAIL FROM:<a@x.test>\r\n");
	SERVER("250 ok\r\n");
	CLIENT("RCPT TO:<r1@y.test>\r\n");
	SERVER("250 ok\r\n");
	CLIENT("DATA\r\n");
	SERVER("354 go\r\n");
	CLIENT("Subject: hi\r\n\r\nbody\r\n.\r\n");
	SERVER("250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	part();
	world_end();
}

static void login_is_asked_line_by_line(void)
{
	greet_with("joe", "pw", false, "250-mx\r\n250 AUTH LOGIN\r\n");
	CLIENT("AUTH LOGIN\r\n");
	SERVER("334 VXNlcm5hbWU6\r\n");
	CLIENT("am9l\r\n");
	SERVER("334 UGFzc3dvcmQ6\r\n");
	CLIENT("cHc=\r\n");
	SERVER("235 ok\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
	part();
	world_end();
}

/* RFC 7628 3.2.3: what is wrong with the token comes in a 334, the verdict behind our answer. */
static void a_token_that_expired_is_told_in_two_replies(void)
{
	greet_with("joe", "tok", true, "250-mx\r\n250 AUTH OAUTHBEARER\r\n");
	CLIENT("AUTH OAUTHBEARER bixhPWpvZSwBYXV0aD1CZWFyZXIgdG9rAQE=\r\n");
	SERVER("334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n");
	CLIENT("AQ==\r\n");
	SERVER("535 5.7.8 token expired\r\n");
	CU_ASSERT_EQUAL(ends_by_auth()->code, 535);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_AUTH);
	world_end();
}

static void each_refusal_ends_the_session_and_concerns_the_host(void)
{
	static const struct {
		const char *why, *reply;
		uint16_t code;
	} cases[] = {
		{ "wrong secret", "535 5.7.8 no\r\n", 535 },
		{ "not now", "454 4.7.0 later\r\n", 454 },
		{ "too weak", "534 5.7.9 stronger, please\r\n", 534 },
		{ "not here", "502 5.5.1 unknown\r\n", 502 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		greet_with("joe", "pw", false, "250-mx\r\n250 AUTH PLAIN\r\n");
		CLIENT("AUTH PLAIN AGpvZQBwdw==\r\n");
		fake_say(&world.tcp, world.now_us, 0, cases[i].reply, strlen(cases[i].reply));
		CU_ASSERT_EQUAL(ends_by_auth()->code, cases[i].code);
		world_end();
	}
}

static void a_host_that_offers_nothing_fit_is_told_nothing(void)
{
	greet_with("joe", "pw", false, "250-mx\r\n250 AUTH XOAUTH2 CRAM-MD5\r\n");
	CU_ASSERT_EQUAL(ends_by_auth()->code, 0);
	CU_ASSERT_NSTRING_EQUAL(last(DP_EVT_CLOSED)->text, "AUTH: the host offers no", 24);
	world_end();
}

static void a_host_that_asks_without_end_is_left(void)
{
	greet_with("joe", "pw", false, "250-mx\r\n250 AUTH PLAIN\r\n");
	CLIENT("AUTH PLAIN AGpvZQBwdw==\r\n");
	SERVER("334 more\r\n");
	CLIENT("*\r\n"); /* RFC 4954 4 */
	SERVER("334 more\r\n");
	CLIENT("*\r\n");
	SERVER("334 more\r\n");
	CLIENT("*\r\n");
	SERVER("334 more\r\n");
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_PROTOCOL);
	world_end();
}

static void a_reply_that_quotes_the_secret_is_not_passed_on(void)
{
	const struct dp_evt *closed;

	greet_with("joe", "hunter2", false, "250-mx\r\n250 AUTH PLAIN\r\n");
	CLIENT("AUTH PLAIN AGpvZQBodW50ZXIy\r\n");
	SERVER("535-5.7.8 AUTH PLAIN AGpvZQBodW50ZXIy?\r\n535 5.7.8 no hunter2 here\r\n");
	closed = ends_by_auth();
	CU_ASSERT_EQUAL(closed->code, 535);
	CU_ASSERT_PTR_NULL(memmem(closed->text, DP_TEXT_MAX, "hunter2", 7));
	CU_ASSERT_PTR_NULL(memmem(closed->text, DP_TEXT_MAX, "AGpvZQ", 6));
	CU_ASSERT_NSTRING_EQUAL(closed->text, "(the reply repeats", 18);
	world_end();
}

/* Half of the one and half of the other is neither. */
static void a_secret_replaced_in_the_middle_begins_anew(void)
{
	static const struct smtp_credential next = { .user = { (const uint8_t *)"joe", 3 },
		                                     .secret = { (const uint8_t *)"new", 3 } };

	greet_with("joe", "pw", false, "250-mx\r\n250 AUTH LOGIN\r\n");
	CLIENT("AUTH LOGIN\r\n");
	smtp_set_credential(world.smtp, 1, &next);
	SERVER("334 VXNlcm5hbWU6\r\n");
	CLIENT("");
	fins_pass();
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_AUTH);
	world_end();
}

/* RFC 4954 6: it says what we lack, and nothing of message or recipient. */
static void a_mail_that_lacks_an_identity_is_the_hosts_refusal(void)
{
	static const char *const replies[] = { "530 5.7.0 Authentication required\r\n",
		                               "535 5.7.8 who are you\r\n",
		                               "538 5.7.11 Encryption required\r\n" };

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		world_begin();
		greet("250 mx\r\n");
		submit(1);
		CLIENT("MAIL FROM:<a@x.test>\r\n");
		fake_say(&world.tcp, world.now_us, 0, replies[i], strlen(replies[i]));
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
		CU_ASSERT_EQUAL(VERDICT(1)->reach, DP_REACH_HOST);
		part();
		world_end();
	}
}

SUITE("dataplane/smtp/session_auth", TEST(a_session_is_ready_when_the_host_knows_us),
      TEST(login_is_asked_line_by_line), TEST(a_token_that_expired_is_told_in_two_replies),
      TEST(each_refusal_ends_the_session_and_concerns_the_host),
      TEST(a_host_that_offers_nothing_fit_is_told_nothing),
      TEST(a_host_that_asks_without_end_is_left),
      TEST(a_reply_that_quotes_the_secret_is_not_passed_on),
      TEST(a_secret_replaced_in_the_middle_begins_anew),
      TEST(a_mail_that_lacks_an_identity_is_the_hosts_refusal))
