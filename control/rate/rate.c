/* rate.c - GCRA: the state is the time at which the next event would come if all came evenly. */
#include "control/rate/rate.h"

/* Rounded up: a limit is never passed by rounding. */
static uint64_t gap_ns(uint32_t per_s)
{
	return ((uint64_t)(1000000 + RATE_SLACK_US) * 1000 + per_s - 1) / per_s;
}

bool rate_try(struct rate *r, uint32_t per_s, uint64_t now_us, uint64_t *wait_us)
{
	uint64_t now_ns = now_us * 1000, late_ns = (uint64_t)RATE_LATE_US * 1000;

	*wait_us = 0;
	if (per_s == 0)
		return true;
	if (r->tat_ns > now_ns + late_ns) {
		*wait_us = (r->tat_ns - now_ns - late_ns + 999) / 1000;
		return false;
	}
	r->tat_ns = (r->tat_ns > now_ns ? r->tat_ns : now_ns) + gap_ns(per_s);
	return true;
}

void rate_take(struct rate *r, uint32_t per_s, uint32_t n)
{
	if (per_s != 0)
		r->tat_ns += n * gap_ns(per_s);
}

void rate_undo(struct rate *r, uint32_t per_s)
{
	if (per_s != 0)
		r->tat_ns = r->tat_ns > gap_ns(per_s) ? r->tat_ns - gap_ns(per_s) : 0;
}
