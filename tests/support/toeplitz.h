/* toeplitz.h - the hash by which cards spread segments over queues, bit by bit as it is defined
 * (Microsoft, "RSS hashing functions"): slow, and written without a look at the product's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TOEPLITZ_KEY_MAX = 52 };

/* The hash of `bytes` bytes: for each bit of them that is 1, the 32 bits of the key that begin at
 * its place. The key must have at least bytes + 4 bytes.
 */
uint32_t toeplitz(const uint8_t *key, size_t key_bytes, const uint8_t *data, size_t bytes);
