/* rate.h - how often something may happen: GCRA, one 8-byte state per key.
 *
 * Pure: time is an argument. Spread, never a burst of a whole period: with burst 1 events come
 * evenly spaced. A caller that looks late by up to d seconds loses that time unless burst is at
 * least 1 + d * per_s.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing has happened yet. Nanoseconds, so that rounding costs little at high rates. */
struct rate {
	uint64_t tat_ns; /* theoretical arrival time of the next event */
};

struct rate_limit {
	uint32_t per_s; /* events per second; 0: no limit */
	uint32_t burst; /* events that may come at once after a pause; at least 1 */
};

/* Takes one event if it may happen now. Else false, and `*wait_us` says how long until it may. In
 * any span of t seconds at most burst + t * per_s events are let through.
 */
bool rate_try(struct rate *r, const struct rate_limit *l, uint64_t now_us, uint64_t *wait_us);

/* Gives back an event that did not happen after all. */
void rate_undo(struct rate *r, const struct rate_limit *l);
