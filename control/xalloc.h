/* xalloc.h - memory for the control plane: it succeeds or stops the program.
 *
 * Thread  any.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *xcheck(void *p)
{
	if (p == NULL) {
		fputs("posthaste: out of memory\n", stderr);
		abort();
	}
	return p;
}

static inline void *xcalloc(size_t n, size_t bytes)
{
	return xcheck(calloc(n, bytes));
}

static inline void *xrealloc(void *old, size_t n, size_t bytes)
{
	return xcheck(reallocarray(old, n, bytes));
}

static inline char *xstrdup(const char *s)
{
	return xcheck(strdup(s));
}

static inline char *xstrndup(const char *s, size_t n)
{
	return xcheck(strndup(s, n));
}
