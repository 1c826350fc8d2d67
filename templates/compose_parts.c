/* compose_parts.c - the bodies of a message as MIME parts (RFC 2045, RFC 2046, RFC 2387).
 *
 *	mixed( alternative( text, related( HTML, inline files ) ), attachments )
 *
 * each level only where it holds more than one part. Files are no bytes of this message: what is
 *the same for all stands between the pieces that are written here.
 */
#include <assert.h>

#include "templates/composing.h"
#include "templates/mime.h"

/* Ends the header of the message, or of a part. */
static void end_header(struct compose *c)
{
	if (c->body_at == 0)
		c->body_at = c->out.bytes + 2;
	buf_str(&c->out, "\r\n");
}

static void put_body(struct compose *c, const char *type, struct span body)
{
	enum mime_encoding encoding = mime_choose(body);

	buf_str(&c->out, "Content-Type: text/");
	buf_str(&c->out, type);
	buf_str(&c->out, "; charset=utf-8\r\nContent-Transfer-Encoding: ");
	buf_str(&c->out, mime_encoding_name(encoding));
	buf_str(&c->out, "\r\n");
	end_header(c);
	mime_put(&c->out, encoding, body);
}

/* `kind` tells the boundaries of one message apart; none begins with another. */
static void put_delimiter(struct compose *c, const char *kind, const char *name, const char *tail)
{
	buf_str(&c->out, "--=");
	buf_str(&c->out, kind);
	buf_str(&c->out, "_");
	buf_str(&c->out, name);
	buf_str(&c->out, tail);
}

static void begin_multipart(struct compose *c, const char *type, const char *kind, const char *name)
{
	buf_str(&c->out, "Content-Type: multipart/");
	buf_str(&c->out, type);
	buf_str(&c->out, ";\r\n boundary=\"=");
	buf_str(&c->out, kind);
	buf_str(&c->out, "_");
	buf_str(&c->out, name);
	buf_str(&c->out, "\"\r\n");
	end_header(c);
	put_delimiter(c, kind, name, "\r\n");
}

/* Ends the piece being written, and puts one after it that is not ours. */
static void put_static(struct compose *c, struct span s)
{
	assert(c->n_pieces + 2 < PIECES_MAX);
	if (c->out.bytes != c->piece_at)
		c->pieces[c->n_pieces++] = buf_since(&c->out, c->piece_at);
	if (s.bytes != 0)
		c->pieces[c->n_pieces++] = s;
	c->piece_at = c->out.bytes;
}

static void put_html(struct compose *c)
{
	const struct assets *assets = &c->job.tpl->assets;

	if (assets->related.bytes == 0) {
		put_body(c, "html", c->html);
		return;
	}
	begin_multipart(c, "related; type=\"text/html\"", "r", assets->boundary);
	put_body(c, "html", c->html);
	buf_str(&c->out, "\r\n");
	put_static(c, assets->related);
}

/* The line end before a delimiter belongs to it (RFC 2046 5.1.1), so that a part is what its body
 * was, to the byte.
 */
static void put_bodies(struct compose *c)
{
	if (!c->job.tpl->has_html) {
		put_body(c, "plain", c->text);
		return;
	}
	begin_multipart(c, "alternative", "", c->ids.boundary);
	put_body(c, "plain", c->text);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "", c->ids.boundary, "\r\n");
	put_html(c);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "", c->ids.boundary, "--\r\n");
}

void compose_parts(struct compose *c)
{
	const struct assets *assets = &c->job.tpl->assets;
	size_t from = c->out.bytes;
	struct span tail;

	if (assets->mixed.bytes == 0) {
		put_bodies(c);
		tail = buf_since(&c->out, from);
		if (tail.bytes < 2 || tail.at[tail.bytes - 1] != '\n')
			buf_str(&c->out, "\r\n");
		put_static(c, span_of(NULL, 0));
		return;
	}
	begin_multipart(c, "mixed", "m", assets->boundary);
	put_bodies(c);
	buf_str(&c->out, "\r\n");
	put_static(c, assets->mixed);
}
