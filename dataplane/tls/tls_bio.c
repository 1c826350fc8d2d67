/* tls_bio.c - where OpenSSL's bytes come from and go to. */
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "dataplane/tls/tls_int.h"

uint8_t *tls_buf_room(struct tls_buf *b, size_t bytes, size_t bytes_max)
{
	if (b->first == b->n)
		b->first = b->n = 0;
	if (bytes > bytes_max - b->n)
		return NULL;
	if (b->at == NULL || b->room - b->n < bytes) {
		uint32_t room = b->room == 0 ? 4096 : b->room;
		uint8_t *more;

		while (room - b->n < bytes)
			room *= 2;
		more = realloc(b->at, room);
		if (more == NULL)
			return NULL;
		b->at = more;
		b->room = room;
	}
	return b->at + b->n;
}

bool tls_buf_add(struct tls_buf *b, const void *at, size_t bytes, size_t bytes_max)
{
	uint8_t *to = tls_buf_room(b, bytes, bytes_max);

	if (to == NULL)
		return false;
	memcpy(to, at, bytes);
	b->n += (uint32_t)bytes;
	return true;
}

void tls_buf_free(struct tls_buf *b)
{
	free(b->at);
	*b = (struct tls_buf){ .at = NULL };
}

bool tls_spill_is_empty(struct tls_conn *c)
{
	struct tls_buf *b = &c->spill;

	if (b->at == NULL)
		return true;
	b->first += (uint32_t)tcp_write(c->tls->tcp, c->tls->now_us, c->tcp,
	                                span_of(b->at + b->first, b->n - b->first));
	if (b->first < b->n)
		return false;
	tls_buf_free(b);
	return true;
}

/* What OpenSSL asks of a kernel that seals for it. These numbers are private to it (3.0), beside
 * BIO_CTRL_GET_KTLS_SEND and _RECV.
 */
enum {
	CTRL_SET_KEYS = 72,        /* `num`: 0 to read with, else to write with */
	CTRL_SET_RECORD_TYPE = 74, /* of the next write only */
};

/* Only what was seen to fit is relied upon. */
bool tls_bio_can_seal(void)
{
	return OPENSSL_version_major() == 3 && OPENSSL_version_minor() == 0;
}

/* RFC 8446 4.6.3: what is said after the handshake is that the keys change. The new ones are not
 * handed over, so OpenSSL seals from here on.
 */
static bool seal(struct tls_conn *c, struct span plain)
{
	uint8_t type = c->seal_type;

	c->seal_type = SSL3_RT_APPLICATION_DATA;
	if (!tls_seal_record(c, type, plain))
		return false;
	if (type == SSL3_RT_HANDSHAKE && c->seal.is_tls13)
		tls_key_end(&c->seal);
	return true;
}

/* A record is always taken whole: OpenSSL then never asks for the same bytes twice. */
static int bio_write(BIO *bio, const char *at, size_t bytes, size_t *took)
{
	struct tls_conn *c = BIO_get_data(bio);
	size_t n = 0;

	*took = bytes;
	if (c->seal.ctx != NULL)
		return seal(c, span_of(at, bytes));
	if (tls_spill_is_empty(c))
		n = tcp_write(c->tls->tcp, c->tls->now_us, c->tcp, span_of(at, bytes));
	return n == bytes || tls_buf_add(&c->spill, at + n, bytes - n, TLS_SPILL_BYTES_MAX);
}

static int bio_read(BIO *bio, char *at, size_t room, size_t *took)
{
	struct tls_conn *c = BIO_get_data(bio);
	size_t n = c->in.bytes < room ? c->in.bytes : room;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(at, c->in.at, n);
	c->in.at += n;
	c->in.bytes -= n;
	*took = n;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long num, void *ptr)
{
	struct tls_conn *c = BIO_get_data(bio);

	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1; /* who wrote flushes, when all of it is written */
	case CTRL_SET_KEYS:
		/* Where it reads it need not know that we may take over later. */
		return tls_key_begin(num != 0 ? &c->seal : &c->open, &c->tls->suites, ptr,
		                     num != 0) &&
		       num != 0;
	case BIO_CTRL_GET_KTLS_SEND:
		return c != NULL && c->seal.ctx != NULL;
	case BIO_CTRL_GET_KTLS_RECV:
		return c != NULL && c->is_opening;
	case CTRL_SET_RECORD_TYPE:
		c->seal_type = (uint8_t)num;
		return 1;
	default:
		return 0;
	}
}

BIO_METHOD *tls_bio_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tcp segments");

	if (m == NULL)
		return NULL;
	BIO_meth_set_write_ex(m, bio_write);
	BIO_meth_set_read_ex(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}
