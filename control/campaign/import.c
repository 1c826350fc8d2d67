/* import.c - from a CSV file to a recipient table.
 *
 *	rows_next() -> wrong? -> rejected file
 *	            -> seen before? -> rejected file, as a duplicate
 *	            -> `rows` on disk + an index entry in memory -> sorted -> `table`
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/import.h"
#include "control/campaign/table_file.h"
#include "control/xalloc.h"

enum {
	BLOB_BUF_BYTES = 1 << 20,
	VALUE_BYTES_MAX = 16384,
	REJECTED_ROW_MAX = 1000, /* of a row's text in the rejected file */
	CANCEL_ROWS = 1024,      /* rows between two looks at `cancel` */
};

/* ---- the rejected file ---- */

static void put_quoted(FILE *f, struct span s)
{
	fputc('"', f);
	for (size_t i = 0; i < s.bytes && i < REJECTED_ROW_MAX; i++) {
		if (s.at[i] == '"')
			fputc('"', f);
		fputc(s.at[i] == '\0' ? ' ' : s.at[i], f);
	}
	fputs(s.bytes > REJECTED_ROW_MAX ? "...\"" : "\"", f);
}

static void list_row(struct import *im, const char *reason)
{
	fprintf(im->rejected, "%llu,", (unsigned long long)im->row.line);
	put_quoted(im->rejected, span_str(reason));
	fputc(',', im->rejected);
	put_quoted(im->rejected, im->row.raw);
	fputc('\n', im->rejected);
}

static void reject(struct import *im, const char *reason)
{
	im->result->rejected++;
	list_row(im, reason);
}

/* ---- the rows file ---- */

static int blob_flush(struct import *im)
{
	int result = write_all(im->blob_fd, im->buf, im->buf_bytes);

	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	im->blob_crc = table_crc(im->blob_crc, im->buf, im->buf_bytes);
	im->blob_flushed += im->buf_bytes;
	im->buf_bytes = 0;
	return 0;
}

static void blob_put(struct import *im, struct span value)
{
	im->buf[im->buf_bytes++] = (uint8_t)(value.bytes >> 8);
	im->buf[im->buf_bytes++] = (uint8_t)value.bytes;
	memcpy(im->buf + im->buf_bytes, value.at, value.bytes);
	im->buf_bytes += value.bytes;
}

/* The address of a row written before; false when it cannot be read back. */
static bool blob_address(struct import *im, uint64_t at, uint8_t room[2 + DP_ADDRESS_MAX],
                         struct span *address)
{
	struct span s;
	uint16_t bytes;

	if (at >= im->blob_flushed) {
		s = span_of(im->buf + (at - im->blob_flushed),
		            im->buf_bytes - (size_t)(at - im->blob_flushed));
	} else {
		ssize_t n = pread(im->blob_fd, room, 2 + DP_ADDRESS_MAX, (off_t)at);

		s = span_of(room, n > 0 ? (size_t)n : 0);
	}
	return span_take_u16(&s, &bytes) && span_take(&s, bytes, address);
}

/* ---- one row ---- */

/* The address that counts as the same: case of the local part differs by typing, not by mailbox,
 * nearly everywhere; the wire keeps it as it was written (RFC 5321 2.4).
 */
static struct span folded(const struct address *a, char out[DP_ADDRESS_MAX])
{
	for (size_t i = 0; i < a->bytes; i++)
		out[i] =
		    a->text[i] >= 'A' && a->text[i] <= 'Z' ? (char)(a->text[i] + 32) : a->text[i];
	return span_of(out, a->bytes);
}

/* Returns the line where the address stood before, 0 for none, -errno. */
static int64_t find_duplicate(struct import *im, struct span key, uint64_t hash)
{
	const struct index_entry *e;
	uint32_t step = 0;

	while ((e = index_next(&im->index, hash, &step)) != NULL) {
		uint8_t room[2 + DP_ADDRESS_MAX];
		struct span before;

		if (!blob_address(im, e->at, room, &before))
			return -EIO;
		if (before.bytes == key.bytes &&
		    strncasecmp((const char *)before.at, (const char *)key.at, key.bytes) == 0)
			return e->line;
	}
	return 0;
}

static const char *check_row(const struct import *im, struct address *address, char *room,
                             size_t room_bytes)
{
	const struct row *row = &im->row;

	if (row->wrong != NULL)
		return row->wrong;
	if (row->n_fields != im->n_columns) {
		snprintf(room, room_bytes, "%u fields, the header has %u", row->n_fields,
		         im->n_columns);
		return room;
	}
	for (uint32_t i = 0; i < row->n_fields; i++)
		if (row->fields[i].bytes > VALUE_BYTES_MAX) {
			snprintf(room, room_bytes, "the value of \"%.*s\" is longer than %d bytes",
			         (int)im->columns[i].bytes, (const char *)im->columns[i].at,
			         VALUE_BYTES_MAX);
			return room;
		}
	return address_parse(row->fields[im->address_column], address);
}

static int take_row(struct import *im)
{
	char room[160], key_room[DP_ADDRESS_MAX];
	struct address address;
	const char *wrong = check_row(im, &address, room, sizeof(room));
	struct span key, domain;
	int64_t before;
	uint64_t hash;
	int result;

	if (wrong != NULL) {
		reject(im, wrong);
		return 0;
	}
	key = folded(&address, key_room);
	hash = index_hash(&im->index, key);
	before = find_duplicate(im, key, hash);
	if (before < 0)
		return import_fail(im, (int)before, im->conf->dir);
	if (before > 0) {
		im->result->duplicates++;
		snprintf(room, sizeof(room), "duplicate of line %lld", (long long)before);
		list_row(im, room);
		return 0;
	}
	/* A row's fields together are never more than the row, plus two bytes of length each. */
	if (im->buf_bytes + ROWS_BYTES_MAX + DP_ADDRESS_MAX + 2 * (1 + ROWS_FIELDS_MAX) >
	    BLOB_BUF_BYTES) {
		if ((result = blob_flush(im)) != 0)
			return result;
	}
	domain = im->to_test.bytes > 0 ? span_of(im->to_test.domain, im->to_test.domain_bytes)
	                               : span_of(address.domain, address.domain_bytes);
	if (!index_add(&im->index, hash, im->blob_flushed + im->buf_bytes, (uint32_t)im->row.line,
	               domain))
		return import_refuse(im, im->row.line, "more rows than a table can hold");
	blob_put(im, span_of(address.text, address.bytes));
	for (uint32_t i = 0; i < im->n_columns; i++)
		blob_put(im, im->row.fields[i]);
	im->result->recipients++;
	return 0;
}

static int take_rows(struct import *im)
{
	const struct table_import_conf *conf = im->conf;
	int got, result;
	bool tells;

	while (conf->limit == 0 || im->result->recipients < conf->limit) {
		got = rows_next(im->rows, &im->row);
		if (got < 0)
			return import_fail(im, got, conf->csv_path);
		if (got == 0)
			break;
		if (im->row.line > UINT32_MAX)
			return import_refuse(im, 0, "more lines than a table can hold");
		im->result->rows++;
		if ((result = take_row(im)) != 0)
			return result;
		if (conf->progress_rows != NULL)
			atomic_store_explicit(conf->progress_rows, im->result->rows,
			                      memory_order_relaxed);
		if (conf->cancel != NULL && im->result->rows % CANCEL_ROWS == 0 &&
		    atomic_load(conf->cancel)) {
			snprintf(im->why, TABLE_WHY_BYTES, "%s: import cancelled", conf->csv_path);
			return -ECANCELED;
		}
	}
	tells = im->result->rejected > 0 && conf->rejected_final != NULL;
	if (im->result->recipients == 0)
		return import_refuse(
		    im, 0, "no recipient in it (rows=%llu rejected=%llu)%s%s",
		    (unsigned long long)im->result->rows, (unsigned long long)im->result->rejected,
		    tells ? "; reasons in " : "", tells ? conf->rejected_final : "");
	return 0;
}

/* ---- the table file ---- */

static_assert(sizeof(struct index_domain) == sizeof(struct table_file_domain) &&
                  offsetof(struct index_domain, first_row) ==
                      offsetof(struct table_file_domain, first_row),
              "sorted domains go to the file as they are");

static int write_table(struct import *im)
{
	struct index *ix = &im->index;
	uint64_t *offsets = index_sort(ix);
	struct table_head head = { .n_rows = ix->n_entries,
		                   .n_domains = ix->n_domains,
		                   .n_columns = im->n_columns,
		                   .rows_bytes = im->blob_flushed,
		                   .rows_crc = im->blob_crc,
		                   .to_test_bytes = (uint32_t)im->to_test.bytes };
	struct table_file_column columns[TPL_COLUMNS_MAX];
	uint32_t names_at = ix->names_bytes;
	struct span sections[7];
	char path[4096];
	int fd, result = 0;

	for (uint32_t i = 0; i < im->n_columns; i++) {
		columns[i].name_at = names_at;
		columns[i].name_bytes = (uint32_t)im->columns[i].bytes;
		names_at += columns[i].name_bytes;
	}
	head.to_test_at = names_at;
	head.names_bytes = (uint64_t)names_at + im->to_test.bytes;
	memcpy(head.magic, table_magic, sizeof(head.magic));
	sections[0] = span_of(&head, sizeof(head));
	sections[1] = span_of(offsets, ix->n_entries * sizeof(*offsets));
	sections[2] = span_of(ix->domains, ix->n_domains * sizeof(*ix->domains));
	sections[3] = span_of(columns, im->n_columns * sizeof(*columns));
	sections[4] = span_of(ix->names, ix->names_bytes);
	sections[5] = span_of(im->names, names_at - ix->names_bytes);
	sections[6] = span_of(im->to_test.text, im->to_test.bytes);
	for (unsigned i = 0; i < 7; i++)
		head.crc = table_crc(head.crc, sections[i].at, sections[i].bytes);

	snprintf(path, sizeof(path), "%s/%s", im->conf->dir, TABLE_FILE_TABLE);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		result = -errno;
	for (unsigned i = 0; i < 7 && result == 0; i++)
		result = write_all(fd, sections[i].at, sections[i].bytes);
	if (result == 0 && fsync(fd) != 0)
		result = -errno;
	if (fd >= 0)
		close(fd);
	free(offsets);
	return result == 0 ? 0 : import_fail(im, result, path);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int open_all(struct import *im)
{
	const struct table_import_conf *conf = im->conf;
	char path[4096];
	const char *wrong;
	int result;

	if (conf->to_test != NULL &&
	    (wrong = address_parse(span_str(conf->to_test), &im->to_test)) != NULL) {
		snprintf(im->why, TABLE_WHY_BYTES, "--to-test %s: %s", conf->to_test, wrong);
		return -EINVAL;
	}
	if ((result = rows_open(conf->csv_path, &im->rows)) != 0)
		return import_fail(im, result, conf->csv_path);
	if ((result = import_read_header(im)) != 0)
		return result;
	if (conf->rejected_final != NULL && is_same_file(conf->csv_path, conf->rejected_final)) {
		snprintf(im->why, TABLE_WHY_BYTES,
		         "%s: is the recipient list itself; list rejected rows in another file",
		         conf->rejected_final);
		return -EINVAL;
	}
	im->rejected = fopen(conf->rejected_path, "we");
	if (im->rejected == NULL)
		return import_fail(im, -errno, conf->rejected_path);
	fputs("line,reason,row\n", im->rejected);
	snprintf(path, sizeof(path), "%s/%s", conf->dir, TABLE_FILE_ROWS);
	im->blob_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return im->blob_fd >= 0 ? 0 : import_fail(im, -errno, path);
}

static int close_rejected(struct import *im)
{
	bool bad = ferror(im->rejected) != 0;

	bad = fclose(im->rejected) != 0 || bad;
	im->rejected = NULL;
	return bad ? import_fail(im, -EIO, im->conf->rejected_path) : 0;
}

int table_import(const struct table_import_conf *conf, struct table_import_result *result,
                 char why[TABLE_WHY_BYTES])
{
	struct import *im = xcalloc(1, sizeof(*im));
	int status;

	memset(result, 0, sizeof(*result));
	im->conf = conf;
	im->result = result;
	im->why = why;
	im->blob_fd = -1;
	im->buf = xcalloc(BLOB_BUF_BYTES, 1);
	index_init(&im->index);

	if ((status = open_all(im)) != 0 || (status = take_rows(im)) != 0 ||
	    (status = blob_flush(im)) != 0 || (status = close_rejected(im)) != 0)
		goto out;
	if (fsync(im->blob_fd) != 0)
		status = import_fail(im, -errno, conf->dir);
	else if ((status = write_table(im)) == 0 && (status = dir_sync(conf->dir)) != 0)
		import_fail(im, status, conf->dir);
out:
	if (im->rejected != NULL)
		fclose(im->rejected);
	if (im->blob_fd >= 0)
		close(im->blob_fd);
	if (im->rows != NULL)
		rows_close(im->rows);
	index_fini(&im->index);
	free(im->names);
	free(im->buf);
	free(im);
	return status;
}
