/* cksum.h - the Internet checksum (RFC 1071), in software.
 *
 * Sums are kept unfolded in 64 bits and in memory order: what cksum_fold() returns is stored as it
 * is, with memcpy, without a byte swap (RFC 1071 2.B).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Adds `bytes` bytes to `sum` (0 to begin with) and returns the new sum. Only the last piece of a
 * sum may have an odd length. Sums are of one's complement: two are added by cksum_add() only.
 */
uint64_t cksum_add(uint64_t sum, const void *at, size_t bytes);

/* The sum of the pseudo-header: `addrs` are source and destination as they stand in the IP header,
 * 8 bytes (RFC 9293 3.1) or 32 (RFC 8200 8.1); `l4_bytes` is what follows the IP header.
 */
uint64_t cksum_pseudo(const uint8_t *addrs, size_t addrs_bytes, uint8_t proto, uint16_t l4_bytes);

/* Folds a sum to 16 bits, not complemented: 0xffff over data whose checksum is right. */
uint16_t cksum_fold(uint64_t sum);

/* Writes the complement of a sum at `field`, which counted as zero in it. */
void cksum_put(uint8_t *field, uint64_t sum);
