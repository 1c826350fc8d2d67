/* header.c - the first line of a recipient list: what its columns are called. */
#include <errno.h>
#include <stdarg.h>
#include <strings.h>

#include "control/campaign/import.h"
#include "control/xalloc.h"

enum { COLUMN_NAME_MAX = 64 };

int import_fail(struct import *im, int result, const char *path)
{
	snprintf(im->why, TABLE_WHY_BYTES, "%s: %s", path, strerror(-result));
	return result;
}

int import_refuse(struct import *im, uint64_t line, const char *fmt, ...)
{
	char text[TABLE_WHY_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (line > 0)
		snprintf(im->why, TABLE_WHY_BYTES, "%s:%llu: %s", im->conf->csv_path,
		         (unsigned long long)line, text);
	else
		snprintf(im->why, TABLE_WHY_BYTES, "%s: %s", im->conf->csv_path, text);
	return -EINVAL;
}

/* The column that the caller may have meant, or NULL. */
static const struct span *likeliest_column(const struct import *im)
{
	const struct span *found = NULL;

	for (uint32_t i = 0; i < im->n_columns; i++)
		if (im->columns[i].bytes == strlen(im->conf->address_column) &&
		    strncasecmp((const char *)im->columns[i].at, im->conf->address_column,
		                im->columns[i].bytes) == 0)
			return &im->columns[i];
	for (uint32_t i = im->n_columns; i-- > 0;) {
		char name[COLUMN_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)im->columns[i].bytes,
		         (const char *)im->columns[i].at);
		if (strcasestr(name, "mail") != NULL)
			return &im->columns[i];
		if (strcasestr(name, "address") != NULL || strcasestr(name, "recipient") != NULL)
			found = &im->columns[i];
	}
	return found;
}

static int no_address_column(struct import *im, uint64_t line)
{
	const struct span *likely = likeliest_column(im);
	char found[256] = "";
	size_t bytes = 0;

	for (uint32_t i = 0; i < im->n_columns; i++) {
		size_t room = sizeof(found) - bytes;
		int n = snprintf(found + bytes, room, "%s%.*s", i > 0 ? ", " : "",
		                 (int)im->columns[i].bytes, (const char *)im->columns[i].at);

		if ((size_t)n >= room - 4) {
			strcpy(found + bytes, "...");
			break;
		}
		bytes += (size_t)n;
	}
	return import_refuse(
	    im, line, "no column named \"%s\" (found: %s); rename it or use --address-column %.*s",
	    im->conf->address_column, found, likely != NULL ? (int)likely->bytes : 4,
	    likely != NULL ? (const char *)likely->at : "NAME");
}

static int check_column(struct import *im, uint32_t column, uint64_t line)
{
	struct span name = im->columns[column];

	if (name.bytes == 0)
		return import_refuse(im, line, "column %u has no name; every column needs one",
		                     column + 1);
	if (name.bytes > COLUMN_NAME_MAX)
		return import_refuse(im, line, "the name of column %u is longer than %d bytes",
		                     column + 1, COLUMN_NAME_MAX);
	for (size_t i = 0; i < name.bytes; i++)
		if (name.at[i] < ' ')
			return import_refuse(im, line,
			                     "the name of column %u holds a control character",
			                     column + 1);
	for (uint32_t i = 0; i < column; i++)
		if (span_eq(im->columns[i], name))
			return import_refuse(im, line, "two columns are named \"%.*s\"; rename one",
			                     (int)name.bytes, (const char *)name.at);
	return 0;
}

int import_read_header(struct import *im)
{
	struct row *row = &im->row;
	int got = rows_next(im->rows, row), result;
	size_t bytes = 0;

	if (rows_is_utf16(im->rows))
		return import_refuse(im, 0, "is UTF-16; save it as UTF-8");
	if (got < 0)
		return import_fail(im, got, im->conf->csv_path);
	if (got == 0)
		return import_refuse(im, 0, "is empty; the first line must name the columns");
	if (row->wrong != NULL)
		return import_refuse(im, row->line, "the header line: %s", row->wrong);
	if (row->n_fields > TPL_COLUMNS_MAX)
		return import_refuse(im, row->line, "%u columns, at most %d may be", row->n_fields,
		                     TPL_COLUMNS_MAX);
	for (uint32_t i = 0; i < row->n_fields; i++)
		bytes += row->fields[i].bytes;
	im->names = xcalloc(bytes + 1, 1);
	im->n_columns = row->n_fields;
	im->address_column = UINT32_MAX;
	bytes = 0;
	for (uint32_t i = 0; i < im->n_columns; i++) {
		memcpy(im->names + bytes, row->fields[i].at, row->fields[i].bytes);
		im->columns[i] = span_of(im->names + bytes, row->fields[i].bytes);
		bytes += row->fields[i].bytes;
		if ((result = check_column(im, i, row->line)) != 0)
			return result;
		if (span_eq(im->columns[i], span_str(im->conf->address_column)))
			im->address_column = i;
	}
	return im->address_column == UINT32_MAX ? no_address_column(im, row->line) : 0;
}
