/* test_worker_gate.c - a gate is asked before a message goes, and replaced while messages go.
 *
 * Engines that do next to nothing stand beneath; see fake_engines.h.
 */
#include <errno.h>
#include <pthread.h>

#include "dataplane/gate.h"
#include "dataplane/worker_int.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

enum { SWAPS = 60 };

static struct worker *w;
static _Atomic bool is_over;
static _Atomic uint64_t n_messages, n_wrong;

static uint16_t give_nothing(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)dev, (void)queue, (void)m, (void)n;
	return 0;
}

static void make(void)
{
	static _Alignas(64) struct worker one;
	static struct port port;
	static struct landing landing;
	static const struct port_io io = { .rx_burst = give_nothing };

	memset(&one, 0, sizeof(one));
	w = &one;
	w->net_due_us = w->stale.due_us = w->timer_due_us = UINT64_MAX;
	port_use(&port, &io, NULL);
	landing_init(&landing, 1, 1024, 65535, NULL);
	w->port = &port;
	w->landing = &landing;
	CU_ASSERT_EQUAL_FATAL(spsc_init(&w->cmds, 4, sizeof(struct worker_cmd)), 0);
	CU_ASSERT_EQUAL_FATAL(wake_init(&w->wake), 0);
}

static void unmake(void)
{
	spsc_fini(&w->cmds);
	wake_fini(&w->wake);
}

/* A gate of one rule that says `id` of every message with "needle". */
static struct gate *gate_of(const char *id, enum dp_gate_action action)
{
	const struct match_pattern pattern = { "needle", MATCH_ONCE };
	const struct gate_rule rule = {
		id, "a note", DP_GATE_STOP, (uint8_t)action, GATE_IN_ALL, 0
	};
	struct match_set *set = NULL;
	char why[MATCH_WHY_BYTES];
	uint32_t bad;

	CU_ASSERT_EQUAL_FATAL(match_compile(&pattern, 1, &set, &bad, why), 0);
	return gate_new(&rule, 1, set, "X-Test", 1);
}

static const struct dp_text text = { .part = DP_PART_TEXT };

static struct dp_job job_with(const struct dp_text *of)
{
	return (struct dp_job){ .campaign = 5,
		                .n_rcpts = 3,
		                .text = of,
		                .n_text = 1,
		                .wire = { span_str("From: a\r\n"), span_str("\r\n") },
		                .n_wire = 2,
		                .size_bytes = 11 };
}

static void turn(void)
{
	(void)worker_turn(w, 1000000);
}

static void what_the_gate_says_is_told_and_counted(void)
{
	struct gate *gate = gate_of("r.hold", DP_GATE_HOLD);
	struct dp_text t = text;
	struct dp_job job = job_with(&t);
	struct dp_evt said = { .text_bytes = 0 };

	make();
	t.bytes = span_str("hay needle");
	CU_ASSERT_TRUE(worker_pass_gate(w, &job, &said)); /* no gate yet */
	CU_ASSERT_TRUE(worker_try_gate(w, gate));
	CU_ASSERT_FALSE(worker_has_gate(w, gate));
	turn();
	CU_ASSERT_TRUE(worker_has_gate(w, gate));
	CU_ASSERT_FALSE(worker_pass_gate(w, &job, &said));
	CU_ASSERT_EQUAL(said.gate, DP_GATE_HOLD << 1 | DP_GATE_STOP);
	CU_ASSERT_STRING_EQUAL(said.text, "content gate: r.hold: a note");
	CU_ASSERT_EQUAL(counter_read(&w->counters.gate_held), 3);
	CU_ASSERT_EQUAL(counter_read(&w->counters.gate_messages), 1);
	CU_ASSERT_EQUAL(counter_read(&w->counters.gate_scanned_bytes), 10);
	job.released = 1;
	CU_ASSERT_TRUE(worker_pass_gate(w, &job, &said));
	gate_free(gate);
	unmake();
}

static void a_tag_stands_above_the_message_and_is_part_of_its_size(void)
{
	struct gate *gate = gate_of("r.tag", DP_GATE_TAG);
	struct dp_text t = text;
	struct dp_job job = job_with(&t);
	struct dp_evt said;

	make();
	t.bytes = span_str("needle");
	CU_ASSERT_TRUE(worker_try_gate(w, gate));
	turn();
	CU_ASSERT_TRUE(worker_pass_gate(w, &job, &said));
	CU_ASSERT_EQUAL(job.n_wire, 3);
	CU_ASSERT_TRUE(span_eq(job.wire[0], span_str("X-Test: r.tag\r\n")));
	CU_ASSERT_TRUE(span_eq(job.wire[1], span_str("From: a\r\n")));
	CU_ASSERT_EQUAL(job.size_bytes, 11 + 15);
	gate_free(gate);
	unmake();
}

static void a_second_gate_waits_until_the_first_is_taken(void)
{
	struct gate *a = gate_of("a", DP_GATE_HOLD), *b = gate_of("b", DP_GATE_HOLD);

	make();
	CU_ASSERT_TRUE(worker_try_gate(w, a));
	CU_ASSERT_TRUE(worker_try_gate(w, a)); /* the same again is nothing new */
	CU_ASSERT_EQUAL(spsc_count(&w->cmds), 1);
	CU_ASSERT_FALSE(worker_try_gate(w, b));
	turn();
	CU_ASSERT_TRUE(worker_try_gate(w, b));
	CU_ASSERT_FALSE(worker_has_gate(w, a)); /* nor free: the worker still has it */
	CU_ASSERT_FALSE(worker_has_gate(w, b));
	turn();
	CU_ASSERT_TRUE(worker_has_gate(w, b));
	gate_free(a);
	gate_free(b);
	unmake();
}

/* The worker: a message after the other, and orders between them. */
static void *work(void *arg)
{
	struct dp_text t = text;

	(void)arg;
	t.bytes = span_str("a needle in every message");
	while (!atomic_load(&is_over)) {
		struct dp_job job = job_with(&t);
		struct dp_evt said = { .text_bytes = 0 };

		turn();
		if (!worker_pass_gate(w, &job, &said) &&
		    strncmp(said.text, "content gate: swap.", 19) != 0)
			atomic_fetch_add(&n_wrong, 1);
		atomic_fetch_add(&n_messages, 1);
	}
	return NULL;
}

static void gates_are_swapped_and_freed_while_messages_go(void)
{
	struct gate *now = NULL;
	pthread_t thread;

	make();
	atomic_store(&is_over, false);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, work, NULL), 0);
	for (int i = 0; i < SWAPS; i++) {
		char id[16];
		struct gate *next;
		uint64_t before = atomic_load(&n_messages);

		snprintf(id, sizeof(id), "swap.%d", i);
		next = gate_of(id, i % 2 == 0 ? DP_GATE_HOLD : DP_GATE_REJECT);
		while (!worker_try_gate(w, next) || !worker_has_gate(w, next))
			sched_yield();
		gate_free(now);
		now = next;
		while (atomic_load(&n_messages) < before + 2) /* each is in use for a while */
			sched_yield();
	}
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(atomic_load(&n_wrong), 0);
	CU_ASSERT_EQUAL(counter_read(&w->counters.gate_swaps), SWAPS);
	CU_ASSERT_TRUE(counter_read(&w->counters.gate_held) > 0);
	CU_ASSERT_TRUE(counter_read(&w->counters.gate_rejected) > 0);
	gate_free(now);
	unmake();
}

SUITE("dataplane/worker_gate", TEST(what_the_gate_says_is_told_and_counted),
      TEST(a_tag_stands_above_the_message_and_is_part_of_its_size),
      TEST(a_second_gate_waits_until_the_first_is_taken),
      TEST(gates_are_swapped_and_freed_while_messages_go))
