/* cache.c - what is known of mail domains: bounded, the longest unused leaves first. */
#include "control/mx/cache.h"

#include "control/xalloc.h"

enum {
	NEGATIVE_S_MAX = 3600,    /* RFC 2308 5: one to three hours */
	NEGATIVE_S_DEFAULT = 300, /* without an SOA nothing says how long */
	FAILURE_S_MIN = 10,
	FAILURE_S_MAX = 60,
	BUCKETS_MAX = 1 << 20,
};

static struct cache_entry **bucket(struct cache *cache, const char *domain)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *domain != '\0'; domain++)
		h = (h ^ (uint8_t)*domain) * 0x100000001b3;
	return &cache->buckets[(h ^ h >> 32) & (cache->n_buckets - 1)];
}

void cache_init(struct cache *cache, uint32_t entries_max)
{
	*cache = (struct cache){ .n_max = entries_max, .n_buckets = 16 };
	while (cache->n_buckets < entries_max && cache->n_buckets < BUCKETS_MAX)
		cache->n_buckets *= 2;
	cache->buckets = xcalloc(cache->n_buckets, sizeof(struct cache_entry *));
}

static void list_del(struct cache *cache, struct cache_entry *e)
{
	*(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
	e->older = e->newer = NULL;
}

static void list_add(struct cache *cache, struct cache_entry *e)
{
	e->older = cache->newest;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = e;
	cache->newest = e;
}

static void entry_del(struct cache *cache, struct cache_entry *e)
{
	struct cache_entry **link = bucket(cache, e->domain);

	while (*link != e)
		link = &(*link)->hash_next;
	*link = e->hash_next;
	list_del(cache, e);
	cache->n--;
	if (e->answer != NULL)
		mx_release(e->answer);
	free(e);
}

void cache_fini(struct cache *cache)
{
	while (cache->oldest != NULL)
		entry_del(cache, cache->oldest);
	free(cache->buckets);
	*cache = (struct cache){ 0 };
}

struct cache_entry *cache_find(struct cache *cache, const char *domain)
{
	struct cache_entry *e = *bucket(cache, domain);

	while (e != NULL && strcmp(e->domain, domain) != 0)
		e = e->hash_next;
	if (e != NULL && e != cache->newest) {
		list_del(cache, e);
		list_add(cache, e);
	}
	return e;
}

static void evict(struct cache *cache)
{
	struct cache_entry *e = cache->oldest, *next;

	for (; e != NULL && cache->n >= cache->n_max; e = next) {
		next = e->newer;
		if (e->turn == NULL) {
			entry_del(cache, e);
			cache->evicted++;
		}
	}
}

struct cache_entry *cache_add(struct cache *cache, const char *domain)
{
	struct cache_entry *e, **link;

	evict(cache);
	e = xcalloc(1, sizeof(*e));
	snprintf(e->domain, sizeof(e->domain), "%s", domain);
	link = bucket(cache, domain);
	e->hash_next = *link;
	*link = e;
	list_add(cache, e);
	cache->n++;
	return e;
}

static uint32_t clamp(uint32_t v, uint32_t min, uint32_t max)
{
	if (v < min)
		v = min;
	return v > max ? max : v;
}

uint32_t cache_ttl_s(const struct mx_conf *conf, enum mx_fate fate, bool has_ttl, uint32_t ttl_s,
                     uint32_t failures)
{
	uint32_t most = conf->ttl_max_s;

	if (fate == MX_TRY_LATER)
		return clamp(FAILURE_S_MIN << (failures < 8 ? failures : 8), FAILURE_S_MIN,
		             FAILURE_S_MAX);
	if (!has_ttl)
		ttl_s = fate == MX_OK ? conf->ttl_min_s : NEGATIVE_S_DEFAULT;
	if (fate != MX_OK && most > NEGATIVE_S_MAX)
		most = NEGATIVE_S_MAX;
	return clamp(ttl_s, conf->ttl_min_s, most);
}
