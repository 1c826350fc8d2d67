/* parse_flow.c - tags that decide what comes next: if, unless, case, for, tablerow. */
#include <errno.h>

#include "templates/parse_int.h"

/* ---- if, unless ---- */

static int if_else(struct parse *p, struct block *b)
{
	int r = chain_jump(p, OP_JUMP, &b->exits);

	if (r != 0)
		return r;
	jump_here(p, b->next);
	b->next = PROG_NONE;
	return 0;
}

static int if_end(struct parse *p, struct block *b)
{
	jump_here(p, b->next);
	chain_here(p, &b->exits);
	return 0;
}

static const struct block_kind if_kind = {
	.name = "if", .end = if_end, .otherwise = if_else, .strips = true
};
static const struct block_kind unless_kind = {
	.name = "unless", .end = if_end, .otherwise = if_else, .strips = true
};

int tag_if(struct parse *p)
{
	struct block *b;
	int r = block_open(p, &if_kind, &b);

	if (r != 0 || (r = parse_condition(p)) != 0)
		return r;
	return add_jump(p, OP_UNLESS, &b->next);
}

int tag_unless(struct parse *p)
{
	struct block *b;
	int r = block_open(p, &unless_kind, &b);

	if (r != 0 || (r = parse_condition(p)) != 0)
		return r;
	return add_jump(p, OP_IF, &b->next);
}

int tag_elsif(struct parse *p)
{
	struct block *b = block_top(p);
	int r;

	if (b == NULL || b->kind->otherwise != if_else)
		return src_fail(p->src, p->piece.start, p->err,
		                "\"elsif\" stands in if and unless only");
	if ((r = if_else(p, b)) != 0 || (r = parse_condition(p)) != 0)
		return r;
	return add_jump(p, OP_UNLESS, &b->next);
}

/* ---- case ---- */

/* The body of a `when` runs once for each of its values that is the same. */
static int finish_when(struct parse *p, struct block *b)
{
	int r = 0;

	if (b->info != PROG_NONE)
		r = add(p, (struct prog_op){ .code = OP_AGAIN, .a = b->info }, p->piece.start);
	b->info = PROG_NONE;
	jump_here(p, b->next);
	b->next = PROG_NONE;
	return r;
}

static int case_else(struct parse *p, struct block *b)
{
	int r = finish_when(p, b);

	return r != 0 ? r : add_jump(p, OP_OTHERWISE, &b->next);
}

static int case_end(struct parse *p, struct block *b)
{
	int r = finish_when(p, b);

	return r != 0 ? r : add(p, (struct prog_op){ .code = OP_ENDCASE }, p->piece.start);
}

static const struct block_kind case_kind = {
	.name = "case", .end = case_end, .otherwise = case_else, .strips = true
};

/* Stack while it runs: the value, and whether a `when` was the same. */
int tag_case(struct parse *p)
{
	struct block *b;
	int r = block_open(p, &case_kind, &b);

	if (r != 0 || (r = parse_value(p)) != 0 || (r = expect_end(p)) != 0 ||
	    (r = add_const(p, value_bool(false))) != 0)
		return r;
	return add_jump(p, OP_JUMP, &b->next); /* over what stands before the first `when` */
}

int tag_when(struct parse *p)
{
	struct block *b = block_top(p);
	struct prog_op op = { .code = OP_WHEN };
	int r;

	if (b == NULL || b->kind != &case_kind)
		return src_fail(p->src, p->piece.start, p->err, "\"when\" stands in case only");
	if ((r = finish_when(p, b)) != 0)
		return r;
	for (;;) {
		if ((r = parse_value(p)) != 0)
			return r;
		if (++op.n > ARGUMENTS_MAX)
			return expected(p, "64 values at most");
		if (!at_mark(p, ',') && !at_word(p, "or"))
			break;
		if ((r = take(p)) != 0)
			return r;
	}
	if (p->toks.now.kind != TOK_END)
		return expected(p, "\",\", \"or\" or the end of the tag");
	b->next = p->prog->n_ops;
	b->info = b->next + 1;
	return add(p, op, p->piece.start);
}

/* ---- for, tablerow ---- */

static int for_else(struct parse *p, struct block *b)
{
	struct prog_loop *l = &p->prog->loops[b->info];
	int r;

	if (b->has_else)
		return src_fail(p->src, p->piece.start, p->err, "a second \"else\" in this for");
	b->has_else = true;
	if ((r = add(p, (struct prog_op){ .code = OP_NEXT }, p->piece.start)) != 0)
		return r;
	l->otherwise = p->prog->n_ops;
	return 0;
}

static int for_end(struct parse *p, struct block *b)
{
	struct prog_loop *l = &p->prog->loops[b->info];
	int r = 0;

	if (!b->has_else)
		r = add(p, (struct prog_op){ .code = OP_NEXT }, p->piece.start);
	l->end = p->prog->n_ops;
	if (!b->has_else)
		l->otherwise = l->end;
	return r;
}

static int row_end(struct parse *p, struct block *b)
{
	int r = add(p, (struct prog_op){ .code = OP_NEXT_CELL }, p->piece.start);

	p->prog->loops[b->info].end = p->prog->n_ops;
	return r;
}

static const struct block_kind for_kind = {
	.name = "for", .end = for_end, .otherwise = for_else, .strips = true
};
static const struct block_kind row_kind = { .name = "tablerow", .end = row_end };

/* "item-list": names the loop, and remembers where `offset: continue` goes on. */
static int name_loop(struct parse *p, struct span var, size_t from, size_t to, struct prog_loop *l)
{
	char name[256];
	size_t n = to - from;
	int r;

	while (n != 0 && p->src->text.at[from + n - 1] <= ' ')
		n--;
	if (var.bytes + 1 + n > sizeof(name))
		return src_fail(p->src, from, p->err, "a loop over more than %zu bytes of text",
		                sizeof(name) - var.bytes - 1);
	memcpy(name, var.at, var.bytes);
	name[var.bytes] = '-';
	memcpy(name + var.bytes + 1, p->src->text.at + from, n);
	r = prog_const(p->prog, value_text(span_of(name, var.bytes + 1 + n)), &l->name);
	if (r == 0)
		r = unit_sym(p->unit, span_of(name, var.bytes + 1 + n), &l->slot);
	return out_of_room(p, r);
}

/* limit: n, offset: n or continue, cols: n, in any order, the values on the stack in the order of
 * their flags. As in Ruby, `reversed` stands before them.
 */
static int loop_words(struct parse *p, struct prog_op *op, bool row)
{
	static const struct {
		const char *word;
		uint8_t flag;
	} words[] = { { "limit", FOR_LIMIT }, { "offset", FOR_OFFSET }, { "cols", FOR_COLUMNS } };
	struct toks at[3] = { 0 };
	struct toks end;
	int r = 0;

	if (!row && at_word(p, "reversed")) {
		op->n |= FOR_REVERSED;
		if ((r = take(p)) != 0)
			return r;
	}
	while (p->toks.now.kind != TOK_END) {
		size_t i = 0;

		if (at_mark(p, ',')) {
			if ((r = take(p)) != 0)
				return r;
			continue;
		}
		if (!row && at_word(p, "reversed"))
			return expected(p, "\"reversed\" before \"limit:\" and \"offset:\"");
		while (i < 3 && !(at_word(p, words[i].word) && mark_follows(p, ':')))
			i++;
		if (i == 3 || (words[i].flag == FOR_COLUMNS && !row))
			return expected(p, row ? "\"cols:\", \"limit:\", \"offset:\" or the end"
			                   : op->n == 0
			                       ? "\"reversed\", \"limit:\", \"offset:\" or the end"
			                       : "\"limit:\", \"offset:\" or the end");
		if ((r = take(p)) != 0 || (r = take(p)) != 0)
			return r;
		if (words[i].flag == FOR_OFFSET && at_word(p, "continue")) {
			op->n |= FOR_CONTINUE;
			r = take(p);
		} else { /* read now for what is wrong, and again in order below */
			uint32_t ops = p->prog->n_ops, depth = p->depth;

			at[i] = p->toks;
			op->n |= words[i].flag;
			r = parse_value(p);
			p->prog->n_ops = ops;
			p->depth = depth;
		}
		if (r != 0)
			return r;
	}
	if ((op->n & FOR_CONTINUE) != 0)
		op->n &= (uint8_t)~FOR_OFFSET;
	end = p->toks;
	for (size_t i = 0; i < 3; i++) {
		if ((op->n & words[i].flag) == 0)
			continue;
		p->toks = at[i];
		if ((r = parse_value(p)) != 0)
			return r;
	}
	p->toks = end;
	return 0;
}

static int open_loop(struct parse *p, const struct block_kind *kind, enum prog_opcode code)
{
	struct prog_op op = { .code = (uint8_t)code };
	struct prog_loop l = { 0 };
	struct span var;
	struct block *b;
	size_t from;
	int r = block_open(p, kind, &b);

	if (r != 0)
		return r;
	var = p->toks.now.text;
	if ((r = take_target(p, &l.var)) != 0)
		return r;
	if (!at_word(p, "in"))
		return expected(p, "\"in\"");
	if ((r = take(p)) != 0)
		return r;
	from = p->toks.now.at;
	if ((r = parse_value(p)) != 0 || (r = name_loop(p, var, from, p->toks.now.at, &l)) != 0 ||
	    (r = loop_words(p, &op, code == OP_ROWS)) != 0 ||
	    (r = out_of_room(p, prog_add_loop(p->prog, l, &op.a))) != 0)
		return r;
	b->info = op.a;
	return add(p, op, from);
}

int tag_for(struct parse *p)
{
	return open_loop(p, &for_kind, OP_FOR);
}

int tag_tablerow(struct parse *p)
{
	return open_loop(p, &row_kind, OP_ROWS);
}

int tag_break(struct parse *p)
{
	int r = expect_end(p);

	return r != 0 ? r : add(p, (struct prog_op){ .code = OP_BREAK }, p->piece.start);
}

int tag_continue(struct parse *p)
{
	int r = expect_end(p);

	return r != 0 ? r : add(p, (struct prog_op){ .code = OP_CONTINUE }, p->piece.start);
}
