/* run_call.c - include and render: a partial with its arguments, once or once an item. */
#include <errno.h>

#include "templates/vm.h"

/* `render` starts with its arguments as if they had been assigned; those of `include` are in front
 * of what it assigns.
 */
static void bind(struct vm *vm, const struct frame *f, uint32_t sym, struct tpl_value v)
{
	struct tpl_value *values = f->call->isolated ? vm->scope->set : vm->scope->bound;

	if (sym != PROG_NONE)
		values[sym] = v.kind == VALUE_UNSET ? value_nil() : v;
}

/* What one turn of the partial sees. */
static int bind_turn(struct vm *vm, struct frame *f)
{
	const struct prog *caller = f->prog;

	if (f->call->isolated) {
		vm->scope = scope_new(vm);
		if (vm->scope == NULL)
			return vm_no_memory(vm);
		vm->scope->isolated = true;
	}
	for (uint32_t i = 0; i < f->call->n_args; i++)
		bind(vm, f, caller->args[f->call->args + i], f->args[i]);
	if (f->loop != NULL) {
		bind(vm, f, f->alias, loop_item(&vm->arena, f->loop));
		if (f->call->isolated)
			bind(vm, f, SYM_FORLOOP,
			     (struct tpl_value){ .kind = VALUE_LOOP, .other = f->loop });
	} else if (f->call->has_value) {
		bind(vm, f, f->alias, f->args[f->call->n_args]);
	}
	return vm->arena.full ? vm_no_memory(vm) : 0;
}

/* Keeps what the names of a call mean outside; `render` has names of its own. */
static int keep_names(struct vm *vm, struct frame *f)
{
	uint32_t n = f->call->n_args;

	f->old = arena_get(&vm->arena, n + 1, sizeof(*f->old));
	if (f->old == NULL)
		return vm_no_memory(vm);
	for (uint32_t i = 0; i < n; i++)
		f->old[i] = vm->scope->bound[f->prog->args[f->call->args + i]];
	f->old[n] = f->alias == PROG_NONE ? value_nil() : vm->scope->bound[f->alias];
	return 0;
}

/* A list is gone through item by item: `include` does so with any, `render` when told `for`. */
static int set_turns(struct vm *vm, struct frame *f, struct tpl_value value)
{
	bool walks = value.kind == TPL_ARRAY ||
	             (f->call->isolated && (value.kind == VALUE_RANGE || value.kind == TPL_OBJECT));

	if (!walks || (f->call->isolated && !f->call->each))
		return 0;
	f->loop = arena_get(&vm->arena, 1, sizeof(*f->loop));
	if (f->loop == NULL)
		return vm_no_memory(vm);
	*f->loop = (struct loop){ .over = value,
		                  .n = value.kind == VALUE_RANGE ? value_range_n(value) : value.n,
		                  .columns = 1,
		                  .parent = value_nil() };
	return 0;
}

/* The symbol that the value of a partial named at run time gets, if anything reads it. */
static uint32_t alias_of(const struct vm *vm, struct span name)
{
	const uint8_t *slash = name.bytes == 0 ? NULL : memrchr(name.at, '/', name.bytes);
	uint32_t sym;

	if (slash != NULL)
		name = span_of(slash + 1, name.bytes - (size_t)(slash + 1 - name.at));
	return unit_find(vm->prog->unit, name, &sym) ? sym : PROG_NONE;
}

int run_call(struct vm *vm, const struct prog_op *op)
{
	const struct prog_call *call = &vm->prog->calls[op->a];
	uint32_t n = call->n_args, base = vm->n_stack - n - call->has_value - 1;
	struct tpl_value *args = arena_get(&vm->arena, n + 1, sizeof(*args));
	struct span name = value_to_text(&vm->arena, vm->stack[base]);
	const struct prog *partial = unit_partial_find(vm->prog->unit, name);
	struct frame *f;
	int r;

	if (args == NULL)
		return vm_no_memory(vm);
	if (!call->isolated && vm->scope->isolated)
		return vm_fail(vm, "a partial that is rendered may not include; use render");
	if (partial == NULL)
		return vm_fail(vm, "no partial \"%.*s\"", err_quote(name), (const char *)name.at);
	args[n] = call->has_value ? vm->stack[base + 1] : value_nil();
	for (uint32_t i = 0; i < n; i++)
		args[i] = vm->stack[base + 1 + call->has_value + i];
	vm->n_stack = base;
	if (base + PROG_STACK_MAX > RENDER_STACK_MAX || (f = vm_frame(vm, FRAME_CALL)) == NULL)
		return vm_fail(vm, "partials call each other too deeply");
	f->prog = vm->prog;
	f->pc = vm->pc;
	f->call = call;
	f->scope = vm->scope;
	f->args = args;
	f->alias = call->alias != PROG_NONE ? call->alias : alias_of(vm, name);
	if (!call->has_value && !call->isolated && f->alias != PROG_NONE)
		args[n] = vm_find(vm, f->alias);
	if ((r = keep_names(vm, f)) != 0 || (r = set_turns(vm, f, args[n])) != 0)
		return r;
	if (f->loop != NULL && f->loop->n == 0) {
		vm->n_frames--;
		return 0;
	}
	if ((r = bind_turn(vm, f)) != 0)
		return r;
	vm->prog = partial;
	vm->pc = 0;
	return 0;
}

void leave_call(struct vm *vm)
{
	struct frame *f = &vm->frames[--vm->n_frames];
	uint32_t n = f->call->n_args;

	vm->scope = f->scope;
	vm->prog = f->prog;
	vm->pc = f->pc;
	vm->n_stack = f->stack;
	if (f->call->isolated)
		return;
	if (f->alias != PROG_NONE)
		vm->scope->bound[f->alias] = f->old[n];
	for (uint32_t i = n; i-- > 0;)
		vm->scope->bound[f->prog->args[f->call->args + i]] = f->old[i];
}

int run_return(struct vm *vm)
{
	struct frame *f = &vm->frames[vm->n_frames - 1];

	if (f->loop != NULL && ++f->loop->i < f->loop->n) {
		vm->pc = 0;
		vm->n_stack = f->stack;
		return bind_turn(vm, f);
	}
	leave_call(vm);
	return 0;
}
