/* same.c - whether a template's messages differ from row to row. */
#include <errno.h>

#include "templates/compiled.h"

static int differs(const struct prog *prog, const struct prog_op *op, struct tpl_err *err,
                   const char *what, struct span name)
{
	return err_set(err, prog->file, op->line, op->column, -EINVAL,
	               "%s%.*s differs for each recipient", what, err_quote(name),
	               (const char *)name.at);
}

/* What an operation reads of its row. A name that a template sets itself may stand for a column
 * where it is not set, so it counts as one.
 */
static int check_op(const struct prog *prog, const struct prog_op *op,
                    const struct tpl_columns *columns, struct tpl_err *err)
{
	const struct sym *sym;

	switch ((enum prog_opcode)op->code) {
	case OP_VAR:
		sym = &prog->unit->syms[op->a];
		if (sym->column == SYM_NO_COLUMN)
			return 0;
		return differs(prog, op, err, "the column ", sym_name(prog->unit, op->a));
	case OP_COLUMN:
		return differs(prog, op, err, "the column ", columns->names[op->a]);
	case OP_NAMED:
		return differs(prog, op, err, "", span_str("a column whose name is made here"));
	case OP_UNSUBSCRIBE:
		return differs(prog, op, err, "", span_str("unsubscribe_url"));
	case OP_ENVELOPE:
		return op->a != ENVELOPE_TO ? 0 : differs(prog, op, err, "", span_str("[*to]"));
	default:
		return 0; /* of the template, the campaign, or what these have given */
	}
}

static int check_prog(const struct prog *prog, const struct tpl_columns *columns,
                      struct tpl_err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < prog->n_ops && r == 0; i++)
		r = check_op(prog, &prog->ops[i], columns, err);
	return r;
}

static int check_partials(const struct unit *unit, const struct tpl_columns *columns,
                          struct tpl_err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < unit->n_partials && r == 0; i++)
		if (unit->partials[i].used)
			r = check_prog(&unit->partials[i], columns, err);
	return r;
}

/* Fields that are made for each recipient unless the template or the campaign has its own. */
static int check_fields(const struct tpl *tpl, const struct tpl_campaign *campaign,
                        struct tpl_err *err)
{
	if (campaign->to.bytes == 0)
		return err_set(err, tpl->message_file, 0, 0, -EINVAL,
		               "To differs for each recipient");
	if (campaign->class == TPL_CLASS_BULK &&
	    (campaign->unsubscribe_url.bytes != 0 || campaign->unsubscribe_mailto.bytes != 0) &&
	    fields_find(&tpl->fields, "List-Unsubscribe") == NULL)
		return err_set(err, tpl->message_file, 0, 0, -EINVAL,
		               "List-Unsubscribe differs for each recipient, as bulk mail needs "
		               "it");
	return 0;
}

int tpl_check_same(const struct tpl *tpl, const struct tpl_columns *columns,
                   const struct tpl_campaign *campaign, struct tpl_err *err)
{
	int r = check_fields(tpl, campaign, err);

	for (uint32_t i = 0; i < tpl->fields.n && r == 0; i++)
		r = check_prog(&tpl->fields.at[i].value, columns, err);
	if (r == 0 && tpl->has_html)
		r = check_prog(&tpl->html, columns, err);
	if (r == 0 && tpl->has_text)
		r = check_prog(&tpl->text, columns, err);
	if (r == 0)
		r = check_partials(&tpl->html_unit, columns, err);
	return r != 0 ? r : check_partials(&tpl->text_unit, columns, err);
}
