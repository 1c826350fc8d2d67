/* tls_server.c - the server side of TLS; see tls_server.h. */
#include "dataplane/tls/tls_server.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH,
	RECORD_OVERHEAD = 128,
	SAID_BYTES = 512, /* replies to a flight of commands */
	DAYS = 30,
};

struct tls_server {
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	X509 *authority; /* NULL: the certificate was given */
};

struct tls_served {
	SSL *ssl;
	const struct tls_served_ops *ops;
	void *user;
	struct span in; /* what OpenSSL may read now */
	bool is_secure;
	uint16_t n_said;
	uint8_t said[SAID_BYTES]; /* and not sent */
};

/* ---- between OpenSSL and whoever carries its bytes ---- */

static int bio_write(BIO *bio, const char *at, size_t bytes, size_t *took)
{
	struct tls_served *c = BIO_get_data(bio);

	c->ops->send(c->user, span_of(at, bytes));
	*took = bytes;
	return 1;
}

static int bio_read(BIO *bio, char *at, size_t room, size_t *took)
{
	struct tls_served *c = BIO_get_data(bio);
	struct span got;

	BIO_clear_retry_flags(bio);
	if (!span_take(&c->in, c->in.bytes < room ? c->in.bytes : room, &got) || got.bytes == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(at, got.at, got.bytes);
	*took = got.bytes;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long num, void *ptr)
{
	(void)bio, (void)num, (void)ptr;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sink");

	if (m == NULL)
		return NULL;
	BIO_meth_set_write_ex(m, bio_write);
	BIO_meth_set_read_ex(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

/* ---- certificates ---- */

static bool add_ext(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;

	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_name(X509_NAME *name, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)text, -1, -1,
	                                  0) == 1;
}

/* A certificate of `name` for `key`, by `issuer`. NULL when OpenSSL cannot. */
static X509 *make_cert(EVP_PKEY *key, const char *name, const char *issuer, EVP_PKEY *signer,
                       bool is_authority)
{
	X509 *cert = X509_new();
	char san[320], common[65]; /* ub-common-name is 64 (RFC 5280 A.1); the name is in the SAN */
	bool ok = cert != NULL && X509_set_version(cert, 2) == 1;

	snprintf(san, sizeof(san), "DNS:%.255s", name);
	snprintf(common, sizeof(common), "%.64s", name);
	ok = ok && ASN1_INTEGER_set(X509_get_serialNumber(cert), is_authority ? 1 : 2) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), DAYS * 86400l) != NULL &&
	     add_name(X509_get_subject_name(cert), common) &&
	     add_name(X509_get_issuer_name(cert), issuer) && X509_set_pubkey(cert, key) == 1;
	ok = ok && (is_authority ? add_ext(cert, NID_basic_constraints, "critical,CA:TRUE")
	                         : add_ext(cert, NID_subject_alt_name, san));
	if (ok && X509_sign(cert, signer, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* An authority, and a certificate by it. */
static bool make_certificates(struct tls_server *server, const char *host)
{
	static const char authority[] = "the sink's own authority";
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *cert = NULL;
	bool ok = ca_key != NULL && key != NULL;

	if (ok) {
		server->authority = make_cert(ca_key, authority, authority, ca_key, true);
		cert = make_cert(key, host, authority, ca_key, false);
	}
	ok = ok && server->authority != NULL && cert != NULL &&
	     SSL_CTX_use_certificate(server->ctx, cert) == 1 &&
	     SSL_CTX_use_PrivateKey(server->ctx, key) == 1;
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ok;
}

static bool load_certificates(struct tls_server *server, const struct tls_server_conf *conf)
{
	const char *key = conf->key_file != NULL ? conf->key_file : conf->cert_file;

	return SSL_CTX_use_certificate_chain_file(server->ctx, conf->cert_file) == 1 &&
	       SSL_CTX_use_PrivateKey_file(server->ctx, key, SSL_FILETYPE_PEM) == 1 &&
	       SSL_CTX_check_private_key(server->ctx) == 1;
}

int tls_server_open(const struct tls_server_conf *conf, struct tls_server **out,
                    char why[TLS_WHY_BYTES])
{
	struct tls_server *server = calloc(1, sizeof(*server));
	uint16_t low = conf->version_min != 0 ? conf->version_min : TLS1_2_VERSION;
	uint16_t high = conf->version_max != 0 ? conf->version_max : TLS1_3_VERSION;
	const char *reason;
	bool ok;

	snprintf(why, TLS_WHY_BYTES, "no memory for TLS");
	if (server == NULL)
		return -ENOMEM;
	server->ctx = SSL_CTX_new(TLS_server_method());
	server->bio = bio_new();
	ok = server->ctx != NULL && server->bio != NULL &&
	     SSL_CTX_set_min_proto_version(server->ctx, low) == 1 &&
	     SSL_CTX_set_max_proto_version(server->ctx, high) == 1;
	ok = ok && (conf->cert_file != NULL ? load_certificates(server, conf)
	                                    : make_certificates(server, conf->host));
	if (ok) {
		SSL_CTX_set_mode(server->ctx, SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_options(server->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
		/* One ticket is enough for a client that comes again. */
		(void)SSL_CTX_set_num_tickets(server->ctx, conf->no_tickets ? 0 : 1);
		if (conf->no_tickets)
			SSL_CTX_set_options(server->ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_session_cache_mode(server->ctx, SSL_SESS_CACHE_OFF);
		*out = server;
		return 0;
	}
	reason = ERR_reason_error_string(ERR_peek_last_error());
	snprintf(why, TLS_WHY_BYTES, "%.120s: %.100s",
	         conf->cert_file != NULL ? conf->cert_file : "TLS",
	         reason != NULL ? reason : "cannot be used");
	ERR_clear_error();
	tls_server_close(server);
	return -EINVAL;
}

void tls_server_close(struct tls_server *server)
{
	X509_free(server->authority);
	SSL_CTX_free(server->ctx);
	BIO_meth_free(server->bio);
	free(server);
}

int tls_server_write_authority(const struct tls_server *server, const char *path)
{
	FILE *f;
	bool ok;

	if (server->authority == NULL)
		return -ENOENT;
	f = fopen(path, "we");
	if (f == NULL)
		return -errno;
	ok = PEM_write_X509(f, server->authority) == 1;
	return fclose(f) == 0 && ok ? 0 : -EIO;
}

/* ---- a connection ---- */

struct tls_served *tls_served_new(struct tls_server *server, const struct tls_served_ops *ops,
                                  void *user)
{
	struct tls_served *c = calloc(1, sizeof(*c));
	BIO *bio = BIO_new(server->bio);
	SSL *ssl = SSL_new(server->ctx);

	if (c == NULL || bio == NULL || ssl == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		free(c);
		ERR_clear_error();
		return NULL;
	}
	*c = (struct tls_served){ .ssl = ssl, .ops = ops, .user = user };
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return c;
}

void tls_served_free(struct tls_served *c)
{
	/* Else OpenSSL takes the session for spoilt, though only the connection is. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	free(c);
}

static bool wants_more(struct tls_served *c, int rc)
{
	bool more = SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ;

	ERR_clear_error();
	return more;
}

bool tls_served_take(struct tls_served *c, struct span bytes)
{
	uint8_t plain[RECORD_BYTES];
	size_t n;
	int rc;

	c->in = bytes;
	ERR_clear_error();
	if (!c->is_secure) {
		rc = SSL_do_handshake(c->ssl);
		if (rc != 1)
			return wants_more(c, rc);
		c->is_secure = true;
		c->ops->secured(c->user);
	}
	while (SSL_read_ex(c->ssl, plain, sizeof(plain), &n) == 1) {
		c->ops->received(c->user, span_of(plain, n));
		ERR_clear_error();
	}
	return wants_more(c, 0);
}

static bool send(struct tls_served *c, struct span bytes)
{
	size_t took;

	ERR_clear_error();
	return bytes.bytes == 0 || SSL_write_ex(c->ssl, bytes.at, bytes.bytes, &took) == 1;
}

bool tls_served_flush(struct tls_served *c)
{
	size_t n = c->n_said;

	c->n_said = 0;
	return send(c, span_of(c->said, n));
}

bool tls_served_say(struct tls_served *c, struct span bytes)
{
	if (bytes.bytes > (size_t)(SAID_BYTES - c->n_said) && !tls_served_flush(c))
		return false;
	if (bytes.bytes > SAID_BYTES)
		return send(c, bytes);
	memcpy(c->said + c->n_said, bytes.at, bytes.bytes);
	c->n_said += (uint16_t)bytes.bytes;
	return true;
}

size_t tls_served_bytes(const struct tls_served *c, size_t plain_bytes)
{
	return c->n_said + plain_bytes + (plain_bytes / RECORD_BYTES + 2) * RECORD_OVERHEAD;
}

void tls_served_goodbye(struct tls_served *c)
{
	if (c->is_secure && tls_served_flush(c))
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
}

bool tls_served_is_secure(const struct tls_served *c)
{
	return c->is_secure;
}
