/* line.h - a command line being made, piece by piece, in a place of fixed size.
 *
 * Owner   whoever began it: it lives for one command.
 * Not     cut to fit: what does not fit was to be refused before, so it stops the program.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "dataplane/base/span.h"

struct line {
	char *at, *end; /* where the next piece goes; behind the place */
};

static inline struct line line_in(char *place, size_t bytes)
{
	return (struct line){ place, place + bytes };
}

static inline void line_put(struct line *l, struct span piece)
{
	assert(piece.bytes <= (size_t)(l->end - l->at));
	if (piece.bytes > 0)
		memcpy(l->at, piece.at, piece.bytes);
	l->at += piece.bytes;
}

/* Words of the protocol: their length is known where they are written. */
#define LINE_PUT(l, word) line_put(l, span_of(word, sizeof(word) - 1))

/* In decimal. */
static inline void line_put_number(struct line *l, uint64_t number)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	line_put(l, span_of(at, (size_t)(digits + sizeof(digits) - at)));
}
