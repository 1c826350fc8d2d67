/* parse.c - from template text to a program: its pieces, and the blocks that are open.
 *
 * Blocks stand on a stack of their own, so nothing here recurses with the template but
 * {% liquid %} in {% liquid %}, which is bounded.
 */
#include <errno.h>

#include "templates/parse_int.h"

int out_of_room(struct parse *p, int r)
{
	if (r == -E2BIG)
		return src_fail(p->src, p->lex.at, p->err,
		                "more than %d pieces in one template file; make it smaller",
		                PROG_OPS_MAX);
	if (r == -ENOMEM)
		return err_set(p->err, p->src->file, 0, 0, -ENOMEM, "out of memory");
	return r;
}

int expected(struct parse *p, const char *what)
{
	const struct tok *now = &p->toks.now;

	if (now->kind == TOK_END)
		return src_fail(p->src, now->at, p->err, "expected %s, found the end of the %s",
		                what, p->lex.lines ? "line" : "braces");
	return src_fail(p->src, now->at, p->err, "expected %s, found \"%.*s\"", what,
	                err_quote(now->text), (const char *)now->text.at);
}

int expect_end(struct parse *p)
{
	return p->toks.now.kind == TOK_END ? 0 : expected(p, "nothing more in this tag");
}

/* ---- operations ---- */

static const struct {
	uint8_t pops, pushes;
} shapes[] = {
#define PROG_OP(sym, pops, pushes) [OP_##sym] = { pops, pushes },
#include "templates/prog_op.def"
#undef PROG_OP
};

static uint32_t pops_of(const struct parse *p, const struct prog_op *op)
{
	const struct prog_call *call;

	switch (op->code) {
	case OP_FILTER:
		return op->n + 1u;
	case OP_CYCLE:
		return op->n + op->b;
	case OP_WHEN:
		return op->n;
	case OP_FOR:
	case OP_ROWS:
		return 1u + !!(op->n & FOR_LIMIT) + !!(op->n & FOR_OFFSET) +
		       !!(op->n & FOR_COLUMNS);
	case OP_CALL:
		call = &p->prog->calls[op->a];
		return 1u + call->has_value + call->n_args;
	default:
		return shapes[op->code].pops;
	}
}

int add(struct parse *p, struct prog_op op, size_t place)
{
	p->depth += shapes[op.code].pushes;
	p->depth -= pops_of(p, &op);
	if (p->depth > PROG_STACK_MAX)
		return src_fail(p->src, place, p->err,
		                "too many cases inside one another; make it simpler");
	src_place(p->src, place, &op.line, &op.column);
	return out_of_room(p, prog_add(p->prog, op));
}

int add_const(struct parse *p, struct tpl_value value)
{
	struct prog_op op = { .code = OP_CONST };
	int r = out_of_room(p, prog_const(p->prog, value, &op.a));

	return r != 0 ? r : add(p, op, p->toks.now.at);
}

int add_jump(struct parse *p, enum prog_opcode code, uint32_t *at)
{
	*at = p->prog->n_ops;
	return add(p, (struct prog_op){ .code = (uint8_t)code }, p->piece.start);
}

void jump_here(struct parse *p, uint32_t at)
{
	if (at != PROG_NONE)
		p->prog->ops[at].a = p->prog->n_ops;
}

int chain_jump(struct parse *p, enum prog_opcode code, uint32_t *chain)
{
	uint32_t at = p->prog->n_ops;
	struct prog_op op = { .code = (uint8_t)code, .a = *chain };
	int r = add(p, op, p->piece.start);

	if (r == 0)
		*chain = at;
	return r;
}

void chain_here(struct parse *p, uint32_t *chain)
{
	while (*chain != PROG_NONE) {
		uint32_t at = *chain;

		*chain = p->prog->ops[at].a;
		jump_here(p, at);
	}
}

int set_sym(struct parse *p, struct span name, uint32_t *sym)
{
	int r = out_of_room(p, unit_sym(p->unit, name, sym));

	if (r != 0)
		return r;
	p->unit->syms[*sym].set_by = p->prog->serial;
	p->unit->syms[*sym].set_by_a_partial |= p->unit->compiling_partials;
	return 0;
}

int take_target(struct parse *p, uint32_t *sym)
{
	enum tok_kind kind = p->toks.now.kind;
	int r;

	if (kind != TOK_NAME && kind != TOK_STRING && kind != TOK_NUMBER)
		return expected(p, "a name");
	r = set_sym(p, p->toks.now.text, sym);
	return r != 0 ? r : take(p);
}

/* ---- blocks ---- */

struct block *block_top(struct parse *p)
{
	return p->n_blocks == p->floor ? NULL : &p->blocks[p->n_blocks - 1];
}

int block_open(struct parse *p, const struct block_kind *kind, struct block **out)
{
	if (p->n_blocks == BLOCKS_MAX)
		return src_fail(p->src, p->piece.start, p->err,
		                "more than %d blocks inside one another", BLOCKS_MAX);
	*out = &p->blocks[p->n_blocks++];
	**out = (struct block){ .kind = kind,
		                .open = p->piece,
		                .ops = p->prog->n_ops,
		                .next = PROG_NONE,
		                .exits = PROG_NONE,
		                .info = PROG_NONE,
		                .blank = true };
	return 0;
}

static int never_closed(struct parse *p)
{
	const struct block *b = &p->blocks[p->n_blocks - 1];

	return src_fail(p->src, b->open.start, p->err, "\"%s\" is never closed; expected \"end%s\"",
	                b->kind->name, b->kind->name);
}

/* ---- pieces ---- */

static bool is_white(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] != ' ' && (s.at[i] < '\t' || s.at[i] > '\r'))
			return false;
	return true;
}

static int parse_text(struct parse *p)
{
	struct span text = span_of(p->src->text.at + p->piece.at, p->piece.end - p->piece.at);

	if (p->n_blocks != 0 && !is_white(text))
		p->blocks[p->n_blocks - 1].blank = false;
	return out_of_room(p, prog_add_text(p->prog, text, (uint16_t)p->n_blocks));
}

static int parse_output(struct parse *p)
{
	struct prog_op emit = { .code = OP_EMIT };
	size_t place;
	int r = toks_init(&p->toks, p->src, &p->piece, p->err);

	if (r != 0)
		return r;
	if (p->n_blocks != 0)
		p->blocks[p->n_blocks - 1].blank = false;
	if (p->toks.now.kind == TOK_END)
		return 0;
	place = p->toks.now.at;
	if ((r = parse_filtered(p)) != 0)
		return r;
	if (p->toks.now.kind != TOK_END)
		return expected(p, "\"|\" and a filter, or the end of the braces");
	return add(p, emit, place);
}

int parse_pieces(struct parse *p)
{
	int r;

	while ((r = lex_next(&p->lex, &p->piece, p->err)) == 0 && p->piece.kind != PIECE_END) {
		if (p->piece.kind == PIECE_TEXT)
			r = parse_text(p);
		else if (p->piece.kind == PIECE_OUTPUT)
			r = parse_output(p);
		else
			r = parse_tag(p);
		if (r != 0)
			return r;
	}
	if (r == 0 && p->n_blocks != p->floor)
		return never_closed(p);
	return r;
}

/* ---- names ---- */

int parse_link(struct prog *prog, struct tpl_err *err)
{
	const struct unit *u = prog->unit;

	for (uint32_t i = 0; i < prog->n_ops && !u->is_open; i++) {
		struct prog_op *op = &prog->ops[i];
		const struct sym *s;
		bool is_set;

		if (op->code != OP_VAR)
			continue;
		s = &u->syms[op->a];
		is_set = s->set_by_a_partial || s->set_by == prog->serial ||
		         (prog->is_partial && s->set_by != 0);
		if (is_set || (op->c & VAR_OPTIONAL) != 0)
			continue;
		if (s->column == SYM_NO_COLUMN ||
		    ((op->c & VAR_HAS_PARTS) != 0 &&
		     (u->columns->has_parts == NULL || !u->columns->has_parts[s->column])))
			return name_unknown(u->columns, prog->file, op->line, op->column,
			                    value_span(prog_const_value(prog, op->b)), err);
		op->code = OP_COLUMN; /* nothing stands before it, here or in a caller */
		op->a = s->column;
	}
	return 0;
}

int parse_slice(struct prog *prog, struct src *src, size_t at, size_t end, struct unit *unit,
                struct tpl_err *err)
{
	struct parse p = { .prog = prog, .src = src, .unit = unit, .err = err };
	int r;

	prog->unit = unit;
	prog->serial = ++unit->serial;
	prog->is_partial = unit->compiling_partials;
	lex_init(&p.lex, src, at, end);
	r = src->is_merge ? parse_merge(&p) : parse_pieces(&p);
	return r != 0 || prog->is_partial ? r : parse_link(prog, err);
}
