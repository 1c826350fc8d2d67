/* path_mtu.c - what is known of the paths to destinations. */
#include "dataplane/net/path_mtu.h"

#include <stdbool.h>

#define MTU_BITS 16

/* An address in two words. */
struct key {
	uint64_t high, low;
};

static struct key key_of(const struct ip_addr *a)
{
	struct key k;

	memcpy(&k.high, a->b, 8);
	memcpy(&k.low, a->b + 8, 8);
	return k;
}

static uint32_t set_of(const struct path_mtus *p, struct key k)
{
	uint64_t h = (k.high ^ p->seed) * 0x9e3779b97f4a7c15u;

	h = (h ^ h >> 32 ^ k.low) * 0xd6e8feb86659fd93u;
	h = (h ^ h >> 32 ^ p->seed) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 40) % PATH_MTU_SETS;
}

static bool is_live(uint64_t rest, uint64_t now_ms)
{
	return rest >> MTU_BITS > now_ms;
}

static bool is_of(const struct path_mtu *e, struct key k)
{
	return epoch_get(&e->high) == k.high && epoch_get(&e->low) == k.low;
}

/* The entry of that address, else a free one, else the one that ends first. */
static struct path_mtu *place_for(struct path_mtu_set *set, struct key k)
{
	struct path_mtu *first = &set->way[0];

	for (unsigned i = 0; i < PATH_MTU_WAYS; i++)
		if (epoch_get(&set->way[i].rest) != 0 && is_of(&set->way[i], k))
			return &set->way[i];
	for (unsigned i = 1; i < PATH_MTU_WAYS; i++)
		if (epoch_get(&set->way[i].rest) < epoch_get(&first->rest))
			first = &set->way[i];
	return first;
}

void path_mtu_note(struct path_mtus *p, uint64_t now_us, const struct ip_addr *remote,
                   uint16_t mtu_bytes)
{
	struct key k = key_of(remote);
	struct path_mtu_set *set = &p->set[set_of(p, k)];
	struct path_mtu *e = place_for(set, k);
	uint64_t now_ms = now_us / 1000, old = epoch_get(&e->rest);

	if (is_live(old, now_ms) && is_of(e, k) && (uint16_t)old < mtu_bytes)
		mtu_bytes = (uint16_t)old;
	epoch_begin(&set->epoch);
	epoch_put(&e->high, k.high);
	epoch_put(&e->low, k.low);
	epoch_put(&e->rest, (now_ms + PATH_MTU_MS) << MTU_BITS | mtu_bytes);
	epoch_end(&set->epoch);
}

static uint16_t look(const struct path_mtu_set *set, struct key k, uint64_t now_ms,
                     uint16_t mtu_bytes)
{
	for (unsigned i = 0; i < PATH_MTU_WAYS; i++) {
		uint64_t rest = epoch_get(&set->way[i].rest);

		if (is_live(rest, now_ms) && is_of(&set->way[i], k) && (uint16_t)rest < mtu_bytes)
			return (uint16_t)rest;
	}
	return mtu_bytes;
}

/* A reader that never finds the set at rest goes by the port's MTU: it will be told in time. */
uint16_t path_mtu_of(const struct path_mtus *p, uint64_t now_us, const struct ip_addr *remote,
                     uint16_t mtu_bytes)
{
	struct key k = key_of(remote);
	const struct path_mtu_set *set = &p->set[set_of(p, k)];

	for (unsigned n = 0; n < EPOCH_TRIES; n++) {
		uint32_t seen = epoch_now(&set->epoch);
		uint16_t got = look(set, k, now_us / 1000, mtu_bytes);

		if (epoch_is_still(&set->epoch, seen))
			return got;
	}
	return mtu_bytes;
}
