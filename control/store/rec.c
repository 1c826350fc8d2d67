/* rec.c - how a record lies in the database: key and value. */
#include "control/store/rec.h"

#include <assert.h>
#include <errno.h>

enum { REC_VERSION = 1 };

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return at + bytes;
}

static bool take_u64(struct span *s, uint64_t *out)
{
	uint32_t high, low;

	if (s->bytes < 8 || !span_take_u32(s, &high) || !span_take_u32(s, &low))
		return false;
	*out = (uint64_t)high << 32 | low;
	return true;
}

void rec_key(uint32_t campaign, uint64_t seq, uint8_t out[REC_KEY_BYTES])
{
	uint8_t *at = put(out, 'r', 1);

	at = put(at, campaign, 4);
	at = put(at, seq, 8);
	assert(at == out + REC_KEY_BYTES);
}

int rec_key_decode(struct span key, uint32_t *campaign, uint64_t *seq)
{
	uint8_t tag;

	if (key.bytes != REC_KEY_BYTES || !span_take_u8(&key, &tag) || tag != 'r' ||
	    !span_take_u32(&key, campaign) || !take_u64(&key, seq))
		return -EBADMSG;
	return 0;
}

/* The text that is kept: `text_bytes` tells what the reply had, which may be more. */
static size_t kept_bytes(uint16_t text_bytes)
{
	return text_bytes < STORE_TEXT_MAX ? text_bytes : STORE_TEXT_MAX;
}

size_t rec_encode(const struct store_rec *rec, uint8_t out[REC_BYTES_MAX])
{
	size_t text_bytes = kept_bytes(rec->text_bytes);
	uint8_t *at = put(out, REC_VERSION, 1);

	at = put(at, rec->kind, 1);
	at = put(at, rec->state, 1);
	at = put(at, rec->attempts, 1);
	at = put(at, rec->reach, 1);
	at = put(at, rec->step, 1);
	for (unsigned i = 0; i < 3; i++)
		at = put(at, rec->enhanced[i], 1);
	at = put(at, rec->code, 2);
	at = put(at, rec->row, 4);
	at = put(at, rec->rows, 4);
	at = put(at, (uint64_t)rec->at_s, 8);
	at = put(at, (uint64_t)rec->due_s, 8);
	at = put(at, rec->text_bytes, 2);
	assert(at == out + REC_FIXED_BYTES);
	memcpy(at, rec->text, text_bytes);
	return REC_FIXED_BYTES + text_bytes;
}

int rec_decode(struct span value, struct store_rec *rec)
{
	uint64_t at_s, due_s;
	struct span text;
	uint8_t version;

	memset(rec, 0, sizeof(*rec));
	if (!span_take_u8(&value, &version) || version != REC_VERSION ||
	    !span_take_u8(&value, &rec->kind) || !span_take_u8(&value, &rec->state) ||
	    !span_take_u8(&value, &rec->attempts) || !span_take_u8(&value, &rec->reach) ||
	    !span_take_u8(&value, &rec->step) || !span_take_u8(&value, &rec->enhanced[0]) ||
	    !span_take_u8(&value, &rec->enhanced[1]) || !span_take_u8(&value, &rec->enhanced[2]) ||
	    !span_take_u16(&value, &rec->code) || !span_take_u32(&value, &rec->row) ||
	    !span_take_u32(&value, &rec->rows) || !take_u64(&value, &at_s) ||
	    !take_u64(&value, &due_s) || !span_take_u16(&value, &rec->text_bytes))
		return -EBADMSG;
	if (!span_take(&value, kept_bytes(rec->text_bytes), &text) || value.bytes != 0)
		return -EBADMSG;
	rec->at_s = (int64_t)at_s;
	rec->due_s = (int64_t)due_s;
	memcpy(rec->text, text.at, text.bytes);
	return 0;
}
