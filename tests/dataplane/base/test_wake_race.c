/* test_wake_race.c - no order of the steps of sleeper and producer loses a wake-up.
 *
 * Every atomic step and system call of wake.c is a place where the other side may run: the test
 * includes the file with those steps replaced, runs both sides as coroutines and tries their
 * orders. What no order of steps can show, the memory of real CPUs, two threads stress in
 * test_wake.c.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

static void step(void);

#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#define atomic_exchange_explicit(at, value, order)                                                 \
	(step(), __atomic_exchange_n((uint32_t *)(at), value, order))
#define atomic_fetch_add_explicit(at, value, order)                                                \
	(step(), __atomic_fetch_add((uint32_t *)(at), value, order))
#define write(fd, from, bytes) (step(), (write)(fd, from, bytes))
#define read(fd, to, bytes)    (step(), (read)(fd, to, bytes))
#include "dataplane/base/wake.c"
#undef write
#undef read

#include "tests/support/suite.h"

enum { STACK_BYTES = 64 << 10, STEPS_MAX = 32, ROUNDS = 2 };

enum side { SLEEPER, PRODUCER, N_SIDES };

static struct {
	ucontext_t main, of[N_SIDES];
	bool over[N_SIDES], running;
	enum side now;
} co;
static _Alignas(64) char stacks[N_SIDES][STACK_BYTES];
static struct wake w;
static uint32_t n_put, n_taken;
static bool asleep, lost;

/* Gives the test the choice who goes on. */
static void step(void)
{
	if (co.running)
		swapcontext(&co.of[co.now], &co.main);
}

static bool is_readable(void)
{
	struct pollfd p = { .fd = w.fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void sleeper(void)
{
	while (n_taken < ROUNDS) {
		wake_about_to_sleep(&w);
		step();
		if (n_put == n_taken) {
			asleep = true;
			while (!is_readable() && !co.over[PRODUCER])
				step();
			/* The producer has done all it will ever do: nobody ends this sleep. */
			if (!is_readable()) {
				lost = true;
				break;
			}
			asleep = false;
		}
		wake_awake(&w);
		step();
		n_taken = n_put;
	}
	co.over[SLEEPER] = true;
}

static void producer(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		step();
		n_put++;
		wake_signal(&w);
	}
	co.over[PRODUCER] = true;
}

static void start(enum side side, void (*body)(void))
{
	getcontext(&co.of[side]);
	co.of[side].uc_stack.ss_sp = stacks[side];
	co.of[side].uc_stack.ss_size = STACK_BYTES;
	co.of[side].uc_link = &co.main;
	makecontext(&co.of[side], body, 0);
	co.over[side] = false;
}

/* Runs both to their ends; bit i of `order` says who takes step i. One who cannot go on, because
 * it sleeps and nothing woke it or because it is over, leaves the step to the other.
 */
static void run(uint32_t order, void (*sleep_body)(void), void (*produce_body)(void))
{
	enum side want;

	n_put = n_taken = 0;
	asleep = lost = false;
	start(SLEEPER, sleep_body);
	start(PRODUCER, produce_body);
	for (unsigned i = 0; !co.over[SLEEPER] || !co.over[PRODUCER]; i++) {
		want = i < STEPS_MAX ? order >> i & 1 : i & 1;
		if (co.over[want] || (want == SLEEPER && asleep && !is_readable()))
			want = !want;
		if (co.over[want])
			want = !want;
		co.now = want;
		co.running = true;
		swapcontext(&co.main, &co.of[want]);
		co.running = false;
	}
}

static void no_order_of_their_steps_loses_a_wake_up(void)
{
	uint64_t slept = 0, orders = 0;

	/* All 2^16 beginnings, twice over. */
	for (uint32_t n = 0; n < 1 << 16; n++) {
		uint32_t order = n | n << 16;

		CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
		run(order, sleeper, producer);
		if (lost)
			printf("\n    lost in order %#x", order);
		CU_ASSERT_FALSE_FATAL(lost);
		CU_ASSERT_EQUAL_FATAL(n_taken, ROUNDS);
		/* What was written late is still read: one more round leaves nothing behind. */
		wake_about_to_sleep(&w);
		slept += is_readable();
		wake_awake(&w);
		CU_ASSERT_FALSE_FATAL(is_readable());
		CU_ASSERT_EQUAL_FATAL(w.owed, 0);
		wake_fini(&w);
		orders++;
	}
	CU_ASSERT_TRUE(slept > 0); /* orders with a late write were among them */
	printf("    %llu orders, %llu with a late write\n", (unsigned long long)orders,
	       (unsigned long long)slept);
}

/* The same without the look after the flag: the test must be able to see a loss. */
static void careless_sleeper(void)
{
	bool empty = n_put == n_taken;

	step();
	wake_about_to_sleep(&w);
	if (empty) {
		asleep = true;
		while (!is_readable() && !co.over[PRODUCER])
			step();
		lost = !is_readable();
	}
	co.over[SLEEPER] = true;
}

static void one_put(void)
{
	n_put++;
	wake_signal(&w);
	co.over[PRODUCER] = true;
}

static void a_sleeper_that_does_not_look_again_is_caught(void)
{
	bool seen = false;

	for (uint32_t order = 0; order < 256 && !seen; order++) {
		CU_ASSERT_EQUAL_FATAL(wake_init(&w), 0);
		run(order, careless_sleeper, one_put);
		seen = lost;
		wake_fini(&w);
	}
	CU_ASSERT_TRUE(seen);
}

SUITE("dataplane/base/wake_race", TEST(no_order_of_their_steps_loses_a_wake_up),
      TEST(a_sleeper_that_does_not_look_again_is_caught))
