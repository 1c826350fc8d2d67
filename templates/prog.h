/* prog.h - a compiled template text: operations on one accumulator, and a pool of literals.
 *
 *	{{ name | default: "you" }}   LOAD column 1; DEFAULT pool 0+3; EMIT
 *
 * Life    prog_init() .. prog_fini(); immutable once parsed.
 * Thread  any may render it.
 */
#pragma once

#include "templates/names.h"

enum {
	PROG_OPS_MAX = 1 << 16,
};

/* What a text is written into; decides about escaping and line ends. */
enum tpl_context {
	TPL_IN_HEADER, /* no escaping, no line ends */
	TPL_IN_TEXT,   /* no escaping, CRLF */
	TPL_IN_HTML,   /* HTML escaping unless `raw`, CRLF */
};

enum prog_opcode {
	OP_TEXT,    /* writes pool [a, a+b) as it is */
	OP_LOAD,    /* accumulator = value */
	OP_DEFAULT, /* accumulator = value, when it is empty */
	OP_ESCAPE,  /* the accumulator will be escaped, whatever the context */
	OP_RAW,     /* it will not */
	OP_EMIT,    /* writes the accumulator */
	PROG_N_OPCODES
};

struct prog_op {
	uint8_t code;          /* enum prog_opcode */
	uint8_t from;          /* enum tpl_from, of a value */
	uint32_t a, b;         /* column, or pool offset and bytes */
	uint32_t line, column; /* of the variable in the source; 0 for text */
};

struct prog {
	const char *file; /* outlives it */
	enum tpl_context context;
	struct prog_op *ops;
	uint32_t n_ops, ops_room;
	uint8_t *pool;
	size_t pool_bytes, pool_room;
};

void prog_init(struct prog *prog, const char *file, enum tpl_context context);
void prog_fini(struct prog *prog);

/* Appends an operation. Returns 0, -ENOMEM, or -E2BIG past PROG_OPS_MAX. */
int prog_add(struct prog *prog, struct prog_op op);

/* Appends bytes to the pool as they are and says where. Returns 0 or -ENOMEM. */
int prog_pool(struct prog *prog, struct span bytes, uint32_t *at);

/* Appends template text as an operation, with the line ends its context asks for. As prog_add(). */
int prog_add_text(struct prog *prog, struct span text);
