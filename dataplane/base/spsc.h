/* spsc.h - a bounded ring of fixed-size elements: one thread puts, one other thread takes.
 *
 * Owner   whoever calls spsc_init(); both threads borrow it until spsc_fini().
 * Thread  spsc_try_put() by one thread only; spsc_try_take(), ready, at and drop by one only.
 * Layout  each side has its own cache line and a cached copy of the other side's index, so an
 *         element costs one shared line per batch, not per element.
 * Not     a wake-up: see wake.h.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spsc {
	_Alignas(64) _Atomic uint32_t head; /* elements ever taken; written by the taker */
	uint32_t tail_seen;                 /* the taker's copy of tail */
	uint32_t take_at;                   /* slot of the next to take */
	_Alignas(64) _Atomic uint32_t tail; /* elements ever put; written by the putter */
	uint32_t head_seen;                 /* the putter's copy of head */
	uint32_t put_at;                    /* slot of the next to put */
	_Alignas(64) uint8_t *slots;
	uint32_t n;
	uint32_t elem_bytes;
};

/* Makes room for `slots` elements, 2^24 at most, of `elem_bytes` each. Returns 0, -EINVAL for a
 * size of zero or too many slots, -ENOMEM.
 */
int spsc_init(struct spsc *r, uint32_t slots, uint32_t elem_bytes);

/* Frees the room. Both threads must have stopped using it. */
void spsc_fini(struct spsc *r);

/* Copies one element in. False, and nothing done, when the ring is full. */
bool spsc_try_put(struct spsc *r, const void *elem);

/* Copies `n` elements in that lie one behind the other; the taker sees all of them or none. False,
 * and nothing done, when there is no room for all.
 */
bool spsc_try_put_all(struct spsc *r, const void *elems, uint32_t n);

/* Copies the oldest element out. False when the ring is empty. */
bool spsc_try_take(struct spsc *r, void *elem);

/* Takes without a copy: how many elements the taker may look at, `most` at most; where the i-th of
 * them is; and that the first `n` were taken. What was looked at stays until then.
 */
uint32_t spsc_ready(struct spsc *r, uint32_t most);
static inline const void *spsc_at(const struct spsc *r, uint32_t i)
{
	uint32_t at = r->take_at + i;

	return r->slots + (size_t)(at < r->n ? at : at - r->n) * r->elem_bytes;
}
void spsc_drop(struct spsc *r, uint32_t n);

/* How many elements are inside, as this moment's lower or upper bound: exact only for a caller
 * who is both sides. Any thread.
 */
uint32_t spsc_count(const struct spsc *r);
