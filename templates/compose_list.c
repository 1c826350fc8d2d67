/* compose_list.c - fields that say what kind of mail this is, who sends it and how to leave it.
 *
 * A field that the template writes itself is its own: ours is left out.
 */
#include <strings.h>

#include "templates/composing.h"

enum { FEEDBACK_BYTES_MAX = 512 };

static bool is_written(const struct compose *c, const char *name)
{
	return fields_find(&c->job.tpl->fields, name) != NULL;
}

/* RFC 2369 3.2, RFC 8058 3.1: an https address that a POST alone unsubscribes, a mail address for
 * those that cannot.
 */
static int put_unsubscribe(struct compose *c)
{
	const struct tpl_campaign *campaign = c->job.campaign;
	struct span mailto = campaign->unsubscribe_mailto, url = c->job.unsubscribe_url;
	size_t from;
	int r;

	if (c->token[0] == '\0' || campaign->class != TPL_CLASS_BULK ||
	    is_written(c, "List-Unsubscribe"))
		return 0;
	from = c->out.bytes; /* the value is put together first, then written as a field */
	buf_str(&c->out, url.bytes != 0 ? "<" : "");
	buf_span(&c->out, url);
	buf_str(&c->out, url.bytes == 0 ? "" : mailto.bytes != 0 ? ">, " : ">");
	buf_str(&c->out, mailto.bytes != 0 ? "<mailto:" : "");
	buf_span(&c->out, mailto);
	if (mailto.bytes != 0) {
		buf_str(&c->out, "?subject=");
		buf_str(&c->out, c->token);
		buf_str(&c->out, ">");
	}
	if (c->out.full)
		return 0; /* told at the end */
	{
		uint8_t value[HEADER_WORD_BYTES_MAX * 2];
		struct span made = buf_since(&c->out, from);

		if (made.bytes > sizeof(value))
			return row_fails(c, "List-Unsubscribe", "its addresses are too long");
		memcpy(value, made.at, made.bytes);
		c->out.bytes = from;
		r = compose_field(c, "List-Unsubscribe", HEADER_TOKENS, span_of(value, made.bytes));
	}
	if (r != 0 || url.bytes == 0 || is_written(c, "List-Unsubscribe-Post"))
		return r;
	buf_str(&c->out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
	return 0;
}

/* campaign:stream:tenant:sender, nothing of the recipient. */
static int put_feedback_id(struct compose *c)
{
	const struct tpl_campaign *campaign = c->job.campaign;
	const struct span parts[] = { campaign->name, campaign->stream, campaign->tenant,
		                      campaign->feedback_id };
	uint8_t value[FEEDBACK_BYTES_MAX];
	size_t n = 0;

	if (campaign->feedback_id.bytes == 0 || is_written(c, "Feedback-ID"))
		return 0;
	for (int i = 0; i < 4; i++) {
		if (parts[i].bytes + 1 > sizeof(value) - n)
			return row_fails(c, "Feedback-ID", "over 512 bytes");
		if (i != 0)
			value[n++] = ':';
		if (parts[i].bytes != 0)
			memcpy(value + n, parts[i].at, parts[i].bytes);
		n += parts[i].bytes;
	}
	return compose_field(c, "Feedback-ID", HEADER_TOKENS, span_of(value, n));
}

int compose_list_fields(struct compose *c)
{
	const struct tpl_campaign *campaign = c->job.campaign;
	int r = 0;

	if (campaign->list_id.bytes != 0 && !is_written(c, "List-Id"))
		r = compose_field(c, "List-Id", HEADER_TOKENS, campaign->list_id);
	if (r == 0)
		r = put_unsubscribe(c);
	if (r == 0)
		r = put_feedback_id(c);
	if (r == 0 && campaign->class == TPL_CLASS_BULK && !is_written(c, "Precedence"))
		buf_str(&c->out, "Precedence: bulk\r\n");
	if (r == 0 && campaign->class == TPL_CLASS_TRANSACTIONAL &&
	    !is_written(c, "Auto-Submitted"))
		buf_str(&c->out, "Auto-Submitted: auto-generated\r\n");
	return r;
}
