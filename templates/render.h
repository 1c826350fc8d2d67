/* render.h - runs a program over one row, or over data, into bounded memory. */
#pragma once

#include "templates/buf.h"
#include "templates/prog.h"

enum {
	RENDER_STEPS_MAX = 1 << 23, /* operations of one rendering, long filters counted as more */
	RENDER_FRAMES_MAX = 100,    /* loops, captures and partials inside one another */
	RENDER_STACK_MAX = 1024,    /* values at once, over all partials */
};

/* Appends what the program makes of the row to `out`. Returns 0; -ENOSPC when it does not fit;
 * -EINVAL with `err` when a value may not stand there (not UTF-8, a NUL, and in a header any
 * control character but the tab), a filter cannot do its work, or a bound is passed.
 */
int render(const struct prog *prog, const struct tpl_job *job, struct buf *out,
           struct tpl_err *err);

/* The same over data of any shape, at a time. */
int render_data(const struct prog *prog, const struct tpl_value *data, int64_t now_s,
                struct buf *out, struct tpl_err *err);
