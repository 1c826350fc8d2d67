/* render.c - runs a program over one row, or over data, into bounded memory. */
#include "templates/render.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "templates/filters.h"
#include "templates/ids.h"
#include "templates/vm.h"

/* ---- failing ---- */

int vm_fail(struct vm *vm, const char *fmt, ...)
{
	const struct prog_op *op = &vm->prog->ops[vm->pc - 1];
	char text[sizeof(vm->err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(vm->err, vm->prog->file, op->line, op->column, -EINVAL, "%s", text);
}

int vm_no_memory(struct vm *vm)
{
	return vm_fail(vm, "%s", filter_no_memory);
}

struct frame *vm_frame(struct vm *vm, enum frame_kind kind)
{
	struct frame *f;

	if (vm->n_frames == RENDER_FRAMES_MAX)
		return NULL;
	f = &vm->frames[vm->n_frames++];
	*f = (struct frame){ .kind = (uint8_t)kind, .stack = vm->n_stack };
	return f;
}

/* ---- names ---- */

struct scope *scope_new(struct vm *vm)
{
	uint32_t n = vm->prog->unit->n_syms;
	struct scope *s = arena_get(&vm->arena, 1, sizeof(*s));
	struct tpl_value *values = arena_get(&vm->arena, 4 * (size_t)n, sizeof(*values));

	if (s == NULL || values == NULL)
		return NULL;
	for (uint32_t i = 0; i < 4 * n; i++)
		values[i] = (struct tpl_value){ .kind = VALUE_UNSET };
	*s = (struct scope){ .bound = values,
		             .set = values + n,
		             .counts = values + 2 * n,
		             .resume = values + 3 * n };
	return s;
}

struct tpl_value vm_find(struct vm *vm, uint32_t sym)
{
	const struct scope *s = vm->scope;
	const struct sym *name = &vm->prog->unit->syms[sym];

	if (s->bound[sym].kind != VALUE_UNSET)
		return s->bound[sym];
	if (s->set[sym].kind != VALUE_UNSET)
		return s->set[sym];
	if (s->counts[sym].kind != VALUE_UNSET)
		return s->counts[sym];
	if (name->column != SYM_NO_COLUMN && vm->job != NULL)
		return vm->job->values[name->column];
	if (vm->data != NULL && !s->isolated)
		return value_member(*vm->data, sym_name(vm->prog->unit, sym));
	return (struct tpl_value){ .kind = VALUE_UNSET };
}

struct tpl_value vm_find_name(struct vm *vm, struct span name)
{
	uint32_t sym;

	if (unit_find(vm->prog->unit, name, &sym))
		return vm_find(vm, sym);
	if (vm->data != NULL && !vm->scope->isolated)
		return value_member(*vm->data, name);
	return (struct tpl_value){ .kind = VALUE_UNSET };
}

/* ---- the machine ---- */

static int push_envelope(struct vm *vm, enum prog_envelope what)
{
	const struct tpl_envelope *e = &vm->job->envelope;
	char *date;

	if (what != ENVELOPE_DATE) {
		vm_push(vm, value_text(what == ENVELOPE_TO ? e->rcpt_to : e->mail_from));
		return 0;
	}
	date = arena_get(&vm->arena, 1, IDS_DATE_BYTES);
	if (date == NULL)
		return vm_no_memory(vm);
	if (ids_date(vm->job->first_attempt_s, date) != 0)
		return vm_fail(vm,
		               "the time of the first attempt is not in the years 1970 to 9999");
	vm_push(vm, value_text(span_str(date)));
	return 0;
}

static int push_campaign(struct vm *vm, uint32_t what)
{
	const struct tpl_campaign *c = vm->job->campaign;

	if (what == PROG_CAMPAIGN_POSTAL && c->postal_address.bytes == 0)
		return vm_fail(vm, "this campaign has no postal address; give it "
		                   "--postal-address or set postal_address");
	vm_push(vm, value_text(what == PROG_CAMPAIGN_POSTAL ? c->postal_address : c->name));
	return 0;
}

static int step(struct vm *vm, const struct prog_op *op)
{
	struct tpl_value v, of;

	switch ((enum prog_opcode)op->code) {
	case OP_TEXT:
		buf_put(vm->out, vm->prog->pool + op->a, op->b);
		return 0;
	case OP_CONST:
		vm_push(vm, prog_const_value(vm->prog, op->a));
		return 0;
	case OP_VAR:
		vm_push(vm, vm_find(vm, op->a));
		return 0;
	case OP_NAMED:
		v = vm_pop(vm);
		vm_push(vm, vm_find_name(vm, value_to_text(&vm->arena, v)));
		return 0;
	case OP_COLUMN:
		vm_push(vm, vm->job->values[op->a]);
		return 0;
	case OP_CAMPAIGN:
		return push_campaign(vm, op->a);
	case OP_UNSUBSCRIBE:
		if (vm->job->unsubscribe_url.bytes == 0)
			return vm_fail(vm, "this campaign has no unsubscribe_url; give it "
			                   "--unsubscribe-url or set unsubscribe.url");
		vm_push(vm, value_text(vm->job->unsubscribe_url));
		return 0;
	case OP_ENVELOPE:
		return push_envelope(vm, op->a);
	case OP_DOT:
		v = vm_pop(vm);
		vm->steps += value_weight(v);
		vm_push(vm,
		        value_dot(&vm->arena, v, value_span(prog_const_value(vm->prog, op->a))));
		return 0;
	case OP_INDEX:
		v = vm_pop(vm);
		of = vm_pop(vm);
		vm->steps += value_weight(of);
		vm_push(vm, value_index(of, v));
		return 0;
	case OP_RANGE:
		return run_range(vm);
	case OP_FILTER:
		return run_filter(vm, op);
	case OP_COMPARE:
		return run_compare(vm, op->n);
	case OP_AND:
	case OP_OR:
		if (value_truthy(vm->stack[vm->n_stack - 1]) == (op->code == OP_OR))
			vm->pc = op->a;
		else
			vm->n_stack--;
		return 0;
	case OP_JUMP:
		vm->pc = op->a;
		return 0;
	case OP_IF:
	case OP_UNLESS:
		if (value_truthy(vm_pop(vm)) == (op->code == OP_IF))
			vm->pc = op->a;
		return 0;
	case OP_EMIT:
		return run_emit(vm);
	case OP_ASSIGN:
		v = vm_pop(vm);
		vm->scope->set[op->a] = v.kind == VALUE_UNSET ? value_nil() : v;
		return 0;
	case OP_CAPTURE:
		return run_open_text(vm, FRAME_CAPTURE, op->a);
	case OP_CAPTURED:
		return run_captured(vm);
	case OP_CHANGES:
		return run_open_text(vm, FRAME_CHANGES, 0);
	case OP_CHANGED:
		return run_changed(vm);
	case OP_COUNT:
		return run_count(vm, op);
	case OP_CYCLE:
		return run_cycle(vm, op);
	case OP_WHEN:
		run_when(vm, op);
		return 0;
	case OP_AGAIN:
		run_again(vm, op);
		return 0;
	case OP_OTHERWISE:
		if (vm->stack[vm->n_stack - 1].yes)
			vm->pc = op->a;
		return 0;
	case OP_ENDCASE:
		vm->n_stack -= 2;
		return 0;
	case OP_FOR:
	case OP_ROWS:
		return run_for(vm, op);
	case OP_NEXT:
		return run_next(vm);
	case OP_NEXT_CELL:
		return run_next_cell(vm);
	case OP_BREAK:
	case OP_CONTINUE:
		return run_break(vm, op->code == OP_CONTINUE);
	case OP_CALL:
		return run_call(vm, op);
	case PROG_N_OPCODES:
		break;
	}
	assert(!"a program holds known operations only");
	return -EINVAL;
}

static int run(struct vm *vm)
{
	int r;

	vm->scope = scope_new(vm);
	if (vm->scope == NULL)
		return err_set(vm->err, vm->prog->file, 0, 0, -EINVAL, "%s", filter_no_memory);
	for (;;) {
		if (vm->pc == vm->prog->n_ops) {
			if (vm->n_frames == 0)
				return 0;
			if ((r = run_return(vm)) != 0)
				return r;
			continue;
		}
		r = step(vm, &vm->prog->ops[vm->pc++]);
		if (r != 0)
			return r;
		if (vm->out->full)
			return -ENOSPC;
		if (++vm->steps > RENDER_STEPS_MAX)
			return vm_fail(vm, "more than %d steps; the template loops too much",
			               RENDER_STEPS_MAX);
	}
}

/* The stacks and the arena's first bytes need no clearing, so only these are set. */
static int start(struct vm *vm, const struct prog *prog, struct buf *out, struct tpl_err *err)
{
	int r;

	vm->prog = prog;
	vm->out = out;
	vm->err = err;
	vm->pc = vm->n_stack = vm->n_frames = 0;
	vm->cycles = NULL;
	vm->changed = span_of(NULL, 0);
	vm->steps = 0;
	arena_init(&vm->arena);
	r = run(vm);
	arena_fini(&vm->arena);
	return r;
}

int render(const struct prog *prog, const struct tpl_job *job, struct buf *out, struct tpl_err *err)
{
	struct vm vm;

	vm.job = job;
	vm.data = NULL;
	vm.now_s = job->first_attempt_s; /* so that every attempt gives the same bytes */
	return start(&vm, prog, out, err);
}

int render_data(const struct prog *prog, const struct tpl_value *data, int64_t now_s,
                struct buf *out, struct tpl_err *err)
{
	struct vm vm;

	vm.job = NULL;
	vm.data = data;
	vm.now_s = now_s;
	return start(&vm, prog, out, err);
}
