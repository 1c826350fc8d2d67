/* tls.c - the engine: what is agreed to, who waits for a handshake step, and how much a turn does.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/tls/tls_int.h"

/* AEAD first. What has no forward secrecy, encryption or certificate is not agreed to at all. */
#define AEAD_SUITES "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
#define RARE_SUITES "ECDHE+AESCCM:ECDHE+ARIAGCM:DHE+AESCCM:DHE+ARIAGCM" /* AEAD, too */
#define ALL_SUITES  AEAD_SUITES ":" RARE_SUITES ":ECDHE:DHE"
#define NEVER       ":!aNULL:!eNULL:!PSK:!SRP"

static const struct {
	const char *suites;
	bool is_checked;
} demands[TLS_N_DEMANDS] = {
	[TLS_ANY] = { ALL_SUITES NEVER ":@SECLEVEL=1", false },
	[TLS_STRICT] = { AEAD_SUITES NEVER ":@SECLEVEL=2", false },
	[TLS_CHECKED] = { AEAD_SUITES NEVER ":@SECLEVEL=2", true },
};

uint64_t tls_memory_bytes(const struct tls_conf *conf)
{
	return sizeof(struct tls) + pool_memory_bytes(conf->conns_max, sizeof(struct tls_conn)) +
	       tickets_memory_bytes(conf->sessions_max);
}

/* A certificate that nobody asked to be checked costs nothing. */
static int take_any_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)store, (void)arg;
	return 1;
}

/* OpenSSL gives us a reference when we return 1. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_conn *c = SSL_get_app_data(ssl);

	if (c->tls->conf.sessions_max == 0 || !SSL_SESSION_is_resumable(session))
		return 0;
	tickets_add(&c->tls->tickets, &c->key, c->tls->now_us, session);
	return 1;
}

static SSL_CTX *make_ctx(const struct tls *tls, enum tls_demand demand)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(tls->lib, NULL, TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	if (tls_bio_can_seal())
		SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	tls_open_watch(ctx);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_new_session);
	if (demands[demand].is_checked)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	else
		SSL_CTX_set_cert_verify_callback(ctx, take_any_certificate, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, demands[demand].suites) == 1 &&
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
	                                  "TLS_CHACHA20_POLY1305_SHA256") == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int make_all(struct tls *tls, char why[TLS_WHY_BYTES])
{
	const struct tls_conf *conf = &tls->conf;

	tls->lib = OSSL_LIB_CTX_new();
	tls->bio = tls_bio_new();
	for (int i = 0; tls->lib != NULL && i < TLS_N_DEMANDS; i++)
		tls->ctx[i] = make_ctx(tls, (enum tls_demand)i);
	if (tls->lib == NULL || tls_suites_init(&tls->suites, tls->lib) != 0 || tls->bio == NULL ||
	    tls->ctx[TLS_ANY] == NULL || tls->ctx[TLS_STRICT] == NULL ||
	    tls->ctx[TLS_CHECKED] == NULL || tickets_init(&tls->tickets, conf->sessions_max) != 0 ||
	    pool_init_sparse(&tls->conns, conf->conns_max, sizeof(struct tls_conn)) != 0) {
		snprintf(why, TLS_WHY_BYTES, "no memory for TLS");
		return -ENOMEM;
	}
	if (conf->ca_file != NULL &&
	    SSL_CTX_load_verify_file(tls->ctx[TLS_CHECKED], conf->ca_file) != 1) {
		snprintf(why, TLS_WHY_BYTES, "%.150s: no certificates could be read",
		         conf->ca_file);
		return -EINVAL;
	}
	return 0;
}

int tls_open(const struct tls_conf *conf, struct tcp *tcp, struct tls **out,
             char why[TLS_WHY_BYTES])
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int rc;

	if (tls == NULL) {
		snprintf(why, TLS_WHY_BYTES, "no memory for TLS");
		return -ENOMEM;
	}
	tls->conf = *conf;
	tls->tcp = tcp;
	rc = make_all(tls, why);
	ERR_clear_error();
	if (rc == 0)
		*out = tls;
	else
		tls_close(tls);
	return rc;
}

void tls_close(struct tls *tls)
{
	assert(tls->conns.n_used == 0);
	tickets_fini(&tls->tickets);
	pool_fini(&tls->conns);
	for (int i = 0; i < TLS_N_DEMANDS; i++)
		SSL_CTX_free(tls->ctx[i]);
	BIO_meth_free(tls->bio);
	tls_suites_fini(&tls->suites);
	OSSL_LIB_CTX_free(tls->lib);
	free(tls);
}

void tls_enqueue(struct tls_conn *c)
{
	struct tls *tls = c->tls;

	if (c->is_queued)
		return;
	c->is_queued = true;
	c->next = NULL;
	c->prev = tls->last;
	if (tls->last != NULL)
		tls->last->next = c;
	else
		tls->first = c;
	tls->last = c;
}

void tls_dequeue(struct tls_conn *c)
{
	struct tls *tls = c->tls;

	if (!c->is_queued)
		return;
	c->is_queued = false;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		tls->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		tls->last = c->prev;
}

bool tls_turn(struct tls *tls, uint64_t now_us)
{
	if (tls->first != NULL)
		tls_step(tls->first, now_us);
	return tls->first != NULL;
}
