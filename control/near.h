/* near.h - "did you mean": the known word that is nearest to a mistyped one.
 *
 * Pure.
 * Thread  any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	NEAR_WORD_MAX = 63, /* longer words have no neighbours */
};

/* The n-th known word, NULL past the last. */
typedef const char *near_word_fn(const void *ctx, uint32_t n);

/* The known word fewest edits (insert, drop, change, swap of neighbours) away from `word`, at most
 * a third of its length but two at least, and fewer than it is long; NULL: none is near. The result
 * is the caller's own string.
 */
const char *near_find(const char *word, near_word_fn *at, const void *ctx);
