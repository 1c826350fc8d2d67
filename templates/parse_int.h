/* parse_int.h - the parser's parts: pieces and blocks (parse.c), expressions (parse_expr.c,
 * parse_filter.c), tags (parse_tag.c, parse_flow.c, parse_call.c). Inside the parser only.
 */
#pragma once

#include "templates/lex.h"
#include "templates/parse.h"
#include "templates/value.h"

enum {
	BLOCKS_MAX = 100,  /* blocks inside one another */
	NESTING_MAX = 32,  /* brackets inside one another; {% liquid %} inside {% liquid %} */
	ARGUMENTS_MAX = 64 /* of one filter, tag or call */
};

struct parse;
struct block;

/* A tag that encloses others. */
struct block_kind {
	const char *name;
	int (*end)(struct parse *p, struct block *b);
	int (*otherwise)(struct parse *p, struct block *b); /* at `else`; NULL: it has none */
	bool strips; /* when it holds white space only, that is not written */
};

struct block {
	const struct block_kind *kind;
	struct piece open;
	uint32_t ops;   /* where it begins */
	uint32_t next;  /* the jump taken when this branch is not; PROG_NONE */
	uint32_t exits; /* jumps to the end: a chain through their `a` */
	uint32_t info;  /* loop, symbol; of a case: where the body of a `when` begins, PROG_NONE */
	bool blank;     /* nothing but white space so far */
	bool has_else;
};

struct parse {
	struct prog *prog;
	struct src *src;
	struct lex lex;
	struct toks toks;   /* of the piece being read */
	struct piece piece; /* that */
	struct unit *unit;
	struct tpl_err *err;
	struct block blocks[BLOCKS_MAX];
	uint32_t n_blocks;
	uint32_t floor; /* blocks that were open where {% liquid %} began */
	uint32_t depth; /* of the stack */
	uint32_t nesting;
};

/* ---- parse.c ---- */

/* Reads pieces up to the end of `p->lex`. */
int parse_pieces(struct parse *p);

/* "expected <what>, found ..." at the word not yet taken; returns -EINVAL. */
int expected(struct parse *p, const char *what);

/* Turns -E2BIG and -ENOMEM into an error that is told. */
int out_of_room(struct parse *p, int r);

static inline bool at_mark(const struct parse *p, char mark)
{
	return p->toks.now.kind == TOK_MARK && p->toks.now.mark == mark;
}

static inline bool at_word(const struct parse *p, const char *word)
{
	return p->toks.now.kind == TOK_NAME && span_eq(p->toks.now.text, span_str(word));
}

static inline int take(struct parse *p)
{
	return toks_next(&p->toks, p->err);
}

int expect_end(struct parse *p);

/* Appends an operation; keeps count of the stack. `place` is where in the source it stands. */
int add(struct parse *p, struct prog_op op, size_t place);
int add_const(struct parse *p, struct tpl_value value);

/* Appends a jump to a place not known yet; `*at` names it for jump_here(). */
int add_jump(struct parse *p, enum prog_opcode code, uint32_t *at);
void jump_here(struct parse *p, uint32_t at);

/* The same for a chain of jumps. */
int chain_jump(struct parse *p, enum prog_opcode code, uint32_t *chain);
void chain_here(struct parse *p, uint32_t *chain);

/* A name that this program sets: NAME, or quoted, or a number. */
int take_target(struct parse *p, uint32_t *sym);
int set_sym(struct parse *p, struct span name, uint32_t *sym);

/* The block that is open, or NULL. */
struct block *block_top(struct parse *p);
int block_open(struct parse *p, const struct block_kind *kind, struct block **out);

/* ---- parse_expr.c ---- */

/* A literal, a variable with its parts, or a range: pushes one value. */
int parse_value(struct parse *p);

/* True for a name that is no variable: true, nil, empty, ... */
bool parse_is_constant(struct span word);

/* True when the word after the one not yet taken is this mark. */
bool mark_follows(const struct parse *p, char mark);

/* ---- parse_filter.c ---- */

/* A value and its filters. */
int parse_filtered(struct parse *p);

/* Comparisons joined by `and` and `or`. */
int parse_condition(struct parse *p);

/* parse_merge.c: the whole of `p->lex`, as text with merge tags. */
int parse_merge(struct parse *p);

/* ---- tags: `now` is past the tag's name ---- */

int tag_if(struct parse *p);
int tag_unless(struct parse *p);
int tag_elsif(struct parse *p);
int tag_case(struct parse *p);
int tag_when(struct parse *p);
int tag_for(struct parse *p);
int tag_tablerow(struct parse *p);
int tag_break(struct parse *p);
int tag_continue(struct parse *p);
int tag_include(struct parse *p);
int tag_render(struct parse *p);

/* parse_tag.c: runs the tag in `p->piece`. */
int parse_tag(struct parse *p);
