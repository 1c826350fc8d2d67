/* vm.h - a rendering under way: its values, names and frames. Inside render.c and run_*.c only. */
#pragma once

#include "templates/loop.h"
#include "templates/render.h"

enum frame_kind { FRAME_FOR, FRAME_ROWS, FRAME_CAPTURE, FRAME_CHANGES, FRAME_CALL };

/* What names mean; a partial that is rendered has one of its own. */
struct scope {
	struct tpl_value *bound;  /* by symbol: loop variables and arguments */
	struct tpl_value *set;    /* by `assign` and `capture` */
	struct tpl_value *counts; /* by `increment` and `decrement` */
	struct tpl_value *resume; /* where `offset: continue` goes on */
	bool isolated;            /* the data are not seen */
};

/* Something under way that `break` must be able to leave. */
struct frame {
	uint8_t kind;
	uint32_t stack; /* values that were there before */
	size_t from;    /* of a capture: where its text begins */
	uint32_t info;  /* of a loop: its number in the program; of a capture: its symbol */
	struct loop *loop;
	struct tpl_value old_var, old_loop; /* what the names meant outside */

	/* of a call */
	const struct prog *prog; /* the caller, and where it goes on */
	uint32_t pc;
	const struct prog_call *call;
	uint32_t alias;
	struct scope *scope; /* the caller's */
	struct tpl_value *args, *old;
};

/* How often a group of `cycle` was used. */
struct cycle {
	struct cycle *next;
	struct tpl_value group;
	bool named;
	uint32_t i;
};

struct vm {
	const struct prog *prog;
	uint32_t pc;
	const struct tpl_job *job; /* or */
	const struct tpl_value *data;
	int64_t now_s;
	struct buf *out;
	struct tpl_err *err;
	struct scope *scope;
	struct cycle *cycles;
	struct span changed; /* what `ifchanged` wrote last */
	uint64_t steps;
	uint32_t n_stack, n_frames;
	struct tpl_value stack[RENDER_STACK_MAX];
	struct frame frames[RENDER_FRAMES_MAX];
	struct arena arena;
};

/* Fills the error for the operation that runs; returns -EINVAL. */
int vm_fail(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int vm_no_memory(struct vm *vm);

static inline void vm_push(struct vm *vm, struct tpl_value v)
{
	vm->stack[vm->n_stack++] = v;
}

static inline struct tpl_value vm_pop(struct vm *vm)
{
	return vm->stack[--vm->n_stack];
}

/* A fresh frame; NULL when there are too many. */
struct frame *vm_frame(struct vm *vm, enum frame_kind kind);

/* A fresh scope; NULL when memory is out. */
struct scope *scope_new(struct vm *vm);

/* What a name means now; VALUE_UNSET when nothing. */
struct tpl_value vm_find(struct vm *vm, uint32_t sym);

/* The same of a name known at run time only. */
struct tpl_value vm_find_name(struct vm *vm, struct span name);

/* ---- run_value.c ---- */

int run_compare(struct vm *vm, enum prog_compare how);
int run_range(struct vm *vm);
int run_filter(struct vm *vm, const struct prog_op *op);
int run_emit(struct vm *vm);
int run_count(struct vm *vm, const struct prog_op *op);
void run_when(struct vm *vm, const struct prog_op *op);
void run_again(struct vm *vm, const struct prog_op *op);

/* Output from here on is a text of its own, for `capture` or `ifchanged`. */
int run_open_text(struct vm *vm, enum frame_kind kind, uint32_t sym);

/* Ends a capture: its text becomes the variable's value. */
int run_captured(struct vm *vm);
int run_changed(struct vm *vm);

/* ---- run_loop.c ---- */

int run_for(struct vm *vm, const struct prog_op *op);
int run_next(struct vm *vm);
int run_next_cell(struct vm *vm);
int run_break(struct vm *vm, bool goes_on);
int run_cycle(struct vm *vm, const struct prog_op *op);

/* ---- run_call.c ---- */

int run_call(struct vm *vm, const struct prog_op *op);

/* At the end of a partial: once more for the next item, or back to the caller. */
int run_return(struct vm *vm);

/* Back to the caller, whatever is left. */
void leave_call(struct vm *vm);
