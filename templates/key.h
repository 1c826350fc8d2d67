/* key.h - a private key that signs: loaded from PEM, checked, used by any number of threads. */
#pragma once

#include "dataplane/base/span.h"
#include "templates/tpl.h"

enum {
	KEY_DIGEST_BYTES = 32, /* SHA-256 */
	KEY_SIGNATURE_BYTES_MAX = TPL_KEY_BITS_MAX / 8,
};

/* Signs a SHA-256 digest: PKCS#1 v1.5 (RFC 8017 8.2), or Ed25519 over the digest (RFC 8463 3); both
 * give the same signature every time. Returns its bytes, 0 when the crypto library fails.
 */
size_t key_sign(const struct tpl_key *key, const uint8_t digest[KEY_DIGEST_BYTES],
                uint8_t out[KEY_SIGNATURE_BYTES_MAX]);
