/* json_value.c - see json_value.h. */
#include "control/json_value.h"

#include "control/xalloc.h"

struct reading {
	char *path;
	size_t bytes; /* of the path that lead to where we are; more than fit: it is cut */
	unsigned depth;
};

void json_value_free(struct tpl_value *v)
{
	for (uint32_t i = 0; i < v->n && v->kind == TPL_ARRAY; i++)
		json_value_free((struct tpl_value *)&v->items[i]);
	for (uint32_t i = 0; i < v->n && v->kind == TPL_OBJECT; i++)
		json_value_free((struct tpl_value *)&v->members[i].value);
	if (v->kind == TPL_ARRAY || v->kind == TPL_OBJECT)
		free((void *)v->other);
	*v = (struct tpl_value){ .kind = TPL_NIL };
}

static void add_path(struct reading *r, const char *fmt, size_t index, const char *name)
{
	size_t room = r->bytes < JSON_VALUE_PATH_BYTES ? JSON_VALUE_PATH_BYTES - r->bytes : 0;
	char *at = r->path + (room > 0 ? r->bytes : 0);

	if (name != NULL)
		r->bytes += (size_t)snprintf(room > 0 ? at : NULL, room, fmt, name);
	else
		r->bytes += (size_t)snprintf(room > 0 ? at : NULL, room, fmt, index);
}

static void cut_path(struct reading *r, size_t bytes)
{
	r->bytes = bytes;
	if (bytes < JSON_VALUE_PATH_BYTES)
		r->path[bytes] = '\0';
}

static bool read_value(struct reading *r, const json_t *from, struct tpl_value *to);

static bool read_array(struct reading *r, const json_t *from, struct tpl_value *to)
{
	struct tpl_value *items = xcalloc(json_array_size(from) + 1, sizeof(*items));
	size_t before = r->bytes;

	*to = (struct tpl_value){ .kind = TPL_ARRAY, .items = items };
	while (to->n < json_array_size(from)) {
		uint32_t i = to->n++;

		add_path(r, "[%zu]", i, NULL);
		if (!read_value(r, json_array_get(from, i), &items[i]))
			return false;
		cut_path(r, before);
	}
	return true;
}

static bool read_object(struct reading *r, const json_t *from, struct tpl_value *to)
{
	struct tpl_member *members = xcalloc(json_object_size(from) + 1, sizeof(*members));
	json_t *object = (json_t *)from; /* jansson walks no const object */
	size_t before = r->bytes;

	*to = (struct tpl_value){ .kind = TPL_OBJECT, .members = members };
	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		struct tpl_member *m = &members[to->n++];

		add_path(r, before == 0 ? "%s" : ".%s", 0, name);
		m->name = span_str(name);
		if (!read_value(r, json_object_iter_value(at), &m->value))
			return false;
		cut_path(r, before);
	}
	return true;
}

static bool read_parts(struct reading *r, const json_t *from, struct tpl_value *to)
{
	bool ok;

	if (r->depth == TPL_DATA_DEPTH_MAX)
		return false;
	r->depth++;
	ok = json_is_array(from) ? read_array(r, from, to) : read_object(r, from, to);
	r->depth--;
	return ok;
}

static bool read_value(struct reading *r, const json_t *from, struct tpl_value *to)
{
	*to = (struct tpl_value){ .kind = TPL_NIL };
	switch (json_typeof(from)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return read_parts(r, from, to);
	case JSON_STRING:
		if (json_string_length(from) > UINT32_MAX)
			return false;
		*to = tpl_text_value(span_of(json_string_value(from), json_string_length(from)));
		break;
	case JSON_INTEGER:
		*to = (struct tpl_value){ .kind = TPL_INT, .number = json_integer_value(from) };
		break;
	case JSON_REAL:
		*to = (struct tpl_value){ .kind = TPL_FLOAT, .real = json_real_value(from) };
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		*to = (struct tpl_value){ .kind = TPL_BOOL, .yes = json_is_true(from) };
		break;
	case JSON_NULL:
		break;
	}
	return true;
}

bool json_value_read(const json_t *from, struct tpl_value *to, char path[JSON_VALUE_PATH_BYTES])
{
	struct reading r = { .path = path };

	path[0] = '\0';
	return read_value(&r, from, to);
}
