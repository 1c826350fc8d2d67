/* gate_make.c - gates made, freed and looked at; what their lanes count. */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/gate_int.h"

/* Header lines of tags live as long as the program: a message on its way may still point to one
 * when its gate is long gone.
 */
static struct {
	pthread_mutex_t lock;
	char *lines[GATE_TAG_LINES_MAX];
	uint32_t n;
} tags = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The line "NAME: ID\r\n"; empty when there is no room for another. */
static struct span tag_line(const char *name, const char *id)
{
	char line[GATE_TAG_NAME_MAX + GATE_ID_MAX + 8];
	struct span out = span_of(NULL, 0);
	uint32_t i = 0;

	snprintf(line, sizeof(line), "%s: %s\r\n", name, id);
	pthread_mutex_lock(&tags.lock);
	while (i < tags.n && strcmp(tags.lines[i], line) != 0)
		i++;
	if (i == tags.n && tags.n < GATE_TAG_LINES_MAX &&
	    (tags.lines[tags.n] = strdup(line)) != NULL)
		tags.n++;
	if (i < tags.n)
		out = span_str(tags.lines[i]);
	pthread_mutex_unlock(&tags.lock);
	return out;
}

static bool copy_rule(struct gate *g, uint32_t i, const struct gate_rule *from,
                      const char *tag_name)
{
	struct gate_rule *to = &g->rules[i];

	assert(strlen(from->id) <= GATE_ID_MAX && strlen(tag_name) <= GATE_TAG_NAME_MAX);
	*to = *from;
	to->id = strdup(from->id);
	to->note = strdup(from->note);
	if (from->action == DP_GATE_TAG)
		g->tags[i] = tag_line(tag_name, from->id);
	if ((from->checks & GATE_CARD) != 0) {
		g->cards[g->n_cards++] = i;
		g->cards_where |= from->where;
	} else if ((from->checks & GATE_HOSTS) != 0) {
		g->hosts[g->n_hosts++] = i;
	} else {
		g->rule_of[g->n_patterns++] = i;
	}
	return to->id != NULL && to->note != NULL &&
	       (from->action != DP_GATE_TAG || g->tags[i].bytes > 0);
}

static struct gate_lane *lane_new(const struct gate *g)
{
	size_t bytes = (sizeof(struct gate_lane) + 63) / 64 * 64;
	struct gate_lane *l = aligned_alloc(64, bytes);

	if (l == NULL)
		return NULL;
	memset(l, 0, bytes);
	l->scratch = match_scratch_new(g->set);
	l->seen = calloc(g->n_rules + 1, sizeof(*l->seen));
	if (l->scratch != NULL && l->seen != NULL)
		return l;
	match_scratch_free(l->scratch);
	free(l->seen);
	free(l);
	return NULL;
}

struct gate *gate_new(const struct gate_rule *rules, uint32_t n_rules, struct match_set *set,
                      const char *tag_name, uint32_t n_lanes)
{
	struct gate *g = calloc(1, sizeof(*g));
	bool ok = g != NULL;

	assert(n_rules <= GATE_RULES_MAX && n_lanes <= GATE_LANES_MAX);
	if (!ok)
		return NULL;
	g->rules = calloc(n_rules + 1, sizeof(*g->rules));
	g->tags = calloc(n_rules + 1, sizeof(*g->tags));
	g->rule_of = calloc(n_rules + 1, sizeof(*g->rule_of));
	g->cards = calloc(n_rules + 1, sizeof(*g->cards));
	g->set = set;
	g->hosts = calloc(n_rules + 1, sizeof(*g->hosts));
	ok = g->rules != NULL && g->tags != NULL && g->rule_of != NULL && g->cards != NULL &&
	     g->hosts != NULL;
	while (ok && g->n_rules < n_rules) {
		uint32_t i = g->n_rules++;

		ok = copy_rule(g, i, &rules[i], tag_name);
	}
	for (; ok && g->n_lanes < n_lanes; g->n_lanes++)
		ok = (g->lanes[g->n_lanes] = lane_new(g)) != NULL;
	if (!ok) {
		g->set = NULL; /* the caller's still */
		gate_free(g);
		g = NULL;
	}
	return g;
}

void gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	for (uint32_t i = 0; g->rules != NULL && i < g->n_rules; i++) {
		free((char *)g->rules[i].id);
		free((char *)g->rules[i].note);
	}
	for (uint32_t i = 0; i < g->n_lanes; i++) {
		match_scratch_free(g->lanes[i]->scratch);
		free(g->lanes[i]->seen);
		free(g->lanes[i]);
	}
	match_free(g->set);
	free(g->rules);
	free(g->tags);
	free(g->rule_of);
	free(g->cards);
	free(g->hosts);
	free(g);
}

uint32_t gate_n_rules(const struct gate *gate)
{
	return gate->n_rules;
}

const struct gate_rule *gate_rule(const struct gate *gate, uint32_t rule)
{
	assert(rule < gate->n_rules);
	return &gate->rules[rule];
}

size_t gate_bytes(const struct gate *g)
{
	size_t sum = match_bytes(g->set, NULL), db = sum;

	for (uint32_t i = 0; i < g->n_lanes; i++)
		sum += sizeof(struct gate_lane) + g->n_rules * sizeof(uint32_t) +
		       match_bytes(g->set, g->lanes[i]->scratch) - db;
	return sum;
}

void gate_tally_add(struct gate_lane *l, uint32_t campaign, uint32_t rule)
{
	uint64_t key = (uint64_t)campaign << 32 | (rule + 1), h = key * 0x9e3779b97f4a7c15ull;

	for (uint32_t i = 0; i < GATE_TALLY_PROBES; i++) {
		struct gate_count *c = &l->tally[((h >> 32) + i) % GATE_TALLY_SLOTS];
		uint64_t has = atomic_load_explicit(&c->key, memory_order_relaxed);

		if (has != key && has != 0)
			continue;
		/* one writer: no read-modify-write is needed */
		atomic_store_explicit(&c->hits,
		                      atomic_load_explicit(&c->hits, memory_order_relaxed) + 1,
		                      memory_order_relaxed);
		if (has == 0)
			atomic_store_explicit(&c->key, key, memory_order_release);
		return;
	}
	atomic_store_explicit(&l->lost, atomic_load_explicit(&l->lost, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
}

bool gate_tally_next(const struct gate *gate, uint32_t lane, uint32_t *at, struct gate_tally *out)
{
	assert(lane < gate->n_lanes);
	while (*at < GATE_TALLY_SLOTS) {
		const struct gate_count *c = &gate->lanes[lane]->tally[(*at)++];
		uint64_t key = atomic_load_explicit(&c->key, memory_order_acquire);

		if (key == 0)
			continue;
		out->campaign = (uint32_t)(key >> 32);
		out->rule = (uint32_t)key - 1;
		out->hits = atomic_load_explicit(&c->hits, memory_order_relaxed);
		return true;
	}
	return false;
}

uint64_t gate_tally_lost(const struct gate *gate, uint32_t lane)
{
	assert(lane < gate->n_lanes);
	return atomic_load_explicit(&gate->lanes[lane]->lost, memory_order_relaxed);
}
