/* sched.h - which message next, on which connection.
 *
 * Owner   the engine.
 * Thread  control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/campaign.h"

struct sched;

/* One site, for `show sites`. */
struct sched_site_view {
	const char *name;   /* key of the MX set */
	const char *domain; /* one of its domains */
	uint32_t conns, conns_idle, conns_max;
	uint64_t ready;    /* recipients that may go now */
	uint64_t deferred; /* recipients that wait for their time */
	uint64_t in_flight;
	uint64_t delivered, refused; /* since the engine started */
	uint32_t rate_per_s;
	const char *last_error; /* NULL: none */
};

/* The n-th site, in order of first use; false when there are no more. The view's strings are
 * valid until the loop goes on.
 */
bool sched_site_at(const struct sched *s, uint32_t n, struct sched_site_view *view);
