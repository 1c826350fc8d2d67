/* cksum.c - the Internet checksum (RFC 1071), in software.
 *
 * The two halves of each 64-bit word go to accumulators of their own, so that no carry has to be
 * caught in the loop and the compiler may use vectors; the unit is built with -O3 always.
 */
#include "dataplane/net/cksum.h"

#include <string.h>

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* What is left after the whole words: 0 .. 7 bytes, padded with zeros (RFC 1071 1). */
static uint64_t load_tail(const uint8_t *p, size_t bytes)
{
	uint64_t w = 0;

	memcpy(&w, p, bytes);
	return w;
}

uint64_t cksum_add(uint64_t sum, const void *at, size_t bytes)
{
	const uint8_t *p = at;
	uint64_t low = 0, high = 0, tail;
	size_t words = bytes / 8;

	for (size_t i = 0; i < words; i++) {
		uint64_t w = load64(p + 8 * i);

		low += w & UINT32_MAX;
		high += w >> 32;
	}
	tail = load_tail(p + 8 * words, bytes % 8);
	return sum + low + high + (tail & UINT32_MAX) + (tail >> 32);
}

uint64_t cksum_pseudo(const uint8_t *addrs, size_t addrs_bytes, uint8_t proto, uint16_t l4_bytes)
{
	const uint8_t rest[4] = { 0, proto, (uint8_t)(l4_bytes >> 8), (uint8_t)l4_bytes };

	return cksum_add(cksum_add(0, addrs, addrs_bytes), rest, sizeof(rest));
}

uint16_t cksum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

void cksum_put(uint8_t *field, uint64_t sum)
{
	uint16_t c = (uint16_t)~cksum_fold(sum);

	memcpy(field, &c, sizeof(c));
}
