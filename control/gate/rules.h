/* rules.h - the file of rules for the content gate, read and checked line by line.
 *
 *	# comment
 *	ID GRADE WHERE ACTION /PATTERN/FLAGS NOTE
 *
 * `posthaste reference rules` prints the shipped file, whose head says what each word may be.
 *
 * Thread  any; what was read is immutable.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/span.h"
#include "dataplane/gate.h"

enum {
	RULES_FILE_BYTES_MAX = 8 << 20,
	RULES_LINE_BYTES_MAX = 8 << 10,
	RULES_WHY_BYTES = 512, /* one line: file:line: what, why, what to do */
};

struct rules {
	struct gate_rule *at;           /* strings are in `text` */
	struct match_pattern *patterns; /* as gate_new() wants them */
	uint32_t *pattern_rule;         /* which rule a pattern is of */
	uint32_t *lines;                /* by rule */
	uint32_t n, n_patterns;
	char *text;
};

/* Reads rules; `name` stands in front of what is said of a line. Returns 0 or -EINVAL with one
 * line.
 */
int rules_parse(const char *name, struct span text, struct rules **out, char why[RULES_WHY_BYTES]);

/* Reads a file. Returns 0 or -errno with one line. */
int rules_read(const char *path, struct rules **out, char why[RULES_WHY_BYTES]);

/* Those that the program comes with. */
struct span rules_shipped(void);

void rules_free(struct rules *rules); /* NULL is allowed */

const char *rules_grade_name(uint8_t grade);
const char *rules_action_name(uint8_t action);

/* Writes the places a rule looks at: "text,html". */
void rules_where_text(uint8_t where, char text[64]);
