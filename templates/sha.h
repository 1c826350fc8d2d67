/* sha.h - SHA-256 and HMAC-SHA256 as a message needs them: a few short ones, from one state.
 *
 * OpenSSL looks an algorithm up by name at each one-shot call, which takes longer than hashing a
 * short text; here it is looked up once.
 */
#pragma once

#include <openssl/evp.h>

#include "dataplane/base/span.h"

enum { SHA_BYTES = 32 };

/* State for one hash after another; NULL: no memory. */
EVP_MD_CTX *sha_new(void);

/* Begins one; whatever was begun is forgotten. */
bool sha_begin(EVP_MD_CTX *sha);

/* RFC 2104, for keys of at most 64 bytes. */
bool sha_hmac(EVP_MD_CTX *sha, struct span key, struct span text, uint8_t out[SHA_BYTES]);
