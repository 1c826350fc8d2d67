/* pages.h - memory for tables: zeroed, and every page of it there from the beginning, or from when
 * it is first touched.
 *
 * What is large stands on huge pages where the kernel gives them: a table of a million
 * connections, looked into at random, would else miss the TLB at each look.
 *
 * Thread  any.
 */
#pragma once

#include <stdint.h>

/* What pages_get() takes for `bytes`. Pure. */
uint64_t pages_bytes(uint64_t bytes);

/* Returns zeroed memory on a cache line's boundary, to be given back with free(); NULL without. */
void *pages_get(uint64_t bytes);

/* The same, but a page comes when it is first touched: for what is seldom needed in full. To be
 * given back with pages_put(), which takes NULL too.
 */
void *pages_reserve(uint64_t bytes);
void pages_put(void *at, uint64_t bytes);
