/* span.h - a run of bytes that somebody else owns.
 *
 * Owner   nobody here: whoever made the bytes says how long a span stays valid.
 * Not     a string: no terminator, any byte value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *at;
	size_t bytes;
};

static inline struct span span_of(const void *at, size_t bytes)
{
	return (struct span){ .at = at, .bytes = bytes };
}

static inline struct span span_str(const char *text)
{
	return span_of(text, strlen(text));
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* Readers for foreign bytes: each takes its bytes from the front of `s`, in network order, and
 * returns false, leaving `s` and the result as they were, when too few are there.
 */
static inline bool span_take(struct span *s, size_t bytes, struct span *out)
{
	if (s->bytes < bytes)
		return false;
	*out = span_of(s->at, bytes);
	s->at += bytes;
	s->bytes -= bytes;
	return true;
}

static inline bool span_take_u8(struct span *s, uint8_t *out)
{
	struct span b;

	if (!span_take(s, 1, &b))
		return false;
	*out = b.at[0];
	return true;
}

static inline bool span_take_u16(struct span *s, uint16_t *out)
{
	struct span b;

	if (!span_take(s, 2, &b))
		return false;
	*out = (uint16_t)(b.at[0] << 8 | b.at[1]);
	return true;
}

static inline bool span_take_u32(struct span *s, uint32_t *out)
{
	struct span b;

	if (!span_take(s, 4, &b))
		return false;
	*out = (uint32_t)b.at[0] << 24 | (uint32_t)b.at[1] << 16 | (uint32_t)b.at[2] << 8 | b.at[3];
	return true;
}
