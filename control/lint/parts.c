/* parts.c - the MIME parts of a message: closed, legally encoded, of the charset they say. */
#include "control/lint/parts.h"

#include <stdarg.h>
#include <stdlib.h>

#include "control/lint/sample.h"
#include "control/xalloc.h"

enum { TYPE_BYTES = 512, BOUNDARY_BYTES_MAX = 70, NAME_BYTES = 64 };

enum coding { CODING_7BIT, CODING_8BIT, CODING_BINARY, CODING_QP, CODING_BASE64, CODING_ODD };

struct walk {
	struct lint_parts_fault *fault;
	uint32_t n_parts;
};

struct part {
	char type[TYPE_BYTES]; /* "text/plain", small letters */
	char charset[NAME_BYTES], boundary[BOUNDARY_BYTES_MAX + 1];
	enum coding coding;
	struct span body;
};

static bool fail(struct walk *w, enum lint_id id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct walk *w, enum lint_id id, const char *fmt, ...)
{
	va_list ap;

	w->fault->id = id;
	va_start(ap, fmt);
	vsnprintf(w->fault->what, sizeof(w->fault->what), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- Content-Type ---- */

/* Copies a parameter (RFC 2045 5.1), without quotes; "" when it is not there or too long. */
static void parameter(const char *value, const char *name, char *out, size_t room)
{
	const char *at = strchr(value, ';');
	size_t bytes = strlen(name), n = 0;

	out[0] = '\0';
	while (at != NULL) {
		bool quoted;

		for (at++; *at == ' ' || *at == '\t';)
			at++;
		if (strncasecmp(at, name, bytes) != 0 || at[bytes] != '=') {
			for (quoted = false; *at != '\0' && (quoted || *at != ';'); at++)
				quoted ^= *at == '"';
			at = *at == ';' ? at : NULL;
			continue;
		}
		at += bytes + 1;
		quoted = *at == '"';
		for (at += quoted; *at != '\0' &&
		                   (quoted ? *at != '"' : *at != ';' && *at != ' ') &&
		                   n + 1 < room;)
			out[n++] = *at++;
		out[n] = '\0';
		return;
	}
}

static void read_type(struct span value, struct part *p)
{
	char text[TYPE_BYTES];
	size_t n = 0;

	lint_unfold(value, text, sizeof(text));
	for (; text[n] != '\0' && text[n] != ';' && text[n] != ' '; n++)
		p->type[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] | 0x20 : text[n]);
	p->type[n] = '\0';
	parameter(text, "charset", p->charset, sizeof(p->charset));
	parameter(text, "boundary", p->boundary, sizeof(p->boundary));
}

static enum coding read_coding(struct span value)
{
	static const char *const names[] = { [CODING_7BIT] = "7bit",
		                             [CODING_8BIT] = "8bit",
		                             [CODING_BINARY] = "binary",
		                             [CODING_QP] = "quoted-printable",
		                             [CODING_BASE64] = "base64" };

	for (int i = 0; i < CODING_ODD; i++)
		if (lint_same(lint_trim(value), span_str(names[i])))
			return (enum coding)i;
	return CODING_ODD;
}

/* ---- what a part holds ---- */

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

/* Decodes quoted-printable (RFC 2045 6.7); SIZE_MAX when it is none. */
static size_t decode_qp(struct span s, uint8_t *to)
{
	size_t n = 0;

	for (size_t i = 0; i < s.bytes; i++) {
		if (s.at[i] != '=') {
			to[n++] = s.at[i];
			continue;
		}
		if (i + 2 < s.bytes && s.at[i + 1] == '\r' && s.at[i + 2] == '\n') {
			i += 2;
			continue;
		}
		if (i + 2 >= s.bytes || hex(s.at[i + 1]) < 0 || hex(s.at[i + 2]) < 0)
			return i + 1 == s.bytes ? n : SIZE_MAX; /* "=" before a boundary */
		to[n++] = (uint8_t)(hex(s.at[i + 1]) << 4 | hex(s.at[i + 2]));
		i += 2;
	}
	return n;
}

static int base64_digit(uint8_t c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'             ? 62
	       : c == '/'             ? 63
	                              : -1;
}

/* Decodes base64 (RFC 2045 6.8); SIZE_MAX when it is none. */
static size_t decode_base64(struct span s, uint8_t *to)
{
	uint32_t bits = 0;
	size_t n = 0, digits = 0, pads = 0;

	for (size_t i = 0; i < s.bytes; i++) {
		int digit = base64_digit(s.at[i]);

		if (s.at[i] == '\r' || s.at[i] == '\n')
			continue;
		if (s.at[i] == '=') {
			pads++;
			continue;
		}
		if (digit < 0 || pads > 0)
			return SIZE_MAX;
		bits = bits << 6 | (uint32_t)digit;
		if (++digits % 4 != 1)
			to[n++] = (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	return (digits + pads) % 4 == 0 && pads < 3 ? n : SIZE_MAX;
}

static bool is_utf8(struct span s)
{
	for (size_t i = 0; i < s.bytes;) {
		uint8_t b = s.at[i];
		size_t bytes = b < 0x80   ? 1
		               : b < 0xc2 ? 0
		               : b < 0xe0 ? 2
		               : b < 0xf0 ? 3
		               : b < 0xf5 ? 4
		                          : 0;

		if (bytes == 0 || bytes > s.bytes - i)
			return false;
		for (size_t k = 1; k < bytes; k++)
			if ((s.at[i + k] & 0xc0) != 0x80)
				return false;
		i += bytes;
	}
	return true;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

static bool lines_fit(struct span s)
{
	while (s.bytes > 0) {
		const uint8_t *lf = memchr(s.at, '\n', s.bytes);
		size_t bytes = lf == NULL ? s.bytes : (size_t)(lf - s.at);
		size_t cr = bytes > 0 && s.at[bytes - 1] == '\r';

		if (bytes - cr > LINT_ENCODED_LINE_MAX)
			return false;
		bytes += lf != NULL;
		s = span_of(s.at + bytes, s.bytes - bytes);
	}
	return true;
}

/* RFC 2045 6: what the encoding says is so, and what it carries is in the charset it names. */
static bool check_leaf(struct walk *w, const struct part *p)
{
	bool encoded = p->coding == CODING_QP || p->coding == CODING_BASE64, sound;
	struct span said = span_str(p->charset), text = p->body;
	uint8_t *memory;

	if (p->coding == CODING_7BIT && !is_ascii(p->body))
		return fail(w, LINT_MIME, "a 7bit part has 8-bit bytes");
	if (encoded && !lines_fit(p->body))
		return fail(w, LINT_LINES_ENCODED, "a line of a %s part is over 76 characters",
		            p->coding == CODING_QP ? "quoted-printable" : "base64");
	memory = xcalloc(p->body.bytes + 1, 1);
	if (encoded)
		text = span_of(memory, p->coding == CODING_QP ? decode_qp(p->body, memory)
		                                              : decode_base64(p->body, memory));
	sound = text.bytes == SIZE_MAX
	            ? fail(w, LINT_MIME, "a part is not %s",
	                   p->coding == CODING_QP ? "quoted-printable" : "base64")
	        : strncmp(p->type, "text/", 5) != 0 ? true
	        : lint_same(said, span_str("utf-8"))
	            ? is_utf8(text) || fail(w, LINT_MIME, "a part is not UTF-8, as it says")
	        : said.bytes == 0 || lint_same(said, span_str("us-ascii"))
	            ? is_ascii(text) || fail(w, LINT_MIME, "a part is not US-ASCII, as it says")
	            : true;
	free(memory);
	return sound;
}

/* ---- multiparts ---- */

static bool check_part(struct walk *w, const struct lint_message *m, uint32_t depth);

/* Finds the next line that is the boundary. Returns where it begins, with the line end before it;
 * `*after` is behind it, `*last` says it closes. SIZE_MAX: none.
 */
static size_t find_boundary(struct span body, size_t from, const char *boundary, size_t *after,
                            bool *last)
{
	size_t n = strlen(boundary);

	for (size_t at = from; at + n + 2 <= body.bytes;) {
		const uint8_t *lf;

		if (memcmp(body.at + at, "--", 2) == 0 &&
		    memcmp(body.at + at + 2, boundary, n) == 0) {
			size_t end = at + 2 + n;

			*last = body.bytes - end >= 2 && memcmp(body.at + end, "--", 2) == 0;
			lf = memchr(body.at + end, '\n', body.bytes - end);
			*after = lf == NULL ? body.bytes : (size_t)(lf - body.at) + 1;
			return at >= 2 && at > from ? at - 2 : at;
		}
		lf = memchr(body.at + at, '\n', body.bytes - at);
		if (lf == NULL)
			break;
		at = (size_t)(lf - body.at) + 1;
	}
	return SIZE_MAX;
}

/* A part without header begins with its empty line. */
static bool read_inner(struct span s, struct lint_message *inner)
{
	if (s.bytes >= 2 && memcmp(s.at, "\r\n", 2) == 0) {
		inner->n_fields = 0;
		inner->body = span_of(s.at + 2, s.bytes - 2);
		return true;
	}
	return lint_message_read(s, inner);
}

static bool check_multipart(struct walk *w, const struct part *p, uint32_t depth)
{
	struct lint_message *inner;
	size_t at, after, begin;
	bool last = false, sound = true;

	if (p->boundary[0] == '\0')
		return fail(w, LINT_MIME, "a %s has no boundary", p->type);
	if (p->coding == CODING_QP || p->coding == CODING_BASE64)
		return fail(w, LINT_MIME, "a %s is encoded (RFC 2045 6.4)", p->type);
	at = find_boundary(p->body, 0, p->boundary, &after, &last);
	if (at == SIZE_MAX || last)
		return fail(w, LINT_MIME, "a %s has no part", p->type);
	inner = xcalloc(1, sizeof(*inner));
	while (sound && !last) {
		begin = after;
		at = find_boundary(p->body, begin, p->boundary, &after, &last);
		if (at == SIZE_MAX)
			sound = fail(w, LINT_MIME, "a %s is not closed", p->type);
		else if (!read_inner(span_of(p->body.at + begin, at - begin), inner))
			sound = fail(w, LINT_MIME, "the header of a part cannot be read");
		else
			sound = check_part(w, inner, depth + 1);
	}
	free(inner);
	return sound;
}

static bool check_part(struct walk *w, const struct lint_message *m, uint32_t depth)
{
	const struct lint_field *type = lint_field_find(m, "Content-Type", 0);
	const struct lint_field *coding = lint_field_find(m, "Content-Transfer-Encoding", 0);
	struct part p = { .type = "text/plain", .body = m->body }; /* RFC 2045 5.2 */

	if (++w->n_parts > LINT_PARTS_MAX || depth > LINT_PARTS_DEPTH_MAX)
		return fail(w, LINT_MIME, "over %d parts, or %d inside one another", LINT_PARTS_MAX,
		            LINT_PARTS_DEPTH_MAX);
	if (type != NULL)
		read_type(type->value, &p);
	if (strchr(p.type, '/') == NULL)
		return fail(w, LINT_MIME, "Content-Type \"%.60s\" is no type", p.type);
	p.coding = coding == NULL ? CODING_7BIT : read_coding(coding->value);
	if (p.coding == CODING_ODD || p.coding == CODING_BINARY)
		return fail(w, LINT_MIME, "a part's Content-Transfer-Encoding is not one for mail");
	if (strncmp(p.type, "multipart/", 10) == 0)
		return check_multipart(w, &p, depth);
	return check_leaf(w, &p);
}

bool lint_parts_check(const struct lint_message *m, struct lint_parts_fault *out)
{
	struct walk w = { .fault = out };

	*out = (struct lint_parts_fault){ .id = LINT_N };
	return check_part(&w, m, 0);
}

void lint_look_at_parts(struct lint_look *k)
{
	struct lint_parts_fault fault;

	if (!lint_parts_check(&k->message, &fault))
		lint_tell(k, fault.id, "%s", fault.what);
}
