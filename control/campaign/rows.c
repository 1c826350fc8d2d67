/* rows.c - a CSV file row by row, with the bad ones told apart and skipped.
 *
 * libcsv is fed one line at a time: so the line of each row is known, and after a broken quote the
 * reading goes on at the very next line, wherever libcsv gave up.
 */
#include "control/campaign/rows.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/address.h"
#include "control/xalloc.h"

enum { ROWS_BUF_BYTES = 1 << 16 };

struct rows {
	int fd;
	uint64_t offset; /* in the file, of buf[0] */
	size_t have, at; /* bytes in buf; next to read */
	uint64_t line;   /* of the next byte */
	bool utf16;
	bool csv_dirty; /* a row was left in the middle */
	struct csv_parser csv;

	struct row *row; /* being read */
	bool ended;      /* libcsv saw the end of the row */
	size_t raw_bytes, text_bytes;
	uint8_t buf[ROWS_BUF_BYTES];
	uint8_t raw[ROWS_BYTES_MAX + 2];
	uint8_t text[ROWS_BYTES_MAX + 2]; /* the fields, unquoted: never more than the raw row */
};

/* libcsv's callbacks. */
static void on_field(void *at, size_t bytes, void *ctx)
{
	struct rows *r = ctx;

	if (r->row->n_fields < ROWS_FIELDS_MAX && bytes <= sizeof(r->text) - r->text_bytes) {
		r->row->fields[r->row->n_fields] = span_of(r->text + r->text_bytes, bytes);
		memcpy(r->text + r->text_bytes, at, bytes);
		r->text_bytes += bytes;
	}
	r->row->n_fields++;
}

static void on_end(int terminator, void *ctx)
{
	(void)terminator;
	((struct rows *)ctx)->ended = true;
}

static int start_csv(struct rows *r)
{
	if (csv_init(&r->csv, CSV_STRICT) != 0)
		return -ENOMEM;
	csv_set_realloc_func(&r->csv, realloc);
	csv_set_free_func(&r->csv, free);
	return 0;
}

static int fill(struct rows *r)
{
	ssize_t n;

	r->offset += r->have;
	r->at = r->have = 0;
	do
		n = pread(r->fd, r->buf, sizeof(r->buf), (off_t)r->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->have = (size_t)n;
	return n > 0;
}

static void seek(struct rows *r, uint64_t offset)
{
	if (offset >= r->offset && offset - r->offset <= r->have) {
		r->at = (size_t)(offset - r->offset);
		return;
	}
	r->offset = offset;
	r->have = r->at = 0;
}

/* Appends the next line to `raw`, its end included as a single LF. Returns 1, 0 at the end of the
 * file, -errno. A line that does not fit sets `too_long` and is read to its end.
 */
static int read_line(struct rows *r, bool *too_long)
{
	bool any = false;
	int got = 1;

	for (uint8_t c = 0; c != '\n';) {
		if (r->at == r->have && (got = fill(r)) <= 0)
			break;
		any = true;
		c = r->buf[r->at++];
		if (c == '\r') {
			if (r->at == r->have && (got = fill(r)) < 0)
				return got;
			if (r->at < r->have && r->buf[r->at] == '\n')
				r->at++;
			c = '\n';
		}
		if (r->raw_bytes < ROWS_BYTES_MAX)
			r->raw[r->raw_bytes++] = c;
		else
			*too_long = true;
	}
	if (got < 0)
		return got;
	if (any)
		r->line++;
	if (any && r->raw[r->raw_bytes - 1] != '\n') /* the last line, or a cut one */
		r->raw[r->raw_bytes++] = '\n';
	return any;
}

/* Reads lines until libcsv has a row or there is a reason why it never will: returns 1, or 2 for a
 * blank line, 0 at the end of the file, -errno.
 */
static int read_row(struct rows *r, struct row *row, size_t *first_line_bytes)
{
	for (bool first = true;; first = false) {
		size_t from = r->raw_bytes;
		bool too_long = false;
		int got = read_line(r, &too_long);
		struct span line = span_of(r->raw + from, r->raw_bytes - from);

		if (got < 0)
			return got;
		if (got == 0 && first)
			return 0;
		if (first)
			*first_line_bytes = r->raw_bytes;
		if (got == 0)
			row->wrong = "a quote is opened and never closed";
		else if (too_long)
			row->wrong = first ? "longer than 65536 bytes"
			                   : "a quote is opened and not closed within 65536 bytes";
		else if (memchr(line.at, '\0', line.bytes) != NULL)
			row->wrong = "holds a NUL byte";
		else if (!utf8_is_text(line))
			row->wrong = "is not UTF-8";
		else if (csv_parse(&r->csv, line.at, line.bytes, on_field, on_end, r) !=
		         line.bytes) {
			if (csv_error(&r->csv) != CSV_EPARSE)
				return -ENOMEM;
			row->wrong = "a quote stands where none may (RFC 4180 2)";
		}
		if (row->wrong != NULL || r->ended)
			return 1;
		/* A blank line, unless a quote is open: then the row goes on. */
		if (first && row->n_fields == 0 && line.bytes > 0 &&
		    memchr(line.at, '"', line.bytes) == NULL)
			return 2;
	}
}

int rows_next(struct rows *r, struct row *row)
{
	int got;

	do {
		uint64_t offset = r->offset + r->at, line = r->line;
		size_t first_line_bytes = 0;

		if (r->csv_dirty) {
			csv_free(&r->csv);
			if (start_csv(r) != 0)
				return -ENOMEM;
			r->csv_dirty = false;
		}
		row->line = line;
		row->wrong = NULL;
		row->n_fields = 0;
		r->row = row;
		r->ended = false;
		r->raw_bytes = r->text_bytes = 0;
		got = read_row(r, row, &first_line_bytes);
		if (got == 1 && row->wrong != NULL) {
			/* Give up its first line only: read that one again, to stand behind it. */
			size_t bytes = first_line_bytes;
			bool too_long = false;

			seek(r, offset);
			r->line = line;
			r->raw_bytes = 0;
			if (read_line(r, &too_long) < 0)
				return -EIO;
			r->raw_bytes = bytes < r->raw_bytes ? bytes : r->raw_bytes;
			r->csv_dirty = true;
		}
	} while (got == 2);
	if (got == 1)
		row->raw = span_of(r->raw, r->raw_bytes - 1);
	return got;
}

int rows_open(const char *path, struct rows **out)
{
	struct rows *r = xcalloc(1, sizeof(*r));
	struct stat st;
	int result;

	r->line = 1;
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) != 0) {
		result = -errno;
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		result = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
		goto fail;
	}
	if ((result = start_csv(r)) != 0)
		goto fail;
	result = fill(r);
	if (result < 0) {
		csv_free(&r->csv);
		goto fail;
	}
	if (r->have >= 3 && memcmp(r->buf, "\xef\xbb\xbf", 3) == 0)
		r->at = 3;
	r->utf16 = r->have >= 2 &&
	           (memcmp(r->buf, "\xff\xfe", 2) == 0 || memcmp(r->buf, "\xfe\xff", 2) == 0);
	*out = r;
	return 0;
fail:
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	return result;
}

void rows_close(struct rows *r)
{
	csv_free(&r->csv);
	close(r->fd);
	free(r);
}

bool rows_is_utf16(const struct rows *r)
{
	return r->utf16;
}
