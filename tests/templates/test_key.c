/* test_key.c - a key is refused with one line, or it signs what its public half verifies. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "templates/key.h"
#include "tests/support/suite.h"

static char path[] = "/tmp/posthaste-test-key-XXXXXX"; /* made by the first write */

static FILE *open_file(void)
{
	FILE *f;

	CU_ASSERT_TRUE_FATAL(tpl_init()); /* before this file's own use of OpenSSL */
	if (strchr(path, 'X') != NULL)
		close(mkstemp(path));
	f = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return f;
}

static void write_text(const char *text, mode_t mode)
{
	FILE *f = open_file();

	fputs(text, f);
	fclose(f);
	CU_ASSERT_EQUAL_FATAL(chmod(path, mode), 0);
}

/* Takes the key. */
static void write_key(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	FILE *f = open_file();

	CU_ASSERT_PTR_NOT_NULL_FATAL(key);
	CU_ASSERT_EQUAL_FATAL(PEM_write_PKCS8PrivateKey(f, key, cipher, "pass", 4, NULL, NULL), 1);
	fclose(f);
	CU_ASSERT_EQUAL_FATAL(chmod(path, 0600), 0);
	EVP_PKEY_free(key);
}

static void write_pkcs1(EVP_PKEY *key)
{
	uint8_t der[4096], *at = der;
	FILE *f = open_file();

	PEM_write(f, "RSA PRIVATE KEY", "", der, i2d_PrivateKey(key, &at));
	fclose(f);
	CU_ASSERT_EQUAL_FATAL(chmod(path, 0600), 0);
	EVP_PKEY_free(key);
}

static bool is_refused(int want, const char *says)
{
	char why[TPL_WHY_BYTES] = "";
	struct tpl_key *key = NULL;
	int r = tpl_key_open(path, &key, why);
	bool ok = r == want && strstr(why, says) != NULL && strncmp(why, path, strlen(path)) == 0;

	if (!ok)
		printf("\n    got %d %s, want %d ... %s", r, why, want, says);
	if (r == 0)
		tpl_key_close(key);
	return ok;
}

static void a_key_that_cannot_sign_mail_is_refused(void)
{
	write_text("hello\n", 0600);
	CU_ASSERT(is_refused(-EINVAL, "no private key in PEM form"));
	write_key(EVP_RSA_gen(2048), EVP_aes_128_cbc());
	CU_ASSERT(is_refused(-EINVAL, "an encrypted key"));
	write_key(EVP_RSA_gen(768), NULL);
	CU_ASSERT(is_refused(-EINVAL, "under 1024 bits"));
	write_key(EVP_EC_gen("P-256"), NULL);
	CU_ASSERT(is_refused(-EINVAL, "neither an RSA nor an Ed25519 key"));
	write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), NULL);
	CU_ASSERT(is_refused(-EINVAL, "neither an RSA nor an Ed25519 key"));
}

static void a_key_that_others_may_read_is_refused(void)
{
	static const mode_t modes[] = { 0604, 0602, 0620, 0601 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
		CU_ASSERT_EQUAL_FATAL(chmod(path, modes[i]), 0);
		CU_ASSERT(is_refused(-EPERM, "others may read or change"));
	}
}

static void a_missing_or_odd_file_is_refused(void)
{
	char why[TPL_WHY_BYTES];
	struct tpl_key *key;

	CU_ASSERT_EQUAL(tpl_key_open("/nonexistent/key", &key, why), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why, "/nonexistent/key: No such file or directory");
	CU_ASSERT_EQUAL(tpl_key_open("/tmp", &key, why), -EINVAL);
	CU_ASSERT_EQUAL(tpl_key_open("/dev/zero", &key, why), -EINVAL);
}

static void a_key_whose_halves_do_not_belong_together_is_refused(void)
{
	EVP_PKEY *pair = EVP_RSA_gen(1024);
	uint8_t der[2048], *at = der;
	int bytes = i2d_PrivateKey(pair, &at);
	FILE *f = open_file();

	CU_ASSERT_FATAL(bytes > 600 && der[11 - 1] == 0);
	der[60] ^= 1; /* in the modulus, bytes 11 to 138 */
	PEM_write(f, "RSA PRIVATE KEY", "", der, bytes);
	fclose(f);
	chmod(path, 0600);
	CU_ASSERT(is_refused(-EINVAL, "its halves do not belong together"));
	EVP_PKEY_free(pair);
}

/* ---- memory ---- */

enum { MASK = 0x5a, PRIME_BYTES = 128 };

/* The first prime of the key, least byte first, masked so that this copy is not found. */
static void read_prime(uint8_t out[PRIME_BYTES])
{
	char command[128], line[256];
	bool in = false;
	unsigned n = 0, byte;
	FILE *f;

	snprintf(command, sizeof(command), "openssl rsa -in %s -noout -text", path);
	f = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] != ' ')
			in = strncmp(line, "prime1:", 7) == 0;
		for (char *at = line; in && *at != '\0' && n <= PRIME_BYTES; at++)
			if (sscanf(at, "%2x%*[:\n]", &byte) == 1 && at[0] != ' ' && at[0] != 'p') {
				if (n > 0) /* a zero stands before */
					out[PRIME_BYTES - n] = (uint8_t)(byte ^ MASK);
				n++;
				at += 2;
			}
	}
	pclose(f);
	CU_ASSERT_EQUAL(n, PRIME_BYTES + 1);
}

/* It reads what belongs to others, which a sanitizer would rightly report. */
__attribute__((no_sanitize("address"))) static bool holds(const uint8_t *at, size_t bytes,
                                                          const uint8_t *masked)
{
	for (size_t i = 0; i + PRIME_BYTES <= bytes; i++) {
		size_t n = 0;

		while (n < PRIME_BYTES && (at[i + n] ^ MASK) == masked[n])
			n++;
		if (n == PRIME_BYTES)
			return true;
	}
	return false;
}

/* What a core dump would hold: private writable memory without the mark "dd" (proc(5)). */
static unsigned dumped_copies(const uint8_t *masked)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	uint8_t *from = NULL, *to = NULL, *a, *b;
	char line[512], rights[8];
	unsigned found = 0;

	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%p-%p %7s", (void **)&a, (void **)&b, rights) == 3) {
			from = rights[0] == 'r' && rights[1] == 'w' ? a : NULL;
			to = b;
		} else if (strncmp(line, "VmFlags:", 8) == 0 && from != NULL &&
		           strstr(line, " dd") == NULL) {
			found += holds(from, (size_t)(to - from), masked);
		}
	}
	fclose(f);
	return found;
}

static void no_core_dump_holds_a_private_number(void)
{
	static const uint8_t digest[KEY_DIGEST_BYTES] = { 1 };
	uint8_t masked[PRIME_BYTES], signature[KEY_SIGNATURE_BYTES_MAX];
	char command[160], why[TPL_WHY_BYTES];
	struct tpl_key *key;

	snprintf(command, sizeof(command),
	         "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s 2>&1",
	         path);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL_FATAL(chmod(path, 0600), 0);
	read_prime(masked);
	CU_ASSERT_EQUAL_FATAL(tpl_key_open(path, &key, why), 0);
	CU_ASSERT_EQUAL(dumped_copies(masked), 0);
	CU_ASSERT_EQUAL(key_sign(key, digest, signature), 256);
	CU_ASSERT_EQUAL(dumped_copies(masked), 0);
	tpl_key_close(key);
	CU_ASSERT_EQUAL(dumped_copies(masked), 0);
}

static void a_signature_is_the_same_every_time_and_verifies(void)
{
	static const uint8_t digest[KEY_DIGEST_BYTES] = { 1, 2, 3 };
	EVP_PKEY *pairs[] = { EVP_RSA_gen(1024), EVP_RSA_gen(2048),
		              EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };

	for (int i = 0; i < 3; i++) {
		uint8_t one[KEY_SIGNATURE_BYTES_MAX], two[KEY_SIGNATURE_BYTES_MAX];
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *rsa = NULL;
		struct tpl_key *key;
		char why[TPL_WHY_BYTES];
		size_t bytes;

		EVP_PKEY_up_ref(pairs[i]);
		if (i == 0)
			write_pkcs1(pairs[i]);
		else
			write_key(pairs[i], NULL);
		CU_ASSERT_EQUAL_FATAL(tpl_key_open(path, &key, why), 0);
		bytes = key_sign(key, digest, one);
		CU_ASSERT_EQUAL(bytes, i == 0 ? 128 : i == 1 ? 256 : 64);
		CU_ASSERT_EQUAL(key_sign(key, digest, two), bytes);
		CU_ASSERT_EQUAL(memcmp(one, two, bytes), 0);
		if (i == 2) {
			CU_ASSERT_EQUAL(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pairs[i]), 1);
			CU_ASSERT_EQUAL(EVP_DigestVerify(ctx, one, bytes, digest, sizeof(digest)),
			                1);
		} else {
			rsa = EVP_PKEY_CTX_new(pairs[i], NULL);
			CU_ASSERT_EQUAL(EVP_PKEY_verify_init(rsa), 1);
			EVP_PKEY_CTX_set_signature_md(rsa, EVP_sha256());
			CU_ASSERT_EQUAL(EVP_PKEY_verify(rsa, one, bytes, digest, sizeof(digest)),
			                1);
			EVP_PKEY_CTX_free(rsa);
		}
		EVP_MD_CTX_free(ctx);
		EVP_PKEY_free(pairs[i]);
		tpl_key_close(key);
	}
}

static void the_record_of_a_key_holds_its_public_half(void)
{
	/* RFC 8463 A.2 */
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n";
	char record[TPL_RECORD_BYTES], why[TPL_WHY_BYTES];
	struct tpl_key *key;

	write_text(pem, 0600);
	CU_ASSERT_EQUAL_FATAL(tpl_key_open(path, &key, why), 0);
	tpl_key_record(key, record);
	CU_ASSERT_STRING_EQUAL(record, "v=DKIM1; k=ed25519; "
	                               "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	tpl_key_close(key);
	write_key(EVP_RSA_gen(2048), NULL);
	CU_ASSERT_EQUAL_FATAL(tpl_key_open(path, &key, why), 0);
	tpl_key_record(key, record);
	CU_ASSERT_EQUAL(strncmp(record, "v=DKIM1; k=rsa; p=MIIBIjAN", 26), 0);
	CU_ASSERT_EQUAL(tpl_key_bits(key), 2048);
	tpl_key_close(key);
	unlink(path);
}

SUITE("templates/key", TEST(a_key_that_cannot_sign_mail_is_refused),
      TEST(a_key_that_others_may_read_is_refused), TEST(a_missing_or_odd_file_is_refused),
      TEST(a_key_whose_halves_do_not_belong_together_is_refused),
      TEST(no_core_dump_holds_a_private_number),
      TEST(a_signature_is_the_same_every_time_and_verifies),
      TEST(the_record_of_a_key_holds_its_public_half))
