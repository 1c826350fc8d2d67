/* test_judge.c - who is asked before a campaign is kept may refuse it, and sees what runs beside
 * it. */
#include <errno.h>

#include "tests/control/campaign/state_dir.h"

struct asked {
	uint32_t n, rows;
	int answer;
	const char *says;
	char mixes_with[CAMPAIGN_NAME_MAX + 1];
	bool was_canceled;
};

/* On a helper thread, while the test waits for it. */
static int judge(void *ctx, const struct campaign *c, const struct keyring *keys,
                 const _Atomic bool *cancel, char line[CAMPAIGN_WHY_BYTES])
{
	struct asked *a = ctx;

	CU_ASSERT_PTR_NULL(keys);
	a->n++;
	a->rows = table_n_rows(c->table);
	a->was_canceled = *cancel;
	snprintf(a->mixes_with, sizeof(a->mixes_with), "%s",
	         c->mixes_with == NULL ? "" : c->mixes_with);
	snprintf(line, CAMPAIGN_WHY_BYTES, "%s", a->says);
	return a->answer;
}

static void open_judged(struct state_dir *s, struct asked *a)
{
	struct campaigns_conf conf = { .state_dir = s->dir,
		                       .bounce_domain = "bounce.test",
		                       .postal_address = "Shop Ltd, Anytown",
		                       .judge = judge,
		                       .judge_ctx = a,
		                       .campaigns_max = 9 };

	state_make(s);
	campaigns_close(s->cs);
	conf.store = s->store;
	CU_ASSERT_EQUAL_FATAL(campaigns_open(&conf, &s->cs, s->why), 0);
}

static void start(struct state_dir *s, const struct campaign_spec *spec)
{
	s->c = NULL;
	CU_ASSERT_EQUAL_FATAL(campaign_start(s->cs, spec, state_done, s, s->why), 0);
	state_wait(s);
}

static void what_is_refused_is_not_kept(void)
{
	struct asked a = { .answer = -EPERM, .says = "lint: no" };
	struct state_dir s;
	struct campaign_spec spec;

	open_judged(&s, &a);
	spec = state_spec(&s, "one");
	start(&s, &spec);
	CU_ASSERT_EQUAL(s.result, -EPERM);
	CU_ASSERT_STRING_EQUAL(s.line, "lint: no");
	CU_ASSERT_PTR_NULL(s.c);
	CU_ASSERT_PTR_NULL(campaign_find(s.cs, "one"));
	CU_ASSERT_EQUAL(a.rows, 3);
	a.answer = 0;
	a.says = "";
	start(&s, &spec); /* the name is free */
	CU_ASSERT_PTR_NOT_NULL(s.c);
	CU_ASSERT_EQUAL(a.n, 2);
	state_del(&s);
}

static void a_dry_run_is_judged_and_tells_what_was_said(void)
{
	struct asked a = { .says = "lint: 2 warnings" };
	struct state_dir s;
	struct campaign_spec spec;

	open_judged(&s, &a);
	spec = state_spec(&s, "dry");
	spec.dry_run = true;
	start(&s, &spec);
	CU_ASSERT_EQUAL(s.result, 0);
	CU_ASSERT_STRING_EQUAL(s.line, "dry run: rows=3 recipients=3 rejected=0 duplicates=0 "
	                               "composed=3 failed=0; lint: 2 warnings");
	a.answer = -EPERM;
	start(&s, &spec);
	CU_ASSERT_EQUAL(s.result, -EPERM);
	CU_ASSERT_STRING_EQUAL(s.line, "lint: 2 warnings");
	state_del(&s);
}

static void a_campaign_of_another_class_is_named_when_it_shares_pool_and_domain(void)
{
	static char transactional[] = "transactional", ours[] = "a@shop.test",
		    same[] = "b@SHOP.test", other[] = "a@m.shop.test", pool[] = "p2";
	struct asked a = { .says = "" };
	struct state_dir s;
	struct campaign_spec spec;

	open_judged(&s, &a);
	spec = state_spec(&s, "bulk");
	spec.from = ours;
	start(&s, &spec);
	CU_ASSERT_STRING_EQUAL(a.mixes_with, "");
	snprintf(spec.name, sizeof(spec.name), "more-bulk");
	start(&s, &spec);
	CU_ASSERT_STRING_EQUAL(a.mixes_with, "");
	spec.class = transactional;
	spec.from = same;
	snprintf(spec.name, sizeof(spec.name), "receipts");
	start(&s, &spec);
	CU_ASSERT_STRING_EQUAL(a.mixes_with, "bulk");
	spec.from = other;
	snprintf(spec.name, sizeof(spec.name), "other-domain");
	start(&s, &spec);
	CU_ASSERT_STRING_EQUAL(a.mixes_with, "");
	spec.from = same;
	spec.pool = pool;
	snprintf(spec.name, sizeof(spec.name), "other-pool");
	start(&s, &spec);
	CU_ASSERT_STRING_EQUAL(a.mixes_with, "");
	state_del(&s);
}

static void looking_at_a_campaign_leaves_nothing_behind(void)
{
	struct campaigns_conf conf = { .bounce_domain = "bounce.test",
		                       .postal_address = "Shop Ltd, Anytown" };
	char folder[STATE_PATH_BYTES], why[CAMPAIGN_WHY_BYTES];
	struct campaign *c = NULL;
	struct campaign_spec spec;
	struct campaign_trial trial = { .now_s = 1789000000 };
	struct tpl_out out;
	struct tpl_err err;
	struct state_dir s;

	state_make(&s);
	spec = state_spec(&s, "look");
	state_path(&s, "look", folder);
	CU_ASSERT_EQUAL_FATAL(campaign_look(&conf, &spec, folder, &c, why), 0);
	CU_ASSERT_EQUAL(table_n_rows(c->table), 3);
	CU_ASSERT_STRING_EQUAL(c->spec.postal_address, "Shop Ltd, Anytown");
	trial.c = c;
	CU_ASSERT_EQUAL(campaign_try(&trial, 2, &out, &err), 0);
	CU_ASSERT(out.size_bytes > 0);
	free(trial.slab);
	campaign_look_end(c, folder);
	CU_ASSERT_EQUAL(access(folder, F_OK), -1);

	state_write(&s, "list.csv", "mail\nx@y.test\n"); /* no address column */
	CU_ASSERT(campaign_look(&conf, &spec, folder, &c, why) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "email"));
	campaign_look_end(c, folder);
	state_del(&s);
}

SUITE("control/campaign/judge", TEST(what_is_refused_is_not_kept),
      TEST(a_dry_run_is_judged_and_tells_what_was_said),
      TEST(a_campaign_of_another_class_is_named_when_it_shares_pool_and_domain),
      TEST(looking_at_a_campaign_leaves_nothing_behind))
