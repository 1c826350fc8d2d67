/* tcp_seg.h - a segment's record, kept in the private area of the mbuf that holds its bytes.
 *
 * The payload is written once. A header is put in front of it each time the segment leaves; IP and
 * Ethernet are put in front of that by net, which moves data_off. So data_off says nothing here:
 * where the payload is, is written in the record.
 *
 *	buf_addr    net's headroom      TCP header   payload, `bytes` long
 *	|-----------------------------|------------|-----------------------|
 *	                                           ^ payload_off
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_wire.h"

enum {
	/* Room for net and the longest header, and the payload on a good boundary. */
	TCP_PAYLOAD_OFF = 128,
};
static_assert(TCP_PAYLOAD_OFF >= NET_HEADROOM_BYTES + TCP_HEAD_BYTES_MAX, "headers fit");

enum tcp_seg_flag {
	TCP_SEG_SACKED = 1, /* the peer holds it (RFC 2018) */
	TCP_SEG_LOST = 2,   /* thought lost */
	TCP_SEG_RESENT = 4, /* lost, and sent again since */
	TCP_SEG_PUSH = 8,   /* a flush ended here */
	TCP_SEG_TWICE = 16, /* sent more than once, ever: no round trip is measured (Karn) */
	TCP_SEG_FIN = 32,   /* left with our FIN behind it */
};

struct tcp_seg {
	struct rte_mbuf *next;
	union {
		uint64_t sent_us;
		uint64_t came; /* of what came out of order: higher is newer */
	};
	uint32_t seq;
	uint16_t payload_off;
	uint16_t bytes;
	uint8_t flags;
	uint8_t pad[7];
};
static_assert(sizeof(struct tcp_seg) == TCP_MBUF_PRIV_BYTES, "the pool's maker was told");

static inline struct tcp_seg *seg_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static inline uint8_t *seg_payload(struct rte_mbuf *m)
{
	return (uint8_t *)m->buf_addr + seg_of(m)->payload_off;
}

static inline uint32_t seg_end(struct rte_mbuf *m)
{
	return seg_of(m)->seq + seg_of(m)->bytes;
}

/* In the network as far as we know (RFC 6675 pipe). Only of a segment that was sent. */
static inline bool seg_in_flight(const struct tcp_seg *s)
{
	if (s->flags & TCP_SEG_SACKED)
		return false;
	return (s->flags & (TCP_SEG_LOST | TCP_SEG_RESENT)) != TCP_SEG_LOST;
}
