/* test_tls_server.c - the server side of TLS, which the sink uses, against a client of OpenSSL's in
 * memory.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/tls/tls_server.h"
#include "tests/support/suite.h"

static char ca_path[] = "/tmp/posthaste-test-served-XXXXXX";

static struct {
	struct tls_server *server;
	struct tls_served *served;
	SSL_CTX *ctx;
	SSL *ssl; /* the client's */
	bool is_secured, is_over;
	char heard[1 << 17]; /* by the server */
	size_t n_heard;
} w;

static void on_send(void *user, struct span bytes)
{
	(void)user;
	CU_ASSERT_EQUAL(BIO_write(SSL_get_rbio(w.ssl), bytes.at, (int)bytes.bytes),
	                (int)bytes.bytes);
}

static void on_secured(void *user)
{
	(void)user;
	CU_ASSERT_FALSE(w.is_secured);
	w.is_secured = true;
}

static void on_received(void *user, struct span bytes)
{
	(void)user;
	CU_ASSERT_TRUE(w.is_secured);
	CU_ASSERT_FATAL(bytes.bytes <= sizeof(w.heard) - w.n_heard);
	memcpy(w.heard + w.n_heard, bytes.at, bytes.bytes);
	w.n_heard += bytes.bytes;
}

static void forget_file(void)
{
	unlink(ca_path);
}

/* Where the authority's certificate goes; removed at exit. */
static void need_file(void)
{
	static bool is_there;
	int fd = is_there ? -1 : mkstemp(ca_path);

	if (fd >= 0) {
		close(fd);
		atexit(forget_file);
	}
	is_there = true;
}

static const struct tls_served_ops ops = { on_send, on_secured, on_received };

/* Hands the server what the client wrote, `cut` octets at a time. */
static void carry(size_t cut)
{
	uint8_t piece[4096];
	int n;

	while (!w.is_over &&
	       (n = BIO_read(SSL_get_wbio(w.ssl), piece, (int)(cut < 4096 ? cut : 4096))) > 0)
		w.is_over = !tls_served_take(w.served, span_of(piece, (size_t)n));
}

static void open_server(const struct tls_server_conf *conf)
{
	char why[TLS_WHY_BYTES];
	int rc;

	memset(&w, 0, sizeof(w));
	need_file();
	rc = tls_server_open(conf, &w.server, why);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	if (conf->cert_file == NULL) {
		CU_ASSERT_EQUAL_FATAL(tls_server_write_authority(w.server, ca_path), 0);
	}
	w.ctx = SSL_CTX_new(TLS_client_method());
	CU_ASSERT_EQUAL(SSL_CTX_load_verify_locations(w.ctx, ca_path, NULL), 1);
	SSL_CTX_set_verify(w.ctx, SSL_VERIFY_PEER, NULL);
}

/* A client that expects `name`, and may come again with its session. True: it trusts the server. */
static bool connect_client(const char *name, SSL_SESSION *session, size_t cut)
{
	int rc = 0;

	w.ssl = SSL_new(w.ctx);
	w.served = tls_served_new(w.server, &ops, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w.served);
	w.is_secured = w.is_over = false;
	w.n_heard = 0;
	SSL_set_bio(w.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(w.ssl);
	SSL_set1_host(w.ssl, name);
	if (session != NULL)
		SSL_set_session(w.ssl, session);
	for (int i = 0; i < 10 && rc != 1 && !w.is_over; i++) {
		ERR_clear_error();
		rc = SSL_do_handshake(w.ssl);
		carry(cut);
	}
	return rc == 1;
}

static void leave(void)
{
	SSL_set_shutdown(w.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(w.ssl);
	tls_served_free(w.served);
}

static void close_server(void)
{
	SSL_CTX_free(w.ctx);
	tls_server_close(w.server);
}

static void a_client_trusts_the_certificate_made_for_the_host(void)
{
	static const uint16_t versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < 2; i++) {
		struct tls_server_conf conf = { .host = "mx.sink.test",
			                        .version_min = versions[i],
			                        .version_max = versions[i] };

		open_server(&conf);
		for (size_t cut = 1; cut <= 4096; cut *= 64) {
			CU_ASSERT_TRUE(connect_client("mx.sink.test", NULL, cut));
			CU_ASSERT_TRUE(w.is_secured && tls_served_is_secure(w.served));
			CU_ASSERT_EQUAL(SSL_version(w.ssl), versions[i]);
			leave();
		}
		CU_ASSERT_FALSE(connect_client("mx.other.test", NULL, 4096));
		CU_ASSERT_TRUE(w.is_over); /* the alert is a failure of the server's too */
		leave();
		close_server();
	}
}

static void octets_go_both_ways_as_they_are(void)
{
	static char text[100000], back[100000];
	struct tls_server_conf conf = { .host = "mx.sink.test" };
	size_t n = 0, got;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	open_server(&conf);
	CU_ASSERT_TRUE_FATAL(connect_client("mx.sink.test", NULL, 4096));
	CU_ASSERT_EQUAL(SSL_write(w.ssl, text, sizeof(text)), (int)sizeof(text));
	carry(1000);
	CU_ASSERT_EQUAL(w.n_heard, sizeof(text));
	CU_ASSERT_EQUAL(memcmp(w.heard, text, sizeof(text)), 0);
	CU_ASSERT_TRUE(tls_served_say(w.served, span_of(text, sizeof(text))));
	CU_ASSERT_TRUE(tls_served_flush(w.served));
	CU_ASSERT((size_t)BIO_ctrl_pending(SSL_get_rbio(w.ssl)) <=
	          tls_served_bytes(w.served, sizeof(text)));
	while (n < sizeof(back) && SSL_read_ex(w.ssl, back + n, sizeof(back) - n, &got) == 1)
		n += got;
	CU_ASSERT_EQUAL(memcmp(back, text, sizeof(text)), 0);
	tls_served_goodbye(w.served);
	CU_ASSERT_EQUAL(SSL_read_ex(w.ssl, back, 1, &got), 0);
	CU_ASSERT_EQUAL(SSL_get_error(w.ssl, 0), SSL_ERROR_ZERO_RETURN);
	leave();
	close_server();
}

static void what_is_said_together_is_one_record(void)
{
	struct tls_server_conf conf = { .host = "mx.sink.test" };
	char back[64];
	size_t got;

	open_server(&conf);
	CU_ASSERT_TRUE_FATAL(connect_client("mx.sink.test", NULL, 4096));
	for (int i = 0; i < 3; i++)
		CU_ASSERT_TRUE(tls_served_say(w.served, span_str("250 2.0.0 Ok\r\n")));
	CU_ASSERT_EQUAL(SSL_read_ex(w.ssl, back, sizeof(back), &got), 0);
	CU_ASSERT_TRUE(tls_served_flush(w.served));
	CU_ASSERT_EQUAL(SSL_read_ex(w.ssl, back, sizeof(back), &got), 1);
	CU_ASSERT_EQUAL(got, 42);
	leave();
	close_server();
}

static void a_client_may_come_again_unless_there_are_no_tickets(void)
{
	for (int none = 0; none < 2; none++) {
		struct tls_server_conf conf = { .host = "mx.sink.test", .no_tickets = none != 0 };
		SSL_SESSION *session;
		char byte;
		size_t got;

		open_server(&conf);
		CU_ASSERT_TRUE_FATAL(connect_client("mx.sink.test", NULL, 4096));
		CU_ASSERT_TRUE(tls_served_say(w.served, span_str("x")));
		CU_ASSERT_TRUE(tls_served_flush(w.served));
		CU_ASSERT_EQUAL(SSL_read_ex(w.ssl, &byte, 1, &got), 1); /* and the ticket */
		session = SSL_get1_session(w.ssl);
		leave();
		CU_ASSERT_TRUE_FATAL(connect_client("mx.sink.test", session, 4096));
		CU_ASSERT_EQUAL(SSL_session_reused(w.ssl), none == 0);
		SSL_SESSION_free(session);
		leave();
		close_server();
	}
}

static void what_is_no_tls_ends_it(void)
{
	static const char *const noise[] = { "EHLO c.test\r\n", "\x16\x03\x01\xff\xff", "\x80",
		                             "GET / HTTP/1.1\r\n\r\n" };

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		struct tls_server_conf conf = { .host = "mx.sink.test" };
		char rest[20000] = "";

		open_server(&conf);
		w.ssl = SSL_new(w.ctx);
		SSL_set_bio(w.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		w.served = tls_served_new(w.server, &ops, NULL);
		w.is_over = !tls_served_take(w.served, span_str(noise[i])) ||
		            !tls_served_take(w.served, span_of(rest, sizeof(rest)));
		CU_ASSERT_TRUE(w.is_over);
		CU_ASSERT_FALSE(w.is_secured);
		leave();
		close_server();
	}
}

static void a_certificate_that_cannot_be_used_is_named(void)
{
	struct tls_server_conf conf = { .cert_file = "/nowhere/cert.pem", .host = "x" };
	struct tls_server *server;
	char why[TLS_WHY_BYTES];

	CU_ASSERT_EQUAL(tls_server_open(&conf, &server, why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "/nowhere/cert.pem"));
}

SUITE("dataplane/tls/tls_server", TEST(a_client_trusts_the_certificate_made_for_the_host),
      TEST(octets_go_both_ways_as_they_are), TEST(what_is_said_together_is_one_record),
      TEST(a_client_may_come_again_unless_there_are_no_tickets), TEST(what_is_no_tls_ends_it),
      TEST(a_certificate_that_cannot_be_used_is_named))
