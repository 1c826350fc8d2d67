/* table_file.h - how a recipient table lies in its two files.
 *
 *	rows    one record a row, one behind the other, in the order of the list: length of the
 *	        address (16 bits), address, count of values (16 bits), the values (cell.h); a row
 *	        has nil in the columns behind its last value
 *	table   head | u64 offset in `rows` of each row, sorted | domains | columns | names
 *
 * Numbers of `table` are in the order of the machine: the files never leave it.
 * Not     known outside import*.c, table*.c and their tests.
 */
#pragma once

#include <assert.h>
#include <nmmintrin.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/base/span.h"

#define TABLE_FILE_ROWS  "rows"
#define TABLE_FILE_TABLE "table"

static const char table_magic[8] = "PHTABLE2";

struct table_head {
	char magic[8];
	uint32_t crc;      /* CRC-32C of `table` with this field zero */
	uint32_t rows_crc; /* of `rows` */
	uint64_t rows_bytes, names_bytes;
	uint32_t n_rows, n_domains, n_columns;
	uint32_t to_test_at;    /* in names; the one address all go to, ... */
	uint32_t to_test_bytes; /* ... 0: to the rows' own */
	uint32_t pad0;
};
static_assert(sizeof(struct table_head) == 56, "no hidden padding in the file");

struct table_file_domain {
	uint32_t name_at, name_bytes; /* in names */
	uint32_t first_row, n_rows;
};

struct table_file_column {
	uint32_t name_at, name_bytes; /* in names */
	uint32_t has_parts;           /* 1: values may be arrays or objects; else 0 */
};

/* Continues a CRC-32C (start with 0) by SSE 4.2, which the whole program needs anyway. */
static inline uint32_t table_crc(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint64_t c = ~crc;

	for (; bytes >= 8; at += 8, bytes -= 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		c = _mm_crc32_u64(c, word);
	}
	for (; bytes > 0; at++, bytes--)
		c = _mm_crc32_u8((uint32_t)c, *at);
	return ~(uint32_t)c;
}

/* Takes the address off a record of `rows`. */
static inline bool table_take_address(struct span *s, struct span *address)
{
	uint16_t bytes;

	return span_take_u16(s, &bytes) && span_take(s, bytes, address);
}

/* Goes over a record of at most so many values. False when it is none. */
bool table_take_record(struct span *s, uint32_t n_columns, struct span *address);
