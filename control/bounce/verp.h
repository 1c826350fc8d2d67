/* verp.h - an envelope sender per recipient, that says which recipient a bounce is about.
 *
 * b+<campaign>.<row>.<mac>@domain, numbers in base 36, MAC of 40 bits; the decoder needs no table.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/span.h"
#include "dataplane/dp_msg.h"

/* Writes the address; `domain` at most 255 bytes. Returns its length. */
size_t verp_encode(const uint8_t key[32], uint32_t campaign, uint32_t row, const char *domain,
                   char out[DP_ADDRESS_MAX]);

/* Reads one back: 0, or -EINVAL when it is not ours (shape or MAC). */
int verp_decode(const uint8_t key[32], struct span address, uint32_t *campaign, uint32_t *row);
