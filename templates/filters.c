/* filters.c - the table of filters, and what their files share. */
#include "templates/filters.h"

const char filter_no_memory[] = "this needs more memory than one message may use";

const struct filter filters[N_FILTERS] = {
#define FILTER_ROW(name, min, max, word)                                                           \
	[FILTER_IS_##name] = { #name, filter_##name, min, max, word },
#include "templates/filters.def"
#undef FILTER_ROW
};

const struct filter *filters_find(struct span name, uint16_t *number)
{
	for (uint16_t i = 0; i < N_FILTERS; i++) {
		if (span_eq(name, span_str(filters[i].name))) {
			*number = i;
			return &filters[i];
		}
	}
	return NULL;
}

struct span filters_nearest(struct span name)
{
	unsigned most = name.bytes < 6 ? 1 : 2, best = most + 1;
	struct span near = span_of("", 0);

	for (size_t i = 0; i < N_FILTERS; i++) {
		unsigned d = name_distance(name, span_str(filters[i].name), most);

		if (d < best) {
			best = d;
			near = span_str(filters[i].name);
		}
	}
	return near;
}

struct span filter_text(struct filter_call *c)
{
	return value_inspect(c->arena, c->in);
}

struct span filter_arg_text(struct filter_call *c, unsigned i)
{
	return i < c->n_args ? value_inspect(c->arena, c->args[i]) : span_of("", 0);
}

const char *filter_put_span(struct filter_call *c, struct span s)
{
	c->out = value_text(s);
	return NULL;
}

const char *filter_put(struct filter_call *c, const struct text *t)
{
	return filter_put_span(c, span_of(t->at, t->bytes));
}
