/* fetch.h - brings into the cache what will be needed soon, for many things together.
 *
 * A prefetch costs nothing, but a processor may drop it when it has not the translation of that
 * page at hand (seen on AMD family 26 with tables in ordinary pages). A load is not dropped;
 * nothing waits for it until its value is used, and none is, but only some hundred instructions go
 * on behind it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	FETCH_LINE_BYTES = 64,
	FETCH_PAGE_BYTES = 4096,
};

/* Loads each line of `bytes` at `at`, which must be there to be read: at least one byte. */
static inline void fetch(const void *at, size_t bytes)
{
	const volatile uint8_t *p = at;

	for (size_t done = 0; done < bytes; done += FETCH_LINE_BYTES)
		(void)p[done];
	(void)p[bytes - 1];
}

/* For more than a few lines, in two steps with others in between: the translations of its pages,
 * then its lines, to be read or to be written.
 */
static inline void fetch_pages(const void *at, size_t bytes)
{
	const volatile uint8_t *p = at;

	for (size_t done = 0; done < bytes; done += FETCH_PAGE_BYTES)
		(void)p[done];
	(void)p[bytes - 1];
}

static inline void fetch_to_read(const void *at, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += FETCH_LINE_BYTES)
		__builtin_prefetch((const uint8_t *)at + done);
	__builtin_prefetch((const uint8_t *)at + bytes - 1);
}

static inline void fetch_to_write(void *at, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += FETCH_LINE_BYTES)
		__builtin_prefetch((uint8_t *)at + done, 1);
	__builtin_prefetch((uint8_t *)at + bytes - 1, 1);
}
