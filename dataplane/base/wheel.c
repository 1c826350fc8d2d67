/* wheel.c - a hierarchical timer wheel over an array of nodes. */
#include "dataplane/base/wheel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/pages.h"

enum {
	BITS = 8, /* log2(WHEEL_SLOTS) */
	MASK = WHEEL_SLOTS - 1,
	N_HEADS = WHEEL_LEVELS * WHEEL_SLOTS + 1, /* the last one: the due list */
};
static_assert(1 << BITS == WHEEL_SLOTS, "a slot is one digit of the tick");

/* The farthest tick that a level still tells apart; beyond it a node is placed again when met. */
#define FAR_TICKS ((1ull << (BITS * WHEEL_LEVELS)) - 1)

/* What a node can hold. */
#define TICK_MAX ((1ull << 40) - 1)

static uint32_t head_of(const struct wheel *w, unsigned level, unsigned slot)
{
	return w->n + level * WHEEL_SLOTS + slot;
}

static uint32_t due_head(const struct wheel *w)
{
	return w->n + N_HEADS - 1;
}

static bool is_empty(const struct wheel *w, uint32_t head)
{
	return w->nodes[head].next == head;
}

static void link_before(struct wheel *w, uint32_t head, uint32_t node)
{
	uint32_t last = w->nodes[head].prev;

	w->nodes[node].prev = last;
	w->nodes[node].next = head;
	w->nodes[last].next = node;
	w->nodes[head].prev = node;
}

static void unlink_node(struct wheel *w, uint32_t node)
{
	struct wheel_node *x = &w->nodes[node];

	w->nodes[x->prev].next = x->next;
	w->nodes[x->next].prev = x->prev;
	x->next = WHEEL_LINK_NONE;
}

uint64_t wheel_memory_bytes(uint32_t nodes)
{
	return pages_bytes(((uint64_t)nodes + N_HEADS) * sizeof(struct wheel_node));
}

int wheel_init(struct wheel *w, uint32_t nodes, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	if (nodes == 0 || nodes > WHEEL_NODES_MAX)
		return -EINVAL;
	w->nodes = pages_get(((uint64_t)nodes + N_HEADS) * sizeof(struct wheel_node));
	if (w->nodes == NULL)
		return -ENOMEM;
	w->n = nodes;
	w->tick = now_us / WHEEL_TICK_US;
	for (uint32_t i = 0; i < nodes + N_HEADS; i++)
		w->nodes[i] =
		    (struct wheel_node){ .next = i < nodes ? (uint32_t)WHEEL_LINK_NONE : i,
			                 .prev = i };
	return 0;
}

void wheel_fini(struct wheel *w)
{
	free(w->nodes);
	memset(w, 0, sizeof(*w));
}

/* Puts an unlinked node where its due tick says, seen from the present tick. */
static void place(struct wheel *w, uint32_t node)
{
	uint64_t due = wheel_due_tick(w, node);
	uint64_t delta = due > w->tick ? due - w->tick : 0;
	unsigned level = 0, slot;

	if (delta == 0) {
		link_before(w, due_head(w), node);
		return;
	}
	if (delta > FAR_TICKS) {
		delta = FAR_TICKS;
		due = w->tick + delta;
	}
	while (delta >> (BITS * (level + 1)) != 0)
		level++;
	slot = due >> (BITS * level) & MASK;
	link_before(w, head_of(w, level, slot), node);
	w->occupied[level][slot / 64] |= 1ull << (slot % 64);
}

static void set_due(struct wheel_node *x, uint64_t tick)
{
	if (tick > TICK_MAX)
		tick = TICK_MAX;
	x->due_high = tick >> 36 & 15;
	x->due_mid = tick >> 32 & 15;
	x->due_low = (uint32_t)tick;
}

void wheel_arm(struct wheel *w, uint32_t node, uint64_t due_us)
{
	assert(node < w->n);
	if (wheel_is_armed(w, node))
		unlink_node(w, node);
	else
		w->n_armed++;
	set_due(&w->nodes[node], due_us / WHEEL_TICK_US + (due_us % WHEEL_TICK_US != 0));
	place(w, node);
}

void wheel_cancel(struct wheel *w, uint32_t node)
{
	assert(node < w->n);
	if (!wheel_is_armed(w, node))
		return;
	unlink_node(w, node);
	w->n_armed--;
}

/* How many slots after `from` the next occupied one of a level lies: 1 .. WHEEL_SLOTS, where the
 * last is `from` itself one turn later; 0: none.
 */
static unsigned distance(const uint64_t *bits, unsigned from)
{
	for (unsigned d = 1; d <= WHEEL_SLOTS;) {
		unsigned slot = (from + d) & MASK;
		uint64_t rest = bits[slot / 64] >> (slot % 64);

		if (rest != 0) {
			d += (unsigned)__builtin_ctzll(rest);
			return d <= WHEEL_SLOTS ? d : 0;
		}
		d += 64 - slot % 64;
	}
	return 0;
}

/* The next tick at which a slot fires or moves down; UINT64_MAX: none. */
static uint64_t next_event(const struct wheel *w)
{
	uint64_t best = UINT64_MAX;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t at = w->tick >> (BITS * level);
		unsigned d = distance(w->occupied[level], at & MASK);

		if (d != 0 && (at + d) << (BITS * level) < best)
			best = (at + d) << (BITS * level);
	}
	return best;
}

/* Time has entered a slot: its nodes are due or belong to a lower level now. */
static void empty_slot(struct wheel *w, unsigned level, unsigned slot)
{
	uint32_t head = head_of(w, level, slot);

	w->occupied[level][slot / 64] &= ~(1ull << (slot % 64));
	while (!is_empty(w, head)) {
		uint32_t node = w->nodes[head].next;

		unlink_node(w, node);
		place(w, node);
	}
}

static void enter_tick(struct wheel *w, uint64_t tick)
{
	w->tick = tick;
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		if ((tick & ((1ull << (BITS * level)) - 1)) == 0)
			empty_slot(w, level, tick >> (BITS * level) & MASK);
	}
	empty_slot(w, 0, tick & MASK);
}

uint32_t wheel_try_pop(struct wheel *w, uint64_t now_us)
{
	uint64_t target = now_us / WHEEL_TICK_US;
	uint32_t node;

	while (is_empty(w, due_head(w)) && w->tick < target) {
		uint64_t event = next_event(w);

		if (event > target) {
			w->tick = target; /* no slot begins in between: nothing is skipped */
			break;
		}
		enter_tick(w, event);
	}
	if (is_empty(w, due_head(w)))
		return WHEEL_NONE;
	node = w->nodes[due_head(w)].next;
	unlink_node(w, node);
	w->n_armed--;
	return node;
}

uint32_t wheel_advance(struct wheel *w, uint64_t now_us, uint32_t budget, wheel_fire_fn *fire,
                       void *ctx)
{
	uint32_t n = 0, node;

	while (n < budget && (node = wheel_try_pop(w, now_us)) != WHEEL_NONE) {
		fire(ctx, now_us, node);
		n++;
	}
	return n;
}

uint64_t wheel_next_due_us(const struct wheel *w)
{
	uint64_t event;

	if (w->n_armed == 0)
		return UINT64_MAX;
	if (!is_empty(w, due_head(w)))
		return w->tick * WHEEL_TICK_US;
	event = next_event(w);
	assert(event != UINT64_MAX);
	return event * WHEEL_TICK_US;
}
