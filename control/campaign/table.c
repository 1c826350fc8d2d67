/* table.c - the recipients of one campaign, read from a mapped table. */
#include "control/campaign/table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/table_file.h"
#include "control/xalloc.h"

enum { WINDOW_BYTES = 1 << 26 }; /* of the rows file, looked at together */

struct table {
	struct span rows, file; /* the two mappings */
	struct table_head head;
	const uint64_t *row_at;
	const struct table_file_domain *domains;
	const struct table_file_column *columns;
	const uint8_t *names;
	struct span column_names[TPL_COLUMNS_MAX];
	bool has_parts[TPL_COLUMNS_MAX];
	struct tpl_columns tpl_columns;
};

static int map(const char *dir, const char *name, struct span *out, char why[TABLE_WHY_BYTES])
{
	char path[4096];
	struct stat st;
	void *at = NULL;
	int fd, result = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		result = -errno;
	else if (st.st_size > 0 &&
	         (at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		result = -errno;
	else
		*out = span_of(at, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (result != 0)
		snprintf(why, TABLE_WHY_BYTES, "%s: %s", path, strerror(-result));
	return result;
}

/* Pages that were looked at and will not be wanted soon. */
static void let_go(struct span mapped)
{
	if (mapped.bytes > 0)
		(void)madvise((void *)(uintptr_t)mapped.at, mapped.bytes, MADV_DONTNEED);
}

static uint32_t crc_of(struct span mapped)
{
	uint32_t crc = 0;

	for (uint64_t at = 0; at < mapped.bytes; at += WINDOW_BYTES) {
		uint64_t left = mapped.bytes - at;

		crc = table_crc(crc, mapped.at + at, left < WINDOW_BYTES ? left : WINDOW_BYTES);
		let_go(mapped);
	}
	return crc;
}

static void unmap(struct span s)
{
	if (s.bytes > 0)
		munmap((void *)(uintptr_t)s.at, s.bytes);
}

/* Finds the sections; false when the head's numbers do not make the file's size. */
static bool lay_out(struct table *t)
{
	const struct table_head *h = &t->head;
	uint64_t at = sizeof(*h);

	if (h->n_rows == 0 || h->n_domains == 0 || h->n_domains > h->n_rows || h->n_columns == 0 ||
	    h->n_columns > TPL_COLUMNS_MAX || h->rows_bytes != t->rows.bytes ||
	    h->names_bytes > t->file.bytes)
		return false;
	t->row_at = (const uint64_t *)(t->file.at + at);
	at += (uint64_t)h->n_rows * sizeof(*t->row_at);
	t->domains = (const struct table_file_domain *)(t->file.at + at);
	at += (uint64_t)h->n_domains * sizeof(*t->domains);
	t->columns = (const struct table_file_column *)(t->file.at + at);
	at += (uint64_t)h->n_columns * sizeof(*t->columns);
	t->names = t->file.at + at;
	return at + h->names_bytes == t->file.bytes;
}

static bool is_name(const struct table *t, uint32_t at, uint32_t bytes)
{
	return bytes > 0 && (uint64_t)at + bytes <= t->head.names_bytes;
}

/* Domains cover the rows one after the other, without a gap. */
static bool domains_hold(const struct table *t)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < t->head.n_domains; i++) {
		const struct table_file_domain *d = &t->domains[i];

		if (!is_name(t, d->name_at, d->name_bytes) || d->first_row != next ||
		    d->n_rows == 0)
			return false;
		next += d->n_rows;
	}
	return next == t->head.n_rows;
}

bool table_take_record(struct span *s, uint32_t n_columns, struct span *address)
{
	uint16_t n;

	if (!table_take_address(s, address) || address->bytes == 0 || !span_take_u16(s, &n) ||
	    n > n_columns)
		return false;
	while (n > 0 && cell_skip(s))
		n--;
	return n == 0;
}

/* Bytes with a bit for each byte of a window. */
static size_t window_bits(const struct table *t)
{
	return (t->rows.bytes < WINDOW_BYTES ? t->rows.bytes : WINDOW_BYTES) / 8 + 1;
}

/* Records lie one behind the other, and each row's offset is the start of one, of another for each:
 * seen in windows, in which a bit a byte says where a record starts. Nothing stays in memory of
 * what was looked at: the kernel has it when it is wanted.
 */
static bool rows_hold(const struct table *t, uint8_t *starts)
{
	struct span s = t->rows, address;
	uint64_t n_records = 0, n_rows = 0;

	for (uint64_t from = 0; from < t->rows.bytes; from += WINDOW_BYTES) {
		memset(starts, 0, window_bits(t));
		while (s.bytes > 0 && (uint64_t)(s.at - t->rows.at) - from < WINDOW_BYTES) {
			uint64_t at = (uint64_t)(s.at - t->rows.at) - from;

			starts[at / 8] |= (uint8_t)(1u << at % 8);
			n_records++;
			if (!table_take_record(&s, t->head.n_columns, &address))
				return false;
		}
		for (uint32_t row = 0; row < t->head.n_rows; row++) {
			uint64_t at = t->row_at[row] - from;

			if (at >= WINDOW_BYTES)
				continue;
			if ((starts[at / 8] >> at % 8 & 1) == 0)
				return false;
			starts[at / 8] &= (uint8_t) ~(1u << at % 8);
			n_rows++;
		}
		let_go(t->rows);
	}
	let_go(t->file);
	return n_records == t->head.n_rows && n_rows == t->head.n_rows;
}

static const char *check_rows(const struct table *t)
{
	uint8_t *starts = xcalloc(window_bits(t), 1);
	bool hold = rows_hold(t, starts);

	free(starts);
	return hold ? NULL : "its rows are not where it says";
}

/* Every offset is looked at once here, so that no reader below needs to doubt one. */
static const char *find_damage(struct table *t)
{
	struct table_head bare = t->head;
	uint32_t crc;

	bare.crc = 0;
	crc = table_crc(0, &bare, sizeof(bare));
	crc = table_crc(crc, t->file.at + sizeof(bare), t->file.bytes - sizeof(bare));
	if (crc != t->head.crc)
		return "checksum of the table is wrong";
	if (!lay_out(t))
		return "its sections do not fit its size";
	if (crc_of(t->rows) != t->head.rows_crc)
		return "checksum of the rows is wrong";
	if (!domains_hold(t))
		return "its domains do not cover its rows";
	if (t->head.to_test_bytes > 0 && !is_name(t, t->head.to_test_at, t->head.to_test_bytes))
		return "its test address is out of bounds";
	for (uint32_t i = 0; i < t->head.n_columns; i++)
		if (!is_name(t, t->columns[i].name_at, t->columns[i].name_bytes))
			return "the name of a column is out of bounds";
	for (uint32_t i = 0; i < t->head.n_columns; i++)
		if (t->columns[i].has_parts > 1)
			return "the kind of a column is unknown";
	return check_rows(t);
}

int table_open(const char *dir, struct table **out, char why[TABLE_WHY_BYTES])
{
	struct table *t = xcalloc(1, sizeof(*t));
	const char *damage = NULL;
	int result;

	if ((result = map(dir, TABLE_FILE_ROWS, &t->rows, why)) != 0 ||
	    (result = map(dir, TABLE_FILE_TABLE, &t->file, why)) != 0)
		goto fail;
	if (t->file.bytes < sizeof(t->head)) {
		damage = "it is too short";
	} else {
		memcpy(&t->head, t->file.at, sizeof(t->head));
		if (memcmp(t->head.magic, table_magic, sizeof(table_magic)) != 0)
			damage = "it is no table, or one of another version";
		else
			damage = find_damage(t);
	}
	if (damage != NULL) {
		snprintf(why, TABLE_WHY_BYTES, "%s/%s: damaged: %s", dir, TABLE_FILE_TABLE, damage);
		result = -EBADMSG;
		goto fail;
	}
	for (uint32_t i = 0; i < t->head.n_columns; i++) {
		t->column_names[i] =
		    span_of(t->names + t->columns[i].name_at, t->columns[i].name_bytes);
		t->has_parts[i] = t->columns[i].has_parts != 0;
	}
	t->tpl_columns = (struct tpl_columns){ .names = t->column_names,
		                               .has_parts = t->has_parts,
		                               .n = t->head.n_columns };
	*out = t;
	return 0;
fail:
	table_close(t);
	return result;
}

void table_close(struct table *t)
{
	unmap(t->rows);
	unmap(t->file);
	free(t);
}

uint32_t table_n_rows(const struct table *t)
{
	return t->head.n_rows;
}

const struct tpl_columns *table_columns(const struct table *t)
{
	return &t->tpl_columns;
}

uint32_t table_n_domains(const struct table *t)
{
	return t->head.n_domains;
}

struct table_domain table_domain(const struct table *t, uint32_t domain)
{
	const struct table_file_domain *d = &t->domains[domain];

	assert(domain < t->head.n_domains);
	return (struct table_domain){ .name = span_of(t->names + d->name_at, d->name_bytes),
		                      .first_row = d->first_row,
		                      .n_rows = d->n_rows };
}

uint32_t table_domain_of(const struct table *t, uint32_t row)
{
	uint32_t low = 0, high = t->head.n_domains - 1;

	assert(row < t->head.n_rows);
	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		if (t->domains[middle].first_row <= row)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* The row's record, its address taken off. */
static struct span open_row(const struct table *t, uint32_t row, struct span *address)
{
	struct span s;
	bool taken;

	assert(row < t->head.n_rows);
	s = span_of(t->rows.at + t->row_at[row], t->rows.bytes - t->row_at[row]);
	taken = table_take_address(&s, address);
	assert(taken); /* looked at in table_open() */
	(void)taken;
	if (t->head.to_test_bytes > 0)
		*address = span_of(t->names + t->head.to_test_at, t->head.to_test_bytes);
	return s;
}

struct span table_address(const struct table *t, uint32_t row)
{
	struct span address;

	open_row(t, row, &address);
	return address;
}

bool table_row(const struct table *t, uint32_t row, struct cell_room *room, struct table_row *out)
{
	struct span s = open_row(t, row, &out->address);
	uint16_t n = 0;
	bool taken = span_take_u16(&s, &n);

	assert(taken && n <= t->head.n_columns);
	for (uint32_t i = 0; i < n && taken; i++)
		taken = cell_take(&s, room, &out->values[i]);
	for (uint32_t i = n; i < t->head.n_columns; i++)
		out->values[i] = (struct tpl_value){ .kind = TPL_NIL };
	return taken;
}
