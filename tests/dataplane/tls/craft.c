#include <stdlib.h>
#include <string.h>

#include "dataplane/tls/tls_int.h"
#include "tests/dataplane/tls/craft.h"

/* The same suite, the other way round. */
static EVP_CIPHER_CTX *sealing(const struct tls_conn *c)
{
	for (int i = 0; i < TLS_KEY_N_SUITES; i++)
		if (c->tls->suites.ctx[i][0] == c->open.ctx)
			return c->tls->suites.ctx[i][1];
	abort();
}

bool craft_can(const struct tls_conn *c)
{
	return c->is_opening;
}

size_t craft_record(const struct tls_conn *c, uint8_t type, const void *text, size_t bytes,
                    size_t zeros, uint8_t *out)
{
	struct tls_key k = c->open;
	size_t plain = bytes + (k.is_tls13 ? 1 + zeros : 0), all = plain + tls_key_overhead(&k);
	uint8_t *inner = calloc(1, plain + 1), *at = out;
	uint8_t header[TLS_HEADER_BYTES] = { k.is_tls13 ? SSL3_RT_APPLICATION_DATA : type, 3, 3,
		                             (uint8_t)(all >> 8), (uint8_t)all };
	int n, rest;

	if (inner == NULL)
		abort();
	memcpy(inner, text, bytes);
	if (k.is_tls13)
		inner[bytes] = type;
	k.ctx = sealing(c);
	memcpy(at, header, sizeof(header));
	at += sizeof(header);
	if (k.is_nonce_sent) {
		memset(at, (int)k.seq, TLS_KEY_SEQ_BYTES);
		at += TLS_KEY_SEQ_BYTES;
	}
	if (!tls_key_ready(&k, header, plain, at - TLS_KEY_SEQ_BYTES) ||
	    EVP_CipherUpdate(k.ctx, at, &n, inner, (int)plain) != 1 ||
	    EVP_CipherFinal_ex(k.ctx, at + n, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k.ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_BYTES, at + plain) != 1)
		abort();
	free(inner);
	return (size_t)(at - out) + plain + TLS_TAG_BYTES;
}
