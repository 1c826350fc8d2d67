/* slab.h - memory for composed messages: blocks of a few sizes, together within one bound.
 *
 * Owner   the composer.
 * Thread  any, all functions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SLAB_BYTES_MIN = 16384 };

struct slabs;

/* Sizes are SLAB_BYTES_MIN, twice that, and so on; the largest is `slab_bytes_max`. `total_bytes`
 * bounds all of them, free ones included.
 */
struct slabs *slabs_new(uint64_t total_bytes, uint32_t slab_bytes_max);

/* Every slab is back. */
void slabs_free(struct slabs *slabs);

uint32_t slabs_n_classes(const struct slabs *slabs);
size_t slab_class_bytes(const struct slabs *slabs, uint32_t class);

/* Returns a slab of a class, or NULL when the bound is reached. */
void *slab_try_get(struct slabs *slabs, uint32_t class);
void slab_put(struct slabs *slabs, void *slab);
