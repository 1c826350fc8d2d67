/* keeper.c - one gate in use, at most one on its way to the workers, at most one being compiled. */
#include "control/gate/keeper.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <uthash.h>
#include <uv.h>

#include "control/gate/ruleset.h"
#include "control/gate/tally.h"
#include "control/log.h"
#include "control/thread.h"
#include "control/xalloc.h"

enum {
	LOOK_MS = 20,  /* how often it is asked whether the workers have gone over */
	SAVE_MS = 200, /* how often what was counted is noted: the most a crash loses */
	PATH_BYTES = 4096,
};

/* Rules on their way from a file to a gate. */
struct work {
	char *path, *tag_header;
	uint32_t cycles_max;
	struct gate *gate; /* NULL: refused, `why` says why */
	struct ruleset_info info;
	char why[RULES_WHY_BYTES];
};

struct keeper {
	struct dp *dp;
	uint32_t n_workers;
	char cache_path[PATH_BYTES];
	struct work *in_use; /* its gate is ordered, and its place taken once all workers say so */
	struct gate *old;    /* until then */
	struct work *doing;  /* the helper's while `busy` */
	struct work *wanted; /* when the helper is through */
	bool busy, stopping;
	pthread_t helper;
	uv_async_t done;
	uv_timer_t look, save;
	int64_t since_s;
	char trouble[RULES_WHY_BYTES];
	struct tally *tally;
};

static struct work *work_new(const struct keeper_rules *rules)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(rules->path);
	w->tag_header = xstrdup(rules->tag_header);
	w->cycles_max = rules->cycles_max;
	return w;
}

static void work_free(struct work *w)
{
	if (w == NULL)
		return;
	gate_free(w->gate);
	free(w->path);
	free(w->tag_header);
	free(w);
}

/* A lane for each worker and one for the sample. */
static int do_work(const struct keeper *k, struct work *w)
{
	struct ruleset_conf rc = { .rules_path = w->path,
		                   .cache_path = k->cache_path,
		                   .tag_name = w->tag_header,
		                   .cycles_max = w->cycles_max,
		                   .n_lanes = k->n_workers + 1 };

	return ruleset_open(&rc, &w->gate, &w->info, w->why);
}

static void *help(void *arg)
{
	struct keeper *k = arg;

	(void)do_work(k, k->doing);
	uv_async_send(&k->done);
	return NULL;
}

static void begin(struct keeper *k, struct work *w)
{
	k->doing = w;
	k->busy = thread_start_nice(&k->helper, "ph-gate", help, k) == 0;
	if (k->busy)
		return;
	log_error("gate: no thread to compile the rules; the old ones stay");
	k->doing = NULL;
	work_free(w);
}

static void tell(const struct work *w)
{
	log_info("gate: %u rules (%s), %u.%u cycles a byte of the sample, %s",
	         gate_n_rules(w->gate), w->path[0] != '\0' ? w->path : "shipped",
	         w->info.cycles / 10, w->info.cycles % 10,
	         w->info.compile_ms > 0 ? "compiled" : "from the cache");
}

/* Swaps, step by step: orders, waits for all workers, frees, goes on with what was wanted
 * meanwhile. */
static void on_look(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (dp_set_gate(k->dp, k->in_use->gate) != 0 || !dp_has_gate(k->dp, k->in_use->gate))
		return;
	uv_timer_stop(t);
	if (k->old != NULL) {
		tally_take(k->tally, k->old, k->n_workers);
		gate_free(k->old);
		k->old = NULL;
		tell(k->in_use);
	}
	if (k->wanted != NULL && !k->busy && !k->stopping) {
		struct work *w = k->wanted;

		k->wanted = NULL;
		begin(k, w);
	}
}

static void on_done(uv_async_t *a)
{
	struct keeper *k = a->data;
	struct work *w = k->doing;

	if (!k->busy)
		return;
	pthread_join(k->helper, NULL);
	k->busy = false;
	k->doing = NULL;
	if (w->gate == NULL) {
		snprintf(k->trouble, sizeof(k->trouble), "%s", w->why);
		log_error("gate: %s; the old rules stay", w->why);
		work_free(w);
	} else {
		assert(k->old == NULL); /* nothing is compiled while a swap goes on */
		k->old = k->in_use->gate;
		k->in_use->gate = NULL;
		work_free(k->in_use);
		k->in_use = w;
		k->trouble[0] = '\0';
		k->since_s = time(NULL);
	}
	uv_timer_start(&k->look, on_look, 0, LOOK_MS);
}

/* While a gate goes, its counts are in neither: they are noted when it has gone. */
static void on_save(uv_timer_t *t)
{
	struct keeper *k = t->data;

	if (k->old == NULL)
		tally_save(k->tally, k->in_use->gate, k->n_workers);
}

int keeper_open(struct uv_loop_s *loop, struct dp *dp, struct store *store, const char *state_dir,
                const struct keeper_rules *rules, struct keeper **out, char why[RULES_WHY_BYTES])
{
	struct keeper *k = xcalloc(1, sizeof(*k));
	int rc;

	k->dp = dp;
	k->n_workers = dp_n_workers(dp);
	snprintf(k->cache_path, sizeof(k->cache_path), "%s/gate.cache", state_dir);
	k->in_use = work_new(rules);
	rc = do_work(k, k->in_use);
	if (rc != 0) {
		snprintf(why, RULES_WHY_BYTES, "%s", k->in_use->why);
		work_free(k->in_use);
		free(k);
		return rc;
	}
	k->since_s = time(NULL);
	k->tally = tally_new(store);
	uv_async_init(loop, &k->done, on_done);
	uv_timer_init(loop, &k->look);
	uv_timer_init(loop, &k->save);
	uv_unref((uv_handle_t *)&k->done);
	uv_unref((uv_handle_t *)&k->save);
	k->done.data = k->look.data = k->save.data = k;
	uv_timer_start(&k->save, on_save, SAVE_MS, SAVE_MS);
	tell(k->in_use);
	/* Orders are taken in turn: no message comes before it. */
	if (dp_set_gate(dp, k->in_use->gate) != 0 || !dp_has_gate(dp, k->in_use->gate))
		uv_timer_start(&k->look, on_look, LOOK_MS, LOOK_MS);
	*out = k;
	return 0;
}

/* What a reader of the file can see is told at once. */
static int check_file(const char *path, char why[RULES_WHY_BYTES])
{
	struct rules *rules;
	int rc = path[0] == '\0' ? 0 : rules_read(path, &rules, why);

	if (rc == 0 && path[0] != '\0')
		rules_free(rules);
	return rc;
}

int keeper_set(struct keeper *k, const struct keeper_rules *rules, char why[RULES_WHY_BYTES])
{
	int rc = check_file(rules->path, why);

	if (rc != 0 || k->stopping)
		return rc;
	work_free(k->wanted);
	k->wanted = NULL;
	if (k->busy || k->old != NULL || uv_is_active((uv_handle_t *)&k->look))
		k->wanted = work_new(rules);
	else
		begin(k, work_new(rules));
	return 0;
}

void keeper_stop(struct keeper *k)
{
	k->stopping = true;
	if (k->busy)
		pthread_join(k->helper, NULL);
	k->busy = false;
	uv_close((uv_handle_t *)&k->done, NULL);
	uv_close((uv_handle_t *)&k->look, NULL);
	uv_close((uv_handle_t *)&k->save, NULL);
}

void keeper_close(struct keeper *k)
{
	if (k->old != NULL)
		tally_take(k->tally, k->old, k->n_workers);
	tally_save(k->tally, k->in_use->gate, k->n_workers);
	tally_free(k->tally);
	gate_free(k->old);
	work_free(k->in_use);
	work_free(k->doing);
	work_free(k->wanted);
	free(k);
}

void keeper_look(const struct keeper *k, struct keeper_view *v)
{
	const struct gate *gate = k->in_use->gate;

	*v = (struct keeper_view){ .path = k->in_use->path,
		                   .trouble = k->trouble[0] != '\0' ? k->trouble : NULL,
		                   .n_rules = gate_n_rules(gate),
		                   .cycles = k->in_use->info.cycles,
		                   .compile_ms = k->in_use->info.compile_ms,
		                   .memory_bytes = gate_bytes(gate),
		                   .lost = tally_lost(k->tally),
		                   .since_s = k->since_s,
		                   .compiling = k->busy || k->wanted != NULL };
	for (uint32_t i = 0; i < v->n_rules; i++)
		v->n_stop += gate_rule(gate, i)->grade == DP_GATE_STOP;
	for (uint32_t lane = 0; lane < k->n_workers; lane++)
		v->lost += gate_tally_lost(gate, lane);
}

/* A rule and its hits, while they are summed up; in a hash, in the order in which they are told. */
struct sum {
	UT_hash_handle hh;
	struct keeper_hits hits;
};

static struct sum *sum_of(struct sum **all, const char *id, const struct gate_rule *rule)
{
	struct sum *s;

	HASH_FIND_STR(*all, id, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->hits = (struct keeper_hits){ .id = id, .rule = rule };
		HASH_ADD_KEYPTR(hh, *all, s->hits.id, strlen(s->hits.id), s);
	}
	return s;
}

/* Of gates that are gone: a rule that is in use no more comes behind those that are. */
static void add_kept(void *ctx, const char *id, uint64_t hits)
{
	sum_of(ctx, id, NULL)->hits.hits += hits;
}

static void add_lanes(const struct keeper *k, uint32_t campaign, struct sum **all)
{
	const struct gate *gate = k->in_use->gate;
	struct gate_tally t;

	for (uint32_t lane = 0; lane < k->n_workers; lane++)
		for (uint32_t at = 0; gate_tally_next(gate, lane, &at, &t);)
			if (campaign == 0 || t.campaign == campaign)
				sum_of(all, gate_rule(gate, t.rule)->id, NULL)->hits.hits += t.hits;
}

void keeper_each(const struct keeper *k, uint32_t campaign, bool only_hit, keeper_hits_fn *fn,
                 void *ctx)
{
	const struct gate *gate = k->in_use->gate;
	struct sum *all = NULL, *s, *next;

	for (uint32_t i = 0; i < gate_n_rules(gate); i++)
		(void)sum_of(&all, gate_rule(gate, i)->id, gate_rule(gate, i));
	add_lanes(k, campaign, &all);
	tally_each(k->tally, campaign, add_kept, &all);
	HASH_ITER(hh, all, s, next)
	{
		if (!only_hit || s->hits.hits > 0)
			fn(ctx, &s->hits);
		HASH_DEL(all, s);
		free(s);
	}
}
