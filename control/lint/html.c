/* html.c - what an HTML body shows: its words and its links. */
#include "control/lint/html.h"

#include <stdlib.h>
#include <strings.h>

#include "control/lint/message.h"
#include "control/xalloc.h"
#include "templates/entity.h"

enum { NAME_BYTES = 16, STYLE_BYTES = 512 };

struct reader {
	struct span in;
	struct lint_html *out;
	uint8_t *text; /* of the body, growing */
	size_t text_bytes;
	struct lint_link *open;  /* the link being read, NULL: none */
	char hidden[NAME_BYTES]; /* the element that hides what we read; "": none does */
	uint32_t depth;          /* of elements of that name */
};

/* Elements that parted words, and those that never show any. */
static const char *const blocks[] = { "p",      "div",    "br",        "tr",      "td",
	                              "th",     "li",     "h1",        "h2",      "h3",
	                              "h4",     "h5",     "h6",        "ul",      "ol",
	                              "table",  "hr",     "address",   "section", "footer",
	                              "header", "center", "blockquote" };
static const char *const silent[] = { "head", "style", "script", "title", "template", "noscript" };
static const char *const empty[] = { "img",   "br",   "hr",   "meta", "link",
	                             "input", "area", "base", "col",  "wbr" };

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof(list[0]))

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t put_utf8(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* Copies text with its references decoded; never longer than it was: "&#1;" has four bytes. */
static size_t decode(struct span s, uint8_t *to)
{
	size_t n = 0;

	while (s.bytes > 0) {
		uint32_t code;
		size_t took = s.at[0] == '&' ? entity_read(s, &code) : 0;

		if (took == 0) {
			to[n++] = s.at[0];
			took = 1;
		} else {
			n += put_utf8(code, to + n);
		}
		s = span_of(s.at + took, s.bytes - took);
	}
	return n;
}

/* Bytes at the front of `s` that show nothing, 0: none. */
static size_t blank_at(struct span s)
{
	static const char *const marks[] = { "\xc2\xa0", "\xc2\xb7", "\xe2\x80\xa2",
		                             "\xe2\x80\x8b" };

	if (is_space(s.at[0]) || s.at[0] == ',' || s.at[0] == '|')
		return 1;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (s.bytes >= strlen(marks[i]) && memcmp(s.at, marks[i], strlen(marks[i])) == 0)
			return strlen(marks[i]);
	return 0;
}

static bool has_words(struct span s)
{
	size_t took;

	while (s.bytes > 0 && (took = blank_at(s)) > 0)
		s = span_of(s.at + took, s.bytes - took);
	return s.bytes > 0;
}

/* ---- tags ---- */

struct tag {
	char name[NAME_BYTES]; /* small letters; "": no element */
	bool closes;
	struct span attributes;
};

/* Where the tag that begins at `s` ends: behind its ">", quotes heeded. */
static size_t tag_end(struct span s)
{
	uint8_t quote = 0;

	if (s.bytes >= 4 && memcmp(s.at, "<!--", 4) == 0) {
		const uint8_t *end = memmem(s.at + 4, s.bytes - 4, "-->", 3);

		return end == NULL ? s.bytes : (size_t)(end - s.at) + 3;
	}
	for (size_t i = 1; i < s.bytes; i++) {
		if (quote != 0)
			quote = s.at[i] == quote ? 0 : quote;
		else if ((s.at[i] == '"' || s.at[i] == '\'') && s.at[i - 1] == '=')
			quote = s.at[i];
		else if (s.at[i] == '>')
			return i + 1;
	}
	return s.bytes;
}

static struct tag tag_read(struct span whole)
{
	struct tag t = { .closes = whole.bytes > 1 && whole.at[1] == '/' };
	size_t i = t.closes ? 2 : 1, n = 0;

	for (; i < whole.bytes && n + 1 < sizeof(t.name) && whole.at[i] != '>' &&
	       whole.at[i] != '/' && !is_space(whole.at[i]);
	     i++)
		t.name[n++] = (char)lower(whole.at[i]);
	t.attributes = span_of(whole.at + i, whole.bytes - i);
	return t;
}

/* The value of an attribute as written; false when the tag has none of that name. */
static bool attribute(struct span in, const char *name, struct span *value)
{
	size_t i = 0;

	while (i < in.bytes) {
		size_t from, bytes;
		uint8_t quote;

		while (i < in.bytes && (is_space(in.at[i]) || in.at[i] == '/' || in.at[i] == '>'))
			i++;
		for (from = i; i < in.bytes && !is_space(in.at[i]) && in.at[i] != '=' &&
		               in.at[i] != '>' && in.at[i] != '/';)
			i++;
		bytes = i - from;
		*value = span_of(in.at + i, 0);
		while (i < in.bytes && is_space(in.at[i]))
			i++;
		if (i < in.bytes && in.at[i] == '=') {
			size_t start;

			for (i++; i < in.bytes && is_space(in.at[i]);)
				i++;
			quote =
			    i < in.bytes && (in.at[i] == '"' || in.at[i] == '\'') ? in.at[i++] : 0;
			for (start = i;
			     i < in.bytes && (quote != 0 ? in.at[i] != quote
			                                 : !is_space(in.at[i]) && in.at[i] != '>');)
				i++;
			*value = span_of(in.at + start, i - start);
			i += quote != 0 && i < in.bytes;
		}
		if (bytes == 0 && i >= in.bytes)
			return false;
		if (lint_same(span_of(in.at + from, bytes), span_str(name)))
			return true;
		if (bytes == 0)
			i++; /* a stray "=" */
	}
	return false;
}

/* What a style says when its blanks are gone: it hides. */
static bool style_hides(struct span style)
{
	static const char *const hiding[] = { "display:none",  "visibility:hidden", "mso-hide:all",
		                              "font-size:0;",  "font-size:0px",     "opacity:0;",
		                              "max-height:0;", "max-height:0px" };
	char text[STYLE_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < style.bytes && n + 2 < sizeof(text); i++)
		if (!is_space(style.at[i]))
			text[n++] = (char)lower(style.at[i]);
	text[n++] = ';';
	text[n] = '\0';
	for (size_t i = 0; i < sizeof(hiding) / sizeof(hiding[0]); i++)
		if (strstr(text, hiding[i]) != NULL)
			return true;
	return false;
}

static bool tag_hides(const struct tag *t)
{
	struct span value;

	return IS_ONE_OF(t->name, silent) || attribute(t->attributes, "hidden", &value) ||
	       (attribute(t->attributes, "style", &value) && style_hides(value));
}

/* ---- the body ---- */

static void put_text(struct reader *r, struct span s)
{
	size_t n;

	if (r->hidden[0] != '\0')
		return;
	n = decode(s, r->text + r->text_bytes);
	if (r->open != NULL && has_words(span_of(r->text + r->text_bytes, n)))
		r->open->shown = true;
	r->text_bytes += n;
}

static void open_link(struct reader *r, const struct tag *t)
{
	struct lint_html *h = r->out;
	struct span url;
	uint8_t *to;

	r->open = NULL;
	if (t->closes || !attribute(t->attributes, "href", &url))
		return;
	if (h->n_links == LINT_LINKS_MAX) {
		h->n_links_left_out++;
		return;
	}
	to = h->memory + h->used;
	r->open = &h->links[h->n_links++];
	r->open->url = lint_trim(span_of(to, decode(url, to)));
	r->open->shown = false;
	h->used += url.bytes;
}

static void on_tag(struct reader *r, const struct tag *t)
{
	struct span alt;

	if (r->hidden[0] != '\0') {
		if (strcmp(r->hidden, t->name) != 0)
			return;
		r->depth += t->closes ? UINT32_MAX : 1;
		if (r->depth == 0)
			r->hidden[0] = '\0';
		return;
	}
	if (IS_ONE_OF(t->name, blocks))
		r->text[r->text_bytes++] = '\n'; /* in place of a tag's at least 3 bytes */
	if (!t->closes && tag_hides(t)) {
		if (!IS_ONE_OF(t->name, empty)) {
			strcpy(r->hidden, t->name);
			r->depth = 1;
		}
		return;
	}
	if (strcmp(t->name, "a") == 0)
		open_link(r, t);
	if (strcmp(t->name, "img") == 0 && attribute(t->attributes, "alt", &alt))
		put_text(r, alt);
}

void lint_html_read(struct span html, struct lint_html *out)
{
	struct reader r = { .in = html, .out = out };

	out->n_links = out->n_links_left_out = 0;
	out->used = 0;
	/* All links together, and all text, are parts of the body that do not overlap. */
	out->memory = xcalloc(2 * html.bytes + 1, 1);
	r.text = out->memory + html.bytes;
	while (r.in.bytes > 0) {
		const uint8_t *lt = memchr(r.in.at, '<', r.in.bytes);
		size_t words = lt == NULL ? r.in.bytes : (size_t)(lt - r.in.at), end;
		struct tag t;

		put_text(&r, span_of(r.in.at, words));
		r.in = span_of(r.in.at + words, r.in.bytes - words);
		if (r.in.bytes == 0)
			break;
		end = tag_end(r.in);
		t = tag_read(span_of(r.in.at, end));
		on_tag(&r, &t);
		r.in = span_of(r.in.at + end, r.in.bytes - end);
	}
	out->text = span_of(r.text, r.text_bytes);
}

void lint_html_fini(struct lint_html *h)
{
	free(h->memory);
	h->memory = NULL;
}

size_t lint_fold(struct span text, uint8_t *out)
{
	size_t n = 0;
	bool blank = false;

	while (text.bytes > 0) {
		size_t took = blank_at(text);

		blank |= took > 0;
		if (took == 0) {
			if (blank && n > 0)
				out[n++] = ' ';
			blank = false;
			out[n++] = lower(text.at[0]);
			took = 1;
		}
		text = span_of(text.at + took, text.bytes - took);
	}
	return n;
}
