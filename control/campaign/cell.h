/* cell.h - one value of a recipient's row as it lies in the rows file.
 *
 *	kind (8 bits), then by kind:
 *	nil, false, true   nothing
 *	int, float         64 bits
 *	text               length (16 bits), bytes
 *	array              count (32 bits), the items
 *	object             count (32 bits), the members: length of the name (16 bits), name, value
 *
 * Numbers are big-endian. The kinds' numbers stay as they are for ever.
 * Thread  any.
 */
#pragma once

#include "templates/tpl.h"

enum {
	CELL_TEXT_MAX = 65535, /* bytes of a text or a name */
	CELL_TEXT_HEAD = 3,    /* bytes before those of a text */
	/* What a value takes for each byte of the JSON that says it: "1," is nine bytes. */
	CELL_BYTES_PER_JSON_BYTE = 5,
};

/* Where a value is written: `bytes` of `max` are used. */
struct cell_out {
	uint8_t *at;
	size_t bytes, max;
};

/* Memory for the items and members of values that are read. */
struct cell_room {
	uint8_t *at; /* aligned for any */
	size_t bytes, max;
};

/* Appends a value, all of it or nothing. False when there is no room for it or a text in it is over
 * CELL_TEXT_MAX.
 */
bool cell_put(struct cell_out *out, const struct tpl_value *value);

/* The same for a text of at most CELL_TEXT_MAX where room is known to be. */
void cell_put_text(struct cell_out *out, struct span text);

/* Takes a value that cell_skip() has taken once. Its texts point into `s`, its items and members
 * into `room`. False when there is no room.
 */
bool cell_take(struct span *s, struct cell_room *room, struct tpl_value *out);

/* Goes over one value; false for what is none, or one nested over TPL_DATA_DEPTH_MAX deep. */
bool cell_skip(struct span *s);
