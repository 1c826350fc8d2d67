/* import.h - one import under way, for the two files that do it.
 *
 * Not     for others: table.h is.
 */
#pragma once

#include <stdio.h>

#include "control/campaign/address.h"
#include "control/campaign/index.h"
#include "control/campaign/rows.h"
#include "control/campaign/table.h"

struct import {
	const struct table_import_conf *conf;
	struct table_import_result *result;
	char *why;
	struct rows *rows;
	struct row row;
	FILE *rejected;
	struct index index;
	struct address to_test;

	char *names; /* of the columns, one after the other */
	struct span columns[TPL_COLUMNS_MAX];
	uint32_t n_columns, address_column;

	/* The rows file. */
	int blob_fd;
	uint64_t blob_flushed;
	uint32_t blob_crc;
	size_t buf_bytes;
	uint8_t *buf;
};

/* Say one line in `why`: about a path and -errno, which is returned; or about the CSV file as a
 * whole (line 0: none), returning -EINVAL.
 */
int import_fail(struct import *im, int result, const char *path);
int import_refuse(struct import *im, uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads the header line: the names of the columns and which of them is the address. Returns 0 or
 * -errno with one line.
 */
int import_read_header(struct import *im);
