/* sha.c - SHA-256 and HMAC-SHA256 as a message needs them: a few short ones, from one state. */
#include "templates/sha.h"

#include <assert.h>
#include <pthread.h>

#include <openssl/crypto.h>

enum { BLOCK_BYTES = 64 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256; /* as long as the process is */

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

EVP_MD_CTX *sha_new(void)
{
	EVP_MD_CTX *sha;

	pthread_once(&once, fetch);
	sha = sha256 == NULL ? NULL : EVP_MD_CTX_new();
	if (sha != NULL && EVP_DigestInit_ex2(sha, sha256, NULL) != 1) {
		EVP_MD_CTX_free(sha);
		sha = NULL;
	}
	return sha;
}

bool sha_begin(EVP_MD_CTX *sha)
{
	return EVP_DigestInit_ex2(sha, NULL, NULL) == 1;
}

bool sha_hmac(EVP_MD_CTX *sha, struct span key, struct span text, uint8_t out[SHA_BYTES])
{
	uint8_t inner[BLOCK_BYTES] = { 0 }, outer[BLOCK_BYTES];
	bool ok;

	assert(key.bytes <= BLOCK_BYTES);
	memcpy(inner, key.at, key.bytes);
	for (int i = 0; i < BLOCK_BYTES; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	ok = sha_begin(sha) && EVP_DigestUpdate(sha, inner, BLOCK_BYTES) == 1 &&
	     EVP_DigestUpdate(sha, text.at, text.bytes) == 1 &&
	     EVP_DigestFinal_ex(sha, out, NULL) == 1 && sha_begin(sha) &&
	     EVP_DigestUpdate(sha, outer, BLOCK_BYTES) == 1 &&
	     EVP_DigestUpdate(sha, out, SHA_BYTES) == 1 && EVP_DigestFinal_ex(sha, out, NULL) == 1;
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
	return ok;
}
