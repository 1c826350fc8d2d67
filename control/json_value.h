/* json_value.h - JSON as the plain values that templates read.
 *
 * Owner   the caller: texts and names are borrowed from the JSON, which must outlive the value;
 *         arrays and objects are the value's own until json_value_free().
 * Thread  any.
 */
#pragma once

#include <jansson.h>

#include "templates/tpl.h"

enum { JSON_VALUE_PATH_BYTES = 96 };

/* Makes the value. Returns false when arrays and objects stand more than TPL_DATA_DEPTH_MAX deep
 * inside one another or a text is over 4 GiB, with the way to that place in `path`, like
 * "cart.items[3]", cut at its end; either way json_value_free() is due. `from` is not NULL.
 */
bool json_value_read(const json_t *from, struct tpl_value *to, char path[JSON_VALUE_PATH_BYTES]);
void json_value_free(struct tpl_value *value);
