/* index.c - what an import keeps in memory: one entry a recipient, and the domains. */
#include "control/campaign/index.h"

#include <assert.h>
#include <sys/random.h>

#include "control/xalloc.h"

enum { SLOTS_MIN = 1024 };

void index_init(struct index *ix)
{
	memset(ix, 0, sizeof(*ix));
	if (getrandom(ix->key, sizeof(ix->key), 0) != sizeof(ix->key))
		abort(); /* asks for 16 bytes only, which the kernel never cuts short */
	ix->slots_mask = ix->domain_slots_mask = SLOTS_MIN - 1;
	ix->slots = xcalloc(SLOTS_MIN, sizeof(*ix->slots));
	ix->domain_slots = xcalloc(SLOTS_MIN, sizeof(*ix->domain_slots));
}

void index_fini(struct index *ix)
{
	free(ix->entries);
	free(ix->slots);
	free(ix->domains);
	free(ix->domain_slots);
	free(ix->names);
	memset(ix, 0, sizeof(*ix));
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t index_hash(const struct index *ix, struct span s)
{
	uint64_t h = ix->key[0] ^ s.bytes;

	while (s.bytes > 0) {
		uint64_t word = 0;
		size_t n = s.bytes < 8 ? s.bytes : 8;

		memcpy(&word, s.at, n);
		h = fold(h ^ word, ix->key[1] | 1) + ix->key[0];
		s = span_of(s.at + n, s.bytes - n);
	}
	return fold(h, ix->key[0] | 1);
}

const struct index_entry *index_next(const struct index *ix, uint64_t hash, uint32_t *step)
{
	for (;;) {
		uint32_t slot = ix->slots[((uint32_t)hash + (*step)++) & ix->slots_mask];

		if (slot == 0)
			return NULL;
		if (ix->entries[slot - 1].hash == hash)
			return &ix->entries[slot - 1];
	}
}

static void put_slot(uint32_t *slots, uint32_t mask, uint64_t hash, uint32_t value)
{
	uint32_t at = (uint32_t)hash & mask;

	while (slots[at] != 0)
		at = (at + 1) & mask;
	slots[at] = value;
}

/* Doubles when full; the kernel backs only the pages that were written. */
static void *grow(void *old, uint32_t used, uint32_t *max, size_t bytes)
{
	if (used < *max)
		return old;
	*max = *max == 0 ? SLOTS_MIN : 2 * *max;
	return xrealloc(old, *max, bytes);
}

static void grow_slots(struct index *ix)
{
	if (ix->n_entries < ix->slots_mask / 4 * 3)
		return;
	free(ix->slots);
	ix->slots_mask = 2 * ix->slots_mask + 1;
	ix->slots = xcalloc((size_t)ix->slots_mask + 1, sizeof(*ix->slots));
	for (uint32_t i = 0; i < ix->n_entries; i++)
		put_slot(ix->slots, ix->slots_mask, ix->entries[i].hash, i + 1);
}

static void grow_domain_slots(struct index *ix)
{
	if (ix->n_domains < ix->domain_slots_mask / 4 * 3)
		return;
	free(ix->domain_slots);
	ix->domain_slots_mask = 2 * ix->domain_slots_mask + 1;
	ix->domain_slots = xcalloc((size_t)ix->domain_slots_mask + 1, sizeof(*ix->domain_slots));
	for (uint32_t i = 0; i < ix->n_domains; i++)
		put_slot(ix->domain_slots, ix->domain_slots_mask,
		         index_hash(ix, index_domain_name(ix, &ix->domains[i])), i + 1);
}

/* The domain's number, new or old; UINT32_MAX when the names do not fit 32 bits. */
static uint32_t get_domain(struct index *ix, struct span name)
{
	uint64_t hash = index_hash(ix, name);
	uint32_t at = (uint32_t)hash & ix->domain_slots_mask;

	for (; ix->domain_slots[at] != 0; at = (at + 1) & ix->domain_slots_mask) {
		uint32_t domain = ix->domain_slots[at] - 1;

		if (span_eq(index_domain_name(ix, &ix->domains[domain]), name))
			return domain;
	}
	if (name.bytes > UINT32_MAX / 4 - ix->names_bytes)
		return UINT32_MAX;
	while (ix->names_max - ix->names_bytes < name.bytes)
		ix->names = grow(ix->names, ix->names_max, &ix->names_max, 1);
	memcpy(ix->names + ix->names_bytes, name.at, name.bytes);
	ix->domains = grow(ix->domains, ix->n_domains, &ix->domains_max, sizeof(*ix->domains));
	ix->domains[ix->n_domains] =
	    (struct index_domain){ .name_at = ix->names_bytes, .name_bytes = (uint32_t)name.bytes };
	ix->names_bytes += (uint32_t)name.bytes;
	put_slot(ix->domain_slots, ix->domain_slots_mask, hash, ++ix->n_domains);
	grow_domain_slots(ix);
	return ix->n_domains - 1;
}

bool index_add(struct index *ix, uint64_t hash, uint64_t at, uint32_t line, struct span domain)
{
	uint32_t d;

	if (ix->n_entries >= INDEX_ENTRIES_MAX || (d = get_domain(ix, domain)) == UINT32_MAX)
		return false;
	ix->domains[d].n_rows++;
	ix->entries = grow(ix->entries, ix->n_entries, &ix->entries_max, sizeof(*ix->entries));
	ix->entries[ix->n_entries++] =
	    (struct index_entry){ .hash = hash, .at = at, .domain = d, .line = line };
	put_slot(ix->slots, ix->slots_mask, hash, ix->n_entries);
	grow_slots(ix);
	return true;
}

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct index *ix = ctx;
	struct span x = index_domain_name(ix, &ix->domains[*(const uint32_t *)a]);
	struct span y = index_domain_name(ix, &ix->domains[*(const uint32_t *)b]);
	int order = memcmp(x.at, y.at, x.bytes < y.bytes ? x.bytes : y.bytes);

	return order != 0 ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

uint64_t *index_sort(struct index *ix)
{
	uint32_t *order = xcalloc(ix->n_domains + 1, sizeof(*order));
	struct index_domain *sorted = xcalloc(ix->n_domains + 1, sizeof(*sorted));
	uint64_t *offsets;
	uint32_t next = 0;

	free(ix->slots), ix->slots = NULL;
	free(ix->domain_slots), ix->domain_slots = NULL;
	for (uint32_t i = 0; i < ix->n_domains; i++)
		order[i] = i;
	qsort_r(order, ix->n_domains, sizeof(*order), by_name, ix);
	for (uint32_t i = 0; i < ix->n_domains; i++) {
		ix->domains[order[i]].first_row = next;
		next += ix->domains[order[i]].n_rows;
		sorted[i] = ix->domains[order[i]];
	}
	assert(next == ix->n_entries);

	/* Each domain's rows are dealt out in the order they came: first_row counts up while
	 * dealing; the sorted copy keeps the start.
	 */
	offsets = xcalloc(ix->n_entries + 1, sizeof(*offsets));
	for (uint32_t i = 0; i < ix->n_entries; i++)
		offsets[ix->domains[ix->entries[i].domain].first_row++] = ix->entries[i].at;
	free(ix->domains);
	ix->domains = sorted;
	free(order);
	return offsets;
}
