/* run_loop.c - for, tablerow, break, continue and cycle. */
#include <errno.h>
#include <stdio.h>

#include "templates/emit.h"
#include "templates/number.h"
#include "templates/vm.h"

/* A whole number from the stack when the loop has it. */
static int take_bound(struct vm *vm, const struct prog_op *op, uint8_t flag, const char *what,
                      int64_t *out)
{
	struct tpl_value v;

	if ((op->n & flag) == 0)
		return 0;
	v = vm_pop(vm);
	if (value_is_nil(v) || number_is_whole(v, out))
		return 0;
	return vm_fail(vm, "%s is no whole number", what);
}

/* How many items a value has to walk over. A text is one, when it is not empty. */
static int set_items(struct vm *vm, struct loop *l, struct tpl_value v)
{
	struct tpl_value *one;

	l->over = v;
	if (v.kind == TPL_ARRAY || v.kind == TPL_OBJECT) {
		l->n = v.n;
	} else if (v.kind == VALUE_RANGE) {
		l->n = value_range_n(v);
	} else if (v.kind == TPL_STRING && v.n != 0) {
		if ((one = arena_get(&vm->arena, 1, sizeof(*one))) == NULL)
			return vm_no_memory(vm);
		*one = v;
		l->over = value_list(one, 1);
		l->n = 1;
	}
	return 0;
}

/* Cuts to offset and limit, and remembers where the next such loop may go on. */
static void cut(struct vm *vm, struct loop *l, const struct prog_loop *info, int64_t offset,
                int64_t limit)
{
	uint64_t from = offset < 0 ? 0 : (uint64_t)offset;

	if (from > l->n)
		from = l->n;
	l->from = from;
	l->n -= from;
	if (limit >= 0 && l->n > (uint64_t)limit)
		l->n = (uint64_t)limit;
	vm->scope->resume[info->slot] = value_int((int64_t)(from + l->n));
}

static void bind_item(struct vm *vm, const struct frame *f)
{
	const struct prog_loop *info = &vm->prog->loops[f->info];
	struct tpl_value v = loop_item(&vm->arena, f->loop);

	vm->scope->bound[info->var] = v.kind == VALUE_UNSET ? value_nil() : v;
}

static void open_cell(struct vm *vm, const struct loop *l)
{
	char text[80];

	if (l->i % l->columns == 0) {
		snprintf(text, sizeof(text), "<tr class=\"row%llu\">%s",
		         (unsigned long long)(l->i / l->columns + 1), l->i == 0 ? "\n" : "");
		emit_markup(vm->out, vm->prog->context, text);
	}
	snprintf(text, sizeof(text), "<td class=\"col%llu\">",
	         (unsigned long long)(l->i % l->columns + 1));
	emit_markup(vm->out, vm->prog->context, text);
}

/* A tablerow without items still is a row. */
static int no_items(struct vm *vm, const struct prog_op *op, const struct prog_loop *info,
                    bool is_nil)
{
	if (op->code == OP_ROWS && !is_nil)
		emit_markup(vm->out, vm->prog->context, "<tr class=\"row1\">\n</tr>\n");
	vm->pc = op->code == OP_ROWS ? info->end : info->otherwise;
	return 0;
}

int run_for(struct vm *vm, const struct prog_op *op)
{
	const struct prog_loop *info = &vm->prog->loops[op->a];
	int64_t limit = -1, offset = 0, columns = 0;
	uint32_t sym = op->code == OP_FOR ? SYM_FORLOOP : SYM_TABLEROWLOOP;
	struct loop *l = arena_get(&vm->arena, 1, sizeof(*l));
	struct tpl_value over;
	struct frame *f;
	int r;

	if (l == NULL)
		return vm_no_memory(vm);
	if ((r = take_bound(vm, op, FOR_COLUMNS, "cols", &columns)) != 0 ||
	    (r = take_bound(vm, op, FOR_OFFSET, "offset", &offset)) != 0 ||
	    (r = take_bound(vm, op, FOR_LIMIT, "limit", &limit)) != 0)
		return r;
	over = vm_pop(vm);
	*l = (struct loop){ .reversed = (op->n & FOR_REVERSED) != 0,
		            .name = value_span(prog_const_value(vm->prog, info->name)),
		            .parent = vm->scope->bound[sym] };
	if ((r = set_items(vm, l, over)) != 0)
		return r;
	if ((op->n & FOR_CONTINUE) != 0 && vm->scope->resume[info->slot].kind == TPL_INT)
		offset = vm->scope->resume[info->slot].number;
	cut(vm, l, info, offset, limit);
	if (l->n == 0)
		return no_items(vm, op, info, value_is_nil(over));
	l->columns = columns > 0 && columns < UINT32_MAX ? (uint32_t)columns
	             : l->n < UINT32_MAX                 ? (uint32_t)l->n
	                                                 : UINT32_MAX;
	f = vm_frame(vm, op->code == OP_FOR ? FRAME_FOR : FRAME_ROWS);
	if (f == NULL)
		return vm_fail(vm, "more than %d blocks inside one another", RENDER_FRAMES_MAX);
	f->loop = l;
	f->info = op->a;
	f->pc = vm->pc;
	f->old_var = vm->scope->bound[info->var];
	f->old_loop = vm->scope->bound[sym];
	vm->scope->bound[sym] =
	    (struct tpl_value){ .kind = op->code == OP_FOR ? VALUE_LOOP : VALUE_ROW, .other = l };
	bind_item(vm, f);
	if (op->code == OP_ROWS)
		open_cell(vm, l);
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

static void leave_loop(struct vm *vm)
{
	struct frame *f = &vm->frames[--vm->n_frames];
	const struct prog_loop *info = &vm->prog->loops[f->info];

	vm->scope->bound[f->kind == FRAME_FOR ? SYM_FORLOOP : SYM_TABLEROWLOOP] = f->old_loop;
	vm->scope->bound[info->var] = f->old_var;
	vm->n_stack = f->stack;
	vm->pc = info->end;
}

/* On to the next item, or out. */
static int advance(struct vm *vm)
{
	struct frame *f = &vm->frames[vm->n_frames - 1];

	if (++f->loop->i == f->loop->n) {
		leave_loop(vm);
		return 0;
	}
	bind_item(vm, f);
	vm->n_stack = f->stack;
	vm->pc = f->pc;
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

int run_next(struct vm *vm)
{
	return advance(vm);
}

int run_next_cell(struct vm *vm)
{
	const struct loop *l = vm->frames[vm->n_frames - 1].loop;
	bool ends_row = (l->i + 1) % l->columns == 0 || l->i + 1 == l->n, last = l->i + 1 == l->n;
	int r;

	emit_markup(vm->out, vm->prog->context, ends_row ? "</td></tr>\n" : "</td>");
	r = advance(vm);
	if (r == 0 && !last)
		open_cell(vm, l);
	return r;
}

/* Leaves what is under way up to the loop, a partial that is included too; one that is rendered, or
 * the whole template, ends there.
 */
int run_break(struct vm *vm, bool goes_on)
{
	int r;

	while (vm->n_frames != 0) {
		struct frame *f = &vm->frames[vm->n_frames - 1];

		switch ((enum frame_kind)f->kind) {
		case FRAME_FOR:
			if (goes_on)
				return advance(vm);
			leave_loop(vm);
			return 0;
		case FRAME_ROWS:
			if (goes_on)
				return run_next_cell(vm);
			emit_markup(vm->out, vm->prog->context, "</td></tr>\n");
			leave_loop(vm);
			return 0;
		case FRAME_CAPTURE: /* what there is of it is kept */
			if ((r = run_captured(vm)) != 0)
				return r;
			break;
		case FRAME_CHANGES:
			vm->n_frames--;
			break;
		case FRAME_CALL:
			if (f->call->isolated)
				return run_return(vm);
			leave_call(vm);
			break;
		}
	}
	vm->n_stack = 0;
	vm->pc = vm->prog->n_ops;
	return 0;
}

int run_cycle(struct vm *vm, const struct prog_op *op)
{
	uint32_t first = vm->n_stack - op->n;
	struct tpl_value group =
	    op->b != 0 ? vm->stack[first - 1] : prog_const_value(vm->prog, op->a);
	struct cycle *c = vm->cycles;
	const char *why = NULL;

	while (c != NULL && (c->named != (op->b != 0) || !value_equal(c->group, group))) {
		c = c->next;
		vm->steps++;
	}
	if (c == NULL) {
		if ((c = arena_get(&vm->arena, 1, sizeof(*c))) == NULL)
			return vm_no_memory(vm);
		*c = (struct cycle){ .next = vm->cycles, .group = group, .named = op->b != 0 };
		vm->cycles = c;
	}
	if (c->i < op->n)
		why = emit_value(vm->out, &vm->arena, vm->prog->context, vm->stack[first + c->i]);
	c->i = c->i + 1 >= op->n ? 0 : c->i + 1;
	vm->n_stack = first - op->b;
	if (why != NULL)
		return vm_fail(vm, "%s", why);
	return 0;
}
