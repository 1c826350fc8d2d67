/* unit.h - what all programs of one template share: their names, and the partials they call.
 *
 * Life    unit_init() .. unit_fini(); immutable once all its programs are linked.
 */
#pragma once

#include "templates/names.h"

enum {
	UNIT_SYMS_MAX = 4096,
	UNIT_PARTIALS_MAX = 256,
	SYM_NO_COLUMN = UINT32_MAX,
};

/* A name that a template reads or sets. Programs know it by its number. */
struct sym {
	uint8_t *at;
	uint32_t bytes;
	uint32_t column;       /* of the table; or SYM_NO_COLUMN */
	uint32_t set_by;       /* serial of the program that set it last; 0: none */
	bool set_by_a_partial; /* whose caller sees it too */
};

enum { SYM_FORLOOP, SYM_TABLEROWLOOP, UNIT_N_FIXED_SYMS };

struct unit {
	const struct tpl_columns *columns; /* while compiling; NULL: names stand in the data */
	bool is_open;                      /* the same, for ever */
	struct sym *syms;
	uint32_t n_syms, syms_room, serial;
	struct prog *partials; /* unit_partial_find() */
	struct span *partial_names;
	uint32_t n_partials;
	bool compiling_partials;
};

/* Returns 0 or -ENOMEM. */
int unit_init(struct unit *unit, const struct tpl_columns *columns);
void unit_fini(struct unit *unit);

/* The number of a name, new or known. Returns 0, -ENOMEM or -E2BIG. */
int unit_sym(struct unit *unit, struct span name, uint32_t *sym);

/* The number of a name that is known; false when it is not. */
bool unit_find(const struct unit *unit, struct span name, uint32_t *sym);

static inline struct span sym_name(const struct unit *unit, uint32_t sym)
{
	return span_of(unit->syms[sym].at, unit->syms[sym].bytes);
}

/* Room for `n` partials whose programs the caller then compiles. Returns 0 or -ENOMEM. */
int unit_partials(struct unit *unit, uint32_t n);

/* NULL when there is no such partial. */
struct prog *unit_partial_find(const struct unit *unit, struct span name);
