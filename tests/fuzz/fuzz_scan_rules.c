/* fuzz_scan_rules.c - any bytes are rules that hold what the gate takes for granted, or one line.
 */
#include <assert.h>
#include <string.h>

#include "control/gate/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char why[RULES_WHY_BYTES] = "";
	struct rules *r = NULL;
	uint32_t with_pattern = 0, with_hosts = 0;

	if (rules_parse("f", span_of(data, bytes), &r, why) != 0) {
		assert(strncmp(why, "f:", 2) == 0 && memchr(why, '\0', sizeof(why)) != NULL);
		return 0;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const struct gate_rule *g = &r->at[i];
		char where[64];

		assert(g->id[0] != '\0' && strlen(g->id) <= GATE_ID_MAX);
		assert(strlen(g->note) <= GATE_NOTE_MAX && g->where != 0);
		assert(g->grade == DP_GATE_NOTE || g->action >= DP_GATE_HOLD);
		rules_where_text(g->where, where);
		with_pattern += (g->checks & GATE_NO_PATTERN) == 0;
		with_hosts += (g->checks & GATE_HOSTS) != 0;
	}
	assert(r->n_patterns == with_pattern + (with_hosts > 0));
	for (uint32_t i = 0; i < r->n_patterns; i++)
		assert(r->patterns[i].regex[0] != '\0' && r->pattern_rule[i] < r->n);
	rules_free(r);
	return 0;
}
