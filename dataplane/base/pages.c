/* pages.c - memory for tables. */
#include "dataplane/base/pages.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	LINE_BYTES = 64,
	HUGE_BYTES = 2 << 20,
};

uint64_t pages_bytes(uint64_t bytes)
{
	return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

void *pages_get(uint64_t bytes)
{
	bool large = bytes >= HUGE_BYTES;
	uint64_t all = pages_bytes(bytes);
	void *p;

	if (posix_memalign(&p, large ? HUGE_BYTES : LINE_BYTES, all) != 0)
		return NULL;
	if (large) /* a wish, for the whole ones: without it all is as before */
		(void)madvise(p, all / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
	memset(p, 0, all); /* also faults every page in: later use meets no surprise */
	return p;
}

void *pages_reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* A huge page would bring what nobody asked for. */
	(void)madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

void pages_put(void *at, uint64_t bytes)
{
	if (at != NULL)
		(void)munmap(at, bytes);
}
