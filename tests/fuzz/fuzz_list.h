/* fuzz_list.h - any bytes as a recipient list: rows are accounted for, and what was imported opens.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/table.h"

static struct tpl_member nodes[1 << 16];
static char dir[] = "/dev/shm/posthaste-fuzz-list-XXXXXX";

static inline void clean(void)
{
	dir_del(dir);
}

static inline void import(const char *csv, const char *types, char delimiter)
{
	char rejected[64], path[64], why[TABLE_WHY_BYTES] = "";
	struct table_import_conf conf = { .csv_path = csv,
		                          .address_column = "email",
		                          .types = types,
		                          .delimiter = delimiter,
		                          .dir = dir,
		                          .rejected_path = rejected };
	struct table_import_result result;
	struct table *table;

	snprintf(rejected, sizeof(rejected), "%s/rejected", dir);
	if (table_import(&conf, &result, why) == 0) {
		struct table_row row;

		if (result.rows != result.recipients + result.rejected + result.duplicates)
			abort();
		if (table_open(dir, &table, why) != 0 || table_n_rows(table) != result.recipients)
			abort();
		for (uint32_t i = 0; i < table_n_rows(table); i++) {
			struct cell_room room = { .at = (uint8_t *)nodes, .max = sizeof(nodes) };

			if (!table_row(table, i, &room, &row))
				abort(); /* the input is too short for so many values */
			if (memchr(row.address.at, '@', row.address.bytes) == NULL)
				abort();
		}
		table_close(table);
	} else if (why[0] == '\0' || strlen(why) >= TABLE_WHY_BYTES) {
		abort();
	}
	snprintf(path, sizeof(path), "%s/rows", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/table", dir);
	unlink(path);
}

static inline void fuzz_list(const uint8_t *data, size_t bytes, const char *types, char delimiter)
{
	static bool made;
	char csv[32];
	int fd = memfd_create("list.csv", MFD_CLOEXEC);

	if (!made && (mkdtemp(dir) == NULL || atexit(clean) != 0))
		abort();
	made = true;
	if (fd < 0 || write_all(fd, data, bytes) != 0)
		abort();
	snprintf(csv, sizeof(csv), "/proc/self/fd/%d", fd);
	import(csv, types, delimiter);
	close(fd);
}
