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
