/* loop.c - a running loop, and what `forloop` and `tablerowloop` say of it. */
#include "templates/loop.h"

struct tpl_value loop_item(struct arena *arena, const struct loop *l)
{
	return value_item(arena, l->over, l->from + (l->reversed ? l->n - 1 - l->i : l->i));
}

enum about {
	ABOUT_INDEX,
	ABOUT_INDEX0,
	ABOUT_RINDEX,
	ABOUT_RINDEX0,
	ABOUT_FIRST,
	ABOUT_LAST,
	ABOUT_LENGTH,
	ABOUT_NAME,
	ABOUT_PARENT,
	ABOUT_COL,
	ABOUT_COL0,
	ABOUT_COL_FIRST,
	ABOUT_COL_LAST,
	ABOUT_ROW,
};

enum { IN_FOR = 1, IN_ROW = 2 };

static const struct {
	const char *name;
	enum about about;
	uint8_t in;
} names[] = {
	/* clang-format off */
	{ "index",     ABOUT_INDEX,     IN_FOR | IN_ROW }, { "index0",     ABOUT_INDEX0,  IN_FOR | IN_ROW },
	{ "rindex",    ABOUT_RINDEX,    IN_FOR | IN_ROW }, { "rindex0",    ABOUT_RINDEX0, IN_FOR | IN_ROW },
	{ "first",     ABOUT_FIRST,     IN_FOR | IN_ROW }, { "last",       ABOUT_LAST,    IN_FOR | IN_ROW },
	{ "length",    ABOUT_LENGTH,    IN_FOR | IN_ROW }, { "name",       ABOUT_NAME,    IN_FOR },
	{ "col",       ABOUT_COL,       IN_ROW },          { "col0",       ABOUT_COL0,    IN_ROW },
	{ "col_first", ABOUT_COL_FIRST, IN_ROW },          { "col_last",   ABOUT_COL_LAST, IN_ROW },
	{ "row",       ABOUT_ROW,       IN_ROW },          { "parentloop", ABOUT_PARENT,  IN_FOR },
	/* clang-format on */
};

static struct tpl_value say(const struct loop *l, enum about about)
{
	int64_t i = (int64_t)l->i, n = (int64_t)l->n, columns = l->columns == 0 ? 1 : l->columns;

	switch (about) {
	case ABOUT_INDEX:
		return value_int(i + 1);
	case ABOUT_INDEX0:
		return value_int(i);
	case ABOUT_RINDEX:
		return value_int(n - i);
	case ABOUT_RINDEX0:
		return value_int(n - i - 1);
	case ABOUT_FIRST:
		return value_bool(i == 0);
	case ABOUT_LAST:
		return value_bool(i + 1 == n);
	case ABOUT_LENGTH:
		return value_int(n);
	case ABOUT_NAME:
		return value_text(l->name);
	case ABOUT_PARENT:
		return l->parent;
	case ABOUT_COL:
		return value_int(i % columns + 1);
	case ABOUT_COL0:
		return value_int(i % columns);
	case ABOUT_COL_FIRST:
		return value_bool(i % columns == 0);
	case ABOUT_COL_LAST:
		return value_bool(i % columns == columns - 1);
	case ABOUT_ROW:
		return value_int(i / columns + 1);
	}
	return value_nil();
}

struct tpl_value loop_dot(struct tpl_value v, struct span name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((names[i].in & (v.kind == VALUE_ROW ? IN_ROW : IN_FOR)) != 0 &&
		    span_eq(name, span_str(names[i].name)))
			return say(v.other, names[i].about);
	return value_nil();
}
