/* arena.c - memory of one rendering: given out piece by piece, freed as a whole. */
#include "templates/arena.h"

#include <stdlib.h>

enum { ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(ALIGN) uint8_t bytes[];
};

void arena_init(struct arena *a)
{
	a->chunks = NULL;
	a->at = a->first;
	a->left = sizeof(a->first);
	a->used = 0;
	a->full = false;
}

void arena_fini(struct arena *a)
{
	while (a->chunks != NULL) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}

/* A chunk is at least as large as all before it, so that there are few. */
static bool arena_grow(struct arena *a, size_t need)
{
	size_t size = a->used < ARENA_FIRST_BYTES ? 4 * ARENA_FIRST_BYTES : 2 * a->used;
	struct arena_chunk *c;

	if (size < need)
		size = need;
	if (size > ARENA_BYTES_MAX - a->used)
		size = ARENA_BYTES_MAX - a->used;
	if (size < need)
		return false;
	c = malloc(sizeof(*c) + size);
	if (c == NULL)
		return false;
	c->next = a->chunks;
	a->chunks = c;
	a->at = c->bytes;
	a->left = size;
	return true;
}

void *arena_get(struct arena *a, size_t n, size_t bytes)
{
	size_t need;
	void *out;

	if (__builtin_mul_overflow(n, bytes, &need) || need > ARENA_BYTES_MAX) {
		a->full = true;
		return NULL;
	}
	need = (need + ALIGN - 1) / ALIGN * ALIGN;
	if (need > a->left && !arena_grow(a, need)) {
		a->full = true;
		return NULL;
	}
	out = a->at;
	a->at += need;
	a->left -= need;
	a->used += need;
	return out;
}

void text_put(struct text *t, const void *from, size_t bytes)
{
	if (bytes > t->room - t->bytes) {
		size_t room = 2 * t->room + bytes + 48;
		uint8_t *at = arena_get(t->arena, 1, room);

		if (at == NULL)
			return;
		if (t->bytes != 0)
			memcpy(at, t->at, t->bytes);
		t->at = at;
		t->room = room;
	}
	if (bytes != 0)
		memcpy(t->at + t->bytes, from, bytes);
	t->bytes += bytes;
}
