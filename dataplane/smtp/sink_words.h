/* sink_words.h - what a line of a script is made of, for sink_script.c. */
#pragma once

#include "dataplane/smtp/sink_int.h"

/* A script's line on its way into a rule. */
struct sink_reader {
	struct sink_script *script;
	struct sink_rule *rule;
	struct span line; /* what is left of it */
	char *free; /* of script->memory; never more than the script has bytes, and one a line */
	char *why;
};

/* "line N: ..." into r->why; returns -EINVAL. */
int sink_complain(struct sink_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void sink_skip_blanks(struct span *s);
struct span sink_next_word(struct sink_reader *r);

/* The conditions up to ":", and the deeds up to the line's end. Return 0, or -EINVAL with a reason
 * in r->why.
 */
int sink_read_conditions(struct sink_reader *r);
int sink_read_deeds(struct sink_reader *r);

/* Appends a line about each condition and each deed. Returns how many octets. */
int sink_words_help(char *at, size_t room);
