/* filters.h - what stands after "|" in a template.
 *
 * A filter is a row in the table of filters.c and a function in one of the filter_*.c files: a
 * value and its arguments in, a value out. It reads no clock and keeps nothing.
 */
#pragma once

#include "templates/prog.h"
#include "templates/value.h"

/* One use of a filter. */
struct filter_call {
	struct arena *arena;
	enum tpl_context context;
	int64_t now_s;   /* what `now` means */
	uint64_t *steps; /* of the rendering: what takes long adds to it */
	struct tpl_value in;
	const struct tpl_value
	    *args; /* args_min..args_max of them, and the named one when `named` */
	unsigned n_args;
	bool named;
	struct tpl_value out;
};

/* Fills `out`. Returns NULL, or what is wrong. */
typedef const char *filter_fn(struct filter_call *c);

struct filter {
	const char *name;
	filter_fn *run;
	uint8_t args_min, args_max;
	const char *word; /* the argument that is given by name, like `locale: "de"`; NULL: none */
};

enum filter_number {
#define FILTER_ROW(name, min, max, word) FILTER_IS_##name,
#include "templates/filters.def"
#undef FILTER_ROW
	N_FILTERS
};

extern const struct filter filters[N_FILTERS];

/* The filter of that name and its number; NULL when there is none. */
const struct filter *filters_find(struct span name, uint16_t *number);

/* The name most like this one; empty when none is. */
struct span filters_nearest(struct span name);

/* ---- for the filter_*.c files ---- */

extern const char filter_no_memory[];

/* The value, or argument `i`, as a text. */
struct span filter_text(struct filter_call *c);
struct span filter_arg_text(struct filter_call *c, unsigned i);

/* RFC 3986 2.3: may stand in a URL as it is. */
bool filter_is_unreserved(uint8_t b);

/* Makes a text the result. */
const char *filter_put(struct filter_call *c, const struct text *t);
const char *filter_put_span(struct filter_call *c, struct span s);

#define FILTER_ROW(name, min, max, word) filter_fn filter_##name;
#include "templates/filters.def"
#undef FILTER_ROW
