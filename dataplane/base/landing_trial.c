/* landing_trial.c - is a device's hash one of those we know? What arrives tells. */
#include <assert.h>
#include <string.h>

#include "dataplane/base/landing.h"

enum {
	HEARD_BITS = LANDING_TRIAL_TUPLES * 16,
	SLACK = 16, /* one tuple in so many may have come another way */
};

/* One segment of each connection counts, or a busy one would decide alone. A few tuples share a bit
 * and count once.
 */
static bool is_new(struct landing *l, const struct landing_tuple *t)
{
	uint32_t bit =
	    (t->lport * 2654435761u ^ t->remote->b[15] * 40503u ^ t->remote->b[14] * 2246822519u) >>
		8 &
	    (HEARD_BITS - 1);
	uint64_t mask = (uint64_t)1 << bit % 64;

	return (atomic_fetch_or_explicit(&l->heard[bit / 64], mask, memory_order_relaxed) & mask) ==
	       0;
}

/* The variant's hash without its sums, which are made once it has won. */
static uint32_t hash_slowly(const struct landing_rss *rss, unsigned variant,
                            const struct landing_tuple *t)
{
	uint8_t key[LANDING_KEY_MAX + 4] = { 0 }, data[LANDING_TUPLE_MAX];
	uint32_t from = ip_is_v4(t->local) ? 12 : 0, bytes = 16 - from;
	const uint8_t ports[4] = { (uint8_t)(t->rport >> 8), (uint8_t)t->rport,
		                   (uint8_t)(t->lport >> 8), (uint8_t)t->lport };

	for (uint32_t i = 0; i < rss->key_bytes; i++)
		key[i] = rss->key[variant & LANDING_KEY_REVERSED ? rss->key_bytes - 1 - i : i];
	memcpy(data, t->remote->b + from, bytes);
	memcpy(data + bytes, t->local->b + from, bytes);
	memcpy(data + 2 * bytes, ports, sizeof(ports));
	return landing_toeplitz(key, variant & LANDING_FROM_ONES ? UINT32_MAX : 0, data,
	                        2 * bytes + (uint32_t)sizeof(ports));
}

/* The last one to be heard decides; nobody else is here any more, since n_heard is past the end. */
static void decide(struct landing *l)
{
	uint32_t best = 0, most = 0;

	for (uint32_t v = 0; v < LANDING_N_VARIANTS; v++) {
		uint32_t n = atomic_load_explicit(&l->n_explained[v], memory_order_acquire);

		if (n > most) {
			most = n;
			best = v;
		}
	}
	if (most < LANDING_TRIAL_TUPLES - LANDING_TRIAL_TUPLES / SLACK) {
		atomic_store_explicit(&l->mode, LANDING_PARTITION, memory_order_release);
		return;
	}
	l->variant = best;
	landing_hash_init(&l->hash, &l->rss, best);
	atomic_store_explicit(&l->has_hash, true, memory_order_release);
	atomic_store_explicit(&l->mode, LANDING_PREDICT, memory_order_release);
}

bool landing_hear(struct landing *l, const struct landing_tuple *t, uint32_t queue,
                  bool has_rss_hash, uint32_t rss_hash)
{
	uint32_t n;

	if (landing_mode(l) != LANDING_TRIAL || !is_new(l, t))
		return false;
	for (unsigned v = 0; v < LANDING_N_VARIANTS; v++) {
		uint32_t hash = hash_slowly(&l->rss, v, t);

		if (l->rss.table[hash & (l->rss.table_size - 1)] == queue &&
		    (!has_rss_hash || rss_hash == hash))
			atomic_fetch_add_explicit(&l->n_explained[v], 1, memory_order_relaxed);
	}
	n = atomic_fetch_add_explicit(&l->n_heard, 1, memory_order_acq_rel) + 1;
	if (n != LANDING_TRIAL_TUPLES)
		return false;
	decide(l);
	return true;
}

bool landing_give_up(struct landing *l)
{
	uint32_t was = LANDING_PREDICT;

	return atomic_compare_exchange_strong_explicit(&l->mode, &was, LANDING_PARTITION,
	                                               memory_order_acq_rel, memory_order_acquire);
}
