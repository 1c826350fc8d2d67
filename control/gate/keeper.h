/* keeper.h - the door of this room: the gate that the workers have, and what it has found.
 *
 * Rules that are read again are compiled by a helper thread; the gate made of them takes the
 * other's place while traffic goes on.
 *
 * Owner   the engine.
 * Thread  control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/gate/rules.h"
#include "dataplane/dp.h"

struct uv_loop_s;
struct keeper;

/* What the configuration says of rules; the strings are copied. */
struct keeper_rules {
	const char *path;       /* "": the shipped rules */
	const char *tag_header; /* the header field of tags */
	uint32_t cycles_max;    /* of a byte; 0: however many */
};

/* Gives the workers their first gate, before the loop runs: blocks. What rules hit is kept in
 * `store`, which must outlive it. Returns 0 or -errno with one line.
 */
struct store;
int keeper_open(struct uv_loop_s *loop, struct dp *dp, struct store *store, const char *state_dir,
                const struct keeper_rules *rules, struct keeper **out, char why[RULES_WHY_BYTES]);

/* Reads rules again. Returns 0, or -errno with one line when the file is wrong. What only compiling
 * shows is logged and told by keeper_view(); the old rules stay then.
 */
int keeper_set(struct keeper *k, const struct keeper_rules *rules, char why[RULES_WHY_BYTES]);

/* The first while the loop still runs, for its handles; waits for the helper. The second when no
 * worker runs any more.
 */
void keeper_stop(struct keeper *k);
void keeper_close(struct keeper *k);

struct keeper_view {
	const char *path;    /* of the rules in use; "": shipped */
	const char *trouble; /* with the rules read last; NULL: none */
	uint32_t n_rules, n_stop;
	uint32_t cycles;     /* of a byte of the sample, in tenths */
	uint32_t compile_ms; /* 0: from the cache */
	uint64_t memory_bytes;
	uint64_t lost; /* hits that found no room in a table */
	int64_t since_s;
	bool compiling; /* others are on their way */
};
void keeper_look(const struct keeper *k, struct keeper_view *view);

/* One rule and how many messages hit it, of one campaign or, with `campaign` 0, of all. */
struct keeper_hits {
	const char *id;
	const struct gate_rule *rule; /* NULL: it is in use no more */
	uint64_t hits;
};

/* Calls `fn` for each rule, in the order of the file, then for those that were in use before and
 * hit something. With `only_hit` rules without hits are left out.
 */
typedef void keeper_hits_fn(void *ctx, const struct keeper_hits *hits);
void keeper_each(const struct keeper *k, uint32_t campaign, bool only_hit, keeper_hits_fn *fn,
                 void *ctx);
