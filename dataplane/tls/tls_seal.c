/* tls_seal.c - one record after another: header, cipher text in as many pieces as there are
 * segments, tag.
 */
#include "dataplane/tls/tls_seal.h"

#include <assert.h>
#include <openssl/ssl.h>

#include "dataplane/tls/tls_int.h"

/* Where the next `want` bytes of a record go, as many of them as fit in one piece: a segment, or
 * c->spill from the first byte on that TCP has no buffer for. NULL: nowhere.
 */
static uint8_t *place(struct tls_conn *c, size_t want, size_t *room)
{
	uint8_t *at;

	*room = c->spill.at == NULL ? tcp_write_start(c->tls->tcp, c->tcp, &at) : 0;
	if (*room == 0) {
		at = tls_buf_room(&c->spill, want, TLS_SPILL_BYTES_MAX);
		*room = want;
	}
	if (*room > want)
		*room = want;
	return at;
}

static void placed(struct tls_conn *c, size_t bytes)
{
	if (c->spill.at == NULL)
		tcp_write_done(c->tls->tcp, c->tls->now_us, c->tcp, bytes);
	else
		c->spill.n += (uint32_t)bytes;
}

static bool put(struct tls_conn *c, const uint8_t *from, size_t bytes)
{
	while (bytes > 0) {
		size_t n;
		uint8_t *at = place(c, bytes, &n);

		if (at == NULL)
			return false;
		memcpy(at, from, n);
		placed(c, n);
		from += n;
		bytes -= n;
	}
	return true;
}

/* Both ciphers give a byte for a byte, however the text is cut. */
static bool encrypt(struct tls_conn *c, const uint8_t *from, size_t bytes)
{
	while (bytes > 0) {
		size_t n;
		uint8_t *at = place(c, bytes, &n);
		int made;

		if (at == NULL || EVP_CipherUpdate(c->seal.ctx, at, &made, from, (int)n) != 1)
			return false;
		assert((size_t)made == n);
		placed(c, n);
		from += n;
		bytes -= n;
	}
	return true;
}

/* The header as it is sent. */
static void make_header(const struct tls_key *k, uint8_t type, size_t bytes,
                        uint8_t header[TLS_HEADER_BYTES])
{
	size_t sent = bytes + (k->is_tls13 ? 1 : 0) + tls_key_overhead(k);

	header[0] = k->is_tls13 ? SSL3_RT_APPLICATION_DATA : type;
	header[1] = TLS1_2_VERSION >> 8;
	header[2] = TLS1_2_VERSION & 0xff;
	header[3] = (uint8_t)(sent >> 8);
	header[4] = (uint8_t)sent;
}

bool tls_seal_record(struct tls_conn *c, uint8_t type, struct span plain)
{
	uint8_t header[TLS_HEADER_BYTES], sent[TLS_KEY_SEQ_BYTES], tag[TLS_TAG_BYTES];
	struct tls_key *k = &c->seal;
	uint64_t seq = __builtin_bswap64(k->seq); /* never comes again, so it is the nonce too */
	int n;

	assert(k->ctx != NULL && plain.bytes <= TLS_RECORD_BYTES);
	if (k->seq >= TLS_SEAL_RECORDS_MAX)
		return false;
	make_header(k, type, plain.bytes, header);
	memcpy(sent, &seq, sizeof(sent));
	(void)tls_spill_is_empty(c);
	if (!tls_key_ready(k, header, plain.bytes, sent) || !put(c, header, sizeof(header)) ||
	    (k->is_nonce_sent && !put(c, sent, sizeof(sent))) ||
	    !encrypt(c, plain.at, plain.bytes) || (k->is_tls13 && !encrypt(c, &type, 1)) ||
	    EVP_CipherFinal_ex(k->ctx, tag, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_BYTES, tag) != 1)
		return false;
	k->seq++;
	return put(c, tag, TLS_TAG_BYTES);
}
