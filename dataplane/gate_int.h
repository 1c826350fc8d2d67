/* gate_int.h - the inside of a gate, for the gate*.c files only. */
#pragma once

#include <stdatomic.h>

#include "dataplane/gate.h"

enum {
	GATE_KNOWN_MAX = 512,    /* shared texts whose hits a lane keeps; others push them out */
	GATE_KNOWN_WAYS = 8,     /* places for one; the one that was asked for longest ago goes */
	GATE_TALLY_SLOTS = 8192, /* (campaign, rule) counted by a lane */
	GATE_TALLY_PROBES = 32,
};

/* What was found in a text that many messages have. */
struct gate_known {
	uint32_t campaign, segment; /* segment 0: free */
	uint32_t asked;             /* the lane's epoch when it was last asked for */
	uint8_t part, n;
	uint16_t rules[GATE_HITS_MAX];
};

struct gate_count {
	_Atomic uint64_t key; /* campaign << 32 | rule + 1; 0: free */
	_Atomic uint64_t hits;
};

/* What one worker scans with. */
struct gate_lane {
	struct match_scratch *scratch;
	uint32_t *seen; /* by rule: the epoch it was found in last */
	uint32_t epoch; /* one a text */
	struct gate_known known[GATE_KNOWN_MAX];
	_Alignas(64) struct gate_count tally[GATE_TALLY_SLOTS];
	_Atomic uint64_t lost;
};

struct gate {
	struct gate_rule *rules;
	struct span *tags; /* by rule; empty where it is no tag */
	uint32_t *rule_of; /* by pattern */
	uint32_t *cards;   /* rules with GATE_CARD */
	uint32_t *hosts;   /* rules with GATE_HOSTS */
	uint32_t n_rules, n_patterns, n_cards, n_hosts, n_lanes;
	uint8_t cards_where; /* parts that any of them looks at */
	struct match_set *set;
	struct gate_lane *lanes[GATE_LANES_MAX];
};

/* Counts one message. By the lane's worker. */
void gate_tally_add(struct gate_lane *lane, uint32_t campaign, uint32_t rule);
