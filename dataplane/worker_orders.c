/* worker_orders.c - control's side of a worker: orders down, events up, what can be asked. */
#include <assert.h>
#include <stdio.h>

#include "dataplane/worker_int.h"

static bool try_order(struct worker *w, const struct worker_cmd *cmd)
{
	if (!spsc_try_put(&w->cmds, cmd))
		return false;
	wake_signal(&w->wake);
	return true;
}

bool worker_try_connect(struct worker *w, const struct dp_dial *dial)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_CONNECT, .dial = *dial };

	assert(dial->source < w->conf->n_sources);
	if (w->dials_open >= w->dials_max || !try_order(w, &cmd))
		return false;
	w->dials_open++;
	return true;
}

bool worker_try_submit(struct worker *w, const struct dp_job *job)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_SUBMIT, .job = *job };

	assert(job->n_rcpts >= 1 && job->n_rcpts <= DP_RCPTS_MAX);
	assert(job->n_wire <= DP_SPANS_MAX);
	assert(w->rcpts_open + job->n_rcpts <= w->conf->window); /* one credit each */
	if (!try_order(w, &cmd))
		return false;
	w->rcpts_open += job->n_rcpts;
	return true;
}

bool worker_try_quit(struct worker *w, struct dp_handle conn)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_QUIT, .conn = conn };

	return try_order(w, &cmd);
}

bool worker_has_room(const struct worker *w)
{
	return spsc_count(&w->cmds) < w->cmds.n;
}

void worker_set_credential(struct worker *w, uint32_t id, struct credential *c)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_CREDENTIAL, .credential = { id, c } };
	bool done = try_order(w, &cmd);

	assert(done); /* the caller saw room, and nobody else puts */
	(void)done;
}

bool worker_has_gate(const struct worker *w, const struct gate *gate)
{
	return w->gate_ordered == gate &&
	       atomic_load_explicit(&w->gate_taken, memory_order_acquire) == gate;
}

bool worker_try_gate(struct worker *w, struct gate *gate)
{
	struct worker_cmd cmd = { .kind = WORKER_CMD_GATE, .gate = gate };

	if (w->gate_ordered == gate)
		return true;
	/* Two on their way at once, and nobody could tell when the first is free. */
	if (!worker_has_gate(w, w->gate_ordered) || !try_order(w, &cmd))
		return false;
	w->gate_ordered = gate;
	return true;
}

void worker_drain(struct worker *w)
{
	atomic_fetch_add_explicit(&w->drains, 1, memory_order_release);
	wake_signal(&w->wake);
}

uint32_t worker_poll(struct worker *w, struct dp_evt *evts, uint32_t n)
{
	uint32_t taken = 0;

	for (; taken < n && evt_ring_try_take(&w->evts, &evts[taken]); taken++) {
		if (evts[taken].kind == DP_EVT_CLOSED) {
			assert(w->dials_open > 0); /* one CLOSED a dial */
			w->dials_open--;
		} else if (evts[taken].kind == DP_EVT_RCPT) {
			assert(w->rcpts_open > 0); /* one RCPT a recipient */
			w->rcpts_open--;
		}
	}
	return taken;
}

bool worker_has_events(const struct worker *w)
{
	return spsc_count(&w->evts) > 0;
}

const struct dp_counters *worker_counters(const struct worker *w)
{
	return &w->counters;
}
