/* signatures.c - what the DKIM signatures of a message cover, and how (RFC 6376, RFC 8058 4). */
#include <stdlib.h>
#include <string.h>

#include "control/lint/sample.h"

enum { EXPIRES_MIN_S = 86400 };

/* What readers see or act on: signed, and once more than it occurs, so that none can be added. */
static const char *const guarded[] = {
	"From",        "To",       "Subject",          "Date",
	"Message-ID",  "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Content-Type"
};

struct signature {
	struct lint_tags tags;
	struct span signs; /* h= */
	bool is_rsa;
};

/* How often a field's name stands in "a : b : c". */
static uint32_t times_listed(struct span list, const char *name)
{
	uint32_t n = 0;

	while (list.bytes > 0) {
		const uint8_t *colon = memchr(list.at, ':', list.bytes);
		size_t bytes = colon == NULL ? list.bytes : (size_t)(colon - list.at);

		n += lint_same(lint_trim(span_of(list.at, bytes)), span_str(name));
		bytes += colon != NULL;
		list = span_of(list.at + bytes, list.bytes - bytes);
	}
	return n;
}

static uint32_t times_there(const struct lint_message *m, const char *name)
{
	uint32_t n = 0;

	while (lint_field_find(m, name, n) != NULL)
		n++;
	return n;
}

static struct span tag_of(const struct signature *s, const char *name)
{
	const struct span *v = lint_tag_find(&s->tags, name);

	return v == NULL ? span_of(NULL, 0) : *v;
}

/* False for a field that is no signature a receiver would try. */
static bool read_signature(struct span value, struct signature *out)
{
	struct span algorithm;

	if (!lint_tags_read(value, &out->tags))
		return false;
	algorithm = tag_of(out, "a");
	out->signs = tag_of(out, "h");
	out->is_rsa = lint_same(algorithm, span_str("rsa-sha256"));
	return tag_of(out, "d").bytes > 0 && tag_of(out, "s").bytes > 0 &&
	       tag_of(out, "b").bytes > 0 && times_listed(out->signs, "From") > 0 &&
	       (out->is_rsa || lint_same(algorithm, span_str("ed25519-sha256")));
}

static int64_t number(struct span s)
{
	char text[24];

	lint_unfold(s, text, sizeof(text));
	return strtoll(text, NULL, 10);
}

static void check_how(struct lint_look *k, const struct signature *s)
{
	struct span x = tag_of(s, "x"), t = tag_of(s, "t"), c = tag_of(s, "c");

	if (lint_tag_find(&s->tags, "l") != NULL)
		lint_tell_field(k, LINT_SIGNED_HOW, "DKIM-Signature",
		                "l= lets anything be added below");
	if (t.bytes == 0)
		lint_tell_field(k, LINT_SIGNED_HOW, "DKIM-Signature", "there is no t=");
	if (x.bytes > 0 && number(x) < number(t) + EXPIRES_MIN_S)
		lint_tell_field(k, LINT_SIGNED_HOW, "DKIM-Signature",
		                "x= is not a day after t=: a retry comes too late");
	if (!lint_same(c, span_str("relaxed/relaxed")))
		lint_tell_field(k, LINT_SIGNED_CANON, "DKIM-Signature", "c=%.*s",
		                c.bytes == 0 ? 13 : (int)c.bytes,
		                c.bytes == 0 ? "simple/simple" : (const char *)c.at);
}

static void check_fields(struct lint_look *k, const struct signature *s)
{
	for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
		uint32_t there = times_there(&k->message, guarded[i]);
		uint32_t listed = times_listed(s->signs, guarded[i]);

		if (listed <= there) {
			lint_tell_field(k, LINT_SIGNED_FIELDS, "DKIM-Signature",
			                listed < there ? "%s is not signed"
			                               : "a second %s could be added",
			                guarded[i]);
			return; /* one says enough: the list is the same for all */
		}
	}
}

static void lower_copy(struct span s, char out[256])
{
	size_t n = s.bytes < 255 ? s.bytes : 255;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] | 0x20 : s.at[i]);
	out[n] = '\0';
}

static void keep_signer(struct lint_samples *all, const struct signature *s)
{
	struct lint_signer new;

	lower_copy(tag_of(s, "d"), new.domain);
	lower_copy(tag_of(s, "s"), new.selector);
	for (uint32_t i = 0; i < all->n_signers; i++)
		if (strcmp(all->signers[i].domain, new.domain) == 0 &&
		    strcmp(all->signers[i].selector, new.selector) == 0)
			return;
	if (all->n_signers < LINT_SIGNERS_MAX)
		all->signers[all->n_signers++] = new;
}

void lint_look_at_signatures(struct lint_look *k)
{
	uint32_t n = 0, n_rsa = 0, n_one_click = 0;
	const struct lint_field *f;

	for (uint32_t i = 0; i < LINT_SIGNATURES_MAX &&
	                     (f = lint_field_find(&k->message, "DKIM-Signature", i)) != NULL;
	     i++) {
		struct signature s;

		if (!read_signature(f->value, &s))
			continue;
		n++;
		n_rsa += s.is_rsa;
		/* Many receivers cannot verify another kind: it must be an RSA signature. */
		n_one_click += s.is_rsa && times_listed(s.signs, "List-Unsubscribe") > 0 &&
		               times_listed(s.signs, "List-Unsubscribe-Post") > 0;
		keep_signer(k->all, &s);
		check_how(k, &s);
		check_fields(k, &s);
	}
	if (n == 0)
		lint_tell(k, LINT_SIGNED, "there is no DKIM signature");
	if (n_rsa == 0 && n > 0)
		lint_tell(k, LINT_SIGNED_RSA, "it is signed with Ed25519 alone");
	if (n_one_click == 0)
		lint_tell(k, LINT_ONE_CLICK_SIGNED, "no %s covers both headers",
		          n_rsa == 0 ? "RSA signature" : "signature");
}
