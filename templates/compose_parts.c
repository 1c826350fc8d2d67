/* compose_parts.c - the bodies of a message as MIME parts (RFC 2045, RFC 2046, RFC 2387).
 *
 *	mixed( alternative( text, related( HTML, inline files ) ), attachments )
 *
 * each level only where it holds more than one part; attachments first where the campaign says so.
 *Files are no bytes of this message: what is the same for all stands between the pieces that are
 *written here.
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

static bool may_8bit(const struct compose *c)
{
	return c->job.campaign->may_8bit && !c->job.as_7bit;
}

static enum mime_encoding choose(const struct compose *c, struct span body,
                                 const struct fixed *fixed)
{
	return fixed->text.at != NULL ? fixed->encoding[may_8bit(c)]
	                              : mime_choose(body, may_8bit(c));
}

static void put_body(struct compose *c, const char *type, struct span body,
                     enum mime_encoding encoding, const struct fixed *fixed)
{
	buf_str(&c->out, "Content-Type: text/");
	buf_str(&c->out, type);
	buf_str(&c->out, "; charset=utf-8\r\nContent-Transfer-Encoding: ");
	buf_str(&c->out, mime_encoding_name(encoding));
	buf_str(&c->out, "\r\n");
	end_header(c);
	if (fixed->text.at != NULL)
		buf_span(&c->out, fixed->wire[may_8bit(c)]);
	else
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

/* What holds an 8bit part is 8bit itself (RFC 2045 6.4). */
static void begin_multipart(struct compose *c, const char *type, const char *kind, const char *name,
                            bool is_8bit)
{
	buf_str(&c->out, "Content-Type: multipart/");
	buf_str(&c->out, type);
	buf_str(&c->out, ";\r\n boundary=\"=");
	buf_str(&c->out, kind);
	buf_str(&c->out, "_");
	buf_str(&c->out, name);
	buf_str(&c->out, "\"\r\n");
	if (is_8bit)
		buf_str(&c->out, "Content-Transfer-Encoding: 8bit\r\n");
	end_header(c);
}

/* Ends the piece being written, and puts one after it that is not ours. */
static void put_static(struct compose *c, struct span s, bool is_fixed)
{
	assert(c->n_pieces + 2 < PIECES_MAX);
	if (c->out.bytes != c->piece_at)
		c->pieces[c->n_pieces++] =
		    (struct dkim_piece){ .bytes = buf_since(&c->out, c->piece_at) };
	if (s.bytes != 0)
		c->pieces[c->n_pieces++] = (struct dkim_piece){ .bytes = s, .is_fixed = is_fixed };
	c->piece_at = c->out.bytes;
}

static bool has_8bit(const struct compose *c)
{
	return c->text_encoding == MIME_8BIT || c->html_encoding == MIME_8BIT;
}

static void put_html(struct compose *c)
{
	const struct assets *assets = &c->job.tpl->assets;

	if (assets->related.bytes == 0) {
		put_body(c, "html", c->html, c->html_encoding, &c->job.tpl->fixed_html);
		return;
	}
	begin_multipart(c, "related; type=\"text/html\"", "r", assets->boundary,
	                c->html_encoding == MIME_8BIT);
	put_delimiter(c, "r", assets->boundary, "\r\n");
	put_body(c, "html", c->html, c->html_encoding, &c->job.tpl->fixed_html);
	buf_str(&c->out, "\r\n");
	put_static(c, assets->related, assets->related_is_fixed);
}

/* The line end before a delimiter belongs to it (RFC 2046 5.1.1), so that a part is what its body
 * was, to the byte.
 */
static void put_bodies(struct compose *c)
{
	if (!c->job.tpl->has_html) {
		put_body(c, "plain", c->text, c->text_encoding, &c->job.tpl->fixed_text);
		return;
	}
	begin_multipart(c, "alternative", "", c->ids.boundary, has_8bit(c));
	put_delimiter(c, "", c->ids.boundary, "\r\n");
	put_body(c, "plain", c->text, c->text_encoding, &c->job.tpl->fixed_text);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "", c->ids.boundary, "\r\n");
	put_html(c);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "", c->ids.boundary, "--\r\n");
}

void compose_parts(struct compose *c)
{
	const struct tpl *tpl = c->job.tpl;
	const struct assets *assets = &tpl->assets;
	size_t from = c->out.bytes;
	struct span tail;

	c->text_encoding = choose(c, c->text, &tpl->fixed_text);
	c->html_encoding = tpl->has_html ? choose(c, c->html, &tpl->fixed_html) : MIME_7BIT;
	c->has_8bit = has_8bit(c);
	if (assets->mixed.bytes == 0) {
		put_bodies(c);
		tail = buf_since(&c->out, from);
		if (tail.bytes < 2 || tail.at[tail.bytes - 1] != '\n')
			buf_str(&c->out, "\r\n");
		put_static(c, span_of(NULL, 0), false);
		return;
	}
	begin_multipart(c, "mixed", "m", assets->boundary, has_8bit(c));
	if (c->job.campaign->files_first)
		put_static(c, assets->mixed_parts, assets->mixed_is_fixed);
	put_delimiter(c, "m", assets->boundary, "\r\n");
	put_bodies(c);
	buf_str(&c->out, "\r\n");
	if (!c->job.campaign->files_first) {
		put_static(c, assets->mixed, assets->mixed_is_fixed);
		return;
	}
	put_delimiter(c, "m", assets->boundary, "--\r\n");
	put_static(c, span_of(NULL, 0), false);
}
