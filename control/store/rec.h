/* rec.h - how a record lies in the database: key and value.
 *
 * Key     'r', campaign, sequence number, both big-endian: a campaign's records are one run, in
 *         the order they were appended.
 * Value   version byte, fixed fields, reply text. What another version wrote is refused.
 * Not     called outside control/store, its tests aside.
 */
#pragma once

#include "control/store/store.h"

enum {
	REC_KEY_BYTES = 1 + 4 + 8,
	REC_FIXED_BYTES = 1 + 1 + 1 + 1 + 1 + 1 + 3 + 2 + 4 + 4 + 8 + 8 + 2,
	REC_BYTES_MAX = REC_FIXED_BYTES + STORE_TEXT_MAX,
};

void rec_key(uint32_t campaign, uint64_t seq, uint8_t out[REC_KEY_BYTES]);

/* Reads a key back: 0, or -EBADMSG when it is not a record's. */
int rec_key_decode(struct span key, uint32_t *campaign, uint64_t *seq);

/* Writes the value; returns its length. */
size_t rec_encode(const struct store_rec *rec, uint8_t out[REC_BYTES_MAX]);

/* Reads a value back into `rec`, whose campaign is the caller's to set. Any bytes may come: 0, or
 * -EBADMSG and `rec` is worthless.
 */
int rec_decode(struct span value, struct store_rec *rec);
