/* prog.c - a compiled template text: operations on one accumulator, and a pool of literals. */
#include "templates/prog.h"

#include <errno.h>
#include <stdlib.h>

void prog_init(struct prog *prog, const char *file, enum tpl_context context)
{
	*prog = (struct prog){ .file = file, .context = context };
}

void prog_fini(struct prog *prog)
{
	free(prog->ops);
	free(prog->pool);
	*prog = (struct prog){ 0 };
}

int prog_add(struct prog *prog, struct prog_op op)
{
	if (prog->n_ops == PROG_OPS_MAX)
		return -E2BIG;
	if (prog->n_ops == prog->ops_room) {
		uint32_t room = prog->ops_room == 0 ? 8 : prog->ops_room * 2;
		struct prog_op *ops = reallocarray(prog->ops, room, sizeof(*ops));

		if (ops == NULL)
			return -ENOMEM;
		prog->ops = ops;
		prog->ops_room = room;
	}
	prog->ops[prog->n_ops++] = op;
	return 0;
}

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

int prog_pool(struct prog *prog, struct span bytes, uint32_t *at)
{
	int r = pool_reserve(prog, bytes.bytes);

	if (r != 0)
		return r;
	*at = (uint32_t)prog->pool_bytes;
	if (bytes.bytes != 0)
		memcpy(prog->pool + prog->pool_bytes, bytes.at, bytes.bytes);
	prog->pool_bytes += bytes.bytes;
	return 0;
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

int prog_add_text(struct prog *prog, struct span text)
{
	struct prog_op op = { .code = OP_TEXT };
	int r = pool_reserve(prog, text.bytes * 2);

	if (r != 0)
		return r;
	op.a = (uint32_t)prog->pool_bytes;
	op.b = pool_lines(prog, text);
	return op.b == 0 ? 0 : prog_add(prog, op);
}
