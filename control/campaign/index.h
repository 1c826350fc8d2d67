/* index.h - what an import knows of the rows it took: which addresses, and which domains.
 *
 *	slots    one of 8 bytes an address: part of its hash and its number
 *	entries  16 bytes a row in a file of the folder: where the row lies, its line, its domain
 *
 * In memory are 11 to 22 bytes a recipient, and 10 to 15 a domain beside its name, however long the
 * rows are.
 *
 * Owner   the import.
 * Thread  one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/span.h"

#define INDEX_FILE "entries"

struct index_entry {
	uint64_t at; /* in the rows file */
	uint32_t domain;
	uint32_t line;
};

enum {
	INDEX_ENTRIES_MAX = (1u << 30) - 2,
	INDEX_ENTRIES_HELD = 4096, /* on their way to the file */
};

struct index {
	uint64_t key[2];
	int fd; /* of the entries */
	struct index_entry *held;
	uint32_t n_entries, n_held;
	uint64_t *slots;
	uint32_t slots_mask;
	uint32_t *domains; /* where its name is in `names`: a byte that tells its length, and it */
	uint32_t n_domains, domains_max;
	uint32_t *domain_slots, domain_slots_mask;
	uint8_t *names;
	uint32_t names_bytes, names_max;
	/* After index_sort(): domains by name; how many rows each has. */
	uint32_t *order, *n_rows;
};

/* Begins one; its file in the folder `dir` is made or emptied, or left as it is for
 * index_restore(). Returns 0 or -errno; index_fini() is due either way and leaves the file.
 */
int index_init(struct index *ix, const char *dir, bool restore);
void index_fini(struct index *ix);

/* The hash under which an address is looked for: keyed, so that a list cannot be made slow. */
uint64_t index_hash(const struct index *ix, struct span bytes);

/* Walks the entries that may have that hash (one in a thousand others does not): start with *step
 * 0. Returns 1 with an entry, 0 after the last, -errno.
 */
int index_next(const struct index *ix, uint64_t hash, uint32_t *step, struct index_entry *out);

/* Adds an entry, a domain on its first use. Returns 0; -E2BIG when INDEX_ENTRIES_MAX are there or
 * the names of domains take over 1 GiB; -errno.
 */
int index_add(struct index *ix, uint64_t hash, uint64_t at, uint32_t line, struct span domain);

/* Makes durable what was added. Returns 0 or -errno. */
int index_sync(struct index *ix);

/* What the row of an entry is looked for by, and its domain; valid until the next call. 0 or
 * -errno. */
typedef int index_row_fn(void *ctx, const struct index_entry *e, struct span *key,
                         struct span *domain);

/* Takes back the first n entries of the file, of which `row` tells the rest, and drops what stands
 * behind them. Returns 0, -EBADMSG when the file does not hold them, -errno.
 */
int index_restore(struct index *ix, uint32_t n, index_row_fn *row, void *ctx);

/* Sorts the domains by name, in `order`: their rows stand one domain behind the other. The
 * addresses are forgotten: nothing may be looked for or added. Returns 0 or -errno.
 */
int index_sort(struct index *ix);

/* Where the rows [first, first + n) of the table lie in the rows file: by domain, then as they were
 * added. Reads all entries once. Returns 0 or -errno.
 */
int index_rows(struct index *ix, uint32_t first, uint32_t n, uint64_t *at);

static inline struct span index_domain_name(const struct index *ix, uint32_t domain)
{
	const uint8_t *at = ix->names + ix->domains[domain];

	return span_of(at + 1, *at);
}
