/* index.c - see index.h. */
#include "control/campaign/index.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/xalloc.h"

enum {
	SLOTS_MIN = 1024,
	NUMBER_BITS = 30, /* of a slot: the entry's number + 1; the rest is of its hash */
	NAMES_BYTES_MAX = UINT32_MAX / 4,
	DOMAIN_BYTES_MAX = UINT8_MAX,
	PAGE_BYTES = 4096,
	LARGE_PAGE_BYTES = 2 << 20,
};

static_assert(INDEX_ENTRIES_MAX < (1u << NUMBER_BITS) - 1, "a number fits its bits");

int index_init(struct index *ix, const char *dir, bool restore)
{
	char path[4096];

	memset(ix, 0, sizeof(*ix));
	if (getrandom(ix->key, sizeof(ix->key), 0) != sizeof(ix->key))
		abort(); /* asks for 16 bytes only, which the kernel never cuts short */
	ix->slots_mask = ix->domain_slots_mask = SLOTS_MIN - 1;
	ix->slots = xcalloc(SLOTS_MIN, sizeof(*ix->slots));
	ix->domain_slots = xcalloc(SLOTS_MIN, sizeof(*ix->domain_slots));
	ix->held = xcalloc(INDEX_ENTRIES_HELD, sizeof(*ix->held));
	snprintf(path, sizeof(path), "%s/" INDEX_FILE, dir);
	ix->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (restore ? 0 : O_TRUNC), 0600);
	return ix->fd < 0 ? -errno : 0;
}

void index_fini(struct index *ix)
{
	if (ix->fd >= 0)
		close(ix->fd);
	free(ix->held);
	free(ix->slots);
	free(ix->domains);
	free(ix->domain_slots);
	free(ix->names);
	free(ix->order);
	free(ix->n_rows);
	memset(ix, 0, sizeof(*ix));
	ix->fd = -1;
}

/* ---- hashing ---- */

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

/* ---- addresses ---- */

static uint64_t slot_of(uint64_t hash, uint32_t number)
{
	return hash >> NUMBER_BITS << NUMBER_BITS | (number + 1);
}

/* What a slot keeps of the hash says where it stands, so that slots can move without the rest. */
static uint32_t place_of(uint64_t slot)
{
	return (uint32_t)(slot >> NUMBER_BITS);
}

static void put_slot(struct index *ix, uint64_t slot)
{
	uint32_t at = place_of(slot) & ix->slots_mask;

	while (ix->slots[at] != 0)
		at = (at + 1) & ix->slots_mask;
	ix->slots[at] = slot;
}

static int read_entry(const struct index *ix, uint32_t number, struct index_entry *out)
{
	uint32_t flushed = ix->n_entries - ix->n_held;
	ssize_t n;

	if (number >= flushed) {
		*out = ix->held[number - flushed];
		return 0;
	}
	n = pread(ix->fd, out, sizeof(*out), (off_t)number * (off_t)sizeof(*out));
	return n == sizeof(*out) ? 0 : n < 0 ? -errno : -EIO;
}

int index_next(const struct index *ix, uint64_t hash, uint32_t *step, struct index_entry *out)
{
	uint64_t wanted = slot_of(hash, 0);

	for (;;) {
		uint64_t slot = ix->slots[(place_of(wanted) + (*step)++) & ix->slots_mask];
		int result;

		if (slot == 0)
			return 0;
		if (slot >> NUMBER_BITS != wanted >> NUMBER_BITS)
			continue;
		result = read_entry(ix, (uint32_t)(slot & ((1u << NUMBER_BITS) - 1)) - 1, out);
		return result != 0 ? result : 1;
	}
}

/* For what is looked at in no order: small pages would miss at each look. */
static void want_large_pages(void *at, size_t bytes)
{
	uintptr_t from = ((uintptr_t)at + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);

	if (bytes >= LARGE_PAGE_BYTES)
		(void)madvise((void *)from, bytes - (from - (uintptr_t)at), MADV_HUGEPAGE);
}

static void grow_slots(struct index *ix)
{
	uint64_t *old = ix->slots;
	uint32_t old_mask = ix->slots_mask;

	if (ix->n_entries < ix->slots_mask / 4 * 3)
		return;
	ix->slots_mask = 2 * ix->slots_mask + 1;
	ix->slots = xcalloc((size_t)ix->slots_mask + 1, sizeof(*ix->slots));
	want_large_pages(ix->slots, ((size_t)ix->slots_mask + 1) * sizeof(*ix->slots));
	for (uint64_t i = 0; i <= old_mask; i++)
		if (old[i] != 0)
			put_slot(ix, old[i]);
	free(old);
}

/* ---- domains ---- */

/* Doubles when full; the kernel backs only the pages that were written. */
static void *grow(void *old, uint32_t used, uint32_t *max, size_t bytes)
{
	if (used < *max)
		return old;
	*max = *max == 0 ? SLOTS_MIN : 2 * *max;
	old = xrealloc(old, *max, bytes);
	want_large_pages(old, *max * bytes);
	return old;
}

static void put_domain_slot(struct index *ix, uint64_t hash, uint32_t domain)
{
	uint32_t at = (uint32_t)hash & ix->domain_slots_mask;

	while (ix->domain_slots[at] != 0)
		at = (at + 1) & ix->domain_slots_mask;
	ix->domain_slots[at] = domain + 1;
}

static void grow_domain_slots(struct index *ix)
{
	if (ix->n_domains < ix->domain_slots_mask / 4 * 3)
		return;
	free(ix->domain_slots);
	ix->domain_slots_mask = 2 * ix->domain_slots_mask + 1;
	ix->domain_slots = xcalloc((size_t)ix->domain_slots_mask + 1, sizeof(*ix->domain_slots));
	want_large_pages(ix->domain_slots,
	                 ((size_t)ix->domain_slots_mask + 1) * sizeof(*ix->domain_slots));
	for (uint32_t i = 0; i < ix->n_domains; i++)
		put_domain_slot(ix, index_hash(ix, index_domain_name(ix, i)), i);
}

/* The domain's number, new or old; UINT32_MAX when there are no more. */
static uint32_t get_domain(struct index *ix, struct span name)
{
	uint64_t hash = index_hash(ix, name);
	uint32_t at = (uint32_t)hash & ix->domain_slots_mask;

	for (; ix->domain_slots[at] != 0; at = (at + 1) & ix->domain_slots_mask) {
		uint32_t domain = ix->domain_slots[at] - 1;

		if (span_eq(index_domain_name(ix, domain), name))
			return domain;
	}
	assert(name.bytes <= DOMAIN_BYTES_MAX);
	if (name.bytes >= NAMES_BYTES_MAX - ix->names_bytes)
		return UINT32_MAX;
	while (ix->names_max - ix->names_bytes <= name.bytes)
		ix->names = grow(ix->names, ix->names_max, &ix->names_max, 1);
	ix->domains = grow(ix->domains, ix->n_domains, &ix->domains_max, sizeof(*ix->domains));
	ix->domains[ix->n_domains] = ix->names_bytes;
	ix->names[ix->names_bytes++] = (uint8_t)name.bytes;
	memcpy(ix->names + ix->names_bytes, name.at, name.bytes);
	ix->names_bytes += (uint32_t)name.bytes;
	put_domain_slot(ix, hash, ix->n_domains++);
	grow_domain_slots(ix);
	return ix->n_domains - 1;
}

/* ---- adding ---- */

static int flush(struct index *ix)
{
	int result = write_all(ix->fd, ix->held, ix->n_held * sizeof(*ix->held));

	ix->n_held = 0;
	return result;
}

/* Everything of an entry but its place in the file. */
static int note(struct index *ix, uint64_t hash, struct span domain, uint32_t *d)
{
	if (ix->n_entries == INDEX_ENTRIES_MAX || (*d = get_domain(ix, domain)) == UINT32_MAX)
		return -E2BIG;
	put_slot(ix, slot_of(hash, ix->n_entries++));
	grow_slots(ix);
	return 0;
}

int index_add(struct index *ix, uint64_t hash, uint64_t at, uint32_t line, struct span domain)
{
	int result = ix->n_held == INDEX_ENTRIES_HELD ? flush(ix) : 0;
	uint32_t d = 0;

	if (result != 0 || (result = note(ix, hash, domain, &d)) != 0)
		return result;
	ix->held[ix->n_held++] = (struct index_entry){ .at = at, .domain = d, .line = line };
	return 0;
}

int index_sync(struct index *ix)
{
	int result = flush(ix);

	return result != 0 ? result : fdatasync(ix->fd) != 0 ? -errno : 0;
}

/* Reads at most `want` entries from the n-th on. Returns how many, or -errno; never 0. */
static ssize_t read_held(struct index *ix, uint32_t n, uint32_t want)
{
	ssize_t got;

	want = want < INDEX_ENTRIES_HELD ? want : INDEX_ENTRIES_HELD;
	got =
	    pread(ix->fd, ix->held, want * sizeof(*ix->held), (off_t)n * (off_t)sizeof(*ix->held));
	if (got < 0)
		return -errno;
	got /= (ssize_t)sizeof(*ix->held);
	return got == 0 ? -EIO : got;
}

int index_restore(struct index *ix, uint32_t n, index_row_fn *row, void *ctx)
{
	off_t bytes = (off_t)n * (off_t)sizeof(*ix->held);
	struct stat st;

	assert(ix->n_entries == 0);
	if (fstat(ix->fd, &st) != 0)
		return -errno;
	if (st.st_size < bytes)
		return -EBADMSG;
	while (ix->n_entries < n) {
		ssize_t got = read_held(ix, ix->n_entries, n - ix->n_entries);
		int result = got < 0 ? (int)got : 0;

		for (ssize_t i = 0; i < got && result == 0; i++) {
			const struct index_entry *e = &ix->held[i];
			struct span key, domain;
			uint32_t d = 0;

			result = row(ctx, e, &key, &domain);
			if (result == 0)
				result = note(ix, index_hash(ix, key), domain, &d);
			if (result == 0 && d != e->domain)
				result = -EBADMSG;
		}
		if (result != 0)
			return result;
	}
	return ftruncate(ix->fd, bytes) != 0 || lseek(ix->fd, bytes, SEEK_SET) < 0 ? -errno : 0;
}

/* ---- sorting ---- */

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct index *ix = ctx;
	struct span x = index_domain_name(ix, *(const uint32_t *)a);
	struct span y = index_domain_name(ix, *(const uint32_t *)b);
	int order = memcmp(x.at, y.at, x.bytes < y.bytes ? x.bytes : y.bytes);

	return order != 0 ? order : (x.bytes > y.bytes) - (x.bytes < y.bytes);
}

/* Rows are counted here and not as they come: the memory is free by now. */
static int count_rows(struct index *ix)
{
	ix->n_rows = xcalloc(ix->n_domains + 1, sizeof(*ix->n_rows));
	for (uint32_t done = 0; done < ix->n_entries;) {
		ssize_t got = read_held(ix, done, ix->n_entries - done);

		if (got < 0)
			return (int)got;
		for (ssize_t i = 0; i < got; i++)
			ix->n_rows[ix->held[i].domain]++;
		done += (uint32_t)got;
	}
	return 0;
}

int index_sort(struct index *ix)
{
	int result = flush(ix);

	free(ix->slots), ix->slots = NULL;
	free(ix->domain_slots), ix->domain_slots = NULL;
	if (result != 0 || (result = count_rows(ix)) != 0)
		return result;
	ix->order = xcalloc(ix->n_domains + 1, sizeof(*ix->order));
	for (uint32_t i = 0; i < ix->n_domains; i++)
		ix->order[i] = i;
	qsort_r(ix->order, ix->n_domains, sizeof(*ix->order), by_name, ix);
	return 0;
}

/* Each domain's rows are dealt out in the order they came. */
int index_rows(struct index *ix, uint32_t first, uint32_t n, uint64_t *at)
{
	uint32_t *next = xcalloc(ix->n_domains + 1, sizeof(*next));
	uint32_t before = 0;
	int result = 0;

	for (uint32_t i = 0; i < ix->n_domains; i++) {
		next[ix->order[i]] = before;
		before += ix->n_rows[ix->order[i]];
	}
	assert(before == ix->n_entries);
	for (uint32_t done = 0; done < ix->n_entries && result == 0;) {
		ssize_t got = read_held(ix, done, ix->n_entries - done);

		for (ssize_t i = 0; i < got; i++) {
			uint32_t row = next[ix->held[i].domain]++ - first;

			if (row < n)
				at[row] = ix->held[i].at;
		}
		if (got < 0)
			result = (int)got;
		else
			done += (uint32_t)got;
	}
	free(next);
	return result;
}
