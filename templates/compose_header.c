/* compose_header.c - the fields of a message, in the order people expect them. */
#include <errno.h>
#include <strings.h>

#include "templates/composing.h"
#include "templates/mailbox.h"
#include "templates/utf8.h"

/* Values that come from the campaign or the envelope, not from a program that checked them. */
static bool is_clean(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return utf8_first_bad(s) == s.bytes;
}

int compose_field(struct compose *c, const char *name, enum header_kind kind, struct span value)
{
	const char *why = is_clean(value) ? header_put(&c->out, name, kind, value, &c->utf8)
	                                  : "not UTF-8 or a control character";

	return why == NULL ? 0 : row_fails(c, name, why);
}

static int put_field(struct compose *c, const struct field_tpl *f)
{
	size_t i = (size_t)(f - c->job.tpl->fields.at);
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
	return why == NULL
	           ? 0
	           : err_set(c->err, f->value.file, f->line, 1, -EINVAL, "%s: %s", f->name, why);
}

static int put_to(struct compose *c)
{
	struct span to = c->job.envelope.rcpt_to, for_all = c->job.campaign->to;
	const char *why;

	if (for_all.bytes != 0)
		return compose_field(c, "To",
		                     span_eq(for_all, span_str(TPL_TO_NOBODY)) ? HEADER_TOKENS
		                                                               : HEADER_MAILBOX,
		                     for_all);
	if (!address_is_valid(to) || !is_clean(to))
		return row_fails(c, "To", "the recipient's address is not local@domain");
	buf_str(&c->out, "To: ");
	why = header_put_address(&c->out, to, &c->utf8);
	buf_str(&c->out, "\r\n");
	return why == NULL ? 0 : row_fails(c, "To", why);
}

static int put_message_id(struct compose *c)
{
	struct span domain = c->job.campaign->id_domain;
	char ascii[MAILBOX_DOMAIN_MAX + 1];

	if (!is_clean(domain) || !domain_is_valid(domain) || !domain_to_ascii(domain, ascii))
		return row_fails(c, "Message-ID", "the domain for it is no domain");
	buf_str(&c->out, "Message-ID: <");
	buf_str(&c->out, c->ids.message);
	buf_str(&c->out, "@");
	buf_str(&c->out, ascii);
	buf_str(&c->out, ">\r\n");
	return 0;
}

/* Header fields in the order people expect them: what is ours first, then as the template has it.
 */
int compose_header(struct compose *c)
{
	const struct tpl_job *job = &c->job;
	const struct fields *fields = &job->tpl->fields;
	const struct field_tpl *from = fields_find(fields, "From"),
			       *subject = fields_find(fields, "Subject");
	size_t start = c->out.bytes, from_at;
	char date[IDS_DATE_BYTES];
	int r;

	if (ids_date(job->first_attempt_s, date) != 0)
		return row_fails(c, "Date", "the first attempt is before 1970 or after 9999");
	if ((r = compose_field(c, "Date", HEADER_TOKENS, span_str(date))) != 0)
		return r;
	from_at = c->out.bytes;
	r = from != NULL ? put_field(c, from)
	                 : compose_field(c, "From", HEADER_MAILBOX, job->campaign->from);
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
	if ((r = compose_list_fields(c)) != 0)
		return r;
	buf_str(&c->out, "MIME-Version: 1.0\r\n");
	if (c->out.bytes - start > HEADER_BLOCK_BYTES_MAX)
		return row_fails(c, "header", "over 16384 bytes, which receivers refuse");
	return 0;
}
