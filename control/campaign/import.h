/* import.h - one import under way, for the files that do it.
 *
 * Not     for others: table.h is.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "control/campaign/address.h"
#include "control/campaign/cell.h"
#include "control/campaign/index.h"
#include "control/campaign/rows.h"
#include "control/campaign/table.h"
#include "control/campaign/types.h"

enum {
	IMPORT_REASON_BYTES = 256,
	IMPORT_VALUE_BYTES_MAX = 16384, /* of a text in a column */
	/* Of one row in the rows file. */
	IMPORT_RECORD_BYTES_MAX = 4 + DP_ADDRESS_MAX + ROWS_BYTES_MAX * CELL_BYTES_PER_JSON_BYTE +
	                          TPL_COLUMNS_MAX * CELL_TEXT_HEAD,
};

struct import_column {
	struct span name; /* its own */
	uint8_t type;     /* enum column_type */
	bool has_parts;   /* a value was an array or an object, or may be */
};

struct import {
	const struct table_import_conf *conf;
	struct table_import_result *result;
	char *why;
	struct rows *rows;
	struct row row;
	FILE *rejected;
	struct index index;
	struct address to_test;

	struct import_column columns[TPL_COLUMNS_MAX];
	uint32_t n_columns;
	uint32_t address_column; /* UINT32_MAX: not seen yet */

	uint64_t checkpoint_at; /* where the list has been read so far, there is another */

	/* The rows file: what is not written yet, and behind it the row being read. */
	int blob_fd;
	uint64_t blob_flushed;
	uint32_t blob_crc;
	struct cell_out blob;
	/* Of a JSONL row: its values by column. */
	struct tpl_value values[TPL_COLUMNS_MAX];
};

/* Say one line in `why`: about a path and -errno, which is returned; or about the list as a whole
 * (line 0: none), returning -EINVAL.
 */
int import_fail(struct import *im, int result, const char *path);
int import_refuse(struct import *im, uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- import.c ---- */

/* Writes what is held of the rows file, and counts it. Returns 0 or -errno with one line. */
int import_flush(struct import *im);

/* Returns -ECANCELED with one line. */
int import_cancelled(struct import *im);

/* ---- checkpoint.c ---- */

/* Makes durable what was imported so far, and says in the folder how much that is: the import goes
 * on from there when it is begun again. Between two rows. Returns 0 or -errno with one line.
 */
int checkpoint_make(struct import *im);

/* Takes the checkpoint of a folder away, and what only it needs. */
void checkpoint_del(const char *dir);

/* Goes on from the checkpoint of the folder: files, counts, the index and the list stand as they
 * did. The list is open, its header read, nothing else. Returns 0; -ESTALE when it is of no use,
 * with the reason in the result; -errno with one line.
 */
int checkpoint_take(struct import *im);

/* ---- header.c: what the columns are called ---- */

/* Reads the header line of a CSV list, after its delimiter is known: names and types of the columns
 * and which of them is the address. Returns 0 or -errno with one line.
 */
int import_read_header(struct import *im);

/* The column of a JSONL member, made when it is new. Returns NULL or why there can be none. */
const char *import_column(struct import *im, struct span name, uint32_t likely, uint32_t *column);

/* Adds a column, which is not there yet and has a name that columns may have. */
void import_add_column(struct import *im, struct span name, bool has_parts);

/* Refuses types of columns that there are not: for JSONL known at the end. */
int import_check_types(struct import *im);
void import_free_columns(struct import *im);

/* ---- import_row.c: one row ---- */

/* Reads im->row: the address into `address`, the whole record behind what is in im->blob, whose
 * count of bytes stays as it was. Returns the record's bytes, or 0 with the reason why it is no
 * recipient.
 */
size_t import_read_row(struct import *im, struct address *address,
                       char reason[IMPORT_REASON_BYTES]);

/* ---- table_write.c ---- */

/* Writes the file `table` of what was imported, durably. Returns 0 or -errno with one line. */
int import_write_table(struct import *im);
