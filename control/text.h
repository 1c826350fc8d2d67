/* text.h - numbers and foreign text as people read them.
 *
 * Pure.
 * Thread  any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TEXT_NUMBER_BYTES = 32 };

/* 6812 as "6,812"; returns `out`. */
const char *text_thousands(uint64_t n, char out[TEXT_NUMBER_BYTES]);

/* 5 as "5 s", 125 as "2 m 5 s", 90000 as "1 d 1 h"; the two largest parts. Returns `out`. */
const char *text_duration(uint64_t seconds, char out[TEXT_NUMBER_BYTES]);

enum { TEXT_PLACE_BYTES = 4096 };

/* "folder/file" of a template; its path alone where that is the file. Returns `out`. */
const char *text_place(const char *path, const char *file, char out[TEXT_PLACE_BYTES]);

/* Unix time as "2026-11-21T23:00:00Z"; returns `out`. */
const char *text_time(int64_t unix_s, char out[TEXT_NUMBER_BYTES]);

/* Copies what a peer said so that it stands in one line and steers no terminal: control characters
 * become blanks, and what is not UTF-8 (RFC 3629) question marks. Cut to fit. Returns `out`.
 */
const char *text_clean(const char *text, char *out, size_t room);
