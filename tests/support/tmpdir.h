/* tmpdir.h - a folder of its own for a test that needs files. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TMPDIR_BYTES = 64 };

static inline const char *tmpdir_make(char path[TMPDIR_BYTES])
{
	snprintf(path, TMPDIR_BYTES, "/tmp/posthaste-test-XXXXXX");
	if (mkdtemp(path) == NULL) {
		perror(path);
		exit(2);
	}
	return path;
}

static inline int tmpdir_del_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static inline void tmpdir_del(const char *path)
{
	(void)nftw(path, tmpdir_del_one, 16, FTW_DEPTH | FTW_PHYS);
}
