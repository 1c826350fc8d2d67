/* test_tls_conn.c - an encrypted connection against a real server of OpenSSL's, in memory. */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/tls/tls_int.h"
#include "tests/dataplane/tls/rig.h"
#include "tests/support/suite.h"

static void bytes_pass_both_ways(const struct server_conf *conf, size_t piece)
{
	struct tls_info info;
	char heard[16];

	begin(conf);
	connect_to("mx.y.test", TLS_CHECKED);
	talk_in(piece);
	CU_ASSERT_EQUAL(b.n_secured, 1);
	CU_ASSERT_EQUAL(b.n_writable, 1);
	CU_ASSERT_EQUAL(b.n_failed, 0);
	CU_ASSERT_TRUE_FATAL(server_is_secure(b.server));
	CU_ASSERT_STRING_EQUAL(server_sni(b.server), "mx.y.test");
	tls_describe(b.conn, &info);
	CU_ASSERT_EQUAL(info.version, conf->version);
	CU_ASSERT_PTR_NOT_NULL(strstr(info.suite, "GCM"));
	CU_ASSERT_FALSE(info.is_resumed);

	CU_ASSERT_EQUAL(say("EHLO x\r\n", 8), 8);
	tls_flush(b.conn, NOW_US);
	talk_in(piece);
	CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 8);
	CU_ASSERT_NSTRING_EQUAL(heard, "EHLO x\r\n", 8);
	server_says(b.server, "250 hello\r\n", 11);
	talk_in(piece);
	CU_ASSERT_EQUAL(b.n_said, 11);
	CU_ASSERT_NSTRING_EQUAL(b.said, "250 hello\r\n", 11);
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_handshakes), 1);
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_bytes_out), 8);
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_bytes_in), 11);
	end();
}

static void tls12_and_tls13_carry_bytes_however_they_are_cut(void)
{
	bytes_pass_both_ways(&tls12, SAID_MAX);
	bytes_pass_both_ways(&tls12, 1);
	bytes_pass_both_ways(&tls13, SAID_MAX);
	bytes_pass_both_ways(&tls13, 1);
}

static void a_certificate_is_checked_where_that_is_demanded(void)
{
	static const struct {
		const char *why, *host;
		struct server_conf server;
		enum tls_demand demand;
		const char *want; /* "": it works */
	} cases[] = {
		/* clang-format off */
		{ "vouched for", "mx.y.test", { .version = 0x0304, .name = "mx.y.test" }, TLS_CHECKED, "" },
		{ "a wildcard covers one label", "mx.y.test", { .version = 0x0304, .name = "*.y.test" }, TLS_CHECKED, "" },
		{ "an A-label", "xn--bcher-kva.test", { .version = 0x0304, .name = "xn--bcher-kva.test" }, TLS_CHECKED, "" },
		{ "a wildcard covers an A-label", "xn--bcher-kva.y.test", { .version = 0x0304, .name = "*.y.test" }, TLS_CHECKED, "" },
		{ "a part of an A-label is no wildcard", "xn--bcher-kva.y.test", { .version = 0x0304, .name = "xn--b*.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "nor is a part of a name", "mx.y.test", { .version = 0x0304, .name = "m*.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "two labels are more than one", "a.b.y.test", { .version = 0x0304, .name = "*.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "another name", "mx.z.test", { .version = 0x0304, .name = "mx.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "no name to compare", "", { .version = 0x0304, .name = "mx.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "another name under 1.2", "mx.z.test", { .version = 0x0303, .name = "mx.y.test" }, TLS_CHECKED, "hostname mismatch" },
		{ "expired", "mx.y.test", { .version = 0x0304, .name = "mx.y.test", .is_expired = true }, TLS_CHECKED, "certificate has expired" },
		{ "self-signed", "mx.y.test", { .version = 0x0304, .name = "mx.y.test", .is_self_signed = true }, TLS_CHECKED, "self-signed certificate" },
		{ "self-signed, not asked", "mx.y.test", { .version = 0x0304, .name = "mx.y.test", .is_self_signed = true }, TLS_STRICT, "" },
		{ "expired, not asked", "mx.y.test", { .version = 0x0303, .name = "mx.y.test", .is_expired = true }, TLS_ANY, "" },
		{ "another name, not asked", "mx.z.test", { .version = 0x0303, .name = "mx.y.test" }, TLS_ANY, "" },
		{ "no AEAD, any suite will do", "mx.y.test", { .version = 0x0303, .name = "mx.y.test", .suites = "ECDHE-ECDSA-AES128-SHA256" }, TLS_ANY, "" },
		{ "no AEAD", "mx.y.test", { .version = 0x0303, .name = "mx.y.test", .suites = "ECDHE-ECDSA-AES128-SHA256" }, TLS_STRICT, "handshake failure" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool works = cases[i].want[0] == '\0', held;

		begin(&cases[i].server);
		connect_to(cases[i].host, cases[i].demand);
		talk();
		held = works ? b.n_secured == 1 && b.n_failed == 0
		             : b.n_secured == 0 && b.n_failed == 1 &&
		                   strstr(b.why, cases[i].want) != NULL;
		if (!held)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].why, b.why,
			       cases[i].want);
		CU_ASSERT_TRUE(held);
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_failed), works ? 0 : 1);
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_no_aead),
		                works && cases[i].server.suites != NULL ? 1 : 0);
		end();
	}
}

/* Who takes both lets us choose. */
static void a_suite_that_is_aead_is_preferred(void)
{
	static const struct server_conf both = {
		.version = 0x0303,
		.name = "mx.y.test",
		.suites = "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"
	};

	begin(&both);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	CU_ASSERT_EQUAL(b.n_secured, 1);
	CU_ASSERT_EQUAL(counter_read(&b.counters.tls_no_aead), 0);
	end();
}

/* Through the contexts: no server of ours could take each of the suites that must not be there. */
static void every_suite_has_forward_secrecy_and_on_demand_aead(void)
{
	begin(&tls13);
	for (int demand = 0; demand < TLS_N_DEMANDS; demand++) {
		STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(b.tls->ctx[demand]);
		bool was_aead = true;

		CU_ASSERT_FATAL(sk_SSL_CIPHER_num(suites) > 3);
		for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++) {
			const SSL_CIPHER *suite = sk_SSL_CIPHER_value(suites, i);
			int kx = SSL_CIPHER_get_kx_nid(suite);
			bool is_aead = SSL_CIPHER_is_aead(suite);

			CU_ASSERT_TRUE(kx == NID_kx_ecdhe || kx == NID_kx_dhe || kx == NID_kx_any);
			CU_ASSERT_NOT_EQUAL(SSL_CIPHER_get_auth_nid(suite), NID_auth_null);
			CU_ASSERT_TRUE(is_aead || demand == TLS_ANY);
			CU_ASSERT_TRUE(was_aead || !is_aead); /* they come first */
			was_aead = is_aead;
		}
	}
	end();
}

/* RFC 6066 3: what stands in SNI is the name that is checked, in A-labels; an address is none. */
static void the_server_is_told_the_name_of_the_host(void)
{
	static const struct {
		const char *host, *want;
	} cases[] = {
		{ "mx.y.test", "mx.y.test" },
		{ "xn--bcher-kva.test", "xn--bcher-kva.test" },
		{ "192.0.2.1", "" },
		{ "2001:db8::1", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&tls13);
		connect_to(cases[i].host, TLS_ANY);
		talk();
		CU_ASSERT_EQUAL(b.n_secured, 1);
		CU_ASSERT_STRING_EQUAL(server_sni(b.server), cases[i].want);
		end();
	}
}

/* TLS 1.1 is not spoken to anybody. */
static void an_old_version_is_refused(void)
{
	static const struct server_conf old = { .version = 0x0302,
		                                .name = "mx.y.test",
		                                .suites = "ALL:@SECLEVEL=0" };

	begin(&old);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	CU_ASSERT_EQUAL(b.n_secured, 0);
	CU_ASSERT_EQUAL(b.n_failed, 1);
	end();
}

static void goodbye_is_said_and_heard(void)
{
	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	server_says(b.server, "221 bye\r\n", 9);
	server_says_goodbye(b.server);
	talk();
	CU_ASSERT_EQUAL(b.n_said, 9);
	CU_ASSERT_EQUAL(b.n_goodbyes, 1);
	CU_ASSERT_EQUAL(b.n_failed, 0);
	tls_goodbye(b.conn, NOW_US);
	tls_flush(b.conn, NOW_US);
	to_server();
	CU_ASSERT_TRUE(server_saw_goodbye(b.server));
	end();
}

/* The key of a session: what was checked once under one name is not taken for another. */
static void a_session_is_resumed_with_the_same_host_and_demand_only(void)
{
	static const struct server_conf *const versions[] = { &tls12, &tls13 };

	for (size_t i = 0; i < 2; i++) {
		static const struct {
			const char *why, *host;
			enum tls_demand demand;
			bool resumed;
		} cases[] = {
			{ "the first is whole", "mx.y.test", TLS_ANY, false },
			{ "the same again", "mx.y.test", TLS_ANY, true },
			{ "and again", "mx.y.test", TLS_ANY, true },
			{ "checked: never was", "mx.y.test", TLS_CHECKED, false },
			{ "checked again", "mx.y.test", TLS_CHECKED, true },
			{ "another name", "mx2.y.test", TLS_ANY, false },
		};

		begin(versions[i]);
		for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
			struct tls_info info = { .is_resumed = !cases[k].resumed };

			b.tcp.conns[b.id].is_used = false;
			server_again(b.server);
			connect_to(cases[k].host, cases[k].demand);
			talk();
			CU_ASSERT_EQUAL(b.n_secured, 1);
			if (b.n_secured == 1)
				tls_describe(b.conn, &info);
			if (info.is_resumed != cases[k].resumed)
				printf("\n    %s: got %d", cases[k].why, info.is_resumed);
			CU_ASSERT_EQUAL(info.is_resumed, cases[k].resumed);
			tls_stop(b.conn);
			b.conn = NULL;
		}
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_resumed), 3);
		end();
	}
}

/* One ticket serves all that open at once; the counters tell how often. */
static void connections_that_open_together_are_all_resumed(void)
{
	static const struct server_conf *const versions[] = { &tls12, &tls13 };

	for (size_t i = 0; i < 2; i++) {
		struct tls_conn *conns[3];
		struct server *first;

		begin(versions[i]);
		connect_to("mx.y.test", TLS_ANY);
		talk();
		tls_stop(b.conn);
		first = b.server;
		for (int k = 0; k < 3; k++) {
			connect_to("mx.y.test", TLS_ANY);
			conns[k] = b.conn;
		}
		for (int k = 0; k < 3; k++) {
			b.conn = conns[k];
			b.id = (tcp_id)(k + 1);
			b.server = server_beside(first);
			talk();
			CU_ASSERT_EQUAL(b.n_failed, 0);
			tls_stop(b.conn);
			server_free(b.server);
		}
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_handshakes), 4);
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_resumption_offered), 3);
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_resumed), 3);
		b.conn = NULL;
		b.server = first;
		end();
	}
}

/* New keys are a matter of course, a new handshake is refused; neither stops the talk. */
static void questions_of_the_peer_between_do_no_harm(void)
{
	static const struct server_conf *const versions[] = { &tls12, &tls13 };
	char heard[16];

	for (size_t i = 0; i < 2; i++) {
		begin(versions[i]);
		connect_to("mx.y.test", TLS_ANY);
		talk();
		CU_ASSERT_TRUE_FATAL(server_is_secure(b.server));
		server_asks_again(b.server);
		talk();
		CU_ASSERT_EQUAL(b.n_secured, 1);
		if (versions[i] == &tls13) {
			CU_ASSERT_EQUAL(b.n_failed, 0);
			CU_ASSERT_EQUAL(say("x", 1), 1);
			tls_flush(b.conn, NOW_US);
			talk();
			CU_ASSERT_EQUAL(server_heard(b.server, heard, sizeof(heard)), 1);
		}
		CU_ASSERT_EQUAL(counter_read(&b.counters.tls_handshakes), 1);
		end();
	}
}

static void what_is_no_tls_fails_with_a_reason(void)
{
	static const char noise[] = "220 this is no TLS\r\n";

	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	(void)tls_turn(b.tls, NOW_US);
	tls_received(b.conn, NOW_US, span_of(noise, sizeof(noise) - 1));
	CU_ASSERT_EQUAL(b.n_failed, 0); /* only in its turn */
	(void)tls_turn(b.tls, NOW_US);
	CU_ASSERT_EQUAL(b.n_failed, 1);
	CU_ASSERT_STRING_EQUAL(b.why, "wrong version number");
	tls_received(b.conn, NOW_US, span_of(noise, sizeof(noise) - 1));
	(void)tls_turn(b.tls, NOW_US);
	tls_goodbye(b.conn, NOW_US);
	CU_ASSERT_EQUAL(b.n_failed, 1);
	end();
}

static void a_changed_byte_ends_the_connection(void)
{
	uint8_t bytes[512];
	size_t n;

	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	server_says(b.server, "250 ok\r\n", 8);
	n = server_gives(b.server, bytes, sizeof(bytes));
	bytes[n - 1] ^= 1;
	tls_received(b.conn, NOW_US, span_of(bytes, n));
	CU_ASSERT_EQUAL(b.n_said, 0);
	CU_ASSERT_EQUAL(b.n_failed, 1);
	CU_ASSERT_EQUAL(b.n_goodbyes, 0);
	end();
}

/* Whatever TCP takes at once, the server reads every byte in order. */
static void a_slow_tcp_loses_no_byte(void)
{
	static uint8_t sent[60000], heard[60000];
	struct fake_conn *c;
	size_t at = 0, n = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	c = &b.tcp.conns[b.id];
	c->room = 0;
	for (uint32_t turn = 0; at < sizeof(sent) && turn < 100000; turn++) {
		/* Sometimes there are no buffers though there is room. */
		b.tcp.no_buffers = turn % 5 == 4;
		c->room += turn % 300;
		at += say(sent + at, sizeof(sent) - at < 3000 ? sizeof(sent) - at : 3000);
		b.tcp.no_buffers = false;
		tls_flush(b.conn, NOW_US);
		to_server();
		n += server_heard(b.server, heard + n, sizeof(heard) - n);
	}
	c->room = FAKE_OUT_BYTES;
	tls_flush(b.conn, NOW_US);
	to_server();
	n += server_heard(b.server, heard + n, sizeof(heard) - n);
	CU_ASSERT_EQUAL(n, sizeof(sent));
	CU_ASSERT_EQUAL(memcmp(sent, heard, sizeof(sent)), 0);
	end();
}

/* Connections that begin together are not served together, and who came first is. */
static void a_turn_takes_one_step(void)
{
	struct tls_peer peer = { .host = "mx.y.test", .demand = TLS_ANY };
	struct tls_conn *conns[4];
	tcp_id ids[4];

	begin(&tls13);
	for (int i = 0; i < 4; i++) {
		(void)tcp_connect(&b.tcp, NOW_US, NULL, NULL, 25, NULL, &ids[i]);
		conns[i] = tls_start(b.tls, &peer, ids[i], NULL);
	}
	CU_ASSERT_PTR_NULL(tls_start(b.tls, &peer, 0, NULL)); /* conns_max is 4 */
	for (int turn = 1; turn <= 4; turn++) {
		CU_ASSERT_EQUAL(tls_turn(b.tls, NOW_US), turn < 4);
		for (int i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(b.tcp.conns[ids[i]].n_flushed > 0, i < turn);
	}
	for (int i = 0; i < 4; i++)
		tls_received(conns[i], NOW_US, span_str("no TLS at all"));
	for (uint32_t turn = 1; turn <= 4; turn++) {
		CU_ASSERT_EQUAL(tls_turn(b.tls, NOW_US), turn < 4);
		CU_ASSERT_EQUAL(b.n_failed, turn);
	}
	for (int i = 0; i < 4; i++)
		tls_stop(conns[i]);
	end();
}

static void a_connection_may_be_stopped_from_within_and_while_it_waits(void)
{
	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	tls_stop(b.conn);
	CU_ASSERT_FALSE(tls_turn(b.tls, NOW_US));
	CU_ASSERT_EQUAL(b.tcp.conns[b.id].n_out, 0);
	server_again(b.server);
	connect_to("mx.y.test", TLS_ANY);
	talk();
	b.stops = true;
	server_says(b.server, "250 a\r\n", 7);
	server_says(b.server, "250 b\r\n", 7);
	talk();
	CU_ASSERT_EQUAL(b.n_said, 7);
	end();
}

static void a_handshake_that_never_ends_is_bounded(void)
{
	static uint8_t bytes[1 << 16];

	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	for (int i = 0; i < 4 && b.n_failed == 0; i++)
		tls_received(b.conn, NOW_US, span_of(bytes, sizeof(bytes)));
	CU_ASSERT_EQUAL(b.n_failed, 1);
	CU_ASSERT_STRING_EQUAL(b.why, "handshake too long");
	end();
}

/* An alert and FIN in one flight: the alert says more. */
static void the_last_words_before_fin_are_heard(void)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 40 };

	begin(&tls13);
	connect_to("mx.y.test", TLS_ANY);
	(void)tls_turn(b.tls, NOW_US);
	tls_received(b.conn, NOW_US, span_of(alert, sizeof(alert)));
	tls_finish(b.conn, NOW_US);
	CU_ASSERT_EQUAL(b.n_failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(b.why, "handshake failure"));
	end();
}

static void a_ca_file_that_cannot_be_read_is_named(void)
{
	struct tls_conf conf = { .conns_max = 1, .ca_file = "/nowhere/ca.pem", .ops = &rig_ops };
	struct tls *tls;
	char why[TLS_WHY_BYTES];

	CU_ASSERT_EQUAL(tls_open(&conf, NULL, &tls, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "/nowhere/ca.pem"));
}

SUITE("dataplane/tls/tls_conn", TEST(tls12_and_tls13_carry_bytes_however_they_are_cut),
      TEST(a_certificate_is_checked_where_that_is_demanded),
      TEST(a_suite_that_is_aead_is_preferred),
      TEST(every_suite_has_forward_secrecy_and_on_demand_aead),
      TEST(the_server_is_told_the_name_of_the_host), TEST(an_old_version_is_refused),
      TEST(goodbye_is_said_and_heard),
      TEST(a_session_is_resumed_with_the_same_host_and_demand_only),
      TEST(connections_that_open_together_are_all_resumed),
      TEST(questions_of_the_peer_between_do_no_harm), TEST(what_is_no_tls_fails_with_a_reason),
      TEST(a_changed_byte_ends_the_connection), TEST(a_slow_tcp_loses_no_byte),
      TEST(a_turn_takes_one_step), TEST(a_connection_may_be_stopped_from_within_and_while_it_waits),
      TEST(a_handshake_that_never_ends_is_bounded), TEST(the_last_words_before_fin_are_heard),
      TEST(a_ca_file_that_cannot_be_read_is_named))
