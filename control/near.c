/* near.c - edit distance with swaps (optimal string alignment), three rows of it. */
#include "control/near.h"

#include <string.h>

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	uint32_t rows[3][NEAR_WORD_MAX + 1];
	uint32_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_bytes; j++)
		above[j] = (uint32_t)j;
	for (size_t i = 1; i <= a_bytes; i++) {
		uint32_t *free_row = before;

		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_bytes; j++) {
			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[b_bytes];
}

const char *near_find(const char *word, near_word_fn *at, const void *ctx)
{
	size_t bytes = strlen(word);
	uint32_t best = (uint32_t)(bytes / 3 < 2 ? 2 : bytes / 3) + 1;
	const char *found = NULL, *known;

	if (bytes == 0 || bytes > NEAR_WORD_MAX)
		return NULL;
	for (uint32_t n = 0; (known = at(ctx, n)) != NULL; n++) {
		size_t known_bytes = strlen(known);
		uint32_t d;

		if (known_bytes > NEAR_WORD_MAX)
			continue;
		d = distance(word, bytes, known, known_bytes);
		if (d < best && d < bytes) {
			best = d;
			found = known;
		}
	}
	return found;
}
