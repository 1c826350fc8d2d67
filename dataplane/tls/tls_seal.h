/* tls_seal.h - seals records straight into TCP's segments.
 *
 * Once the keys of a connection are known OpenSSL hands them to whoever writes for it, as it would
 * to a kernel that does TLS, and passes plain text from then on. So a byte is read once by the
 * cipher and lands where it leaves from. What is not known here stays OpenSSL's work.
 *
 * Owner   the connection it is embedded in.
 * Life    tls_seal_begin() .. tls_seal_end(); `ctx` is NULL outside of it.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

struct tls_conn;

enum {
	TLS_SEAL_IV_BYTES = 12,
	TLS_SEAL_RECORDS_MAX = 1 << 24, /* of one key (RFC 8446 5.5) */
	TLS_SEAL_N_SUITES = 3,
};

struct tls_seal {
	EVP_CIPHER_CTX *ctx;           /* NULL: OpenSSL seals */
	uint64_t seq;                  /* of the next record */
	uint8_t iv[TLS_SEAL_IV_BYTES]; /* of the key; with `seq` gives each record's nonce */
	uint8_t type;                  /* of the record written next */
	bool is_tls13;
	bool is_nonce_sent; /* TLS 1.2 with GCM (RFC 5288 3) */
};

/* The suites that can be sealed here, for tls_seal_begin(). Returns 0, or -ENOMEM when the library
 * lacks one; tls_seal_suites_free() in both cases.
 */
int tls_seal_suites_get(OSSL_LIB_CTX *lib, EVP_CIPHER *suites[TLS_SEAL_N_SUITES]);
void tls_seal_suites_put(EVP_CIPHER *suites[TLS_SEAL_N_SUITES]);

/* Takes the keys that OpenSSL offers, a `struct tls_crypto_info` of the kernel's. False: they are
 * of a suite that is not known here.
 */
bool tls_seal_begin(struct tls_conn *c, const void *info);
void tls_seal_end(struct tls_seal *s);

/* Seals one record and hands it to TCP, what has no room there to c->spill. False: neither had
 * room, or the key is used up; the connection is of no use any more.
 */
bool tls_seal_record(struct tls_conn *c, uint8_t type, struct span plain);
