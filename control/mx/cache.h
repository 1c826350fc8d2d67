/* cache.h - what is known of mail domains: bounded, the longest unused leaves first.
 *
 * Owner   the mx it belongs to.
 * Not     look-ups (lookup.h); an entry that is being looked up is in use and stays.
 */
#pragma once

#include "control/mx/mx.h"

struct turn;

struct cache_entry {
	char domain[MX_NAME_BYTES];
	struct mx_answer *answer; /* NULL: not yet known; may be out of date */
	struct turn *turn;        /* of its look-up; NULL: none is under way */
	uint32_t failures;        /* MX_TRY_LATER answers in a row */
	struct cache_entry *hash_next, *older, *newer;
};

struct cache {
	struct cache_entry **buckets;
	uint32_t n_buckets; /* a power of two */
	uint32_t n, n_max;
	uint64_t evicted;
	struct cache_entry *oldest, *newest;
};

void cache_init(struct cache *cache, uint32_t entries_max);
void cache_fini(struct cache *cache);

/* NULL when the domain is not there. What is found becomes the newest. */
struct cache_entry *cache_find(struct cache *cache, const char *domain);

/* Adds a domain that is not there; the oldest entry that is not in use leaves when the cache is
 * full. Never fails: entries in use may exceed the bound, and are themselves bounded by callers.
 */
struct cache_entry *cache_add(struct cache *cache, const char *domain);

/* How long an answer holds, in seconds: its TTL within the configured bounds; a negative at most
 * an hour; MX_TRY_LATER 10 s, doubling with each failure in a row up to 60 s (RFC 2308 7.1 allows
 * 5 minutes).
 */
uint32_t cache_ttl_s(const struct mx_conf *conf, enum mx_fate fate, bool has_ttl, uint32_t ttl_s,
                     uint32_t failures);
