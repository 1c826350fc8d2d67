/* mail_place.c - from a byte of a decoded text back to its line in the file.
 *
 * The text is decoded once more, line by line, to know how much each line gave; the column is found
 * by decoding the line it is in byte by byte. Encodings begin anew with a line, but for characters
 * that lie over its end.
 */
#include <gmime/gmime.h>

#include "control/gate/mail.h"
#include "control/xalloc.h"

/* Undoes what a part was put through, a few bytes at a time. */
struct decoder {
	GMimeFilter *transfer, *charset; /* charset NULL: none */
};

static struct decoder decoder_new(const struct mail_origin *o, bool with_charset)
{
	return (struct decoder){
		.transfer = g_mime_filter_basic_new((GMimeContentEncoding)o->encoding, FALSE),
		.charset = with_charset && o->charset[0] != '\0'
		               ? g_mime_filter_charset_new(o->charset, "utf-8")
		               : NULL,
	};
}

static void decoder_free(struct decoder *d)
{
	g_object_unref(d->transfer);
	if (d->charset != NULL)
		g_object_unref(d->charset);
}

/* How many bytes come out of these. */
static size_t decode(struct decoder *d, const uint8_t *at, size_t bytes)
{
	size_t n, space;
	char *in, *out;

	/* the filters do not write to what they are given */
	g_mime_filter_filter(d->transfer, (char *)(uintptr_t)at, bytes, 0, &out, &n, &space);
	if (d->charset == NULL || n == 0)
		return n;
	in = out;
	g_mime_filter_filter(d->charset, in, n, space, &out, &n, &space);
	return n;
}

static size_t line_bytes(const uint8_t *at, size_t bytes)
{
	const uint8_t *end = memchr(at, '\n', bytes);

	return end == NULL ? bytes : (size_t)(end - at) + 1;
}

/* Fills `lines`; returns how much came out in all. */
static uint64_t measure(struct mail_origin *o, const uint8_t *from, bool with_charset)
{
	struct decoder d = decoder_new(o, with_charset);
	size_t room = 0;
	uint64_t sum = 0;

	o->n_lines = 0;
	for (size_t at = 0, n; at < o->bytes; at += n) {
		if (o->n_lines == room) {
			room = room == 0 ? 64 : room * 2;
			o->lines = xrealloc(o->lines, room, sizeof(*o->lines));
		}
		n = line_bytes(from + at, o->bytes - at);
		sum += decode(&d, from + at, n);
		o->lines[o->n_lines++] = (struct mail_line){ at + n, sum };
	}
	decoder_free(&d);
	return sum;
}

/* The first line whose end lies beyond. */
static size_t line_of(const struct mail_origin *o, uint64_t at)
{
	size_t low = 0, high = o->n_lines;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (o->lines[middle].decoded > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Where in the raw part the byte `at` of the text came from. */
static size_t raw_place(struct mail_origin *o, const uint8_t *from, uint64_t bytes, uint64_t at)
{
	struct mail_line begin = { 0, 0 };
	struct decoder d;
	size_t line, n = 0;

	/* A text that was no good in its character set was taken as it stands. */
	if (o->lines == NULL && measure(o, from, true) < bytes && o->charset[0] != '\0') {
		o->charset[0] = '\0';
		(void)measure(o, from, false);
	}
	line = line_of(o, at);
	if (line == o->n_lines)
		return o->bytes;
	if (line > 0)
		begin = o->lines[line - 1];
	d = decoder_new(o, true);
	while (begin.raw + n < o->lines[line].raw) {
		begin.decoded += decode(&d, from + begin.raw + n, 1);
		if (begin.decoded > at)
			break;
		n++;
	}
	decoder_free(&d);
	return begin.raw + n;
}

void mail_place(struct mail *m, uint32_t text, uint64_t at, uint32_t *line, uint32_t *column)
{
	struct mail_origin *o = &m->origins[text];
	size_t place = o->at;

	if (o->how == MAIL_AS_IS)
		place += (size_t)at;
	else if (o->how == MAIL_DECODED)
		place += raw_place(o, m->file.at + o->at, m->texts[text].bytes.bytes, at);
	place = place < m->file.bytes ? place : m->file.bytes;
	if (m->line == 0 || place < m->line_at) {
		m->line = 1;
		m->line_at = 0;
	}
	while (m->line_at < place) {
		size_t n = line_bytes(m->file.at + m->line_at, place - m->line_at);

		if (m->file.at[m->line_at + n - 1] != '\n')
			break;
		m->line_at += n;
		m->line++;
	}
	*line = m->line;
	*column = (uint32_t)(place - m->line_at) + 1;
}
