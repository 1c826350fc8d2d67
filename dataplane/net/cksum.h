/* cksum.h - the Internet checksum (RFC 1071), in software.
 *
 * Sums are kept unfolded in 64 bits and in memory order: what cksum_fold() returns is stored as it
 * is, with memcpy, without a byte swap (RFC 1071 2.B).
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One's complement: what is carried out comes in again. */
static inline uint64_t cksum_plus(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* Adds `bytes` bytes to `sum` (0 to begin with) and returns the new sum. Only the last piece of a
 * sum may have an odd length. Sums are of one's complement: two are added by cksum_add() only.
 */
uint64_t cksum_add(uint64_t sum, const void *at, size_t bytes);

/* The sum of the pseudo-header: `addrs` are source and destination as they stand in the IP header,
 * 8 bytes (RFC 9293 3.1) or 32 (RFC 8200 8.1); `l4_bytes` is what follows the IP header.
 */
uint64_t cksum_pseudo(const uint8_t *addrs, size_t addrs_bytes, uint8_t proto, uint16_t l4_bytes);

/* Of it, what stands behind the addresses: a zero, the protocol, the length. */
static inline uint32_t cksum_pseudo_rest(uint8_t proto, uint16_t l4_bytes)
{
	return htobe32((uint32_t)proto << 16 | l4_bytes);
}

/* The same for IPv4, and the sum of an IPv4 header without options: as short as they can be. */
static inline uint64_t cksum_pseudo4(const uint8_t addrs[8], uint8_t proto, uint16_t l4_bytes)
{
	uint64_t at;

	memcpy(&at, addrs, 8);
	return cksum_plus(at, cksum_pseudo_rest(proto, l4_bytes));
}

static inline uint64_t cksum_header4(const uint8_t h[20])
{
	uint64_t first, second;
	uint32_t last;

	memcpy(&first, h, 8);
	memcpy(&second, h + 8, 8);
	memcpy(&last, h + 16, 4);
	return cksum_plus(cksum_plus(first, second), last);
}

/* True when a sum over data and its checksum folds to 0xffff. 2^16 is 1 modulo 0xffff, so a sum and
 * what it folds to leave the same; 0 is the sum of nothing but zeros, which no header is.
 */
static inline bool cksum_is_good(uint64_t sum)
{
	return sum != 0 && sum % 0xffff == 0;
}

/* Folds a sum to 16 bits, not complemented: 0xffff over data whose checksum is right. */
uint16_t cksum_fold(uint64_t sum);

/* Writes the complement of a sum at `field`, which counted as zero in it. */
void cksum_put(uint8_t *field, uint64_t sum);
