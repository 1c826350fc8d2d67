/* wheel.h - timers of one thread: N nodes named 0 .. N-1, each armed for one instant or not at all.
 *
 * A pool of N things has a wheel of N nodes (or k * N for k timers each) and uses the slot's index
 * as the timer's name, so a timer needs no memory and no handle of its own.
 *
 *	level 0  256 slots of 1 ms     the next 255 ms, exact
 *	level 1  256 slots of 256 ms   up to 65 s
 *	level 2  256 slots of 65 s     up to 4.6 h
 *	level 3  256 slots of 4.6 h    up to 49 days; what is later waits here and is placed again
 *
 * When time enters a slot of a higher level, its nodes move down. Arming and cancelling are O(1);
 * empty slots are skipped by bitmap, so a long sleep costs no more than a short one.
 *
 * Thread  one at a time. Time is an argument; it must not run backwards (then nothing fires).
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	WHEEL_LEVELS = 4,
	WHEEL_SLOTS = 256,
	WHEEL_TICK_US = 1000,
	WHEEL_NODES_MAX = (1 << 28) - 2048,
	WHEEL_LINK_NONE = (1 << 28) - 1,
};

/* No node: what wheel_try_pop() returns when nothing is due. */
#define WHEEL_NONE UINT32_MAX

/* Links are indices into the node array; the heads of all lists stand behind the last node. The
 * tick has 40 bits, 34 years: 12 bytes a node, for there may be millions.
 */
struct wheel_node {
	uint32_t next : 28, due_high : 4; /* next == WHEEL_LINK_NONE: not armed */
	uint32_t prev : 28, due_mid : 4;
	uint32_t due_low; /* first tick at which it may fire */
};
static_assert(sizeof(struct wheel_node) == 12, "three words");

struct wheel {
	struct wheel_node *nodes;
	uint64_t tick; /* all that was due up to here is in the due list */
	uint32_t n;    /* nodes */
	uint32_t n_armed;
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit a slot; may be set for a slot
	                                                      that was emptied by cancelling */
};

/* Bytes that wheel_init() allocates. Pure. */
uint64_t wheel_memory_bytes(uint32_t nodes);

/* Makes a wheel of `nodes` nodes, none armed, whose time begins at `now_us`. Returns 0, -EINVAL for
 * none or too many, -ENOMEM.
 */
int wheel_init(struct wheel *w, uint32_t nodes, uint64_t now_us);

void wheel_fini(struct wheel *w);

/* Arms `node` for `due_us`, or moves it there if it is armed. It fires at the first tick that is
 * not before `due_us`: never early, at most 1 ms late plus the time between two calls of
 * wheel_try_pop(). What is due in the past fires at the next call.
 */
void wheel_arm(struct wheel *w, uint32_t node, uint64_t due_us);

/* Disarms `node`; nothing happens if it is not armed. */
void wheel_cancel(struct wheel *w, uint32_t node);

static inline bool wheel_is_armed(const struct wheel *w, uint32_t node)
{
	return w->nodes[node].next != WHEEL_LINK_NONE;
}

/* The tick for which an armed node was armed. */
static inline uint64_t wheel_due_tick(const struct wheel *w, uint32_t node)
{
	const struct wheel_node *x = &w->nodes[node];

	return (uint64_t)x->due_high << 36 | (uint64_t)x->due_mid << 32 | x->due_low;
}

/* Takes one node that is due at `now_us`, disarmed already, or WHEEL_NONE. The caller may arm and
 * cancel any node between two calls. Earlier ticks come first; within a tick any order.
 */
uint32_t wheel_try_pop(struct wheel *w, uint64_t now_us);

typedef void wheel_fire_fn(void *ctx, uint64_t now_us, uint32_t node);

/* Calls `fire` for nodes that are due, at most `budget` of them; the rest stay due. Returns how
 * many it called. `fire` may arm and cancel any node, itself included.
 */
uint32_t wheel_advance(struct wheel *w, uint64_t now_us, uint32_t budget, wheel_fire_fn *fire,
                       void *ctx);

/* No node fires before this instant: a lower bound, at most 256 ticks early per level that has to
 * move down first. UINT64_MAX when nothing is armed; in the past when something is due now.
 */
uint64_t wheel_next_due_us(const struct wheel *w);
