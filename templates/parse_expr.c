/* parse_expr.c - literals, variables with their parts, ranges. */
#include <errno.h>
#include <stdlib.h>

#include "templates/parse_int.h"

enum { PATH_BYTES_MAX = 256 };

bool mark_follows(const struct parse *p, char mark)
{
	struct toks ahead = p->toks;
	struct tpl_err ignored;

	return toks_next(&ahead, &ignored) == 0 && ahead.now.kind == TOK_MARK &&
	       ahead.now.mark == mark;
}

static int nest(struct parse *p)
{
	if (++p->nesting > NESTING_MAX)
		return src_fail(p->src, p->toks.now.at, p->err,
		                "more than %d brackets inside one another", NESTING_MAX);
	return 0;
}

/* ---- literals ---- */

/* A word of the template itself; in a header it may not carry a line end. */
static int parse_string(struct parse *p)
{
	struct span text = p->toks.now.text;
	int r;

	for (size_t i = 0; i < text.bytes && p->prog->context == TPL_IN_HEADER; i++)
		if (text.at[i] < 0x20 && text.at[i] != '\t')
			return src_fail(p->src, p->toks.now.at, p->err,
			                "a text with a line end or control character in a header");
	r = add_const(p, value_text(text));
	return r != 0 ? r : take(p);
}

static int parse_number(struct parse *p)
{
	struct span s = p->toks.now.text;
	struct tpl_value v;
	char text[64];
	int r;

	if (s.bytes >= sizeof(text))
		return src_fail(p->src, p->toks.now.at, p->err, "a number of over 63 digits");
	memcpy(text, s.at, s.bytes);
	text[s.bytes] = '\0';
	errno = 0;
	v = memchr(s.at, '.', s.bytes) != NULL ? value_float(strtod(text, NULL))
	                                       : value_int(strtoll(text, NULL, 10));
	if (errno == ERANGE && v.kind == TPL_INT)
		return src_fail(p->src, p->toks.now.at, p->err, "a whole number over 64 bits");
	r = add_const(p, v);
	return r != 0 ? r : take(p);
}

static const struct {
	const char *word;
	struct tpl_value value;
} literals[] = {
	/* clang-format off */
	{ "true",  { .kind = TPL_BOOL, .yes = true } },
	{ "false", { .kind = TPL_BOOL, .yes = false } },
	{ "nil",   { .kind = TPL_NIL } },
	{ "null",  { .kind = TPL_NIL } },
	{ "empty", { .kind = VALUE_EMPTY } },
	{ "blank", { .kind = VALUE_BLANK } },
	/* clang-format on */
};

bool parse_is_constant(struct span word)
{
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
		if (span_eq(word, span_str(literals[i].word)))
			return true;
	return false;
}

static const struct tpl_value *literal_find(const struct parse *p)
{
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
		if (at_word(p, literals[i].word) && !mark_follows(p, '.') && !mark_follows(p, '['))
			return &literals[i].value;
	return NULL;
}

/* (first..last) */
static int parse_range(struct parse *p)
{
	size_t place = p->toks.now.at;
	int r = nest(p);

	if (r != 0 || (r = take(p)) != 0 || (r = parse_value(p)) != 0)
		return r;
	if (p->toks.now.kind != TOK_DOTS)
		return expected(p, "\"..\"");
	if ((r = take(p)) != 0 || (r = parse_value(p)) != 0)
		return r;
	if (!at_mark(p, ')'))
		return expected(p, "\")\"");
	p->nesting--;
	r = add(p, (struct prog_op){ .code = OP_RANGE }, place);
	return r != 0 ? r : take(p);
}

/* ---- variables ---- */

/* A variable as it is read: the parts known from the text, and where its operations begin. */
struct path {
	char text[PATH_BYTES_MAX];
	size_t bytes, place;
	uint32_t first_op, parts;
	bool fixed;  /* every part so far is known from the text */
	bool strict; /* a part that no plain text has */
};

static int path_add(struct parse *p, struct path *path, struct span part)
{
	if (part.bytes + 1 > sizeof(path->text) - path->bytes)
		return src_fail(p->src, path->place, p->err, "a variable name over %zu bytes",
		                sizeof(path->text) - 2);
	if (path->parts++ != 0)
		path->text[path->bytes++] = '.';
	memcpy(path->text + path->bytes, part.at, part.bytes);
	path->bytes += part.bytes;
	return 0;
}

/* [ value ]; of a quoted one the part is known. */
static int parse_bracket(struct parse *p, struct path *path)
{
	struct tok first;
	int r = nest(p);

	if (r != 0 || (r = take(p)) != 0)
		return r;
	first = p->toks.now;
	if ((r = parse_value(p)) != 0)
		return r;
	if (!at_mark(p, ']'))
		return expected(p, "\"]\"");
	p->nesting--;
	path->fixed = path->fixed && first.kind == TOK_STRING;
	if (path->fixed) {
		path->strict = path->strict || path->parts == 1;
		r = path_add(p, path, first.text);
	}
	return r != 0 ? r : take(p);
}

static bool every_text_has(struct span part)
{
	return span_eq(part, span_str("size")) || span_eq(part, span_str("first")) ||
	       span_eq(part, span_str("last"));
}

static int parse_dot(struct parse *p, struct path *path)
{
	struct prog_op op = { .code = OP_DOT };
	struct span part;
	size_t place;
	int r = take(p);

	if (r != 0)
		return r;
	if (p->toks.now.kind != TOK_NAME)
		return expected(p, "a name");
	part = p->toks.now.text;
	place = p->toks.now.at;
	if (path->fixed) {
		path->strict = path->strict || (path->parts == 1 && !every_text_has(part));
		if ((r = path_add(p, path, part)) != 0)
			return r;
	}
	r = out_of_room(p, prog_const(p->prog, value_text(part), &op.a));
	if (r != 0 || (r = add(p, op, place)) != 0)
		return r;
	return take(p);
}

/* What the recipient table calls by the whole path needs no steps: campaign.name, or a column with
 * dots in its name. Nor does unsubscribe_url, which is no column.
 */
static int whole_path(struct parse *p, const struct path *path)
{
	struct prog_op *op = &p->prog->ops[path->first_op];
	struct name_at where;
	int r;

	if (p->unit->columns == NULL || !path->fixed)
		return 0;
	if (name_find(p->unit->columns, span_of(path->text, path->bytes), &where) &&
	    (path->parts > 1 || where.from == FROM_UNSUBSCRIBE_URL)) {
		p->prog->n_ops = path->first_op + 1;
		op->code = where.from == FROM_COLUMN            ? OP_COLUMN
		           : where.from == FROM_UNSUBSCRIBE_URL ? OP_UNSUBSCRIBE
		                                                : OP_CAMPAIGN;
		op->a = where.from == FROM_POSTAL_ADDRESS ? PROG_CAMPAIGN_POSTAL : where.column;
		return 0;
	}
	r = prog_const(p->prog, value_text(span_of(path->text, path->bytes)), &op->b);
	op->c |= path->strict ? VAR_HAS_PARTS : 0;
	return out_of_room(p, r);
}

static int parse_root(struct parse *p, struct path *path)
{
	struct prog_op op = { .code = OP_VAR };
	bool bracket = at_mark(p, '[');
	struct toks ahead = p->toks;
	int r;

	if (bracket && (r = toks_next(&ahead, p->err)) != 0)
		return r;
	if (bracket && ahead.now.kind != TOK_STRING) { /* [a variable that holds the name] */
		const struct tpl_columns *columns = p->unit->columns;
		uint32_t sym;

		path->fixed = false;
		for (uint32_t i = 0; columns != NULL && i < columns->n; i++)
			if ((r = unit_sym(p->unit, columns->names[i], &sym)) != 0)
				return out_of_room(p, r);
		if ((r = parse_bracket(p, path)) != 0)
			return r;
		return add(p, (struct prog_op){ .code = OP_NAMED }, path->place);
	}
	p->toks = ahead;
	if ((r = path_add(p, path, p->toks.now.text)) != 0 ||
	    (r = out_of_room(p, unit_sym(p->unit, p->toks.now.text, &op.a))) != 0 ||
	    (r = out_of_room(p, prog_const(p->prog, value_text(p->toks.now.text), &op.b))) != 0 ||
	    (r = add(p, op, path->place)) != 0 || (r = take(p)) != 0)
		return r;
	if (!bracket)
		return 0;
	return at_mark(p, ']') ? take(p) : expected(p, "\"]\"");
}

static int parse_variable(struct parse *p)
{
	struct path path = { .place = p->toks.now.at, .first_op = p->prog->n_ops, .fixed = true };
	int r = parse_root(p, &path);

	while (r == 0 && (at_mark(p, '.') || at_mark(p, '['))) {
		if (at_mark(p, '.')) {
			r = parse_dot(p, &path);
			continue;
		}
		r = parse_bracket(p, &path);
		if (r == 0)
			r = add(p, (struct prog_op){ .code = OP_INDEX }, path.place);
	}
	return r != 0 ? r : whole_path(p, &path);
}

int parse_value(struct parse *p)
{
	const struct tpl_value *literal;
	int r;

	switch (p->toks.now.kind) {
	case TOK_STRING:
		return parse_string(p);
	case TOK_NUMBER:
		return parse_number(p);
	case TOK_NAME:
		literal = literal_find(p);
		if (literal == NULL)
			return parse_variable(p);
		r = add_const(p, *literal);
		return r != 0 ? r : take(p);
	default:
		if (at_mark(p, '('))
			return parse_range(p);
		if (at_mark(p, '['))
			return parse_variable(p);
		return expected(p, "a variable, a quoted text or a number");
	}
}
