/* token_keys.h - the file <state_dir>/token_keys: one key a line, oldest first.
 *
 * A line is "ID SINCE KEY": numbers in decimal, the key in hexadecimal.
 */
#pragma once

#include "control/campaign/keyring.h"

enum { TOKEN_KEYS_MAX = 4096 };

/* Reads them. With `change` a new one is added when it is time, and those of which the last token
 * is older than keep_s are removed; the file is durable then. Returns 0 with memory for free(), or
 * -errno with one line.
 */
int token_keys_load(const struct keyring_conf *conf, bool change, struct tpl_token_key **out,
                    uint32_t *n, char why[KEYRING_WHY_BYTES]);

bool token_keys_are_due(const struct tpl_token_keys *keys, uint32_t rotate_s, int64_t now_s);
