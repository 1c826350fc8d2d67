/* counters.h - what one worker counts: plain integers that only their worker writes.
 *
 * Thread  the worker writes with count() and gauge(); any thread may read with counter_read().
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct dp_counters {
#define COUNTER(name, unit, help) _Atomic uint64_t name;
#include "dataplane/counters.def"
#undef COUNTER
};

/* One writer, so no locked instruction is needed: a relaxed load and store compile to an add. */
static inline void count_n(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

static inline void count(_Atomic uint64_t *c)
{
	count_n(c, 1);
}

static inline void gauge(_Atomic uint64_t *c, uint64_t value)
{
	atomic_store_explicit(c, value, memory_order_relaxed);
}

static inline uint64_t counter_read(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}
