/* parse.h - from template text to a program; every mistake is told with line and column. */
#pragma once

#include "templates/prog.h"

/* Compiles the slice [at, end) of a source into an empty program of `unit`. Returns 0, or -errno
 * with `err`.
 */
int parse_slice(struct prog *prog, struct src *src, size_t at, size_t end, struct unit *unit,
                struct tpl_err *err);

/* Checks that each name a partial reads is set or a column. parse_slice() does so for all else;
 * partials may call each other, so they are checked when all are compiled.
 */
int parse_link(struct prog *prog, struct tpl_err *err);
