/* worker_gate.c - the content gate on its worker: asked before MAIL FROM, replaced between
 * messages. */
#include <assert.h>
#include <stdio.h>

#include "dataplane/gate.h"
#include "dataplane/worker_int.h"

static_assert((int)DP_WORKERS_MAX <= (int)GATE_LANES_MAX, "each worker has a lane");

void worker_take_gate(struct worker *w, struct gate *gate)
{
	w->gate = gate;
	count(&w->counters.gate_swaps);
	/* Nothing of the old one is kept: verdicts are copied, tags live for ever. */
	atomic_store_explicit(&w->gate_taken, gate, memory_order_release);
}

/* Above the signatures, which do not name it: they stay valid. */
static void put_tags(struct dp_job *job, const struct gate_verdict *v)
{
	assert(job->n_wire + v->n_tags <= DP_SPANS_MAX);
	memmove(job->wire + v->n_tags, job->wire, job->n_wire * sizeof(job->wire[0]));
	for (uint8_t i = 0; i < v->n_tags; i++) {
		job->wire[i] = v->tags[i];
		job->size_bytes += (uint32_t)v->tags[i].bytes;
	}
	job->n_wire = (uint8_t)(job->n_wire + v->n_tags);
}

static void say_why(const struct worker *w, const struct gate_verdict *v, struct dp_evt *said)
{
	const struct gate_rule *r = gate_rule(w->gate, v->rule);
	int n = snprintf(said->text, sizeof(said->text), "content gate: %s: %s", r->id, r->note);

	said->text_bytes = (uint16_t)n;
	said->gate = (uint8_t)(v->action << 1 | r->grade);
	said->gate_rule = v->rule;
}

bool worker_pass_gate(void *worker, struct dp_job *job, struct dp_evt *said)
{
	struct worker *w = worker;
	struct dp_counters *c = &w->counters;
	struct gate_verdict v;

	if (w->gate == NULL)
		return true;
	gate_scan(w->gate, w->index, job->campaign, job->released, job->text, job->n_text, &v);
	count(&c->gate_messages);
	count_n(&c->gate_scanned_bytes, v.scanned_bytes);
	count_n(&c->gate_known_bytes, v.known_bytes);
	count_n(&c->gate_hits, v.n_hits);
	if (v.action >= DP_GATE_HOLD) {
		count_n(v.action == DP_GATE_HOLD ? &c->gate_held : &c->gate_rejected, job->n_rcpts);
		say_why(w, &v, said);
		return false;
	}
	if (v.n_tags > 0) {
		count(&c->gate_tagged);
		put_tags(job, &v);
	}
	return true;
}
