/* files.h - files and folders that must be whole and durable, or not there.
 *
 * Thread  any.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "dataplane/base/span.h"

/* Writes all bytes; 0 or -errno. */
int write_all(int fd, const void *data, size_t bytes);

/* Makes a new file (mode 0600) with these bytes, durable but for its name. 0 or -errno. */
int file_make(const char *path, const void *data, size_t bytes);

/* Reads a whole file of at most `bytes_max` into fresh memory, NUL-terminated; the caller frees
 * it. 0, -EFBIG, -errno.
 */
int file_read(const char *path, size_t bytes_max, char **out, size_t *bytes);

/* Moves a file into the place of another or none, between file systems too; `to` is whole or as it
 * was before, but for its last bytes after a power cut. 0 or -errno.
 */
int file_move(const char *from, const char *to);

/* Makes the names in a folder durable. 0 or -errno. */
int dir_sync(const char *path);

/* Removes a folder and all in it, links not followed. 0 or -errno. */
int dir_del(const char *path);

/* Copies the regular files of a folder, or one file, durably into `to`, which is made; folders in
 * it too, `depth` deep; hidden files are left out. Refuses links and other things, more than
 * `files_max` files or `bytes_max` bytes: 0, or -errno with one line.
 */
struct dir_copy_limits {
	uint32_t files_max, depth;
	uint64_t bytes_max;
};
int dir_copy(const char *from, const char *to, const struct dir_copy_limits *limits, char *why,
             size_t why_bytes);
