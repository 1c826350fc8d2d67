/* cell.c - see cell.h. */
#include "control/campaign/cell.h"

#include <assert.h>
#include <stdalign.h>

enum cell_kind {
	CELL_NIL = 0,
	CELL_FALSE = 1,
	CELL_TRUE = 2,
	CELL_INT = 3,
	CELL_FLOAT = 4,
	CELL_TEXT = 5,
	CELL_ARRAY = 6,
	CELL_OBJECT = 7,
};

/* ---- writing ---- */

static bool put(struct cell_out *out, const void *from, size_t bytes)
{
	if (bytes > out->max - out->bytes)
		return false;
	if (bytes > 0)
		memcpy(out->at + out->bytes, from, bytes);
	out->bytes += bytes;
	return true;
}

static bool put_number(struct cell_out *out, uint64_t number, unsigned bytes)
{
	uint8_t big[8];

	for (unsigned i = 0; i < bytes; i++)
		big[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
	return put(out, big, bytes);
}

static bool put_kind(struct cell_out *out, enum cell_kind kind)
{
	return put_number(out, kind, 1);
}

static bool put_named(struct cell_out *out, const void *text, size_t bytes)
{
	return bytes <= CELL_TEXT_MAX && put_number(out, bytes, 2) && put(out, text, bytes);
}

static bool put_value(struct cell_out *out, const struct tpl_value *v)
{
	bool ok = false;
	uint64_t bits;

	switch ((enum tpl_kind)v->kind) {
	case TPL_NIL:
		return put_kind(out, CELL_NIL);
	case TPL_BOOL:
		return put_kind(out, v->yes ? CELL_TRUE : CELL_FALSE);
	case TPL_INT:
		return put_kind(out, CELL_INT) && put_number(out, (uint64_t)v->number, 8);
	case TPL_FLOAT:
		memcpy(&bits, &v->real, sizeof(bits));
		return put_kind(out, CELL_FLOAT) && put_number(out, bits, 8);
	case TPL_STRING:
		return put_kind(out, CELL_TEXT) && put_named(out, v->text, v->n);
	case TPL_ARRAY:
		ok = put_kind(out, CELL_ARRAY) && put_number(out, v->n, 4);
		for (uint32_t i = 0; ok && i < v->n; i++)
			ok = put_value(out, &v->items[i]);
		return ok;
	case TPL_OBJECT:
		ok = put_kind(out, CELL_OBJECT) && put_number(out, v->n, 4);
		for (uint32_t i = 0; ok && i < v->n; i++)
			ok = put_named(out, v->members[i].name.at, v->members[i].name.bytes) &&
			     put_value(out, &v->members[i].value);
		return ok;
	case TPL_N_KINDS:
		break;
	}
	assert(!"a value has a kind of its own");
	return false;
}

bool cell_put(struct cell_out *out, const struct tpl_value *value)
{
	size_t before = out->bytes;

	if (put_value(out, value))
		return true;
	out->bytes = before;
	return false;
}

void cell_put_text(struct cell_out *out, struct span text)
{
	uint8_t *at = out->at + out->bytes;

	assert(text.bytes <= CELL_TEXT_MAX && text.bytes + CELL_TEXT_HEAD <= out->max - out->bytes);
	at[0] = CELL_TEXT;
	at[1] = (uint8_t)(text.bytes >> 8);
	at[2] = (uint8_t)text.bytes;
	if (text.bytes > 0)
		memcpy(at + CELL_TEXT_HEAD, text.at, text.bytes);
	out->bytes += CELL_TEXT_HEAD + text.bytes;
}

/* ---- reading ---- */

static uint64_t number_of(struct span big)
{
	uint64_t number = 0;

	for (size_t i = 0; i < big.bytes; i++)
		number = number << 8 | big.at[i];
	return number;
}

static bool take_named(struct span *s, struct span *out)
{
	uint16_t bytes;

	return span_take_u16(s, &bytes) && span_take(s, bytes, out);
}

static bool skip(struct span *s, unsigned depth)
{
	struct span part;
	uint32_t n = 0;
	uint8_t kind;

	if (!span_take_u8(s, &kind))
		return false;
	switch ((enum cell_kind)kind) {
	case CELL_NIL:
	case CELL_FALSE:
	case CELL_TRUE:
		return true;
	case CELL_INT:
	case CELL_FLOAT:
		return span_take(s, 8, &part);
	case CELL_TEXT:
		return take_named(s, &part);
	case CELL_ARRAY:
	case CELL_OBJECT:
		if (depth == TPL_DATA_DEPTH_MAX || !span_take_u32(s, &n))
			return false;
		while (n > 0 && (kind == CELL_ARRAY || take_named(s, &part)) && skip(s, depth + 1))
			n--;
		return n == 0;
	}
	return false;
}

bool cell_skip(struct span *s)
{
	return skip(s, 0);
}

static void *get(struct cell_room *room, size_t n, size_t bytes)
{
	void *at = room->at + room->bytes;

	if (n > (room->max - room->bytes) / bytes)
		return NULL;
	room->bytes += n * bytes;
	return at;
}

static_assert(sizeof(struct tpl_value) % alignof(max_align_t) == 0 &&
                  sizeof(struct tpl_member) % alignof(max_align_t) == 0,
              "what is given out one after the other stays aligned");

static bool take_array(struct span *s, struct cell_room *room, struct tpl_value *out)
{
	struct tpl_value *items;
	uint32_t n = 0;
	bool ok = span_take_u32(s, &n);

	assert(ok); /* cell_skip() went over it */
	items = get(room, n, sizeof(*items));
	ok = items != NULL;
	for (uint32_t i = 0; ok && i < n; i++)
		ok = cell_take(s, room, &items[i]);
	*out = (struct tpl_value){ .kind = TPL_ARRAY, .n = n, .items = items };
	return ok;
}

static bool take_object(struct span *s, struct cell_room *room, struct tpl_value *out)
{
	struct tpl_member *members;
	uint32_t n = 0;
	bool ok = span_take_u32(s, &n);

	assert(ok);
	members = get(room, n, sizeof(*members));
	ok = members != NULL;
	for (uint32_t i = 0; ok && i < n; i++)
		ok = take_named(s, &members[i].name) && cell_take(s, room, &members[i].value);
	*out = (struct tpl_value){ .kind = TPL_OBJECT, .n = n, .members = members };
	return ok;
}

bool cell_take(struct span *s, struct cell_room *room, struct tpl_value *out)
{
	struct span part = { 0 };
	uint8_t kind = 0;
	uint64_t bits;
	bool ok = span_take_u8(s, &kind);

	*out = (struct tpl_value){ .kind = TPL_NIL };
	switch ((enum cell_kind)kind) {
	case CELL_NIL:
		break;
	case CELL_FALSE:
	case CELL_TRUE:
		*out = (struct tpl_value){ .kind = TPL_BOOL, .yes = kind == CELL_TRUE };
		break;
	case CELL_INT:
		ok = ok && span_take(s, 8, &part);
		*out = (struct tpl_value){ .kind = TPL_INT, .number = (int64_t)number_of(part) };
		break;
	case CELL_FLOAT:
		ok = ok && span_take(s, 8, &part);
		bits = number_of(part);
		out->kind = TPL_FLOAT;
		memcpy(&out->real, &bits, sizeof(bits));
		break;
	case CELL_TEXT:
		ok = ok && take_named(s, &part);
		*out = tpl_text_value(part);
		break;
	case CELL_ARRAY:
		return take_array(s, room, out);
	case CELL_OBJECT:
		return take_object(s, room, out);
	}
	assert(ok);
	return true;
}
