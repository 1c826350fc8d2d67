/* ruleset.c - from rules to a gate. */
#include "control/gate/ruleset.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "control/gate/cache.h"
#include "control/gate/sample.h"

static uint32_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static const char *name_of(const struct ruleset_conf *conf)
{
	return conf->rules_path[0] != '\0' ? conf->rules_path : "shipped rules";
}

static int get_set(const struct ruleset_conf *conf, const struct rules *rules,
                   struct match_set **out, struct ruleset_info *info, char why[RULES_WHY_BYTES])
{
	uint32_t began = now_ms(), bad;
	char reason[MATCH_WHY_BYTES];
	int rc;

	*out = conf->cache_path == NULL ? NULL : cache_load(conf->cache_path, rules);
	if (*out != NULL)
		return 0;
	rc = match_compile(rules->patterns, rules->n_patterns, out, &bad, reason);
	if (rc == -EINVAL) {
		uint32_t rule = rules->pattern_rule[bad];

		snprintf(why, RULES_WHY_BYTES, "%.200s:%u: rule %s: %s", name_of(conf),
		         rules->lines[rule], rules->at[rule].id, reason);
	} else if (rc != 0) {
		snprintf(why, RULES_WHY_BYTES, "%.200s: %s", name_of(conf), reason);
	}
	info->compile_ms = now_ms() - began + 1;
	return rc;
}

/* Dearer than it may be: says so, with the rules that cost most. */
static int refuse_cost(const struct ruleset_conf *conf, const struct rules *rules, uint32_t cost,
                       char why[RULES_WHY_BYTES])
{
	uint32_t slowest[SAMPLE_SLOWEST], cycles[SAMPLE_SLOWEST];
	uint32_t n = sample_slowest(rules->patterns, rules->n_patterns, slowest, cycles);
	int used = snprintf(why, RULES_WHY_BYTES,
	                    "%.200s: %u rules cost %u.%u cycles a byte, more than "
	                    "gate.cycles_per_byte_max; dearest alone:",
	                    name_of(conf), rules->n, cost / 10, cost % 10);

	for (uint32_t i = 0; i < n && used < RULES_WHY_BYTES; i++) {
		uint32_t rule = rules->pattern_rule[slowest[i]];

		used += snprintf(why + used, RULES_WHY_BYTES - (size_t)used,
		                 "%s %s (line %u) %u.%u", i == 0 ? "" : ",", rules->at[rule].id,
		                 rules->lines[rule], cycles[i] / 10, cycles[i] % 10);
	}
	return -E2BIG;
}

static int make_gate(const struct ruleset_conf *conf, const struct rules *rules, struct gate **out,
                     struct ruleset_info *info, char why[RULES_WHY_BYTES])
{
	struct match_set *set;
	struct gate *gate;
	int rc = get_set(conf, rules, &set, info, why);

	if (rc != 0)
		return rc;
	gate = gate_new(rules->at, rules->n, set, conf->tag_name, conf->n_lanes);
	if (gate == NULL) {
		snprintf(why, RULES_WHY_BYTES,
		         "%.200s: no memory, or over %d different tags since the start",
		         name_of(conf), GATE_TAG_LINES_MAX);
		match_free(set);
		return -ENOMEM;
	}
	info->cycles = sample_gate_cycles(
	    gate, conf->n_lanes - 1, conf->cycles_max == 0 ? UINT32_MAX : 10 * conf->cycles_max);
	if (conf->cycles_max != 0 && info->cycles > 10 * conf->cycles_max) {
		rc = refuse_cost(conf, rules, info->cycles, why);
		gate_free(gate);
		return rc;
	}
	if (info->compile_ms != 0 && conf->cache_path != NULL)
		(void)cache_save(conf->cache_path, rules, set); /* next time it is compiled again */
	*out = gate;
	return 0;
}

int ruleset_open(const struct ruleset_conf *conf, struct gate **out, struct ruleset_info *info,
                 char why[RULES_WHY_BYTES])
{
	struct rules *rules;
	int rc;

	assert(conf->n_lanes > 0);
	*info = (struct ruleset_info){ .cycles = 0 };
	if (conf->rules_path[0] != '\0')
		rc = rules_read(conf->rules_path, &rules, why);
	else
		rc = rules_parse("shipped rules", rules_shipped(), &rules, why);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < rules->n_patterns && conf->every_place; i++)
		rules->patterns[i].flags &= ~(uint32_t)MATCH_ONCE;
	rc = make_gate(conf, rules, out, info, why);
	if (rc == 0 && conf->keep != NULL)
		*conf->keep = rules;
	else
		rules_free(rules);
	return rc;
}
