/* parse.h - from template text to a program; every mistake is told with line and column. */
#pragma once

#include "templates/prog.h"

/* Compiles the slice [at, end) of a source and appends to `prog`. Returns 0, or -errno with `err`.
 */
int parse_slice(struct prog *prog, struct src *src, size_t at, size_t end,
                const struct tpl_columns *columns, struct tpl_err *err);
