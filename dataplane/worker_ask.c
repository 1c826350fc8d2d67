/* worker_ask.c - a question about connections and its answer, a few rows a turn.
 *
 *	FREE --control asks--> OPEN --the worker has answered--> ANSWERED --control reads--> FREE
 *
 * Whose turn it is owns everything in struct worker_ask, so nothing in it needs a lock and no ring
 * can be full. Events have rings of their own and never wait for a question.
 */
#include <string.h>

#include "dataplane/worker_int.h"

enum {
	SLOTS_PER_TURN = 256, /* looked at; most may be empty */
	ROWS_PER_TURN = 16,   /* each is read from some six cache lines */
};

bool worker_is_asked(const struct worker *w)
{
	return atomic_load_explicit(&w->ask.state, memory_order_acquire) == WORKER_ASK_OPEN;
}

bool worker_answer(struct worker *w)
{
	struct worker_ask *a = &w->ask;
	uint32_t room = DP_ASK_ROWS - a->n_rows;

	if (!worker_is_asked(w))
		return false;
	a->n_rows += smtp_show(w->smtp, w->now_us, &a->next, SLOTS_PER_TURN, a->rows + a->n_rows,
	                       room < ROWS_PER_TURN ? room : ROWS_PER_TURN);
	if (a->n_rows == DP_ASK_ROWS || a->next == DP_ASK_END) {
		atomic_store_explicit(&a->state, WORKER_ASK_ANSWERED, memory_order_release);
		wake_signal(w->control);
	}
	return true;
}

bool worker_try_ask(struct worker *w, uint32_t from)
{
	struct worker_ask *a = &w->ask;

	if (atomic_load_explicit(&a->state, memory_order_acquire) != WORKER_ASK_FREE)
		return false;
	a->next = from;
	a->n_rows = 0;
	atomic_store_explicit(&a->state, WORKER_ASK_OPEN, memory_order_release);
	wake_signal(&w->wake);
	return true;
}

bool worker_has_answer(const struct worker *w)
{
	return atomic_load_explicit(&w->ask.state, memory_order_acquire) == WORKER_ASK_ANSWERED;
}

bool worker_try_answer(struct worker *w, struct dp_answer *out)
{
	struct worker_ask *a = &w->ask;

	if (!worker_has_answer(w))
		return false;
	out->next = a->next;
	out->n_rows = a->n_rows;
	memcpy(out->rows, a->rows, a->n_rows * sizeof(a->rows[0]));
	atomic_store_explicit(&a->state, WORKER_ASK_FREE, memory_order_release);
	return true;
}
