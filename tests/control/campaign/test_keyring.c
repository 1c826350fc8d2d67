/* test_keyring.c - token keys rotate, old ones stay as long as they must, and a damaged file is
 * told. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "control/campaign/keyring.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { DAY = 86400, T0 = 1767225600 };

static char dir[TMPDIR_BYTES];

static struct keyring_conf at(int64_t now_s)
{
	return (struct keyring_conf){
		.state_dir = dir, .rotate_s = 30 * DAY, .keep_s = 90 * DAY, .now_s = now_s
	};
}

/* Opens at a time and makes a token there; NULL leaves it out. */
static struct keyring *opened(int64_t now_s, char token[TPL_TOKEN_MAX + 1])
{
	static const struct tpl_token t = { .campaign = 4, .row = 5 };
	struct keyring_conf conf = at(now_s);
	char why[KEYRING_WHY_BYTES] = "";
	struct keyring *k = NULL;

	CU_ASSERT_EQUAL_FATAL(keyring_open(&conf, &k, why), 0);
	if (token != NULL)
		CU_ASSERT(tpl_token_make(keyring_tokens(k), &t, now_s, token) > 0);
	return k;
}

static int read_at(const struct keyring *k, const char *token)
{
	struct tpl_token t;

	return tpl_token_read(keyring_tokens(k), span_str(token), &t);
}

static void a_token_is_understood_for_as_long_as_it_must(void)
{
	char tokens[8][TPL_TOKEN_MAX + 1];
	struct keyring *k;

	CU_ASSERT_TRUE_FATAL(tpl_init()); /* before anything uses OpenSSL */
	tmpdir_make(dir);
	for (int i = 0; i < 8; i++) {
		k = opened(T0 + i * 30 * DAY, tokens[i]);
		for (int old = 0; old <= i; old++) /* 90 days at least */
			if (i - old <= 3)
				CU_ASSERT_EQUAL(read_at(k, tokens[old]), 0);
		CU_ASSERT(!keyring_is_due(k, T0 + i * 30 * DAY + 1));
		CU_ASSERT(keyring_is_due(k, T0 + (i + 1) * 30 * DAY));
		keyring_put(k);
	}
	/* the first key's last token was made when the second key came: 180 days ago */
	k = opened(T0 + 210 * DAY, NULL);
	CU_ASSERT_EQUAL(read_at(k, tokens[0]), -ENOKEY);
	CU_ASSERT_EQUAL(read_at(k, tokens[7]), 0);
	keyring_put(k);
	tmpdir_del(dir);
}

static void the_same_moment_gives_the_same_token_after_a_restart(void)
{
	char one[TPL_TOKEN_MAX + 1], two[TPL_TOKEN_MAX + 1], three[TPL_TOKEN_MAX + 1];
	static const struct tpl_token t = { .campaign = 4, .row = 5 };
	struct keyring *k;

	tmpdir_make(dir);
	keyring_put(opened(T0, one));
	k = opened(T0, two);
	CU_ASSERT_STRING_EQUAL(one, two);
	keyring_put(k);
	k = opened(T0 + 31 * DAY, NULL); /* another key since: a later attempt uses the old one */
	tpl_token_make(keyring_tokens(k), &t, T0, three);
	CU_ASSERT_STRING_EQUAL(one, three);
	keyring_put(k);
	tmpdir_del(dir);
}

static void who_only_looks_changes_nothing(void)
{
	struct keyring_conf conf = at(T0);
	char why[KEYRING_WHY_BYTES], path[TMPDIR_BYTES + 16];
	struct keyring *k;
	struct stat st;

	tmpdir_make(dir);
	snprintf(path, sizeof(path), "%s/token_keys", dir);
	CU_ASSERT_EQUAL_FATAL(keyring_look(&conf, &k, why), 0);
	CU_ASSERT_EQUAL(keyring_tokens(k)->n, 0);
	CU_ASSERT_EQUAL(stat(path, &st), -1);
	keyring_put(k);
	keyring_put(opened(T0, NULL));
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	tmpdir_del(dir);
}

static void a_damaged_file_is_told_with_its_line(void)
{
	static const char *const texts[] = {
		"1 1000 00\n",
		"1 1000 "
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\nx\n",
		"70000 1000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		"2 1000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
		"1 1000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		"1 1000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00\n",
	};

	tmpdir_make(dir);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct keyring_conf conf = at(T0);
		char why[KEYRING_WHY_BYTES] = "", path[TMPDIR_BYTES + 16];
		struct keyring *k;
		FILE *f;

		snprintf(path, sizeof(path), "%s/token_keys", dir);
		f = fopen(path, "we");
		fputs(texts[i], f);
		fclose(f);
		CU_ASSERT_EQUAL(keyring_open(&conf, &k, why), -EBADMSG);
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(why, i == 1 || i == 3 ? ":2: damaged" : ":1: damaged"));
	}
	tmpdir_del(dir);
}

static void a_signer_with_a_bad_key_is_told_by_name(void)
{
	static const struct keyring_signer signer = {
		.name = "main", .domain = "a.test", .selector = "s", .key_path = "/nonexistent.pem"
	};
	struct keyring_conf conf = { .signers = &signer, .n_signers = 1 };
	char why[KEYRING_WHY_BYTES] = "";
	struct keyring *k;

	CU_ASSERT_EQUAL(keyring_open(&conf, &k, why), -ENOENT);
	CU_ASSERT_STRING_EQUAL(why,
	                       "dkim \"main\": key: /nonexistent.pem: No such file or directory");
}

static void a_missing_signer_is_named(void)
{
	struct keyring_conf conf = { 0 };
	char why[KEYRING_WHY_BYTES];
	struct keyring *k;

	CU_ASSERT_EQUAL_FATAL(keyring_open(&conf, &k, why), 0);
	CU_ASSERT_PTR_NULL(keyring_missing(k, ""));
	CU_ASSERT_STRING_EQUAL(keyring_missing(k, "a,b"), "a,b");
	CU_ASSERT_PTR_EQUAL(keyring_get(k), k);
	keyring_put(k);
	keyring_put(k);
}

SUITE("control/campaign/keyring", TEST(a_token_is_understood_for_as_long_as_it_must),
      TEST(the_same_moment_gives_the_same_token_after_a_restart),
      TEST(who_only_looks_changes_nothing), TEST(a_damaged_file_is_told_with_its_line),
      TEST(a_signer_with_a_bad_key_is_told_by_name), TEST(a_missing_signer_is_named))
