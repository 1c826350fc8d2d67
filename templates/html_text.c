/* html_text.c - the text that an HTML body says, for readers without HTML. */
#include "templates/html_text.h"

#include <strings.h>

#include "templates/utf8.h"

/* What a tag does to the text around it. */
enum tag_does {
	TAG_LINE,      /* begins a new line */
	TAG_PARAGRAPH, /* leaves a line empty before */
	TAG_BREAK,     /* ends the line */
	TAG_ITEM,      /* begins a new line with a mark */
	TAG_RULE,
	TAG_CELL, /* a blank between cells */
	TAG_LINK,
	TAG_IMAGE,
	TAG_SKIP, /* what it encloses is no text */
};

static const struct {
	const char *name;
	enum tag_does does;
} tags[] = {
	/* clang-format off */
	{ "a", TAG_LINK },             { "article", TAG_PARAGRAPH }, { "blockquote", TAG_PARAGRAPH },
	{ "br", TAG_BREAK },           { "div", TAG_LINE },          { "dl", TAG_PARAGRAPH },
	{ "dd", TAG_LINE },            { "dt", TAG_LINE },           { "footer", TAG_PARAGRAPH },
	{ "form", TAG_PARAGRAPH },     { "h1", TAG_PARAGRAPH },      { "h2", TAG_PARAGRAPH },
	{ "h3", TAG_PARAGRAPH },       { "h4", TAG_PARAGRAPH },      { "h5", TAG_PARAGRAPH },
	{ "h6", TAG_PARAGRAPH },       { "header", TAG_PARAGRAPH },  { "hr", TAG_RULE },
	{ "img", TAG_IMAGE },          { "li", TAG_ITEM },           { "ol", TAG_PARAGRAPH },
	{ "p", TAG_PARAGRAPH },        { "pre", TAG_PARAGRAPH },     { "script", TAG_SKIP },
	{ "section", TAG_PARAGRAPH },  { "style", TAG_SKIP },        { "table", TAG_PARAGRAPH },
	{ "td", TAG_CELL },            { "th", TAG_CELL },           { "title", TAG_SKIP },
	{ "tr", TAG_LINE },            { "ul", TAG_PARAGRAPH },
	/* clang-format on */
};

static const struct {
	const char *name;
	uint32_t code;
} entities[] = {
	/* clang-format off */
	{ "amp", '&' },       { "apos", '\'' },     { "bull", 0x2022 },   { "cent", 0xa2 },
	{ "copy", 0xa9 },     { "deg", 0xb0 },      { "euro", 0x20ac },   { "gt", '>' },
	{ "hellip", 0x2026 }, { "laquo", 0xab },    { "ldquo", 0x201c },  { "lsquo", 0x2018 },
	{ "lt", '<' },        { "mdash", 0x2014 },  { "middot", 0xb7 },   { "nbsp", 0xa0 },
	{ "ndash", 0x2013 },  { "pound", 0xa3 },    { "quot", '"' },      { "raquo", 0xbb },
	{ "rdquo", 0x201d },  { "reg", 0xae },      { "rsquo", 0x2019 },  { "shy", 0xad },
	{ "times", 0xd7 },    { "trade", 0x2122 },  { "yen", 0xa5 },      { "zwnj", 0x200c },
	/* clang-format on */
};

enum { ENTITY_BYTES_MAX = 10 };

struct text {
	struct buf *out;
	size_t start;      /* of our output in `out` */
	unsigned newlines; /* owed before the next word */
	bool blank;        /* owed before the next word, when no newline is */
	struct span href;  /* of the open link; as in the source */
	size_t link_start; /* where its words begin */
};

static bool is_space(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool is_letter(uint8_t b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
}

static void owe_newlines(struct text *t, unsigned n)
{
	if (t->out->bytes != t->start && t->newlines < n)
		t->newlines = n;
	t->blank = false;
}

static void pay(struct text *t)
{
	for (; t->newlines != 0; t->newlines--, t->blank = false)
		buf_str(t->out, "\r\n");
	if (t->blank)
		buf_str(t->out, " ");
	t->blank = false;
}

static void put(struct text *t, struct span s)
{
	pay(t);
	buf_span(t->out, s);
}

/* Reads "&name;" or "&#n;" at the front of `s`. Returns its bytes, 0 when it is none we know. */
static size_t entity(struct span s, uint32_t *code)
{
	const uint8_t *semi =
	    memchr(s.at, ';', s.bytes < ENTITY_BYTES_MAX ? s.bytes : ENTITY_BYTES_MAX);
	struct span name;

	if (semi == NULL || semi - s.at < 2)
		return 0;
	name = span_of(s.at + 1, (size_t)(semi - s.at) - 1);
	if (name.at[0] == '#') {
		bool hex = name.bytes > 2 && (name.at[1] | 0x20) == 'x';
		uint32_t v = 0;

		for (size_t i = hex ? 2 : 1; i < name.bytes; i++) {
			uint8_t b = name.at[i], low = b | 0x20;

			if (b >= '0' && b <= '9')
				v = v * (hex ? 16 : 10) + (b - '0');
			else if (hex && low >= 'a' && low <= 'f')
				v = v * 16 + (low - 'a' + 10);
			else
				return 0;
		}
		/* a control character would be hostile in a text; so would a NUL */
		*code = name.bytes < 2           ? 0xfffd
		        : v == '\n' || v == '\t' ? ' '
		        : v < 0x20               ? 0xfffd
		                                 : v;
		return name.bytes + 2;
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (span_eq(name, span_str(entities[i].name))) {
			*code = entities[i].code;
			return name.bytes + 2;
		}
	}
	return 0;
}

/* One character of text or of an attribute; an entity is decoded. Returns its bytes in `s`. */
static size_t put_char(struct text *t, struct span s)
{
	uint8_t coded[4];
	uint32_t code;
	size_t n = s.at[0] == '&' ? entity(s, &code) : 0;

	if (n == 0) {
		put(t, span_of(s.at, 1));
		return 1;
	}
	if (code == 0xa0)
		code = ' ';
	put(t, span_of(coded, utf8_encode(code, coded)));
	return n;
}

static void put_attribute(struct text *t, struct span s)
{
	for (size_t at = 0; at < s.bytes;) {
		if (is_space(s.at[at])) {
			t->blank = true;
			at++;
		} else {
			at += put_char(t, span_of(s.at + at, s.bytes - at));
		}
	}
}

/* ---- tags ---- */

/* The value of an attribute in the inside of a tag; empty when it is not there. */
static struct span attribute(struct span in, const char *name)
{
	size_t at = 0, name_bytes = strlen(name);

	while (at < in.bytes) {
		size_t from, key, value, end;
		uint8_t quote = 0;

		while (at < in.bytes && (is_space(in.at[at]) || in.at[at] == '/'))
			at++;
		from = at;
		while (at < in.bytes && !is_space(in.at[at]) && in.at[at] != '=')
			at++;
		key = at - from;
		while (at < in.bytes && is_space(in.at[at]))
			at++;
		if (at == in.bytes || in.at[at] != '=') {
			at += key == 0;
			continue;
		}
		at++;
		while (at < in.bytes && is_space(in.at[at]))
			at++;
		if (at < in.bytes && (in.at[at] == '"' || in.at[at] == '\''))
			quote = in.at[at++];
		value = at;
		while (at < in.bytes && (quote != 0 ? in.at[at] != quote : !is_space(in.at[at])))
			at++;
		end = at;
		at += quote != 0 && at < in.bytes;
		if (key == name_bytes && strncasecmp((const char *)in.at + from, name, key) == 0)
			return span_of(in.at + value, end - value);
	}
	return span_of(NULL, 0);
}

static bool has_scheme(struct span url)
{
	static const char *const schemes[] = { "http://", "https://", "mailto:", "tel:" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (url.bytes > n && strncasecmp((const char *)url.at, schemes[i], n) == 0)
			return true;
	}
	return false;
}

/* The address after the words of a link, unless the words are the address. */
static void end_link(struct text *t)
{
	struct span href = t->href, words, url;
	struct text before = *t;
	size_t end = t->out->bytes, url_at;

	t->href = span_of(NULL, 0);
	if (!has_scheme(href) || t->out->full)
		return;
	words = span_of(t->out->at + t->link_start, end - t->link_start);
	while (words.bytes != 0 && is_space(words.at[0])) {
		words.at++;
		words.bytes--;
	}
	t->newlines = 0;
	t->blank = words.bytes != 0;
	put(t, span_str("<"));
	url_at = t->out->bytes;
	put_attribute(t, href);
	url = buf_since(t->out, url_at);
	if (t->out->full)
		return;
	if (span_eq(url, words)) {
		t->out->bytes = end;
		*t = before;
		t->href = span_of(NULL, 0);
		return;
	}
	buf_str(t->out, ">");
}

static void do_tag(struct text *t, enum tag_does does, bool closes, struct span inside)
{
	switch (does) {
	case TAG_LINE:
	case TAG_PARAGRAPH:
		owe_newlines(t, does == TAG_LINE ? 1 : 2);
		break;
	case TAG_BREAK:
		if (t->out->bytes != t->start && t->newlines < 2)
			t->newlines++;
		t->blank = false;
		break;
	case TAG_ITEM:
		owe_newlines(t, 1);
		if (!closes) {
			put(t, span_str("*"));
			t->blank = true;
		}
		break;
	case TAG_RULE:
		owe_newlines(t, 1);
		put(t, span_str("----"));
		owe_newlines(t, 1);
		break;
	case TAG_CELL:
		t->blank = t->blank || t->newlines == 0;
		break;
	case TAG_LINK:
		if (t->href.at != NULL)
			end_link(t);
		if (!closes) {
			t->href = attribute(inside, "href");
			t->link_start = t->out->bytes;
		}
		break;
	case TAG_IMAGE:
		put_attribute(t, attribute(inside, "alt"));
		break;
	case TAG_SKIP:
		break;
	}
}

/* Past the ">" that ends a tag whose inside begins at `at`; a ">" in quotes is none. */
static size_t tag_end(struct span html, size_t at)
{
	uint8_t quote = 0;

	for (; at < html.bytes; at++) {
		uint8_t b = html.at[at];

		if (quote != 0)
			quote = b == quote ? 0 : quote;
		else if (b == '"' || b == '\'')
			quote = b;
		else if (b == '>')
			return at + 1;
	}
	return at;
}

/* Past the next "</name"; the end when there is none. */
static size_t skip_element(struct span html, size_t at, const char *name)
{
	size_t n = strlen(name);

	for (; at + 2 + n <= html.bytes; at++)
		if (html.at[at] == '<' && html.at[at + 1] == '/' &&
		    strncasecmp((const char *)html.at + at + 2, name, n) == 0)
			return at;
	return html.bytes;
}

/* A tag at `at`, which holds "<". Returns where the text goes on. */
static size_t read_tag(struct text *t, struct span html, size_t at)
{
	bool closes = at + 1 < html.bytes && html.at[at + 1] == '/';
	size_t name = at + 1 + closes, end = name, after;

	while (end < html.bytes && (is_letter(html.at[end]) ||
	                            (end > name && html.at[end] >= '0' && html.at[end] <= '9')))
		end++;
	after = tag_end(html, end);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strlen(tags[i].name) != end - name ||
		    strncasecmp((const char *)html.at + name, tags[i].name, end - name) != 0)
			continue;
		if (tags[i].does == TAG_SKIP && !closes)
			return skip_element(html, after, tags[i].name);
		do_tag(t, tags[i].does, closes,
		       span_of(html.at + end,
		               after - end - (after > end && html.at[after - 1] == '>')));
		break;
	}
	return after;
}

/* Comments, doctypes and the like, at `at`, which holds "<!" or "<?". */
static size_t skip_markup(struct span html, size_t at)
{
	const uint8_t *hit;

	if (html.bytes - at < 4 || memcmp(html.at + at, "<!--", 4) != 0)
		return tag_end(html, at + 2);
	hit = memmem(html.at + at + 4, html.bytes - at - 4, "-->", 3);
	return hit == NULL ? html.bytes : (size_t)(hit - html.at) + 3;
}

void html_text(struct span html, struct buf *out)
{
	struct text t = { .out = out, .start = out->bytes };
	size_t at = 0;

	while (at < html.bytes && !out->full) {
		uint8_t b = html.at[at], next = at + 1 < html.bytes ? html.at[at + 1] : 0;

		if (b == '<' && (next == '!' || next == '?')) {
			at = skip_markup(html, at);
		} else if (b == '<' && (is_letter(next) || next == '/')) {
			at = read_tag(&t, html, at);
		} else if (is_space(b)) {
			t.blank = t.blank || (t.newlines == 0 && out->bytes != t.start);
			at++;
		} else {
			at += put_char(&t, span_of(html.at + at, html.bytes - at));
		}
	}
	if (t.href.at != NULL)
		end_link(&t);
	if (out->bytes != t.start)
		buf_str(out, "\r\n");
}
