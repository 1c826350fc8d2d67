/* sample.c - the checks of a composed message, made of some before the first is sent. */
#include "control/lint/sample.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

void lint_samples_init(struct lint_samples *s, const struct lint_campaign *campaign,
                       struct lint_report *report)
{
	memset(s, 0, sizeof(*s));
	s->campaign = campaign;
	s->report = report;
}

struct span lint_text_of(const struct lint_sample *s, enum tpl_label label)
{
	for (uint32_t i = 0; i < s->n_text; i++)
		if (s->text[i].label == label)
			return s->text[i].bytes;
	return span_of(NULL, 0);
}

/* The line of the template's fields that writes this one, from 1; 0: none does. */
static uint32_t line_of(const struct lint_campaign *c, const char *field)
{
	struct span text = c->fields_text;
	size_t n = strlen(field);

	for (uint32_t line = 1; text.bytes > 0; line++) {
		const uint8_t *lf = memchr(text.at, '\n', text.bytes);
		size_t bytes = lf == NULL ? text.bytes : (size_t)(lf - text.at) + 1;

		if (bytes > n && text.at[n] == ':' &&
		    lint_same(span_of(text.at, n), span_str(field)))
			return line;
		text = span_of(text.at + bytes, text.bytes - bytes);
	}
	return 0;
}

static void tell(struct lint_look *k, enum lint_id id, const char *where, const char *fmt,
                 va_list ap)
{
	char what[LINT_WHAT_BYTES];

	vsnprintf(what, sizeof(what), fmt, ap);
	lint_found(k->all->report, id, where, "%s", what);
}

/* What all messages have in common is told once. */
static bool is_told(const struct lint_look *k, enum lint_id id)
{
	return lint_rows[id].when == LINT_WHEN_BEFORE &&
	       lint_end(k->all->report, id) == LINT_END_FOUND;
}

void lint_tell(struct lint_look *k, enum lint_id id, const char *fmt, ...)
{
	va_list ap;

	if (is_told(k, id))
		return;
	va_start(ap, fmt);
	tell(k, id, k->who, fmt, ap);
	va_end(ap);
}

void lint_tell_field(struct lint_look *k, enum lint_id id, const char *field, const char *fmt, ...)
{
	const struct lint_campaign *c = k->all->campaign;
	uint32_t line = line_of(c, field);
	char where[LINT_WHERE_BYTES];
	va_list ap;

	if (is_told(k, id))
		return;
	if (line != 0)
		snprintf(where, sizeof(where), "%s:%u:1 %s, %s", c->fields_file, line, field,
		         k->who);
	else
		snprintf(where, sizeof(where), "header %s, %s", field, k->who);
	va_start(ap, fmt);
	tell(k, id, where, fmt, ap);
	va_end(ap);
}

void lint_tell_as(struct lint_look *k, enum lint_id id, enum lint_severity severity,
                  const char *where, const char *fmt, ...)
{
	char what[LINT_WHAT_BYTES];
	va_list ap;

	if (is_told(k, id))
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	lint_found_as(k->all->report, id, severity, where, "%s", what);
}

static uint32_t n_message_errors(const struct lint_report *r)
{
	return lint_count_when(r, LINT_ERROR, LINT_WHEN_MESSAGE);
}

void lint_sample_add(struct lint_samples *s, const struct lint_sample *sample)
{
	struct lint_look k = { .all = s, .sample = sample };
	struct lint_wire wire = { .spans = &sample->wire,
		                  .n_spans = 1,
		                  .may_8bit = sample->needs_8bit,
		                  .may_utf8 = sample->needs_smtputf8 };
	uint32_t before = n_message_errors(s->report);
	struct lint_fault fault;

	assert(s->n < LINT_SAMPLES_MAX);
	snprintf(k.who, sizeof(k.who), "row %u (%.*s)", sample->row, (int)sample->address.bytes,
	         (const char *)sample->address.at);
	if (!lint_wire_check(&wire, &fault))
		lint_tell(&k, fault.id, "line %u of the message: %s", fault.line, fault.what);
	if (lint_message_read(sample->wire, &k.message)) {
		lint_look_at_fields(&k);
		if (!s->campaign->signatures_unknown)
			lint_look_at_signatures(&k);
		lint_look_at_parts(&k);
	} else {
		lint_tell(&k, LINT_FIELDS_ONCE, "the header cannot be read, or has over %d fields",
		          LINT_FIELDS_MAX);
	}
	lint_look_at_content(&k);
	s->n++;
	s->n_broken += n_message_errors(s->report) != before;
}

void lint_sample_glance(struct lint_samples *s, uint32_t row, struct span address,
                        const struct lint_wire *wire)
{
	struct lint_fault fault;
	char where[LINT_WHERE_BYTES];

	if (lint_wire_check(wire, &fault))
		return;
	snprintf(where, sizeof(where), "row %u (%.*s)", row, (int)address.bytes,
	         (const char *)address.at);
	lint_found(s->report, fault.id, where, "line %u of the message: %s", fault.line,
	           fault.what);
}

void lint_sample_failed(struct lint_samples *s, uint32_t row, struct span address,
                        const struct tpl_err *err)
{
	char where[LINT_WHERE_BYTES];

	if (err->line != 0)
		snprintf(where, sizeof(where), "%s:%u:%u row %u (%.*s)", err->file, err->line,
		         err->column, row, (int)address.bytes, (const char *)address.at);
	else
		snprintf(where, sizeof(where), "row %u (%.*s)", row, (int)address.bytes,
		         (const char *)address.at);
	lint_found(s->report, LINT_COMPOSE, where, "%s", err->text);
	s->n++;
	s->n_broken++;
}

/* The checks that samples answer. */
static const uint8_t answered[] = {
	LINT_ONE_CLICK_URL, LINT_ONE_CLICK_POST, LINT_ONE_CLICK_SIGNED, LINT_ONE_CLICK_MAILTO,
	LINT_LIST_ID,       LINT_LINK,           LINT_POSTAL,           LINT_FROM_NAME,
	LINT_SUBJECT_REPLY, LINT_BOTH_PARTS,     LINT_HTML_SIZE,        LINT_LINK_HTTPS,
	LINT_FROM_PROVIDER, LINT_FIELDS_ONCE,    LINT_FROM_ONE,         LINT_MESSAGE_ID,
	LINT_DATE,          LINT_LINES,          LINT_LINES_ENCODED,    LINT_EIGHT_BIT,
	LINT_MIME,          LINT_COMPOSE,        LINT_MERGE_TAGS,       LINT_MERGE_BODY,
	LINT_INJECTION,     LINT_HEADER_SIZE,    LINT_SIGNED,           LINT_SIGNED_RSA,
	LINT_SIGNED_FIELDS, LINT_SIGNED_HOW,     LINT_SIGNED_CANON
};

void lint_samples_end(struct lint_samples *s)
{
	for (size_t i = 0; i < sizeof(answered) && s->n > 0; i++)
		lint_pass(s->report, answered[i]);
	lint_skip(s->report, LINT_ONE_CLICK_ANSWER,
	          "nothing is requested from here: try it by hand");
}
