/* wire.h - numbers of the protocols on the wire, and unaligned big-endian reads and writes.
 *
 * Not     checks of length: whoever calls has made sure that the bytes are there.
 */
#pragma once

#include <stdint.h>

enum {
	ETH_HEADER_BYTES = 14,
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100, /* IEEE 802.1Q */
	ETH_TYPE_IP6 = 0x86dd,
	VLAN_TAG_BYTES = 4,
	VLAN_ID_MASK = 0x0fff,

	IP4_HEADER_BYTES = 20, /* without options */
	IP4_DF = 0x4000,
	IP4_FRAGMENT_MASK = 0x3fff, /* MF and offset: any bit set makes it a fragment */
	IP4_MF = 0x2000,
	IP4_OFFSET_MASK = 0x1fff, /* in units of 8 bytes */
	IP4_MTU_MIN = 68,         /* RFC 791 3.2 */
	IP6_HEADER_BYTES = 40,
	IP6_MTU_MIN = 1280, /* RFC 8200 5 */
	IP_HOPS = 64,       /* TTL and hop limit of what we send */
	IP_ECN_MASK = 3,

	/* Protocol and next-header numbers. */
	IP_PROTO_HOP_BY_HOP = 0,
	IP_PROTO_ICMP = 1,
	IP_PROTO_TCP = 6,
	IP_PROTO_ROUTING = 43,
	IP_PROTO_FRAGMENT = 44,
	IP_PROTO_ICMP6 = 58,
	IP_PROTO_DEST_OPTIONS = 60,

	ICMP_HEADER_BYTES = 8,
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,

	TCP_HEADER_BYTES = 20, /* without options */
	TCP_CHECKSUM_AT = 16,
	TCP_FLAG_SYN = 2, /* in byte 13 */
	TCP_FLAG_RST = 4,
	TCP_FLAG_ACK = 16,
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
