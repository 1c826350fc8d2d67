/* batch.c - many questions to the DNS at once, for threads that may wait for the answers. */
#include "control/mx/batch.h"

#include <errno.h>
#include <stdatomic.h>
#include <uv.h>

#include "control/xalloc.h"

enum { LOOK_MS = 50 }; /* how often it is seen whether to stop */

struct slot {
	struct query query; /* its context is the batch */
	uint32_t i;
	bool busy;
};

struct batch {
	uv_loop_t loop;
	struct resolver *resolver;
	uint64_t packets;

	/* One batch_ask(). */
	const struct batch_question *questions;
	uint32_t n, next, n_open;
	struct slot *slots;
	uint32_t n_slots;
	const struct batch_limits *limits;
	uint64_t until_ms;
	batch_answer_fn *answer;
	void *ctx;
	int result;
	bool asking; /* in ask_more(), which an answer given at once calls again */
};

int batch_open(const struct mx_conf *conf, struct batch **out, char why[256])
{
	struct batch *b = xcalloc(1, sizeof(*b));
	int err;

	uv_loop_init(&b->loop);
	err = resolver_open(&b->loop, conf, &b->resolver, why);
	if (err != 0) {
		uv_loop_close(&b->loop);
		free(b);
		return err;
	}
	*out = b;
	return 0;
}

void batch_close(struct batch *b)
{
	if (b == NULL)
		return;
	resolver_close(b->resolver);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	uv_loop_close(&b->loop);
	free(b->slots);
	free(b);
}

static void ask_more(struct batch *b);

static void on_end(struct query *q, const struct dns_answer *answer)
{
	struct slot *s = (struct slot *)q; /* its first member */
	struct batch *b = q->ctx;

	s->busy = false;
	b->n_open--;
	b->answer(b->ctx, s->i, q, answer);
	ask_more(b);
}

static void ask_more(struct batch *b)
{
	if (b->asking)
		return;
	b->asking = true;
	for (uint32_t i = 0; i < b->n_slots && b->next < b->n; i++) {
		struct slot *s = &b->slots[i];

		while (!s->busy && b->next < b->n) { /* it may end before query_start() does */
			const struct batch_question *question = &b->questions[b->next];

			s->busy = true;
			s->i = b->next++;
			b->n_open++;
			query_start(&s->query, b->resolver, question->type, question->name,
			            &b->packets, on_end, b);
		}
	}
	b->asking = false;
	if (b->n_open == 0)
		uv_stop(&b->loop);
}

static void on_look(uv_timer_t *t)
{
	struct batch *b = t->data;

	if (b->limits->cancel != NULL && atomic_load(b->limits->cancel))
		b->result = -ECANCELED;
	else if (uv_now(&b->loop) >= b->until_ms)
		b->result = -ETIMEDOUT;
	if (b->result != 0)
		uv_stop(&b->loop);
}

int batch_ask(struct batch *b, const struct batch_question *questions, uint32_t n,
              const struct batch_limits *limits, batch_answer_fn *answer, void *ctx)
{
	uv_timer_t look = { .data = b };

	if (n == 0)
		return 0;
	free(b->slots);
	b->n_slots = n < limits->at_once_max ? n : limits->at_once_max;
	b->slots = xcalloc(b->n_slots, sizeof(*b->slots));
	b->questions = questions;
	b->n = n;
	b->next = b->n_open = 0;
	b->limits = limits;
	b->answer = answer;
	b->ctx = ctx;
	b->result = 0;
	uv_update_time(&b->loop);
	b->until_ms = uv_now(&b->loop) + limits->wait_ms;
	uv_timer_init(&b->loop, &look);
	look.data = b;
	uv_timer_start(&look, on_look, LOOK_MS, LOOK_MS);
	ask_more(b);
	if (b->n_open > 0)
		uv_run(&b->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&look, NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT); /* `look` leaves this frame: its close must be over */
	return b->result;
}
