/* keyring.h - the keys that messages are made with: who signs, and what keys unsubscribe tokens.
 *
 * Life    a snapshot: keyring_open(), then keyring_get() and keyring_put() until nobody holds it. A
 *         reload makes another.
 * Thread  any; what is in it never changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "templates/tpl.h"

enum { KEYRING_WHY_BYTES = 512 };

/* One signature; texts are copied. */
struct keyring_signer {
	const char *name, *domain, *selector, *key_path;
	const char *headers;  /* over-signed fields, separated by colons; NULL: the usual ones */
	uint8_t header, body; /* enum tpl_canon */
	uint8_t when;         /* enum tpl_sign_when */
	uint32_t expires_s;
};

struct keyring_conf {
	const struct keyring_signer *signers;
	uint32_t n_signers;
	const char *state_dir;     /* token_keys lies there; NULL: no tokens */
	uint32_t rotate_s, keep_s; /* a new token key so often; an old one is kept so long after */
	int64_t now_s;
};

struct keyring;

/* Reads all keys, and makes a new token key, durably, when the newest is old enough. Returns 0, or
 * -errno with one line. The caller holds it once.
 */
int keyring_open(const struct keyring_conf *conf, struct keyring **out,
                 char why[KEYRING_WHY_BYTES]);

/* As keyring_open(), but makes and removes no token key: for those who only look. */
int keyring_look(const struct keyring_conf *conf, struct keyring **out,
                 char why[KEYRING_WHY_BYTES]);

struct keyring *keyring_get(struct keyring *k);
void keyring_put(struct keyring *k); /* NULL is allowed */

const struct tpl_signers *keyring_signers(const struct keyring *k);
const struct tpl_token_keys *keyring_tokens(const struct keyring *k);

/* Whether another keyring_open() would make a token key. */
bool keyring_is_due(const struct keyring *k, int64_t now_s);

/* NULL, or the first of these names (separated by commas) that no signer has; it lies in `names`,
 * up to the next comma.
 */
const char *keyring_missing(const struct keyring *k, const char *names);
