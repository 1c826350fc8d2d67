/* fuzz_canon.c - canonicalising in pieces gives what the plain words of RFC 6376 3.4 give on the
 * whole, for any bytes.
 *
 * Input: one byte that cuts the rest in pieces, then a body, which is a field too.
 */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "templates/buf.h"
#include "templates/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ROOM = 1 << 16 };

static uint8_t got_room[ROOM], want_room[ROOM];

static void to_buf(void *ctx, const void *bytes, size_t n)
{
	buf_put(ctx, bytes, n);
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static size_t find_crlf(struct span s, size_t at)
{
	while (at + 1 < s.bytes && !(s.at[at] == '\r' && s.at[at + 1] == '\n'))
		at++;
	return at + 1 < s.bytes ? at : s.bytes;
}

/* Line by line, the empty ones at the end cut off last. */
static void plain_body(enum canon how, struct span body, struct buf *out)
{
	for (size_t at = 0; at < body.bytes;) {
		size_t end = find_crlf(body, at), stop = end;

		while (how == CANON_RELAXED && stop > at && is_blank(body.at[stop - 1]))
			stop--;
		for (size_t i = at; i < stop; i++) {
			if (how == CANON_RELAXED && is_blank(body.at[i])) {
				if (i == at || !is_blank(body.at[i - 1]))
					buf_byte(out, ' ');
			} else {
				buf_byte(out, body.at[i]);
			}
		}
		buf_str(out, "\r\n");
		at = end + 2;
	}
	while (out->bytes >= 2 && memcmp(out->at + out->bytes - 2, "\r\n", 2) == 0 &&
	       (out->bytes == 2 ||
	        (out->bytes >= 4 && memcmp(out->at + out->bytes - 4, "\r\n", 2) == 0)))
		out->bytes -= 2;
	if (out->bytes == 0 && how == CANON_SIMPLE)
		buf_str(out, "\r\n");
}

static void plain_field(struct span f, struct buf *out)
{
	const uint8_t *colon = f.bytes == 0 ? NULL : memchr(f.at, ':', f.bytes);
	size_t name = colon == NULL ? f.bytes : (size_t)(colon - f.at), start;

	for (size_t i = 0; i < name; i++)
		buf_byte(out, (uint8_t)tolower(f.at[i]));
	while (out->bytes != 0 && is_blank(out->at[out->bytes - 1]))
		out->bytes--;
	buf_byte(out, ':');
	start = out->bytes;
	for (size_t i = name + 1; i < f.bytes; i++) {
		if (f.at[i] == '\r' && i + 1 < f.bytes && f.at[i + 1] == '\n')
			i++;
		else if (!is_blank(f.at[i]))
			buf_byte(out, f.at[i]);
		else if (out->bytes != start && out->at[out->bytes - 1] != ' ')
			buf_byte(out, ' ');
	}
	while (out->bytes != start && is_blank(out->at[out->bytes - 1]))
		out->bytes--;
	buf_str(out, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct buf got = { .at = got_room, .max = ROOM }, want = { .at = want_room, .max = ROOM };
	struct span body;

	if (bytes == 0 || bytes > ROOM / 4)
		return 0;
	body = span_of(data + 1, bytes - 1);
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++) {
		struct canon_body c;
		size_t step = data[0] == 0 ? bytes : data[0] % 61u + 1;

		got.bytes = want.bytes = 0;
		canon_body_init(&c, (enum canon)how, to_buf, &got);
		for (size_t at = 0; at < body.bytes; at += step)
			canon_body_add(
			    &c,
			    span_of(body.at + at, body.bytes - at < step ? body.bytes - at : step));
		canon_body_end(&c);
		plain_body((enum canon)how, body, &want);
		assert(span_eq(buf_since(&got, 0), buf_since(&want, 0)));
		if (!canon_is_fixed(body))
			continue;
		got.bytes = 0;
		canon_body_init(&c, (enum canon)how, to_buf, &got);
		canon_body_add_fixed(&c, body);
		canon_body_end(&c);
		assert(span_eq(buf_since(&got, 0), buf_since(&want, 0)));
	}
	got.bytes = want.bytes = 0;
	canon_field(CANON_RELAXED, body, true, to_buf, &got);
	plain_field(body, &want);
	assert(span_eq(buf_since(&got, 0), buf_since(&want, 0)));
	return 0;
}
