/* idle_plan.c - how a worker that has nothing to do waits. */
#include "dataplane/idle_plan.h"

#include <stdio.h>
#include <string.h>

enum {
	SPIN_US = 100,     /* a sleep and its wake-up cost about as much */
	MONITOR_US = 1000, /* it costs no energy to speak of, but the CPU is nobody else's */
};

void idle_plan_make(const struct idle_facts *facts, struct idle_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->way = facts->has_rx_fd ? IDLE_WAY_INTERRUPT : IDLE_WAY_NAP;
	/* Two that spin on one CPU cost each other whole time slices, whatever was asked for. */
	if (!facts->has_own_cpu)
		return;
	if (facts->told == DP_IDLE_POLL)
		plan->way = IDLE_WAY_POLL;
	if (facts->told == DP_IDLE_ADAPTIVE)
		plan->spin_us = SPIN_US;
	if (facts->told == DP_IDLE_ADAPTIVE && facts->cpu_monitors && facts->queue_monitors)
		plan->monitor_us = MONITOR_US;
}

const char *idle_plan_text(const struct idle_plan *plan, char text[DP_IDLE_TEXT_BYTES])
{
	static const char *const ways[] = {
		[IDLE_WAY_POLL] = "polls",
		[IDLE_WAY_INTERRUPT] = "interrupt",
		[IDLE_WAY_NAP] = "naps",
	};
	size_t n = 0;

	text[0] = '\0';
	if (plan->spin_us > 0)
		n += (size_t)snprintf(text, DP_IDLE_TEXT_BYTES, "spins %u us, ", plan->spin_us);
	if (plan->monitor_us > 0)
		n += (size_t)snprintf(text + n, DP_IDLE_TEXT_BYTES - n, "monitors %u us, ",
		                      plan->monitor_us);
	snprintf(text + n, DP_IDLE_TEXT_BYTES - n, "%s%s", n > 0 ? "then " : "", ways[plan->way]);
	return text;
}
