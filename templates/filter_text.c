/* filter_text.c - filters of texts: joining, cutting, replacing, letters. */
#include "templates/filters.h"

#include "templates/letters.h"
#include "templates/number.h"
#include "templates/render.h"
#include "templates/utf8.h"

static bool is_space(uint8_t b)
{
	return b == ' ' || b == 0 || (b >= '\t' && b <= '\r');
}

/* Bytes of the character at `at`, 1 for a stray byte. */
static size_t char_at(struct span s, size_t at)
{
	size_t n = utf8_char_bytes(span_of(s.at + at, s.bytes - at));

	return n == 0 ? 1 : n;
}

static uint64_t count_chars(struct span s)
{
	uint64_t n = 0;

	for (size_t at = 0; at < s.bytes; n++)
		at += char_at(s, at);
	return n;
}

/* Where character `n` begins; the end when there are fewer. */
static size_t skip_chars(struct span s, uint64_t n)
{
	size_t at = 0;

	while (n-- != 0 && at < s.bytes)
		at += char_at(s, at);
	return at;
}

/* ---- joining ---- */

const char *filter_append(struct filter_call *c)
{
	struct text t = { .arena = c->arena };

	text_span(&t, filter_text(c));
	text_span(&t, filter_arg_text(c, 0));
	return filter_put(c, &t);
}

const char *filter_prepend(struct filter_call *c)
{
	struct text t = { .arena = c->arena };

	text_span(&t, filter_arg_text(c, 0));
	text_span(&t, filter_text(c));
	return filter_put(c, &t);
}

/* ---- blanks ---- */

static struct span strip(struct span s, bool front, bool back)
{
	while (front && s.bytes != 0 && is_space(s.at[0]))
		s = span_of(s.at + 1, s.bytes - 1);
	while (back && s.bytes != 0 && is_space(s.at[s.bytes - 1]))
		s.bytes--;
	return s;
}

const char *filter_strip(struct filter_call *c)
{
	return filter_put_span(c, strip(filter_text(c), true, true));
}

const char *filter_lstrip(struct filter_call *c)
{
	return filter_put_span(c, strip(filter_text(c), true, false));
}

const char *filter_rstrip(struct filter_call *c)
{
	return filter_put_span(c, strip(filter_text(c), false, true));
}

const char *filter_strip_newlines(struct filter_call *c)
{
	struct span s = filter_text(c);
	struct text t = { .arena = c->arena };

	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] != '\n' && (s.at[i] != '\r' || i + 1 == s.bytes || s.at[i + 1] != '\n'))
			text_byte(&t, s.at[i]);
	return filter_put(c, &t);
}

/* ---- letters ---- */

static void put_letters(struct text *t, struct span s, bool upper)
{
	for (size_t at = 0; at < s.bytes;) {
		size_t n = char_at(s, at);

		letters_put(t, span_of(s.at + at, n), upper);
		at += n;
	}
}

const char *filter_upcase(struct filter_call *c)
{
	struct text t = { .arena = c->arena };

	put_letters(&t, filter_text(c), true);
	return filter_put(c, &t);
}

const char *filter_downcase(struct filter_call *c)
{
	struct text t = { .arena = c->arena };

	put_letters(&t, filter_text(c), false);
	return filter_put(c, &t);
}

const char *filter_capitalize(struct filter_call *c)
{
	struct span s = filter_text(c);
	size_t first = skip_chars(s, 1);
	struct text t = { .arena = c->arena };

	put_letters(&t, span_of(s.at, first), true);
	put_letters(&t, span_of(s.at + first, s.bytes - first), false);
	return filter_put(c, &t);
}

/* ---- cutting ---- */

const char *filter_truncate(struct filter_call *c)
{
	struct span s = filter_text(c),
		    end = c->n_args > 1 ? filter_arg_text(c, 1) : span_str("...");
	struct text t = { .arena = c->arena };
	int64_t most = 50, kept;

	if (c->n_args > 0 && !number_is_whole(c->args[0], &most))
		return "the length is no whole number";
	if (value_is_nil(c->in))
		return filter_put_span(c, s);
	if ((int64_t)count_chars(s) <= most)
		return filter_put_span(c, s);
	kept = most - (int64_t)count_chars(end);
	text_put(&t, s.at, skip_chars(s, kept < 0 ? 0 : (uint64_t)kept));
	text_span(&t, end);
	return filter_put(c, &t);
}

const char *filter_truncatewords(struct filter_call *c)
{
	struct span s = filter_text(c),
		    end = c->n_args > 1 ? filter_arg_text(c, 1) : span_str("...");
	struct text t = { .arena = c->arena };
	int64_t most = 15, words = 0;
	size_t at = 0;

	if (c->n_args > 0 && !number_is_whole(c->args[0], &most))
		return "the number of words is no whole number";
	most = most < 1 ? 1 : most;
	for (;;) {
		size_t from;

		while (at < s.bytes && is_space(s.at[at]))
			at++;
		for (from = at; at < s.bytes && !is_space(s.at[at]);)
			at++;
		if (from == at) /* no more than were asked for */
			return filter_put_span(c, s);
		if (words == most)
			break;
		if (words++ != 0)
			text_byte(&t, ' ');
		text_put(&t, s.at + from, at - from);
	}
	text_span(&t, end);
	return filter_put(c, &t);
}

const char *filter_slice(struct filter_call *c)
{
	int64_t from, n = 1, have;
	struct span s;

	if (!number_is_whole(c->args[0], &from))
		return "the first position is no whole number";
	if (c->n_args > 1 && !value_is_nil(c->args[1]) && !number_is_whole(c->args[1], &n))
		return "the length is no whole number";
	s = c->in.kind == TPL_ARRAY ? span_of(NULL, 0) : filter_text(c);
	have = c->in.kind == TPL_ARRAY ? c->in.n : (int64_t)count_chars(s);
	from = from < 0 ? from + have : from;
	if (from < 0 || from > have || n < 0)
		n = from = 0;
	n = n > have - from ? have - from : n;
	if (c->in.kind == TPL_ARRAY) {
		c->out = value_list(c->in.items + from, (size_t)n);
		return NULL;
	}
	s = span_of(s.at + skip_chars(s, (uint64_t)from), s.bytes - skip_chars(s, (uint64_t)from));
	return filter_put_span(c, span_of(s.at, skip_chars(s, (uint64_t)n)));
}

/* ---- replacing ---- */

static const uint8_t *find(struct span s, struct span what)
{
	return s.bytes < what.bytes ? NULL
	       : what.bytes == 0    ? s.at
	                            : memmem(s.at, s.bytes, what.at, what.bytes);
}

/* The first one, or all. Nothing is found between all characters, as in Ruby. */
static const char *replace(struct filter_call *c, struct span with, bool all)
{
	struct span s = filter_text(c), what = filter_arg_text(c, 0);
	struct text t = { .arena = c->arena };
	const uint8_t *hit;

	s.at = s.at == NULL ? (const uint8_t *)"" : s.at;
	while ((hit = find(s, what)) != NULL) {
		size_t n = (size_t)(hit - s.at);

		text_put(&t, s.at, n);
		text_span(&t, with);
		s = span_of(s.at + n + what.bytes, s.bytes - n - what.bytes);
		if (what.bytes == 0 && all) {
			n = s.bytes == 0 ? 0 : char_at(s, 0);
			text_put(&t, s.at, n);
			if (n == 0)
				break;
			s = span_of(s.at + n, s.bytes - n);
		}
		if (!all || c->arena->full)
			break;
	}
	text_span(&t, s);
	return filter_put(c, &t);
}

static const char *replace_last(struct filter_call *c, struct span with)
{
	struct span s = filter_text(c), what = filter_arg_text(c, 0);
	struct text t = { .arena = c->arena };
	size_t at = s.bytes < what.bytes ? 0 : s.bytes - what.bytes + 1;

	while (at-- > 0) {
		if (what.bytes != 0 && s.at[at] != what.at[0])
			continue;
		if ((*c->steps += what.bytes / 64) > RENDER_STEPS_MAX)
			return "too long a text to search";
		if (what.bytes != 0 && memcmp(s.at + at, what.at, what.bytes) != 0)
			continue;
		text_put(&t, s.at, at);
		text_span(&t, with);
		text_put(&t, s.at + at + what.bytes, s.bytes - at - what.bytes);
		return filter_put(c, &t);
	}
	return filter_put_span(c, s);
}

const char *filter_replace(struct filter_call *c)
{
	return replace(c, filter_arg_text(c, 1), true);
}

const char *filter_replace_first(struct filter_call *c)
{
	return replace(c, filter_arg_text(c, 1), false);
}

const char *filter_replace_last(struct filter_call *c)
{
	return replace_last(c, filter_arg_text(c, 1));
}

const char *filter_remove(struct filter_call *c)
{
	return replace(c, span_of("", 0), true);
}

const char *filter_remove_first(struct filter_call *c)
{
	return replace(c, span_of("", 0), false);
}

const char *filter_remove_last(struct filter_call *c)
{
	return replace_last(c, span_of("", 0));
}
