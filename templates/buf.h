/* buf.h - bytes appended to memory of a fixed size; what does not fit is told once, at the end.
 *
 * `full` sticks: a writer may go on without checking each call, its owner looks at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/base/span.h"

struct buf {
	uint8_t *at;
	size_t bytes, max;
	bool full;
};

static inline void buf_put(struct buf *b, const void *from, size_t bytes)
{
	if (bytes > b->max - b->bytes) {
		b->full = true;
		return;
	}
	if (bytes != 0)
		memcpy(b->at + b->bytes, from, bytes);
	b->bytes += bytes;
}

static inline void buf_byte(struct buf *b, uint8_t byte)
{
	if (b->bytes == b->max) {
		b->full = true;
		return;
	}
	b->at[b->bytes++] = byte;
}

static inline void buf_span(struct buf *b, struct span s)
{
	buf_put(b, s.at, s.bytes);
}

static inline void buf_str(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

/* What was written since the buffer held `from` bytes. */
static inline struct span buf_since(const struct buf *b, size_t from)
{
	return span_of(b->at + from, b->bytes - from);
}
