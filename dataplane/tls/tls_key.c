/* tls_key.c - keys as the kernel and as RFC 8446 lay them out; nonces; what is authenticated. */
#include "dataplane/tls/tls_key.h"

#include <assert.h>
#include <errno.h>
#include <linux/tls.h>
#include <openssl/core_names.h>
#include <openssl/ssl.h>
#include <string.h>

#include "dataplane/tls/tls_int.h"

enum { TLS13_SUITE_FIRST = 0x1301 /* RFC 8446 B.4: numbered as `layouts` is */ };

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
static const struct key_layout layouts[TLS_KEY_N_SUITES] = {
	LAYOUT(aes_gcm_128,       AES_GCM_128,       "AES-128-GCM"),
	LAYOUT(aes_gcm_256,       AES_GCM_256,       "AES-256-GCM"),
	LAYOUT(chacha20_poly1305, CHACHA20_POLY1305, "ChaCha20-Poly1305"),
};
/* clang-format on */

int tls_suites_init(struct tls_suites *suites, OSSL_LIB_CTX *lib)
{
	bool has_all = true;

	for (int i = 0; i < TLS_KEY_N_SUITES; i++) {
		EVP_CIPHER *cipher = EVP_CIPHER_fetch(lib, layouts[i].name, NULL);

		for (int seals = 0; seals < 2; seals++) {
			EVP_CIPHER_CTX *ctx = suites->ctx[i][seals] = EVP_CIPHER_CTX_new();

			has_all = has_all && cipher != NULL && ctx != NULL &&
			          EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seals, NULL) == 1;
		}
		EVP_CIPHER_free(cipher);
	}
	suites->hkdf = EVP_KDF_fetch(lib, "HKDF", NULL);
	return has_all && suites->hkdf != NULL ? 0 : -ENOMEM;
}

void tls_suites_fini(struct tls_suites *suites)
{
	for (int i = 0; i < TLS_KEY_N_SUITES; i++)
		for (int seals = 0; seals < 2; seals++)
			EVP_CIPHER_CTX_free(suites->ctx[i][seals]);
	EVP_KDF_free(suites->hkdf);
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

bool tls_key_begin(struct tls_key *k, const struct tls_suites *suites, const void *info, bool seals)
{
	const struct tls_crypto_info *head = info;
	const uint8_t *at = info;
	int i = 0;

	while (i < TLS_KEY_N_SUITES && layouts[i].cipher != head->cipher_type)
		i++;
	if (i == TLS_KEY_N_SUITES || k->ctx != NULL ||
	    (head->version != TLS1_2_VERSION && head->version != TLS1_3_VERSION))
		return false;
	*k = (struct tls_key){ .ctx = suites->ctx[i][seals],
		               .is_tls13 = head->version == TLS1_3_VERSION,
		               .seq = get_be64(at + layouts[i].seq_at) };
	k->is_nonce_sent = !k->is_tls13 && layouts[i].salt_bytes > 0;
	memcpy(k->iv, at + layouts[i].salt_at, layouts[i].salt_bytes);
	memcpy(k->iv + layouts[i].salt_bytes, at + layouts[i].iv_at, layouts[i].iv_bytes);
	memcpy(k->key, at + layouts[i].key_at, layouts[i].key_bytes);
	return true;
}

/* HKDF-Expand-Label without a context (RFC 8446 7.1). */
static bool expand(EVP_KDF *hkdf, const char *digest, struct span secret, const char *label,
                   uint8_t *out, size_t bytes)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	size_t n = strlen(label);
	uint8_t info[32] = { 0, (uint8_t)bytes, (uint8_t)n };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (uint8_t *)secret.at,
		                                  secret.bytes),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 3 + n + 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(hkdf);
	bool done;

	assert(3 + n + 1 <= sizeof(info) && bytes <= UINT8_MAX);
	memcpy(info + 3, label, n);
	done = ctx != NULL && EVP_KDF_derive(ctx, out, bytes, params) == 1;
	EVP_KDF_CTX_free(ctx);
	return done;
}

bool tls_key_derive(struct tls_key *k, const struct tls_suites *suites, uint16_t suite,
                    const char *digest, struct span secret)
{
	uint32_t i = (uint32_t)suite - TLS13_SUITE_FIRST;

	if (i >= TLS_KEY_N_SUITES || k->ctx != NULL)
		return false;
	*k = (struct tls_key){ .ctx = suites->ctx[i][0], .is_tls13 = true };
	if (expand(suites->hkdf, digest, secret, "tls13 key", k->key, layouts[i].key_bytes) &&
	    expand(suites->hkdf, digest, secret, "tls13 iv", k->iv, sizeof(k->iv)))
		return true;
	tls_key_end(k);
	return false;
}

void tls_key_end(struct tls_key *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

size_t tls_key_overhead(const struct tls_key *k)
{
	return TLS_TAG_BYTES + (k->is_nonce_sent ? TLS_KEY_SEQ_BYTES : 0);
}

/* RFC 8446 5.3 and RFC 7905 2: the sequence number over the iv. RFC 5288 3: the salt, and eight
 * bytes that are sent along and never come again.
 */
static void make_nonce(const struct tls_key *k, const uint8_t sent[TLS_KEY_SEQ_BYTES],
                       uint8_t nonce[TLS_KEY_IV_BYTES])
{
	uint8_t *low = nonce + TLS_KEY_IV_BYTES - TLS_KEY_SEQ_BYTES;

	memcpy(nonce, k->iv, TLS_KEY_IV_BYTES);
	if (k->is_nonce_sent)
		memcpy(low, sent, TLS_KEY_SEQ_BYTES);
	else
		put_be64(low, get_be64(low) ^ k->seq);
}

/* What is authenticated besides the text: the header (RFC 8446 5.2), or sequence number, type,
 * version and length of the text (RFC 5246 6.2.3.3). Returns its bytes.
 */
static int make_aad(const struct tls_key *k, const uint8_t header[TLS_HEADER_BYTES], size_t bytes,
                    uint8_t aad[TLS_KEY_SEQ_BYTES + TLS_HEADER_BYTES])
{
	if (k->is_tls13) {
		memcpy(aad, header, TLS_HEADER_BYTES);
		return TLS_HEADER_BYTES;
	}
	put_be64(aad, k->seq);
	memcpy(aad + TLS_KEY_SEQ_BYTES, header, 3);
	aad[TLS_KEY_SEQ_BYTES + 3] = (uint8_t)(bytes >> 8);
	aad[TLS_KEY_SEQ_BYTES + 4] = (uint8_t)bytes;
	return TLS_KEY_SEQ_BYTES + TLS_HEADER_BYTES;
}

bool tls_key_ready(struct tls_key *k, const uint8_t header[TLS_HEADER_BYTES], size_t bytes,
                   const uint8_t sent[TLS_KEY_SEQ_BYTES])
{
	uint8_t nonce[TLS_KEY_IV_BYTES], aad[TLS_KEY_SEQ_BYTES + TLS_HEADER_BYTES];
	int aad_bytes = make_aad(k, header, bytes, aad), n;

	make_nonce(k, sent, nonce);
	return EVP_CipherInit_ex2(k->ctx, NULL, k->key, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(k->ctx, NULL, &n, aad, aad_bytes) == 1;
}
