/* asks.c - questions of several clients to the workers, which answer one at a time each. */
#include "control/asks.h"

#include <assert.h>
#include <stdbool.h>
#include <utlist.h>

#include "control/xalloc.h"

/* One worker: a question whose asker went away is still answered, to nobody. */
struct asked {
	bool is_busy;
	struct ask *ask; /* NULL: nobody's any more */
};

struct asks {
	struct dp *dp;
	struct ask *queue; /* oldest first */
	uint32_t n_workers;
	struct asked *workers;
	struct dp_answer unwanted;
};

struct asks *asks_open(struct dp *dp)
{
	struct asks *a = xcalloc(1, sizeof(*a));

	a->dp = dp;
	a->n_workers = dp_n_workers(dp);
	a->workers = xcalloc(a->n_workers, sizeof(*a->workers));
	return a;
}

void asks_close(struct asks *a)
{
	free(a->workers);
	free(a);
}

static void ask_what_waits(struct asks *a)
{
	struct ask *ask, *next;

	DL_FOREACH_SAFE(a->queue, ask, next)
	{
		struct asked *w = &a->workers[ask->worker];

		if (w->is_busy || dp_ask(a->dp, ask->worker, ask->from) != 0)
			continue;
		DL_DELETE(a->queue, ask);
		ask->state = ASK_OPEN;
		*w = (struct asked){ .is_busy = true, .ask = ask };
	}
}

void asks_put(struct asks *a, struct ask *ask)
{
	assert(ask->state == ASK_IDLE && ask->worker < a->n_workers);
	ask->state = ASK_QUEUED;
	DL_APPEND(a->queue, ask);
	ask_what_waits(a);
}

void asks_drop(struct asks *a, struct ask *ask)
{
	if (ask->state == ASK_QUEUED)
		DL_DELETE(a->queue, ask);
	if (ask->state == ASK_OPEN)
		a->workers[ask->worker].ask = NULL;
	ask->state = ASK_IDLE;
}

void asks_poll(struct asks *a)
{
	for (uint32_t i = 0; i < a->n_workers; i++) {
		struct asked *w = &a->workers[i];
		struct ask *ask = w->ask;

		if (!w->is_busy ||
		    dp_try_answer(a->dp, i, ask != NULL ? &ask->answer : &a->unwanted) != 0)
			continue;
		*w = (struct asked){ 0 };
		if (ask == NULL)
			continue;
		ask->state = ASK_IDLE;
		ask->done(ask);
	}
	if (a->queue != NULL)
		ask_what_waits(a);
}
