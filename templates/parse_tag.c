/* parse_tag.c - the table of tags, and the ones without control flow. */
#include <errno.h>

#include "templates/parse_int.h"

/* ---- values ---- */

static int tag_echo(struct parse *p)
{
	struct prog_op emit = { .code = OP_EMIT };
	size_t place = p->toks.now.at;
	int r;

	if (p->toks.now.kind == TOK_END)
		return 0;
	if ((r = parse_filtered(p)) != 0)
		return r;
	if (p->toks.now.kind != TOK_END)
		return expected(p, "\"|\" and a filter, or the end of the tag");
	return add(p, emit, place);
}

static int tag_assign(struct parse *p)
{
	struct prog_op op = { .code = OP_ASSIGN };
	size_t place = p->toks.now.at;
	int r = take_target(p, &op.a);

	if (r != 0)
		return r;
	if (!at_mark(p, '='))
		return expected(p, "\"=\"");
	if ((r = take(p)) != 0 || (r = parse_filtered(p)) != 0)
		return r;
	if (p->toks.now.kind != TOK_END)
		return expected(p, "\"|\" and a filter, or the end of the tag");
	return add(p, op, place);
}

static int count(struct parse *p, bool up)
{
	struct prog_op op = { .code = OP_COUNT, .n = up };
	size_t place = p->toks.now.at;
	int r = take_target(p, &op.a);

	if (r != 0 || (r = expect_end(p)) != 0)
		return r;
	return add(p, op, place);
}

static int tag_increment(struct parse *p)
{
	return count(p, true);
}

static int tag_decrement(struct parse *p)
{
	return count(p, false);
}

static uint64_t mix(uint64_t hash, struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		hash = (hash ^ s.at[i]) * 0x100000001b3; /* FNV-1a */
	return hash * 31 + s.bytes;
}

/* The group of a cycle that names none: its words, so that the same constants share a count. With
 * a variable among them the place counts, too, as in Ruby: each such tag counts for itself.
 */
static int64_t group_of_words(const struct parse *p)
{
	struct toks words = p->toks;
	uint64_t hash = 0xcbf29ce484222325;
	struct tpl_err err;
	bool variable = false;
	int r = 0;

	for (; r == 0 && words.now.kind != TOK_END; r = toks_next(&words, &err)) {
		char kind = (char)words.now.kind;

		variable |= words.now.kind == TOK_NAME && !parse_is_constant(words.now.text);
		hash = mix(hash, span_of(&kind, 1));
		hash = mix(hash, words.now.kind == TOK_MARK ? span_of(&words.now.mark, 1)
		                                            : words.now.text);
	}
	if (variable)
		hash = mix(mix(hash, span_str(p->src->file)),
		           span_of(&p->toks.now.at, sizeof(size_t)));
	return (int64_t)hash;
}

/* cycle [group:] value, value... ; without a group its words are one. */
static int tag_cycle(struct parse *p)
{
	struct tpl_value group = value_int(group_of_words(p));
	struct prog_op op = { .code = OP_CYCLE };
	size_t place = p->toks.now.at;
	int r = parse_value(p);

	if (r == 0 && at_mark(p, ':')) {
		op.b = 1;
		if ((r = take(p)) == 0)
			r = parse_value(p);
	}
	for (op.n = 1; r == 0 && at_mark(p, ','); op.n++) {
		if (op.n == ARGUMENTS_MAX)
			return expected(p, "64 values at most");
		if ((r = take(p)) == 0)
			r = parse_value(p);
	}
	if (r != 0 || (r = expect_end(p)) != 0)
		return r;
	if (op.b == 0)
		r = out_of_room(p, prog_const(p->prog, group, &op.a));
	return r != 0 ? r : add(p, op, place);
}

/* ---- blocks ---- */

static int capture_end(struct parse *p, struct block *b)
{
	b->blank = true; /* it writes nothing */
	return add(p, (struct prog_op){ .code = OP_CAPTURED }, b->open.start);
}

static int changed_end(struct parse *p, struct block *b)
{
	return add(p, (struct prog_op){ .code = OP_CHANGED }, b->open.start);
}

static const struct block_kind capture_kind = { .name = "capture", .end = capture_end };
static const struct block_kind changed_kind = { .name = "ifchanged", .end = changed_end };

static int tag_capture(struct parse *p)
{
	struct block *b;
	uint32_t sym;
	int r = take_target(p, &sym);

	if (r != 0 || (r = expect_end(p)) != 0 || (r = block_open(p, &capture_kind, &b)) != 0)
		return r;
	return add(p, (struct prog_op){ .code = OP_CAPTURE, .a = sym }, p->piece.start);
}

static int tag_ifchanged(struct parse *p)
{
	struct block *b;
	int r = block_open(p, &changed_kind, &b);

	return r != 0 ? r : add(p, (struct prog_op){ .code = OP_CHANGES }, p->piece.start);
}

/* ---- texts that are not read ---- */

static int tag_comment(struct parse *p)
{
	return lex_comment(&p->lex, &p->piece, p->err);
}

static int tag_doc(struct parse *p)
{
	struct piece inside;
	int r = expect_end(p);

	return r != 0 ? r : lex_raw(&p->lex, &p->piece, "doc", &inside, p->err);
}

static int tag_raw(struct parse *p)
{
	struct piece inside;
	int r = expect_end(p);

	if (r != 0 || (r = lex_raw(&p->lex, &p->piece, "raw", &inside, p->err)) != 0)
		return r;
	if (inside.at == inside.end)
		return 0;
	if (p->n_blocks != 0)
		p->blocks[p->n_blocks - 1].blank = false;
	return out_of_room(
	    p, prog_add_text(p->prog, span_of(p->src->text.at + inside.at, inside.end - inside.at),
	                     (uint16_t)p->n_blocks));
}

/* {% # ... %}: each of its lines begins with the mark. */
static int inline_comment(struct parse *p)
{
	const uint8_t *text = p->src->text.at;
	bool begins = true;

	for (size_t at = p->piece.at; at < p->piece.end; at++) {
		bool white = text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r');

		if (begins && !white && text[at] != '#')
			return src_fail(p->src, at, p->err,
			                "expected \"#\" before each line of this comment");
		begins = text[at] == '\n' || (begins && white);
	}
	return 0;
}

/* {% liquid %}: its lines are tags, and the blocks they open end in it. */
static int tag_liquid(struct parse *p)
{
	struct piece whole = p->piece;
	struct lex outer = p->lex;
	uint32_t floor = p->floor;
	int r;

	if (++p->nesting > NESTING_MAX)
		return src_fail(p->src, p->piece.start, p->err,
		                "more than %d \"liquid\" inside one another", NESTING_MAX);
	lex_init(&p->lex, p->src, p->toks.now.at, whole.end);
	p->lex.lines = true;
	p->floor = p->n_blocks;
	r = parse_pieces(p);
	p->floor = floor;
	p->lex = outer;
	p->nesting--;
	return r;
}

/* ---- the table ---- */

static int tag_else(struct parse *p)
{
	struct block *b = block_top(p);

	if (b == NULL || b->kind->otherwise == NULL)
		return src_fail(p->src, p->piece.start, p->err,
		                "\"else\" stands in if, unless, case and for only");
	return b->kind->otherwise(p, b);
}

static const struct tag {
	const char *name;
	int (*run)(struct parse *p);
	bool writes; /* more than the blocks it opens do */
} tags[] = {
	/* clang-format off */
	{ "assign",    tag_assign,    false }, { "break",     tag_break,     true },
	{ "capture",   tag_capture,   false }, { "case",      tag_case,      false },
	{ "comment",   tag_comment,   false }, { "continue",  tag_continue,  true },
	{ "cycle",     tag_cycle,     true },  { "decrement", tag_decrement, true },
	{ "doc",       tag_doc,       false }, { "echo",      tag_echo,      true },
	{ "else",      tag_else,      false }, { "elsif",     tag_elsif,     false },
	{ "for",       tag_for,       false }, { "if",        tag_if,        false },
	{ "ifchanged", tag_ifchanged, true },  { "include",   tag_include,   true },
	{ "increment", tag_increment, true },  { "liquid",    tag_liquid,    false },
	{ "raw",       tag_raw,       false }, { "render",    tag_render,    true },
	{ "tablerow",  tag_tablerow,  true },  { "unless",    tag_unless,    false },
	{ "when",      tag_when,      false },
	/* clang-format on */
};

/* White space that is all a block holds is not written, as Shopify does. */
static void strip(struct parse *p, const struct block *b)
{
	for (uint32_t i = b->ops; i < p->prog->n_ops; i++)
		if (p->prog->ops[i].code == OP_TEXT && p->prog->ops[i].c == p->n_blocks + 1)
			p->prog->ops[i].b = 0;
}

/* "endif" and the like. */
static int tag_end(struct parse *p, struct span name)
{
	struct block *b = block_top(p);
	struct span what = span_of(name.at + 3, name.bytes - 3);
	int r;

	if (b == NULL)
		return src_fail(p->src, p->piece.start, p->err, "\"%.*s\" without \"%.*s\"",
		                err_quote(name), (const char *)name.at, err_quote(what),
		                (const char *)what.at);
	if (!span_eq(what, span_str(b->kind->name)))
		return src_fail(p->src, p->piece.start, p->err,
		                "expected \"end%s\" before \"%.*s\"", b->kind->name,
		                err_quote(name), (const char *)name.at);
	if ((r = b->kind->end(p, b)) != 0)
		return r;
	p->n_blocks--;
	if (b->blank && b->kind->strips)
		strip(p, b);
	if (p->n_blocks != 0 && !b->blank)
		p->blocks[p->n_blocks - 1].blank = false;
	return 0;
}

static int unknown_tag(struct parse *p, struct span name)
{
	unsigned best = 3;
	const char *near = NULL;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		unsigned d = name_distance(name, span_str(tags[i].name), 2);

		if (d < best) {
			best = d;
			near = tags[i].name;
		}
	}
	if (near == NULL)
		return src_fail(p->src, p->piece.start, p->err, "unknown tag \"%.*s\"",
		                err_quote(name), (const char *)name.at);
	return src_fail(p->src, p->piece.start, p->err, "unknown tag \"%.*s\"; did you mean %s?",
	                err_quote(name), (const char *)name.at, near);
}

int parse_tag(struct parse *p)
{
	size_t at = p->piece.at;
	struct span name;
	int r;

	while (at < p->piece.end && (p->src->text.at[at] == ' ' ||
	                             (p->src->text.at[at] >= '\t' && p->src->text.at[at] <= '\r')))
		at++;
	if (at < p->piece.end && p->src->text.at[at] == '#')
		return inline_comment(p);
	if ((r = toks_init(&p->toks, p->src, &p->piece, p->err)) != 0)
		return r;
	if (p->toks.now.kind != TOK_NAME)
		return expected(p, "a tag name");
	name = p->toks.now.text;
	if (name.bytes > 3 && memcmp(name.at, "end", 3) == 0)
		return tag_end(p, name);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (!span_eq(name, span_str(tags[i].name)))
			continue;
		if (p->n_blocks != 0 && tags[i].writes)
			p->blocks[p->n_blocks - 1].blank = false;
		/* what a comment, an else or {% liquid %} holds may be no words */
		if (tags[i].run == tag_comment || tags[i].run == tag_else ||
		    tags[i].run == tag_ifchanged)
			return tags[i].run(p);
		if (tags[i].run == tag_liquid) {
			p->toks.now.at = p->toks.at;
			return tag_liquid(p);
		}
		r = take(p);
		return r != 0 ? r : tags[i].run(p);
	}
	return unknown_tag(p, name);
}
