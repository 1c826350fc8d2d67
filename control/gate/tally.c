/* tally.c - a hash by campaign and rule; in the store one named value each. */
#include "control/gate/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "control/xalloc.h"

enum { NOTES_MAX = 256 }; /* of one tally_save(): outcomes share their queue with them */

static const char prefix[] = "gate-hits/";

/* Of one campaign and rule. */
struct entry {
	UT_hash_handle hh;
	struct entry *prev, *next; /* among those to be noted */
	uint64_t hits;             /* of gates that are gone, and of before the start */
	uint64_t live, stored;     /* of lanes, while a save looks at them; what the store has */
	bool is_listed;
	uint32_t campaign;
	char id[GATE_ID_MAX + 1];
};

struct tally {
	struct store *store;
	struct entry *all;
	struct entry *list; /* may differ from what the store has; first come, first noted */
	uint64_t lost;
};

/* Makes it where it is not there; NULL: there is no room. */
static struct entry *entry_of(struct tally *t, uint32_t campaign, const char *id)
{
	struct entry key = { .campaign = campaign }, *e;
	size_t key_bytes = sizeof(key.campaign) + sizeof(key.id);

	static_assert(offsetof(struct entry, id) == offsetof(struct entry, campaign) + 4,
	              "both are one key");
	snprintf(key.id, sizeof(key.id), "%s", id);
	HASH_FIND(hh, t->all, &key.campaign, key_bytes, e);
	if (e == NULL && HASH_COUNT(t->all) < TALLY_MAX) {
		e = xcalloc(1, sizeof(*e));
		e->campaign = campaign;
		memcpy(e->id, key.id, sizeof(e->id));
		HASH_ADD(hh, t->all, campaign, key_bytes, e);
	}
	return e;
}

/* "gate-hits/CAMPAIGN/RULE": what is named otherwise was not written here. */
static bool load_one(void *ctx, struct span name, struct span value)
{
	char text[sizeof(prefix) + 16 + GATE_ID_MAX], *id;
	struct tally *t = ctx;
	struct entry *e = NULL;
	unsigned long campaign;

	if (name.bytes >= sizeof(text) || value.bytes != sizeof(e->hits))
		return true;
	memcpy(text, name.at, name.bytes);
	text[name.bytes] = '\0';
	campaign = strtoul(text + strlen(prefix), &id, 10);
	if (*id == '/' && campaign <= UINT32_MAX)
		e = entry_of(t, (uint32_t)campaign, id + 1);
	if (e != NULL) {
		memcpy(&e->hits, value.at, sizeof(e->hits));
		e->stored = e->hits;
	}
	return true;
}

struct tally *tally_new(struct store *store)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	t->store = store;
	if (store != NULL)
		(void)store_each(store, prefix, load_one, t); /* what is unreadable is not known */
	return t;
}

void tally_free(struct tally *t)
{
	struct entry *e, *next;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->all, e, next)
	{
		HASH_DEL(t->all, e);
		free(e);
	}
	free(t);
}

static void list(struct tally *t, struct entry *e)
{
	if (!e->is_listed)
		DL_APPEND(t->list, e);
	e->is_listed = true;
}

void tally_take(struct tally *t, const struct gate *gate, uint32_t n_lanes)
{
	struct gate_tally one;

	for (uint32_t lane = 0; lane < n_lanes; lane++) {
		for (uint32_t at = 0; gate_tally_next(gate, lane, &at, &one);) {
			struct entry *e = entry_of(t, one.campaign, gate_rule(gate, one.rule)->id);

			if (e == NULL) {
				t->lost += one.hits;
				continue;
			}
			e->hits += one.hits;
			list(t, e);
		}
		t->lost += gate_tally_lost(gate, lane);
	}
}

static void sum_lanes(struct tally *t, const struct gate *gate, uint32_t n_lanes)
{
	struct gate_tally one;

	for (uint32_t lane = 0; lane < n_lanes; lane++)
		for (uint32_t at = 0; gate_tally_next(gate, lane, &at, &one);) {
			struct entry *e = entry_of(t, one.campaign, gate_rule(gate, one.rule)->id);

			if (e == NULL)
				continue;
			e->live += one.hits;
			list(t, e);
		}
}

static bool note(struct tally *t, const struct entry *e, uint64_t hits)
{
	char name[sizeof(prefix) + 16 + GATE_ID_MAX];

	snprintf(name, sizeof(name), "%s%" PRIu32 "/%s", prefix, e->campaign, e->id);
	return store_note(t->store, name, span_of(&hits, sizeof(hits))) == 0;
}

void tally_save(struct tally *t, const struct gate *gate, uint32_t n_lanes)
{
	struct entry *e, *next;
	unsigned notes = 0;

	if (t->store == NULL)
		return;
	sum_lanes(t, gate, n_lanes);
	DL_FOREACH_SAFE(t->list, e, next)
	{
		uint64_t now = e->hits + e->live;

		e->live = 0;
		if (now != e->stored && (notes == NOTES_MAX || !note(t, e, now)))
			continue;
		notes += now != e->stored;
		e->stored = now;
		e->is_listed = false;
		DL_DELETE(t->list, e);
	}
}

void tally_each(const struct tally *t, uint32_t campaign, tally_fn *fn, void *ctx)
{
	const struct entry *e, *next;

	for (e = t->all; e != NULL; e = next) {
		next = e->hh.next;
		if ((campaign == 0 || e->campaign == campaign) && e->hits > 0)
			fn(ctx, e->id, e->hits);
	}
}

uint64_t tally_lost(const struct tally *t)
{
	return t->lost;
}
