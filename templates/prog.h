/* prog.h - a compiled template text: operations on a stack of values, and a pool of literals.
 *
 *	{{ name | default: "you" }}   VAR name; CONST "you"; FILTER default 1; EMIT
 *
 * Life    prog_init() .. prog_fini(); immutable once parsed.
 * Thread  any may render it.
 */
#pragma once

#include "templates/unit.h"

enum {
	PROG_OPS_MAX = 1 << 16,
	PROG_CONSTS_MAX = 1 << 16,
	PROG_STACK_MAX = 128, /* values at once: nested cases and long argument lists */
	PROG_NONE = UINT32_MAX,
};

/* What a text is written into; decides about escaping and line ends. */
enum tpl_context {
	TPL_IN_HEADER,     /* no escaping, no line ends */
	TPL_IN_TEXT,       /* no escaping, CRLF */
	TPL_IN_HTML,       /* HTML escaping unless `raw`, CRLF */
	TPL_IN_PLAIN,      /* as it is: a text alone */
	TPL_IN_PLAIN_HTML, /* HTML escaping, line ends as they are */
};

static inline bool context_is_html(enum tpl_context context)
{
	return context == TPL_IN_HTML || context == TPL_IN_PLAIN_HTML;
}

static inline bool context_has_crlf(enum tpl_context context)
{
	return context == TPL_IN_TEXT || context == TPL_IN_HTML;
}

enum prog_opcode {
#define PROG_OP(sym, pops, pushes) OP_##sym,
#include "templates/prog_op.def"
#undef PROG_OP
	PROG_N_OPCODES
};

/* Of OP_ENVELOPE: its recipient, its sender, the time of the first attempt as RFC 5322 writes it.
 */
enum prog_envelope { ENVELOPE_TO, ENVELOPE_FROM, ENVELOPE_DATE };

/* Of OP_CAMPAIGN. */
enum prog_campaign { PROG_CAMPAIGN_NAME, PROG_CAMPAIGN_POSTAL };

enum prog_compare { IS_EQ, IS_NE, IS_LT, IS_GT, IS_LE, IS_GE, IS_CONTAINS };

/* Of OP_VAR: a `default` stands for it, so that it may be unknown. */
enum { VAR_OPTIONAL = 1, VAR_HAS_PARTS = 2 };

/* Of OP_FOR and OP_ROWS: what is on the stack, and how to walk. */
enum { FOR_LIMIT = 1, FOR_OFFSET = 2, FOR_CONTINUE = 4, FOR_COLUMNS = 8, FOR_REVERSED = 16 };

struct prog_op {
	uint8_t code;          /* enum prog_opcode */
	uint8_t n;             /* how many values it takes; flags; an enum prog_compare */
	uint16_t c;            /* filter; flags of a variable; of a text: depth of its block */
	uint32_t a, b;         /* see prog_op.def */
	uint32_t line, column; /* in the source, for what fails at run time; 0 for text */
};

/* A loop of the text. */
struct prog_loop {
	uint32_t var;       /* symbol of the item */
	uint32_t name;      /* constant "item-list" */
	uint32_t slot;      /* symbol that remembers where `offset: continue` goes on */
	uint32_t otherwise; /* where to go when there is no item */
	uint32_t end;
};

/* A call of a partial. Stack: the partial's name, `with` or `for` value if any, arguments. */
struct prog_call {
	bool isolated; /* `render`: it sees its arguments only */
	bool has_value, each;
	uint32_t alias;        /* symbol of the value; PROG_NONE: by the partial's name */
	uint32_t args, n_args; /* symbols, in prog.args */
};

struct prog {
	const char *file; /* outlives it */
	const struct unit *unit;
	enum tpl_context context;
	uint32_t serial; /* in its unit, from 1 */
	bool is_partial;
	bool used; /* of a partial: something may call it */
	struct prog_op *ops;
	uint32_t n_ops, ops_room;
	uint8_t *pool;
	size_t pool_bytes, pool_room;
	struct tpl_value *consts; /* of a text: `number` is its place in the pool */
	uint32_t n_consts, consts_room;
	struct prog_loop *loops;
	uint32_t n_loops, loops_room;
	struct prog_call *calls;
	uint32_t n_calls, calls_room;
	uint32_t *args;
	uint32_t n_args, args_room;
};

void prog_init(struct prog *prog, const char *file, enum tpl_context context);
void prog_fini(struct prog *prog);

/* Appends an operation. Returns 0, -ENOMEM, or -E2BIG past PROG_OPS_MAX. */
int prog_add(struct prog *prog, struct prog_op op);

/* Appends template text as an operation, with the line ends its context asks for. As prog_add(). */
int prog_add_text(struct prog *prog, struct span text, uint16_t depth);

/* Adds a constant, a text by copy, and says which. As prog_add(). */
int prog_const(struct prog *prog, struct tpl_value value, uint32_t *at);

/* A constant's value; of a text it points into the pool. */
struct tpl_value prog_const_value(const struct prog *prog, uint32_t at);

int prog_add_loop(struct prog *prog, struct prog_loop loop, uint32_t *at);
int prog_add_call(struct prog *prog, struct prog_call call, uint32_t *at);
int prog_add_arg(struct prog *prog, uint32_t sym);
