/* tls_bio.c - where OpenSSL's bytes come from and go to. */
#include <openssl/bio.h>
#include <stdlib.h>

#include "dataplane/tls/tls_int.h"

bool tls_buf_add(struct tls_buf *b, const void *at, size_t bytes, size_t bytes_max)
{
	if (b->first == b->n)
		b->first = b->n = 0;
	if (bytes > bytes_max - b->n)
		return false;
	if (b->room - b->n < bytes) {
		uint32_t room = b->room == 0 ? 4096 : b->room;
		uint8_t *more;

		while (room - b->n < bytes)
			room *= 2;
		more = realloc(b->at, room);
		if (more == NULL)
			return false;
		b->at = more;
		b->room = room;
	}
	memcpy(b->at + b->n, at, bytes);
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

/* A record is always taken whole: OpenSSL then never asks for the same bytes twice. */
static int bio_write(BIO *bio, const char *at, size_t bytes, size_t *took)
{
	struct tls_conn *c = BIO_get_data(bio);
	size_t n = 0;

	if (tls_spill_is_empty(c))
		n = tcp_write(c->tls->tcp, c->tls->now_us, c->tcp, span_of(at, bytes));
	if (n < bytes && !tls_buf_add(&c->spill, at + n, bytes - n, TLS_SPILL_BYTES_MAX))
		return 0;
	*took = bytes;
	return 1;
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
	(void)bio, (void)num, (void)ptr;
	return command == BIO_CTRL_FLUSH; /* who wrote flushes, when all of it is written */
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
