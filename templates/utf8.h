/* utf8.h - well-formed UTF-8 (RFC 3629 4): no overlong forms, no surrogates, nothing over U+10FFFF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/base/span.h"

/* Bytes of the character at the front of `s`; 0 when there is none that is well-formed. */
size_t utf8_char_bytes(struct span s);

/* Offset of the first byte that is not well-formed; s.bytes when all is well. */
size_t utf8_first_bad(struct span s);

bool utf8_is_ascii(struct span s);

/* Writes the character `code` and returns its bytes; U+FFFD for what is no character. */
size_t utf8_encode(uint32_t code, uint8_t out[4]);
