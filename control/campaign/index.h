/* index.h - what an import keeps in memory: one entry a recipient, and the domains.
 *
 * About 40 bytes a recipient and 60 a domain; the rows themselves are on disk.
 *
 * Owner   the import.
 * Thread  one.
 */
#pragma once

#include <stdint.h>

#include "dataplane/base/span.h"

struct index_entry {
	uint64_t hash;
	uint64_t at; /* in the rows file */
	uint32_t domain;
	uint32_t line;
};

struct index_domain {
	uint32_t name_at; /* in `names` */
	uint32_t name_bytes;
	uint32_t first_row; /* after index_sort() */
	uint32_t n_rows;
};

struct index {
	uint64_t key[2];
	struct index_entry *entries;
	uint32_t n_entries, entries_max;
	uint32_t *slots, slots_mask; /* entry + 1 by hash; 0: free */
	struct index_domain *domains;
	uint32_t n_domains, domains_max;
	uint32_t *domain_slots, domain_slots_mask;
	char *names;
	uint32_t names_bytes, names_max;
};

enum { INDEX_ENTRIES_MAX = 1u << 30 };

void index_init(struct index *ix);
void index_fini(struct index *ix);

/* The hash under which an address is looked for: keyed, so that a list cannot be made slow. */
uint64_t index_hash(const struct index *ix, struct span bytes);

/* Walks the entries with that hash: start with *step 0. Returns NULL after the last. */
const struct index_entry *index_next(const struct index *ix, uint64_t hash, uint32_t *step);

/* Adds an entry, a domain on its first use. There is room for INDEX_ENTRIES_MAX; false when full.
 */
bool index_add(struct index *ix, uint64_t hash, uint64_t at, uint32_t line, struct span domain);

/* Sorts domains by name and gives each its first row; returns, one an entry, the offsets in the
 * order of the table: by domain, then as they were added. The caller frees it. The hash tables are
 * gone then: nothing may be looked for or added.
 */
uint64_t *index_sort(struct index *ix);

static inline struct span index_domain_name(const struct index *ix, const struct index_domain *d)
{
	return span_of(ix->names + d->name_at, d->name_bytes);
}
