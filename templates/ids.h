/* ids.h - what a message is called: keyed hashes of (campaign, row), the same at every attempt. */
#pragma once

#include "templates/tpl.h"

enum {
	IDS_HEX_BYTES = 32, /* 128 bits of the hash, as hexadecimal digits */
	IDS_DATE_BYTES = 32,
};

/* Writes the hash for one purpose ("message-id", "boundary") and NUL. `turn` gives further ones.
 * Returns 0, or -EIO when the crypto library fails.
 */
int ids_hash(const struct tpl_campaign *campaign, uint64_t number, const char *purpose,
             uint32_t turn, char out[IDS_HEX_BYTES + 1]);

/* Writes "Thu, 01 Jan 1970 00:00:00 +0000" (RFC 5322 3.3). Returns 0, or -EINVAL for a time before
 * 1970 or after 9999.
 */
int ids_date(int64_t unix_s, char out[IDS_DATE_BYTES]);
