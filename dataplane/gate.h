/* gate.h - the content gate: what a message says, against rules, before MAIL FROM.
 *
 * A gate is a snapshot: rules and compiled patterns that never change, with a lane for each worker
 * that scans with it: scratch, counts and the verdicts of texts that all messages of a campaign
 * share. Nothing is allocated while scanning.
 *
 * Owner   whoever made it; workers borrow it between dp_set_gate() and the next.
 * Thread  gate_scan(): one thread a lane. gate_tally_next(): any. The rest: the owner's.
 * Not     where rules come from and what becomes of a recipient: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp_msg.h"
#include "dataplane/gate_host.h"
#include "dataplane/match/match.h"

enum {
	GATE_RULES_MAX = 16384,
	GATE_LANES_MAX = 64,
	GATE_ID_MAX = 40,    /* bytes of a rule's id: letters, digits, '.', '_', '-' */
	GATE_NOTE_MAX = 120, /* bytes of its note */
	GATE_HITS_MAX = 64,  /* rules of one message that are told; more count as one */
	GATE_TAG_NAME_MAX = 60,
};

/* Where a rule looks: bits 1 << enum dp_part, and: */
enum {
	GATE_IN_URL = 1 << 7, /* links in text and HTML */
	/* What bytes of files are searched for must be said: they look like much by chance. */
	GATE_IN_ALL = (1 << DP_PART_SUBJECT) | (1 << DP_PART_TEXT) | (1 << DP_PART_HTML) |
	              (1 << DP_PART_HEADER) | (1 << DP_PART_NAME),
};

/* What must also be so where it matched. */
enum gate_check {
	GATE_NOT_CODE = 1 << 0, /* outside of code examples */
	GATE_NOT_URL = 1 << 1,  /* outside of links */
	GATE_NOT_TAG = 1 << 2,  /* outside of HTML tags */
	GATE_CARD = 1 << 3,     /* no pattern: numbers of payment cards, see gate_card.h */
	GATE_HOST_SHIFT = 4,    /* no pattern: enum gate_host of a link, from this bit on */
	GATE_HOSTS = 7 << GATE_HOST_SHIFT,
	GATE_NO_PATTERN = GATE_CARD | GATE_HOSTS,
};

/* Stands for all rules with GATE_HOSTS: what comes before a host. */
#define GATE_HOSTS_REGEX "://"

struct gate_rule {
	const char *id, *note;
	uint8_t grade;  /* enum dp_gate_grade */
	uint8_t action; /* enum dp_gate_action */
	uint8_t where;
	uint8_t checks; /* enum gate_check */
};

struct gate;

/* Makes a snapshot for `n_lanes` workers. Rules and tag name are copied, the set is taken over; its
 * patterns are those of the rules without GATE_NO_PATTERN, in their order, and
 * GATE_HOSTS_REGEX behind them where a rule has GATE_HOSTS. NULL: no memory, or more
 * different tags since the program began than GATE_TAG_LINES_MAX; the set is the caller's then.
 */
enum { GATE_TAG_LINES_MAX = 4096 };
struct gate *gate_new(const struct gate_rule *rules, uint32_t n_rules, struct match_set *set,
                      const char *tag_name, uint32_t n_lanes);

/* No worker may scan with it any more. NULL is allowed. */
void gate_free(struct gate *gate);

uint32_t gate_n_rules(const struct gate *gate);
const struct gate_rule *gate_rule(const struct gate *gate, uint32_t rule);
size_t gate_bytes(const struct gate *gate);

/* What the rules say of a message. */
struct gate_verdict {
	uint8_t action; /* enum dp_gate_action, the severest */
	uint8_t n_tags;
	uint16_t n_hits;
	uint32_t rule; /* the first of that action */
	uint32_t scanned_bytes;
	uint32_t known_bytes;          /* of shared texts whose verdict was there */
	struct span tags[DP_TAGS_MAX]; /* header lines with CRLF; valid for ever */
	uint16_t hits[GATE_HITS_MAX];  /* rules, each once */
};

/* Scans, as worker `lane`, the texts of a message of `campaign`, and counts the hits. With
 * `released` rules that hold are passed over: somebody has looked at it.
 */
void gate_scan(struct gate *gate, uint32_t lane, uint32_t campaign, bool released,
               const struct dp_text *texts, uint32_t n_texts, struct gate_verdict *out);

/* Tells of each place of a text where a rule counts: the byte behind it where a pattern was found,
 * its first one where a number or a host was. For people; nothing is counted. Patterns compiled
 * with MATCH_ONCE are told of once.
 */
typedef void gate_find_fn(void *ctx, uint32_t rule, uint64_t at);
void gate_find(struct gate *gate, uint32_t lane, const struct dp_text *text, gate_find_fn *fn,
               void *ctx);

/* How many messages of a campaign hit a rule. */
struct gate_tally {
	uint32_t campaign, rule;
	uint64_t hits;
};

/* The next count of a lane; false past the last. `*at` is 0 at first. */
bool gate_tally_next(const struct gate *gate, uint32_t lane, uint32_t *at, struct gate_tally *out);

/* Hits of a lane that found no room in its table. */
uint64_t gate_tally_lost(const struct gate *gate, uint32_t lane);
