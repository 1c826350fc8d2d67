/* cksum.c - the Internet checksum (RFC 1071), in software.
 *
 * A sum of one's complement over words of 64 bits is as good as one over 16 (RFC 1071 2.C). Short
 * runs, which headers and commands are, go through one sum with its carry; long ones through
 * vectors, where the two halves of a word have sums of their own and no carry is to be caught. The
 * unit is built with -O3 always.
 */
#include "dataplane/net/cksum.h"

#include <string.h>

#include <immintrin.h>

enum { LONG_BYTES = 256 };

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
	unsigned at = 0;

	if (bytes & 4) {
		uint32_t v;

		memcpy(&v, p, 4);
		w = v;
		at = 4;
	}
	if (bytes & 2) {
		uint16_t v;

		memcpy(&v, p + at, 2);
		w |= (uint64_t)v << 8 * at;
		at += 2;
	}
	if (bytes & 1)
		w |= (uint64_t)p[at] << 8 * at;
	return w;
}

/* Four words with one carry through all of them: an instruction a word. */
static inline uint64_t add_four(uint64_t sum, const uint8_t *p)
{
	unsigned long long s = sum;
	unsigned char carry = 0;

	carry = _addcarry_u64(carry, s, load64(p), &s);
	carry = _addcarry_u64(carry, s, load64(p + 8), &s);
	carry = _addcarry_u64(carry, s, load64(p + 16), &s);
	carry = _addcarry_u64(carry, s, load64(p + 24), &s);
	return cksum_plus(s, carry);
}

static uint64_t add_words(uint64_t sum, const uint8_t *p, size_t words)
{
	for (; words >= 4; words -= 4, p += 32)
		sum = add_four(sum, p);
	for (; words != 0; words--, p += 8)
		sum = cksum_plus(sum, load64(p));
	return sum;
}

/* The halves' sums cannot overflow: a run is far below 2^32 words. */
static inline uint64_t add_halves(uint64_t sum, const uint8_t *p, size_t words)
{
	uint64_t low = 0, high = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t w = load64(p + 8 * i);

		low += w & UINT32_MAX;
		high += w >> 32;
	}
	return cksum_plus(sum, cksum_plus(low, high));
}

__attribute__((target("avx2"))) static uint64_t add_halves_avx2(uint64_t sum, const uint8_t *p,
                                                                size_t words)
{
	uint64_t low = 0, high = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t w = load64(p + 8 * i);

		low += w & UINT32_MAX;
		high += w >> 32;
	}
	return cksum_plus(sum, cksum_plus(low, high));
}

uint64_t cksum_add(uint64_t sum, const void *at, size_t bytes)
{
	const uint8_t *p = at;
	size_t words = bytes / 8;

	if (bytes < LONG_BYTES)
		sum = add_words(sum, p, words);
	else if (__builtin_cpu_supports("avx2"))
		sum = add_halves_avx2(sum, p, words);
	else
		sum = add_halves(sum, p, words);
	return cksum_plus(sum, load_tail(p + 8 * words, bytes % 8));
}

uint64_t cksum_pseudo(const uint8_t *addrs, size_t addrs_bytes, uint8_t proto, uint16_t l4_bytes)
{
	uint64_t sum = cksum_pseudo4(addrs + addrs_bytes - 8, proto, l4_bytes);

	for (size_t at = 0; at + 8 < addrs_bytes; at += 8)
		sum = cksum_plus(sum, load64(addrs + at));
	return sum;
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
