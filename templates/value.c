/* value.c - Liquid's values: what counts as true, equal, less; parts of values; their text. */
#include "templates/value.h"

#include "templates/loop.h"
#include "templates/number.h"
#include "templates/utf8.h"

enum { DEPTH_MAX = TPL_DATA_DEPTH_MAX + 8 };

uint64_t value_range_n(struct tpl_value r)
{
	int64_t from = r.items[0].number, to = r.items[1].number;

	return to < from ? 0 : (uint64_t)to - (uint64_t)from + 1;
}

static bool is_space(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\r');
}

bool value_is_empty(struct tpl_value v)
{
	return (v.kind == TPL_STRING || v.kind == TPL_ARRAY || v.kind == TPL_OBJECT) && v.n == 0;
}

bool value_is_blank(struct tpl_value v)
{
	if (v.kind != TPL_STRING)
		return !value_truthy(v) || value_is_empty(v);
	for (uint32_t i = 0; i < v.n; i++)
		if (!is_space((uint8_t)v.text[i]))
			return false;
	return true;
}

/* ---- comparing ---- */

static bool equal(struct tpl_value a, struct tpl_value b, unsigned depth);

static bool equal_parts(struct tpl_value a, struct tpl_value b, unsigned depth)
{
	if (a.n != b.n || depth == DEPTH_MAX)
		return false;
	for (uint32_t i = 0; i < a.n; i++) {
		struct tpl_value x = a.kind == TPL_ARRAY ? a.items[i] : a.members[i].value;
		struct tpl_value y =
		    a.kind == TPL_ARRAY ? b.items[i] : value_member(b, a.members[i].name);

		if (y.kind == VALUE_UNSET || !equal(x, y, depth + 1))
			return false;
	}
	return true;
}

static bool equal(struct tpl_value a, struct tpl_value b, unsigned depth)
{
	bool numbers = (a.kind == TPL_INT || a.kind == TPL_FLOAT) &&
	               (b.kind == TPL_INT || b.kind == TPL_FLOAT);

	if (numbers)
		return number_compare(a, b) == 0;
	if (value_is_nil(a) || value_is_nil(b))
		return value_is_nil(a) && value_is_nil(b);
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case TPL_BOOL:
		return a.yes == b.yes;
	case TPL_STRING:
		return span_eq(value_span(a), value_span(b));
	case TPL_ARRAY:
	case TPL_OBJECT:
		return equal_parts(a, b, depth);
	case VALUE_RANGE:
		return a.items[0].number == b.items[0].number &&
		       a.items[1].number == b.items[1].number;
	default:
		return a.other == b.other;
	}
}

bool value_equal(struct tpl_value a, struct tpl_value b)
{
	bool a_word = a.kind == VALUE_EMPTY || a.kind == VALUE_BLANK;
	bool b_word = b.kind == VALUE_EMPTY || b.kind == VALUE_BLANK;

	if (a_word && b_word)
		return a.kind == b.kind;
	if (a_word || b_word) {
		struct tpl_value other = a_word ? b : a;

		return (a_word ? a : b).kind == VALUE_EMPTY ? value_is_empty(other)
		                                            : value_is_blank(other);
	}
	return equal(a, b, 0);
}

bool value_compare(struct tpl_value a, struct tpl_value b, int *order)
{
	size_t least = a.n < b.n ? a.n : b.n;

	if ((a.kind == TPL_INT || a.kind == TPL_FLOAT) &&
	    (b.kind == TPL_INT || b.kind == TPL_FLOAT)) {
		*order = number_compare(a, b);
		return true;
	}
	if (a.kind != TPL_STRING || b.kind != TPL_STRING)
		return false;
	*order = least == 0 ? 0 : memcmp(a.text, b.text, least);
	if (*order == 0)
		*order = (a.n > b.n) - (a.n < b.n);
	*order = (*order > 0) - (*order < 0);
	return true;
}

/* ---- parts ---- */

struct tpl_value value_member(struct tpl_value object, struct span name)
{
	for (uint32_t i = 0; object.kind == TPL_OBJECT && i < object.n; i++)
		if (span_eq(object.members[i].name, name))
			return object.members[i].value;
	return (struct tpl_value){ .kind = VALUE_UNSET };
}

struct tpl_value value_index(struct tpl_value of, struct tpl_value key)
{
	if (of.kind == TPL_OBJECT && key.kind == TPL_STRING) {
		struct tpl_value v = value_member(of, value_span(key));

		return v.kind == VALUE_UNSET ? value_nil() : v;
	}
	if (of.kind == TPL_ARRAY && key.kind == TPL_INT) {
		int64_t i = key.number < 0 ? key.number + of.n : key.number;

		return i >= 0 && i < of.n ? of.items[i] : value_nil();
	}
	if (of.kind == VALUE_LOOP || of.kind == VALUE_ROW)
		return key.kind == TPL_STRING ? loop_dot(of, value_span(key)) : value_nil();
	return value_nil();
}

static struct tpl_value size_of(struct tpl_value v)
{
	uint64_t n = v.n;
	struct span s;

	if (v.kind == VALUE_RANGE)
		n = value_range_n(v);
	if (v.kind == TPL_STRING) {
		n = 0;
		for (s = value_span(v); s.bytes != 0; n++) {
			size_t c = utf8_char_bytes(s);

			c = c == 0 ? 1 : c;
			s = span_of(s.at + c, s.bytes - c);
		}
	}
	return value_int((int64_t)n);
}

static struct tpl_value end_of(struct arena *arena, struct tpl_value v, bool last)
{
	if (v.kind == TPL_STRING) {
		struct span s = value_span(v);
		size_t at = last && s.bytes != 0 ? s.bytes - 1 : 0, n;

		while (last && at > 0 && (s.at[at] & 0xc0) == 0x80)
			at--;
		n = utf8_char_bytes(span_of(s.at + at, s.bytes - at));
		return value_text(span_of(s.at + at, n == 0 && s.bytes != 0 ? 1 : n));
	}
	if (v.kind == VALUE_RANGE)
		return value_range_n(v) == 0 ? value_nil() : v.items[last];
	if ((v.kind != TPL_ARRAY && v.kind != TPL_OBJECT) || v.n == 0)
		return value_nil();
	return value_item(arena, v, last ? v.n - 1 : 0);
}

struct tpl_value value_dot(struct arena *arena, struct tpl_value of, struct span name)
{
	bool sized = of.kind == TPL_STRING || of.kind == TPL_ARRAY || of.kind == TPL_OBJECT ||
	             of.kind == VALUE_RANGE;
	struct tpl_value v = value_index(of, value_text(name));

	if (!value_is_nil(v) || !sized)
		return v;
	if (span_eq(name, span_str("size")))
		return size_of(of);
	if (span_eq(name, span_str("first")))
		return end_of(arena, of, false);
	if (span_eq(name, span_str("last")) && of.kind != TPL_OBJECT)
		return end_of(arena, of, true);
	return value_nil();
}

struct tpl_value value_pair(struct arena *arena, struct tpl_value object, uint32_t i)
{
	struct tpl_value *pair = arena_get(arena, 2, sizeof(*pair));

	if (pair == NULL)
		return value_nil();
	pair[0] = value_text(object.members[i].name);
	pair[1] = object.members[i].value;
	return value_list(pair, 2);
}

struct tpl_value value_item(struct arena *arena, struct tpl_value of, uint64_t i)
{
	if (of.kind == VALUE_RANGE)
		return value_int((int64_t)((uint64_t)of.items[0].number + i));
	if (of.kind == TPL_OBJECT)
		return value_pair(arena, of, (uint32_t)i);
	return of.items[i];
}

/* ---- text ---- */

static void print(struct text *t, struct tpl_value v, bool quoted, unsigned depth);

/* A text inside an object is quoted, as Ruby's inspect does. */
static void print_quoted(struct text *t, struct span s)
{
	text_byte(t, '"');
	for (size_t i = 0; i < s.bytes; i++) {
		if (s.at[i] == '"' || s.at[i] == '\\')
			text_byte(t, '\\');
		if (s.at[i] == '\n')
			text_str(t, "\\n");
		else
			text_byte(t, s.at[i]);
	}
	text_byte(t, '"');
}

static void print_parts(struct text *t, struct tpl_value v, bool quoted, unsigned depth)
{
	bool object = v.kind == TPL_OBJECT, framed = object || quoted;

	if (depth == DEPTH_MAX)
		return;
	if (framed)
		text_str(t, object ? "{" : "[");
	for (uint32_t i = 0; i < v.n && !t->arena->full; i++) {
		if (framed && i != 0)
			text_str(t, ", ");
		if (object) {
			print_quoted(t, v.members[i].name);
			text_str(t, "=>");
		}
		print(t, object ? v.members[i].value : v.items[i], framed, depth + 1);
	}
	if (framed)
		text_str(t, object ? "}" : "]");
}

static void print(struct text *t, struct tpl_value v, bool quoted, unsigned depth)
{
	char number[NUMBER_BYTES];

	switch (v.kind) {
	case TPL_BOOL:
		text_str(t, v.yes ? "true" : "false");
		break;
	case TPL_INT:
		text_put(t, number, number_print_int(v.number, number));
		break;
	case TPL_FLOAT:
		text_put(t, number, number_print_float(v.real, number));
		break;
	case TPL_STRING:
		if (quoted)
			print_quoted(t, value_span(v));
		else
			text_span(t, value_span(v));
		break;
	case TPL_ARRAY:
	case TPL_OBJECT:
		print_parts(t, v, quoted, depth);
		break;
	case VALUE_RANGE:
		text_put(t, number, number_print_int(v.items[0].number, number));
		text_str(t, "..");
		text_put(t, number, number_print_int(v.items[1].number, number));
		break;
	default:
		if (quoted)
			text_str(t, "nil");
	}
}

void value_print(struct text *t, struct tpl_value v)
{
	print(t, v, false, 0);
}

struct span value_inspect(struct arena *arena, struct tpl_value v)
{
	struct text t = { .arena = arena };

	if (v.kind != TPL_ARRAY)
		return value_to_text(arena, v);
	print(&t, v, true, 0);
	return t.at == NULL ? span_of("", 0) : span_of(t.at, t.bytes);
}

struct span value_to_text(struct arena *arena, struct tpl_value v)
{
	struct text t = { .arena = arena };

	if (v.kind == TPL_STRING)
		return value_span(v);
	value_print(&t, v);
	return t.at == NULL ? span_of("", 0) : span_of(t.at, t.bytes); /* may be added to */
}
