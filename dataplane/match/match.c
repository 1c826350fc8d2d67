/* match.c - patterns by Hyperscan, in vectored mode: a text may lie in pieces. */
#include "dataplane/match/match.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hs/hs.h>

/* An empty set has no database: Hyperscan makes none of nothing. */
struct match_set {
	hs_database_t *db; /* NULL: nothing is ever found */
};

enum {
	TAIL_BYTES = 64, /* an end that is scanned elsewhere, and the room behind it */
	PAGE_BYTES = 4096,
};

struct match_scratch {
	hs_scratch_t *hs; /* NULL: of an empty set */
	/* Of one scan; see add_safely(). */
	uint32_t n, n_tails;
	const char *pieces[2 * MATCH_PIECES_MAX];
	uint32_t bytes[2 * MATCH_PIECES_MAX];
	char tails[MATCH_PIECES_MAX][2 * TAIL_BYTES];
};

static unsigned flags_of(uint32_t flags)
{
	static const unsigned hs[] = { HS_FLAG_CASELESS, HS_FLAG_DOTALL, HS_FLAG_MULTILINE,
		                       HS_FLAG_SINGLEMATCH };
	unsigned out = 0;

	for (unsigned i = 0; i < sizeof(hs) / sizeof(hs[0]); i++)
		out |= (flags & 1u << i) != 0 ? hs[i] : 0;
	return out;
}

static int compile(struct match_set *set, const struct match_pattern *patterns, uint32_t n,
                   uint32_t *bad, char why[MATCH_WHY_BYTES])
{
	const char **regexes = calloc(n, sizeof(*regexes));
	unsigned *flags = calloc(n, sizeof(*flags)), *ids = calloc(n, sizeof(*ids));
	hs_compile_error_t *error = NULL;
	int rc = -ENOMEM;

	if (regexes == NULL || flags == NULL || ids == NULL)
		goto out;
	for (uint32_t i = 0; i < n; i++) {
		regexes[i] = patterns[i].regex;
		flags[i] = flags_of(patterns[i].flags);
		ids[i] = i;
	}
	rc = 0;
	if (hs_compile_multi(regexes, flags, ids, n, HS_MODE_VECTORED, NULL, &set->db, &error) !=
	    HS_SUCCESS) {
		/* an expression below 0: no one pattern is at fault */
		*bad = error->expression < 0 ? 0 : (uint32_t)error->expression;
		rc = error->expression < 0 ? -ENOMEM : -EINVAL;
		snprintf(why, MATCH_WHY_BYTES, "%s", error->message);
		hs_free_compile_error(error);
	}
out:
	free(regexes);
	free(flags);
	free(ids);
	return rc;
}

int match_compile(const struct match_pattern *patterns, uint32_t n, struct match_set **out,
                  uint32_t *bad, char why[MATCH_WHY_BYTES])
{
	struct match_set *set = calloc(1, sizeof(*set));
	int rc = set == NULL ? -ENOMEM : 0;

	*bad = 0;
	snprintf(why, MATCH_WHY_BYTES, "out of memory");
	if (rc == 0 && n > 0)
		rc = compile(set, patterns, n, bad, why);
	if (rc != 0)
		match_free(set);
	else
		*out = set;
	return rc;
}

void match_free(struct match_set *set)
{
	if (set != NULL)
		hs_free_database(set->db);
	free(set);
}

void match_platform(char text[MATCH_WHY_BYTES])
{
	hs_platform_info_t p;

	memset(&p, 0, sizeof(p));
	(void)hs_populate_platform(&p);
	snprintf(text, MATCH_WHY_BYTES, "%s tune=%u features=%llx vectored", hs_version(), p.tune,
	         p.cpu_features);
}

int match_store(const struct match_set *set, void **bytes, size_t *n_bytes)
{
	char *out = NULL;

	*n_bytes = 0;
	if (set->db != NULL && hs_serialize_database(set->db, &out, n_bytes) != HS_SUCCESS)
		return -ENOMEM;
	*bytes = out;
	return 0;
}

int match_load(const void *bytes, size_t n_bytes, struct match_set **out)
{
	struct match_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return -ENOMEM;
	if (n_bytes > 0 && hs_deserialize_database(bytes, n_bytes, &set->db) != HS_SUCCESS) {
		free(set);
		return -EINVAL;
	}
	*out = set;
	return 0;
}

struct match_scratch *match_scratch_new(const struct match_set *set)
{
	struct match_scratch *s = calloc(1, sizeof(*s));

	if (s != NULL && set->db != NULL && hs_alloc_scratch(set->db, &s->hs) != HS_SUCCESS) {
		free(s);
		s = NULL;
	}
	return s;
}

void match_scratch_free(struct match_scratch *scratch)
{
	if (scratch != NULL)
		hs_free_scratch(scratch->hs);
	free(scratch);
}

size_t match_bytes(const struct match_set *set, const struct match_scratch *scratch)
{
	size_t db = 0, work = 0;

	if (set->db != NULL)
		(void)hs_database_size(set->db, &db);
	if (scratch != NULL && scratch->hs != NULL)
		(void)hs_scratch_size(scratch->hs, &work);
	return db + work;
}

struct listener {
	match_fn *fn;
	void *ctx;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *ctx)
{
	const struct listener *l = ctx;

	(void)from, (void)flags;
	return l->fn(l->ctx, id, to) ? 0 : 1;
}

static void add_piece(struct match_scratch *s, const char *at, uint32_t bytes)
{
	s->pieces[s->n] = at;
	s->bytes[s->n++] = bytes;
}

/* Hyperscan 5.4.0 was seen to read up to three bytes behind a piece of 29 to 32 (AVX512VBMI):
 * harmless in the middle of a page, a crash at the end of the last one. So the end of a piece that
 * is short, or that ends near the end of its page, is scanned where there is room behind it.
 */
static void add_safely(struct match_scratch *s, const char *at, uint32_t bytes)
{
	uint32_t end = bytes < TAIL_BYTES ? bytes : TAIL_BYTES;
	bool is_near = (uintptr_t)(at + bytes) % PAGE_BYTES - 1 >= PAGE_BYTES - 1 - TAIL_BYTES;
	char *tail = s->tails[s->n_tails];

	if (bytes >= TAIL_BYTES && !is_near) {
		add_piece(s, at, bytes);
		return;
	}
	s->n_tails++;
	memcpy(tail, at + bytes - end, end);
	if (bytes > end)
		add_piece(s, at, bytes - end);
	add_piece(s, tail, end);
}

void match_scan(const struct match_set *set, struct match_scratch *scratch,
                const char *const *pieces, const uint32_t *bytes, uint32_t n, match_fn *fn,
                void *ctx)
{
	struct listener l = { fn, ctx };
	hs_error_t rc;

	assert(n <= MATCH_PIECES_MAX);
	if (set->db == NULL || n == 0)
		return;
	scratch->n = scratch->n_tails = 0;
	for (uint32_t i = 0; i < n; i++)
		add_safely(scratch, pieces[i], bytes[i]);
	rc = hs_scan_vector(set->db, scratch->pieces, scratch->bytes, scratch->n, 0, scratch->hs,
	                    on_match, &l);
	assert(rc == HS_SUCCESS || rc == HS_SCAN_TERMINATED); /* the rest are wrong arguments */
	(void)rc;
}

struct match_starts {
	hs_database_t *db;
	hs_scratch_t *scratch;
	char window[MATCH_BEGIN_BYTES + TAIL_BYTES]; /* what is scanned; see add_safely() */
	unsigned long long end, from;
};

struct match_starts *match_starts_new(const struct match_pattern *pattern)
{
	unsigned flags = flags_of(pattern->flags & ~(uint32_t)MATCH_ONCE) | HS_FLAG_SOM_LEFTMOST;
	struct match_starts *s = calloc(1, sizeof(*s));
	hs_compile_error_t *error = NULL;

	if (s == NULL)
		return NULL;
	if (hs_compile(pattern->regex, flags, HS_MODE_BLOCK, NULL, &s->db, &error) == HS_SUCCESS &&
	    hs_alloc_scratch(s->db, &s->scratch) == HS_SUCCESS)
		return s;
	hs_free_compile_error(error);
	match_starts_free(s);
	return NULL;
}

void match_starts_free(struct match_starts *s)
{
	if (s == NULL)
		return;
	hs_free_scratch(s->scratch);
	hs_free_database(s->db);
	free(s);
}

static int on_start(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *ctx)
{
	struct match_starts *s = ctx;

	(void)id, (void)flags;
	if (to == s->end && from < s->from)
		s->from = from;
	return 0;
}

size_t match_begin(struct match_starts *s, const char *text, size_t end)
{
	size_t bytes = end < MATCH_BEGIN_BYTES ? end : MATCH_BEGIN_BYTES;

	if (s == NULL || bytes == 0)
		return end;
	memcpy(s->window, text + end - bytes, bytes);
	s->end = s->from = bytes;
	(void)hs_scan(s->db, s->window, (unsigned)bytes, 0, s->scratch, on_start, s);
	return end - bytes + (size_t)s->from;
}
