/* src.c - one template file's text, and errors that point into it. */
#include "templates/src.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "templates/utf8.h"

static int err_vset(struct tpl_err *err, const char *file, uint32_t line, uint32_t column,
                    int result, const char *fmt, va_list ap)
{
	snprintf(err->file, sizeof(err->file), "%s", file);
	err->line = line;
	err->column = column;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	return result;
}

int err_set(struct tpl_err *err, const char *file, uint32_t line, uint32_t column, int result,
            const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, file, line, column, result, fmt, ap);
	va_end(ap);
	return result;
}

int src_fail(struct src *src, size_t at, struct tpl_err *err, const char *fmt, ...)
{
	uint32_t line, column;
	va_list ap;

	src_place(src, at, &line, &column);
	va_start(ap, fmt);
	err_vset(err, src->file, line, column, -EINVAL, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void src_place(struct src *src, size_t at, uint32_t *line, uint32_t *column)
{
	assert(at <= src->text.bytes);
	if (at < src->known_at) {
		src->known_at = 0;
		src->known_line = src->known_column = 1;
	}
	for (; src->known_at < at; src->known_at++) {
		uint8_t b = src->text.at[src->known_at];

		if (b == '\n') {
			src->known_line++;
			src->known_column = 1;
		} else if ((b & 0xc0) != 0x80) { /* tail bytes of a character do not count */
			src->known_column++;
		}
	}
	*line = src->known_line;
	*column = src->known_column;
}

int src_init(struct src *src, const char *file, struct span text, struct tpl_err *err)
{
	size_t name_bytes = strlen(file), bad;
	const uint8_t *nul;

	if (text.bytes > SRC_BYTES_MAX)
		return err_set(err, file, 0, 0, -EINVAL,
		               "%zu bytes; a template file has at most %d", text.bytes,
		               SRC_BYTES_MAX);
	if (text.bytes >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0) /* a BOM is no content */
		text = span_of(text.at + 3, text.bytes - 3);
	if (text.bytes == 0) /* so that offsets may be added */
		text.at = (const uint8_t *)"";
	*src = (struct src){ .file = file, .text = text, .known_line = 1, .known_column = 1 };
	src->is_merge = name_bytes > 6 && strcmp(file + name_bytes - 6, ".merge") == 0;
	bad = utf8_first_bad(text);
	if (bad < text.bytes)
		return src_fail(src, bad, err, "byte 0x%02x is not UTF-8; save the file as UTF-8",
		                text.at[bad]);
	nul = text.bytes == 0 ? NULL : memchr(text.at, '\0', text.bytes);
	if (nul != NULL)
		return src_fail(src, (size_t)(nul - text.at), err, "a NUL byte; remove it");
	return 0;
}
