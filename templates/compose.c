/* compose.c - one row through a compiled template into an RFC 5322 message.
 *
 * The slab is filled from its front: decoded fields, subject, HTML and text, which scanners read,
 * then the message itself.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "templates/composing.h"
#include "templates/dkim.h"
#include "templates/html_text.h"
#include "templates/render.h"
#include "templates/token.h"
#include "templates/utf8.h"

enum { BOUNDARY_TURNS_MAX = 8 };

int row_fails(struct compose *c, const char *what, const char *why)
{
	return err_set(c->err, c->job.tpl->message_file, 0, 0, -EINVAL, "%s: %s", what, why);
}

/* ---- the token ---- */

/* First of all, since bodies may show the address. */
static int make_token(struct compose *c)
{
	const struct tpl_campaign *campaign = c->job.campaign;
	struct tpl_token t = { .campaign = campaign->id, .row = (uint32_t)c->job.number };
	size_t from = c->out.bytes;

	if (campaign->unsubscribe_url.bytes == 0 && campaign->unsubscribe_mailto.bytes == 0)
		return 0;
	if (campaign->tenant.bytes <= TPL_TOKEN_NAME_MAX && campaign->tenant.bytes != 0)
		memcpy(t.tenant, campaign->tenant.at, campaign->tenant.bytes);
	if (campaign->stream.bytes <= TPL_TOKEN_NAME_MAX && campaign->stream.bytes != 0)
		memcpy(t.stream, campaign->stream.at, campaign->stream.bytes);
	if (c->job.tokens == NULL || c->job.number > UINT32_MAX ||
	    token_make_with(c->sha, c->job.tokens, &t, c->job.first_attempt_s, c->token) == 0)
		return row_fails(c, "List-Unsubscribe", "no key for a token of this time");
	if (campaign->unsubscribe_url.bytes != 0) {
		buf_span(&c->out, campaign->unsubscribe_url);
		buf_str(&c->out, c->token);
		c->job.unsubscribe_url = buf_since(&c->out, from);
	}
	return c->out.full ? -ENOSPC : 0;
}

/* ---- rendering ---- */

static int render_field(struct compose *c, uint32_t i, struct span *value)
{
	const struct field_tpl *f = &c->job.tpl->fields.at[i];
	size_t from = c->out.bytes;
	int r = render(&f->value, &c->job, &c->out, c->err);

	*value = buf_since(&c->out, from);
	return r;
}

/* The subject stands alone, since scanners know it by its label; the rest are lines of one text. */
static int render_fields(struct compose *c)
{
	const struct fields *fields = &c->job.tpl->fields;
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
	const struct tpl *tpl = c->job.tpl;
	size_t from = c->out.bytes;
	int r;

	c->html = tpl->fixed_html.text;
	c->text = tpl->fixed_text.text;
	if (tpl->has_html && c->html.at == NULL) {
		if ((r = render(&tpl->html, &c->job, &c->out, c->err)) != 0)
			return r;
		c->html = buf_since(&c->out, from);
		from = c->out.bytes;
	}
	if (c->text.at != NULL)
		return c->out.full ? -ENOSPC : 0;
	if (tpl->has_text && (r = render(&tpl->text, &c->job, &c->out, c->err)) != 0)
		return r;
	if (!tpl->has_text)
		html_text(c->html, &c->out);
	c->text = buf_since(&c->out, from);
	return c->out.full ? -ENOSPC : 0;
}

/* ---- names ---- */

static bool occurs(struct span in, const char *what)
{
	return in.bytes != 0 && what[0] != '\0' &&
	       memmem(in.at, in.bytes, what, strlen(what)) != NULL;
}

/* RFC 2046 5.1.1: the boundary may not occur in a part. A keyed hash does so only by a template
 * made for it, and then the next one is taken.
 */
static int name_it(struct compose *c)
{
	const struct tpl_job *job = &c->job;
	struct ids next;

	if (occurs(c->text, job->tpl->assets.boundary) ||
	    occurs(c->html, job->tpl->assets.boundary))
		return row_fails(c, "boundary", "that of the files is in the body");
	if (ids_make(c->sha, job->campaign, job->number, 0, &c->ids) != 0)
		return row_fails(c, "Message-ID", "the crypto library failed");
	for (uint32_t turn = 1; turn < BOUNDARY_TURNS_MAX; turn++) {
		if (!occurs(c->text, c->ids.boundary) && !occurs(c->html, c->ids.boundary))
			return 0;
		if (ids_make(c->sha, job->campaign, job->number, turn, &next) != 0)
			break;
		memcpy(c->ids.boundary, next.boundary, sizeof(next.boundary));
	}
	return row_fails(c, "boundary", "every one tried occurs in the body");
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
	const struct tpl_job *job = &c->job;
	struct dkim_piece body[PIECES_MAX];
	struct dkim_message m = { .header = span_of(c->out.at + c->header_at,
		                                    c->body_at - 2 - c->header_at),
		                  .body = body,
		                  .n_body = c->n_pieces,
		                  .from_domain = domain_of(c->from_line),
		                  .sign_with = job->campaign->sign_with,
		                  .signed_s = job->first_attempt_s,
		                  .no_expiry = job->no_expiry };
	size_t from = c->out.bytes, header = c->body_at - c->header_at;
	const char *why;

	memcpy(body, c->pieces, c->n_pieces * sizeof(body[0]));
	body[0].bytes = span_of(body[0].bytes.at + header, body[0].bytes.bytes - header);
	/* Files that stand first were hashed when the template was opened. */
	if (job->campaign->files_first && job->tpl->assets.mixed_is_fixed) {
		memcpy(m.prefix, job->tpl->assets.prefix, sizeof(m.prefix));
		m.body += 2;
		m.n_body -= 2;
	}
	why = dkim_sign(job->signers, &m, c->sha, &c->out);
	if (why != NULL)
		return row_fails(c, "DKIM-Signature", why);
	if (c->out.bytes != from)
		out->wire[out->n_wire++] = buf_since(&c->out, from);
	return c->out.full ? -ENOSPC : 0;
}

static void add_text(struct tpl_out *out, enum tpl_label label, struct span bytes, bool is_fixed)
{
	if (bytes.bytes == 0)
		return;
	assert(out->n_text < TPL_TEXTS_MAX);
	out->text[out->n_text++] = (struct tpl_text){ .bytes = bytes,
		                                      .label = label,
		                                      .segment = is_fixed ? 1 + label : 0 };
}

static void compose_init(struct compose *c, const struct tpl_job *job, uint8_t *slab,
                         size_t slab_bytes, struct tpl_err *err)
{
	c->job = *job;
	c->job.unsubscribe_url = span_of(NULL, 0);
	/* sizes cross the door in 32 bits */
	c->out =
	    (struct buf){ .at = slab, .max = slab_bytes < UINT32_MAX ? slab_bytes : UINT32_MAX };
	c->err = err;
	c->fields = c->subject = c->html = c->text = c->from_line = span_of(NULL, 0);
	c->utf8 = c->has_8bit = false;
	c->token[0] = '\0';
	c->header_at = c->body_at = c->piece_at = 0;
	c->n_pieces = 0;
}

static int compose(struct compose *c, struct tpl_out *out)
{
	const struct tpl_job *job = &c->job;
	struct tpl_out made = { .n_wire = 0 };
	int r;

	if ((r = make_token(c)) != 0 || (r = render_fields(c)) != 0 ||
	    (r = render_bodies(c)) != 0 || (r = name_it(c)) != 0)
		return r;
	c->header_at = c->piece_at = c->out.bytes;
	if ((r = compose_header(c)) != 0)
		return r;
	compose_parts(c);
	if (c->out.full)
		return -ENOSPC;
	made.needs_8bit = c->has_8bit;
	made.needs_smtputf8 = c->utf8 || !utf8_is_ascii(job->envelope.mail_from);
	if (job->signers != NULL && (r = sign(c, &made)) != 0)
		return r;
	for (uint32_t i = 0; i < c->n_pieces; i++)
		made.wire[made.n_wire++] = c->pieces[i].bytes;
	for (uint32_t i = 0; i < made.n_wire; i++)
		made.size_bytes += (uint32_t)made.wire[i].bytes;
	add_text(&made, TPL_LABEL_SUBJECT, c->subject, false);
	add_text(&made, TPL_LABEL_HEADER, c->fields, false);
	add_text(&made, TPL_LABEL_FINAL_HEADER,
	         span_of(c->out.at + c->header_at, c->body_at - 2 - c->header_at), false);
	add_text(&made, TPL_LABEL_TEXT, c->text, job->tpl->fixed_text.text.at != NULL);
	add_text(&made, TPL_LABEL_HTML, c->html, job->tpl->fixed_html.text.at != NULL);
	add_text(&made, TPL_LABEL_FILE_NAMES, job->tpl->assets.names, true);
	add_text(&made, TPL_LABEL_FILE_TEXT, job->tpl->assets.texts, true);
	add_text(&made, TPL_LABEL_FILE_HTML, job->tpl->assets.htmls, true);
	add_text(&made, TPL_LABEL_FILES, job->tpl->assets.bytes, true);
	*out = made;
	return 0;
}

int tpl_compose(const struct tpl_job *job, uint8_t *slab, size_t slab_bytes, struct tpl_out *out,
                struct tpl_err *err)
{
	struct compose c;
	int r;

	assert(job->variant == 0); /* one version is all there is */
	compose_init(&c, job, slab, slab_bytes, err);
	*err = (struct tpl_err){ 0 };
	c.sha = sha_new();
	r = c.sha == NULL ? row_fails(&c, "SHA-256", "no memory for it") : compose(&c, out);
	EVP_MD_CTX_free(c.sha);
	return r;
}
