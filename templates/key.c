/* key.c - a private key that signs: loaded from PEM, checked, used by any number of threads.
 *
 * All that OpenSSL does with a private half happens inside the vault; the file's own text lies
 * there too. What is public may be anywhere.
 */
#include "templates/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "templates/vault.h"

enum {
	FILE_BYTES_MAX = 32 << 10,
	DER_BYTES_MAX = 4096, /* of a public key */
};

struct tpl_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *rsa;   /* ready to sign; each signature copies it. NULL: Ed25519 */
	EVP_MD_CTX *ed25519; /* the same */
	uint32_t bits;
};

bool tpl_init(void)
{
	return vault_install();
}

bool tpl_keys_are_locked(void)
{
	return vault_is_locked();
}

static int fail(char why[TPL_WHY_BYTES], int result, const char *path, const char *what)
{
	snprintf(why, TPL_WHY_BYTES, "%.150s: %s", path, what);
	ERR_clear_error(); /* what it says may hold parts of the file */
	return result;
}

/* ---- the file ---- */

/* Reads a file that is only for its owner and group. */
static int read_file(const char *path, char **text, size_t *bytes, char why[TPL_WHY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result = 0;
	struct stat st;
	ssize_t got = 0;

	*bytes = 0;
	if (fd < 0 || fstat(fd, &st) != 0) {
		result = fail(why, -errno, path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
		result = fail(why, -EINVAL, path, "not a file of at most 32 KiB; name a PEM file");
		goto out;
	}
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
		result = fail(why, -EPERM, path,
		              "a private key that others may read or change; chmod 0600 it and, if "
		              "others could read it, make a new one");
		goto out;
	}
	*text = OPENSSL_zalloc(FILE_BYTES_MAX + 1);
	if (*text == NULL) {
		result = fail(why, -ENOMEM, path, "no memory for keys is left; use fewer");
		goto out;
	}
	while (*bytes < FILE_BYTES_MAX &&
	       (got = read(fd, *text + *bytes, FILE_BYTES_MAX - *bytes)) > 0)
		*bytes += (size_t)got;
	if (got < 0)
		result = fail(why, -errno, path, strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	return result;
}

static int no_password(char *to, int bytes, int writing, void *ctx)
{
	(void)to, (void)bytes, (void)writing, (void)ctx;
	return -1; /* else OpenSSL would ask at the terminal */
}

static int read_key(const char *path, EVP_PKEY **out, char why[TPL_WHY_BYTES])
{
	char *text = NULL;
	size_t bytes = 0;
	BIO *bio;
	int result = read_file(path, &text, &bytes, why);

	if (result != 0)
		goto out;
	bio = BIO_new_mem_buf(text, (int)bytes);
	*out = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (*out == NULL)
		result = fail(why, -EINVAL, path,
		              strstr(text, "ENCRYPTED") != NULL
		                  ? "an encrypted key; take its password away with: openssl pkey"
		                  : "no private key in PEM form (\"-----BEGIN PRIVATE KEY-----\")");
out:
	OPENSSL_clear_free(text, FILE_BYTES_MAX + 1);
	return result;
}

/* ---- signing ---- */

static bool make_ready(struct tpl_key *key)
{
	if (EVP_PKEY_is_a(key->pkey, "ED25519")) {
		key->ed25519 = EVP_MD_CTX_new();
		return key->ed25519 != NULL &&
		       EVP_DigestSignInit(key->ed25519, NULL, NULL, NULL, key->pkey) == 1;
	}
	key->rsa = EVP_PKEY_CTX_new(key->pkey, NULL);
	return key->rsa != NULL && EVP_PKEY_sign_init(key->rsa) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(key->rsa, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(key->rsa, EVP_sha256()) == 1;
}

static size_t sign_rsa(const struct tpl_key *key, const uint8_t *digest, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(key->rsa);
	size_t bytes = KEY_SIGNATURE_BYTES_MAX;

	if (ctx == NULL || EVP_PKEY_sign(ctx, out, &bytes, digest, KEY_DIGEST_BYTES) != 1)
		bytes = 0;
	EVP_PKEY_CTX_free(ctx);
	return bytes;
}

static size_t sign_ed25519(const struct tpl_key *key, const uint8_t *digest, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t bytes = KEY_SIGNATURE_BYTES_MAX;

	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, key->ed25519) != 1 ||
	    EVP_DigestSign(ctx, out, &bytes, digest, KEY_DIGEST_BYTES) != 1)
		bytes = 0;
	EVP_MD_CTX_free(ctx);
	return bytes;
}

size_t key_sign(const struct tpl_key *key, const uint8_t digest[KEY_DIGEST_BYTES],
                uint8_t out[KEY_SIGNATURE_BYTES_MAX])
{
	size_t bytes;

	vault_enter();
	bytes = key->rsa != NULL ? sign_rsa(key, digest, out) : sign_ed25519(key, digest, out);
	vault_leave();
	return bytes;
}

/* ---- checking ---- */

static const char *check_kind(struct tpl_key *key)
{
	bool rsa = EVP_PKEY_is_a(key->pkey, "RSA");

	key->bits = (uint32_t)EVP_PKEY_get_bits(key->pkey);
	if (!rsa && !EVP_PKEY_is_a(key->pkey, "ED25519"))
		return "neither an RSA nor an Ed25519 key";
	if (rsa && key->bits < TPL_KEY_BITS_MIN)
		return "an RSA key under 1024 bits, which receivers ignore (RFC 8301 3.2); use "
		       "2048";
	if (rsa && key->bits > TPL_KEY_BITS_MAX)
		return "an RSA key over 8192 bits; use 2048";
	return NULL;
}

/* Verifies with the public half what the private half signed. */
static bool verifies(const struct tpl_key *key, const uint8_t *digest, const uint8_t *signature,
                     size_t bytes)
{
	EVP_PKEY_CTX *rsa = NULL;
	EVP_MD_CTX *ed = NULL;
	bool ok;

	if (key->rsa != NULL) {
		rsa = EVP_PKEY_CTX_new(key->pkey, NULL);
		ok = rsa != NULL && EVP_PKEY_verify_init(rsa) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(rsa, EVP_sha256()) == 1 &&
		     EVP_PKEY_verify(rsa, signature, bytes, digest, KEY_DIGEST_BYTES) == 1;
	} else {
		ed = EVP_MD_CTX_new();
		ok = ed != NULL && EVP_DigestVerifyInit(ed, NULL, NULL, NULL, key->pkey) == 1 &&
		     EVP_DigestVerify(ed, signature, bytes, digest, KEY_DIGEST_BYTES) == 1;
	}
	EVP_PKEY_CTX_free(rsa);
	EVP_MD_CTX_free(ed);
	return ok;
}

static const char *check_itself(const struct tpl_key *key)
{
	static const uint8_t digest[KEY_DIGEST_BYTES] = "a digest to sign and to verify";
	uint8_t signature[KEY_SIGNATURE_BYTES_MAX];
	size_t bytes = key_sign(key, digest, signature);

	return bytes != 0 && verifies(key, digest, signature, bytes)
	           ? NULL
	           : "its halves do not belong together: it does not verify what it signs";
}

static int load(struct tpl_key *key, const char *path, char why[TPL_WHY_BYTES])
{
	const char *wrong = NULL;
	int result = read_key(path, &key->pkey, why);

	if (result != 0)
		return result;
	wrong = check_kind(key);
	if (wrong == NULL && !make_ready(key))
		wrong = "the crypto library refuses to sign with it";
	if (wrong == NULL)
		wrong = check_itself(key);
	if (wrong != NULL && vault_was_full())
		return fail(why, -ENOMEM, path, "no memory for keys is left; use fewer");
	return wrong == NULL ? 0 : fail(why, -EINVAL, path, wrong);
}

int tpl_key_open(const char *path, struct tpl_key **out, char why[TPL_WHY_BYTES])
{
	struct tpl_key *key;
	int result;

	if (!vault_install() || !vault_open())
		return fail(why, -ENOMEM, path, "no memory that core dumps leave out is to be had");
	/* What the library makes for itself once need not lie in the vault. */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return fail(why, -ENOMEM, path, "out of memory");
	vault_enter();
	result = load(key, path, why);
	vault_leave();
	if (result == 0)
		*out = key;
	else
		tpl_key_close(key);
	return result;
}

void tpl_key_close(struct tpl_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_CTX_free(key->rsa);
	EVP_MD_CTX_free(key->ed25519);
	EVP_PKEY_free(key->pkey);
	free(key);
}

const char *tpl_key_algorithm(const struct tpl_key *key)
{
	return key->rsa != NULL ? "rsa-sha256" : "ed25519-sha256";
}

uint32_t tpl_key_bits(const struct tpl_key *key)
{
	return key->bits;
}

/* RFC 6376 3.6.1; of Ed25519 the key alone, without a wrapping (RFC 8463 4). */
void tpl_key_record(const struct tpl_key *key, char out[TPL_RECORD_BYTES])
{
	uint8_t der[DER_BYTES_MAX], *at = der;
	size_t bytes = sizeof(der);
	int n;

	if (key->rsa == NULL) {
		if (EVP_PKEY_get_raw_public_key(key->pkey, der, &bytes) != 1)
			bytes = 0;
	} else {
		n = i2d_PUBKEY(key->pkey, NULL);
		bytes = n > 0 && n <= DER_BYTES_MAX ? (size_t)i2d_PUBKEY(key->pkey, &at) : 0;
	}
	n = snprintf(out, TPL_RECORD_BYTES,
	             "v=DKIM1; k=%s; p=", key->rsa != NULL ? "rsa" : "ed25519");
	if ((size_t)n + (bytes + 2) / 3 * 4 < TPL_RECORD_BYTES)
		EVP_EncodeBlock((uint8_t *)out + n, der, (int)bytes);
}
