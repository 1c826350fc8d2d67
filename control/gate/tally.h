/* tally.h - how many messages of each campaign hit each rule, over gates that come and go and over
 * restarts.
 *
 * Lanes of a gate count while it is in use; what they have counted is noted in the store from time
 * to time, so that a crash loses what was counted since, and nothing else.
 *
 * Owner   the keeper.
 * Thread  control thread.
 */
#pragma once

#include "control/store/store.h"
#include "dataplane/gate.h"

enum { TALLY_MAX = 100000 }; /* (campaign, rule) that are kept */

struct tally;

/* With what the store holds; NULL: there is none, and nothing survives. */
struct tally *tally_new(struct store *store);
void tally_free(struct tally *t); /* NULL is allowed */

/* Takes over what a gate's lanes counted: it is about to be freed. */
void tally_take(struct tally *t, const struct gate *gate, uint32_t n_lanes);

/* Notes in the store what has changed, lanes of `gate` included; what finds no room there is noted
 * the next time.
 */
void tally_save(struct tally *t, const struct gate *gate, uint32_t n_lanes);

/* Calls `fn` for each count of a campaign, or, with 0, of all, without what lanes of a gate hold.
 */
typedef void tally_fn(void *ctx, const char *rule, uint64_t hits);
void tally_each(const struct tally *t, uint32_t campaign, tally_fn *fn, void *ctx);

/* Hits that found no room here. */
uint64_t tally_lost(const struct tally *t);
