/* tls_conn.c - one encrypted connection: handshake, bytes both ways, goodbye. */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "dataplane/tls/tls_int.h"

/* Offers what the server lets us resume. A copy: OpenSSL takes a session of TLS 1.3 for spent when
 * one connection has resumed it, so that nobody sees by it that two are of one client (RFC 8446
 * C.4). We say who we are at EHLO, and open several at once.
 */
static bool try_offer(struct tls_conn *c, SSL *ssl)
{
	SSL_SESSION *kept = tickets_find(&c->tls->tickets, &c->key, c->tls->now_us);
	SSL_SESSION *copy = kept == NULL ? NULL : SSL_SESSION_dup(kept);
	bool is_set = copy != NULL && SSL_set_session(ssl, copy) == 1;

	SSL_SESSION_free(copy);
	return is_set;
}

/* An SSL object that knows whom it will talk to; NULL without memory. */
static SSL *make_ssl(struct tls_conn *c, const struct tls_peer *peer)
{
	SSL *ssl = SSL_new(c->tls->ctx[peer->demand]);
	BIO *bio = BIO_new(c->tls->bio);
	struct ip_addr literal;

	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, c);
	SSL_set_connect_state(ssl);
	/* RFC 6066 3: a name, never an address. */
	if (peer->host[0] != '\0' && ip_parse(peer->host, &literal) != 0 &&
	    SSL_set_tlsext_host_name(ssl, peer->host) != 1)
		goto fail;
	if (peer->demand == TLS_CHECKED) {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		/* Without a name nothing would be compared: such a peer is nobody. */
		if (SSL_set1_host(ssl, peer->host[0] != '\0' ? peer->host : ".") != 1)
			goto fail;
	}
	c->was_offered = try_offer(c, ssl);
	return ssl;
fail:
	SSL_free(ssl);
	return NULL;
}

struct tls_conn *tls_start(struct tls *tls, const struct tls_peer *peer, tcp_id tcp, void *user)
{
	uint32_t slot = pool_try_get(&tls->conns);
	struct tls_conn *c;

	if (slot == POOL_NONE)
		return NULL;
	c = pool_at(&tls->conns, slot);
	*c = (struct tls_conn){ .tls = tls,
		                .user = user,
		                .tcp = tcp,
		                .slot = slot,
		                .seal_type = SSL3_RT_APPLICATION_DATA,
		                .demand = (uint8_t)peer->demand,
		                .key = ticket_key_of(peer) };
	c->ssl = make_ssl(c, peer);
	ERR_clear_error();
	if (c->ssl == NULL) {
		pool_put(&tls->conns, slot);
		return NULL;
	}
	tls_enqueue(c);
	return c;
}

void tls_stop(struct tls_conn *c)
{
	struct tls *tls = c->tls;

	tls_dequeue(c);
	if (tls->writer == c)
		tls->writer = NULL;
	/* Else OpenSSL takes the session for spoilt, though only the connection is. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	tls_buf_free(&c->held);
	tls_buf_free(&c->spill);
	tls_key_end(&c->seal);
	tls_open_end(c);
	pool_put(&tls->conns, c->slot);
}

/* What went wrong, in words that live for ever and hold nothing secret. */
static const char *error_text(const struct tls_conn *c)
{
	long verdict = SSL_get_verify_result(c->ssl);
	const char *reason;

	if (c->demand == TLS_CHECKED && verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	reason = ERR_reason_error_string(ERR_peek_last_error());
	return reason != NULL ? reason : "connection broken";
}

static void fail(struct tls_conn *c, const char *why)
{
	struct tls *tls = c->tls;

	count(&tls->conf.counters->tls_failed);
	if (c->state == TLS_STATE_HANDSHAKE)
		tickets_del(&tls->tickets, &c->key);
	c->state = TLS_STATE_FAILED;
	c->why = why;
	if (tls->writer == c)
		tls->writer = NULL;
	ERR_clear_error();
	if (tls_spill_is_empty(c))
		tcp_flush(tls->tcp, tls->now_us, c->tcp); /* the alert */
	tls_dequeue(c);
	tls->conf.ops->failed(c->user, tls->now_us, why);
}

/* Hands up all that OpenSSL makes of c->in. False when `c` is gone or failed. */
static bool read_by_openssl(struct tls_conn *c)
{
	struct tls *tls = c->tls;
	uint32_t slot = c->slot, gen = pool_gen(&tls->conns, slot);
	size_t n;

	while (ERR_clear_error(), SSL_read_ex(c->ssl, tls->in, sizeof(tls->in), &n) == 1) {
		count_n(&tls->conf.counters->tls_bytes_in, n);
		tls->conf.ops->received(c->user, tls->now_us, span_of(tls->in, n));
		if (!pool_is_live(&tls->conns, slot, gen) || c->state != TLS_STATE_SECURE)
			return false;
	}
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		tls_flush(c, tls->now_us); /* answers of OpenSSL's own */
		return true;
	case SSL_ERROR_ZERO_RETURN:
		tls->conf.ops->peer_closed(c->user, tls->now_us);
		return false;
	default:
		fail(c, error_text(c));
		return false;
	}
}

/* A record that is no good: RFC 8446 6.2. */
static void refuse(struct tls_conn *c)
{
	uint8_t alert[] = { SSL3_AL_FATAL, c->fault->alert };

	if (c->tls->writer == c)
		c->tls->writer = NULL;
	if (c->seal.ctx != NULL)
		(void)tls_seal_record(c, SSL3_RT_ALERT, span_of(alert, sizeof(alert)));
	fail(c, c->fault->why);
}

/* Hands up all that can be opened of what is held and of `bytes`. False when `c` is gone or failed.
 */
static bool read_all(struct tls_conn *c, struct span bytes)
{
	struct tls *tls = c->tls;
	uint32_t slot = c->slot, gen = pool_gen(&tls->conns, slot);
	struct span out;

	while (c->is_opening) {
		switch (tls_open_next(c, &bytes, &out)) {
		case TLS_OPENED_NONE:
			return true;
		case TLS_OPENED_TEXT:
			count_n(&tls->conf.counters->tls_bytes_in, out.bytes);
			if (out.bytes > 0)
				tls->conf.ops->received(c->user, tls->now_us, out);
			if (!pool_is_live(&tls->conns, slot, gen) || c->state != TLS_STATE_SECURE)
				return false;
			break;
		case TLS_OPENED_OTHER:
			c->in = out;
			if (!read_by_openssl(c))
				return false;
			if (c->is_rekeyed) /* OpenSSL has the new key, from its first record on */
				tls_open_end(c);
			break;
		case TLS_OPENED_BAD:
			refuse(c);
			return false;
		}
	}
	if (c->held.n > c->held.first) {
		c->in = span_of(c->held.at + c->held.first, c->held.n - c->held.first);
		if (!read_by_openssl(c))
			return false;
		tls_buf_free(&c->held);
	}
	c->in = bytes;
	return read_by_openssl(c);
}

/* Who vouched for whom was checked, if it was to be, and is not asked again: the certificates above
 * the server's own are a third of what a connection keeps. The stack is the session's, as are its
 * copies of it for tickets; all take it empty.
 */
static void forget_chain(struct tls_conn *c)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(c->ssl);

	while (chain != NULL && sk_X509_num(chain) > 0)
		X509_free(sk_X509_pop(chain));
}

static void secured(struct tls_conn *c)
{
	struct tls *tls = c->tls;
	struct dp_counters *counters = tls->conf.counters;
	uint32_t slot = c->slot, gen = pool_gen(&tls->conns, slot);

	c->state = TLS_STATE_SECURE;
	forget_chain(c);
	count(&counters->tls_handshakes);
	if (c->was_offered)
		count(&counters->tls_resumption_offered);
	if (SSL_session_reused(c->ssl))
		count(&counters->tls_resumed);
	if (c->seal.ctx != NULL)
		count(&counters->tls_sealed_in_place);
	tls_open_begin(c);
	if (c->is_opening)
		count(&counters->tls_opened_in_place);
	if (!SSL_CIPHER_is_aead(SSL_get_current_cipher(c->ssl)))
		count(&counters->tls_no_aead);
	tls->conf.ops->secured(c->user, tls->now_us);
	if (!pool_is_live(&tls->conns, slot, gen) || !read_all(c, span_of(NULL, 0)))
		return;
	tls_flush(c, tls->now_us); /* our Finished */
	tls->conf.ops->writable(c->user, tls->now_us);
}

void tls_step(struct tls_conn *c, uint64_t now_us)
{
	struct tls *tls = c->tls;
	int rc;

	tls->now_us = now_us;
	tls_dequeue(c);
	if (c->state == TLS_STATE_FAILED) {
		fail(c, c->why);
		return;
	}
	c->in = span_of(c->held.at + c->held.first, c->held.n - c->held.first);
	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		secured(c);
		return;
	}
	if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ) {
		fail(c, error_text(c));
		return;
	}
	c->held.first = c->held.n;
	tls_flush(c, now_us);
}

void tls_received(struct tls_conn *c, uint64_t now_us, struct span bytes)
{
	c->tls->now_us = now_us;
	if (c->state == TLS_STATE_SECURE) {
		(void)read_all(c, bytes);
	} else if (c->state == TLS_STATE_HANDSHAKE) {
		if (tls_buf_add(&c->held, bytes.at, bytes.bytes, TLS_HELD_BYTES_MAX))
			tls_enqueue(c);
		else
			fail(c, "handshake too long");
	}
}

void tls_finish(struct tls_conn *c, uint64_t now_us)
{
	if (c->is_queued)
		tls_step(c, now_us);
}

/* What was written becomes a record. */
static void seal_written(struct tls *tls)
{
	struct tls_conn *c = tls->writer;
	struct span plain = span_of(tls->out, tls->n_out);
	size_t took;
	bool done;

	if (c == NULL)
		return;
	tls->writer = NULL;
	if (c->seal.ctx != NULL) {
		done = tls_seal_record(c, SSL3_RT_APPLICATION_DATA, plain);
	} else {
		ERR_clear_error();
		done = SSL_write_ex(c->ssl, plain.at, plain.bytes, &took) == 1;
	}
	if (done) {
		count_n(&tls->conf.counters->tls_bytes_out, plain.bytes);
		return;
	}
	/* No memory, most likely. It is told in the next turn: the caller is in the middle. */
	c->why = error_text(c);
	c->state = TLS_STATE_FAILED;
	tls_enqueue(c);
}

/* Room for a part of a record that TCP will have room for, too. */
size_t tls_write_start(struct tls_conn *c, uint64_t now_us, uint8_t **at)
{
	struct tls *tls = c->tls;
	size_t room, used;

	tls->now_us = now_us;
	if (tls->writer != c || tls->n_out == TLS_RECORD_BYTES)
		seal_written(tls);
	if (c->state != TLS_STATE_SECURE)
		return 0;
	room = tls_spill_is_empty(c) ? tcp_write_room(tls->tcp, c->tcp) : 0;
	used = TLS_OVERHEAD_BYTES + (tls->writer == c ? tls->n_out : 0);
	if (room <= used)
		return 0;
	if (tls->writer != c)
		tls->n_out = 0;
	*at = tls->out + tls->n_out;
	room -= used;
	return room < TLS_RECORD_BYTES - tls->n_out ? room : TLS_RECORD_BYTES - tls->n_out;
}

void tls_write_done(struct tls_conn *c, uint64_t now_us, size_t bytes)
{
	struct tls *tls = c->tls;

	tls->now_us = now_us;
	assert(c->state == TLS_STATE_SECURE && bytes <= TLS_RECORD_BYTES - tls->n_out);
	if (bytes == 0)
		return;
	tls->writer = c;
	tls->n_out += (uint32_t)bytes;
}

void tls_write_wipe(struct tls_conn *c, uint64_t now_us)
{
	struct tls *tls = c->tls;

	tls->now_us = now_us;
	if (tls->writer != c)
		return;
	seal_written(tls);
	explicit_bzero(tls->out, tls->n_out);
}

void tls_flush(struct tls_conn *c, uint64_t now_us)
{
	c->tls->now_us = now_us;
	if (c->tls->writer == c)
		seal_written(c->tls);
	if (tls_spill_is_empty(c))
		tcp_flush(c->tls->tcp, now_us, c->tcp);
}

/* RFC 8446 6.1. Nothing may be said of a handshake that is not over. */
void tls_goodbye(struct tls_conn *c, uint64_t now_us)
{
	c->tls->now_us = now_us;
	if (c->tls->writer == c)
		seal_written(c->tls);
	if (c->state == TLS_STATE_SECURE) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl);
		(void)tls_spill_is_empty(c); /* what has no room now is lost with the connection */
	}
	c->state = TLS_STATE_CLOSED;
	tls_dequeue(c);
}

void tls_describe(const struct tls_conn *c, struct tls_info *info)
{
	assert(c->state != TLS_STATE_HANDSHAKE);
	info->version = (uint16_t)SSL_version(c->ssl);
	info->is_resumed = SSL_session_reused(c->ssl);
	snprintf(info->suite, sizeof(info->suite), "%s", SSL_get_cipher_name(c->ssl));
}
