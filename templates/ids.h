/* ids.h - what a message is called: keyed hashes of (campaign, row), the same at every attempt. */
#pragma once

#include "templates/sha.h"
#include "templates/tpl.h"

enum {
	IDS_HEX_BYTES = 32, /* 128 bits of the hash, as hexadecimal digits */
	IDS_DATE_BYTES = 32,
};

/* What one message is called; each a hash of its own. */
struct ids {
	char message[IDS_HEX_BYTES + 1], boundary[IDS_HEX_BYTES + 1];
};

/* `sha` is of sha_new(). Names message `number` of a campaign. `turn` gives further names. Returns
 * 0, or -EIO when the crypto library fails.
 */
int ids_make(EVP_MD_CTX *sha, const struct tpl_campaign *campaign, uint64_t number, uint32_t turn,
             struct ids *out);

/* Writes "Thu, 01 Jan 1970 00:00:00 +0000" (RFC 5322 3.3). Returns 0, or -EINVAL for a time before
 * 1970 or after 9999.
 */
int ids_date(int64_t unix_s, char out[IDS_DATE_BYTES]);
