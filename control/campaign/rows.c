/* rows.c - see rows.h.
 *
 * The file goes through one buffer, in which a whole row is always in sight: fields are spans into
 * it. Only a quoted field with quotes inside is copied, without the doubled ones.
 */
#include "control/campaign/rows.h"

#include <assert.h>
#include <emmintrin.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/address.h"
#include "control/xalloc.h"

enum {
	READ_BYTES = 1 << 20,
	ROW_WINDOW = ROWS_BYTES_MAX + 1, /* a row and the first byte of its line end */
	WINDOW_BYTES = READ_BYTES + ROW_WINDOW,
	BLOCK_BYTES = 16, /* looked at together: so many may be read behind what is there */
};

struct rows {
	int fd;
	uint64_t offset; /* in the file, of buf[0] */
	uint64_t size;   /* of the file, when it was opened */
	size_t have, at; /* bytes in buf; next to read */
	uint64_t line;   /* of the next byte */
	bool ended;      /* nothing more comes from the file */
	bool utf16, jsonl;
	bool skip; /* the line that begins at `at` was given up */
	char delimiter;
	size_t text_bytes;
	uint8_t buf[WINDOW_BYTES + BLOCK_BYTES];
	uint8_t text[ROWS_BYTES_MAX]; /* fields that had doubled quotes */
};

/* A row being read. */
struct reading {
	struct rows *rows;
	struct row *row;
	const uint8_t *at, *end; /* end: of the row's window */
	bool high;               /* has bytes beyond ASCII */
	uint32_t lines;          /* line ends inside quotes */
};

enum said { SAID_ROW, SAID_BLANK, SAID_WRONG };

/* ---- the window ---- */

/* Makes a whole row visible, if there is one. Returns 0 or -errno. */
static int fill(struct rows *r)
{
	if (r->ended || r->have - r->at > ROW_WINDOW)
		return 0;
	memmove(r->buf, r->buf + r->at, r->have - r->at);
	r->offset += r->at;
	r->have -= r->at;
	r->at = 0;
	while (!r->ended && r->have < WINDOW_BYTES) {
		ssize_t n = pread(r->fd, r->buf + r->have, WINDOW_BYTES - r->have,
		                  (off_t)(r->offset + r->have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r->ended = n == 0;
		r->have += (size_t)n;
	}
	return 0;
}

/* The end of what a row may take: longer ones are none. */
static const uint8_t *window_end(const struct rows *r)
{
	size_t left = r->have - r->at;

	return r->buf + r->at + (left < ROW_WINDOW ? left : ROW_WINDOW);
}

/* ---- looking for a byte ---- */

static unsigned equal_mask(__m128i block, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
}

/* The next delimiter, quote, line end or NUL, or the end. Notes bytes beyond ASCII on the way. */
static const uint8_t *next_mark(struct reading *g, const uint8_t *at)
{
	char delimiter = g->rows->delimiter;

	for (; at < g->end; at += BLOCK_BYTES) {
		__m128i block = _mm_loadu_si128((const __m128i *)at);
		unsigned marks = equal_mask(block, delimiter) | equal_mask(block, '"') |
		                 equal_mask(block, '\n') | equal_mask(block, '\r') |
		                 equal_mask(block, '\0');
		unsigned high = (unsigned)_mm_movemask_epi8(block);
		unsigned n = marks != 0 ? (unsigned)__builtin_ctz(marks) : BLOCK_BYTES;

		if ((size_t)(g->end - at) < n)
			n = (unsigned)(g->end - at);
		g->high |= (high & ((1u << n) - 1)) != 0;
		if (n < BLOCK_BYTES)
			return at + n;
	}
	return g->end;
}

static bool is_line_end(uint8_t c)
{
	return c == '\n' || c == '\r';
}

/* Behind the line end that stands at `at`. */
static const uint8_t *behind_line_end(const uint8_t *at, const uint8_t *end)
{
	bool two = at[0] == '\r' && at + 1 < end && at[1] == '\n';

	return at + 1 + two;
}

/* ---- CSV ---- */

static const char too_long[] = "longer than 65536 bytes";
static const char stray_quote[] = "a quote stands where none may (RFC 4180 2)";

static bool is_blank(const struct reading *g, uint8_t c)
{
	return c == ' ' || (c == '\t' && g->rows->delimiter != '\t');
}

static void add_field(struct reading *g, const uint8_t *from, const uint8_t *to)
{
	struct row *row = g->row;

	if (row->n_fields < ROWS_FIELDS_MAX)
		row->fields[row->n_fields] = span_of(from, (size_t)(to - from));
	row->n_fields++;
}

/* Whether the row ends because the file does, and not because it is too long. */
static bool file_ends(const struct reading *g)
{
	return g->rows->ended && g->end == g->rows->buf + g->rows->have;
}

static const char *never_closed(const struct reading *g)
{
	return file_ends(g) ? "a quote is opened and never closed"
	                    : "a quote is opened and not closed within 65536 bytes";
}

/* Copies a field without the first of each two quotes. */
static void add_unquoted(struct reading *g, const uint8_t *from, const uint8_t *to)
{
	struct rows *r = g->rows;
	uint8_t *out = r->text + r->text_bytes, *start = out;

	for (; from < to; from++) {
		from += *from == '"';
		*out++ = *from;
	}
	r->text_bytes += (size_t)(out - start);
	add_field(g, start, out);
}

/* From behind the opening quote to behind the closing one. Returns NULL or what is wrong. */
static const char *read_quoted(struct reading *g)
{
	const uint8_t *from = g->at, *at = from;
	bool doubled = false;

	for (;; at++) {
		at = next_mark(g, at);
		if (at == g->end)
			return never_closed(g);
		if (*at == '\0')
			return "holds a NUL byte";
		/* CR LF is one line end */
		g->lines += *at == '\n' || (*at == '\r' && (at + 1 == g->end || at[1] != '\n'));
		if (*at != '"')
			continue;
		if (at + 1 == g->end || at[1] != '"')
			break;
		doubled = true;
		at++;
	}
	if (doubled)
		add_unquoted(g, from, at);
	else
		add_field(g, from, at);
	g->at = at + 1;
	while (g->at < g->end && is_blank(g, *g->at))
		g->at++;
	return NULL;
}

/* Up to the delimiter or line end behind it: blanks are part of it (RFC 4180 2.4). Returns NULL or
 * what is wrong.
 */
static const char *read_plain(struct reading *g)
{
	const uint8_t *from = g->at, *to = g->at = next_mark(g, g->at);

	if (to < g->end && *to == '"')
		return stray_quote;
	if (to < g->end && *to == '\0')
		return "holds a NUL byte";
	add_field(g, from, to);
	return NULL;
}

/* Many write a blank in front of a quote; there it can be no part of the field. */
static bool skip_to_quote(struct reading *g)
{
	const uint8_t *at = g->at;

	while (at < g->end && is_blank(g, *at))
		at++;
	if (at == g->end || *at != '"')
		return false;
	g->at = at + 1;
	return true;
}

struct span rows_trimmed(struct span field)
{
	while (field.bytes > 0 && (field.at[0] == ' ' || field.at[0] == '\t'))
		field = span_of(field.at + 1, field.bytes - 1);
	while (field.bytes > 0 &&
	       (field.at[field.bytes - 1] == ' ' || field.at[field.bytes - 1] == '\t'))
		field.bytes--;
	return field;
}

/* Reads fields up to the row's end. Returns NULL or what is wrong. */
static const char *read_fields(struct reading *g)
{
	for (;;) {
		const char *wrong = skip_to_quote(g) ? read_quoted(g) : read_plain(g);

		if (wrong != NULL)
			return wrong;
		if (g->at == g->end)
			return file_ends(g) ? NULL : too_long;
		if (is_line_end(*g->at))
			return NULL;
		if (*g->at != (uint8_t)g->rows->delimiter)
			return stray_quote;
		g->at++;
	}
}

static enum said read_csv(struct reading *g)
{
	struct row *row = g->row;
	const uint8_t *from = g->at;

	row->n_fields = 0;
	g->rows->text_bytes = 0;
	row->wrong = read_fields(g);
	row->raw = span_of(from, (size_t)(g->at - from));
	if (row->wrong == NULL && g->high && !utf8_is_text(row->raw))
		row->wrong = "is not UTF-8";
	if (row->wrong != NULL)
		return SAID_WRONG;
	return row->n_fields == 1 && rows_trimmed(row->fields[0]).bytes == 0 &&
	               memchr(from, '"', row->raw.bytes) == NULL
	           ? SAID_BLANK
	           : SAID_ROW;
}

/* ---- JSONL ---- */

static enum said read_json_line(struct reading *g)
{
	const uint8_t *from = g->at, *end = memchr(from, '\n', (size_t)(g->end - from));
	bool blank = true;

	g->at = end != NULL ? end : g->end;
	g->row->raw = span_of(from, (size_t)(g->at - from));
	g->row->wrong = end == NULL && !file_ends(g) ? too_long : NULL;
	for (const uint8_t *at = from; blank && at < g->at; at++)
		blank = *at == ' ' || *at == '\t' || *at == '\r';
	return g->row->wrong != NULL ? SAID_WRONG : blank ? SAID_BLANK : SAID_ROW;
}

/* ---- rows ---- */

/* Goes behind the line that begins at `at`, however long it is. Returns 0 or -errno. */
static int skip_line(struct rows *r)
{
	for (;;) {
		size_t i = r->at;
		int result;

		while (i < r->have && !(r->jsonl ? r->buf[i] == '\n' : is_line_end(r->buf[i])))
			i++;
		if (i + 1 < r->have || (i < r->have && r->ended)) {
			r->at = (size_t)(behind_line_end(r->buf + i, r->buf + r->have) - r->buf);
			r->line++;
			return 0;
		}
		r->at = i;
		if (r->ended)
			return 0;
		if ((result = fill(r)) != 0)
			return result;
	}
}

/* The first line of a row that is given up. */
static struct span first_line(const struct rows *r)
{
	const uint8_t *from = r->buf + r->at, *end = window_end(r), *at = from;

	while (at < end && !is_line_end(*at))
		at++;
	return span_of(from, (size_t)(at - from));
}

int rows_next(struct rows *r, struct row *row)
{
	enum said said;

	do {
		struct reading g = { .rows = r, .row = row };
		int result = r->skip ? skip_line(r) : 0;

		r->skip = false;
		if (result != 0 || (result = fill(r)) != 0)
			return result;
		if (r->at == r->have)
			return 0;
		g.at = r->buf + r->at;
		g.end = window_end(r);
		row->line = r->line;
		row->n_fields = 0;
		said = r->jsonl ? read_json_line(&g) : read_csv(&g);
		if (said == SAID_WRONG) {
			/* Only its first line is given up: the next may be a row. */
			row->raw = first_line(r);
			r->skip = true;
			return 1;
		}
		r->line += g.lines + 1;
		if (g.at < g.end)
			g.at = behind_line_end(g.at, r->buf + r->have);
		r->at = (size_t)(g.at - r->buf);
	} while (said == SAID_BLANK);
	return 1;
}

struct rows_place rows_place(const struct rows *r)
{
	return (struct rows_place){ .offset = rows_at(r), .line = r->line, .skip = r->skip };
}

void rows_go_to(struct rows *r, struct rows_place place)
{
	r->offset = place.offset;
	r->have = r->at = 0;
	r->line = place.line;
	r->skip = place.skip;
	r->ended = false;
}

static bool has_field(const struct row *row, struct span wanted)
{
	for (uint32_t i = 0; i < row->n_fields && i < ROWS_FIELDS_MAX; i++)
		if (span_eq(rows_trimmed(row->fields[i]), wanted))
			return true;
	return false;
}

char rows_guess_delimiter(struct rows *r, struct span wanted)
{
	static const char likely[] = { ',', ';', '\t', '|' };
	struct rows_place first = rows_place(r);
	struct row *row = xcalloc(1, sizeof(*row));
	char before = r->delimiter, best = likely[0];
	uint32_t most = 0;

	for (size_t i = 0; i < sizeof(likely); i++) {
		uint32_t fields;

		r->delimiter = likely[i];
		if (rows_next(r, row) == 1 && row->wrong == NULL) {
			fields = row->n_fields;
			fields += has_field(row, wanted) && fields > 1 ? ROWS_BYTES_MAX : 0;
			best = fields > most ? likely[i] : best;
			most = fields > most ? fields : most;
		}
		rows_go_to(r, first);
	}
	r->delimiter = before;
	free(row);
	return best;
}

bool rows_can_delimit(char c)
{
	return c == '\t' || (c > ' ' && c < 0x7f && c != '"');
}

void rows_set_delimiter(struct rows *r, char delimiter)
{
	assert(rows_can_delimit(delimiter));
	r->delimiter = delimiter;
}

int rows_open(const char *path, struct rows **out)
{
	struct rows *r = xcalloc(1, sizeof(*r));
	struct stat st;
	size_t i;
	int result;

	r->line = 1;
	r->delimiter = ',';
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st) != 0) {
		result = -errno;
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		result = S_ISDIR(st.st_mode) ? -EISDIR : -ESPIPE;
		goto fail;
	}
	r->size = (uint64_t)st.st_size;
	if ((result = fill(r)) != 0)
		goto fail;
	if (r->have >= 3 && memcmp(r->buf, "\xef\xbb\xbf", 3) == 0)
		r->at = 3;
	r->utf16 = r->have >= 2 &&
	           (memcmp(r->buf, "\xff\xfe", 2) == 0 || memcmp(r->buf, "\xfe\xff", 2) == 0);
	for (i = r->at; i < r->have && (r->buf[i] == ' ' || is_line_end(r->buf[i])); i++)
		;
	r->jsonl = i < r->have && r->buf[i] == '{';
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
	close(r->fd);
	free(r);
}

bool rows_is_jsonl(const struct rows *r)
{
	return r->jsonl;
}

bool rows_is_utf16(const struct rows *r)
{
	return r->utf16;
}

uint64_t rows_at(const struct rows *r)
{
	return r->offset + r->at;
}

uint64_t rows_bytes(const struct rows *r)
{
	return r->size;
}

int rows_fd(const struct rows *r)
{
	return r->fd;
}
