/* prog.c - a compiled template text: operations on a stack of values, and a pool of literals. */
#include "templates/prog.h"

#include <errno.h>
#include <stdlib.h>

#include "templates/value.h"

void prog_init(struct prog *prog, const char *file, enum tpl_context context)
{
	*prog = (struct prog){ .file = file, .context = context };
}

void prog_fini(struct prog *prog)
{
	free(prog->ops);
	free(prog->pool);
	free(prog->consts);
	free(prog->loops);
	free(prog->calls);
	free(prog->args);
	*prog = (struct prog){ 0 };
}

/* Makes room for one more in a table of at most `max`. */
static int reserve(void **table, uint32_t n, uint32_t *room, size_t bytes, uint32_t max)
{
	uint32_t more = *room == 0 ? 8 : *room * 2;
	void *at;

	if (n == max)
		return -E2BIG;
	if (n < *room)
		return 0;
	at = reallocarray(*table, more, bytes);
	if (at == NULL)
		return -ENOMEM;
	*table = at;
	*room = more;
	return 0;
}

#define RESERVE(prog, table, max)                                                                  \
	reserve((void **)&(prog)->table, (prog)->n_##table, &(prog)->table##_room,                 \
	        sizeof(*(prog)->table), max)

int prog_add(struct prog *prog, struct prog_op op)
{
	int r = RESERVE(prog, ops, PROG_OPS_MAX);

	if (r == 0)
		prog->ops[prog->n_ops++] = op;
	return r;
}

int prog_add_loop(struct prog *prog, struct prog_loop loop, uint32_t *at)
{
	int r = RESERVE(prog, loops, PROG_OPS_MAX);

	*at = prog->n_loops;
	if (r == 0)
		prog->loops[prog->n_loops++] = loop;
	return r;
}

int prog_add_call(struct prog *prog, struct prog_call call, uint32_t *at)
{
	int r = RESERVE(prog, calls, PROG_OPS_MAX);

	*at = prog->n_calls;
	if (r == 0)
		prog->calls[prog->n_calls++] = call;
	return r;
}

int prog_add_arg(struct prog *prog, uint32_t sym)
{
	int r = RESERVE(prog, args, PROG_OPS_MAX);

	if (r == 0)
		prog->args[prog->n_args++] = sym;
	return r;
}

/* ---- texts ---- */

static int pool_reserve(struct prog *prog, size_t bytes)
{
	size_t room = prog->pool_room == 0 ? 256 : prog->pool_room;
	uint8_t *pool;

	while (room - prog->pool_bytes < bytes)
		room *= 2;
	if (room == prog->pool_room)
		return 0;
	pool = realloc(prog->pool, room);
	if (pool == NULL)
		return -ENOMEM;
	prog->pool = pool;
	prog->pool_room = room;
	return 0;
}

static bool is_same(const struct prog *prog, uint32_t at, struct tpl_value value)
{
	struct tpl_value have = prog_const_value(prog, at);

	if (have.kind != value.kind)
		return false;
	if (value.kind == TPL_STRING)
		return span_eq(value_span(have), value_span(value));
	return value.kind != TPL_FLOAT && have.number == value.number;
}

enum { CONSTS_LOOKED_AT = 64 }; /* so that a text of many literals stays linear */

int prog_const(struct prog *prog, struct tpl_value value, uint32_t *at)
{
	uint32_t from = prog->n_consts < CONSTS_LOOKED_AT ? 0 : prog->n_consts - CONSTS_LOOKED_AT;
	struct tpl_value copy = value;
	int r;

	for (*at = from; *at < prog->n_consts; ++*at)
		if (is_same(prog, *at, value))
			return 0;
	r = RESERVE(prog, consts, PROG_CONSTS_MAX);
	if (r == 0 && value.kind == TPL_STRING) {
		r = pool_reserve(prog, value.n);
		copy.number = (int64_t)prog->pool_bytes;
		if (r == 0 && value.n != 0)
			memcpy(prog->pool + prog->pool_bytes, value.text, value.n);
		prog->pool_bytes += r == 0 ? value.n : 0;
	}
	if (r == 0)
		prog->consts[prog->n_consts++] = copy;
	return r;
}

struct tpl_value prog_const_value(const struct prog *prog, uint32_t at)
{
	struct tpl_value v = prog->consts[at];

	if (v.kind == TPL_STRING)
		v.text = (const char *)prog->pool + v.number;
	return v;
}

/* In bodies each line end becomes CRLF; in a header a folded line is joined (RFC 5322 2.2.3). */
static uint32_t pool_lines(struct prog *prog, struct span text)
{
	uint8_t *out = prog->pool + prog->pool_bytes, *from = out;

	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t b = text.at[i];

		if (b != '\r' && b != '\n') {
			*out++ = b;
			continue;
		}
		if (b == '\r' && i + 1 < text.bytes && text.at[i + 1] == '\n')
			i++;
		if (prog->context != TPL_IN_HEADER) {
			*out++ = '\r';
			*out++ = '\n';
		}
	}
	prog->pool_bytes += (size_t)(out - from);
	return (uint32_t)(out - from);
}

int prog_add_text(struct prog *prog, struct span text, uint16_t depth)
{
	struct prog_op op = { .code = OP_TEXT, .c = depth };
	int r = pool_reserve(prog, text.bytes * 2);

	if (r != 0)
		return r;
	op.a = (uint32_t)prog->pool_bytes;
	if (context_has_crlf(prog->context) || prog->context == TPL_IN_HEADER) {
		op.b = pool_lines(prog, text);
	} else if (text.bytes != 0) {
		op.b = (uint32_t)text.bytes;
		memcpy(prog->pool + prog->pool_bytes, text.at, text.bytes);
		prog->pool_bytes += text.bytes;
	}
	return op.b == 0 ? 0 : prog_add(prog, op);
}
