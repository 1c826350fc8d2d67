/* table.h - the recipients of one campaign: imported once, sorted by domain, immutable, mapped.
 *
 * Life    table_import() makes the folder's files; table_open() .. table_close() reads them.
 * Thread  any, once open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/cell.h"
#include "dataplane/base/span.h"
#include "templates/tpl.h"

enum {
	TABLE_WHY_BYTES = 512,
	TABLE_CHECKPOINT_BYTES = 32 << 20, /* of a list: half a second or so of an import's time */
};

struct table;

/* How far an import is; any thread may look. */
struct table_progress {
	_Atomic uint64_t rows, bytes, bytes_total;
};

struct table_import_conf {
	const char *csv_path;       /* of the list, CSV or JSONL (rows.h) */
	const char *address_column; /* "email" unless the caller says otherwise */
	const char *types;          /* of columns, like "age:number,joined:date"; NULL: all text */
	char delimiter;             /* of CSV; 0: found out */
	const char *dir;            /* gets the table's files; must exist */
	const char *rejected_path;  /* CSV of line,reason,row for rejected and duplicate rows */
	const char *rejected_final; /* where the caller will put it, for messages; NULL: nowhere */
	uint64_t limit;             /* take this many recipients only; 0: all */
	const char *to_test;        /* every row goes to this address instead; NULL: no */
	const _Atomic bool *cancel; /* NULL or: becomes true to stop */
	/* Bytes of the list between two checkpoints in `dir`, from which the same import goes on
	 * that was interrupted; 0: none, and none is looked for.
	 */
	uint64_t checkpoint_bytes;
	struct table_progress *progress; /* NULL: nobody looks */
};

/* rows = recipients + rejected + duplicates, unless limited. */
struct table_import_result {
	uint64_t rows, recipients, rejected, duplicates;
	uint64_t resumed_rows;    /* that an earlier import had read; 0: it began at the first */
	uint64_t checkpoint_rows; /* from which another can go on; 0: none can */
	const char *anew;         /* why what an earlier import left was of no use; NULL: it was of
	                             use, or there was none */
};

/* Reads the list and writes the table, durable when it returns. A wrong row is rejected by line and
 * reason and the rest go on. Returns 0; -EINVAL for a file that is wrong as a whole (no address
 * column: the line names the columns found and --address-column), -ECANCELED, -errno, with one
 * line in `why`; what was written is then worth nothing but a checkpoint, and the caller removes
 * the folder, or keeps it for the same import to go on. Blocks: helper threads only.
 */
int table_import(const struct table_import_conf *conf, struct table_import_result *result,
                 char why[TABLE_WHY_BYTES]);

/* Whether an import that was interrupted may go on in this folder. */
bool table_has_checkpoint(const char *dir);

/* One domain's run of rows. */
struct table_domain {
	struct span name; /* lower case, A-labels */
	uint32_t first_row, n_rows;
};

struct table_row {
	struct span address; /* as it will stand in RCPT TO, without <> */
	struct tpl_value values[TPL_COLUMNS_MAX];
};

int table_open(const char *dir, struct table **out, char why[TABLE_WHY_BYTES]);
void table_close(struct table *table);

uint32_t table_n_rows(const struct table *table);
const struct tpl_columns *table_columns(const struct table *table);
uint32_t table_n_domains(const struct table *table);
struct table_domain table_domain(const struct table *table, uint32_t domain);

/* Index of the domain that a row belongs to. */
uint32_t table_domain_of(const struct table *table, uint32_t row);

struct span table_address(const struct table *table, uint32_t row);

/* Reads a row: its texts lie in the table, arrays and objects in `room`. False when there is no
 * room for these.
 */
bool table_row(const struct table *table, uint32_t row, struct cell_room *room,
               struct table_row *out);
