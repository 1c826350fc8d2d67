/* rate.h - how often something may happen: GCRA, one 8-byte state per key.
 *
 * Pure: time is an argument. Evenly spread, never a burst of a whole period. A limit is what
 * whoever is at the other end may count in any second: events are RATE_SLACK_US a second rarer than
 * that, which pays for callers that come late (RATE_LATE_US of it is made up for) and for what the
 * way there does to their distances.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing has happened yet. Nanoseconds, so that rounding costs little at high rates. */
struct rate {
	uint64_t tat_ns; /* theoretical arrival time of the next event */
};

enum { RATE_SLACK_US = 30000, RATE_LATE_US = 10000 };

/* Takes one event of at most `per_s` a second (0: no limit) if it may happen now. Else false, and
 * `*wait_us` says how long until it may. No second, wherever it begins, holds more than per_s.
 */
bool rate_try(struct rate *r, uint32_t per_s, uint64_t now_us, uint64_t *wait_us);

/* `n` more happen together with one that rate_try() has just let through: what follows waits for
 * all of them.
 */
void rate_take(struct rate *r, uint32_t per_s, uint32_t n);

/* Gives back an event that did not happen after all. */
void rate_undo(struct rate *r, uint32_t per_s);
