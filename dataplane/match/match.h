/* match.h - many patterns searched for in one pass over bytes.
 *
 * A set is compiled once, anywhere, and then read by any number of threads, each with a scratch of
 * its own. Patterns see bytes, whatever they encode.
 *
 * Owner   whoever compiled it.
 * Thread  any; one thread a scratch at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MATCH_WHY_BYTES = 256,
	MATCH_PIECES_MAX = 64, /* of one text */
};

enum match_flag {
	MATCH_CASELESS = 1 << 0,
	MATCH_DOTALL = 1 << 1,    /* . is any byte, line ends too */
	MATCH_MULTILINE = 1 << 2, /* ^ and $ are at every line */
	MATCH_ONCE = 1 << 3,      /* told once a text, not at each place */
};

struct match_pattern {
	const char *regex; /* as PCRE writes them */
	uint32_t flags;    /* enum match_flag */
};

struct match_set;
struct match_scratch;

/* Compiles. A pattern is told of by its place in `patterns`. Returns 0; -EINVAL with the place of a
 * pattern that cannot be taken in `*bad` and the reason in `why`; -ENOMEM. Takes milliseconds to
 * seconds.
 */
int match_compile(const struct match_pattern *patterns, uint32_t n, struct match_set **out,
                  uint32_t *bad, char why[MATCH_WHY_BYTES]);
void match_free(struct match_set *set); /* NULL is allowed */

/* What a stored set can be used with: library version and kind of processor. */
void match_platform(char text[MATCH_WHY_BYTES]);

/* A set as bytes, to be freed by the caller, and back. Bytes that are no set of this platform are
 * refused with -EINVAL.
 */
int match_store(const struct match_set *set, void **bytes, size_t *n_bytes);
int match_load(const void *bytes, size_t n_bytes, struct match_set **out);

/* Working memory of one thread. NULL: none left. */
struct match_scratch *match_scratch_new(const struct match_set *set);
void match_scratch_free(struct match_scratch *scratch); /* NULL is allowed */

/* Bytes that set and scratch take. */
size_t match_bytes(const struct match_set *set, const struct match_scratch *scratch);

/* A pattern ends before byte `end` of the text. Returns false to hear no more. */
typedef bool match_fn(void *ctx, uint32_t pattern, uint64_t end);

/* Scans one text that lies in `n` pieces, as if they stood together. */
void match_scan(const struct match_set *set, struct match_scratch *scratch,
                const char *const *pieces, const uint32_t *bytes, uint32_t n, match_fn *fn,
                void *ctx);

/* Where matches of one pattern begin, for people. NULL: Hyperscan cannot tell of this one. */
enum { MATCH_BEGIN_BYTES = 8192 };
struct match_starts;
struct match_starts *match_starts_new(const struct match_pattern *pattern);
void match_starts_free(struct match_starts *starts); /* NULL is allowed */

/* The first byte of a match that ends before byte `end` of a text; `end` itself where none is found
 * within MATCH_BEGIN_BYTES before it, and where `starts` is NULL.
 */
size_t match_begin(struct match_starts *starts, const char *text, size_t end);
