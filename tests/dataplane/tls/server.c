#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/dataplane/tls/server.h"

struct server {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* of ssl */
	bool is_secure;
	size_t n_heard;
	uint8_t heard[1 << 17];
};

static bool is_at_work;
static EVP_PKEY *ca_key;
static X509 *ca_cert;
static char ca_path[] = "/tmp/posthaste-test-ca-XXXXXX";

/* A rig that cannot be built is no verdict on what it tests. */
static void need(bool ok)
{
	if (!ok) {
		ERR_print_errors_fp(stderr);
		abort();
	}
}

static void add_ext(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static X509 *make_cert(EVP_PKEY *key, const char *name, const char *issuer, EVP_PKEY *signer,
                       long until_s)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	char san[300];

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1 + rand() % 100000);
	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400 * 30);
	X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
	                           (const uint8_t *)issuer, -1, -1, 0);
	X509_set_pubkey(cert, key);
	if (strcmp(name, issuer) == 0 || strcmp(name, "between.test") == 0)
		add_ext(cert, NID_basic_constraints, "critical,CA:TRUE");
	snprintf(san, sizeof(san), "DNS:%s", name);
	add_ext(cert, NID_subject_alt_name, san);
	need(X509_sign(cert, signer, EVP_sha256()) > 0);
	return cert;
}

static void forget_ca(void)
{
	unlink(ca_path);
	X509_free(ca_cert);
	EVP_PKEY_free(ca_key);
}

static void need_ca(void)
{
	FILE *f;

	if (ca_cert != NULL)
		return;
	ca_key = EVP_EC_gen("P-256");
	ca_cert = make_cert(ca_key, "authority.test", "authority.test", ca_key, 86400);
	f = fdopen(mkstemp(ca_path), "w");
	need(f != NULL && PEM_write_X509(f, ca_cert) == 1 && fclose(f) == 0);
	atexit(forget_ca);
}

const char *server_ca_file(void)
{
	need_ca();
	return ca_path;
}

static void use_cert(struct server *s, const struct server_conf *conf)
{
	bool self = conf->is_self_signed, chain = conf->has_chain;
	EVP_PKEY *key = chain ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	const char *issuer = self ? conf->name : chain ? "between.test" : "authority.test";
	X509 *cert = make_cert(key, conf->name, issuer, self || chain ? key : ca_key,
	                       conf->is_expired ? -3600 : 3600);

	need(SSL_CTX_use_certificate(s->ctx, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(s->ctx, key) == 1);
	if (chain)
		need(SSL_CTX_add0_chain_cert(
			 s->ctx, make_cert(key, "between.test", "authority.test", ca_key, 3600)) ==
		     1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

struct server *server_new(const struct server_conf *conf)
{
	struct server *s = calloc(1, sizeof(*s));

	is_at_work = true;
	need_ca();
	s->ctx = SSL_CTX_new(TLS_server_method());
	use_cert(s, conf);
	need(SSL_CTX_set_min_proto_version(s->ctx, conf->version) == 1 &&
	     SSL_CTX_set_max_proto_version(s->ctx, conf->version) == 1);
	if (conf->suites != NULL && conf->version == TLS1_3_VERSION)
		need(SSL_CTX_set_ciphersuites(s->ctx, conf->suites) == 1);
	else if (conf->suites != NULL)
		need(SSL_CTX_set_cipher_list(s->ctx, conf->suites) == 1);
	server_again(s);
	return s;
}

struct server *server_beside(const struct server *s)
{
	struct server *beside = calloc(1, sizeof(*beside));

	beside->ctx = s->ctx;
	need(SSL_CTX_up_ref(s->ctx) == 1);
	server_again(beside);
	return beside;
}

bool server_is_at_work(void)
{
	return is_at_work;
}

void server_again(struct server *s)
{
	is_at_work = true;
	if (s->ssl != NULL)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_accept_state(s->ssl);
	s->is_secure = false;
	s->n_heard = 0;
	is_at_work = false;
}

void server_free(struct server *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	free(s);
}

static bool take(struct server *s, const void *at, size_t bytes)
{
	int rc;

	ERR_clear_error();
	need(bytes == 0 || BIO_write(s->in, at, (int)bytes) == (int)bytes);
	if (!s->is_secure) {
		rc = SSL_do_handshake(s->ssl);
		s->is_secure = rc == 1;
		if (rc != 1)
			return SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ;
	}
	for (;;) {
		size_t n;

		if (SSL_read_ex(s->ssl, s->heard + s->n_heard, sizeof(s->heard) - s->n_heard, &n) !=
		    1)
			return SSL_get_error(s->ssl, 0) == SSL_ERROR_WANT_READ;
		s->n_heard += n;
	}
}

bool server_takes(struct server *s, const void *at, size_t bytes)
{
	bool lives;

	is_at_work = true;
	lives = take(s, at, bytes);
	is_at_work = false;
	return lives;
}

size_t server_gives(struct server *s, void *at, size_t room)
{
	int n = BIO_read(s->out, at, (int)room);

	return n > 0 ? (size_t)n : 0;
}

bool server_is_secure(const struct server *s)
{
	return s->is_secure;
}

bool server_saw_goodbye(const struct server *s)
{
	return (SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

const char *server_sni(const struct server *s)
{
	const char *name = SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);

	return name != NULL ? name : "";
}

size_t server_heard(struct server *s, void *at, size_t room)
{
	size_t n = s->n_heard < room ? s->n_heard : room;

	memcpy(at, s->heard, n);
	memmove(s->heard, s->heard + n, s->n_heard - n);
	s->n_heard -= n;
	return n;
}

void server_says(struct server *s, const void *at, size_t bytes)
{
	size_t n;

	is_at_work = true;
	need(SSL_write_ex(s->ssl, at, bytes, &n) == 1 && n == bytes);
	is_at_work = false;
}

void server_says_goodbye(struct server *s)
{
	(void)SSL_shutdown(s->ssl);
}

void server_asks_again(struct server *s)
{
	if (SSL_version(s->ssl) == TLS1_3_VERSION)
		need(SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
	else
		need(SSL_renegotiate(s->ssl) == 1);
	need(SSL_do_handshake(s->ssl) == 1);
}
