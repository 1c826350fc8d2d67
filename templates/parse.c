/* parse.c - from template text to a program; every mistake is told with line and column.
 *
 * Not     control flow yet: the tag table below is where a tag goes, the filter table where a
 *         filter goes. Both tables are the only place that spells their names.
 */
#include "templates/parse.h"

#include <errno.h>
#include <stdio.h>

#include "templates/lex.h"

struct parse {
	struct prog *prog;
	struct src *src;
	struct lex lex;
	struct toks toks; /* of the piece being read */
	const struct tpl_columns *columns;
	struct tpl_err *err;
};

static int out_of_room(struct parse *p, int r)
{
	if (r == -E2BIG)
		return src_fail(p->src, p->lex.at, p->err,
		                "more than %d pieces in one template file; make it smaller",
		                PROG_OPS_MAX);
	if (r == -ENOMEM)
		return err_set(p->err, p->src->file, 0, 0, -ENOMEM, "out of memory");
	return r;
}

static int expected(struct parse *p, const char *what)
{
	const struct tok *now = &p->toks.now;

	if (now->kind == TOK_END)
		return src_fail(p->src, now->at, p->err, "expected %s, found the end of the braces",
		                what);
	return src_fail(p->src, now->at, p->err, "expected %s, found \"%.*s\"", what,
	                err_quote(now->text), (const char *)now->text.at);
}

static bool at_mark(const struct parse *p, char mark)
{
	return p->toks.now.kind == TOK_MARK && p->toks.now.mark == mark;
}

/* A word of the template itself; in a header it may not carry a line end. */
static int literal(struct parse *p, struct prog_op *op)
{
	struct span text = p->toks.now.text;

	for (size_t i = 0; i < text.bytes && p->prog->context == TPL_IN_HEADER; i++)
		if (text.at[i] < 0x20 && text.at[i] != '\t')
			return src_fail(p->src, p->toks.now.at, p->err,
			                "a text with a line end or control character in a header");
	op->from = FROM_POOL;
	op->b = (uint32_t)text.bytes;
	return out_of_room(p, prog_pool(p->prog, text, &op->a));
}

/* name, name.part, or ["a name of any shape"]; the parts are joined with dots and looked up. */
static int variable(struct parse *p, struct prog_op *op, bool may_be_unknown)
{
	char path[256];
	size_t n = 0, at = p->toks.now.at;
	struct name_at where;
	int r;

	for (;;) {
		bool bracket = at_mark(p, '[');
		struct span part;

		if (bracket && (r = toks_next(&p->toks, p->err)) != 0)
			return r;
		if (p->toks.now.kind != (bracket ? TOK_STRING : TOK_NAME))
			return expected(p, bracket ? "a quoted name after \"[\"" : "a name");
		part = p->toks.now.text;
		if (part.bytes + 1 > sizeof(path) - n)
			return src_fail(p->src, at, p->err, "a variable name over %zu bytes",
			                sizeof(path) - 1);
		memcpy(path + n, part.at, part.bytes);
		n += part.bytes;
		if ((r = toks_next(&p->toks, p->err)) != 0)
			return r;
		if (bracket && !at_mark(p, ']'))
			return expected(p, "\"]\"");
		if (bracket && (r = toks_next(&p->toks, p->err)) != 0)
			return r;
		if (!at_mark(p, '.') && !at_mark(p, '['))
			break;
		path[n++] = '.';
		if (at_mark(p, '.') && (r = toks_next(&p->toks, p->err)) != 0)
			return r;
	}
	if (name_find(p->columns, span_of(path, n), &where)) {
		op->from = (uint8_t)where.from;
		op->a = where.column;
		return 0;
	}
	if (!may_be_unknown)
		return name_unknown(p->columns, p->src, at, span_of(path, n), p->err);
	op->from = FROM_POOL; /* empty, for the default to replace */
	op->a = op->b = 0;
	return 0;
}

/* A quoted text, a number or a variable, into an operation that takes a value. */
static int value(struct parse *p, struct prog_op *op, bool may_be_unknown)
{
	int r;

	src_place(p->src, p->toks.now.at, &op->line, &op->column);
	if (p->toks.now.kind == TOK_NAME || at_mark(p, '['))
		return variable(p, op, may_be_unknown);
	if (p->toks.now.kind != TOK_STRING && p->toks.now.kind != TOK_NUMBER)
		return expected(p, "a variable, a quoted text or a number");
	r = literal(p, op);
	return r != 0 ? r : toks_next(&p->toks, p->err);
}

/* ---- filters ---- */

static const struct filter {
	const char *name;
	enum prog_opcode code;
	bool takes_value;
} filters[] = {
	/* clang-format off */
	{ "default", OP_DEFAULT, true  },
	{ "escape",  OP_ESCAPE,  false },
	{ "raw",     OP_RAW,     false },
	/* clang-format on */
};

static const struct filter *filter_find(struct span name)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (span_eq(name, span_str(filters[i].name)))
			return &filters[i];
	return NULL;
}

static int unknown_filter(struct parse *p)
{
	char list[64];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
		                      filters[i].name);
	return src_fail(p->src, p->toks.now.at, p->err, "unknown filter \"%.*s\"; supported: %s",
	                err_quote(p->toks.now.text), (const char *)p->toks.now.text.at, list);
}

/* One filter; `now` stands after its "|". */
static int filter(struct parse *p)
{
	const struct filter *f;
	struct prog_op op = { 0 };
	int r;

	if (p->toks.now.kind != TOK_NAME)
		return expected(p, "a filter name after \"|\"");
	f = filter_find(p->toks.now.text);
	if (f == NULL)
		return unknown_filter(p);
	op.code = (uint8_t)f->code;
	if ((r = toks_next(&p->toks, p->err)) != 0)
		return r;
	if (f->takes_value) {
		if (!at_mark(p, ':'))
			return expected(p, "\":\" and a value after \"default\"");
		if ((r = toks_next(&p->toks, p->err)) != 0 || (r = value(p, &op, false)) != 0)
			return r;
	}
	return out_of_room(p, prog_add(p->prog, op));
}

/* True when a `default` filter follows in this piece, so that an unknown name has a stand-in. */
static bool default_follows(const struct parse *p)
{
	struct toks ahead = p->toks;
	struct tpl_err ignored;
	bool bar = false;

	while (ahead.now.kind != TOK_END) {
		if (bar && ahead.now.kind == TOK_NAME &&
		    span_eq(ahead.now.text, span_str("default")))
			return true;
		bar = ahead.now.kind == TOK_MARK && ahead.now.mark == '|';
		if (toks_next(&ahead, &ignored) != 0)
			return false;
	}
	return false;
}

static int output(struct parse *p, const struct piece *piece)
{
	struct prog_op load = { .code = OP_LOAD }, emit = { .code = OP_EMIT };
	int r = toks_init(&p->toks, p->src, piece, p->err);

	if (r != 0)
		return r;
	if (p->toks.now.kind == TOK_END) /* {{ }} writes nothing, as in Liquid */
		return 0;
	if ((r = value(p, &load, default_follows(p))) != 0)
		return r;
	if ((r = out_of_room(p, prog_add(p->prog, load))) != 0)
		return r;
	while (at_mark(p, '|')) {
		if ((r = toks_next(&p->toks, p->err)) != 0 || (r = filter(p)) != 0)
			return r;
	}
	if (p->toks.now.kind != TOK_END)
		return expected(p, "\"|\" and a filter, or the end of the braces");
	emit.line = load.line;
	emit.column = load.column;
	return out_of_room(p, prog_add(p->prog, emit));
}

/* ---- tags ---- */

static int text(struct parse *p, const struct piece *piece)
{
	return out_of_room(p, prog_add_text(p->prog, span_of(p->src->text.at + piece->at,
	                                                     piece->end - piece->at)));
}

static int tag_comment(struct parse *p, const struct piece *piece)
{
	struct piece inside;

	return lex_block(&p->lex, piece, "comment", true, &inside, p->err);
}

static int tag_raw(struct parse *p, const struct piece *piece)
{
	struct piece inside;
	int r = lex_block(&p->lex, piece, "raw", false, &inside, p->err);

	return r != 0 ? r : text(p, &inside);
}

static const struct {
	const char *name;
	int (*run)(struct parse *p, const struct piece *piece); /* `now` is past the name */
} tags[] = {
	{ "comment", tag_comment },
	{ "raw", tag_raw },
};

static int tag(struct parse *p, const struct piece *piece)
{
	char list[64];
	size_t n = 0;
	struct tok name;
	int r = toks_init(&p->toks, p->src, piece, p->err);

	if (r != 0)
		return r;
	name = p->toks.now;
	if (name.kind != TOK_NAME)
		return expected(p, "a tag name");
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!span_eq(name.text, span_str(tags[i].name)))
			continue;
		if ((r = toks_next(&p->toks, p->err)) != 0)
			return r;
		if (p->toks.now.kind != TOK_END)
			return expected(p, "nothing more in this tag");
		return tags[i].run(p, piece);
	}
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]) && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
		                      tags[i].name);
	return src_fail(p->src, piece->start, p->err, "unknown tag \"%.*s\"; supported: %s",
	                err_quote(name.text), (const char *)name.text.at, list);
}

int parse_slice(struct prog *prog, struct src *src, size_t at, size_t end,
                const struct tpl_columns *columns, struct tpl_err *err)
{
	struct parse p = { .prog = prog, .src = src, .columns = columns, .err = err };
	struct piece piece;
	int r;

	lex_init(&p.lex, src, at, end);
	while ((r = lex_next(&p.lex, &piece, err)) == 0 && piece.kind != PIECE_END) {
		if (piece.kind == PIECE_TEXT)
			r = text(&p, &piece);
		else if (piece.kind == PIECE_OUTPUT)
			r = output(&p, &piece);
		else
			r = tag(&p, &piece);
		if (r != 0)
			return r;
	}
	return r;
}
