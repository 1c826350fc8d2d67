/* loop.h - a running `for`, `tablerow` or `render ... for`, and what `forloop` says of it.
 *
 * Life    in the arena: a template may keep `forloop` in a variable after the loop has ended.
 */
#pragma once

#include "templates/value.h"

struct loop {
	struct tpl_value over; /* array, object, range; a text is an array of one */
	uint64_t from, n, i;   /* first item, how many, which is on */
	bool reversed;
	uint32_t columns; /* of a tablerow */
	struct span name; /* "item-list" */
	struct tpl_value parent;
};

/* The item that is on. */
struct tpl_value loop_item(struct arena *arena, const struct loop *loop);

/* A name in `forloop` or `tablerowloop`; nil for what they do not have. */
struct tpl_value loop_dot(struct tpl_value loop, struct span name);
