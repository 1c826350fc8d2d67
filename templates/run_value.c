/* run_value.c - operations on values: comparing, filters, output, counters, texts that are kept,
 * case.
 */
#include <errno.h>

#include "templates/emit.h"
#include "templates/filters.h"
#include "templates/number.h"
#include "templates/vm.h"

/* ---- comparing ---- */

static bool contains(struct vm *vm, struct tpl_value a, struct tpl_value b)
{
	if (!value_truthy(b))
		return false;
	if (a.kind == TPL_STRING) {
		struct span what = value_to_text(&vm->arena, b);

		return what.bytes == 0 || memmem(a.text, a.n, what.at, what.bytes) != NULL;
	}
	if (a.kind == TPL_OBJECT)
		return b.kind == TPL_STRING && value_member(a, value_span(b)).kind != VALUE_UNSET;
	if (a.kind == VALUE_RANGE)
		return b.kind == TPL_INT && b.number >= a.items[0].number &&
		       b.number <= a.items[1].number;
	for (uint32_t i = 0; a.kind == TPL_ARRAY && i < a.n; i++)
		if (value_equal(a.items[i], b))
			return true;
	return false;
}

static bool has_order(struct tpl_value v)
{
	return v.kind == TPL_INT || v.kind == TPL_FLOAT || v.kind == TPL_STRING;
}

int run_compare(struct vm *vm, enum prog_compare how)
{
	struct tpl_value b = vm_pop(vm), a = vm_pop(vm);
	bool yes = false;
	int order = 0;

	vm->steps += value_weight(a);
	if (how == IS_EQ || how == IS_NE) {
		yes = value_equal(a, b) == (how == IS_EQ);
	} else if (how == IS_CONTAINS) {
		yes = contains(vm, a, b);
	} else if (has_order(a) && has_order(b)) {
		if (!value_compare(a, b, &order))
			return vm_fail(vm, "a text and a number have no order");
		yes = how == IS_LT   ? order < 0
		      : how == IS_GT ? order > 0
		      : how == IS_LE ? order <= 0
		                     : order >= 0;
	}
	vm_push(vm, value_bool(yes));
	return 0;
}

/* ---- values ---- */

int run_range(struct vm *vm)
{
	struct tpl_value *ends = arena_get(&vm->arena, 2, sizeof(*ends));

	if (ends == NULL)
		return vm_no_memory(vm);
	ends[1] = value_int(number_int_of(vm_pop(vm)));
	ends[0] = value_int(number_int_of(vm_pop(vm)));
	vm_push(vm, (struct tpl_value){ .kind = VALUE_RANGE, .items = ends });
	return 0;
}

int run_filter(struct vm *vm, const struct prog_op *op)
{
	const struct filter *f = &filters[op->c];
	struct filter_call c = { .arena = &vm->arena,
		                 .context = vm->prog->context,
		                 .now_s = vm->now_s,
		                 .steps = &vm->steps,
		                 .in = vm->stack[vm->n_stack - op->n - 1],
		                 .args = &vm->stack[vm->n_stack - op->n],
		                 .n_args = op->n - op->a,
		                 .named = op->a != 0 };
	const char *why;

	vm->steps += value_weight(c.in);
	why = f->run(&c);
	if (why != NULL)
		return vm_fail(vm, "\"%s\": %s", f->name, why);
	if (vm->arena.full)
		return vm_no_memory(vm);
	vm->n_stack -= op->n + 1u;
	vm_push(vm, c.out);
	return 0;
}

int run_emit(struct vm *vm)
{
	const char *why = emit_value(vm->out, &vm->arena, vm->prog->context, vm_pop(vm));

	if (why != NULL)
		return vm_fail(vm, "%s", why);
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

/* Counts start from the data's own number of that name. */
int run_count(struct vm *vm, const struct prog_op *op)
{
	struct tpl_value *at = &vm->scope->counts[op->a];
	int64_t number = at->kind == VALUE_UNSET ? 0 : at->number;

	if (at->kind == VALUE_UNSET && vm->data != NULL && !vm->scope->isolated)
		number = number_int_of(value_member(*vm->data, sym_name(vm->prog->unit, op->a)));
	if (op->n == 0 ? __builtin_sub_overflow(number, 1, &number) : number == INT64_MAX)
		return vm_fail(vm, "a whole number over 64 bits");
	*at = value_int(number + op->n);
	vm_push(vm, value_int(number));
	return run_emit(vm);
}

/* ---- texts that are kept ---- */

static struct span keep(struct vm *vm, size_t from)
{
	struct span s = buf_since(vm->out, from);
	uint8_t *copy = arena_get(&vm->arena, 1, s.bytes + 1);
	size_t n = 0;

	if (copy == NULL)
		return span_of(NULL, 0);
	/* values have LF alone; they get their CRLF when they are written */
	for (size_t i = 0; i < s.bytes; i++)
		if (!context_has_crlf(vm->prog->context) || s.at[i] != '\r')
			copy[n++] = s.at[i];
	return span_of(copy, n);
}

int run_captured(struct vm *vm)
{
	struct frame *f = &vm->frames[--vm->n_frames];
	struct tpl_value v = value_text(keep(vm, f->from));

	v.state = context_is_html(vm->prog->context) ? STATE_ESCAPED : STATE_PLAIN;
	vm->out->bytes = f->from;
	vm->scope->set[f->info] = v;
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

int run_changed(struct vm *vm)
{
	struct frame *f = &vm->frames[--vm->n_frames];
	struct span now = keep(vm, f->from);

	if (span_eq(now, vm->changed))
		vm->out->bytes = f->from;
	vm->changed = now;
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

int run_open_text(struct vm *vm, enum frame_kind kind, uint32_t sym)
{
	struct frame *f = vm_frame(vm, kind);

	if (f == NULL)
		return vm_fail(vm, "more than %d blocks inside one another", RENDER_FRAMES_MAX);
	f->from = vm->out->bytes;
	f->info = sym;
	return 0;
}

/* ---- case ---- */

/* Stack: the case's value, whether one was the same, and the values of this `when`. */
void run_when(struct vm *vm, const struct prog_op *op)
{
	uint32_t first = vm->n_stack - op->n;
	struct tpl_value value = vm->stack[first - 2];
	int64_t same = 0;

	for (uint32_t i = first; i < vm->n_stack; i++)
		same += value_equal(value, vm->stack[i]);
	vm->n_stack = first;
	if (same == 0) {
		vm->pc = op->a;
		return;
	}
	vm->stack[first - 1] = value_bool(true);
	vm_push(vm, value_int(same));
}

void run_again(struct vm *vm, const struct prog_op *op)
{
	if (--vm->stack[vm->n_stack - 1].number > 0)
		vm->pc = op->a;
	else
		vm->n_stack--;
}
