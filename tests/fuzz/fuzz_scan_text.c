/* fuzz_scan_text.c - any text, cut in any pieces, gets a verdict, and the same one whole or cut
 * where no rule looks further than a piece.
 *
 * Input: the part, the size of pieces, then the text.
 */
#include <assert.h>
#include <string.h>

#include "control/gate/ruleset.h"
#include "dataplane/gate_card.h"
#include "dataplane/gate_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct gate *the_gate(void)
{
	static const struct ruleset_conf conf = { .rules_path = "",
		                                  .tag_name = "X-T",
		                                  .n_lanes = 1 };
	static struct gate *gate;
	struct ruleset_info info;
	char why[RULES_WHY_BYTES];

	if (gate == NULL && ruleset_open(&conf, &gate, &info, why) != 0)
		assert(!"the shipped rules");
	return gate;
}

static bool is_card(const struct gate *gate, uint32_t rule)
{
	return (gate_rule(gate, rule)->checks & GATE_CARD) != 0;
}

static bool has_hit(const struct gate_verdict *v, uint32_t rule)
{
	uint32_t i = 0;

	while (i < v->n_hits && v->hits[i] != rule)
		i++;
	return i < v->n_hits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct gate *gate = the_gate();
	struct dp_text whole, cut[DP_TEXTS_MAX];
	struct gate_verdict a, b;
	struct span text;
	size_t piece, start = 0, end = 0;
	uint32_t n = 0;

	if (bytes < 3)
		return 0;
	text = span_of(data + 2, bytes - 2);
	whole = (struct dp_text){ .bytes = text, .part = data[0] % DP_PART_NAME };
	gate_scan(gate, 0, 0, false, &whole, 1, &a);

	piece = (size_t)data[1] + 1 + text.bytes / (DP_TEXTS_MAX - 1);
	for (size_t at = 0; at < text.bytes && n < DP_TEXTS_MAX; at += piece, n++) {
		size_t left = text.bytes - at;

		cut[n] = whole;
		cut[n].bytes = span_of(text.at + at, left < piece ? left : piece);
	}
	gate_scan(gate, 0, 0, false, cut, n, &b);
	for (uint32_t i = 0; i < a.n_hits; i++) /* cards are looked for piece by piece */
		assert(is_card(gate, a.hits[i]) || has_hit(&b, a.hits[i]));

	while ((end = gate_card_find(text, end, &start)) != 0)
		assert(start < end && end <= text.bytes && end - start >= 13);
	(void)gate_host_judge(text);
	return 0;
}
