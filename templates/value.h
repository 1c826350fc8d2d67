/* value.h - Liquid's values: what counts as true, equal, less; parts of values; their text. */
#pragma once

#include "templates/arena.h"
#include "templates/tpl.h"

/* Kinds that no data has. */
enum {
	VALUE_UNSET = TPL_N_KINDS, /* a name without a value; reads as nil */
	VALUE_RANGE,               /* items: the first and the last number */
	VALUE_EMPTY,               /* the word `empty` */
	VALUE_BLANK,               /* the word `blank` */
	VALUE_LOOP,                /* other: a struct loop, for the names in `forloop` */
	VALUE_ROW,                 /* the same of `tablerowloop` */
};

/* What HTML contexts need to know of a text. */
enum { STATE_PLAIN, STATE_RAW, STATE_ESCAPED };

static inline struct tpl_value value_nil(void)
{
	return (struct tpl_value){ .kind = TPL_NIL };
}

static inline struct tpl_value value_bool(bool yes)
{
	return (struct tpl_value){ .kind = TPL_BOOL, .yes = yes };
}

static inline struct tpl_value value_int(int64_t number)
{
	return (struct tpl_value){ .kind = TPL_INT, .number = number };
}

static inline struct tpl_value value_float(double real)
{
	return (struct tpl_value){ .kind = TPL_FLOAT, .real = real };
}

static inline struct tpl_value value_text(struct span s)
{
	return tpl_text_value(s);
}

static inline struct tpl_value value_list(const struct tpl_value *items, size_t n)
{
	return (struct tpl_value){ .kind = TPL_ARRAY, .n = (uint32_t)n, .items = items };
}

static inline struct span value_span(struct tpl_value text)
{
	return span_of(text.text, text.n);
}

static inline bool value_is_nil(struct tpl_value v)
{
	return v.kind == TPL_NIL || v.kind == VALUE_UNSET;
}

/* All but nil and false. */
static inline bool value_truthy(struct tpl_value v)
{
	return !value_is_nil(v) && (v.kind != TPL_BOOL || v.yes);
}

/* Steps that looking through a value counts as: what is long takes long. */
static inline uint64_t value_weight(struct tpl_value v)
{
	return v.kind == TPL_STRING || v.kind == TPL_ARRAY || v.kind == TPL_OBJECT ? v.n / 16 : 0;
}

/* How many numbers a range has. */
uint64_t value_range_n(struct tpl_value range);

bool value_is_empty(struct tpl_value v); /* '', [], {} */
bool value_is_blank(struct tpl_value v); /* nil, false, empty or white space only */
bool value_equal(struct tpl_value a, struct tpl_value b);

/* -1, 0 or 1 in `*order`, when the two can be compared; else false. */
bool value_compare(struct tpl_value a, struct tpl_value b, int *order);

/* The member of an object; VALUE_UNSET when there is none. */
struct tpl_value value_member(struct tpl_value object, struct span name);

/* `of[key]`: a member, an item (from the end when negative), else nil. */
struct tpl_value value_index(struct tpl_value of, struct tpl_value key);

/* `of.name`: as value_index(); then `size`, `first` and `last` of what has them, and the names of a
 * loop.
 */
struct tpl_value value_dot(struct arena *arena, struct tpl_value of, struct span name);

/* [name, value] of an object's member; nil when memory is out. */
struct tpl_value value_pair(struct arena *arena, struct tpl_value object, uint32_t i);

/* Item `i` of an array, a range or an object (a pair). */
struct tpl_value value_item(struct arena *arena, struct tpl_value of, uint64_t i);

/* Appends its text, as output writes it. */
void value_print(struct text *t, struct tpl_value v);

/* Its text: its own bytes where it is one, else in the arena. */
struct span value_to_text(struct arena *arena, struct tpl_value v);

/* The same, but of an array as filters of texts see it: [1, "a"]. */
struct span value_inspect(struct arena *arena, struct tpl_value v);
