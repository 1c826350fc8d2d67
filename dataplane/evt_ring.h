/* evt_ring.h - events on their way to control, each in as many units as its text needs.
 *
 * Most events of a connection have little text or none, and there may be three a connection that
 * control has not read: whole cells would take more memory than the connections do.
 *
 * Owner   the worker; one thread puts, control takes.
 * Not     how many events there can be: see worker_size.c.
 */
#pragma once

#include <stddef.h>

#include "dataplane/base/spsc.h"
#include "dataplane/dp_msg.h"

enum {
	EVT_UNIT_BYTES = 64,
	EVT_UNITS_MAX = 4,         /* of one event */
	EVT_TEXT_UNITS_MAX = 8192, /* of texts of connections, unread */
};
static_assert(offsetof(struct dp_evt, text) == EVT_UNIT_BYTES,
              "the first unit is all but the text");
static_assert(sizeof(struct dp_evt) == EVT_UNITS_MAX * EVT_UNIT_BYTES, "whole units");

/* Units that hold all events of so many connections' dials and so many recipients, two each, the
 * former's texts apart.
 */
static inline uint32_t evt_ring_units(uint32_t dials, uint32_t rcpts)
{
	return 2 * dials + (1 + EVT_UNITS_MAX) * rcpts + EVT_TEXT_UNITS_MAX;
}

/* Makes a ring of `units`. Returns 0 or -errno, as spsc_init(). */
int evt_ring_init(struct spsc *r, uint32_t units);

/* Puts an event. False, and nothing done, when there is no room; there is, as long as no more are
 * unread than it was made for. `*cut`: its text was left out, since those of connections that
 * control has not read are too many. The putter's thread.
 */
bool evt_ring_try_put(struct spsc *r, const struct dp_evt *evt, bool *cut);

/* Takes the oldest event; bytes behind its text are undefined. False when there is none. */
bool evt_ring_try_take(struct spsc *r, struct dp_evt *evt);
