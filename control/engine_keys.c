/* engine_keys.c - the keys that a configuration names. */
#include "control/engine_keys.h"

#include <assert.h>

#include "control/xalloc.h"

static_assert((int)CONF_SIGN_FROM == (int)TPL_SIGN_FROM &&
                  (int)CONF_SIGN_ALL == (int)TPL_SIGN_ALL &&
                  (int)CONF_SIGN_NAMED == (int)TPL_SIGN_NAMED,
              "one list in two rooms");
static_assert((int)KEYRING_WHY_BYTES == (int)CONF_WHY_BYTES, "lines are passed on");

static uint8_t canon_of(bool relaxed)
{
	return relaxed ? TPL_RELAXED : TPL_SIMPLE;
}

static struct keyring_signer *signers_of(const struct conf *conf)
{
	struct keyring_signer *out = xcalloc(conf->n_dkim + 1, sizeof(*out));

	for (uint32_t i = 0; i < conf->n_dkim; i++) {
		const struct conf_dkim *d = &conf->dkim[i];

		out[i] = (struct keyring_signer){
			.name = d->name,
			.domain = d->domain,
			.selector = d->selector,
			.key_path = d->key_path,
			.headers = d->headers,
			.header = canon_of(d->canon == CONF_RELAXED_RELAXED ||
			                   d->canon == CONF_RELAXED_SIMPLE),
			.body = canon_of(d->canon == CONF_RELAXED_RELAXED ||
			                 d->canon == CONF_SIMPLE_RELAXED),
			.when = (uint8_t)d->sign,
			.expires_s = d->expires_s,
		};
	}
	return out;
}

static struct keyring_conf plain(const struct conf *conf)
{
	return (struct keyring_conf){ .rotate_s = conf->token.rotate_s,
		                      .keep_s = conf->token.keep_s };
}

int engine_keys_open(const struct conf *conf, int64_t now_s, struct keyring **out,
                     char why[CONF_WHY_BYTES])
{
	struct keyring_signer *signers = signers_of(conf);
	struct keyring_conf kc = plain(conf);
	int err;

	kc.signers = signers;
	kc.n_signers = conf->n_dkim;
	kc.state_dir = conf->state_dir;
	kc.now_s = now_s;
	err = keyring_open(&kc, out, why);
	free(signers);
	return err;
}

int engine_keys_check(const struct conf *conf, struct keyring **out, char why[CONF_WHY_BYTES])
{
	struct keyring_signer *signers = signers_of(conf);
	struct keyring_conf kc = plain(conf);
	int err;

	kc.signers = signers;
	kc.n_signers = conf->n_dkim;
	err = keyring_look(&kc, out, why);
	free(signers);
	return err;
}

int engine_keys_look(const struct conf *conf, struct keyring **out, char why[CONF_WHY_BYTES])
{
	struct keyring_conf kc = plain(conf);

	kc.state_dir = conf->state_dir;
	return keyring_look(&kc, out, why);
}
