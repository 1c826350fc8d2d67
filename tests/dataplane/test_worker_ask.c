/* test_worker_ask.c - a question about connections is answered a few rows a turn, and only whose
 * turn it is touches the answer.
 *
 * The worker is turned by hand, on a device that gives nothing, with the fake engines.
 */
#include "dataplane/worker_int.h"
#include "tests/dataplane/fake_engines.h"
#include "tests/support/suite.h"

#include <poll.h>

enum { SESSIONS = 40 };

static struct worker *w;
static struct wake control;
static struct dp_answer answer;

static uint16_t give_nothing(void *dev, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)dev, (void)queue, (void)m, (void)n;
	return 0;
}

static void ignore(void *ctx, const struct dp_evt *evt)
{
	(void)ctx, (void)evt;
}

static void make(uint32_t sessions)
{
	static _Alignas(64) struct worker one;
	static struct port port;
	static struct landing landing;
	static const struct port_io io = { .rx_burst = give_nothing };
	struct smtp_conf conf = { .emit = ignore };
	struct dp_dial dial = { .remote_port = 25 };
	struct ip_addr local = ip_from_v4((const uint8_t[]){ 10, 9, 0, 2 });

	memset(&one, 0, sizeof(one));
	w = &one;
	w->net_due_us = w->stale.due_us = UINT64_MAX;
	w->control = &control;
	port_use(&port, &io, NULL);
	landing_init(&landing, 1, 1024, 65535, NULL);
	w->port = &port;
	w->landing = &landing;
	CU_ASSERT_EQUAL_FATAL(wake_init(&control), 0);
	CU_ASSERT_EQUAL_FATAL(wake_init(&w->wake), 0);
	CU_ASSERT_EQUAL_FATAL(smtp_open(&conf, NULL, 0, &w->smtp), 0);
	for (dial.conn = 0; dial.conn < sessions; dial.conn++)
		smtp_open_session(w->smtp, 0, &dial, &local);
}

static void unmake(void)
{
	smtp_close(w->smtp);
	wake_fini(&w->wake);
	wake_fini(&control);
}

static bool is_readable(const struct wake *wake)
{
	struct pollfd p = { .fd = wake->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void an_answer_takes_several_turns_and_wakes_control_once(void)
{
	unsigned turns = 0;

	make(SESSIONS);
	wake_about_to_sleep(&control);
	CU_ASSERT_FALSE(worker_turn(w, 1));
	CU_ASSERT_TRUE(worker_try_ask(w, 0));
	while (!worker_has_answer(w)) {
		CU_ASSERT_FALSE(is_readable(&control));
		CU_ASSERT_FALSE(worker_try_answer(w, &answer));
		CU_ASSERT_TRUE_FATAL(worker_turn(w, 1)); /* it does not fall asleep over it */
		turns++;
	}
	CU_ASSERT_TRUE(turns >= 3); /* 16 rows a turn */
	CU_ASSERT_TRUE(is_readable(&control));
	CU_ASSERT_FALSE(worker_turn(w, 1)); /* nothing more to do for it */
	CU_ASSERT_TRUE(worker_try_answer(w, &answer));
	CU_ASSERT_EQUAL(answer.next, DP_ASK_END);
	CU_ASSERT_EQUAL_FATAL(answer.n_rows, SESSIONS);
	for (uint32_t i = 0; i < SESSIONS; i++)
		CU_ASSERT_EQUAL(answer.rows[i].conn, i);
	CU_ASSERT_FALSE(worker_try_answer(w, &answer));
	wake_awake(&control);
	unmake();
}

static void there_is_one_question_at_a_time(void)
{
	make(3);
	CU_ASSERT_TRUE(worker_try_ask(w, 0));
	CU_ASSERT_FALSE(worker_try_ask(w, 0));
	while (!worker_has_answer(w))
		(void)worker_turn(w, 1);
	CU_ASSERT_FALSE(worker_try_ask(w, 0)); /* the answer was not read */
	CU_ASSERT_TRUE(worker_try_answer(w, &answer));
	CU_ASSERT_TRUE(worker_try_ask(w, 0));
	unmake();
}

static void a_question_goes_on_where_it_is_told(void)
{
	make(SESSIONS);
	CU_ASSERT_TRUE(worker_try_ask(w, SESSIONS - 2));
	while (!worker_has_answer(w))
		(void)worker_turn(w, 1);
	CU_ASSERT_TRUE(worker_try_answer(w, &answer));
	CU_ASSERT_EQUAL_FATAL(answer.n_rows, 2);
	CU_ASSERT_EQUAL(answer.rows[0].conn, SESSIONS - 2);
	unmake();
}

static void a_question_wakes_a_worker_that_sleeps(void)
{
	make(1);
	wake_about_to_sleep(&w->wake);
	CU_ASSERT_FALSE(worker_is_asked(w)); /* its last look */
	CU_ASSERT_TRUE(worker_try_ask(w, 0));
	CU_ASSERT_TRUE(is_readable(&w->wake));
	wake_awake(&w->wake);
	unmake();
}

SUITE("dataplane/worker_ask", TEST(an_answer_takes_several_turns_and_wakes_control_once),
      TEST(there_is_one_question_at_a_time), TEST(a_question_goes_on_where_it_is_told),
      TEST(a_question_wakes_a_worker_that_sleeps))
