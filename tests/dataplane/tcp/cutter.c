/* cutter.c - what a device does with a packet that it is asked to cut. */
#include "tests/dataplane/tcp/cutter.h"

#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_wire.h"

enum { PIECE_BYTES_MAX = TCP_HEAD_BYTES_MAX + 9000 };

/* The payload of the whole chain, behind one another. */
static uint32_t flatten(const struct rte_mbuf *m, uint8_t *out, uint32_t room)
{
	uint32_t bytes = 0, segs = 1;

	for (const struct rte_mbuf *s = m->next; s != NULL; s = s->next, segs++) {
		assert(s->data_len != 0 && bytes + s->data_len <= room);
		assert(s->data_off + s->data_len <= s->buf_len);
		memcpy(out + bytes, rte_pktmbuf_mtod(s, const uint8_t *), s->data_len);
		bytes += s->data_len;
	}
	assert(segs == m->nb_segs && m->pkt_len == m->data_len + bytes);
	return bytes;
}

static void put_seq(uint8_t *tcp, uint32_t seq)
{
	for (int i = 0; i < 4; i++)
		tcp[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
}

void cutter_cut(const struct rte_mbuf *m, uint16_t mss, cut_fn *give, void *ctx)
{
	static uint8_t body[UINT16_MAX];
	const uint8_t *head = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t bytes = flatten(m, body, sizeof(body));
	uint8_t piece[PIECE_BYTES_MAX];
	struct span rest;
	struct tcp_head h;
	bool readable = tcp_head_read(span_of(head, m->data_len), &h, &rest);

	assert(readable && rest.bytes == 0); /* the header alone */
	assert(bytes > mss && m->data_len + mss <= PIECE_BYTES_MAX);
	assert(!(h.flags & (TCP_SYN | TCP_RST | TCP_FIN | TCP_CWR)));
	for (uint32_t at = 0; at < bytes; at += mss) {
		uint16_t n = (uint16_t)RTE_MIN((uint32_t)mss, bytes - at);

		memcpy(piece, head, m->data_len);
		memcpy(piece + m->data_len, body + at, n);
		put_seq(piece, h.seq + at);
		if (at + n < bytes)
			piece[13] &= (uint8_t)~TCP_PSH;
		give(ctx, piece, (uint16_t)(m->data_len + n));
	}
}
