/* rows.h - a recipient list row by row, with the bad ones told apart and skipped.
 *
 * CSV: RFC 4180, strictly, with any delimiter: a stray or unclosed quote spoils the line it begins
 * in and no other; blanks around a value are not part of it unless it is quoted. JSONL: one JSON
 * text a line, read here as far as its line. Lines end in LF, CRLF or CR (JSONL: LF); blank lines
 * are no rows; a byte order mark is skipped.
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
	/* Of CSV. There may be more than ROWS_FIELDS_MAX: only so many are kept. */
	uint32_t n_fields;
	struct span fields[ROWS_FIELDS_MAX];
};

/* Opens a list and sees what it is: one that begins with { is JSONL, any other CSV. Returns 0 or
 * -errno. The path must name a regular file.
 */
int rows_open(const char *path, struct rows **out);
void rows_close(struct rows *rows);

bool rows_is_jsonl(const struct rows *rows);

/* The file begins like UTF-16 text: nothing of it can be read. */
bool rows_is_utf16(const struct rows *rows);

/* What stands between the fields from now on; before the first row: a comma. */
void rows_set_delimiter(struct rows *rows, char delimiter);

/* True for a character that may be one: not a quote, not a line end, not a letter's part. */
bool rows_can_delimit(char c);

/* The delimiter of the first row: of comma, semicolon, tab and bar the one that makes `wanted` a
 * field of it, else the one that makes the most fields. Before the first row is taken.
 */
char rows_guess_delimiter(struct rows *rows, struct span wanted);

/* Reads the next row; it is valid until the next call. Returns 1, 0 at the end, -errno. */
int rows_next(struct rows *rows, struct row *row);

/* Where the next row is looked for. From rows_go_to() on, rows come as if all before it had been
 * read: of the same file, unchanged.
 */
struct rows_place {
	uint64_t offset, line;
	bool skip; /* the line there was given up */
};
struct rows_place rows_place(const struct rows *rows);
void rows_go_to(struct rows *rows, struct rows_place place);

/* The file, for who looks at its identity; closed by rows_close(). */
int rows_fd(const struct rows *rows);

/* A field without the blanks around it, for names, addresses and numbers: those never mean any. */
struct span rows_trimmed(struct span field);

/* How far it has come in the file, and the file's size, both in bytes. */
uint64_t rows_at(const struct rows *rows);
uint64_t rows_bytes(const struct rows *rows);
