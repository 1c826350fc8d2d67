/* folder.h - the files of a template folder, read into memory. */
#pragma once

#include <stdbool.h>

#include "templates/tpl.h"

/* Reads one file of the folder `dir`, at most `most` bytes, into memory of its own. Returns 0 or
 * -errno with `err`, whose file is `shown`.
 */
int folder_read(int dir, const char *file, const char *shown, size_t most, struct span *out,
                struct tpl_err *err);

/* Reads the files of the folder `path` inside `dir`, in order of their names: those that `wants`
 * takes, which says how many bytes of the name count. A folder that is not there has none; hidden
 * files are passed over. At most `n_max`; texts and names are the caller's, for folder_free().
 */
typedef bool folder_wants_fn(const char *file, size_t *name_bytes);
int folder_read_all(int dir, const char *path, folder_wants_fn *wants, size_t most,
                    struct tpl_text_source *to, uint32_t n_max, uint32_t *n, struct tpl_err *err);
void folder_free(struct tpl_text_source *files, uint32_t n);
