/* tcp_wire.c - a TCP header as bytes and as numbers. */
#include "dataplane/tcp/tcp_wire.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

static void read_sacks(struct span body, struct tcp_head *h)
{
	struct tcp_block b;

	if (body.bytes % 8 != 0)
		return;
	h->n_sacks = 0;
	while (h->n_sacks < TCP_SACK_BLOCKS_MAX && span_take_u32(&body, &b.start) &&
	       span_take_u32(&body, &b.end))
		h->sacks[h->n_sacks++] = b;
}

/* One option of a kind that has a length. Whether it may stand here at all: MSS, window scale and
 * SACK-permitted belong to SYNs and mean nothing elsewhere (RFC 9293 3.7.1, RFC 7323 2.2).
 */
static void read_option(uint8_t kind, struct span body, struct tcp_head *h)
{
	bool syn = (h->flags & TCP_SYN) != 0;

	if (kind == OPT_MSS && syn && body.bytes == 2)
		span_take_u16(&body, &h->mss);
	else if (kind == OPT_WSCALE && syn && body.bytes == 1)
		h->wscale = body.at[0] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : body.at[0];
	else if (kind == OPT_SACK_OK && syn && body.bytes == 0)
		h->sack_ok = true;
	else if (kind == OPT_SACK)
		read_sacks(body, h);
	else if (kind == OPT_TS && body.bytes == 8) {
		h->has_ts = true;
		span_take_u32(&body, &h->ts_val);
		span_take_u32(&body, &h->ts_ecr);
	}
}

static bool read_options(struct span s, struct tcp_head *h)
{
	uint8_t kind, len;

	while (span_take_u8(&s, &kind) && kind != OPT_END) {
		struct span body;

		if (kind == OPT_NOP)
			continue;
		/* A length of 0 or 1 would make no progress: the segment is refused. */
		if (!span_take_u8(&s, &len) || len < 2 || !span_take(&s, len - 2u, &body))
			return false;
		read_option(kind, body, h);
	}
	return true;
}

static uint32_t u32_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What nearly every segment has: no option, or timestamps alone behind two NOPs (RFC 7323 A).
 * False: it is another.
 */
static bool read_usual(struct span s, struct tcp_head *h, struct span *payload)
{
	static const uint8_t alone[4] = { OPT_NOP, OPT_NOP, OPT_TS, 10 };
	const uint8_t *at = s.at;
	size_t bytes;

	if (s.bytes < TCP_HEAD_BYTES)
		return false;
	bytes = (at[12] >> 4) * 4u;
	if (bytes == TCP_HEAD_BYTES + TCP_TS_BYTES && s.bytes >= bytes &&
	    memcmp(at + TCP_HEAD_BYTES, alone, 4) == 0) {
		h->has_ts = true;
		h->ts_val = u32_at(at + TCP_HEAD_BYTES + 4);
		h->ts_ecr = u32_at(at + TCP_HEAD_BYTES + 8);
	} else if (bytes == TCP_HEAD_BYTES) {
		h->has_ts = false;
		h->ts_val = h->ts_ecr = 0;
	} else {
		return false;
	}
	h->source_port = (uint16_t)(at[0] << 8 | at[1]);
	h->dest_port = (uint16_t)(at[2] << 8 | at[3]);
	h->seq = u32_at(at + 4);
	h->ack = u32_at(at + 8);
	h->flags = at[13];
	h->window = (uint16_t)(at[14] << 8 | at[15]);
	h->mss = 0;
	h->wscale = TCP_WSCALE_NONE;
	h->sack_ok = false;
	h->ecn = 0;
	h->n_sacks = 0; /* the blocks are nothing then */
	*payload = span_of(at + bytes, s.bytes - bytes);
	return true;
}

bool tcp_head_read(struct span s, struct tcp_head *h, struct span *payload)
{
	struct span options, checksum_urgent;
	uint8_t offset;

	if (read_usual(s, h, payload))
		return true;
	*h = (struct tcp_head){ .wscale = TCP_WSCALE_NONE };
	if (!span_take_u16(&s, &h->source_port) || !span_take_u16(&s, &h->dest_port) ||
	    !span_take_u32(&s, &h->seq) || !span_take_u32(&s, &h->ack) ||
	    !span_take_u8(&s, &offset) || !span_take_u8(&s, &h->flags) ||
	    !span_take_u16(&s, &h->window) || !span_take(&s, 4, &checksum_urgent))
		return false;
	offset >>= 4;
	if (offset < 5 || !span_take(&s, offset * 4u - TCP_HEAD_BYTES, &options))
		return false;
	*payload = s;
	return read_options(options, h);
}

unsigned tcp_head_bytes(const struct tcp_head *h)
{
	unsigned n = TCP_HEAD_BYTES;

	if (h->mss != 0)
		n += 4;
	if (h->has_ts)
		n += TCP_TS_BYTES;
	else if (h->sack_ok)
		n += 4;
	if (h->wscale != TCP_WSCALE_NONE)
		n += 4;
	if (h->n_sacks != 0)
		n += 4 + 8u * h->n_sacks;
	return n;
}

static uint8_t *put_u16(uint8_t *at, uint16_t v)
{
	v = htobe16(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

static uint8_t *put_u32(uint8_t *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

/* Two bytes of padding or, where it is wanted, SACK-permitted in their place. */
static uint8_t *put_sack_ok(uint8_t *at, bool sack_ok)
{
	*at++ = sack_ok ? OPT_SACK_OK : OPT_NOP;
	*at++ = sack_ok ? 2 : OPT_NOP;
	return at;
}

/* What nearly every segment has, in whole words. */
static bool has_timestamps_alone(const struct tcp_head *h)
{
	return h->has_ts && h->mss == 0 && !h->sack_ok && h->wscale == TCP_WSCALE_NONE &&
	       h->n_sacks == 0;
}

static uint8_t *put_options(uint8_t *at, const struct tcp_head *h)
{
	if (has_timestamps_alone(h)) {
		at = put_u32(at, OPT_NOP << 24 | OPT_NOP << 16 | OPT_TS << 8 | 10);
		return put_u32(put_u32(at, h->ts_val), h->ts_ecr);
	}
	if (h->mss != 0) {
		*at++ = OPT_MSS;
		*at++ = 4;
		at = put_u16(at, h->mss);
	}
	if (h->has_ts) {
		at = put_sack_ok(at, h->sack_ok);
		*at++ = OPT_TS;
		*at++ = 10;
		at = put_u32(put_u32(at, h->ts_val), h->ts_ecr);
	} else if (h->sack_ok) {
		at = put_sack_ok(put_sack_ok(at, true), false);
	}
	if (h->wscale != TCP_WSCALE_NONE) {
		*at++ = OPT_NOP;
		*at++ = OPT_WSCALE;
		*at++ = 3;
		*at++ = h->wscale;
	}
	if (h->n_sacks != 0) {
		at = put_sack_ok(at, false);
		*at++ = OPT_SACK;
		*at++ = (uint8_t)(2 + 8 * h->n_sacks);
		for (unsigned i = 0; i < h->n_sacks; i++)
			at = put_u32(put_u32(at, h->sacks[i].start), h->sacks[i].end);
	}
	return at;
}

void tcp_head_write(const struct tcp_head *h, uint8_t *at)
{
	unsigned bytes = tcp_head_bytes(h);
	uint8_t *p = at;

	assert(bytes <= TCP_HEAD_BYTES_MAX);
	p = put_u32(p, (uint32_t)h->source_port << 16 | h->dest_port);
	p = put_u32(put_u32(p, h->seq), h->ack);
	p = put_u32(p, bytes / 4 << 28 | (uint32_t)h->flags << 16 | h->window);
	p = put_u32(p, 0); /* checksum and urgent pointer */
	p = put_options(p, h);
	assert((unsigned)(p - at) == bytes);
}
