/* message.h - a composed message, read as a receiver reads it.
 *
 * Spans point into the message's bytes.
 *
 * Thread  any; pure.
 */
#pragma once

#include "control/lint/lint.h"
#include "dataplane/base/span.h"

enum {
	LINT_FIELDS_MAX = 128,
	LINT_TAGS_MAX = 64,       /* of a tag=value list */
	LINT_SIGNATURES_MAX = 16, /* looked at */
	LINT_VALUE_BYTES = 4096,  /* of a field, unfolded */
};

struct lint_field {
	struct span name, value; /* the value with its folds, without the last line end */
};

struct lint_message {
	struct span bytes, header, body;
	struct lint_field fields[LINT_FIELDS_MAX];
	uint32_t n_fields;
};

/* Reads a whole message whose lines are sound (wire.h). Returns false when it has no header end or
 * over LINT_FIELDS_MAX fields.
 */
bool lint_message_read(struct span bytes, struct lint_message *out);

/* The n-th field of that name in any case (n from 0), or NULL. */
const struct lint_field *lint_field_find(const struct lint_message *m, const char *name,
                                         uint32_t n);

/* Copies a value without its folds and outer blanks, cut to fit. Returns its bytes. */
size_t lint_unfold(struct span value, char *out, size_t room);

struct lint_tag {
	struct span name, value; /* without outer blanks */
};

struct lint_tags {
	struct lint_tag at[LINT_TAGS_MAX];
	uint32_t n;
};

/* Reads "a=b; c=d" (RFC 6376 3.2). Returns false when it is none, or names a tag twice. */
bool lint_tags_read(struct span text, struct lint_tags *out);

/* The value of a tag, by its exact name; NULL: not there. */
const struct span *lint_tag_find(const struct lint_tags *t, const char *name);

/* Text without outer blanks and line ends. */
struct span lint_trim(struct span s);

/* Equal without regard to the case of ASCII letters. */
bool lint_same(struct span a, struct span b);

/* The name of an address after its last "@"; empty when it has none. */
struct span lint_domain_of(struct span address);
