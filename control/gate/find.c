/* find.c - ends of matches from the gate; where they begin from each pattern alone. */
#include "control/gate/find.h"

#include <stdlib.h>

#include "control/gate/ruleset.h"
#include "control/xalloc.h"

struct find {
	struct gate *gate;
	struct rules *rules;
	struct {
		uint32_t pattern; /* UINT32_MAX: it has none */
		bool is_asked;    /* `starts` is made when the rule is found first */
		struct match_starts *starts;
	} * rule; /* by rule */
};

int find_open(const char *rules_path, struct find **out, char why[RULES_WHY_BYTES])
{
	struct find *f = xcalloc(1, sizeof(*f));
	struct ruleset_conf conf = { .rules_path = rules_path,
		                     .tag_name = "X-Tag",
		                     .n_lanes = 1,
		                     .every_place = true,
		                     .keep = &f->rules };
	struct ruleset_info info;
	int rc = ruleset_open(&conf, &f->gate, &info, why);

	if (rc != 0) {
		free(f);
		return rc;
	}
	f->rule = xcalloc(f->rules->n + 1, sizeof(*f->rule));
	for (uint32_t i = 0; i < f->rules->n; i++)
		f->rule[i].pattern = UINT32_MAX;
	for (uint32_t i = 0; i < f->rules->n_patterns; i++)
		if ((f->rules->at[f->rules->pattern_rule[i]].checks & GATE_NO_PATTERN) == 0)
			f->rule[f->rules->pattern_rule[i]].pattern = i;
	*out = f;
	return 0;
}

void find_close(struct find *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->rules->n; i++)
		match_starts_free(f->rule[i].starts);
	gate_free(f->gate);
	rules_free(f->rules);
	free(f->rule);
	free(f);
}

/* What a text has so far. */
struct look {
	struct find *f;
	struct span text;
	struct find_place *places;
	uint32_t n;
	uint64_t more;
	/* By rule, where the line ends that it was found in last: matches that only end further
	 * on in it are the same to a reader.
	 */
	uint64_t *line_end;
};

static uint64_t begin_of(struct look *l, uint32_t rule, uint64_t end)
{
	struct find *f = l->f;

	if (!f->rule[rule].is_asked)
		f->rule[rule].starts = match_starts_new(&f->rules->patterns[f->rule[rule].pattern]);
	f->rule[rule].is_asked = true;
	return match_begin(f->rule[rule].starts, (const char *)l->text.at, (size_t)end);
}

static void on_place(void *ctx, uint32_t rule, uint64_t at)
{
	struct look *l = ctx;
	bool is_end = l->f->rule[rule].pattern != UINT32_MAX;
	uint64_t last = is_end && at > 0 ? at - 1 : at; /* a byte of what was found */
	const uint8_t *end;

	if (last < l->line_end[rule])
		return;
	end = last < l->text.bytes ? memchr(l->text.at + last, '\n', l->text.bytes - last) : NULL;
	l->line_end[rule] = end == NULL ? l->text.bytes + 1 : (uint64_t)(end - l->text.at) + 1;
	if (l->n == FIND_MAX) {
		l->more++;
		return;
	}
	l->places[l->n++] =
	    (struct find_place){ gate_rule(l->f->gate, rule), is_end ? begin_of(l, rule, at) : at };
}

static int by_place(const void *a, const void *b)
{
	const struct find_place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

uint32_t find_places(struct find *f, const struct dp_text *text, struct find_place places[FIND_MAX],
                     uint64_t *more)
{
	struct look l = { .f = f,
		          .text = text->bytes,
		          .places = places,
		          .line_end = xcalloc(f->rules->n + 1, sizeof(uint64_t)) };

	gate_find(f->gate, 0, text, on_place, &l);
	free(l.line_end);
	qsort(places, l.n, sizeof(*places), by_place);
	*more = l.more;
	return l.n;
}
