/* names.h - which variables a template may use, and what to say about those it may not. */
#pragma once

#include "templates/src.h"

/* Where a value comes from. */
enum tpl_from {
	FROM_POOL,   /* a literal of the template */
	FROM_COLUMN, /* the recipient's row */
	FROM_CAMPAIGN_NAME,
	FROM_POSTAL_ADDRESS,  /* campaign.postal_address */
	FROM_UNSUBSCRIBE_URL, /* unless a column has that name */
	TPL_N_FROMS
};

struct name_at {
	enum tpl_from from;
	uint32_t column; /* of FROM_COLUMN */
};

/* Looks a name up: reserved names first, then columns. */
bool name_find(const struct tpl_columns *columns, struct span name, struct name_at *out);

/* Says that `name`, at that place, is unknown, what there is, and the nearest name where one is
 * near. Returns -EINVAL.
 */
int name_unknown(const struct tpl_columns *columns, const char *file, uint32_t line,
                 uint32_t column, struct span name, struct tpl_err *err);

/* Edit distance with neighbours swapped counting one; `most` + 1 when it is more than `most` or a
 * name has over 64 bytes.
 */
unsigned name_distance(struct span a, struct span b, unsigned most);
