/* parse_filter.c - values with filters, and conditions. */
#include <errno.h>
#include <stdio.h>

#include "templates/filters.h"
#include "templates/parse_int.h"

/* ---- filters ---- */

static int unknown_filter(struct parse *p)
{
	struct span name = p->toks.now.text, near = filters_nearest(name);

	if (near.bytes == 0)
		return src_fail(p->src, p->toks.now.at, p->err, "unknown filter \"%.*s\"",
		                err_quote(name), (const char *)name.at);
	return src_fail(p->src, p->toks.now.at, p->err,
	                "unknown filter \"%.*s\"; did you mean %.*s?", err_quote(name),
	                (const char *)name.at, (int)near.bytes, (const char *)near.at);
}

/* Arguments of a filter, plain ones and one by name (`locale: x`), which goes last on the stack. */
static int parse_arguments(struct parse *p, struct prog_op *op)
{
	uint32_t from = p->prog->n_ops, kept = from, n_kept = 0;
	const char *word = filters[op->c].word;
	int r;

	for (;;) {
		if (p->toks.now.kind == TOK_NAME && mark_follows(p, ':')) {
			if (word == NULL || !at_word(p, word) || op->a != 0)
				return expected(p, "a value, not a named one");
			if ((r = take(p)) != 0 || (r = take(p)) != 0)
				return r;
			kept = p->prog->n_ops;
			if ((r = parse_value(p)) != 0)
				return r;
			n_kept = p->prog->n_ops - kept;
			op->a = 1;
		} else {
			if ((r = parse_value(p)) != 0)
				return r;
			if (++op->n > ARGUMENTS_MAX)
				return expected(p, "64 arguments at most");
		}
		if (!at_mark(p, ','))
			break;
		if ((r = take(p)) != 0)
			return r;
	}
	if (op->a == 0)
		return 0;
	/* the named one may have come first: its operations move to the end */
	for (uint32_t i = 0; i < n_kept; i++) {
		struct prog_op first = p->prog->ops[kept];

		memmove(&p->prog->ops[kept], &p->prog->ops[kept + 1],
		        (p->prog->n_ops - kept - 1) * sizeof(first));
		p->prog->ops[p->prog->n_ops - 1] = first;
	}
	return 0;
}

static int wrong_arguments(struct parse *p, const struct filter *f, unsigned n, size_t place)
{
	char takes[32];

	if (f->args_min == f->args_max)
		snprintf(takes, sizeof(takes), "%u", f->args_min);
	else
		snprintf(takes, sizeof(takes), "%u to %u", f->args_min, f->args_max);
	return src_fail(p->src, place, p->err, "\"%s\" takes %s argument%s, found %u", f->name,
	                takes, f->args_max == 1 && f->args_min == 1 ? "" : "s", n);
}

/* One filter; `now` stands after its "|". `value` is where the operations of its value begin. */
static int parse_filter(struct parse *p, uint32_t value)
{
	struct prog_op op = { .code = OP_FILTER };
	size_t place = p->toks.now.at;
	const struct filter *f;
	char what[64];
	int r;

	if (p->toks.now.kind != TOK_NAME)
		return expected(p, "a filter name after \"|\"");
	f = filters_find(p->toks.now.text, &op.c);
	if (f == NULL)
		return unknown_filter(p);
	if ((r = take(p)) != 0)
		return r;
	if (at_mark(p, ':')) {
		if ((r = take(p)) != 0 || (r = parse_arguments(p, &op)) != 0)
			return r;
	} else if (f->args_min > 0 || (op.c == FILTER_IS_default && !p->unit->is_open)) {
		snprintf(what, sizeof(what), "\":\" and a value after \"%s\"", f->name);
		return expected(p, what);
	}
	if (op.n < f->args_min || op.n > f->args_max)
		return wrong_arguments(p, f, op.n, place);
	if (op.c == FILTER_IS_default && p->prog->ops[value].code == OP_VAR)
		p->prog->ops[value].c |= VAR_OPTIONAL;
	op.n = (uint8_t)(op.n + op.a);
	return add(p, op, place);
}

int parse_filtered(struct parse *p)
{
	uint32_t value = p->prog->n_ops;
	int r = parse_value(p);

	while (r == 0 && at_mark(p, '|'))
		if ((r = take(p)) == 0)
			r = parse_filter(p, value);
	return r;
}

/* ---- conditions ---- */

static int parse_comparison(struct parse *p)
{
	struct prog_op op = { .code = OP_COMPARE, .n = p->toks.now.compare };
	size_t place;
	int r = parse_value(p);

	if (r != 0)
		return r;
	op.n = p->toks.now.compare;
	place = p->toks.now.at;
	if (at_word(p, "contains"))
		op.n = IS_CONTAINS;
	else if (p->toks.now.kind != TOK_COMPARE)
		return 0;
	if ((r = take(p)) != 0 || (r = parse_value(p)) != 0)
		return r;
	return add(p, op, place);
}

/* `a and b or c` is `a and (b or c)`: what decides early jumps to the end of the whole. */
int parse_condition(struct parse *p)
{
	uint32_t exits = PROG_NONE;
	int r = parse_comparison(p);

	while (r == 0 && (at_word(p, "and") || at_word(p, "or"))) {
		r = chain_jump(p, at_word(p, "and") ? OP_AND : OP_OR, &exits);
		if (r != 0 || (r = take(p)) != 0)
			return r;
		r = parse_comparison(p);
	}
	if (r != 0)
		return r;
	chain_here(p, &exits);
	return p->toks.now.kind == TOK_END
	           ? 0
	           : expected(p, "a comparison, \"and\", \"or\" or the end");
}
