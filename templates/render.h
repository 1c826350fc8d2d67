/* render.h - runs a program over one row into bounded memory. */
#pragma once

#include "templates/buf.h"
#include "templates/prog.h"

/* Appends what the program makes of the row to `out`. Returns 0; -ENOSPC when it does not fit;
 * -EINVAL with `err` when a value may not stand there: not UTF-8, a NUL, and in a header any
 * control character but the tab.
 */
int render(const struct prog *prog, const struct tpl_job *job, struct buf *out,
           struct tpl_err *err);
