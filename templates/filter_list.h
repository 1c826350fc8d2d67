/* filter_list.h - what filters of lists share. */
#pragma once

#include "templates/filters.h"

struct list {
	struct tpl_value *items; /* in the arena, the filter's own */
	size_t n;
};

/* The items of a value: a list's, with lists inside opened; of a range; nil has none; anything else
 * is one. Returns NULL or what is wrong.
 */
const char *list_of(struct filter_call *c, struct tpl_value v, struct list *out);

/* A property of an item. Returns NULL; or what is wrong, for a number. `*none`: the item has no
 * properties at all (nil, true, false).
 */
const char *list_property(struct tpl_value item, struct tpl_value property, struct tpl_value *out,
                          bool *none);
