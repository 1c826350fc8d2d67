/* cache.h - compiled patterns on disk.
 *
 * One file holds the newest set, the patterns it was compiled from and what it was compiled by. It
 * is used when all of that is as it would be now; anything else, a broken file too, is as if it
 * were not there.
 *
 * Thread  any.
 */
#pragma once

#include "control/gate/rules.h"

/* The set of these rules, or NULL. */
struct match_set *cache_load(const char *path, const struct rules *rules);

/* Puts it there, in the place of what was. Returns 0 or -errno; nothing is lost but time. */
int cache_save(const char *path, const struct rules *rules, const struct match_set *set);
