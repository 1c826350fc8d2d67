/* compose.h - the composing threads: rows in, messages in slabs out.
 *
 * Slabs come from a pool of bounded size; a message holds its slab from compose_try_order() until
 * compose_free().
 *
 * Owner   the engine.
 * Thread  control thread for every function here; the threads are inside, at nice 10.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/campaign.h"
#include "control/campaign/keyring.h"

struct composer;

struct composer_conf {
	uint32_t threads;
	uint64_t slab_bytes;        /* of all slabs together */
	uint32_t message_bytes_max; /* a row that needs more fails */
};

struct compose_done {
	uint64_t cookie;
	int result; /* 0, or -EINVAL: this row cannot be composed */
	void *slab; /* give back with compose_free(); NULL when result is not 0 */
	struct tpl_out out;
	struct span mail_from, rcpt_to; /* in the slab */
	struct span envid, orcpt;       /* likewise, if the campaign asks for reports; else empty */
	struct tpl_err err;
};

int composer_open(const struct composer_conf *conf, struct composer **out, char why[256]);

/* Waits for the threads; what was ordered and not taken is dropped. */
void composer_close(struct composer *co);

/* What is ordered from now on is made with these keys; it holds them as long as it needs them.
 * NULL: without any, as at the start.
 */
void composer_set_keys(struct composer *co, struct keyring *keys);

/* Orders one message. False when the threads' queue or the slabs are full: again later. The
 * campaign must outlive the order.
 */
bool compose_try_order(struct composer *co, uint64_t cookie, const struct campaign *c, uint32_t row,
                       int64_t first_attempt_s, int64_t now_s);

/* The same for a host that does not take 8-bit text: the message of a campaign that has such comes
 * out in ASCII.
 */
bool compose_try_order_as_7bit(struct composer *co, uint64_t cookie, const struct campaign *c,
                               uint32_t row, int64_t first_attempt_s, int64_t now_s);

/* Takes one finished order. False when there is none. */
bool compose_try_take(struct composer *co, struct compose_done *done);

void compose_free(struct composer *co, void *slab);

/* As with dp_wake_fd(). */
int composer_wake_fd(const struct composer *co);
bool composer_about_to_sleep(struct composer *co);
void composer_awake(struct composer *co);
