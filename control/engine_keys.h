/* engine_keys.h - the keys that a configuration names. */
#pragma once

#include <stdint.h>

#include "control/campaign/keyring.h"
#include "control/conf/conf.h"

/* Reads them all; makes a token key in the state directory when it is time. Returns 0, or -errno
 * with one line. The caller holds the result.
 */
int engine_keys_open(const struct conf *conf, int64_t now_s, struct keyring **out,
                     char why[CONF_WHY_BYTES]);

/* Reads the signers' keys only, to say what is wrong with them. */
int engine_keys_check(const struct conf *conf, struct keyring **out, char why[CONF_WHY_BYTES]);

/* Reads the token keys only, and changes nothing. */
int engine_keys_look(const struct conf *conf, struct keyring **out, char why[CONF_WHY_BYTES]);
