/* tls_seal.c - one record after another: header, cipher text in as many pieces as there are
 * segments, tag.
 */
#include "dataplane/tls/tls_seal.h"

#include <assert.h>
#include <errno.h>
#include <linux/tls.h>
#include <openssl/ssl.h>

#include "dataplane/tls/tls_int.h"

enum { HEADER_BYTES = 5, TAG_BYTES = 16, SEQ_BYTES = 8 };

/* As the kernel lays keys out: `iv` bytes behind `salt` ones make up the nonce's fixed part. */
struct key_layout {
	uint16_t cipher;
	const char *name;
	uint8_t key_at, key_bytes;
	uint8_t salt_at, salt_bytes;
	uint8_t iv_at, iv_bytes;
	uint8_t seq_at;
};

#define LAYOUT(which, CIPHER, NAME)                                                                \
	{                                                                                          \
		.cipher = TLS_CIPHER_##CIPHER, .name = NAME,                                       \
		.key_at = offsetof(struct tls12_crypto_info_##which, key),                         \
		.key_bytes = TLS_CIPHER_##CIPHER##_KEY_SIZE,                                       \
		.salt_at = offsetof(struct tls12_crypto_info_##which, salt),                       \
		.salt_bytes = TLS_CIPHER_##CIPHER##_SALT_SIZE,                                     \
		.iv_at = offsetof(struct tls12_crypto_info_##which, iv),                           \
		.iv_bytes = TLS_CIPHER_##CIPHER##_IV_SIZE,                                         \
		.seq_at = offsetof(struct tls12_crypto_info_##which, rec_seq),                     \
	}

/* clang-format off */
static const struct key_layout layouts[TLS_SEAL_N_SUITES] = {
	LAYOUT(aes_gcm_128,       AES_GCM_128,       "AES-128-GCM"),
	LAYOUT(aes_gcm_256,       AES_GCM_256,       "AES-256-GCM"),
	LAYOUT(chacha20_poly1305, CHACHA20_POLY1305, "ChaCha20-Poly1305"),
};
/* clang-format on */

int tls_seal_suites_get(OSSL_LIB_CTX *lib, EVP_CIPHER *suites[TLS_SEAL_N_SUITES])
{
	bool has_all = true;

	for (int i = 0; i < TLS_SEAL_N_SUITES; i++) {
		suites[i] = EVP_CIPHER_fetch(lib, layouts[i].name, NULL);
		has_all = has_all && suites[i] != NULL;
	}
	return has_all ? 0 : -ENOMEM;
}

void tls_seal_suites_put(EVP_CIPHER *suites[TLS_SEAL_N_SUITES])
{
	for (int i = 0; i < TLS_SEAL_N_SUITES; i++)
		EVP_CIPHER_free(suites[i]);
}

static uint64_t get_be64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return __builtin_bswap64(v);
}

static void put_be64(uint8_t *at, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(at, &v, sizeof(v));
}

bool tls_seal_begin(struct tls_conn *c, const void *info)
{
	const struct tls_crypto_info *head = info;
	const uint8_t *at = info;
	struct tls_seal *s = &c->seal;
	int i = 0;

	while (i < TLS_SEAL_N_SUITES && layouts[i].cipher != head->cipher_type)
		i++;
	if (i == TLS_SEAL_N_SUITES || s->ctx != NULL ||
	    (head->version != TLS1_2_VERSION && head->version != TLS1_3_VERSION))
		return false;
	*s = (struct tls_seal){ .type = SSL3_RT_APPLICATION_DATA,
		                .is_tls13 = head->version == TLS1_3_VERSION,
		                .seq = get_be64(at + layouts[i].seq_at),
		                .ctx = EVP_CIPHER_CTX_new() };
	s->is_nonce_sent = !s->is_tls13 && layouts[i].salt_bytes > 0;
	memcpy(s->iv, at + layouts[i].salt_at, layouts[i].salt_bytes);
	memcpy(s->iv + layouts[i].salt_bytes, at + layouts[i].iv_at, layouts[i].iv_bytes);
	if (s->ctx != NULL &&
	    EVP_EncryptInit_ex2(s->ctx, c->tls->suites[i], at + layouts[i].key_at, NULL, NULL) == 1)
		return true;
	tls_seal_end(s);
	return false;
}

void tls_seal_end(struct tls_seal *s)
{
	EVP_CIPHER_CTX_free(s->ctx);
	*s = (struct tls_seal){ .ctx = NULL };
}

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

		if (at == NULL || EVP_EncryptUpdate(c->seal.ctx, at, &made, from, (int)n) != 1)
			return false;
		assert((size_t)made == n);
		placed(c, n);
		from += n;
		bytes -= n;
	}
	return true;
}

/* RFC 8446 5.3 and RFC 7905 2: the sequence number over the iv. RFC 5288 3: the salt, and eight
 * bytes that are sent along and never come again: the sequence number too.
 */
static void make_nonce(const struct tls_seal *s, uint8_t nonce[TLS_SEAL_IV_BYTES])
{
	uint8_t *low = nonce + TLS_SEAL_IV_BYTES - SEQ_BYTES;

	memcpy(nonce, s->iv, TLS_SEAL_IV_BYTES);
	put_be64(low, s->is_nonce_sent ? s->seq : get_be64(low) ^ s->seq);
}

/* The header as it is sent, and what is authenticated besides the text: the header itself (RFC 8446
 * 5.2), or sequence number, type, version and length of the text (RFC 5246 6.2.3.3). Returns the
 * bytes of the latter.
 */
static int make_header(const struct tls_seal *s, uint8_t type, size_t bytes,
                       uint8_t header[HEADER_BYTES], uint8_t aad[SEQ_BYTES + HEADER_BYTES])
{
	size_t sent =
	    bytes + TAG_BYTES + (s->is_tls13 ? 1 : 0) + (s->is_nonce_sent ? SEQ_BYTES : 0);

	header[0] = s->is_tls13 ? SSL3_RT_APPLICATION_DATA : type;
	header[1] = TLS1_2_VERSION >> 8;
	header[2] = TLS1_2_VERSION & 0xff;
	header[3] = (uint8_t)(sent >> 8);
	header[4] = (uint8_t)sent;
	if (s->is_tls13) {
		memcpy(aad, header, HEADER_BYTES);
		return HEADER_BYTES;
	}
	put_be64(aad, s->seq);
	memcpy(aad + SEQ_BYTES, header, 3);
	aad[SEQ_BYTES + 3] = (uint8_t)(bytes >> 8);
	aad[SEQ_BYTES + 4] = (uint8_t)bytes;
	return SEQ_BYTES + HEADER_BYTES;
}

bool tls_seal_record(struct tls_conn *c, uint8_t type, struct span plain)
{
	uint8_t header[HEADER_BYTES], aad[SEQ_BYTES + HEADER_BYTES], nonce[TLS_SEAL_IV_BYTES];
	uint8_t tag[TAG_BYTES];
	struct tls_seal *s = &c->seal;
	int aad_bytes = make_header(s, type, plain.bytes, header, aad), n;

	assert(s->ctx != NULL && plain.bytes <= TLS_RECORD_BYTES);
	make_nonce(s, nonce);
	if (s->seq >= TLS_SEAL_RECORDS_MAX)
		return false;
	(void)tls_spill_is_empty(c);
	if (EVP_EncryptInit_ex2(s->ctx, NULL, NULL, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(s->ctx, NULL, &n, aad, aad_bytes) != 1 ||
	    !put(c, header, HEADER_BYTES) ||
	    (s->is_nonce_sent && !put(c, nonce + TLS_SEAL_IV_BYTES - SEQ_BYTES, SEQ_BYTES)) ||
	    !encrypt(c, plain.at, plain.bytes) || (s->is_tls13 && !encrypt(c, &type, 1)) ||
	    EVP_EncryptFinal_ex(s->ctx, tag, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag) != 1)
		return false;
	s->seq++;
	return put(c, tag, TAG_BYTES);
}
