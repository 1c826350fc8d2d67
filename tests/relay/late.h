/* late.h - frames that wait for their time, earliest first; bounded.
 *
 * Owner   the relay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LATE_FRAME_MAX = 2048 };

struct late_frame {
	uint64_t due_ns, order; /* equal times leave in the order in which they came */
	uint16_t to;            /* link */
	uint16_t bytes;
	uint8_t data[LATE_FRAME_MAX];
};

struct late {
	struct late_frame *frames;
	uint32_t *heap, *spare; /* indices of frames */
	uint32_t n, n_spare, max;
	uint64_t order;
};

/* Returns 0 or -ENOMEM. */
int late_init(struct late *l, uint32_t frames_max);
void late_fini(struct late *l);

/* A frame to be filled in and given to late_add() or late_put(); NULL when all are in use. */
struct late_frame *late_get(struct late *l);
void late_put(struct late *l, struct late_frame *f);
void late_add(struct late *l, struct late_frame *f);

/* When the first is due; UINT64_MAX: none waits. */
uint64_t late_due_ns(const struct late *l);

/* Takes the first out; the caller late_put()s it. */
struct late_frame *late_take(struct late *l);
