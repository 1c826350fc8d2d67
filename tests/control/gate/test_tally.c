/* test_tally.c - what rules hit is known after rules are replaced and after a restart. */
#include "control/gate/tally.h"

#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

enum { LANES = 2 };

static struct gate *make_gate(const char *first, const char *second)
{
	const struct match_pattern patterns[] = { { "alpha", 0 }, { "beta", 0 } };
	const struct gate_rule rules[] = {
		{ first, "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_ALL, 0 },
		{ second, "", DP_GATE_NOTE, DP_GATE_PASS, GATE_IN_ALL, 0 },
	};
	struct match_set *set = NULL;
	char why[MATCH_WHY_BYTES];
	struct gate *gate;
	uint32_t bad;

	CU_ASSERT_EQUAL_FATAL(match_compile(patterns, 2, &set, &bad, why), 0);
	gate = gate_new(rules, 2, set, "X-T", LANES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(gate);
	return gate;
}

static void scan(struct gate *gate, uint32_t lane, uint32_t campaign, const char *text)
{
	struct dp_text t = { .bytes = span_str(text), .part = DP_PART_TEXT };
	struct gate_verdict v;

	gate_scan(gate, lane, campaign, false, &t, 1, &v);
}

static struct store *open_store(const char *dir)
{
	struct store_conf conf = { .dir = dir, .batch_max = 64, .queue_max = 1024 };
	char why[STORE_WHY_BYTES] = "";
	struct store *s = NULL;

	if (store_open(&conf, &s, why) != 0)
		printf("\n    %s", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

struct want {
	const char *rule;
	uint64_t hits;
};

static void add(void *ctx, const char *rule, uint64_t hits)
{
	struct want *w = ctx;

	if (strcmp(w->rule, rule) == 0)
		w->hits += hits;
}

static uint64_t hits_of(const struct tally *t, uint32_t campaign, const char *rule)
{
	struct want w = { rule, 0 };

	tally_each(t, campaign, add, &w);
	return w.hits;
}

static void counts_outlive_gates_and_restarts(void)
{
	char dir[TMPDIR_BYTES];
	struct store *store = open_store(tmpdir_make(dir));
	struct tally *t = tally_new(store);
	struct gate *gate = make_gate("r.one", "r.two");

	scan(gate, 0, 7, "alpha");
	scan(gate, 1, 7, "alpha beta");
	scan(gate, 1, 9, "beta");
	tally_take(t, gate, LANES); /* as when others take its place */
	gate_free(gate);
	CU_ASSERT_EQUAL(hits_of(t, 7, "r.one"), 2);
	CU_ASSERT_EQUAL(hits_of(t, 7, "r.two"), 1);
	CU_ASSERT_EQUAL(hits_of(t, 0, "r.two"), 2);

	gate = make_gate("r.one", "r.three");
	for (int round = 0; round < 3; round++) { /* none is counted twice */
		scan(gate, 0, 7, "alpha beta");
		tally_save(t, gate, LANES);
		tally_save(t, gate, LANES);
	}
	tally_free(t);
	gate_free(gate);
	store_close(store);

	store = open_store(dir);
	t = tally_new(store);
	CU_ASSERT_EQUAL(hits_of(t, 7, "r.one"), 5);
	CU_ASSERT_EQUAL(hits_of(t, 7, "r.two"), 1);
	CU_ASSERT_EQUAL(hits_of(t, 7, "r.three"), 3);
	CU_ASSERT_EQUAL(hits_of(t, 9, "r.two"), 1);
	CU_ASSERT_EQUAL(hits_of(t, 0, "r.two"), 2);
	CU_ASSERT_EQUAL(tally_lost(t), 0);
	tally_free(t);
	store_close(store);
	tmpdir_del(dir);
}

static void what_is_named_alike_and_was_not_written_here_is_passed_over(void)
{
	static const char *const names[] = { "gate-hits/", "gate-hits/7", "gate-hits/x/r",
		                             "gate-hits/99999999999/r", "gate-hits/7/short" };
	char dir[TMPDIR_BYTES];
	struct store *store = open_store(tmpdir_make(dir));
	uint64_t value = 5;
	struct tally *t;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_EQUAL(store_put(store, names[i], span_of(&value, i == 4 ? 3 : 8)), 0);
	t = tally_new(store);
	CU_ASSERT_EQUAL(hits_of(t, 0, "r") + hits_of(t, 0, "short") + hits_of(t, 0, ""), 0);
	tally_free(t);
	store_close(store);
	tmpdir_del(dir);
}

static void without_a_store_it_counts_all_the_same(void)
{
	struct tally *t = tally_new(NULL);
	struct gate *gate = make_gate("r.one", "r.two");

	scan(gate, 0, 1, "alpha");
	tally_save(t, gate, LANES);
	tally_take(t, gate, LANES);
	CU_ASSERT_EQUAL(hits_of(t, 1, "r.one"), 1);
	tally_free(t);
	gate_free(gate);
}

SUITE("control/gate/tally", TEST(counts_outlive_gates_and_restarts),
      TEST(what_is_named_alike_and_was_not_written_here_is_passed_over),
      TEST(without_a_store_it_counts_all_the_same))
