/* src.h - one template file's text, and errors that point into it.
 *
 * Thread  one: the place cache is written by readers.
 */
#pragma once

#include "templates/tpl.h"

enum {
	SRC_BYTES_MAX = 1 << 20, /* one file of a template */
};

struct src {
	const char *file; /* name inside the template folder; outlives the source */
	struct span text;
	bool is_merge; /* its name ends in .merge: merge tags instead of Liquid */
	/* Where the last place was worked out, so that a walk through the file stays linear. */
	size_t known_at;
	uint32_t known_line, known_column;
};

/* Checks that the text is UTF-8 without NUL and within bounds. Returns 0, or -EINVAL with `err`. */
int src_init(struct src *src, const char *file, struct span text, struct tpl_err *err);

/* Line and column (in characters) of an offset, both from 1. */
void src_place(struct src *src, size_t at, uint32_t *line, uint32_t *column);

/* Fills `err` for the place and returns -EINVAL. */
int src_fail(struct src *src, size_t at, struct tpl_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Fills `err` and returns `result`; the text is cut at its bound. */
int err_set(struct tpl_err *err, const char *file, uint32_t line, uint32_t column, int result,
            const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* How many bytes of a foreign text an error quotes: "%.*s" with this and the pointer. */
static inline int err_quote(struct span s)
{
	return s.bytes > 40 ? 40 : (int)s.bytes;
}
