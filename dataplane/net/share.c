/* share.c - what the workers of one port know together. */
#include "dataplane/net/share.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net/net.h"
#include "dataplane/net/own.h"

#define MAC_BITS 48

static uint32_t n_slots(uint32_t neighbours_max)
{
	uint32_t n = 16;

	while (n < 2 * neighbours_max)
		n *= 2;
	return n;
}

uint64_t net_share_memory_bytes(uint32_t neighbours_max)
{
	size_t bytes =
	    sizeof(struct net_share) + n_slots(neighbours_max) * sizeof(struct share_slot);

	return (bytes + 63) / 64 * 64;
}

int net_share_open(uint32_t neighbours_max, uint64_t seed, struct net_share **out)
{
	uint64_t bytes;
	struct net_share *s;

	if (neighbours_max == 0 || neighbours_max > NET_NEIGHBOURS_MAX)
		return -EINVAL;
	bytes = net_share_memory_bytes(neighbours_max);
	s = aligned_alloc(64, bytes);
	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, bytes);
	s->neighbours_max = neighbours_max;
	s->mask = n_slots(neighbours_max) - 1;
	s->mtus.seed = seed;
	*out = s;
	return 0;
}

void net_share_close(struct net_share *share)
{
	free(share);
}

/* What a slot holds, copied: the words may change under the reader, who finds out afterwards. */
struct copy {
	uint64_t high, low, what;
};

static struct copy copy_of(const struct share_slot *slot)
{
	return (struct copy){ .high = epoch_get(&slot->high),
		              .low = epoch_get(&slot->low),
		              .what = epoch_get(&slot->what) };
}

static void fill(struct share_slot *slot, const struct copy *c)
{
	epoch_put(&slot->high, c->high);
	epoch_put(&slot->low, c->low);
	epoch_put(&slot->what, c->what);
}

static struct copy key_of(const struct ip_addr *a)
{
	struct copy c = { 0 };

	memcpy(&c.high, a->b, 8);
	memcpy(&c.low, a->b + 8, 8);
	return c;
}

static uint32_t home_of(const struct net_share *s, const struct copy *c)
{
	struct ip_addr a;

	memcpy(a.b, &c->high, 8);
	memcpy(a.b + 8, &c->low, 8);
	return ip_hash(&a) & s->mask;
}

/* The slot of `key`, or the empty one where it would stand. A reader may meet a table that changes
 * as it looks, so the walk is bounded by the table's size.
 */
static uint32_t walk(const struct net_share *s, const struct copy *key, struct copy *found)
{
	uint32_t i = home_of(s, key);

	for (uint32_t n = 0; n <= s->mask; n++, i = (i + 1) & s->mask) {
		*found = copy_of(&s->slots[i]);
		if (found->what == 0 || (found->high == key->high && found->low == key->low))
			break;
	}
	return i;
}

void share_put(struct net_share *s, const struct ip_addr *a, enum share_said said,
               const uint8_t mac[6])
{
	struct copy key = key_of(a), found;
	uint32_t at = walk(s, &key, &found);

	key.what = (uint64_t)said << MAC_BITS;
	if (said == SHARE_KNOWN)
		for (unsigned i = 0; i < 6; i++)
			key.what |= (uint64_t)mac[i] << (8 * i);
	if (found.what == key.what)
		return;
	epoch_begin(&s->epoch);
	fill(&s->slots[at], &key);
	epoch_end(&s->epoch);
}

/* Slots behind the gap move up as far as their homes allow, so no search ends too early. */
void share_del(struct net_share *s, const struct ip_addr *a)
{
	static const struct copy empty;
	struct copy key = key_of(a), c;
	uint32_t gap = walk(s, &key, &c), i = gap;

	if (c.what == 0)
		return;
	epoch_begin(&s->epoch);
	for (;;) {
		i = (i + 1) & s->mask;
		c = copy_of(&s->slots[i]);
		if (c.what == 0)
			break;
		if (((i - home_of(s, &c)) & s->mask) < ((i - gap) & s->mask))
			continue; /* its home lies behind the gap */
		fill(&s->slots[gap], &c);
		gap = i;
	}
	fill(&s->slots[gap], &empty);
	epoch_end(&s->epoch);
}

enum share_said share_find(const struct net_share *s, const struct ip_addr *a, uint8_t mac[6],
                           uint32_t *epoch)
{
	struct copy key = key_of(a), found;

	for (unsigned n = 0; n < EPOCH_TRIES; n++) {
		uint32_t seen = epoch_now(&s->epoch);

		walk(s, &key, &found);
		if (!epoch_is_still(&s->epoch, seen))
			continue;
		*epoch = seen;
		if (found.what >> MAC_BITS == SHARE_KNOWN)
			for (unsigned i = 0; i < 6; i++)
				mac[i] = (uint8_t)(found.what >> (8 * i));
		return (enum share_said)(found.what >> MAC_BITS);
	}
	return SHARE_BUSY;
}
