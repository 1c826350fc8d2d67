/* filter_list.c - filters of lists as wholes: joining, ends, order, size. */
#include "templates/filter_list.h"

#include "templates/letters.h"
#include "templates/number.h"
#include "templates/utf8.h"

/* ---- items ---- */

static uint64_t count_flat(struct tpl_value v, unsigned depth)
{
	uint64_t n = 0;

	if (v.kind != TPL_ARRAY || depth > TPL_DATA_DEPTH_MAX)
		return 1;
	for (uint32_t i = 0; i < v.n; i++)
		n += count_flat(v.items[i], depth + 1);
	return n;
}

static void add_flat(struct list *list, struct tpl_value v, unsigned depth)
{
	if (v.kind != TPL_ARRAY || depth > TPL_DATA_DEPTH_MAX) {
		list->items[list->n++] = v.kind == VALUE_UNSET ? value_nil() : v;
		return;
	}
	for (uint32_t i = 0; i < v.n; i++)
		add_flat(list, v.items[i], depth + 1);
}

const char *list_of(struct filter_call *c, struct tpl_value v, struct list *out)
{
	uint64_t n = v.kind == VALUE_RANGE ? value_range_n(v)
	             : value_is_nil(v)     ? 0
	                                   : count_flat(v, 0);

	out->n = 0;
	out->items = n > UINT32_MAX ? NULL : arena_get(c->arena, n + 1, sizeof(*out->items));
	if (out->items == NULL)
		return filter_no_memory;
	*c->steps += n;
	if (v.kind == VALUE_RANGE)
		while (out->n < n) {
			out->items[out->n] = value_item(c->arena, v, out->n);
			out->n++;
		}
	else if (n != 0)
		add_flat(out, v, 0);
	return NULL;
}

static const char *put_list(struct filter_call *c, const struct list *list)
{
	c->out = value_list(list->items, list->n);
	return NULL;
}

const char *list_property(struct tpl_value item, struct tpl_value property, struct tpl_value *out,
                          bool *none)
{
	*out = value_nil();
	*none = value_is_nil(item) || item.kind == TPL_BOOL || item.kind == TPL_FLOAT;
	if (item.kind == TPL_INT && property.kind != TPL_INT)
		return "a number has no properties";
	if (item.kind == TPL_STRING &&
	    property.kind == TPL_STRING) { /* a part of it, as Ruby says */
		if (memmem(item.text, item.n, property.text, property.n) != NULL)
			*out = property;
	} else if (item.kind == TPL_STRING && property.kind != TPL_INT) {
		return "a text has no such property";
	} else {
		*out = value_index(item, property);
	}
	return NULL;
}

/* ---- wholes ---- */

const char *filter_join(struct filter_call *c)
{
	struct span glue = c->n_args == 0 ? span_str(" ") : filter_arg_text(c, 0);
	struct text t = { .arena = c->arena };
	struct list list;
	const char *why = list_of(c, c->in, &list);

	if (why != NULL)
		return why;
	for (size_t i = 0; i < list.n && !c->arena->full; i++) {
		if (i != 0)
			text_span(&t, glue);
		value_print(&t, list.items[i]);
	}
	return filter_put(c, &t);
}

const char *filter_first(struct filter_call *c)
{
	c->out = value_dot(c->arena, c->in, span_str("first"));
	if (c->in.kind == TPL_OBJECT)
		c->out = c->in.n == 0 ? value_nil() : value_pair(c->arena, c->in, 0);
	return NULL;
}

const char *filter_last(struct filter_call *c)
{
	c->out =
	    c->in.kind == TPL_OBJECT ? value_nil() : value_dot(c->arena, c->in, span_str("last"));
	return NULL;
}

const char *filter_size(struct filter_call *c)
{
	c->out = value_int(0);
	if (c->in.kind == TPL_OBJECT)
		c->out = value_int(c->in.n);
	else if (c->in.kind == TPL_STRING || c->in.kind == TPL_ARRAY || c->in.kind == VALUE_RANGE)
		c->out = value_dot(c->arena, c->in, span_str("size"));
	return NULL;
}

const char *filter_reverse(struct filter_call *c)
{
	struct list list;
	const char *why = list_of(c, c->in, &list);

	for (size_t i = 0; why == NULL && i < list.n / 2; i++) {
		struct tpl_value v = list.items[i];

		list.items[i] = list.items[list.n - 1 - i];
		list.items[list.n - 1 - i] = v;
	}
	return why != NULL ? why : put_list(c, &list);
}

const char *filter_concat(struct filter_call *c)
{
	struct list a, b;
	const char *why;

	if (c->args[0].kind != TPL_ARRAY)
		return "the argument is no list";
	if ((why = list_of(c, c->in, &a)) != NULL)
		return why;
	b.n = c->args[0].n;
	b.items = arena_get(c->arena, a.n + b.n + 1, sizeof(*b.items));
	if (b.items == NULL)
		return filter_no_memory;
	memcpy(b.items, a.items, a.n * sizeof(*a.items));
	if (b.n != 0)
		memcpy(b.items + a.n, c->args[0].items, b.n * sizeof(*b.items));
	b.n += a.n;
	return put_list(c, &b);
}

/* White space divides words, nothing divides characters; empty texts at the end are dropped. */
const char *filter_split(struct filter_call *c)
{
	struct span s = filter_text(c), by = filter_arg_text(c, 0);
	bool words = span_eq(by, span_str(" "));
	struct list list = { .items = arena_get(c->arena, s.bytes + 1, sizeof(*list.items)) };
	size_t at = 0;

	if (list.items == NULL)
		return filter_no_memory;
	while (at < s.bytes) {
		struct span rest = span_of(s.at + at, s.bytes - at);
		const uint8_t *hit;
		size_t n;

		if (words) {
			for (; at < s.bytes && s.at[at] <= ' '; at++)
				;
			for (n = at; n < s.bytes && s.at[n] > ' '; n++)
				;
			if (n != at)
				list.items[list.n++] = value_text(span_of(s.at + at, n - at));
			at = n;
			continue;
		}
		if (by.bytes == 0) {
			n = utf8_char_bytes(rest);
			n = n == 0 ? 1 : n;
		} else {
			hit = memmem(rest.at, rest.bytes, by.at, by.bytes);
			n = hit == NULL ? rest.bytes : (size_t)(hit - rest.at);
		}
		list.items[list.n++] = value_text(span_of(rest.at, n));
		at += n + by.bytes;
	}
	while (list.n != 0 && list.items[list.n - 1].n == 0)
		list.n--;
	return put_list(c, &list);
}

/* ---- order ---- */

/* What an item is sorted by, and the item. */
struct sorted {
	struct tpl_value key, item;
	struct span text;
};

struct order {
	bool natural, wrong;
};

/* nil comes last. */
static int compare(struct order *o, const struct sorted *a, const struct sorted *b)
{
	int order = 0;

	if (value_is_nil(a->key) || value_is_nil(b->key))
		return value_is_nil(a->key) - value_is_nil(b->key);
	if (o->natural)
		return letters_compare(a->text, b->text);
	if (!value_compare(a->key, b->key, &order) && !value_equal(a->key, b->key))
		o->wrong = true;
	return order;
}

/* Merges from the bottom up: stable, and no worse for any order of the data. */
static struct sorted *merge_sort(struct order *o, struct sorted *from, struct sorted *to, size_t n)
{
	for (size_t run = 1; run < n; run *= 2) {
		struct sorted *swap = from;

		for (size_t at = 0; at < n; at += 2 * run) {
			size_t a = at, b = at + run < n ? at + run : n;
			size_t a_end = b, b_end = b + run < n ? b + run : n;

			for (size_t i = at; i < b_end; i++) {
				bool take_a = b == b_end ||
				              (a < a_end && compare(o, &from[a], &from[b]) <= 0);

				to[i] = take_a ? from[a++] : from[b++];
			}
		}
		from = to;
		to = swap;
	}
	return from;
}

static const char *sort(struct filter_call *c, bool natural)
{
	struct order o = { .natural = natural };
	struct sorted *rows;
	struct list list;
	const char *why = list_of(c, c->in, &list);
	bool none;

	if (why != NULL)
		return why;
	rows = arena_get(c->arena, 2 * list.n + 1, sizeof(*rows));
	if (rows == NULL)
		return filter_no_memory;
	*c->steps += 16 * list.n;
	for (size_t i = 0; i < list.n; i++) {
		rows[i] = (struct sorted){ .key = list.items[i], .item = list.items[i] };
		if (c->n_args != 0 && !value_is_nil(c->args[0])) {
			why = list_property(list.items[i], c->args[0], &rows[i].key, &none);
			if (why != NULL)
				return why;
		}
		if (natural)
			rows[i].text = value_to_text(c->arena, rows[i].key);
	}
	rows = merge_sort(&o, rows, rows + list.n, list.n);
	for (size_t i = 0; i < list.n; i++)
		list.items[i] = rows[i].item;
	return o.wrong ? "values of different kinds have no order" : put_list(c, &list);
}

const char *filter_sort(struct filter_call *c)
{
	return sort(c, false);
}

const char *filter_sort_natural(struct filter_call *c)
{
	return sort(c, true);
}
