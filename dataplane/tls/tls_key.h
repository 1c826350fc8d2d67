/* tls_key.h - the key of one direction of a connection, and what its records have besides text.
 *
 * Owner   the connection it is embedded in.
 * Life    tls_key_begin() or tls_key_derive() .. tls_key_end(); `ctx` is NULL outside of it.
 */
#pragma once

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum {
	TLS_KEY_IV_BYTES = 12,
	TLS_KEY_SEQ_BYTES = 8,
	TLS_KEY_BYTES_MAX = 32,
	TLS_KEY_N_SUITES = 3,
	TLS_HEADER_BYTES = 5,
	TLS_TAG_BYTES = 16,
};

/* One line of a cache, of which there are two a connection: the cipher's own state, twenty lines of
 * it, is one for all connections and made anew for each record. That costs less than to fetch it
 * from memory as soon as there are some hundred connections.
 */
struct tls_key {
	_Alignas(64) EVP_CIPHER_CTX *ctx; /* borrowed; NULL: OpenSSL does this direction */
	uint64_t seq;                     /* of the next record */
	uint8_t key[TLS_KEY_BYTES_MAX];
	uint8_t iv[TLS_KEY_IV_BYTES]; /* with `seq` gives each record's nonce */
	bool is_tls13;
	bool is_nonce_sent; /* a part of it: TLS 1.2 with GCM (RFC 5288 3) */
};
static_assert(sizeof(struct tls_key) == 64, "one line");

/* The suites that are known here, each to open and to seal with. */
struct tls_suites {
	EVP_CIPHER_CTX *ctx[TLS_KEY_N_SUITES][2];
	EVP_KDF *hkdf;
};

/* Returns 0, or -ENOMEM when the library lacks one; tls_suites_fini() in both cases. */
int tls_suites_init(struct tls_suites *suites, OSSL_LIB_CTX *lib);
void tls_suites_fini(struct tls_suites *suites);

/* Takes the key that OpenSSL offers, a `struct tls_crypto_info` of the kernel's. False: it is of a
 * suite that is not known here.
 */
bool tls_key_begin(struct tls_key *k, const struct tls_suites *suites, const void *info,
                   bool seals);

/* Makes the key to open with of a traffic secret (RFC 8446 7.3). `suite` and `digest` are those
 * that the handshake agreed on. False: not known here.
 */
bool tls_key_derive(struct tls_key *k, const struct tls_suites *suites, uint16_t suite,
                    const char *digest, struct span secret);
void tls_key_end(struct tls_key *k);

/* Bytes of a record that are neither header nor text. */
size_t tls_key_overhead(const struct tls_key *k);

/* Readies the cipher for the next record, of `bytes` of text; the nonce that goes along with it, or
 * came, stands in `sent`, which is not looked at where there is none.
 */
bool tls_key_ready(struct tls_key *k, const uint8_t header[TLS_HEADER_BYTES], size_t bytes,
                   const uint8_t sent[TLS_KEY_SEQ_BYTES]);
