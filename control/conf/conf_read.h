/* conf_read.h - the bytes of a configuration file as a flat list of statements.
 *
 * Grammar: blocks `section { }`, `section "name" { }`, statements `key = value;`, `key value`,
 * `key: value`; lists `[a, b]`; `#` to the end of the line and slash-star comments. `;`, `,` and
 * line ends all end a statement, so that JSON is read too.
 *
 * Not     the meaning of a statement (conf.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/conf/conf.h"
#include "dataplane/base/span.h"

enum {
	CONF_FILE_BYTES_MAX = 4 << 20, /* the largest file that is read */
	CONF_WORD_MAX = 1023,          /* bytes of one word or string */
	CONF_VALUES_MAX = 256,         /* values in one list */
	CONF_PATH_MAX = 2,             /* section and name */
};

/* One statement, or, without key, one block that was opened. */
struct conf_item {
	uint32_t line;
	uint32_t n_path;
	char *path[CONF_PATH_MAX]; /* the blocks around it, outermost first */
	char *key;                 /* NULL: the block itself */
	char **values;             /* one, unless a list */
	uint32_t n_values;
	bool is_list;
};

struct conf_doc {
	struct conf_item *items; /* in the order of the file */
	uint32_t n_items;
};

/* Reads `text`, which came from `file`. Returns 0 and a document for conf_doc_fini(), or -EINVAL
 * with "file:line: what; what to do" and nothing to free.
 */
int conf_read(const char *file, struct span text, struct conf_doc *doc, char why[CONF_WHY_BYTES]);

void conf_doc_fini(struct conf_doc *doc);
