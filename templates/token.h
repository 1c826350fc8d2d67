/* token.h - making unsubscribe tokens; tpl.h says what they are. */
#pragma once

#include "templates/sha.h"
#include "templates/tpl.h"

/* As tpl_token_make(), with a state of sha_new(). */
size_t token_make_with(EVP_MD_CTX *sha, const struct tpl_token_keys *keys,
                       const struct tpl_token *token, int64_t when_s, char out[TPL_TOKEN_MAX + 1]);
