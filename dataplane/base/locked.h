/* locked.h - memory for secrets: left out of core dumps, locked where the system lets us, cleared
 * when it is given back.
 *
 * Whole pages each time: for few and long-lived things. `templates/vault.c` divides one mapping.
 *
 * Thread  any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory; NULL when the system gives none that dumps leave out. `*is_locked` (may be NULL)
 * says whether it can never be swapped out, which RLIMIT_MEMLOCK may forbid. Pages are locked as
 * they are touched, not all at once.
 */
void *locked_new(size_t bytes, bool *is_locked);

/* Clears and gives back; `bytes` as asked for. NULL is nothing. */
void locked_free(void *at, size_t bytes);
