/* tcp_wire.h - a TCP header as bytes and as numbers (RFC 9293 3.1, 3.2; RFC 7323; RFC 2018).
 *
 * Reading trusts no length and no option; writing pads to whole words.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_ECE = 0x40, /* RFC 3168 6.1 */
	TCP_CWR = 0x80,

	TCP_HEAD_BYTES = 20,
	TCP_HEAD_BYTES_MAX = 60,
	TCP_TS_BYTES = 12,       /* the timestamps option with its padding */
	TCP_SACK_BLOCKS_MAX = 4, /* what 40 bytes of options hold */
	TCP_WSCALE_MAX = 14,     /* RFC 7323 2.3 */
	TCP_WSCALE_NONE = 255,
};

struct tcp_block {
	uint32_t start, end;
};

/* A header's fields in host order; the same shape in both directions. */
struct tcp_head {
	uint32_t seq, ack;
	uint16_t source_port, dest_port;
	uint16_t window; /* as on the wire, unscaled */
	uint16_t mss;    /* option; 0: absent. Kept from SYNs only */
	uint8_t flags;
	uint8_t wscale; /* option; TCP_WSCALE_NONE: absent. Kept from SYNs only */
	bool sack_ok;   /* SACK-permitted; kept from SYNs only */
	bool has_ts;
	uint8_t ecn; /* the ECN field of its IP header, received; not part of this one */
	uint32_t ts_val, ts_ecr;
	uint8_t n_sacks;
	struct tcp_block sacks[TCP_SACK_BLOCKS_MAX];
};

/* Reads header and options of a segment, and where its payload is. False when the header is shorter
 * than it says or an option's length leads nowhere; an option of a known kind with a wrong length
 * is passed over. Pure.
 */
bool tcp_head_read(struct span segment, struct tcp_head *head, struct span *payload);

/* Bytes that tcp_head_write() will need: 20 .. 60, a multiple of four. Pure. */
unsigned tcp_head_bytes(const struct tcp_head *head);

/* Writes the header, its checksum zero (net_output() fills it). */
void tcp_head_write(const struct tcp_head *head, uint8_t *at);
