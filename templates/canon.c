/* canon.c - the two canonicalisations of DKIM (RFC 6376 3.4), for bodies in pieces and fields
 * whole.
 *
 * What comes out is nearly always what came in, so runs of unchanged bytes go to the sink whole.
 */
#include "templates/canon.h"

#include <assert.h>
#include <ctype.h>

enum { FIELD_CHUNK_BYTES = 512 };

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

/* Bytes from the front that relaxed canonicalisation leaves alone: up to a CR, a tab, or a space
 * that no other byte than these follows.
 */
static size_t plain_bytes(const uint8_t *at, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (at[i] > ' ')
			i++;
		else if (at[i] == ' ' && i != 0 && i + 1 < n && at[i + 1] > ' ')
			i += 2;
		else if (is_blank(at[i]) || at[i] == '\r')
			break;
		else
			i++;
	}
	return i;
}

/* ---- bodies ---- */

void canon_body_init(struct canon_body *c, enum canon how, canon_sink_fn *sink, void *ctx)
{
	*c = (struct canon_body){ .sink = sink, .ctx = ctx, .relaxed = how == CANON_RELAXED };
}

/* What was held back turns out to stand before content. */
static void put_gap(struct canon_body *c)
{
	for (; c->crlfs != 0; c->crlfs--)
		c->sink(c->ctx, "\r\n", 2);
	if (c->blank)
		c->sink(c->ctx, " ", 1);
	c->blank = false;
}

static void content(struct canon_body *c, const uint8_t *at, size_t bytes)
{
	put_gap(c);
	c->sink(c->ctx, at, bytes);
	c->content = true;
}

static void line_end(struct canon_body *c)
{
	c->blank = false; /* 3.4.4: blanks at the end of a line are ignored */
	c->crlfs++;
}

/* True when the held back bytes are the `n` before `at` as they stand. */
static bool gap_is_as_it_stands(const struct canon_body *c, const uint8_t *at, size_t n)
{
	return n == 2 * c->crlfs + c->blank && (!c->blank || at[-1] == ' ');
}

static size_t content_bytes(const struct canon_body *c, const uint8_t *at, size_t n)
{
	if (!c->relaxed) {
		const uint8_t *cr = memchr(at, '\r', n);

		return cr == NULL ? n : (size_t)(cr - at);
	}
	return plain_bytes(at, n);
}

void canon_body_add(struct canon_body *c, struct span piece)
{
	const uint8_t *at = piece.at, *end = at + piece.bytes;
	const uint8_t *run = NULL, *run_end = NULL; /* content not yet written */

	if (piece.bytes == 0)
		return;
	if (c->cr) {
		c->cr = false;
		if (*at == '\n') {
			line_end(c);
			at++;
		} else {
			content(c, (const uint8_t *)"\r", 1);
		}
	}
	while (at < end) {
		size_t n;

		if (c->relaxed && is_blank(*at)) {
			c->blank = true;
			at++;
			continue;
		}
		if (*at == '\r' && at + 1 == end) {
			c->cr = true;
			break;
		}
		if (*at == '\r' && at[1] == '\n') {
			line_end(c);
			at += 2;
			continue;
		}
		/* a CR alone is content like any other byte */
		n = *at == '\r' ? 1 : content_bytes(c, at, (size_t)(end - at));
		if (run != NULL && gap_is_as_it_stands(c, at, (size_t)(at - run_end))) {
			c->crlfs = 0;
			c->blank = false;
		} else {
			if (run != NULL)
				c->sink(c->ctx, run, (size_t)(run_end - run));
			put_gap(c);
			run = at;
		}
		run_end = at += n;
	}
	if (run != NULL) {
		c->sink(c->ctx, run, (size_t)(run_end - run));
		c->content = true;
	}
}

struct comparing {
	struct span rest;
	bool same;
};

static void compare(void *ctx, const void *bytes, size_t n)
{
	struct comparing *c = ctx;
	struct span part;

	c->same = c->same && span_take(&c->rest, n, &part) && memcmp(part.at, bytes, n) == 0;
}

/* Without the line ends at its end. */
static struct span without_end(struct span lines)
{
	while (lines.bytes >= 2 && memcmp(lines.at + lines.bytes - 2, "\r\n", 2) == 0)
		lines.bytes -= 2;
	return lines;
}

bool canon_is_fixed(struct span lines)
{
	struct span text = without_end(lines);

	if (text.bytes == lines.bytes || text.bytes == 0)
		return false;
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++) {
		struct comparing as = { .rest = text, .same = true };
		struct canon_body c;

		canon_body_init(&c, (enum canon)how, compare, &as);
		canon_body_add(&c, lines);
		if (!as.same || as.rest.bytes != 0)
			return false;
	}
	return true;
}

void canon_body_add_fixed(struct canon_body *c, struct span lines)
{
	struct span text = without_end(lines);

	assert(!c->cr && !c->blank && (c->crlfs != 0 || !c->content));
	content(c, text.at, text.bytes);
	c->crlfs = (lines.bytes - text.bytes) / 2;
}

/* 3.4.3, 3.4.4: of line ends at the end one stays, and is added where there is none; an empty body
 * is one line end when simple and nothing when relaxed.
 */
void canon_body_end(struct canon_body *c)
{
	if (c->cr)
		content(c, (const uint8_t *)"\r", 1);
	if (c->content || !c->relaxed)
		c->sink(c->ctx, "\r\n", 2);
}

/* ---- fields ---- */

struct chunk {
	canon_sink_fn *sink;
	void *ctx;
	size_t n;
	uint8_t bytes[FIELD_CHUNK_BYTES];
};

static void flush(struct chunk *to)
{
	if (to->n != 0)
		to->sink(to->ctx, to->bytes, to->n);
	to->n = 0;
}

static void put(struct chunk *to, uint8_t b)
{
	if (to->n == sizeof(to->bytes))
		flush(to);
	to->bytes[to->n++] = b;
}

static void put_run(struct chunk *to, const uint8_t *at, size_t n)
{
	if (n > sizeof(to->bytes) - to->n)
		flush(to);
	if (n > sizeof(to->bytes)) {
		to->sink(to->ctx, at, n);
		return;
	}
	memcpy(to->bytes + to->n, at, n);
	to->n += n;
}

/* 3.4.2: the name in lower case, no blanks around the colon, unfolded, runs of blanks one space and
 * none at the end.
 */
static void relaxed_field(struct span f, struct chunk *to)
{
	const uint8_t *colon = memchr(f.at, ':', f.bytes);
	size_t name = colon == NULL ? f.bytes : (size_t)(colon - f.at), i = name + 1;
	bool blank = false, any = false;

	while (name != 0 && is_blank(f.at[name - 1]))
		name--;
	for (size_t n = 0; n < name; n++)
		put(to, (uint8_t)tolower(f.at[n]));
	put(to, ':');
	while (i < f.bytes) {
		bool fold = f.at[i] == '\r' && i + 1 < f.bytes && f.at[i + 1] == '\n';
		size_t n;

		if (fold || is_blank(f.at[i])) {
			i += 1 + fold;
			blank |= !fold;
			continue;
		}
		if (blank && any)
			put(to, ' ');
		blank = false;
		any = true;
		n = plain_bytes(f.at + i, f.bytes - i);
		n += n == 0; /* a CR that is no fold */
		put_run(to, f.at + i, n);
		i += n;
	}
}

void canon_field(enum canon how, struct span field, bool line_end, canon_sink_fn *sink, void *ctx)
{
	struct chunk to = { .sink = sink, .ctx = ctx };

	if (how == CANON_RELAXED) {
		relaxed_field(field, &to);
	} else {
		sink(ctx, field.at, field.bytes);
	}
	if (line_end) {
		put(&to, '\r');
		put(&to, '\n');
	}
	flush(&to);
}
