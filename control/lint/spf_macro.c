/* spf_macro.c - the domain of a term: whether it is sound, and its macros replaced (RFC 7208 7). */
#include <stdio.h>
#include <string.h>

#include "control/lint/spf_record.h"

enum {
	VALUE_BYTES = 512, /* of one macro: an envelope sender with every byte as %XX is cut */
	LABELS_MAX = 128,
};

struct macro {
	uint8_t letter; /* small */
	bool escape;    /* written as a capital */
	uint32_t keep;  /* labels from the right; 0: all */
	bool reverse;
	struct span delimiters; /* empty: a dot */
	size_t bytes;           /* of it all, "%{" and "}" included */
};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Reads "%{d2r.-}" at the front; those for explanations alone (c, r, t) are none here. */
static bool read_macro(struct span s, struct macro *m)
{
	size_t n = 2, from;
	uint32_t v = 0;

	if (s.bytes < 4 || s.at[0] != '%' || s.at[1] != '{')
		return false;
	m->letter = s.at[n] | 0x20;
	m->escape = s.at[n] < 'a';
	if (s.at[n] < 'A' || strchr("slodiphv", m->letter) == NULL)
		return false;
	for (from = ++n; n < s.bytes && is_digit(s.at[n]); n++)
		v = v < 1000 ? v * 10 + (s.at[n] - '0') : v;
	if (n > from && v == 0)
		return false; /* RFC 7208 7.1: not zero */
	m->keep = v;
	m->reverse = n < s.bytes && (s.at[n] | 0x20) == 'r';
	n += m->reverse;
	for (from = n; n < s.bytes && strchr(".-+,/_=", s.at[n]) != NULL && s.at[n] != '\0';)
		n++;
	m->delimiters = span_of(s.at + from, n - from);
	if (n >= s.bytes || s.at[n] != '}')
		return false;
	m->bytes = n + 1;
	return true;
}

/* A piece of a domain: a macro, "%%", "%_", "%-", or one byte. 0: none of them. */
static size_t piece_bytes(struct span s, struct macro *m)
{
	*m = (struct macro){ 0 };
	if (s.at[0] != '%')
		return s.at[0] > ' ' && s.at[0] < 0x7f;
	if (s.bytes > 1 && strchr("%_-", s.at[1]) != NULL && s.at[1] != '\0')
		return 2;
	return read_macro(s, m) ? m->bytes : 0;
}

/* domain-end = ( "." toplabel [ "." ] ) / macro-expand; a toplabel is not all digits. */
static bool ends_well(struct span s)
{
	size_t end = s.bytes - (s.at[s.bytes - 1] == '.'), at = end;
	bool letter = false;

	while (at > 0 && s.at[at - 1] != '.') {
		uint8_t c = s.at[--at];
		bool alpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!alpha && !is_digit(c) && c != '-')
			return false;
		letter |= alpha || c == '-';
	}
	return at > 0 && at < end && letter && s.at[at] != '-' && s.at[end - 1] != '-';
}

bool spf_domain_is_sound(struct span s)
{
	struct span rest = s;
	struct macro m;
	bool macro_last = false;

	if (s.bytes == 0)
		return false;
	while (rest.bytes > 0) {
		size_t n = piece_bytes(rest, &m);

		if (n == 0)
			return false;
		macro_last = n > 1; /* "%%" and its like expand, too (RFC 7208 7.1) */
		rest = span_of(rest.at + n, rest.bytes - n);
	}
	return macro_last || ends_well(s);
}

bool spf_has_macro_p(struct span s)
{
	struct macro m;
	bool found = false;

	while (s.bytes > 0) {
		size_t n = piece_bytes(s, &m);

		if (n == 0)
			break;
		found |= m.letter == 'p';
		s = span_of(s.at + n, s.bytes - n);
	}
	return found;
}

/* ---- values ---- */

static void dotted(const struct ip_addr *ip, char out[VALUE_BYTES])
{
	size_t n = 0;

	if (ip_is_v4(ip)) {
		ip_format(ip, out);
		return;
	}
	for (int i = 0; i < 16; i++) /* RFC 7208 7.3: nibbles with dots between */
		n += (size_t)snprintf(out + n, VALUE_BYTES - n, "%s%x.%x", i == 0 ? "" : ".",
		                      ip->b[i] >> 4, ip->b[i] & 15);
}

static void value_of(const struct spf_macros *m, uint8_t letter, char out[VALUE_BYTES])
{
	const struct spf_query *q = m->q;
	const char *at = strrchr(q->sender, '@');
	bool has_local = at != NULL && at != q->sender;
	const char *domain = at != NULL ? at + 1 : q->sender;

	switch (letter) {
	case 's':
		snprintf(out, VALUE_BYTES, "%.*s@%s", has_local ? (int)(at - q->sender) : 10,
		         has_local ? q->sender : "postmaster", domain);
		return;
	case 'l':
		snprintf(out, VALUE_BYTES, "%.*s", has_local ? (int)(at - q->sender) : 10,
		         has_local ? q->sender : "postmaster");
		return;
	case 'o':
		snprintf(out, VALUE_BYTES, "%s", domain);
		return;
	case 'd':
		snprintf(out, VALUE_BYTES, "%s", m->domain);
		return;
	case 'i':
		dotted(&q->ip, out);
		return;
	case 'p':
		snprintf(out, VALUE_BYTES, "%s", m->validated);
		return;
	case 'v':
		snprintf(out, VALUE_BYTES, "%s", ip_is_v4(&q->ip) ? "in-addr" : "ip6");
		return;
	default:
		snprintf(out, VALUE_BYTES, "%s", q->helo);
	}
}

static bool is_delimiter(const struct macro *m, char c)
{
	return m->delimiters.bytes == 0 ? c == '.'
	                                : memchr(m->delimiters.at, c, m->delimiters.bytes) != NULL;
}

/* Splits at delimiters, turns around, keeps labels from the right, joins with dots. */
static void transform(const struct macro *m, char text[VALUE_BYTES])
{
	char *labels[LABELS_MAX], out[VALUE_BYTES];
	uint32_t n = 0, first;
	size_t used = 0;

	if (m->keep == 0 && !m->reverse && m->delimiters.bytes == 0)
		return;
	labels[n++] = text;
	for (char *c = text; *c != '\0'; c++)
		if (is_delimiter(m, *c) && n < LABELS_MAX) {
			*c = '\0';
			labels[n++] = c + 1;
		}
	for (uint32_t i = 0; m->reverse && i < n / 2; i++) {
		char *swap = labels[i];

		labels[i] = labels[n - 1 - i];
		labels[n - 1 - i] = swap;
	}
	first = m->keep != 0 && m->keep < n ? n - m->keep : 0;
	out[0] = '\0';
	for (uint32_t i = first; i < n && used < sizeof(out); i++)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s",
		                         i == first ? "" : ".", labels[i]);
	snprintf(text, VALUE_BYTES, "%s", out);
}

/* RFC 7208 7.3: a capital asks for all but RFC 3986's unreserved as %XX. */
static void escape(char text[VALUE_BYTES])
{
	char out[VALUE_BYTES];
	size_t n = 0;

	for (const unsigned char *c = (const unsigned char *)text;
	     *c != '\0' && n + 4 < sizeof(out); c++) {
		bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
		             (*c >= 'a' && *c <= 'z') || strchr("-._~", *c) != NULL;

		n += (size_t)snprintf(out + n, 4, plain ? "%c" : "%%%02X", *c);
	}
	out[n] = '\0';
	strcpy(text, out);
}

void spf_expand(const struct spf_macros *m, struct span spec, char out[DNS_NAME_BYTES])
{
	char value[VALUE_BYTES], all[SPF_RECORD_BYTES];
	const char *from = all;
	size_t used = 0;

	while (spec.bytes > 0) {
		struct macro macro;
		size_t n = piece_bytes(spec, &macro);

		if (macro.letter != 0) {
			value_of(m, macro.letter, value);
			transform(&macro, value);
			if (macro.escape)
				escape(value);
		} else if (n == 2) {
			strcpy(value, spec.at[1] == '%' ? "%" : spec.at[1] == '_' ? " " : "%20");
		} else {
			value[0] = (char)spec.at[0];
			value[1] = '\0';
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s", value);
		spec = span_of(spec.at + n, spec.bytes - n);
	}
	/* RFC 7208 7.3: what is over 253 bytes loses labels on the left. */
	while (strlen(from) > 253 && (from = strchr(from, '.')) != NULL)
		from++;
	snprintf(out, DNS_NAME_BYTES, "%s", from == NULL ? "" : from);
}
