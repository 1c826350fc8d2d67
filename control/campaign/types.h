/* types.h - what a text in a recipient list stands for: a text, a number, yes or no, a date, JSON.
 *
 * Thread  any.
 */
#pragma once

#include "templates/tpl.h"

enum column_type {
	TYPE_TEXT,
	TYPE_NUMBER, /* as JSON writes one; whole numbers have 64 bits */
	TYPE_BOOL,   /* true, yes, 1; false, no, 0 */
	TYPE_DATE,   /* ISO 8601; becomes a text that sorts: 2026-03-01 or 2026-03-01 14:05:00 +0000
	              */
	TYPE_JSON,   /* anything that JSON can say */
	TYPE_N
};

enum { TYPE_TEXT_BYTES = 32 }; /* of a date that was rewritten */

/* Type and name of one column, as `types` lists them: "age:number,joined:date". Takes the first off
 * `types`. Returns false when there is none or it is wrong.
 */
bool types_take(struct span *types, struct span *name, enum column_type *type);

/* NULL, or what is wrong with such a list, as a phrase that lives for ever. */
const char *types_check(struct span types);

/* Reads a text as a value of that type, which is not TYPE_JSON; an empty one is nil. `room` holds
 * what had to be written anew. Returns NULL, or why it is none.
 */
const char *type_read(enum column_type type, struct span text, char room[TYPE_TEXT_BYTES],
                      struct tpl_value *out);
