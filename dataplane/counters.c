/* counters.c - the names of what is counted, and of the enums that reports show. */
#include <assert.h>

#include "dataplane/counters.h"
#include "dataplane/dp.h"

static const struct {
	const char *name, *unit, *help;
} rows[] = {
#define COUNTER(name, unit, help) { #name, unit, help },
#include "dataplane/counters.def"
#undef COUNTER
};

enum { N_COUNTERS = sizeof(rows) / sizeof(rows[0]) };
static_assert(sizeof(struct dp_counters) == N_COUNTERS * sizeof(_Atomic uint64_t),
              "dp_counter() reads the struct as an array");

static const char *const step_names[] = {
#define DP_STEP(sym, name) [DP_STEP_##sym] = name,
#include "dataplane/dp_step.def"
#undef DP_STEP
};

static const char *const why_texts[] = {
#define DP_WHY(sym, text) [DP_WHY_##sym] = text,
#include "dataplane/dp_why.def"
#undef DP_WHY
};

uint32_t dp_n_counters(void)
{
	return N_COUNTERS;
}

const char *dp_counter_name(uint32_t counter)
{
	assert(counter < N_COUNTERS);
	return rows[counter].name;
}

const char *dp_counter_unit(uint32_t counter)
{
	assert(counter < N_COUNTERS);
	return rows[counter].unit;
}

const char *dp_counter_help(uint32_t counter)
{
	assert(counter < N_COUNTERS);
	return rows[counter].help;
}

const char *dp_step_name(enum dp_step step)
{
	assert((unsigned)step < DP_N_STEPS);
	return step_names[step];
}

const char *dp_why_text(enum dp_why why)
{
	assert((unsigned)why < DP_N_WHYS);
	return why_texts[why];
}
