/* filter_pick.c - filters that pick from lists or count over them. */
#include "templates/filter_list.h"

#include "templates/number.h"
#include "templates/render.h"

/* What is picked by. */
enum pick { PICK_WHERE, PICK_REJECT, PICK_FIND, PICK_INDEX, PICK_HAS };

/* True when the item has the property with that value; without a value, when it is true. */
static const char *fits(struct filter_call *c, struct tpl_value item, bool *yes, bool *none)
{
	struct tpl_value v;
	const char *why = list_property(item, c->args[0], &v, none);

	*yes = c->n_args < 2 || value_is_nil(c->args[1]) ? value_truthy(v)
	                                                 : value_equal(v, c->args[1]);
	return why;
}

/* As Shopify, an item without properties makes the whole nothing. */
static const char *pick(struct filter_call *c, enum pick how)
{
	struct list list;
	const char *why = list_of(c, c->in, &list);
	size_t kept = 0, n = list.n;

	c->out = how == PICK_HAS ? value_bool(false) : value_nil();
	for (size_t i = 0; why == NULL && i < n; i++) {
		struct tpl_value item = list.items[i];
		bool yes = false, none = false;

		why = fits(c, item, &yes, &none);
		if (why != NULL || none) {
			c->out = value_nil();
			return why;
		}
		if (yes && how >= PICK_FIND) {
			c->out = how == PICK_FIND    ? item
			         : how == PICK_INDEX ? value_int((int64_t)i)
			                             : value_bool(true);
			return NULL;
		}
		if (yes == (how == PICK_WHERE))
			list.items[kept++] = item;
	}
	if (why == NULL && how < PICK_FIND)
		c->out = value_list(list.items, kept);
	return why;
}

const char *filter_where(struct filter_call *c)
{
	return pick(c, PICK_WHERE);
}

const char *filter_reject(struct filter_call *c)
{
	return pick(c, PICK_REJECT);
}

const char *filter_find(struct filter_call *c)
{
	return pick(c, PICK_FIND);
}

const char *filter_find_index(struct filter_call *c)
{
	return pick(c, PICK_INDEX);
}

const char *filter_has(struct filter_call *c)
{
	return pick(c, PICK_HAS);
}

/* The items, or a property of each when one is named or there must be one, into `keys`. */
static const char *keys_of(struct filter_call *c, const struct list *list, bool always,
                           struct list *keys)
{
	const char *why = NULL;
	bool none;

	*keys = *list;
	if (!always && (c->n_args == 0 || value_is_nil(c->args[0])))
		return NULL;
	keys->items = arena_get(c->arena, list->n + 1, sizeof(*keys->items));
	if (keys->items == NULL)
		return filter_no_memory;
	for (size_t i = 0; why == NULL && i < list->n; i++)
		why = list_property(list->items[i], c->args[0], &keys->items[i], &none);
	return why;
}

const char *filter_map(struct filter_call *c)
{
	struct list list, keys = { 0 };
	const char *why = list_of(c, c->in, &list);

	if (why == NULL)
		why = keys_of(c, &list, true, &keys);
	c->out = value_list(keys.items, keys.n);
	return why;
}

const char *filter_compact(struct filter_call *c)
{
	struct list list, keys;
	const char *why = list_of(c, c->in, &list);
	size_t kept = 0;

	if (why != NULL || (why = keys_of(c, &list, false, &keys)) != NULL)
		return why;
	for (size_t i = 0; i < list.n; i++)
		if (!value_is_nil(keys.items[i]))
			list.items[kept++] = list.items[i];
	c->out = value_list(list.items, kept);
	return NULL;
}

const char *filter_uniq(struct filter_call *c)
{
	struct list list, keys;
	const char *why = list_of(c, c->in, &list);
	size_t kept = 0;

	if (why != NULL || (why = keys_of(c, &list, false, &keys)) != NULL)
		return why;
	for (size_t i = 0; i < list.n && *c->steps < RENDER_STEPS_MAX; i++) {
		struct tpl_value key = keys.items[i];
		size_t j = 0;

		/* 1 and 1.0 are equal and yet two, as for Ruby's eql? */
		while (j < kept &&
		       (keys.items[j].kind != key.kind || !value_equal(keys.items[j], key)))
			j++;
		*c->steps += j * (1 + value_weight(key));
		if (j < kept)
			continue;
		keys.items[kept] = key; /* the items and their keys may be the same list */
		list.items[kept++] = list.items[i];
	}
	c->out = value_list(list.items, kept);
	return NULL;
}

const char *filter_sum(struct filter_call *c)
{
	struct list list, keys;
	const char *why = list_of(c, c->in, &list);

	if (why == NULL)
		why = keys_of(c, &list, false, &keys);
	c->out = value_int(0);
	for (size_t i = 0; why == NULL && i < list.n; i++)
		why = number_do('+', c->out, number_of(keys.items[i]), &c->out);
	return why;
}

const char *filter_default(struct filter_call *c)
{
	bool keeps_false = c->named && value_truthy(c->args[c->n_args]);
	bool missing = value_is_nil(c->in) || value_is_empty(c->in) || c->in.kind == VALUE_EMPTY ||
	               c->in.kind == VALUE_BLANK || (!keeps_false && !value_truthy(c->in));

	c->out = !missing ? c->in : c->n_args == 0 ? value_text(span_of("", 0)) : c->args[0];
	return NULL;
}
