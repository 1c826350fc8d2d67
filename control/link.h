/* link.h - the only mover of ring messages between control, workers, composers and store.
 *
 * It also owns the question when the control thread may sleep: only after every ring was seen
 * empty with its sleeper's flag set (base/wake.h).
 *
 * Owner   the engine.
 * Thread  control thread.
 */
#pragma once

#include "control/asks.h"
#include "control/campaign/campaign.h"
#include "control/campaign/compose.h"
#include "control/sched/sched.h"
#include "control/store/store.h"
#include "dataplane/dp.h"

struct uv_loop_s;
struct link;

struct link_conf {
	struct uv_loop_s *loop;
	struct dp *dp;
	struct asks *asks;
	struct store *store;
	struct composer *composer;
	struct campaigns *campaigns;
	struct sched *sched;
	/* Called once a turn, after all news and the schedule; may stop the loop. */
	void (*turn)(void *ctx);
	void *ctx;
};

struct link *link_open(const struct link_conf *conf);

/* Takes its handles off the loop; run the loop once more afterwards, then link_free(). */
void link_close(struct link *l);
void link_free(struct link *l);
