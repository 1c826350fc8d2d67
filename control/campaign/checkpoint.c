/* checkpoint.c - points from which an import goes on that was killed, cancelled or cut off.
 *
 *	rows, entries, rejected: written, synced -> `checkpoint.new`: how long they are
 *	-> renamed to `checkpoint`
 *
 * What stands behind those lengths is dropped when the import goes on; what stands before them was
 * durable before the checkpoint was. It holds for the same list, read the same way; of the template
 * and of all else that a campaign is, rows do not depend.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/import.h"
#include "control/campaign/table_file.h"
#include "control/xalloc.h"

enum {
	VERSION = 1, /* another one whenever records or entries become others */
	IDENTITY_BYTES = 1 << 16,
	CHECKPOINT_BYTES_MAX = 1 << 17, /* 256 columns, 64 bytes each, escaped six times as long */
};

static const char file_name[] = "checkpoint";

static void path_of(const char *dir, const char *suffix, char path[4096])
{
	snprintf(path, 4096, "%s/%s%s", dir, file_name, suffix);
}

bool table_has_checkpoint(const char *dir)
{
	char path[4096];

	path_of(dir, "", path);
	return access(path, F_OK) == 0;
}

void checkpoint_del(const char *dir)
{
	char path[4096];

	path_of(dir, "", path);
	(void)unlink(path);
	path_of(dir, ".new", path);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/" INDEX_FILE, dir);
	(void)unlink(path);
}

/* ---- what it holds for ---- */

/* Continues the checksum of a file by the bytes [from, to). Returns 0 or -errno. */
static int crc_between(int fd, uint64_t from, uint64_t to, uint32_t *crc)
{
	uint8_t block[4096];

	while (from < to) {
		size_t want = to - from < sizeof(block) ? (size_t)(to - from) : sizeof(block);
		ssize_t n = pread(fd, block, want, (off_t)from);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		*crc = table_crc(*crc, block, (size_t)n);
		from += (uint64_t)n;
	}
	return 0;
}

/* The list: which file, how long and how old it is, the ends of what was read of it. NULL when it
 * cannot be looked at.
 */
static json_t *list_of(const struct import *im, uint64_t read)
{
	int fd = rows_fd(im->rows);
	uint64_t head = read < IDENTITY_BYTES ? read : IDENTITY_BYTES;
	uint32_t crc = 0;
	struct stat st;

	if (fstat(fd, &st) != 0 || crc_between(fd, 0, head, &crc) != 0 ||
	    crc_between(fd, read - head, read, &crc) != 0)
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "device", (json_int_t)st.st_dev, "inode",
	                 (json_int_t)st.st_ino, "bytes", (json_int_t)st.st_size, "changed_s",
	                 (json_int_t)st.st_mtim.tv_sec, "changed_ns",
	                 (json_int_t)st.st_mtim.tv_nsec, "crc", (json_int_t)crc);
}

/* How it is read. NULL when that cannot be written down: then there is no checkpoint. */
static json_t *options_of(const struct import *im)
{
	const struct table_import_conf *conf = im->conf;

	return json_pack("{s:s, s:s?, s:i, s:I, s:s?}", "address_column", conf->address_column,
	                 "types", conf->types, "delimiter", conf->delimiter, "limit",
	                 (json_int_t)conf->limit, "to_test", conf->to_test);
}

/* ---- making one ---- */

static json_t *columns_of(const struct import *im)
{
	json_t *columns = xcheck(json_array());

	for (uint32_t i = 0; i < im->n_columns; i++) {
		const struct import_column *c = &im->columns[i];

		json_array_append_new(columns, json_pack("[s%, b]", (const char *)c->name.at,
		                                         c->name.bytes, (int)c->has_parts));
	}
	return columns;
}

/* Everything that the import is at this moment and that is not in its files; NULL: not to be had.
 */
static json_t *describe(const struct import *im, uint64_t rejected_bytes)
{
	const struct table_import_result *r = im->result;
	struct rows_place place = rows_place(im->rows);
	json_t *list = list_of(im, place.offset), *options = options_of(im);

	if (list == NULL || options == NULL) {
		json_decref(list);
		json_decref(options);
		return NULL;
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	                 "version", VERSION, "list", list, "options", options, "columns",
	                 columns_of(im), "offset", (json_int_t)place.offset, "line",
	                 (json_int_t)place.line, "skip", (int)place.skip, "rows",
	                 (json_int_t)r->rows, "recipients", (json_int_t)r->recipients, "rejected",
	                 (json_int_t)r->rejected, "duplicates", (json_int_t)r->duplicates,
	                 "rows_bytes", (json_int_t)im->blob_flushed, "rows_crc",
	                 (json_int_t)im->blob_crc, "rejected_bytes", (json_int_t)rejected_bytes);
}

static int sync_rejected(struct import *im, uint64_t *bytes)
{
	off_t at;

	if (fflush(im->rejected) != 0 || (at = ftello(im->rejected)) < 0 ||
	    fdatasync(fileno(im->rejected)) != 0)
		return -errno;
	*bytes = (uint64_t)at;
	return 0;
}

static int write_down(const struct import *im, const json_t *what)
{
	char path[4096], fresh[4096], *text = json_dumps(what, JSON_COMPACT);
	int result;

	if (text == NULL)
		return -EINVAL;
	path_of(im->conf->dir, "", path);
	path_of(im->conf->dir, ".new", fresh);
	(void)unlink(fresh);
	result = file_make(fresh, text, strlen(text));
	free(text);
	if (result == 0 && rename(fresh, path) != 0)
		result = -errno;
	return result == 0 ? dir_sync(im->conf->dir) : result;
}

int checkpoint_make(struct import *im)
{
	uint64_t rejected_bytes = 0;
	int result = import_flush(im);
	json_t *what;

	if (result != 0)
		return result;
	im->checkpoint_at = rows_at(im->rows) + im->conf->checkpoint_bytes;
	if (fdatasync(im->blob_fd) != 0)
		result = -errno;
	if (result == 0)
		result = index_sync(&im->index);
	if (result == 0)
		result = sync_rejected(im, &rejected_bytes);
	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	what = describe(im, rejected_bytes);
	if (what == NULL)
		return 0; /* the list will say itself what is wrong with it */
	result = write_down(im, what);
	json_decref(what);
	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	im->result->checkpoint_rows = im->result->rows;
	return 0;
}

/* ---- going on from one ---- */

static const char damaged[] = "what was left of it is damaged";

/* Records that are read again, for the index. */
struct again {
	struct import *im;
	uint64_t file_at; /* of what comes behind `have` */
	uint64_t rows_bytes;
	size_t have, at; /* in the blob's buffer */
	uint32_t crc;
	char folded[ADDRESS_FOLDED_BYTES];
};

/* Makes a whole record visible. Returns 0 or -errno. */
static int fill(struct again *a)
{
	struct import *im = a->im;
	uint8_t *buf = im->blob.at;

	if (a->file_at == a->rows_bytes || a->have - a->at >= IMPORT_RECORD_BYTES_MAX)
		return 0;
	if (im->conf->cancel != NULL && atomic_load(im->conf->cancel))
		return -ECANCELED;
	memmove(buf, buf + a->at, a->have - a->at);
	a->have -= a->at;
	a->at = 0;
	while (a->file_at < a->rows_bytes && a->have < im->blob.max) {
		uint64_t left = a->rows_bytes - a->file_at;
		size_t room = im->blob.max - a->have;
		ssize_t n = pread(im->blob_fd, buf + a->have, left < room ? (size_t)left : room,
		                  (off_t)a->file_at);

		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		a->crc = table_crc(a->crc, buf + a->have, (size_t)n);
		a->have += (size_t)n;
		a->file_at += (uint64_t)n;
	}
	return 0;
}

static int next_record(void *ctx, const struct index_entry *e, struct span *key,
                       struct span *domain)
{
	struct again *a = ctx;
	const struct address *test = &a->im->to_test;
	int result = fill(a);
	struct span s = span_of(a->im->blob.at + a->at, a->have - a->at), address;
	const uint8_t *sign;

	if (result != 0)
		return result;
	if (e->at != a->file_at - s.bytes || !table_take_record(&s, a->im->n_columns, &address))
		return -EBADMSG;
	a->at = a->have - s.bytes;
	*key = address_fold(address, a->folded);
	sign = memrchr(key->at, '@', key->bytes);
	if (sign == NULL)
		return -EBADMSG;
	*domain = test->bytes > 0 ? span_of(test->domain, test->domain_bytes)
	                          : span_of(sign + 1, (size_t)(key->at + key->bytes - sign - 1));
	return 0;
}

static uint64_t number(const json_t *what, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(what, name));
}

/* CSV has the columns of its header; JSONL those that were met. */
static bool take_columns(struct import *im, const json_t *columns)
{
	size_t n = json_array_size(columns);

	if (n > TPL_COLUMNS_MAX || (im->n_columns > 0 && im->n_columns != n))
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *column = json_array_get(columns, i);
		const json_t *name = json_array_get(column, 0);
		struct span s = span_of(json_string_value(name), json_string_length(name));

		if (i == im->n_columns && s.bytes > 0)
			import_add_column(im, s, json_is_true(json_array_get(column, 1)));
		if (i >= im->n_columns || !span_eq(im->columns[i].name, s))
			return false;
	}
	return true;
}

/* The files up to where they count, and what an import knows of them. Returns 0, -EBADMSG, -errno.
 */
static int take_files(struct import *im, const json_t *what)
{
	struct again a = { .im = im, .rows_bytes = number(what, "rows_bytes") };
	off_t rejected = (off_t)number(what, "rejected_bytes");
	int result =
	    index_restore(&im->index, (uint32_t)number(what, "recipients"), next_record, &a);
	struct stat st;

	if (result != 0)
		return result;
	if (a.file_at != a.rows_bytes || a.at != a.have || a.crc != number(what, "rows_crc"))
		return -EBADMSG;
	if (fstat(fileno(im->rejected), &st) != 0)
		return -errno;
	if (st.st_size < rejected)
		return -EBADMSG;
	if (ftruncate(im->blob_fd, (off_t)a.rows_bytes) != 0 ||
	    lseek(im->blob_fd, (off_t)a.rows_bytes, SEEK_SET) < 0 ||
	    ftruncate(fileno(im->rejected), rejected) != 0 ||
	    fseeko(im->rejected, rejected, SEEK_SET) != 0)
		return -errno;
	im->blob_flushed = a.rows_bytes;
	im->blob_crc = a.crc;
	return 0;
}

/* Why a checkpoint does not hold for this import; NULL: it does. */
static const char *find_difference(const struct import *im, const json_t *what)
{
	json_t *list = NULL, *options = options_of(im);
	const char *said = NULL;

	if (json_integer_value(json_object_get(what, "version")) != VERSION)
		said = "another version wrote what was left of it";
	else if (number(what, "offset") > rows_bytes(im->rows) ||
	         (list = list_of(im, number(what, "offset"))) == NULL ||
	         !json_equal(list, json_object_get(what, "list")))
		said = "the list is another one, or was changed";
	else if (!json_equal(options, json_object_get(what, "options")))
		said = "the list is read with other options";
	json_decref(list);
	json_decref(options);
	return said;
}

static int go_on(struct import *im, const json_t *what)
{
	struct table_import_result *r = im->result;
	int result;

	if ((r->anew = find_difference(im, what)) != NULL)
		return -ESTALE;
	r->checkpoint_rows = number(what, "rows");
	result =
	    take_columns(im, json_object_get(what, "columns")) ? take_files(im, what) : -EBADMSG;
	if (result == -EBADMSG) {
		r->anew = damaged;
		return -ESTALE;
	}
	if (result == -ECANCELED)
		return import_cancelled(im);
	if (result != 0)
		return import_fail(im, result, im->conf->dir);
	r->rows = r->resumed_rows = r->checkpoint_rows;
	r->recipients = number(what, "recipients");
	r->rejected = number(what, "rejected");
	r->duplicates = number(what, "duplicates");
	rows_go_to(im->rows,
	           (struct rows_place){ .offset = number(what, "offset"),
	                                .line = number(what, "line"),
	                                .skip = json_is_true(json_object_get(what, "skip")) });
	im->checkpoint_at = rows_at(im->rows) + im->conf->checkpoint_bytes;
	return 0;
}

int checkpoint_take(struct import *im)
{
	char path[4096], *text = NULL;
	size_t bytes = 0;
	json_t *what = NULL;
	int result;

	path_of(im->conf->dir, "", path);
	result = file_read(path, CHECKPOINT_BYTES_MAX, &text, &bytes);
	if (result == 0)
		what = json_loadb(text, bytes, 0, NULL);
	free(text);
	if (what == NULL) {
		im->result->anew = damaged;
		return -ESTALE;
	}
	result = go_on(im, what);
	json_decref(what);
	return result;
}
