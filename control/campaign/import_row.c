/* import_row.c - one row of a list, CSV or JSONL, into the record of a recipient. */
#include "control/campaign/import.h"

#include <stdarg.h>

#include "control/json_value.h"

static const char *say(char reason[IMPORT_REASON_BYTES], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static const char *say(char reason[IMPORT_REASON_BYTES], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, IMPORT_REASON_BYTES, fmt, args);
	va_end(args);
	return reason;
}

/* What is wrong with the value of a column. */
static const char *say_column(const struct import *im, uint32_t column, const char *wrong,
                              char reason[IMPORT_REASON_BYTES])
{
	struct span name = im->columns[column].name;

	return say(reason, "\"%.*s\" %s", (int)name.bytes, (const char *)name.at, wrong);
}

static const char *too_long(const struct import *im, uint32_t column,
                            char reason[IMPORT_REASON_BYTES])
{
	struct span name = im->columns[column].name;

	return say(reason, "the value of \"%.*s\" is longer than %d bytes", (int)name.bytes,
	           (const char *)name.at, IMPORT_VALUE_BYTES_MAX);
}

/* ---- the record ---- */

static void put_u16(struct cell_out *out, size_t number)
{
	out->at[out->bytes++] = (uint8_t)(number >> 8);
	out->at[out->bytes++] = (uint8_t)number;
}

static struct cell_out begin_record(struct import *im, const struct address *address)
{
	struct cell_out out = im->blob;

	put_u16(&out, address->bytes);
	memcpy(out.at + out.bytes, address->text, address->bytes);
	out.bytes += address->bytes;
	put_u16(&out, im->n_columns);
	return out;
}

static const char *put_json_text(const struct import *im, uint32_t column, struct span text,
                                 struct cell_out *out, char reason[IMPORT_REASON_BYTES])
{
	char path[JSON_VALUE_PATH_BYTES];
	struct tpl_value value = { .kind = TPL_NIL };
	const char *wrong = NULL;
	json_error_t error;
	json_t *json = json_loadb((const char *)text.at, text.bytes,
	                          JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	if (json == NULL)
		return say(reason, "\"%.*s\" is no JSON: %.100s",
		           (int)im->columns[column].name.bytes,
		           (const char *)im->columns[column].name.at, error.text);
	if (!json_value_read(json, &value, path))
		wrong = say_column(im, column, "is nested over 64 deep", reason);
	else if (!cell_put(out, &value))
		wrong = say_column(im, column, "is too large", reason);
	json_value_free(&value);
	json_decref(json);
	return wrong;
}

/* ---- CSV ---- */

static const char *put_field(const struct import *im, uint32_t column, struct cell_out *out,
                             char reason[IMPORT_REASON_BYTES])
{
	enum column_type type = (enum column_type)im->columns[column].type;
	struct span text = im->row.fields[column];
	char room[TYPE_TEXT_BYTES];
	struct tpl_value value;
	const char *wrong;

	if (text.bytes > IMPORT_VALUE_BYTES_MAX)
		return too_long(im, column, reason);
	if (type == TYPE_TEXT) {
		cell_put_text(out, column == im->address_column ? rows_trimmed(text) : text);
		return NULL;
	}
	text = rows_trimmed(text);
	if (type == TYPE_JSON && text.bytes > 0)
		return put_json_text(im, column, text, out, reason);
	wrong = text.bytes == 0 ? NULL : type_read(type, text, room, &value);
	if (text.bytes == 0)
		value = (struct tpl_value){ .kind = TPL_NIL };
	if (wrong != NULL)
		return say_column(im, column, wrong, reason);
	return cell_put(out, &value) ? NULL : too_long(im, column, reason);
}

static const char *read_csv(struct import *im, struct address *address, struct cell_out *out,
                            char reason[IMPORT_REASON_BYTES])
{
	const struct row *row = &im->row;
	const char *wrong;

	if (row->n_fields != im->n_columns)
		return say(reason, "%u fields, the header has %u", row->n_fields, im->n_columns);
	if ((wrong = address_parse(rows_trimmed(row->fields[im->address_column]), address)) != NULL)
		return wrong;
	*out = begin_record(im, address);
	for (uint32_t i = 0; i < im->n_columns && wrong == NULL; i++)
		wrong = put_field(im, i, out, reason);
	return wrong;
}

/* ---- JSONL ---- */

static bool is_of_type(enum column_type type, const struct tpl_value *v)
{
	static const uint32_t kinds[TYPE_N] = {
		[TYPE_NUMBER] = 1u << TPL_INT | 1u << TPL_FLOAT,
		[TYPE_BOOL] = 1u << TPL_BOOL,
	};

	return type == TYPE_TEXT || type == TYPE_JSON || v->kind == TPL_NIL ||
	       (kinds[type] >> v->kind & 1) != 0;
}

/* A member says its type itself; one that was asked for besides is looked for in texts. */
static const char *put_member(struct import *im, uint32_t column, struct cell_out *out,
                              char reason[IMPORT_REASON_BYTES])
{
	enum column_type type = (enum column_type)im->columns[column].type;
	struct tpl_value value = im->values[column];
	char room[TYPE_TEXT_BYTES];
	const char *wrong = NULL;

	if (value.kind == TPL_STRING && value.n > IMPORT_VALUE_BYTES_MAX)
		return too_long(im, column, reason);
	if (value.kind == TPL_STRING && type != TYPE_JSON)
		wrong = type_read(type, span_of(value.text, value.n), room, &value);
	else if (!is_of_type(type, &value))
		wrong = "is of another type";
	if (wrong != NULL)
		return say_column(im, column, wrong, reason);
	im->columns[column].has_parts |= value.kind == TPL_ARRAY || value.kind == TPL_OBJECT;
	return cell_put(out, &value) ? NULL : say_column(im, column, "is too large", reason);
}

/* Sorts the members of the row into columns. */
static const char *spread(struct import *im, const struct tpl_value *object)
{
	for (uint32_t i = 0; i < im->n_columns; i++)
		im->values[i] = (struct tpl_value){ .kind = TPL_NIL };
	for (uint32_t i = 0; i < object->n; i++) {
		uint32_t column;
		const char *wrong = import_column(im, object->members[i].name, i, &column);

		if (wrong != NULL)
			return wrong;
		im->values[column] = object->members[i].value;
	}
	return NULL;
}

static const char *put_object(struct import *im, const struct tpl_value *object,
                              struct address *address, struct cell_out *out,
                              char reason[IMPORT_REASON_BYTES])
{
	const char *wrong = spread(im, object);
	const struct tpl_value *text;

	if (wrong != NULL)
		return wrong;
	text = im->address_column == UINT32_MAX ? NULL : &im->values[im->address_column];
	if (text == NULL || text->kind == TPL_NIL)
		return say(reason, "no member \"%.64s\", which is the address",
		           im->conf->address_column);
	if (text->kind != TPL_STRING)
		return say(reason, "\"%.64s\" is the address and no text",
		           im->conf->address_column);
	if ((wrong = address_parse(span_of(text->text, text->n), address)) != NULL)
		return wrong;
	*out = begin_record(im, address);
	for (uint32_t i = 0; i < im->n_columns && wrong == NULL; i++)
		wrong = put_member(im, i, out, reason);
	return wrong;
}

static const char *read_json(struct import *im, struct address *address, struct cell_out *out,
                             char reason[IMPORT_REASON_BYTES])
{
	struct tpl_value object = { .kind = TPL_NIL };
	char path[JSON_VALUE_PATH_BYTES];
	const char *wrong;
	json_error_t error;
	json_t *json = json_loadb((const char *)im->row.raw.at, im->row.raw.bytes,
	                          JSON_REJECT_DUPLICATES, &error);

	if (json == NULL)
		return say(reason, "no JSON: column %d: %.150s", error.column, error.text);
	if (!json_is_object(json))
		wrong = "no object like {\"email\": \"anna@example.com\"}";
	else if (!json_value_read(json, &object, path))
		wrong = say(reason, "%s: nested over %d deep", path, TPL_DATA_DEPTH_MAX);
	else
		wrong = put_object(im, &object, address, out, reason);
	json_value_free(&object);
	json_decref(json);
	return wrong;
}

/* ---- */

size_t import_read_row(struct import *im, struct address *address, char reason[IMPORT_REASON_BYTES])
{
	struct cell_out out = im->blob;
	const char *wrong = im->row.wrong;

	if (wrong == NULL)
		wrong = rows_is_jsonl(im->rows) ? read_json(im, address, &out, reason)
		                                : read_csv(im, address, &out, reason);
	if (wrong == NULL)
		return out.bytes - im->blob.bytes;
	if (wrong != reason)
		snprintf(reason, IMPORT_REASON_BYTES, "%s", wrong);
	return 0;
}
