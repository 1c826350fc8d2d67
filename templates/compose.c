/* compose.c - one row through a compiled template into an RFC 5322 message.
 *
 * The slab is filled from its front: decoded fields, subject, HTML and text, which scanners read,
 * then the message itself.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "templates/compiled.h"
#include "templates/dkim.h"
#include "templates/html_text.h"
#include "templates/ids.h"
#include "templates/mailbox.h"
#include "templates/mime.h"
#include "templates/render.h"
#include "templates/utf8.h"

enum { BOUNDARY_TURNS_MAX = 8 };

struct compose {
	const struct tpl_job *job;
	struct buf out;
	struct tpl_err *err;
	struct span values[FIELDS_MAX]; /* rendered header values, by field */
	struct span fields;             /* all of them but the subject, as lines */
	struct span subject, html, text;
	bool utf8; /* an address needs SMTPUTF8 */
	struct ids ids;
	struct span from_line;     /* the From field, as written */
	size_t header_at, body_at; /* where they begin in `out`; the empty line is between */
};

static int row_fails(struct compose *c, const char *file, uint32_t line, const char *what,
                     const char *why)
{
	return err_set(c->err, file, line, line != 0, -EINVAL, "%s: %s", what, why);
}

/* ---- rendering ---- */

static int render_field(struct compose *c, uint32_t i, struct span *value)
{
	const struct field_tpl *f = &c->job->tpl->fields.at[i];
	size_t from = c->out.bytes;
	int r = render(&f->value, c->job, &c->out, c->err);

	*value = buf_since(&c->out, from);
	return r;
}

/* The subject stands alone, since scanners know it by its label; the rest are lines of one text. */
static int render_fields(struct compose *c)
{
	const struct fields *fields = &c->job->tpl->fields;
	size_t from = c->out.bytes;
	int r;

	for (uint32_t i = 0; i < fields->n; i++) {
		const struct field_tpl *f = &fields->at[i];

		if (f == fields_find(fields, "Subject"))
			continue;
		buf_str(&c->out, f->name);
		buf_str(&c->out, ":");
		if ((r = render_field(c, i, &c->values[i])) != 0)
			return r;
		buf_str(&c->out, "\r\n");
	}
	c->fields = buf_since(&c->out, from);
	for (uint32_t i = 0; i < fields->n; i++) {
		if (&fields->at[i] != fields_find(fields, "Subject"))
			continue;
		if ((r = render_field(c, i, &c->values[i])) != 0)
			return r;
		c->subject = c->values[i];
		while (c->subject.bytes != 0 && c->subject.at[0] == ' ') { /* after the colon */
			c->subject.at++;
			c->subject.bytes--;
		}
	}
	return 0;
}

static int render_bodies(struct compose *c)
{
	const struct tpl *tpl = c->job->tpl;
	size_t from = c->out.bytes;
	int r;

	if (tpl->has_html) {
		if ((r = render(&tpl->html, c->job, &c->out, c->err)) != 0)
			return r;
		c->html = buf_since(&c->out, from);
		from = c->out.bytes;
	}
	if (tpl->has_text && (r = render(&tpl->text, c->job, &c->out, c->err)) != 0)
		return r;
	if (!tpl->has_text)
		html_text(c->html, &c->out);
	c->text = buf_since(&c->out, from);
	return c->out.full ? -ENOSPC : 0;
}

/* ---- names ---- */

static bool occurs(struct span in, const char *what)
{
	return in.bytes != 0 && memmem(in.at, in.bytes, what, strlen(what)) != NULL;
}

/* RFC 2046 5.1.1: the boundary may not occur in a part. A keyed hash does so only by a template
 * made for it, and then the next one is taken.
 */
static int name_it(struct compose *c)
{
	const struct tpl_job *job = c->job;
	struct ids next;

	if (ids_make(job->campaign, job->number, 0, &c->ids) != 0)
		return row_fails(c, "message.liquid", 0, "Message-ID", "the crypto library failed");
	for (uint32_t turn = 1; turn < BOUNDARY_TURNS_MAX; turn++) {
		if (!occurs(c->text, c->ids.boundary) && !occurs(c->html, c->ids.boundary))
			return 0;
		if (ids_make(job->campaign, job->number, turn, &next) != 0)
			break;
		memcpy(c->ids.boundary, next.boundary, sizeof(next.boundary));
	}
	return row_fails(c, "message.liquid", 0, "boundary", "every one tried occurs in the body");
}

/* ---- the header ---- */

/* Values that come from the campaign or the envelope, not from a program that checked them. */
static bool is_clean(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return utf8_first_bad(s) == s.bytes;
}

static int put_own(struct compose *c, const char *name, enum header_kind kind, struct span value)
{
	const char *why = is_clean(value) ? header_put(&c->out, name, kind, value, &c->utf8)
	                                  : "not UTF-8 or a control character";

	return why == NULL ? 0 : row_fails(c, "message.liquid", 0, name, why);
}

static int put_field(struct compose *c, const struct field_tpl *f)
{
	size_t i = (size_t)(f - c->job->tpl->fields.at);
	struct span value = c->values[i];
	size_t blanks = 0;
	const char *why;

	while (blanks < value.bytes && (value.at[blanks] == ' ' || value.at[blanks] == '\t'))
		blanks++;
	/* an optional field that is empty for this row is left out */
	if (blanks == value.bytes && strcasecmp(f->name, "From") != 0 &&
	    strcasecmp(f->name, "Subject") != 0)
		return 0;
	why = header_put(&c->out, f->name, f->kind, value, &c->utf8);
	return why == NULL ? 0 : row_fails(c, f->value.file, f->line, f->name, why);
}

static int put_to(struct compose *c)
{
	struct span to = c->job->envelope.rcpt_to;
	const char *why;

	if (!address_is_valid(to) || !is_clean(to))
		return row_fails(c, "message.liquid", 0, "To",
		                 "the recipient's address is not local@domain");
	buf_str(&c->out, "To: ");
	why = header_put_address(&c->out, to, &c->utf8);
	buf_str(&c->out, "\r\n");
	return why == NULL ? 0 : row_fails(c, "message.liquid", 0, "To", why);
}

static int put_message_id(struct compose *c)
{
	struct span domain = c->job->campaign->id_domain;
	char ascii[MAILBOX_DOMAIN_MAX + 1];

	if (!is_clean(domain) || !domain_is_valid(domain) || !domain_to_ascii(domain, ascii))
		return row_fails(c, "message.liquid", 0, "Message-ID",
		                 "the domain for it is no domain");
	buf_str(&c->out, "Message-ID: <");
	buf_str(&c->out, c->ids.message);
	buf_str(&c->out, "@");
	buf_str(&c->out, ascii);
	buf_str(&c->out, ">\r\n");
	return 0;
}

/* Header fields in the order people expect them: what is ours first, then as the template has it.
 */
static int put_header(struct compose *c)
{
	const struct tpl_job *job = c->job;
	const struct fields *fields = &job->tpl->fields;
	const struct field_tpl *from = fields_find(fields, "From"),
			       *subject = fields_find(fields, "Subject");
	size_t start = c->out.bytes, from_at;
	char date[IDS_DATE_BYTES];
	int r;

	if (ids_date(job->first_attempt_s, date) != 0)
		return row_fails(c, "message.liquid", 0, "Date",
		                 "the first attempt is before 1970 or after 9999");
	if ((r = put_own(c, "Date", HEADER_TOKENS, span_str(date))) != 0)
		return r;
	from_at = c->out.bytes;
	r = from != NULL ? put_field(c, from)
	                 : put_own(c, "From", HEADER_MAILBOX, job->campaign->from);
	c->from_line = buf_since(&c->out, from_at);
	if (r != 0 || (r = put_to(c)) != 0 || (r = put_field(c, subject)) != 0)
		return r;
	if ((r = put_message_id(c)) != 0)
		return r;
	for (uint32_t i = 0; i < fields->n; i++) {
		const struct field_tpl *f = &fields->at[i];

		if (f != from && f != subject && (r = put_field(c, f)) != 0)
			return r;
	}
	buf_str(&c->out, "MIME-Version: 1.0\r\n");
	if (c->out.bytes - start > HEADER_BLOCK_BYTES_MAX)
		return row_fails(c, "message.liquid", 0, "header",
		                 "over 16384 bytes, which receivers refuse");
	return 0;
}

/* ---- the parts ---- */

/* Ends the header of the message, or of a part. */
static void end_header(struct compose *c)
{
	if (c->body_at == 0)
		c->body_at = c->out.bytes + 2;
	buf_str(&c->out, "\r\n");
}

static void put_part(struct compose *c, const char *type, struct span body)
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

static void put_delimiter(struct compose *c, const char *tail)
{
	buf_str(&c->out, "--=_");
	buf_str(&c->out, c->ids.boundary);
	buf_str(&c->out, tail);
}

/* The line end before a delimiter belongs to it (RFC 2046 5.1.1), so that a part is what its body
 * was, to the byte.
 */
static void put_parts(struct compose *c)
{
	if (!c->job->tpl->has_html) {
		size_t from = c->out.bytes;
		struct span tail;

		put_part(c, "plain", c->text);
		tail = buf_since(&c->out, from);
		if (tail.bytes < 2 || tail.at[tail.bytes - 1] != '\n')
			buf_str(&c->out, "\r\n");
		return;
	}
	buf_str(&c->out, "Content-Type: multipart/alternative;\r\n boundary=\"=_");
	buf_str(&c->out, c->ids.boundary);
	buf_str(&c->out, "\"\r\n");
	end_header(c);
	put_delimiter(c, "\r\n");
	put_part(c, "plain", c->text);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "\r\n");
	put_part(c, "html", c->html);
	buf_str(&c->out, "\r\n");
	put_delimiter(c, "--\r\n");
}

/* ---- signing ---- */

/* Of a From field that mailbox_read() took: the address ends it, its domain is ASCII. */
static struct span domain_of(struct span from_line)
{
	const uint8_t *sign = memrchr(from_line.at, '@', from_line.bytes);
	size_t n = 0, most;

	if (sign == NULL)
		return span_of(NULL, 0);
	most = (size_t)(from_line.at + from_line.bytes - (sign + 1));
	while (n < most && sign[1 + n] > ' ' && sign[1 + n] != '>')
		n++;
	return span_of(sign + 1, n);
}

/* Signatures stand above what they sign, and are made when it is complete: a span of their own. */
static int sign(struct compose *c, struct tpl_out *out)
{
	const struct tpl_job *job = c->job;
	struct span body = buf_since(&c->out, c->body_at);
	struct dkim_message m = { .header = span_of(c->out.at + c->header_at,
		                                    c->body_at - 2 - c->header_at),
		                  .body = &body,
		                  .n_body = 1,
		                  .from_domain = domain_of(c->from_line),
		                  .sign_with = job->campaign->sign_with,
		                  .signed_s = job->first_attempt_s };
	size_t from = c->out.bytes;
	const char *why = dkim_sign(job->signers, &m, &c->out);

	if (why != NULL)
		return row_fails(c, "message.liquid", 0, "DKIM-Signature", why);
	if (c->out.bytes != from)
		out->wire[out->n_wire++] = buf_since(&c->out, from);
	return c->out.full ? -ENOSPC : 0;
}

static void add_text(struct tpl_out *out, enum tpl_label label, struct span bytes)
{
	if (bytes.bytes == 0)
		return;
	assert(out->n_text < TPL_TEXTS_MAX);
	out->text[out->n_text++] = (struct tpl_text){ .bytes = bytes, .label = label };
}

int tpl_compose(const struct tpl_job *job, uint8_t *slab, size_t slab_bytes, struct tpl_out *out,
                struct tpl_err *err)
{
	struct compose c = { .job = job, .err = err, .out = { .at = slab, .max = slab_bytes } };
	struct tpl_out made;
	struct span message;
	int r;

	assert(job->variant == 0);  /* one version is all there is */
	if (c.out.max > UINT32_MAX) /* sizes cross the door in 32 bits */
		c.out.max = UINT32_MAX;
	*err = (struct tpl_err){ 0 };
	if ((r = render_fields(&c)) != 0 || (r = render_bodies(&c)) != 0 || (r = name_it(&c)) != 0)
		return r;
	c.header_at = c.out.bytes;
	if ((r = put_header(&c)) != 0)
		return r;
	put_parts(&c);
	if (c.out.full)
		return -ENOSPC;
	message = buf_since(&c.out, c.header_at);
	made =
	    (struct tpl_out){ .needs_smtputf8 = c.utf8 || !utf8_is_ascii(job->envelope.mail_from) };
	if (job->signers != NULL && (r = sign(&c, &made)) != 0)
		return r;
	made.wire[made.n_wire++] = message;
	for (uint32_t i = 0; i < made.n_wire; i++)
		made.size_bytes += (uint32_t)made.wire[i].bytes;
	add_text(&made, TPL_LABEL_SUBJECT, c.subject);
	add_text(&made, TPL_LABEL_HEADER, c.fields);
	add_text(&made, TPL_LABEL_TEXT, c.text);
	add_text(&made, TPL_LABEL_HTML, c.html);
	*out = made;
	return 0;
}
