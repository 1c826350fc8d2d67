/* bench_tap.h - the far end of the bench's wire, as near to a device as a ring comes.
 *
 * What a device does with a frame that was sent costs its worker one thing: to let the buffer go
 * when the descriptor comes round again. So the worker itself takes the frames off the ring, a few
 * hundred behind, lets them go, and copies them for the player past its caches. The player
 * touches no line that the worker will write again.
 *
 * Thread  the worker writes with bench_tap_turn(); the player reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_ring;

enum {
	BENCH_TAP_SLOTS = 16384,
	BENCH_TAP_BYTES = 192, /* of a frame: all headers and the bench's payload */
	BENCH_TAP_LAG = 512,   /* descriptors of a device */
};

struct bench_tap_slot {
	_Alignas(64) uint8_t frame[BENCH_TAP_BYTES];
};

struct bench_tap {
	struct rte_ring *ring;
	struct bench_tap_slot *slots;
	_Atomic uint32_t head;  /* the worker's: written */
	_Atomic uint32_t tail;  /* the player's: read */
	_Atomic bool hurry;     /* no lag: let everything go */
	_Atomic bool blind;     /* count only */
	_Atomic uint64_t taken; /* frames */
};

/* Returns 0 or -ENOMEM. */
int bench_tap_open(struct bench_tap *tap, struct rte_ring *ring);
void bench_tap_close(struct bench_tap *tap);

/* The worker's part of a turn. Returns how many frames it let go. */
uint32_t bench_tap_turn(struct bench_tap *tap);

/* The player's: the oldest frame not read yet, or NULL; bench_tap_read() has done with it. */
const uint8_t *bench_tap_peek(const struct bench_tap *tap);
void bench_tap_read(struct bench_tap *tap);
