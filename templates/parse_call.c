/* parse_call.c - include and render: a partial, the value it is for, and its arguments. */
#include <errno.h>

#include "templates/parse_int.h"

/* `with` value or `for` value, and `as` name. */
static int call_value(struct parse *p, struct prog_call *call)
{
	int r;

	if ((at_word(p, "with") || at_word(p, "for")) && !mark_follows(p, ':')) {
		call->has_value = true;
		call->each = at_word(p, "for");
		if ((r = take(p)) != 0 || (r = parse_value(p)) != 0)
			return r;
	}
	if (!at_word(p, "as") || mark_follows(p, ':'))
		return 0;
	if ((r = take(p)) != 0)
		return r;
	return take_target(p, &call->alias);
}

/* name: value, ...; commas are as good as blanks. */
static int call_arguments(struct parse *p, struct prog_call *call)
{
	uint32_t syms[ARGUMENTS_MAX];
	int r;

	while (p->toks.now.kind != TOK_END) {
		if (at_mark(p, ',')) {
			if ((r = take(p)) != 0)
				return r;
			continue;
		}
		if (call->n_args == ARGUMENTS_MAX)
			return expected(p, "64 arguments at most");
		if (p->toks.now.kind != TOK_NAME || !mark_follows(p, ':'))
			return expected(p, "an argument like \"name: value\", or the end");
		if ((r = take_target(p, &syms[call->n_args++])) != 0 || (r = take(p)) != 0 ||
		    (r = parse_value(p)) != 0)
			return r;
	}
	call->args = p->prog->n_args;
	for (uint32_t i = 0; i < call->n_args; i++)
		if ((r = out_of_room(p, prog_add_arg(p->prog, syms[i]))) != 0)
			return r;
	return 0;
}

/* A name that is known must be there; it also names the value. Partials are named before they are
 * compiled, so that they may call each other.
 */
static int known_partial(struct parse *p, struct span name, size_t place, struct prog_call *call)
{
	const uint8_t *slash = name.bytes == 0 ? NULL : memrchr(name.at, '/', name.bytes);
	struct span base =
	    slash == NULL ? name : span_of(slash + 1, name.bytes - (size_t)(slash + 1 - name.at));

	struct prog *partial = unit_partial_find(p->unit, name);

	if (partial != NULL)
		partial->used = true;
	else if (!p->unit->is_open)
		return src_fail(p->src, place, p->err,
		                "no partial \"%.*s\" here; it is the file %.*s.liquid, for bodies",
		                err_quote(name), (const char *)name.at, err_quote(name),
		                (const char *)name.at);
	return call->alias != PROG_NONE ? 0 : set_sym(p, base, &call->alias);
}

static int call(struct parse *p, bool isolated)
{
	struct prog_call c = { .isolated = isolated, .alias = PROG_NONE };
	struct prog_op op = { .code = OP_CALL };
	struct tok name = p->toks.now;
	int r;

	if (isolated && name.kind != TOK_STRING)
		return expected(p, "the name of a partial in quotes");
	if ((r = parse_value(p)) != 0 || (r = call_value(p, &c)) != 0 ||
	    (r = call_arguments(p, &c)) != 0)
		return r;
	if (name.kind == TOK_STRING && (r = known_partial(p, name.text, name.at, &c)) != 0)
		return r;
	for (uint32_t i = 0; i < p->unit->n_partials && name.kind != TOK_STRING; i++)
		p->unit->partials[i].used = true; /* which one, the row says */
	if ((r = out_of_room(p, prog_add_call(p->prog, c, &op.a))) != 0)
		return r;
	return add(p, op, name.at);
}

int tag_include(struct parse *p)
{
	return call(p, false);
}

int tag_render(struct parse *p)
{
	return call(p, true);
}
