/* compile.c - the texts of one template, compiled into one unit. */
#include <errno.h>
#include <stdlib.h>

#include "templates/compiled.h"
#include "templates/parse.h"

int compile_text(struct prog *prog, struct unit *unit, const char *file, struct span text,
                 size_t from, enum tpl_context context, struct tpl_err *err)
{
	struct src src;
	int r = src_init(&src, file, text, err);

	if (r != 0)
		return r;
	prog->file = file; /* a partial may have been called before it is compiled */
	prog->context = context;
	return parse_slice(prog, &src, from, src.text.bytes, unit, err);
}

static int name_partials(struct unit *unit, const struct tpl_text_source *from, uint32_t n)
{
	if (unit_partials(unit, n) != 0)
		return -ENOMEM;
	for (; unit->n_partials < n; unit->n_partials++) {
		struct span name = from[unit->n_partials].name;
		char *copy = malloc(name.bytes + sizeof(".liquid"));

		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, name.at, name.bytes);
		strcpy(copy + name.bytes,
		       unit->is_open ? "" : ".liquid"); /* a file in the folder */
		unit->partial_names[unit->n_partials] = span_of(copy, name.bytes);
		prog_init(&unit->partials[unit->n_partials], copy, TPL_IN_PLAIN);
	}
	return 0;
}

/* They are named first, so that they may call each other, and checked last, since each may set
 * what another reads.
 */
int compile_partials(struct unit *unit, const struct tpl_text_source *from, uint32_t n,
                     enum tpl_context context, struct tpl_err *err)
{
	int r = n > UNIT_PARTIALS_MAX ? -E2BIG : name_partials(unit, from, n);

	if (r == -E2BIG)
		return err_set(err, "", 0, 0, -EINVAL, "more than %d partials", UNIT_PARTIALS_MAX);
	if (r != 0)
		return err_set(err, "", 0, 0, r, "out of memory");
	unit->compiling_partials = true;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = compile_text(&unit->partials[i], unit, (const char *)unit->partial_names[i].at,
		                 from[i].text, 0, context, err);
	unit->compiling_partials = false;
	return r;
}

int link_partials(struct unit *unit, struct tpl_err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < unit->n_partials; i++)
		if (unit->partials[i].used)
			r = parse_link(&unit->partials[i], err);
	return r;
}
