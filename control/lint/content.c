/* content.c - what the bodies of a message show: how to leave, who sends, where links go. */
#include <stdlib.h>
#include <string.h>

#include "control/lint/sample.h"
#include "control/xalloc.h"

/* ---- merge tags ---- */

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '.' || c == '-';
}

enum { TAG_BYTES_MAX = 100 }; /* longer ones are text */

/* `open` words `close`: blanks may stand inside, and behind the first word anything. */
static size_t bracketed(struct span s, const char *open, const char *close, bool loose)
{
	size_t n = strlen(open), m = strlen(close), i = n, word;

	if (s.bytes < n + m + 1 || memcmp(s.at, open, n) != 0)
		return 0;
	while (loose && i < s.bytes && (s.at[i] == ' ' || s.at[i] == '-'))
		i++;
	for (word = i; i < s.bytes && is_word(s.at[i]);)
		i++;
	if (i == word)
		return 0;
	for (; i + m <= s.bytes && i < TAG_BYTES_MAX; i++) {
		if (memcmp(s.at + i, close, m) == 0)
			return i + m;
		if (!loose || s.at[i] == '\n')
			return 0;
	}
	return 0;
}

static size_t column_tag(struct span s, const struct tpl_columns *columns)
{
	const uint8_t *close =
	    s.at[0] == '[' ? memchr(s.at, ']', s.bytes < TAG_BYTES_MAX ? s.bytes : TAG_BYTES_MAX)
			   : NULL;

	for (uint32_t i = 0; close != NULL && columns != NULL && i < columns->n; i++)
		if (lint_same(span_of(s.at + 1, (size_t)(close - s.at) - 1), columns->names[i]))
			return (size_t)(close - s.at) + 1;
	return 0;
}

struct span lint_merge_tag(struct span text, const struct tpl_columns *columns)
{
	static const struct {
		const char *open, *close;
		bool loose;
	} kinds[] = {
		{ "{{", "}}", true },
		{ "{%", "%}", true },
		{ "%%", "%%", false },
		{ "*|", "|*", false },
	};

	for (size_t i = 0; i < text.bytes; i++) {
		struct span rest = span_of(text.at + i, text.bytes - i);
		size_t n;

		if (strchr("{%*[", rest.at[0]) == NULL || rest.at[0] == '\0')
			continue;
		n = column_tag(rest, columns);
		for (size_t kind = 0; n == 0 && kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
			n = bracketed(rest, kinds[kind].open, kinds[kind].close, kinds[kind].loose);
		if (n > 0)
			return span_of(rest.at, n);
	}
	return span_of(NULL, 0);
}

/* ---- addresses ---- */

/* Whether the text shows it, blanks and such folded on both sides. */
static bool shows(struct span text, const char *address)
{
	struct span wanted = span_str(address);
	uint8_t *memory = xcalloc(text.bytes + wanted.bytes + 1, 1);
	size_t n = lint_fold(wanted, memory);
	size_t m = lint_fold(text, memory + n);
	bool found = n > 0 && memmem(memory + n, m, memory, n) != NULL;

	free(memory);
	return found;
}

static void check_postal(struct lint_look *k, struct span html, struct span text)
{
	const char *address = k->all->campaign->postal_address;

	if (address == NULL || address[0] == '\0') {
		lint_tell(k, LINT_POSTAL, "no postal address is configured to look for");
		return;
	}
	if (!shows(html.bytes > 0 ? html : text, address))
		lint_tell(k, LINT_POSTAL, "the %s part does not show \"%.100s\"",
		          html.bytes > 0 ? "HTML" : "text", address);
	else if (html.bytes > 0 && text.bytes > 0 && !shows(text, address))
		lint_tell_as(k, LINT_POSTAL, LINT_WARNING, k->who,
		             "the text part does not show it");
}

/* ---- links ---- */

static bool starts_with(struct span s, struct span with)
{
	return with.bytes > 0 && s.bytes >= with.bytes && memcmp(s.at, with.at, with.bytes) == 0;
}

/* The address of List-Unsubscribe, or the configured one it is made from, with or without a token.
 */
struct leave {
	struct span url, base;
};

static bool leaves(const struct leave *l, struct span url)
{
	return (l->url.bytes > 0 && span_eq(url, l->url)) || starts_with(url, l->base);
}

static bool holds(struct span text, struct span what)
{
	return text.bytes > 0 && what.bytes > 0 &&
	       memmem(text.at, text.bytes, what.at, what.bytes) != NULL;
}

static bool text_leaves(const struct leave *l, struct span text)
{
	return holds(text, l->url) || holds(text, l->base);
}

static void check_leave(struct lint_look *k, const struct lint_html *h, struct span text)
{
	const struct lint_field *f = lint_field_find(&k->message, "List-Unsubscribe", 0);
	const char *base = k->all->campaign->unsubscribe_url;
	struct leave l = { .base = span_str(base == NULL ? "" : base) };
	char value[LINT_VALUE_BYTES];
	bool mailto, there = false;

	if (f != NULL) {
		size_t n = lint_unfold(f->value, value, sizeof(value));

		/* A fold inside "<" and ">" is none of the address's (RFC 2369 2). */
		for (size_t i = n = 0; value[i] != '\0'; i++)
			if (value[i] != ' ' && value[i] != '\t')
				value[n++] = value[i];
		lint_unsubscribe_read(span_of(value, n), &l.url, &mailto);
	}
	if (h == NULL) {
		if (!text_leaves(&l, text))
			lint_tell(k, LINT_LINK, "the text part has no such link");
		return;
	}
	for (uint32_t i = 0; i < h->n_links; i++) {
		if (!leaves(&l, h->links[i].url))
			continue;
		if (h->links[i].shown)
			return;
		there = true;
	}
	lint_tell(k, LINT_LINK,
	          there ? "the link in the HTML part is not visible"
	                : "the HTML part has no such link");
}

static void keep_domain(struct lint_samples *s, struct span url)
{
	const uint8_t *slashes = memmem(url.at, url.bytes, "//", 2);
	char domain[sizeof(s->link_domains[0])];
	struct span host;
	size_t n = 0;

	if (slashes == NULL || s->n_link_domains == LINT_LINK_DOMAINS_MAX)
		return;
	host = span_of(slashes + 2, url.bytes - (size_t)(slashes - url.at) - 2);
	for (size_t i = 0; i < host.bytes && strchr("/?#:", host.at[i]) == NULL; i++) {
		uint8_t c = host.at[i];

		if (c == '@') { /* what stood before was a name and password */
			n = 0;
			continue;
		}
		if (n + 1 == sizeof(domain) || !(is_word(c)))
			return;
		domain[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	domain[n] = '\0';
	for (uint32_t i = 0; i < s->n_link_domains; i++)
		if (strcmp(s->link_domains[i], domain) == 0)
			return;
	if (n > 0 && memchr(domain, '.', n) != NULL)
		memcpy(s->link_domains[s->n_link_domains++], domain, n + 1);
}

static void check_links(struct lint_look *k, const struct lint_html *h)
{
	for (uint32_t i = 0; i < h->n_links; i++) {
		struct span url = h->links[i].url;

		keep_domain(k->all, url);
		if (url.bytes > 7 && lint_same(span_of(url.at, 7), span_str("http://")))
			lint_tell(k, LINT_LINK_HTTPS, "%.*s",
			          (int)(url.bytes < 200 ? url.bytes : 200), (const char *)url.at);
	}
}

/* ---- all of it ---- */

static void check_tags(struct lint_look *k, struct span text, const char *part)
{
	struct span tag = lint_merge_tag(text, k->all->campaign->columns);

	if (tag.bytes > 0)
		lint_tell(k, LINT_MERGE_BODY, "%s part: %.*s", part, (int)tag.bytes,
		          (const char *)tag.at);
}

void lint_look_at_content(struct lint_look *k)
{
	struct span html = lint_text_of(k->sample, TPL_LABEL_HTML);
	struct span text = lint_text_of(k->sample, TPL_LABEL_TEXT);
	struct lint_html *h = NULL;

	if (html.bytes == 0 || text.bytes == 0)
		lint_tell(k, LINT_BOTH_PARTS, "there is no %s part",
		          html.bytes == 0 ? "HTML" : "text");
	if (html.bytes >= LINT_HTML_CLIP_BYTES)
		lint_tell(k, LINT_HTML_SIZE, "it has %zu bytes", html.bytes);
	check_tags(k, text, "text");
	if (html.bytes > 0) {
		h = xcalloc(1, sizeof(*h));
		lint_html_read(html, h);
		check_links(k, h);
		check_tags(k, h->text, "HTML");
	}
	check_leave(k, h, text);
	check_postal(k, h == NULL ? span_of(NULL, 0) : h->text, text);
	if (h != NULL)
		lint_html_fini(h);
	free(h);
}
