/* rows.h - a CSV file row by row, with the bad ones told apart and skipped.
 *
 * RFC 4180, strictly: a stray or unclosed quote spoils the line it begins in and no other. Lines
 * end in LF, CRLF or CR; blank lines are no rows; a byte order mark is skipped.
 *
 * Thread  one.
 */
#pragma once

#include "dataplane/base/span.h"
#include "templates/tpl.h"

enum {
	ROWS_BYTES_MAX = 1 << 16, /* of one row, quotes and all */
	ROWS_FIELDS_MAX = TPL_COLUMNS_MAX,
};

struct rows;

struct row {
	uint64_t line;     /* where it begins, from 1 */
	const char *wrong; /* NULL, or why it is no row; a phrase that lives for ever */
	struct span raw;   /* as it stands in the file, without line end; cut when too long */
	uint32_t n_fields; /* may be more than ROWS_FIELDS_MAX: only so many are kept */
	struct span fields[ROWS_FIELDS_MAX];
};

/* Returns 0 or -errno. The path must name a regular file. */
int rows_open(const char *path, struct rows **out);
void rows_close(struct rows *rows);

/* Reads the next row; it is valid until the next call. Returns 1, 0 at the end, -errno. */
int rows_next(struct rows *rows, struct row *row);

/* The file begins like UTF-16 text: nothing of it can be read. */
bool rows_is_utf16(const struct rows *rows);
