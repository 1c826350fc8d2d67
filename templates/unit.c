/* unit.c - what all programs of one template share. */
#include "templates/unit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "templates/prog.h"

int unit_init(struct unit *u, const struct tpl_columns *columns)
{
	uint32_t sym;
	int r;

	*u = (struct unit){ .columns = columns, .is_open = columns == NULL };
	if ((r = unit_sym(u, span_str("forloop"), &sym)) != 0 ||
	    (r = unit_sym(u, span_str("tablerowloop"), &sym)) != 0)
		return r;
	assert(sym == SYM_TABLEROWLOOP);
	for (sym = 0; sym < UNIT_N_FIXED_SYMS; sym++)
		u->syms[sym].set_by_a_partial = true;
	return 0;
}

void unit_fini(struct unit *u)
{
	for (uint32_t i = 0; i < u->n_syms; i++)
		free(u->syms[i].at);
	for (uint32_t i = 0; i < u->n_partials; i++) {
		prog_fini(&u->partials[i]);
		free((void *)u->partial_names[i].at);
	}
	free(u->syms);
	free(u->partials);
	free(u->partial_names);
	*u = (struct unit){ 0 };
}

bool unit_find(const struct unit *u, struct span name, uint32_t *sym)
{
	for (uint32_t i = 0; i < u->n_syms; i++) {
		if (span_eq(sym_name(u, i), name)) {
			*sym = i;
			return true;
		}
	}
	return false;
}

int unit_sym(struct unit *u, struct span name, uint32_t *sym)
{
	struct name_at where;
	struct sym *s;

	if (unit_find(u, name, sym))
		return 0;
	if (u->n_syms == UNIT_SYMS_MAX)
		return -E2BIG;
	if (u->n_syms == u->syms_room) {
		uint32_t room = u->syms_room == 0 ? 16 : 2 * u->syms_room;

		s = reallocarray(u->syms, room, sizeof(*s));
		if (s == NULL)
			return -ENOMEM;
		u->syms = s;
		u->syms_room = room;
	}
	s = &u->syms[u->n_syms];
	*s = (struct sym){ .at = malloc(name.bytes + 1),
		           .bytes = (uint32_t)name.bytes,
		           .column = SYM_NO_COLUMN };
	if (s->at == NULL)
		return -ENOMEM;
	memcpy(s->at, name.at, name.bytes);
	if (u->columns != NULL && name_find(u->columns, name, &where) && where.from == FROM_COLUMN)
		s->column = where.column;
	*sym = u->n_syms++;
	return 0;
}

int unit_partials(struct unit *u, uint32_t n)
{
	u->partials = calloc(n + 1, sizeof(*u->partials));
	u->partial_names = calloc(n + 1, sizeof(*u->partial_names));
	return u->partials == NULL || u->partial_names == NULL ? -ENOMEM : 0;
}

struct prog *unit_partial_find(const struct unit *u, struct span name)
{
	for (uint32_t i = 0; i < u->n_partials; i++)
		if (span_eq(u->partial_names[i], name))
			return &u->partials[i];
	return NULL;
}
