/* epoch.h - one thread writes a few words, others copy them and see whether the copy is whole.
 *
 * The epoch is odd while something is written. A reader copies between two equal, even values or
 * copies again. All words are atomic: there is no race to be argued about, and no fence is needed,
 * since words are written by release and read by acquire: who read a new word sees the odd epoch.
 *
 * Thread  one writer, any number of readers, which never wait for each other.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { EPOCH_TRIES = 64 }; /* copies before a reader does without: the writer may be off its CPU */

typedef _Atomic uint64_t epoch_word;

struct epoch {
	_Atomic uint32_t n;
};

static inline void epoch_begin(struct epoch *e)
{
	atomic_store_explicit(&e->n, atomic_load_explicit(&e->n, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
}

static inline void epoch_end(struct epoch *e)
{
	atomic_store_explicit(&e->n, atomic_load_explicit(&e->n, memory_order_relaxed) + 1,
	                      memory_order_release);
}

static inline void epoch_put(epoch_word *at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

static inline uint64_t epoch_get(const epoch_word *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

/* What the epoch is now; odd while something is written. */
static inline uint32_t epoch_now(const struct epoch *e)
{
	return atomic_load_explicit(&e->n, memory_order_acquire);
}

/* True when what was copied since epoch_now() said `seen` is whole. */
static inline bool epoch_is_still(const struct epoch *e, uint32_t seen)
{
	return (seen & 1) == 0 && atomic_load_explicit(&e->n, memory_order_relaxed) == seen;
}
