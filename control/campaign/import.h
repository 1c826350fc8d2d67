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

/* ---- header.c: what the columns are called ---- */

/* Reads the header line of a CSV list, after its delimiter is known: names and types of the columns
 * and which of them is the address. Returns 0 or -errno with one line.
 */
int import_read_header(struct import *im);

/* The column of a JSONL member, made when it is new. Returns NULL or why there can be none. */
const char *import_column(struct import *im, struct span name, uint32_t likely, uint32_t *column);

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
