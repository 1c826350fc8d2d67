/* message.c - a composed message, read as a receiver reads it. */
#include "control/lint/message.h"

#include <string.h>
#include <strings.h>

bool lint_same(struct span a, struct span b)
{
	return a.bytes == b.bytes &&
	       (a.bytes == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.bytes) == 0);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span lint_trim(struct span s)
{
	while (s.bytes > 0 && is_blank(s.at[0]))
		s = span_of(s.at + 1, s.bytes - 1);
	while (s.bytes > 0 && is_blank(s.at[s.bytes - 1]))
		s.bytes--;
	return s;
}

struct span lint_domain_of(struct span address)
{
	for (size_t i = address.bytes; i > 0; i--)
		if (address.at[i - 1] == '@')
			return span_of(address.at + i, address.bytes - i);
	return span_of(NULL, 0);
}

static bool add_field(struct lint_message *m, struct span line)
{
	const uint8_t *colon = memchr(line.at, ':', line.bytes);
	struct lint_field *f;

	if (colon == NULL || m->n_fields == LINT_FIELDS_MAX)
		return false;
	f = &m->fields[m->n_fields++];
	f->name = lint_trim(span_of(line.at, (size_t)(colon - line.at)));
	f->value = span_of(colon + 1, line.bytes - (size_t)(colon - line.at) - 1);
	return true;
}

bool lint_message_read(struct span bytes, struct lint_message *out)
{
	const uint8_t *end = memmem(bytes.at, bytes.bytes, "\r\n\r\n", 4);
	size_t from = 0, header;

	out->n_fields = 0;
	if (end == NULL)
		return false;
	header = (size_t)(end - bytes.at) + 2;
	out->bytes = bytes;
	out->header = span_of(bytes.at, header);
	out->body = span_of(bytes.at + header + 2, bytes.bytes - header - 2);
	for (size_t i = 0; i + 1 < header; i++) {
		bool folds = i + 2 < header && (bytes.at[i + 2] == ' ' || bytes.at[i + 2] == '\t');

		if (bytes.at[i] != '\r' || bytes.at[i + 1] != '\n' || folds)
			continue;
		if (!add_field(out, span_of(bytes.at + from, i - from)))
			return false;
		from = i + 2;
	}
	return true;
}

const struct lint_field *lint_field_find(const struct lint_message *m, const char *name, uint32_t n)
{
	for (uint32_t i = 0; i < m->n_fields; i++)
		if (lint_same(m->fields[i].name, span_str(name)) && n-- == 0)
			return &m->fields[i];
	return NULL;
}

size_t lint_unfold(struct span value, char *out, size_t room)
{
	size_t n = 0;

	value = lint_trim(value);
	for (size_t i = 0; i < value.bytes && n + 1 < room; i++)
		if (value.at[i] != '\r' && value.at[i] != '\n')
			out[n++] = (char)value.at[i];
	out[n] = '\0';
	return n;
}

/* RFC 6376 3.2: tag-name = ALPHA *(ALPHA / DIGIT / "_") */
static bool is_tag_name(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t c = s.at[i] | 0x20;
		bool letter = c >= 'a' && c <= 'z';

		if (!letter && (i == 0 || !((s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '_')))
			return false;
	}
	return s.bytes > 0;
}

bool lint_tags_read(struct span text, struct lint_tags *out)
{
	out->n = 0;
	while (lint_trim(text).bytes > 0) {
		const uint8_t *semi = memchr(text.at, ';', text.bytes);
		size_t bytes = semi == NULL ? text.bytes : (size_t)(semi - text.at);
		const uint8_t *equals = memchr(text.at, '=', bytes);
		struct lint_tag *t = &out->at[out->n];

		if (equals == NULL || out->n == LINT_TAGS_MAX)
			return false;
		t->name = lint_trim(span_of(text.at, (size_t)(equals - text.at)));
		t->value = lint_trim(span_of(equals + 1, bytes - (size_t)(equals - text.at) - 1));
		if (!is_tag_name(t->name))
			return false;
		for (uint32_t i = 0; i < out->n; i++)
			if (span_eq(out->at[i].name, t->name))
				return false;
		out->n++;
		bytes += semi != NULL;
		text = span_of(text.at + bytes, text.bytes - bytes);
	}
	return true;
}

const struct span *lint_tag_find(const struct lint_tags *t, const char *name)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (span_eq(t->at[i].name, span_str(name)))
			return &t->at[i].value;
	return NULL;
}
