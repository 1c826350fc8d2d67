/* toeplitz.c - the hash by which cards spread segments over queues. */
#include "tests/support/toeplitz.h"

#include <assert.h>
#include <stdbool.h>

static bool bit_of(const uint8_t *at, size_t n)
{
	return at[n / 8] >> (7 - n % 8) & 1;
}

static uint32_t window_of(const uint8_t *key, size_t first)
{
	uint32_t w = 0;

	for (size_t i = 0; i < 32; i++)
		w = w << 1 | bit_of(key, first + i);
	return w;
}

uint32_t toeplitz(const uint8_t *key, size_t key_bytes, const uint8_t *data, size_t bytes)
{
	uint32_t h = 0;

	assert(key_bytes >= bytes + 4);
	for (size_t i = 0; i < bytes * 8; i++)
		if (bit_of(data, i))
			h ^= window_of(key, i);
	return h;
}
