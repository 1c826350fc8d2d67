/* import.c - from a recipient list to a table.
 *
 *	rows_next() -> wrong? -> rejected file
 *	            -> seen before? -> rejected file, as a duplicate
 *	            -> `rows` on disk + an index entry -> sorted -> `table`
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/import.h"
#include "control/campaign/table_file.h"
#include "control/xalloc.h"

enum {
	BLOB_BUF_BYTES = 2 << 20,
	REJECTED_ROW_MAX = 1000, /* of a row's text in the rejected file */
	CANCEL_ROWS = 1024,      /* rows between two looks at `cancel` */
};

static_assert(IMPORT_RECORD_BYTES_MAX < (int)BLOB_BUF_BYTES, "a record fits its buffer");

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

int import_flush(struct import *im)
{
	int result = write_all(im->blob_fd, im->blob.at, im->blob.bytes);

	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	im->blob_crc = table_crc(im->blob_crc, im->blob.at, im->blob.bytes);
	im->blob_flushed += im->blob.bytes;
	im->blob.bytes = 0;
	return 0;
}

/* The address of a row written before; false when it cannot be read back. */
static bool blob_address(struct import *im, uint64_t at, uint8_t room[2 + DP_ADDRESS_MAX],
                         struct span *address)
{
	struct span s;

	if (at >= im->blob_flushed) {
		s = span_of(im->blob.at + (at - im->blob_flushed),
		            im->blob.bytes - (size_t)(at - im->blob_flushed));
	} else {
		ssize_t n = pread(im->blob_fd, room, 2 + DP_ADDRESS_MAX, (off_t)at);

		s = span_of(room, n > 0 ? (size_t)n : 0);
	}
	return table_take_address(&s, address);
}

/* ---- one row ---- */

/* Returns the line where the address stood before, 0 for none, -errno. */
static int64_t find_duplicate(struct import *im, struct span key, uint64_t hash)
{
	struct index_entry e;
	uint32_t step = 0;
	int got;

	while ((got = index_next(&im->index, hash, &step, &e)) == 1) {
		uint8_t room[2 + DP_ADDRESS_MAX];
		char folded[ADDRESS_FOLDED_BYTES];
		struct span before;

		if (!blob_address(im, e.at, room, &before))
			return -EIO;
		if (span_eq(address_fold(before, folded), key))
			return e.line;
	}
	return got;
}

/* Takes the row whose record of `bytes` stands behind the blob. */
static int keep_row(struct import *im, const struct address *address, uint64_t hash, size_t bytes)
{
	struct span domain = im->to_test.bytes > 0
	                         ? span_of(im->to_test.domain, im->to_test.domain_bytes)
	                         : span_of(address->domain, address->domain_bytes);
	int result = index_add(&im->index, hash, im->blob_flushed + im->blob.bytes,
	                       (uint32_t)im->row.line, domain);

	if (result == -E2BIG)
		return import_refuse(im, im->row.line, "more rows than a table can hold");
	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	im->blob.bytes += bytes;
	im->result->recipients++;
	return 0;
}

static int take_row(struct import *im)
{
	char reason[IMPORT_REASON_BYTES], folded[ADDRESS_FOLDED_BYTES];
	struct address address;
	int64_t before;
	struct span key;
	uint64_t hash;
	size_t bytes;
	int result;

	if (im->blob.bytes + IMPORT_RECORD_BYTES_MAX > BLOB_BUF_BYTES &&
	    (result = import_flush(im)) != 0)
		return result;
	bytes = import_read_row(im, &address, reason);
	if (bytes == 0) {
		reject(im, reason);
		return 0;
	}
	key = address_fold(span_of(address.text, address.bytes), folded);
	hash = index_hash(&im->index, key);
	before = find_duplicate(im, key, hash);
	if (before < 0)
		return import_fail(im, (int)before, im->conf->dir);
	if (before == 0)
		return keep_row(im, &address, hash, bytes);
	im->result->duplicates++;
	snprintf(reason, sizeof(reason), "duplicate of line %lld", (long long)before);
	list_row(im, reason);
	return 0;
}

static void tell(const struct import *im)
{
	struct table_progress *p = im->conf->progress;

	if (p == NULL)
		return;
	atomic_store_explicit(&p->rows, im->result->rows, memory_order_relaxed);
	atomic_store_explicit(&p->bytes, rows_at(im->rows), memory_order_relaxed);
}

int import_cancelled(struct import *im)
{
	snprintf(im->why, TABLE_WHY_BYTES, "%s: import cancelled", im->conf->csv_path);
	return -ECANCELED;
}

static int take_rows(struct import *im)
{
	const struct table_import_conf *conf = im->conf;
	bool tells;

	while (conf->limit == 0 || im->result->recipients < conf->limit) {
		int got = rows_next(im->rows, &im->row), result;

		if (got < 0)
			return import_fail(im, got, conf->csv_path);
		if (got == 0)
			break;
		if (im->row.line > UINT32_MAX)
			return import_refuse(im, 0, "more lines than a table can hold");
		im->result->rows++;
		if ((result = take_row(im)) != 0)
			return result;
		if (rows_at(im->rows) >= im->checkpoint_at && (result = checkpoint_make(im)) != 0)
			return result;
		if (im->result->rows % CANCEL_ROWS != 0)
			continue;
		tell(im);
		if (conf->cancel == NULL || !atomic_load(conf->cancel))
			continue;
		/* So short an import is no loss that it had none yet. */
		result = im->result->checkpoint_rows > 0 ? checkpoint_make(im) : 0;
		return result != 0 ? result : import_cancelled(im);
	}
	tell(im);
	tells = im->result->rejected > 0 && conf->rejected_final != NULL;
	if (im->result->recipients == 0)
		return import_refuse(
		    im, 0, "no recipient in it (rows=%llu rejected=%llu)%s%s",
		    (unsigned long long)im->result->rows, (unsigned long long)im->result->rejected,
		    tells ? "; reasons in " : "", tells ? conf->rejected_final : "");
	return import_check_types(im);
}

/* ---- all of it ---- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int open_list(struct import *im)
{
	const struct table_import_conf *conf = im->conf;
	const char *wrong;
	int result;

	if (conf->to_test != NULL &&
	    (wrong = address_parse(span_str(conf->to_test), &im->to_test)) != NULL) {
		snprintf(im->why, TABLE_WHY_BYTES, "--to-test %s: %s", conf->to_test, wrong);
		return -EINVAL;
	}
	if (conf->types != NULL && (wrong = types_check(span_str(conf->types))) != NULL) {
		snprintf(im->why, TABLE_WHY_BYTES, "--types %s: %s", conf->types, wrong);
		return -EINVAL;
	}
	if ((result = rows_open(conf->csv_path, &im->rows)) != 0)
		return import_fail(im, result, conf->csv_path);
	if (conf->progress != NULL)
		atomic_store(&conf->progress->bytes_total, rows_bytes(im->rows));
	if (rows_is_utf16(im->rows))
		return import_refuse(im, 0, "is UTF-16; save it as UTF-8");
	im->address_column = UINT32_MAX;
	return rows_is_jsonl(im->rows) ? 0 : import_read_header(im);
}

/* New, or as an earlier import left it. */
static int open_parts(struct import *im, bool resume)
{
	const struct table_import_conf *conf = im->conf;
	char path[4096];
	int result;

	if (!resume)
		checkpoint_del(conf->dir);
	im->rejected = fopen(conf->rejected_path, resume ? "a+e" : "we");
	if (im->rejected == NULL)
		return import_fail(im, -errno, conf->rejected_path);
	if ((result = index_init(&im->index, conf->dir, resume)) != 0)
		return import_fail(im, result, conf->dir);
	snprintf(path, sizeof(path), "%s/%s", conf->dir, TABLE_FILE_ROWS);
	im->blob_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0600);
	if (im->blob_fd < 0)
		return import_fail(im, -errno, path);
	im->checkpoint_at = conf->checkpoint_bytes == 0 ? UINT64_MAX : conf->checkpoint_bytes;
	if (resume)
		return checkpoint_take(im);
	fputs("line,reason,row\n", im->rejected);
	return 0;
}

static int open_all(struct import *im, bool resume)
{
	const struct table_import_conf *conf = im->conf;
	int result = open_list(im);

	if (result != 0)
		return result;
	if (conf->rejected_final != NULL && is_same_file(conf->csv_path, conf->rejected_final)) {
		snprintf(im->why, TABLE_WHY_BYTES,
		         "%s: is the recipient list itself; list rejected rows in another file",
		         conf->rejected_final);
		return -EINVAL;
	}
	return open_parts(im, resume);
}

static int close_rejected(struct import *im)
{
	bool bad = ferror(im->rejected) != 0;

	bad = fclose(im->rejected) != 0 || bad;
	im->rejected = NULL;
	return bad ? import_fail(im, -EIO, im->conf->rejected_path) : 0;
}

static int finish(struct import *im)
{
	int result = import_flush(im);

	if (result != 0 || (result = close_rejected(im)) != 0)
		return result;
	if (fsync(im->blob_fd) != 0)
		return import_fail(im, -errno, im->conf->dir);
	if ((result = import_write_table(im)) != 0)
		return result;
	checkpoint_del(im->conf->dir);
	result = dir_sync(im->conf->dir);
	return result == 0 ? 0 : import_fail(im, result, im->conf->dir);
}

static int import_once(const struct table_import_conf *conf, bool resume,
                       struct table_import_result *result, char why[TABLE_WHY_BYTES])
{
	struct import *im = xcalloc(1, sizeof(*im));
	int status;

	memset(result, 0, sizeof(*result));
	im->conf = conf;
	im->result = result;
	im->why = why;
	im->blob_fd = im->index.fd = -1;
	im->blob = (struct cell_out){ .at = xcalloc(BLOB_BUF_BYTES, 1), .max = BLOB_BUF_BYTES };

	if ((status = open_all(im, resume)) == 0 && (status = take_rows(im)) == 0)
		status = finish(im);
	if (im->rejected != NULL)
		fclose(im->rejected);
	if (im->blob_fd >= 0)
		close(im->blob_fd);
	if (im->rows != NULL)
		rows_close(im->rows);
	index_fini(&im->index);
	import_free_columns(im);
	free(im->blob.at);
	free(im);
	return status;
}

int table_import(const struct table_import_conf *conf, struct table_import_result *result,
                 char why[TABLE_WHY_BYTES])
{
	bool resume = conf->checkpoint_bytes > 0 && table_has_checkpoint(conf->dir);
	int status = import_once(conf, resume, result, why);

	if (status == -ESTALE) {
		const char *anew = result->anew;

		status = import_once(conf, false, result, why);
		result->anew = anew;
	}
	return status;
}
