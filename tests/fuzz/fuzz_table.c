/* fuzz_table.c - any bytes as the two files of a table: refused, or every row can be read.
 *
 * Input: length of `rows` (16 bits), its bytes, then those of `table`. Checksums are put right, so
 * that what lies behind them is reached.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/table.h"
#include "control/campaign/table_file.h"

static struct tpl_member nodes[4096];
static char dir[] = "/dev/shm/posthaste-fuzz-table-XXXXXX";

static void clean(void)
{
	dir_del(dir);
}

static void put(const char *name, const void *data, size_t bytes)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	if (file_make(path, data, bytes) != 0)
		abort();
}

static unsigned touch(const struct tpl_value *v)
{
	unsigned sum = v->kind;

	for (uint32_t i = 0; i < v->n; i++)
		if (v->kind == TPL_STRING)
			sum += (uint8_t)v->text[i];
		else if (v->kind == TPL_ARRAY)
			sum += touch(&v->items[i]);
		else if (v->kind == TPL_OBJECT)
			sum += touch(&v->members[i].value) + (unsigned)v->members[i].name.bytes;
	return sum;
}

static void read_all(const struct table *t)
{
	volatile uint8_t last = 0;

	for (uint32_t i = 0; i < table_n_rows(t); i++) {
		struct table_domain d = table_domain(t, table_domain_of(t, i));
		struct cell_room room = { .at = (uint8_t *)nodes, .max = sizeof(nodes) };
		struct table_row row;

		if (i < d.first_row || i - d.first_row >= d.n_rows)
			abort();
		if (!table_row(t, i, &room, &row))
			continue; /* its values are many */
		last = row.address.at[row.address.bytes - 1];
		for (uint32_t v = 0; v < table_columns(t)->n; v++)
			last = (uint8_t)touch(&row.values[v]);
		last = d.name.at[d.name.bytes - 1];
	}
	(void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char why[TABLE_WHY_BYTES] = "";
	static bool made;
	struct table *t;
	size_t rows_bytes, table_bytes;
	uint8_t *file;

	if (!made && (mkdtemp(dir) == NULL || atexit(clean) != 0))
		abort();
	made = true;
	if (bytes < 2)
		return 0;
	rows_bytes = (size_t)data[0] << 8 | data[1];
	if (rows_bytes > bytes - 2)
		rows_bytes = bytes - 2;
	table_bytes = bytes - 2 - rows_bytes;
	file = malloc(table_bytes + 1);
	if (file == NULL)
		return 0;
	memcpy(file, data + 2 + rows_bytes, table_bytes);
	if (table_bytes >= sizeof(struct table_head)) {
		struct table_head head;

		memcpy(&head, file, sizeof(head));
		head.rows_crc = table_crc(0, data + 2, rows_bytes);
		head.crc = 0;
		memcpy(file, &head, sizeof(head));
		head.crc = table_crc(0, file, table_bytes);
		memcpy(file, &head, sizeof(head));
	}
	put(TABLE_FILE_ROWS, data + 2, rows_bytes);
	put(TABLE_FILE_TABLE, file, table_bytes);
	free(file);
	if (table_open(dir, &t, why) == 0) {
		read_all(t);
		table_close(t);
	} else if (why[0] == '\0') {
		abort();
	}
	return 0;
}
