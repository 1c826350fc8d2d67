/* test_wire.c - sessions through TLS: STARTTLS, port 465, the four policies, and what goes wrong.
 *
 * The server is OpenSSL's, in memory (tests/dataplane/tls/server.h); the bench carries bytes.
 */
#include <stdlib.h>

#include "tests/dataplane/smtp/world.h"
#include "tests/dataplane/tls/server.h"

enum { BYTES_MAX = 1 << 17 };

static struct tls *tls;
static struct server *server;

static const struct server_conf good = { .version = 0x0304, .name = "mx.y.test" };
static const struct server_conf stranger = { .version = 0x0303,
	                                     .name = "mx.y.test",
	                                     .is_self_signed = true };

static void begin(const struct server_conf *conf)
{
	struct tls_conf tls_conf = { .conns_max = 4,
		                     .sessions_max = 4,
		                     .ca_file = server_ca_file(),
		                     .counters = &world.counters,
		                     .ops = &smtp_tls_ops };
	char why[TLS_WHY_BYTES];

	if (tls_open(&tls_conf, &world.tcp, &tls, why) != 0)
		abort();
	world_conf();
	world.conf.tls = tls;
	world_begin_with();
	server = server_new(conf);
}

static void end(void)
{
	world_end();
	tls_close(tls);
	server_free(server);
}

static void dial_as(enum dp_tls_policy policy, uint16_t port)
{
	struct dp_dial d = world.order;
	const struct ip_addr local = { { 0 } };

	d.remote_port = port;
	d.tls = (uint8_t)policy;
	snprintf(d.host, sizeof(d.host), "mx.y.test");
	smtp_open_session(world.smtp, world.now_us, &d, &local);
	fake_open(&world.tcp, world.now_us, 0);
}

/* Carries bytes between client and server until neither has any. */
static void talk(void)
{
	static uint8_t bytes[BYTES_MAX];
	struct fake_conn *c = &world.tcp.conns[0];
	size_t n;

	do {
		while (smtp_tick(world.smtp, world.now_us, 100) == world.now_us)
			continue;
		(void)server_takes(server, c->out + c->n_seen, c->n_flushed - c->n_seen);
		c->n_seen = c->n_flushed;
		n = server_gives(server, bytes, sizeof(bytes));
		if (n > 0 && c->is_used)
			fake_say(&world.tcp, world.now_us, 0, bytes, n);
	} while (n > 0);
}

/* What the client said under TLS since the last look is exactly `text`. */
static void secret_was(const char *file, int line, const char *text)
{
	static char heard[BYTES_MAX];
	size_t n;
	bool same;

	talk();
	n = server_heard(server, heard, sizeof(heard));
	same = n == strlen(text) && memcmp(heard, text, n) == 0;
	if (!same)
		printf("\n    %s:%d: got \"%.*s\", want \"%s\"", file, line, (int)n, heard, text);
	CU_ASSERT_TRUE(same);
}
#define SECRET(text) secret_was(__FILE__, __LINE__, text)

static void whisper(const char *text)
{
	server_says(server, text, strlen(text));
	talk();
}

#define OFFER "250-mx.y.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"

/* Up to and with the answer to EHLO in the clear. */
static void greet_as(enum dp_tls_policy policy, const char *ehlo_reply)
{
	dial_as(policy, 25);
	SERVER("220 mx.y.test ESMTP\r\n");
	CLIENT("EHLO out.x.test\r\n");
	fake_say(&world.tcp, world.now_us, 0, ehlo_reply, strlen(ehlo_reply));
}

static void start_tls(enum dp_tls_policy policy)
{
	greet_as(policy, OFFER);
	CLIENT("STARTTLS\r\n");
	SERVER("220 go ahead\r\n");
}

/* What the session ended with; the server closes too. */
static const struct dp_evt *ended(void)
{
	CU_ASSERT_TRUE(world.tcp.conns[0].is_shut);
	fake_closed(&world.tcp, world.now_us, 0, 0);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_CLOSED), 1);
	return last(DP_EVT_CLOSED);
}

static void part_in_secret(void)
{
	smtp_quit(world.smtp, world.now_us, world.conn);
	SECRET("QUIT\r\n");
	server_says(server, "221 bye\r\n", 9);
	server_says_goodbye(server);
	talk();
	CU_ASSERT_TRUE(server_saw_goodbye(server));
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_QUIT);
}

static void a_message_goes_through_tls_under_every_policy(void)
{
	static const enum dp_tls_policy policies[] = { DP_TLS_OPPORTUNISTIC, DP_TLS_ENCRYPT,
		                                       DP_TLS_VERIFY };

	for (size_t i = 0; i < 3; i++) {
		begin(&good);
		start_tls(policies[i]);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n250 PIPELINING\r\n");
		CU_ASSERT_EQUAL_FATAL(n_evts(DP_EVT_OPEN), 1);
		CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->tls, 13);
		CU_ASSERT_NSTRING_EQUAL(last(DP_EVT_OPEN)->text, "TLS 1.3 TLS_AES_", 16);
		submit(1);
		SECRET("MAIL FROM:<a@x.test>\r\nRCPT TO:<r1@y.test>\r\nDATA\r\n");
		whisper("250 ok\r\n250 ok\r\n354 go\r\n");
		SECRET("Subject: hi\r\n\r\nbody\r\n.\r\n");
		whisper("250 queued\r\n");
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
		part_in_secret();
		end();
	}
}

/* RFC 3207 4.2: only what is said under TLS counts. */
static void what_was_offered_in_the_clear_is_forgotten(void)
{
	begin(&good);
	start_tls(DP_TLS_ENCRYPT);
	SECRET("EHLO out.x.test\r\n");
	whisper("250 mx.y.test\r\n");
	submit(1);
	SECRET("MAIL FROM:<a@x.test>\r\n"); /* no PIPELINING any more */
	smtp_drain(world.smtp, world.now_us, 0);
	talk();
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_NOT_TRIED);
	(void)ended();
	end();
}

/* RFC 4954 4: to nobody whose name is not vouched for, unless that was asked for. */
static void a_secret_is_told_under_verified_tls_only(void)
{
	static const struct smtp_credential joe = { .user = { (const uint8_t *)"joe", 3 },
		                                    .secret = { (const uint8_t *)"pw", 2 } };
	static const struct {
		const char *why;
		enum dp_tls_policy policy;
		bool in_clear, want;
	} cases[] = {
		{ "verified", DP_TLS_VERIFY, false, true },
		{ "encrypted to whoever it is", DP_TLS_ENCRYPT, false, false },
		{ "opportunistic", DP_TLS_OPPORTUNISTIC, false, false },
		{ "the way is our own", DP_TLS_OPPORTUNISTIC, true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&good);
		world.order.credential = 3;
		world.order.auth_in_clear = cases[i].in_clear;
		smtp_set_credential(world.smtp, 3, &joe);
		start_tls(cases[i].policy);
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n250 AUTH PLAIN\r\n");
		if (cases[i].want) {
			SECRET("AUTH PLAIN AGpvZQBwdw==\r\n");
			CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
			whisper("235 2.7.0 welcome\r\n");
			CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
			part_in_secret();
		} else {
			SECRET("QUIT\r\n");
			CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
			server_says(server, "221 bye\r\n", 9);
			server_says_goodbye(server);
			talk();
			CU_ASSERT_EQUAL(ended()->why, DP_WHY_AUTH);
			CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
		}
		end();
	}
}

/* RFC 8689: a host of the configuration, under verified TLS, that offers it; nobody else. */
static void requiretls_is_asked_of_a_named_and_verified_host_only(void)
{
	static const struct {
		const char *why, *offer;
		enum dp_tls_policy policy;
		bool named, want;
	} cases[] = {
		{ "as it should be", "250 REQUIRETLS\r\n", DP_TLS_VERIFY, true, true },
		{ "not offered", "250 DSN\r\n", DP_TLS_VERIFY, true, false },
		{ "not named", "250 REQUIRETLS\r\n", DP_TLS_VERIFY, false, false },
		{ "not verified", "250 REQUIRETLS\r\n", DP_TLS_ENCRYPT, true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_job job;

		begin(&good);
		world.order.requiretls_ok = cases[i].named;
		start_tls(cases[i].policy);
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n");
		whisper(cases[i].offer);
		CU_ASSERT_EQUAL_FATAL(n_evts(DP_EVT_OPEN), 1);
		job = job_of(1);
		job.requiretls = 1;
		smtp_submit(world.smtp, world.now_us, &job);
		if (cases[i].want) {
			SECRET("MAIL FROM:<a@x.test> REQUIRETLS\r\n");
			whisper("550 5.7.30 changed my mind\r\n");
		}
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_REFUSED);
		CU_ASSERT_EQUAL(VERDICT(1)->code, 550);
		CU_ASSERT_EQUAL(VERDICT(1)->enhanced[2], 30);
		part_in_secret();
		end();
	}
}

static void port_465_begins_with_tls(void)
{
	static const enum dp_tls_policy policies[] = { DP_TLS_NONE, DP_TLS_VERIFY };

	for (size_t i = 0; i < 2; i++) {
		begin(&good);
		dial_as(policies[i], 465);
		talk();
		CU_ASSERT_TRUE_FATAL(server_is_secure(server));
		SECRET(""); /* the server speaks first */
		whisper("220 mx.y.test ESMTP\r\n");
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n250 STARTTLS\r\n");
		CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
		part_in_secret();
		end();
	}
}

static void the_policy_decides_when_tls_is_not_to_be_had(void)
{
	static const struct {
		const char *why;
		enum dp_tls_policy policy;
		const char *ehlo_reply, *starttls_reply; /* NULL: STARTTLS must not be said */
		const char *want;                        /* text of the end; "": it is ready */
	} cases[] = {
		/* clang-format off */
		{ "none never asks", DP_TLS_NONE, OFFER, NULL, "" },
		{ "opportunistic, not offered", DP_TLS_OPPORTUNISTIC, "250 mx\r\n", NULL, "" },
		{ "opportunistic, HELO only", DP_TLS_OPPORTUNISTIC, "502 what\r\n", NULL, "" },
		{ "opportunistic, refused for now", DP_TLS_OPPORTUNISTIC, OFFER, "454 4.7.0 not now\r\n", "" },
		{ "opportunistic, refused", DP_TLS_OPPORTUNISTIC, OFFER, "502 no\r\n", "" },
		{ "encrypt, not offered", DP_TLS_ENCRYPT, "250 mx\r\n", NULL, "TLS: STARTTLS is not offered" },
		{ "encrypt, HELO only", DP_TLS_ENCRYPT, "502 what\r\n", NULL, "TLS: STARTTLS is not offered" },
		{ "verify, not offered", DP_TLS_VERIFY, "250 mx\r\n", NULL, "TLS: STARTTLS is not offered" },
		{ "encrypt, refused", DP_TLS_ENCRYPT, OFFER, "454 4.7.0 not now\r\n", "4.7.0 not now" },
		{ "verify, refused", DP_TLS_VERIFY, OFFER, "502 no\r\n", "no" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ready = cases[i].want[0] == '\0', held;

		begin(&good);
		greet_as(cases[i].policy, cases[i].ehlo_reply);
		if (cases[i].starttls_reply != NULL) {
			CLIENT("STARTTLS\r\n");
			fake_say(&world.tcp, world.now_us, 0, cases[i].starttls_reply,
			         strlen(cases[i].starttls_reply));
		} else if (cases[i].ehlo_reply[0] == '5') {
			CLIENT("HELO out.x.test\r\n");
			SERVER("250 mx\r\n");
		}
		held = n_evts(DP_EVT_OPEN) == (ready ? 1 : 0);
		if (ready) {
			CU_ASSERT_EQUAL(last(DP_EVT_OPEN)->tls, 0);
			part();
		} else {
			const struct dp_evt *e;

			CLIENT("QUIT\r\n");
			SERVER("221 bye\r\n");
			fake_fin(&world.tcp, world.now_us, 0);
			e = ended();
			held &= strncmp(e->text, cases[i].want, strlen(cases[i].want)) == 0;
			CU_ASSERT_EQUAL(e->reach, DP_REACH_HOST);
		}
		if (!held)
			printf("\n    %s: got %u opens and \"%.60s\"", cases[i].why,
			       n_evts(DP_EVT_OPEN), last(DP_EVT_CLOSED)->text);
		CU_ASSERT_TRUE(held);
		end();
	}
}

/* RFC 3207 6: whoever stands between may take STARTTLS away; a host that has done TLS is not
 * believed to be unable.
 */
static void tls_that_a_host_has_done_before_may_not_be_missing(void)
{
	static const struct {
		const char *why, *ehlo_reply, *starttls_reply; /* NULL: STARTTLS must not be said */
		uint16_t code;
	} cases[] = {
		{ "not offered", "250 mx\r\n", NULL, 0 },
		{ "HELO only", "502 what\r\n", NULL, 0 },
		{ "refused for now", OFFER, "454 4.7.0 not now\r\n", 454 },
		{ "refused", OFFER, "502 no\r\n", 502 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct dp_evt *e;

		begin(&good);
		world.order.known = DP_KNOWN_TLS;
		greet_as(DP_TLS_OPPORTUNISTIC, cases[i].ehlo_reply);
		if (cases[i].starttls_reply != NULL) {
			CLIENT("STARTTLS\r\n");
			fake_say(&world.tcp, world.now_us, 0, cases[i].starttls_reply,
			         strlen(cases[i].starttls_reply));
		} else if (cases[i].ehlo_reply[0] == '5') {
			CLIENT("HELO out.x.test\r\n");
			SERVER("250 mx\r\n");
		}
		CLIENT("QUIT\r\n");
		SERVER("221 bye\r\n");
		fake_fin(&world.tcp, world.now_us, 0);
		e = ended();
		if (e->why != DP_WHY_TLS_GONE || e->code != cases[i].code)
			printf("\n    %s: why %u, code %u", cases[i].why, e->why, e->code);
		CU_ASSERT_EQUAL(e->why, DP_WHY_TLS_GONE);
		CU_ASSERT_EQUAL(e->code, cases[i].code);
		CU_ASSERT_EQUAL(e->reach, DP_REACH_HOST);
		CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
		CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_tls_gone), 1);
		end();
	}
	begin(&good); /* and where it is there, nothing is different */
	world.order.known = DP_KNOWN_TLS;
	start_tls(DP_TLS_OPPORTUNISTIC);
	SECRET("EHLO out.x.test\r\n");
	whisper("250 mx.y.test\r\n");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 1);
	CU_ASSERT_EQUAL(counter_read(&world.counters.smtp_tls_gone), 0);
	part_in_secret();
	end();
}

static void a_failed_handshake_ends_the_session_with_its_reason(void)
{
	begin(&stranger);
	start_tls(DP_TLS_VERIFY);
	talk();
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_TLS);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_TLS);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->reach, DP_REACH_HOST);
	CU_ASSERT_NSTRING_EQUAL(last(DP_EVT_CLOSED)->text, "TLS: self-signed certificate", 28);
	end();
}

/* RFC 3207 6: an attacker's words would be heard as if TLS had protected them. */
static void bytes_behind_the_220_end_the_session(void)
{
	begin(&good);
	greet_as(DP_TLS_OPPORTUNISTIC, OFFER);
	CLIENT("STARTTLS\r\n");
	SERVER("220 go ahead\r\n250 mx.evil.test\r\n");
	talk();
	CLIENT("");
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_PROTOCOL);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_STARTTLS);
	end();
}

static void garbage_instead_of_a_handshake_fails(void)
{
	begin(&good);
	start_tls(DP_TLS_OPPORTUNISTIC);
	(void)smtp_tick(world.smtp, world.now_us, 100);
	SERVER("250 mx.evil.test\r\n");
	(void)smtp_tick(world.smtp, world.now_us, 100);
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_TLS);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_TLS);
	end();
}

static void a_reply_under_tls_that_nobody_asked_for_ends_the_session(void)
{
	static uint8_t bytes[BYTES_MAX];
	struct fake_conn *c = &world.tcp.conns[0];
	size_t n;

	begin(&stranger); /* TLS 1.2: the server's Finished is the last of the handshake */
	start_tls(DP_TLS_OPPORTUNISTIC);
	(void)smtp_tick(world.smtp, world.now_us, 100);
	(void)server_takes(server, c->out + c->n_seen, c->n_flushed - c->n_seen);
	c->n_seen = c->n_flushed;
	n = server_gives(server, bytes, sizeof(bytes));
	fake_say(&world.tcp, world.now_us, 0, bytes, n);
	(void)smtp_tick(world.smtp, world.now_us, 100);
	(void)server_takes(server, c->out + c->n_seen, c->n_flushed - c->n_seen);
	c->n_seen = c->n_flushed;
	server_says(server, "250 too early\r\n", 15);
	n = server_gives(server, bytes, sizeof(bytes));
	fake_say(&world.tcp, world.now_us, 0, bytes, n);
	(void)smtp_tick(world.smtp, world.now_us, 100);
	CU_ASSERT_EQUAL(n_evts(DP_EVT_OPEN), 0);
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_PROTOCOL);
	end();
}

static void a_server_that_stalls_in_the_handshake_runs_out_of_patience(void)
{
	begin(&good);
	start_tls(DP_TLS_ENCRYPT);
	(void)smtp_tick(world.smtp, world.now_us, 100);
	wait_ms(world.conf.times.ehlo_ms + 1000);
	CU_ASSERT_EQUAL(world.tcp.n_aborts, 1);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->why, DP_WHY_TIMEOUT);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_TLS);
	end();
}

static void a_server_that_goes_in_the_handshake_is_told_by_its_step(void)
{
	begin(&good);
	start_tls(DP_TLS_OPPORTUNISTIC);
	fake_fin(&world.tcp, world.now_us, 0);
	talk();
	CU_ASSERT_EQUAL(ended()->why, DP_WHY_PEER_CLOSED);
	CU_ASSERT_EQUAL(last(DP_EVT_CLOSED)->step, DP_STEP_TLS);
	end();
}

/* The dot is the line, encrypted or not. */
static void a_broken_record_after_the_dot_leaves_the_message_unconfirmed(void)
{
	static const uint8_t record[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
		                          9,  1, 2, 3, 4,  5, 6, 7, 8, 9, 0, 1 };

	for (int dotted = 0; dotted < 2; dotted++) {
		begin(&good);
		start_tls(DP_TLS_OPPORTUNISTIC);
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n250 PIPELINING\r\n");
		submit(1);
		talk();
		if (dotted)
			whisper("250 ok\r\n250 ok\r\n354 go\r\n");
		fake_say(&world.tcp, world.now_us, 0, record, sizeof(record));
		CU_ASSERT_EQUAL(VERDICT(1)->outcome,
		                dotted ? DP_OUT_UNCONFIRMED : DP_OUT_NOT_TRIED);
		CU_ASSERT_EQUAL(ended()->why, DP_WHY_TLS);
		end();
	}
}

/* FIN without close_notify may be somebody else's (RFC 8446 6.1): what was answered whole stands,
 * what was not is not known.
 */
static void a_close_without_a_goodbye_decides_nothing(void)
{
	static const struct {
		const char *why, *reply;
		enum dp_outcome want;
	} cases[] = {
		{ "before the answer", "", DP_OUT_UNCONFIRMED },
		{ "in the middle of it", "250 queu", DP_OUT_UNCONFIRMED },
		{ "behind it", "250 queued\r\n", DP_OUT_DELIVERED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&good);
		start_tls(DP_TLS_OPPORTUNISTIC);
		SECRET("EHLO out.x.test\r\n");
		whisper("250-mx.y.test\r\n250 PIPELINING\r\n");
		submit(1);
		talk();
		whisper("250 ok\r\n250 ok\r\n354 go\r\n");
		whisper(cases[i].reply);
		fake_fin(&world.tcp, world.now_us, 0);
		if (VERDICT(1)->outcome != cases[i].want)
			printf("\n    %s: %d", cases[i].why, VERDICT(1)->outcome);
		CU_ASSERT_EQUAL(VERDICT(1)->outcome, cases[i].want);
		CU_ASSERT_EQUAL(ended()->why, DP_WHY_PEER_CLOSED);
		end();
	}
}

/* Dots doubled, lines whole, whatever pieces TCP takes. */
static void a_large_message_arrives_byte_for_byte(void)
{
	static char body[200000], got[BYTES_MAX * 2];
	struct fake_conn *c = &world.tcp.conns[0];
	struct dp_job job;
	size_t n = 0, want = 0;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : "..abc"[i % 5];
	begin(&good);
	start_tls(DP_TLS_OPPORTUNISTIC);
	SECRET("EHLO out.x.test\r\n");
	whisper("250-mx.y.test\r\n250 PIPELINING\r\n");
	job = job_of(1);
	job.wire[0] = span_of(body, sizeof(body));
	smtp_submit(world.smtp, world.now_us, &job);
	SECRET("MAIL FROM:<a@x.test>\r\nRCPT TO:<r1@y.test>\r\nDATA\r\n");
	c->room = 0;
	whisper("250 ok\r\n250 ok\r\n354 go\r\n");
	for (uint32_t turn = 0; turn < 5000 && n_evts(DP_EVT_BODY_TAKEN) == 0; turn++) {
		if (c->n_seen == c->n_out)
			c->n_seen = c->n_out = c->n_flushed = 0;
		world.tcp.no_buffers = turn % 7 == 6;
		fake_make_room(&world.tcp, world.now_us, 0, turn % 2000);
		world.tcp.no_buffers = false;
		talk();
		n += server_heard(server, got + n, sizeof(got) - n);
	}
	fake_make_room(&world.tcp, world.now_us, 0, 1 << 16);
	talk();
	n += server_heard(server, got + n, sizeof(got) - n);
	for (size_t i = 0; i < sizeof(body); i++) {
		bool dot = body[i] == '.' && (i == 0 || body[i - 1] == '\n');

		if (got[want] != body[i] || (dot && got[want + 1] != '.'))
			break;
		want += dot ? 2 : 1;
	}
	CU_ASSERT_EQUAL(n, want + 3);
	CU_ASSERT_NSTRING_EQUAL(got + want, ".\r\n", 3);
	whisper("250 queued\r\n");
	CU_ASSERT_EQUAL(VERDICT(1)->outcome, DP_OUT_DELIVERED);
	part_in_secret();
	end();
}

SUITE("dataplane/smtp/wire", TEST(a_message_goes_through_tls_under_every_policy),
      TEST(what_was_offered_in_the_clear_is_forgotten), TEST(port_465_begins_with_tls),
      TEST(a_secret_is_told_under_verified_tls_only),
      TEST(requiretls_is_asked_of_a_named_and_verified_host_only),
      TEST(the_policy_decides_when_tls_is_not_to_be_had),
      TEST(tls_that_a_host_has_done_before_may_not_be_missing),
      TEST(a_failed_handshake_ends_the_session_with_its_reason),
      TEST(bytes_behind_the_220_end_the_session), TEST(garbage_instead_of_a_handshake_fails),
      TEST(a_reply_under_tls_that_nobody_asked_for_ends_the_session),
      TEST(a_server_that_stalls_in_the_handshake_runs_out_of_patience),
      TEST(a_server_that_goes_in_the_handshake_is_told_by_its_step),
      TEST(a_broken_record_after_the_dot_leaves_the_message_unconfirmed),
      TEST(a_close_without_a_goodbye_decides_nothing), TEST(a_large_message_arrives_byte_for_byte))
