/* tls_open.c - one record after another, as it lies in a segment or in pieces of several. */
#include "dataplane/tls/tls_open.h"

#include <assert.h>
#include <string.h>

#include "dataplane/tls/tls_int.h"

enum {
	PADDED_BYTES_MAX = TLS_RECORD_BYTES + 256, /* RFC 8446 5.2: text, type and padding */
	EMPTY_MAX = 32,                            /* in a row; OpenSSL bears as many */
	SECRET_BYTES_MAX = 48,
};
static_assert(TLS_HEADER_BYTES + PADDED_BYTES_MAX <= sizeof(((struct tls *)0)->in),
              "an opened record has room");

static const char secret_label[] = "SERVER_TRAFFIC_SECRET_0 ";

/* clang-format off */
static const struct tls_fault
	bad_type    = { SSL_AD_UNEXPECTED_MESSAGE, "bad record type" },
	bad_empty   = { SSL_AD_UNEXPECTED_MESSAGE, "too many empty records" },
	bad_length  = { SSL_AD_RECORD_OVERFLOW,    "record too long" },
	bad_mac     = { SSL_AD_BAD_RECORD_MAC,     "decryption failed or bad record mac" },
	bad_version = { SSL_AD_PROTOCOL_VERSION,   "wrong version number" },
	no_memory   = { SSL_AD_INTERNAL_ERROR,     "no memory for a record" };
/* clang-format on */

/* ---- keys ---- */

/* A line for a log of keys: label, the client's random, the secret in hexadecimal. */
static void on_secret(const SSL *ssl, const char *line)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	const SSL_CIPHER *suite = SSL_get_pending_cipher(ssl);
	uint8_t secret[SECRET_BYTES_MAX];
	size_t n;

	if (strncmp(line, secret_label, sizeof(secret_label) - 1) != 0)
		return;
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), NULL);
	if (suite != NULL &&
	    OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &n, strrchr(line, ' ') + 1, '\0') == 1)
		(void)tls_key_derive(&c->open, &c->tls->suites, SSL_CIPHER_get_protocol_id(suite),
		                     EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(suite)),
		                     span_of(secret, n));
	OPENSSL_cleanse(secret, sizeof(secret));
}

/* Every message and every record's header, before OpenSSL deals with it. Secrets are told from
 * Finished on only, since each line costs as much as a hundred segments.
 */
static void on_message(int is_write, int version, int type, const void *at, size_t bytes, SSL *ssl,
                       void *arg)
{
	struct tls_conn *c = SSL_get_app_data(ssl);
	uint8_t message = bytes > 0 ? *(const uint8_t *)at : 0;

	(void)arg;
	if (is_write)
		return;
	if (type == SSL3_RT_HEADER && c->open.ctx != NULL && !c->is_opening)
		c->open.seq++; /* a record that OpenSSL opens */
	else if (type == SSL3_RT_HANDSHAKE && message == SSL3_MT_FINISHED &&
	         version == TLS1_3_VERSION && tls_bio_can_seal())
		SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), on_secret);
	else if (type == SSL3_RT_HANDSHAKE && message == SSL3_MT_KEY_UPDATE)
		c->is_rekeyed = true;
}

void tls_open_watch(SSL_CTX *ctx)
{
	SSL_CTX_set_msg_callback(ctx, on_message);
}

void tls_open_begin(struct tls_conn *c)
{
	c->held.first = c->held.n - (uint32_t)c->in.bytes;
	if (c->in.bytes == 0)
		tls_buf_free(&c->held);
	/* Our alerts are sealed here, too. */
	c->is_opening = c->open.ctx != NULL && c->seal.ctx != NULL && !SSL_has_pending(c->ssl);
	if (!c->is_opening)
		tls_open_end(c);
}

void tls_open_end(struct tls_conn *c)
{
	c->is_opening = false;
	tls_key_end(&c->open);
}

/* ---- records ---- */

static uint32_t text_of(const uint8_t *record)
{
	return (uint32_t)record[3] << 8 | record[4];
}

/* What can be said of a record by its header alone; NULL: nothing. */
static const struct tls_fault *fault_of(const struct tls_key *k, const uint8_t *record)
{
	uint32_t text_max = k->is_tls13 ? PADDED_BYTES_MAX : TLS_RECORD_BYTES + tls_key_overhead(k);

	if (k->is_tls13 && record[0] != SSL3_RT_APPLICATION_DATA)
		return &bad_type;
	if (record[1] != TLS1_2_VERSION >> 8 || record[2] != (TLS1_2_VERSION & 0xff))
		return &bad_version;
	return text_of(record) > text_max ? &bad_length : NULL;
}

/* Moves up to `bytes` of `in` behind what is held. */
static bool hold(struct tls_conn *c, struct span *in, size_t bytes)
{
	size_t n = in->bytes < bytes ? in->bytes : bytes;

	if (!tls_buf_add(&c->held, in->at, n, TLS_HELD_BYTES_MAX))
		return false;
	in->at += n;
	in->bytes -= n;
	return true;
}

/* The whole record that comes next; NULL: it is not there yet, or *fault says what is wrong. */
static const uint8_t *next_record(struct tls_conn *c, struct span *in,
                                  const struct tls_fault **fault)
{
	for (;;) {
		uint32_t n_held = c->held.n - c->held.first;
		const uint8_t *at = n_held > 0 ? c->held.at + c->held.first : in->at;
		size_t n = n_held > 0 ? n_held : in->bytes, need = TLS_HEADER_BYTES;

		if (n >= TLS_HEADER_BYTES) {
			*fault = fault_of(&c->open, at);
			if (*fault != NULL)
				return NULL;
			need += text_of(at);
			if (n >= need)
				return at;
		}
		if (in->bytes == 0)
			return NULL;
		if (!hold(c, in, need - n_held)) {
			*fault = &no_memory;
			return NULL;
		}
	}
}

static void skip_record(struct tls_conn *c, struct span *in, size_t bytes)
{
	if (c->held.n > c->held.first) {
		c->held.first += (uint32_t)bytes;
		if (c->held.first == c->held.n)
			tls_buf_free(&c->held);
	} else {
		in->at += bytes;
		in->bytes -= bytes;
	}
}

/* Opens it to tls->in, behind room for a header. */
static bool decrypt(struct tls_conn *c, const uint8_t *record, uint32_t *n_text)
{
	struct tls_key *k = &c->open;
	size_t over = tls_key_overhead(k), all = text_of(record);
	const uint8_t *sent = record + TLS_HEADER_BYTES, *tag = sent + all - TLS_TAG_BYTES;
	const uint8_t *from = sent + (k->is_nonce_sent ? TLS_KEY_SEQ_BYTES : 0);
	uint8_t *to = c->tls->in + TLS_HEADER_BYTES;
	int n = 0, rest = 0;

	if (all < over)
		return false;
	*n_text = (uint32_t)(all - over);
	if (!tls_key_ready(k, record, *n_text, sent) ||
	    EVP_CipherUpdate(k->ctx, to, &n, from, (int)*n_text) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_BYTES, (void *)tag) != 1 ||
	    EVP_CipherFinal_ex(k->ctx, to + n, &rest) != 1)
		return false;
	k->seq++;
	return true;
}

/* RFC 8446 5.4: behind the text stand its type and any number of zeros. */
static bool take_inner_type(const uint8_t *text, uint32_t *n, uint8_t *type)
{
	while (*n > 0 && text[*n - 1] == 0)
		(*n)--;
	if (*n == 0)
		return false;
	*type = text[--*n];
	return *type == SSL3_RT_APPLICATION_DATA || *type == SSL3_RT_ALERT ||
	       *type == SSL3_RT_HANDSHAKE;
}

/* As OpenSSL reads it of a kernel: the inner type is where it was. */
static struct span with_header(struct tls_conn *c, const uint8_t *record, uint32_t n)
{
	uint8_t *to = c->tls->in;

	n += c->open.is_tls13;
	to[0] = record[0];
	to[1] = record[1];
	to[2] = record[2];
	to[3] = (uint8_t)(n >> 8);
	to[4] = (uint8_t)n;
	return span_of(to, TLS_HEADER_BYTES + n);
}

/* What an opened record is. */
static enum tls_opened judge(struct tls_conn *c, const uint8_t *record, uint32_t n,
                             struct span *out)
{
	const uint8_t *text = c->tls->in + TLS_HEADER_BYTES;
	uint8_t type = record[0];
	bool was_message;

	if (c->open.is_tls13 && !take_inner_type(text, &n, &type))
		c->fault = &bad_type;
	else if (n > TLS_RECORD_BYTES)
		c->fault = &bad_length;
	else if (type == SSL3_RT_APPLICATION_DATA && n == 0 && ++c->n_empty > EMPTY_MAX)
		c->fault = &bad_empty;
	if (c->fault != NULL)
		return TLS_OPENED_BAD;
	/* RFC 8446 5.1: nothing may stand between parts of a message, and whether one is whole
	 * OpenSSL knows: so it sees the record behind a message too, whatever that is.
	 */
	was_message = c->is_message;
	c->is_message = type == SSL3_RT_HANDSHAKE;
	if (type != SSL3_RT_APPLICATION_DATA || was_message) {
		*out = with_header(c, record, n);
		return TLS_OPENED_OTHER;
	}
	if (n > 0)
		c->n_empty = 0;
	*out = span_of(text, n);
	return TLS_OPENED_TEXT;
}

enum tls_opened tls_open_next(struct tls_conn *c, struct span *in, struct span *out)
{
	uint8_t header[TLS_HEADER_BYTES];
	const uint8_t *record;
	uint32_t n;

	assert(c->is_opening);
	record = next_record(c, in, &c->fault);
	if (record == NULL)
		return c->fault != NULL ? TLS_OPENED_BAD : TLS_OPENED_NONE;
	if (!decrypt(c, record, &n)) {
		c->fault = &bad_mac;
		return TLS_OPENED_BAD;
	}
	memcpy(header, record, sizeof(header));
	skip_record(c, in, TLS_HEADER_BYTES + text_of(header));
	return judge(c, header, n, out);
}
