#include <assert.h>

#include "control/rate/rate.h"

/* Rounded up: a limit is never passed by rounding. */
static uint64_t interval_ns(const struct rate_limit *l)
{
	return (1000000000u + (uint64_t)l->per_s - 1) / l->per_s;
}

bool rate_try(struct rate *r, const struct rate_limit *l, uint64_t now_us, uint64_t *wait_us)
{
	uint64_t now_ns = now_us * 1000, gap_ns, early_ns;

	assert(l->burst >= 1);
	*wait_us = 0;
	if (l->per_s == 0)
		return true;
	gap_ns = interval_ns(l);
	early_ns = (l->burst - 1) * gap_ns; /* how far ahead of its time an event may come */
	if (r->tat_ns > now_ns && r->tat_ns - now_ns > early_ns) {
		*wait_us = (r->tat_ns - now_ns - early_ns + 999) / 1000;
		return false;
	}
	r->tat_ns = (r->tat_ns > now_ns ? r->tat_ns : now_ns) + gap_ns;
	return true;
}

void rate_undo(struct rate *r, const struct rate_limit *l)
{
	uint64_t gap_ns;

	if (l->per_s == 0)
		return;
	gap_ns = interval_ns(l);
	r->tat_ns = r->tat_ns > gap_ns ? r->tat_ns - gap_ns : 0;
}
