/* tsc.h - CLOCK_MONOTONIC in microseconds, read from the TSC. */
#pragma once

#include <stdint.h>
#include <time.h>

#include <rte_cycles.h>

struct tsc_clock {
	uint64_t tsc, us; /* the same instant on both */
	uint64_t us_per_tick_q32;
};

static inline void tsc_clock_init(struct tsc_clock *c)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	c->tsc = rte_rdtsc();
	c->us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	c->us_per_tick_q32 = (((uint64_t)1000000) << 32) / rte_get_tsc_hz();
}

static inline uint64_t tsc_clock_us(const struct tsc_clock *c, uint64_t tsc)
{
	return c->us + (uint64_t)((unsigned __int128)(tsc - c->tsc) * c->us_per_tick_q32 >> 32);
}
