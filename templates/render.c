/* render.c - runs a program over one row into bounded memory. */
#include "templates/render.h"

#include <assert.h>
#include <errno.h>

#include "templates/utf8.h"

enum how { HOW_BY_CONTEXT, HOW_ESCAPED, HOW_RAW };

static struct span value_of(const struct prog *prog, const struct prog_op *op,
                            const struct tpl_job *job)
{
	switch ((enum tpl_from)op->from) {
	case FROM_POOL:
		return op->b == 0 ? span_of(NULL, 0) : span_of(prog->pool + op->a, op->b);
	case FROM_COLUMN:
		return job->values[op->a];
	case FROM_CAMPAIGN_NAME:
		return job->campaign->name;
	case TPL_N_FROMS:
		break;
	}
	assert(!"a program holds known sources only");
	return span_of(NULL, 0);
}

static int refuse(const struct prog *prog, const struct prog_op *op, struct tpl_err *err,
                  const char *why)
{
	return err_set(err, prog->file, op->line, op->column, -EINVAL, "%s", why);
}

/* A value is foreign: what a header may not carry would let it add headers of its own. */
static int check_value(const struct prog *prog, const struct prog_op *op, struct span value,
                       struct tpl_err *err)
{
	bool header = prog->context == TPL_IN_HEADER;

	for (size_t i = 0; i < value.bytes; i++) {
		uint8_t b = value.at[i];

		if (b == 0)
			return refuse(prog, op, err, "the value has a NUL byte; mend the row");
		if (header && (b == '\r' || b == '\n'))
			return refuse(
			    prog, op, err,
			    "the value has a line end, which a header may not; mend the row");
		if (header && ((b < 0x20 && b != '\t') || b == 0x7f))
			return refuse(prog, op, err,
			              "the value has a control character, which a header may not; "
			              "mend the row");
	}
	if (utf8_first_bad(value) != value.bytes)
		return refuse(prog, op, err, "the value is not UTF-8; mend the row");
	return 0;
}

static const char *entity(uint8_t b)
{
	switch (b) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* Line ends of any kind become CRLF; a lone CR or LF never reaches a message (RFC 5321 2.3.8). */
static void put_value(struct buf *out, struct span value, bool escape)
{
	for (size_t i = 0; i < value.bytes; i++) {
		uint8_t b = value.at[i];
		const char *e = escape ? entity(b) : NULL;

		if (e != NULL) {
			buf_str(out, e);
		} else if (b == '\r' || b == '\n') {
			if (b == '\r' && i + 1 < value.bytes && value.at[i + 1] == '\n')
				i++;
			buf_put(out, "\r\n", 2);
		} else {
			buf_byte(out, b);
		}
	}
}

int render(const struct prog *prog, const struct tpl_job *job, struct buf *out, struct tpl_err *err)
{
	struct span acc = span_of(NULL, 0);
	enum how how = HOW_BY_CONTEXT;
	int r;

	for (uint32_t i = 0; i < prog->n_ops; i++) {
		const struct prog_op *op = &prog->ops[i];

		switch ((enum prog_opcode)op->code) {
		case OP_TEXT:
			buf_put(out, prog->pool + op->a, op->b);
			break;
		case OP_DEFAULT:
			if (acc.bytes != 0)
				break;
			/* fall through */
		case OP_LOAD:
			acc = value_of(prog, op, job);
			how = HOW_BY_CONTEXT;
			break;
		case OP_ESCAPE:
			how = HOW_ESCAPED;
			break;
		case OP_RAW:
			how = HOW_RAW;
			break;
		case OP_EMIT:
			if ((r = check_value(prog, op, acc, err)) != 0)
				return r;
			put_value(out, acc,
			          how == HOW_ESCAPED ||
			              (how == HOW_BY_CONTEXT && prog->context == TPL_IN_HTML));
			break;
		case PROG_N_OPCODES:
			assert(!"a program holds known operations only");
		}
		if (out->full)
			return -ENOSPC;
	}
	return out->full ? -ENOSPC : 0;
}
