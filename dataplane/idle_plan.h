/* idle_plan.h - how a worker that has nothing to do waits, decided from what it was told, its
 * driver and its CPU. Pure: nothing is touched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

/* What a worker does once it has been idle for spin_us + monitor_us. */
enum idle_way {
	IDLE_WAY_POLL,      /* nothing but turns, for ever */
	IDLE_WAY_INTERRUPT, /* sleeps on the queue's descriptor, the wake-up and the next timer */
	IDLE_WAY_NAP,       /* the same without a descriptor: frames are met by short sleeps */
};

struct idle_facts {
	enum dp_idle told;
	bool has_own_cpu;    /* nobody else of the program runs on its CPU */
	bool has_rx_fd;      /* the queue has a descriptor that tells of frames */
	bool cpu_monitors;   /* the CPU can wait for a write to a cache line (WAITPKG) */
	bool queue_monitors; /* the driver says which line a frame is written to */
};

struct idle_plan {
	enum idle_way way;
	uint32_t spin_us;    /* turns in vain since the last that was not */
	uint32_t monitor_us; /* then the CPU waits for a write of the device for so long */
};

void idle_plan_make(const struct idle_facts *facts, struct idle_plan *plan);

/* Says it in a few words, for the log and `show workers`. Returns `text`. */
const char *idle_plan_text(const struct idle_plan *plan, char text[DP_IDLE_TEXT_BYTES]);
