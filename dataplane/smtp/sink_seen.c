/* sink_seen.c - what is remembered between connections: how often a recipient was tried, since when
 * a triple is known, how many connections a source has.
 */
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

enum { ROW = 8 }; /* entries in which a key may stand: a bound on the search */

struct sink_seen {
	uint32_t n_rows;
	struct sink_seen_entry *entries;
};

static uint32_t rows_for(uint32_t n)
{
	return n < ROW ? 1 : n / ROW;
}

uint64_t sink_seen_bytes(uint32_t n)
{
	return sizeof(struct sink_seen) +
	       (uint64_t)rows_for(n) * ROW * sizeof(struct sink_seen_entry);
}

struct sink_seen *sink_seen_new(uint32_t n)
{
	struct sink_seen *seen = calloc(1, sizeof(*seen));

	if (seen == NULL)
		return NULL;
	seen->n_rows = rows_for(n);
	seen->entries = calloc((size_t)seen->n_rows * ROW, sizeof(*seen->entries));
	if (seen->entries == NULL) {
		free(seen);
		return NULL;
	}
	return seen;
}

void sink_seen_free(struct sink_seen *seen)
{
	if (seen == NULL)
		return;
	free(seen->entries);
	free(seen);
}

struct sink_seen_entry *sink_seen_get(struct sink_seen *seen, uint64_t key, uint64_t now_us,
                                      bool *was_full)
{
	struct sink_seen_entry *row, *to;

	key |= 1; /* 0 is a free place */
	row = &seen->entries[(size_t)((key >> 32) % seen->n_rows) * ROW];
	to = row;
	for (uint32_t i = 0; i < ROW; i++) {
		if (row[i].key == key)
			return &row[i];
		if (to->key != 0 && (row[i].key == 0 || row[i].at_us < to->at_us))
			to = &row[i];
	}
	*was_full = to->key != 0;
	*to = (struct sink_seen_entry){ .key = key, .at_us = now_us };
	return to;
}

/* A mixing of eight octets a step (multiply, fold); who chooses colliding recipients for a test
 * tool harms his own test only.
 */
uint64_t sink_hash(uint64_t seed, const void *at, size_t bytes)
{
	const uint8_t *p = at;
	uint64_t h = seed ^ bytes * 0x9e3779b97f4a7c15ull;

	while (bytes > 0) {
		size_t n = bytes < 8 ? bytes : 8;
		uint64_t word = 0;

		memcpy(&word, p, n);
		h = (h ^ word) * 0xd6e8feb86659fd93ull;
		h ^= h >> 32;
		p += n;
		bytes -= n;
	}
	return h * 0xd6e8feb86659fd93ull;
}
