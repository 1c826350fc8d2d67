/* header.c - what the columns of a recipient list are called, and what their texts stand for. */
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
static const struct import_column *likeliest_column(const struct import *im)
{
	const struct import_column *found = NULL;

	for (uint32_t i = 0; i < im->n_columns; i++)
		if (im->columns[i].name.bytes == strlen(im->conf->address_column) &&
		    strncasecmp((const char *)im->columns[i].name.at, im->conf->address_column,
		                im->columns[i].name.bytes) == 0)
			return &im->columns[i];
	for (uint32_t i = im->n_columns; i-- > 0;) {
		char name[COLUMN_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)im->columns[i].name.bytes,
		         (const char *)im->columns[i].name.at);
		if (strcasestr(name, "mail") != NULL)
			return &im->columns[i];
		if (strcasestr(name, "address") != NULL || strcasestr(name, "recipient") != NULL)
			found = &im->columns[i];
	}
	return found;
}

static int no_address_column(struct import *im, uint64_t line)
{
	const struct import_column *likely = likeliest_column(im);
	char found[256] = "";
	size_t bytes = 0;

	for (uint32_t i = 0; i < im->n_columns; i++) {
		size_t room = sizeof(found) - bytes;
		int n =
		    snprintf(found + bytes, room, "%s%.*s", i > 0 ? ", " : "",
		             (int)im->columns[i].name.bytes, (const char *)im->columns[i].name.at);

		if ((size_t)n >= room - 4) {
			strcpy(found + bytes, "...");
			break;
		}
		bytes += (size_t)n;
	}
	return import_refuse(
	    im, line, "no column named \"%s\" (found: %s); rename it or use --address-column %.*s",
	    im->conf->address_column, found, likely != NULL ? (int)likely->name.bytes : 4,
	    likely != NULL ? (const char *)likely->name.at : "NAME");
}

static int check_column(struct import *im, uint32_t column, uint64_t line)
{
	struct span name = im->columns[column].name;

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
		if (span_eq(im->columns[i].name, name))
			return import_refuse(im, line, "two columns are named \"%.*s\"; rename one",
			                     (int)name.bytes, (const char *)name.at);
	return 0;
}

/* ---- types ---- */

/* The type that was asked for, or text. */
static enum column_type type_of(const struct import *im, struct span column)
{
	struct span types = span_str(im->conf->types != NULL ? im->conf->types : ""), name;
	enum column_type type;

	while (types_take(&types, &name, &type))
		if (span_eq(name, column))
			return type;
	return TYPE_TEXT;
}

static bool has_column(const struct import *im, struct span name)
{
	for (uint32_t i = 0; i < im->n_columns; i++)
		if (span_eq(im->columns[i].name, name))
			return true;
	return false;
}

int import_check_types(struct import *im)
{
	struct span types = span_str(im->conf->types != NULL ? im->conf->types : ""), name;
	enum column_type type;

	while (types_take(&types, &name, &type)) {
		if (!has_column(im, name))
			return import_refuse(im, 0,
			                     "--types names \"%.*s\", and no column has that name",
			                     (int)name.bytes, (const char *)name.at);
		if (type != TYPE_TEXT && span_eq(name, span_str(im->conf->address_column)))
			return import_refuse(im, 0,
			                     "--types: \"%.*s\" is the address, which is a string",
			                     (int)name.bytes, (const char *)name.at);
	}
	return 0;
}

/* ---- columns ---- */

void import_add_column(struct import *im, struct span name, bool has_parts)
{
	struct import_column *c = &im->columns[im->n_columns];
	enum column_type type = type_of(im, name);

	*c = (struct import_column){
		.name = span_of(xstrndup((const char *)name.at, name.bytes), name.bytes),
		.type = (uint8_t)type,
		.has_parts = has_parts || type == TYPE_JSON,
	};
	if (span_eq(name, span_str(im->conf->address_column)))
		im->address_column = im->n_columns;
	im->n_columns++;
}

void import_free_columns(struct import *im)
{
	for (uint32_t i = 0; i < im->n_columns; i++)
		free((void *)im->columns[i].name.at);
	im->n_columns = 0;
}

const char *import_column(struct import *im, struct span name, uint32_t likely, uint32_t *column)
{
	*column = likely;
	if (likely < im->n_columns && span_eq(im->columns[likely].name, name))
		return NULL;
	for (uint32_t i = 0; i < im->n_columns; i++) {
		*column = i;
		if (span_eq(im->columns[i].name, name))
			return NULL;
	}
	if (name.bytes == 0 || name.bytes > COLUMN_NAME_MAX)
		return "a member's name is empty or longer than 64 bytes";
	for (size_t i = 0; i < name.bytes; i++)
		if (name.at[i] < ' ')
			return "a member's name holds a control character";
	if (im->n_columns == TPL_COLUMNS_MAX)
		return "its members and those before have over 256 names";
	*column = im->n_columns;
	import_add_column(im, name, false);
	im->values[*column] = (struct tpl_value){ .kind = TPL_NIL };
	return NULL;
}

static void choose_delimiter(struct import *im)
{
	char delimiter = im->conf->delimiter;

	if (delimiter == '\0')
		delimiter = rows_guess_delimiter(im->rows, span_str(im->conf->address_column));
	rows_set_delimiter(im->rows, delimiter);
}

int import_read_header(struct import *im)
{
	struct row *row = &im->row;
	int got, result;

	choose_delimiter(im);
	got = rows_next(im->rows, row);
	if (got < 0)
		return import_fail(im, got, im->conf->csv_path);
	if (got == 0)
		return import_refuse(im, 0, "is empty; the first line must name the columns");
	if (row->wrong != NULL)
		return import_refuse(im, row->line, "the header line: %s", row->wrong);
	if (row->n_fields > TPL_COLUMNS_MAX)
		return import_refuse(im, row->line, "%u columns, at most %d may be", row->n_fields,
		                     TPL_COLUMNS_MAX);
	for (uint32_t i = 0; i < row->n_fields; i++) {
		import_add_column(im, rows_trimmed(row->fields[i]), false);
		if ((result = check_column(im, i, row->line)) != 0)
			return result;
	}
	return im->address_column == UINT32_MAX ? no_address_column(im, row->line)
	                                        : import_check_types(im);
}
