/* reass_table.c - datagrams that are not whole: found by key, in the order of their age. */
#include <assert.h>
#include <string.h>

#include "dataplane/net/net_int.h"
#include "dataplane/net/reass.h"

/* The whole with its header is as long as the MTU at most: so it fits wherever a frame does. */
static uint32_t body_bytes_max(uint16_t mtu_bytes)
{
	return (mtu_bytes > REASS_BYTES_MIN ? mtu_bytes : REASS_BYTES_MIN) - IP4_HEADER_BYTES;
}

static uint32_t map_bytes(uint32_t body_bytes)
{
	return (body_bytes / REASS_UNIT_BYTES + 1 + 7) / 8;
}

uint32_t reass_entry_bytes(uint16_t mtu_bytes)
{
	uint32_t body = body_bytes_max(mtu_bytes);

	return (uint32_t)(sizeof(struct reass) + map_bytes(body) + body + 63) / 64 * 64;
}

uint32_t reass_n_entries(uint64_t bytes, uint16_t mtu_bytes)
{
	return (uint32_t)(bytes / reass_entry_bytes(mtu_bytes));
}

uint32_t reass_n_buckets(uint32_t n)
{
	uint32_t buckets = 16;

	while (buckets < n)
		buckets *= 2;
	return buckets;
}

struct reass *reass_at(const struct reass_table *t, uint32_t i)
{
	return (struct reass *)(t->entries + (size_t)i * t->entry_bytes);
}

uint8_t *reass_map(struct reass *r)
{
	return (uint8_t *)(r + 1);
}

uint8_t *reass_body(const struct reass_table *t, struct reass *r)
{
	return reass_map(r) + map_bytes(t->body_bytes_max);
}

void reass_init(struct reass_table *t, uint16_t mtu_bytes)
{
	t->entry_bytes = reass_entry_bytes(mtu_bytes);
	t->body_bytes_max = body_bytes_max(mtu_bytes);
	t->free = t->oldest = t->newest = REASS_NONE;
	for (uint32_t i = 0; i <= t->bucket_mask; i++)
		t->buckets[i] = REASS_NONE;
	for (uint32_t i = t->n; i > 0; i--) {
		reass_at(t, i - 1)->hash_next = t->free;
		t->free = i - 1;
	}
}

static uint32_t *bucket_of(const struct reass_table *t, const struct reass_key *key)
{
	uint64_t h = t->seed, word;

	for (size_t i = 0; i < sizeof(*key); i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)key + i, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return &t->buckets[(h * 0xd6e8feb86659fd93u ^ t->seed) >> 32 & t->bucket_mask];
}
static_assert(sizeof(struct reass_key) % sizeof(uint64_t) == 0, "hashed in whole words");

uint32_t reass_find(const struct reass_table *t, const struct reass_key *key)
{
	uint32_t i = *bucket_of(t, key);

	while (i != REASS_NONE && memcmp(&reass_at(t, i)->key, key, sizeof(*key)) != 0)
		i = reass_at(t, i)->hash_next;
	return i;
}

void reass_del(struct reass_table *t, uint32_t i)
{
	struct reass *r = reass_at(t, i);
	uint32_t *at = bucket_of(t, &r->key);

	while (*at != i)
		at = &reass_at(t, *at)->hash_next;
	*at = r->hash_next;
	if (r->older != REASS_NONE)
		reass_at(t, r->older)->newer = r->newer;
	else
		t->oldest = r->newer;
	if (r->newer != REASS_NONE)
		reass_at(t, r->newer)->older = r->older;
	else
		t->newest = r->older;
	r->hash_next = t->free;
	t->free = i;
}

/* A datagram is given up; one that is dead was counted when it died. */
void reass_give_up(struct net *net, uint32_t i)
{
	if (!reass_at(&net->reass, i)->is_dead)
		count(&net->counters->reassembly_failed);
	reass_del(&net->reass, i);
}

struct reass *reass_add(struct net *net, uint64_t now_us, const struct reass_key *key)
{
	struct reass_table *t = &net->reass;
	uint32_t *bucket = bucket_of(t, key), i;
	struct reass *r;

	if (t->free == REASS_NONE)
		reass_give_up(net, t->oldest);
	i = t->free;
	r = reass_at(t, i);
	t->free = r->hash_next;
	*r = (struct reass){ .key = *key,
		             .since_us = now_us,
		             .hash_next = *bucket,
		             .older = t->newest,
		             .newer = REASS_NONE };
	memset(reass_map(r), 0, map_bytes(t->body_bytes_max));
	*bucket = i;
	if (t->newest != REASS_NONE)
		reass_at(t, t->newest)->newer = i;
	else
		t->oldest = i;
	t->newest = i;
	return r;
}
