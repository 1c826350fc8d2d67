/* table_write.c - the file `table` of what was imported: head, offsets, domains, columns, names. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/import.h"
#include "control/campaign/table_file.h"
#include "control/xalloc.h"

enum {
	WRITE_ROWS = 1 << 23, /* offsets put in order at once: 64 MiB; more take more turns */
	WRITE_DOMAINS = 1 << 12,
};

struct writing {
	int fd, result;
	uint32_t crc;
};

static void put(struct writing *w, const void *data, size_t bytes)
{
	w->crc = table_crc(w->crc, data, bytes);
	if (w->result == 0)
		w->result = write_all(w->fd, data, bytes);
}

/* The index forgets nothing: each turn goes through all its entries. */
static void put_offsets(struct writing *w, struct index *ix)
{
	uint32_t most = ix->n_entries < WRITE_ROWS ? ix->n_entries : WRITE_ROWS;
	uint64_t *at = xcalloc(most, sizeof(*at));

	for (uint32_t first = 0; first < ix->n_entries && w->result == 0; first += most) {
		uint32_t n = ix->n_entries - first < most ? ix->n_entries - first : most;

		w->result = index_rows(ix, first, n, at);
		put(w, at, n * sizeof(*at));
	}
	free(at);
}

static void put_domains(struct writing *w, const struct index *ix)
{
	struct table_file_domain out[WRITE_DOMAINS];
	uint32_t n = 0, first_row = 0;

	for (uint32_t i = 0; i < ix->n_domains; i++) {
		uint32_t domain = ix->order[i];
		struct span name = index_domain_name(ix, domain);

		out[n++] = (struct table_file_domain){ .name_at = (uint32_t)(name.at - ix->names),
			                               .name_bytes = (uint32_t)name.bytes,
			                               .first_row = first_row,
			                               .n_rows = ix->n_rows[domain] };
		first_row += ix->n_rows[domain];
		if (n == WRITE_DOMAINS || i + 1 == ix->n_domains) {
			put(w, out, n * sizeof(*out));
			n = 0;
		}
	}
}

/* Names stand behind those of the domains. */
static void put_columns(struct writing *w, const struct import *im)
{
	uint32_t at = im->index.names_bytes;

	for (uint32_t i = 0; i < im->n_columns; i++) {
		const struct import_column *c = &im->columns[i];
		struct table_file_column column = { .name_at = at,
			                            .name_bytes = (uint32_t)c->name.bytes,
			                            .has_parts = c->has_parts };

		put(w, &column, sizeof(column));
		at += column.name_bytes;
	}
}

static void put_all(struct writing *w, struct import *im)
{
	struct index *ix = &im->index;
	struct table_head head = { .n_rows = ix->n_entries,
		                   .n_domains = ix->n_domains,
		                   .n_columns = im->n_columns,
		                   .rows_bytes = im->blob_flushed,
		                   .rows_crc = im->blob_crc,
		                   .to_test_at = ix->names_bytes,
		                   .to_test_bytes = (uint32_t)im->to_test.bytes };

	for (uint32_t i = 0; i < im->n_columns; i++)
		head.to_test_at += (uint32_t)im->columns[i].name.bytes;
	head.names_bytes = (uint64_t)head.to_test_at + im->to_test.bytes;
	memcpy(head.magic, table_magic, sizeof(head.magic));
	put(w, &head, sizeof(head));
	put_offsets(w, ix);
	put_domains(w, ix);
	put_columns(w, im);
	put(w, ix->names, ix->names_bytes);
	for (uint32_t i = 0; i < im->n_columns; i++)
		put(w, im->columns[i].name.at, im->columns[i].name.bytes);
	put(w, im->to_test.text, im->to_test.bytes);
	head.crc = w->crc; /* of all of it, while this was zero */
	if (w->result == 0 && pwrite(w->fd, &head, sizeof(head), 0) != sizeof(head))
		w->result = -EIO;
}

int import_write_table(struct import *im)
{
	struct writing w = { .result = index_sort(&im->index) };
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", im->conf->dir, TABLE_FILE_TABLE);
	w.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w.fd < 0)
		w.result = -errno;
	if (w.result == 0)
		put_all(&w, im);
	if (w.result == 0 && fsync(w.fd) != 0)
		w.result = -errno;
	if (w.fd >= 0)
		close(w.fd);
	return w.result == 0 ? 0 : import_fail(im, w.result, path);
}
