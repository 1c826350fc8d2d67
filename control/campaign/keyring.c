/* keyring.c - the keys that messages are made with, read from their files. */
#include "control/campaign/keyring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "control/campaign/token_keys.h"
#include "control/xalloc.h"

struct keyring {
	_Atomic uint32_t holders;
	struct tpl_signer *signers;
	struct tpl_signers all;
	uint32_t *order;
	struct tpl_token_key *keys;
	struct tpl_token_keys tokens;
	uint32_t rotate_s;
};

static char **split_names(const char *text, uint32_t *n)
{
	char **names = xcalloc(TPL_OVERSIGN_MAX + 1, sizeof(*names));

	*n = 0;
	while (text != NULL && *text != '\0' && *n <= TPL_OVERSIGN_MAX) {
		size_t bytes = strcspn(text, ":");

		names[(*n)++] = xstrndup(text, bytes);
		text += bytes + (text[bytes] == ':');
	}
	return names;
}

static int add_signer(struct keyring *k, const struct keyring_signer *from,
                      char why[KEYRING_WHY_BYTES])
{
	struct tpl_signer *s = &k->signers[k->all.n++];
	char trouble[TPL_WHY_BYTES];
	struct tpl_key *key = NULL;
	const char *wrong;
	int result;

	*s = (struct tpl_signer){ .name = xstrdup(from->name),
		                  .domain = xstrdup(from->domain),
		                  .selector = xstrdup(from->selector),
		                  .when = from->when,
		                  .header = from->header,
		                  .body = from->body,
		                  .expires_s = from->expires_s };
	s->oversign = split_names(from->headers, &s->n_oversign);
	wrong = tpl_signer_check(s);
	if (wrong != NULL) {
		snprintf(why, KEYRING_WHY_BYTES, "dkim \"%.64s\": %s", from->name, wrong);
		return -EINVAL;
	}
	result = tpl_key_open(from->key_path, &key, trouble);
	if (result != 0)
		snprintf(why, KEYRING_WHY_BYTES, "dkim \"%.64s\": key: %s", from->name, trouble);
	s->key = key;
	return result;
}

static int open_keyring(const struct keyring_conf *conf, bool change, struct keyring **out,
                        char why[KEYRING_WHY_BYTES])
{
	struct keyring *k = xcalloc(1, sizeof(*k));
	int result = 0;

	atomic_init(&k->holders, 1);
	k->rotate_s = conf->rotate_s;
	k->signers = xcalloc(conf->n_signers + 1, sizeof(*k->signers));
	k->all.at = k->signers;
	for (uint32_t i = 0; result == 0 && i < conf->n_signers; i++)
		result = add_signer(k, &conf->signers[i], why);
	k->order = xcalloc(2 * (size_t)k->all.n + 1, sizeof(*k->order));
	tpl_signers_sort(k->signers, k->all.n, k->order);
	k->all.order = k->order;
	if (result == 0 && conf->state_dir != NULL)
		result = token_keys_load(conf, change, &k->keys, &k->tokens.n, why);
	k->tokens.at = k->keys;
	if (result != 0)
		keyring_put(k);
	else
		*out = k;
	return result;
}

int keyring_open(const struct keyring_conf *conf, struct keyring **out, char why[KEYRING_WHY_BYTES])
{
	return open_keyring(conf, true, out, why);
}

int keyring_look(const struct keyring_conf *conf, struct keyring **out, char why[KEYRING_WHY_BYTES])
{
	return open_keyring(conf, false, out, why);
}

struct keyring *keyring_get(struct keyring *k)
{
	if (k != NULL)
		atomic_fetch_add(&k->holders, 1);
	return k;
}

void keyring_put(struct keyring *k)
{
	if (k == NULL || atomic_fetch_sub(&k->holders, 1) != 1)
		return;
	for (uint32_t i = 0; i < k->all.n; i++) {
		struct tpl_signer *s = &k->signers[i];

		tpl_key_close((struct tpl_key *)(uintptr_t)s->key);
		free((char *)(uintptr_t)s->name);
		free((char *)(uintptr_t)s->domain);
		free((char *)(uintptr_t)s->selector);
		for (uint32_t n = 0; n < s->n_oversign; n++)
			free(s->oversign[n]);
		free((void *)(uintptr_t)s->oversign);
	}
	if (k->keys != NULL)
		explicit_bzero(k->keys, k->tokens.n * sizeof(*k->keys));
	free(k->keys);
	free(k->order);
	free(k->signers);
	free(k);
}

const struct tpl_signers *keyring_signers(const struct keyring *k)
{
	return &k->all;
}

const struct tpl_token_keys *keyring_tokens(const struct keyring *k)
{
	return &k->tokens;
}

bool keyring_is_due(const struct keyring *k, int64_t now_s)
{
	return k->tokens.n != 0 && token_keys_are_due(&k->tokens, k->rotate_s, now_s);
}

const char *keyring_missing(const struct keyring *k, const char *names)
{
	for (const char *at = names; *at != '\0';) {
		size_t bytes = strcspn(at, ",");
		uint32_t i = 0;

		while (i < k->all.n && (strlen(k->signers[i].name) != bytes ||
		                        memcmp(k->signers[i].name, at, bytes) != 0))
			i++;
		if (i == k->all.n)
			return at;
		at += bytes + (at[bytes] == ',');
	}
	return NULL;
}
