/* find.h - where in a text rules match, for people: each line once a rule.
 *
 * Thread  any, one at a time.
 */
#pragma once

#include "control/gate/rules.h"

enum { FIND_MAX = 1000 }; /* places in one text; from there on they are only counted */

struct find;

/* Opens a file of rules, or with "" the shipped ones. Returns 0 or -errno with one line. */
int find_open(const char *rules_path, struct find **out, char why[RULES_WHY_BYTES]);
void find_close(struct find *f); /* NULL is allowed */

struct find_place {
	const struct gate_rule *rule;
	uint64_t at; /* first byte of what was found */
};

/* Looks through a text. Returns how many places are in `places`, in the order of the text; how many
 * more there are in `*more`.
 */
uint32_t find_places(struct find *f, const struct dp_text *text, struct find_place places[FIND_MAX],
                     uint64_t *more);
