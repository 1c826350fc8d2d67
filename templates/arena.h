/* arena.h - memory of one rendering: given out piece by piece, freed as a whole.
 *
 * Owner   whoever called arena_init(); the first bytes are its own, more comes from the heap.
 * Not     without a bound: past `max` everything is refused and `full` sticks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/span.h"

enum {
	ARENA_FIRST_BYTES = 4096,
	ARENA_BYTES_MAX = 32 << 20, /* one rendering */
};

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	uint8_t *at;
	size_t left, used;
	bool full;
	_Alignas(16) uint8_t first[ARENA_FIRST_BYTES];
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Memory for `n` things of `bytes`, aligned for any; NULL when there is no more. */
void *arena_get(struct arena *arena, size_t n, size_t bytes);

/* A text that grows in an arena; as in buf.h a writer need not check each call. */
struct text {
	struct arena *arena;
	uint8_t *at;
	size_t bytes, room;
};

void text_put(struct text *t, const void *from, size_t bytes);

static inline void text_byte(struct text *t, uint8_t byte)
{
	if (t->bytes < t->room)
		t->at[t->bytes++] = byte;
	else
		text_put(t, &byte, 1);
}

static inline void text_span(struct text *t, struct span s)
{
	text_put(t, s.at, s.bytes);
}

static inline void text_str(struct text *t, const char *text)
{
	text_put(t, text, strlen(text));
}
