/* ruleset.h - from rules to a gate: compiled, weighed, kept on disk.
 *
 * Thread  any; takes milliseconds to seconds.
 */
#pragma once

#include "control/gate/rules.h"

struct ruleset_conf {
	const char *rules_path; /* "": the shipped rules */
	const char *cache_path; /* where compiled patterns are kept; NULL: nowhere */
	const char *tag_name;   /* the header field of tags */
	uint32_t cycles_max;    /* of a byte of the sample; 0: however many */
	uint32_t n_lanes;
	/* For who wants to know each place where a rule matches: */
	bool every_place;    /* patterns are told of more than once a text; not with a cache */
	struct rules **keep; /* the rules are the caller's; NULL: they are freed */
};

/* What is told of a set beside its rules. */
struct ruleset_info {
	uint32_t cycles;     /* of a byte of the sample, in tenths */
	uint32_t compile_ms; /* 0: it was in the cache */
};

/* Reads, compiles and weighs the rules. A pattern that cannot be taken, and a set that costs more
 * than it may, are refused. Returns 0 or -errno with one line.
 */
int ruleset_open(const struct ruleset_conf *conf, struct gate **out, struct ruleset_info *info,
                 char why[RULES_WHY_BYTES]);
