/* dkim_record.c - a DKIM key record: whether it is sound and holds the key that signs. */
#include "control/lint/dkim_record.h"

#include <string.h>

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Equal but for blanks, which base64 may hold (RFC 6376 3.2). */
static bool same_base64(struct span a, struct span b)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a.bytes && is_blank(a.at[i]))
			i++;
		while (k < b.bytes && is_blank(b.at[k]))
			k++;
		if (i == a.bytes || k == b.bytes)
			return i == a.bytes && k == b.bytes;
		if (a.at[i++] != b.at[k++])
			return false;
	}
}

/* Whether "a:b:c" names it; a tag that is not there allows everything. */
static bool allows(const struct lint_tags *t, const char *tag, const char *name)
{
	const struct span *v = lint_tag_find(t, tag);
	struct span list;

	if (v == NULL)
		return true;
	for (list = *v; list.bytes > 0;) {
		const uint8_t *colon = memchr(list.at, ':', list.bytes);
		size_t n = colon == NULL ? list.bytes : (size_t)(colon - list.at);
		struct span word = lint_trim(span_of(list.at, n));

		if (lint_same(word, span_str(name)) || span_eq(word, span_str("*")))
			return true;
		n += colon != NULL;
		list = span_of(list.at + n, list.bytes - n);
	}
	return false;
}

static bool flags(const struct lint_tags *t, const char *flag)
{
	return lint_tag_find(t, "t") != NULL && allows(t, "t", flag);
}

static const char *compare(const struct lint_tags *theirs, const struct lint_tags *ours)
{
	const struct span *v = lint_tag_find(theirs, "v"), *k = lint_tag_find(theirs, "k");
	const struct span *p = lint_tag_find(theirs, "p"), *own = lint_tag_find(ours, "p");
	const struct span *own_k = lint_tag_find(ours, "k");
	struct span rsa = span_str("rsa"); /* what a record without k= means */

	if (v != NULL && (!span_eq(*v, span_str("DKIM1")) || v != &theirs->at[0].value))
		return "v=DKIM1 does not come first";
	if (p == NULL)
		return "it has no p=";
	if (p->bytes == 0)
		return "p= is empty: the key is revoked";
	if (!lint_same(k == NULL ? rsa : *k, own_k == NULL ? rsa : *own_k))
		return "it is of another kind of key";
	if (own == NULL || !same_base64(*p, *own))
		return "it holds another key";
	if (!allows(theirs, "h", "sha256"))
		return "h= does not allow sha256";
	return allows(theirs, "s", "email") ? NULL : "s= does not allow email";
}

const char *dkim_record_compare(const struct span *texts, uint32_t n, struct span ours,
                                bool *testing)
{
	const char *wrong = "there is no key record";
	struct lint_tags own, theirs;
	uint32_t n_keys = 0;

	*testing = false;
	if (!lint_tags_read(ours, &own))
		return "our own key has no record";
	for (uint32_t i = 0; i < n; i++) {
		if (!lint_tags_read(texts[i], &theirs) || lint_tag_find(&theirs, "p") == NULL)
			continue;
		/* RFC 6376 3.6.2.2: with several records it is not said which one counts. */
		if (++n_keys > 1)
			return "there are several key records";
		wrong = compare(&theirs, &own);
		*testing = flags(&theirs, "y");
	}
	return wrong;
}
