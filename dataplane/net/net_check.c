/* net_check.c - the invariants of this room, for tests. */
#include <assert.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net_int.h"

static bool is_known(const struct neigh *n)
{
	return n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE || n->state == NEIGH_DELAY ||
	       n->state == NEIGH_PROBE || n->state == NEIGH_STATIC || n->state == NEIGH_COPY;
}

/* What the writer knows is what it published. */
static void check_published(const struct net *net, const struct neigh *n)
{
	uint8_t mac[6] = { 0 };
	uint32_t epoch;
	enum share_said said = share_find(net->share, &n->addr, mac, &epoch);

	if (is_known(n))
		assert(said == SHARE_KNOWN && memcmp(mac, n->mac, 6) == 0);
	else
		assert(said == (n->state == NEIGH_FAILED ? SHARE_FAILED : SHARE_NOTHING));
}

static void check_neighbours(const struct net *net)
{
	const struct neigh_table *t = &net->neigh;
	uint32_t n_waiting = 0, n_free = 0, n_listed = 0;

	for (uint32_t i = 0; i < t->entries_max; i++) {
		const struct neigh *n = &t->entries[i];
		uint32_t queued = 0;

		if (n->state == NEIGH_FREE) {
			n_free++;
			continue;
		}
		assert(n->state < NEIGH_N_STATES && neigh_find(t, &n->addr) == i);
		for (const struct rte_mbuf *m = n->queue; m != NULL; m = m->next)
			queued++;
		assert(queued == n->n_queued && queued <= t->queue_max);
		assert(queued == 0 || n->state == NEIGH_INCOMPLETE); /* else it leaves or goes */
		n_waiting += n->state == NEIGH_INCOMPLETE;
		if (net->is_writer)
			check_published(net, n);
	}
	for (uint32_t i = t->free; i != NEIGH_NONE; i = t->entries[i].next)
		n_listed++;
	assert(n_waiting == t->n_waiting && n_free == n_listed);
}

/* Each place is either free or in the list by age, which is in order. */
static void check_fragments(const struct net *net)
{
	const struct reass_table *t = &net->reass;
	uint32_t n = 0, older = REASS_NONE;

	for (uint32_t i = t->oldest; i != REASS_NONE; i = reass_at(t, i)->newer) {
		const struct reass *r = reass_at(t, i);

		assert(r->older == older && reass_find(t, &r->key) == i);
		assert(older == REASS_NONE || reass_at(t, older)->since_us <= r->since_us);
		assert(r->highest <= t->body_bytes_max && r->n_units * 8u < r->highest + 8u);
		older = i;
		n++;
	}
	assert(older == t->newest);
	for (uint32_t i = t->free; i != REASS_NONE; i = reass_at(t, i)->hash_next)
		n++;
	assert(n == t->n);
}

void net_check(const struct net *net)
{
	check_neighbours(net);
	check_fragments(net);
	assert(net->n_words <= NET_WORDS_MAX);
}
