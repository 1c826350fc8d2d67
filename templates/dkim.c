/* dkim.c - DKIM signatures of a composed message (RFC 6376, RFC 8463). */
#include "templates/dkim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/evp.h>

#include "templates/canon.h"
#include "templates/key.h"
#include "templates/mailbox.h"

enum {
	LINE_BYTES = 76,
};

/* RFC 6376 5.4.1, and what one-click unsubscription needs (RFC 8058 4). */
static const char oversign_default[] = "From To Subject Date Message-ID Reply-To List-Unsubscribe "
				       "List-Unsubscribe-Post Content-Type";

const char *tpl_oversign_default(void)
{
	return oversign_default;
}

/* One field of the header, without its line end. */
struct line {
	struct span whole, name;
};

struct dkim {
	const struct dkim_message *m;
	struct buf *out;
	EVP_MD_CTX *hash;
	struct line lines[DKIM_FIELDS_MAX];
	uint32_t n_lines;
	uint8_t body[2][KEY_DIGEST_BYTES]; /* by enum canon */
	bool has_body[2];
	bool failed; /* the crypto library */
};

static bool same_name(struct span a, struct span b)
{
	return a.bytes == b.bytes &&
	       strncasecmp((const char *)a.at, (const char *)b.at, a.bytes) == 0;
}

/* ---- which signers ---- */

/* The bytes that a signer's domain shares with the From domain, 0 when it is none above it. */
static size_t nearness(const struct tpl_signer *s, struct span from)
{
	size_t n = strlen(s->domain);

	if (n > from.bytes ||
	    strncasecmp(s->domain, (const char *)from.at + from.bytes - n, n) != 0)
		return 0;
	return n == from.bytes || from.at[from.bytes - n - 1] == '.' ? n : 0;
}

static bool is_listed(struct span list, const char *name)
{
	while (list.bytes != 0) {
		const uint8_t *comma = memchr(list.at, ',', list.bytes);
		size_t n = comma == NULL ? list.bytes : (size_t)(comma - list.at);

		if (span_eq(span_of(list.at, n), span_str(name)))
			return true;
		n += comma != NULL;
		list = span_of(list.at + n, list.bytes - n);
	}
	return false;
}

static uint32_t count_names(struct span list)
{
	uint32_t n = list.bytes != 0;

	for (size_t i = 0; i < list.bytes; i++)
		n += list.at[i] == ',';
	return n;
}

/* A campaign that names its signers gets these; else the From domain decides. */
static const char *choose(const struct tpl_signers *all, const struct dkim_message *m,
                          const struct tpl_signer *to[TPL_SIGNATURES_MAX], uint32_t *n)
{
	size_t nearest = 0;
	uint32_t named = 0;

	*n = 0;
	for (uint32_t i = 0; i < all->n && m->sign_with.bytes == 0; i++) {
		size_t near =
		    all->at[i].when == TPL_SIGN_FROM ? nearness(&all->at[i], m->from_domain) : 0;
		nearest = near > nearest ? near : nearest;
	}
	for (uint32_t i = 0; i < all->n; i++) {
		const struct tpl_signer *s = &all->at[i];
		bool listed = is_listed(m->sign_with, s->name);

		named += listed;
		if (!listed && s->when != TPL_SIGN_ALL &&
		    (m->sign_with.bytes != 0 || s->when != TPL_SIGN_FROM || nearest == 0 ||
		     nearness(s, m->from_domain) != nearest))
			continue;
		if (*n == TPL_SIGNATURES_MAX)
			return "more than 4 signatures; let fewer signers sign it";
		to[(*n)++] = s;
	}
	return named < count_names(m->sign_with) ? "the campaign names a signer that there is not"
	                                         : NULL;
}

/* ---- hashing ---- */

static void hash_more(void *ctx, const void *bytes, size_t n)
{
	struct dkim *d = ctx;

	if (EVP_DigestUpdate(d->hash, bytes, n) != 1)
		d->failed = true;
}

static void hash_begin(struct dkim *d)
{
	if (EVP_DigestInit_ex2(d->hash, NULL, NULL) != 1)
		d->failed = true;
}

static void hash_end(struct dkim *d, uint8_t out[KEY_DIGEST_BYTES])
{
	if (EVP_DigestFinal_ex(d->hash, out, NULL) != 1)
		d->failed = true;
}

static void hash_body(struct dkim *d, enum canon how)
{
	struct canon_body c;

	if (d->has_body[how])
		return;
	hash_begin(d);
	canon_body_init(&c, how, hash_more, d);
	for (uint32_t i = 0; i < d->m->n_body; i++)
		canon_body_add(&c, d->m->body[i]);
	canon_body_end(&c);
	hash_end(d, d->body[how]);
	d->has_body[how] = true;
}

/* ---- which fields ---- */

/* Our own header: every field ends in CRLF, and one that goes on begins with a blank. */
static const char *split(struct dkim *d)
{
	struct span rest = d->m->header;

	while (rest.bytes != 0) {
		struct line *l = &d->lines[d->n_lines];
		const uint8_t *colon = memchr(rest.at, ':', rest.bytes);
		size_t at = 0;

		if (colon == NULL || d->n_lines == DKIM_FIELDS_MAX)
			return "its header has over 128 fields, or one without a colon";
		do {
			const uint8_t *end = memchr(rest.at + at, '\n', rest.bytes - at);

			if (end == NULL || end == rest.at || end[-1] != '\r')
				return "a header field without its line end";
			at = (size_t)(end + 1 - rest.at);
		} while (at < rest.bytes && (rest.at[at] == ' ' || rest.at[at] == '\t'));
		if (colon >= rest.at + at)
			return "a header field without a colon";
		l->whole = span_of(rest.at, at - 2);
		l->name = span_of(rest.at, (size_t)(colon - rest.at));
		d->n_lines++;
		rest = span_of(rest.at + at, rest.bytes - at);
	}
	return NULL;
}

/* Every field of ours, but those that servers on the way are known to change. */
static bool is_signed(struct span name)
{
	return !(name.bytes >= 2 && strncasecmp((const char *)name.at, "X-", 2) == 0);
}

/* Names in the order they are listed in h=; the hash takes fields in the same. */
typedef void each_fn(struct dkim *d, void *ctx, struct span name, const struct line *line);

/* RFC 6376 5.4.2: the n-th listing of a name stands for the n-th field of it from the bottom; a
 * listing too many stands for nothing, so that no such field can be added (8.15).
 */
static void each_of(struct dkim *d, struct span name, bool once_more, each_fn *fn, void *ctx)
{
	for (uint32_t i = d->n_lines; i-- > 0;)
		if (same_name(d->lines[i].name, name))
			fn(d, ctx, d->lines[i].name, &d->lines[i]);
	if (once_more)
		fn(d, ctx, name, NULL);
}

static bool takes_name(const char **list, struct span *name)
{
	size_t n;

	*list += strspn(*list, " ");
	n = strcspn(*list, " ");
	*name = span_of(*list, n);
	*list += n;
	return n != 0;
}

static bool is_oversigned(const struct tpl_signer *s, struct span name)
{
	const char *list = oversign_default;
	struct span other;

	for (uint32_t i = 0; i < s->n_oversign; i++)
		if (same_name(span_str(s->oversign[i]), name))
			return true;
	while (s->n_oversign == 0 && takes_name(&list, &other))
		if (same_name(other, name))
			return true;
	return false;
}

static void each_listed(struct dkim *d, const struct tpl_signer *s, each_fn *fn, void *ctx)
{
	const char *list = oversign_default;
	struct span name;

	for (uint32_t i = 0; i < s->n_oversign; i++)
		each_of(d, span_str(s->oversign[i]), true, fn, ctx);
	while (s->n_oversign == 0 && takes_name(&list, &name))
		each_of(d, name, true, fn, ctx);
	for (uint32_t i = 0; i < d->n_lines; i++) {
		uint32_t before = 0;

		name = d->lines[i].name;
		while (!same_name(d->lines[before].name, name))
			before++;
		if (before == i && is_signed(name) && !is_oversigned(s, name))
			each_of(d, name, false, fn, ctx);
	}
}

/* ---- the field ---- */

struct writer {
	struct buf *out;
	size_t column;
	bool any; /* of the names in h= */
};

/* Appends what may not be divided, on a new line where this one is full. */
static void put(struct writer *w, const void *text, size_t bytes)
{
	if (w->column + bytes > LINE_BYTES && w->column > 1) {
		buf_str(w->out, "\r\n\t");
		w->column = 1;
	}
	buf_put(w->out, text, bytes);
	w->column += bytes;
}

__attribute__((format(printf, 2, 3))) static void put_tag(struct writer *w, const char *fmt, ...)
{
	char text[2 * MAILBOX_DOMAIN_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert(n > 0 && (size_t)n < sizeof(text)); /* tpl_signer_check() saw to it */
	if (w->column > 1 && w->column + 1 + (size_t)n <= LINE_BYTES) {
		buf_byte(w->out, ' ');
		w->column++;
	}
	put(w, text, (size_t)n);
}

static void put_name(struct dkim *d, void *ctx, struct span name, const struct line *line)
{
	struct writer *w = ctx;

	(void)d, (void)line;
	if (w->any) {
		buf_byte(w->out, ':');
		w->column++;
	}
	w->any = true;
	put(w, name.at, name.bytes);
}

static void put_base64(struct writer *w, const uint8_t *from, size_t bytes)
{
	char text[(KEY_SIGNATURE_BYTES_MAX + 2) / 3 * 4 + 1];
	size_t n = (size_t)EVP_EncodeBlock((uint8_t *)text, from, (int)bytes);

	for (size_t at = 0; at < n;) {
		size_t room = w->column < LINE_BYTES ? LINE_BYTES - w->column : LINE_BYTES - 1;

		room = room < n - at ? room : n - at;
		put(w, text + at, room);
		at += room;
	}
}

struct header_hash {
	enum canon how;
};

static void hash_line(struct dkim *d, void *ctx, struct span name, const struct line *line)
{
	struct header_hash *h = ctx;

	(void)name;
	if (line != NULL)
		canon_field(h->how, line->whole, true, hash_more, d);
}

static const char *canon_name(uint8_t how)
{
	return how == CANON_RELAXED ? "relaxed" : "simple";
}

static void put_tags(struct dkim *d, const struct tpl_signer *s, struct writer *w)
{
	put_tag(w, "v=1;");
	put_tag(w, "a=%s;", tpl_key_algorithm(s->key));
	put_tag(w, "c=%s/%s;", canon_name(s->header), canon_name(s->body));
	put_tag(w, "d=%s;", s->domain);
	put_tag(w, "s=%s;", s->selector);
	put_tag(w, "t=%" PRId64 ";", d->m->signed_s);
	if (s->expires_s != 0)
		put_tag(w, "x=%" PRId64 ";", d->m->signed_s + s->expires_s);
	put_tag(w, "h=");
	each_listed(d, s, put_name, w);
	put(w, ";", 1);
	put_tag(w, "bh=");
	put_base64(w, d->body[s->body], KEY_DIGEST_BYTES);
	put(w, ";", 1);
	put_tag(w, "b=");
}

/* RFC 6376 3.7: the listed fields, then this one as far as it is written, with b= empty. */
static const char *sign_one(struct dkim *d, const struct tpl_signer *s)
{
	static const char name[] = "DKIM-Signature:";
	struct header_hash h = { .how = (enum canon)s->header };
	struct writer w = { .out = d->out, .column = sizeof(name) - 1 };
	uint8_t digest[KEY_DIGEST_BYTES], signature[KEY_SIGNATURE_BYTES_MAX];
	size_t from = d->out->bytes, bytes;

	hash_body(d, (enum canon)s->body);
	buf_str(d->out, name);
	put_tags(d, s, &w);
	if (d->out->full)
		return NULL;
	hash_begin(d);
	each_listed(d, s, hash_line, &h);
	canon_field(h.how, buf_since(d->out, from), false, hash_more, d);
	hash_end(d, digest);
	bytes = d->failed ? 0 : key_sign(s->key, digest, signature);
	if (bytes == 0)
		return "the crypto library failed";
	put_base64(&w, signature, bytes);
	buf_str(d->out, "\r\n");
	return NULL;
}

const char *dkim_sign(const struct tpl_signers *signers, const struct dkim_message *m,
                      struct buf *out)
{
	const struct tpl_signer *chosen[TPL_SIGNATURES_MAX];
	struct dkim d;
	const char *why;
	uint32_t n;

	d.m = m;
	d.out = out;
	d.n_lines = 0;
	d.has_body[0] = d.has_body[1] = d.failed = false;
	why = choose(signers, m, chosen, &n);
	if (why != NULL || n == 0 || (why = split(&d)) != NULL)
		return why;
	d.hash = EVP_MD_CTX_new();
	if (d.hash == NULL || EVP_DigestInit_ex2(d.hash, EVP_sha256(), NULL) != 1)
		why = "the crypto library failed";
	for (uint32_t i = 0; i < n && why == NULL; i++)
		why = sign_one(&d, chosen[i]);
	EVP_MD_CTX_free(d.hash);
	return why;
}

/* ---- checking ---- */

static bool is_field_name(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++) /* RFC 5322 2.2; ";" would end the tag (RFC 6376 3.5) */
		if (s[n] <= ' ' || s[n] >= 0x7f || s[n] == ':' || s[n] == ';')
			return false;
	return n > 0 && n < 78;
}

static bool is_dns_name(const char *s, size_t most)
{
	size_t n = strlen(s), label = 0;

	for (size_t i = 0; i < n; i++) {
		bool ok = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
		          (s[i] >= '0' && s[i] <= '9') || s[i] == '_' || (s[i] == '-' && label > 0);

		if (s[i] == '.' ? label == 0 : !ok)
			return false;
		label = s[i] == '.' ? 0 : label + 1;
		if (label > MAILBOX_LABEL_MAX)
			return false;
	}
	return n <= most && label != 0;
}

const char *tpl_signer_check(const struct tpl_signer *s)
{
	bool from = s->n_oversign == 0;

	if (!is_dns_name(s->domain, 253))
		return "the domain is no DNS name in ASCII";
	if (!is_dns_name(s->selector, TPL_SELECTOR_MAX))
		return "the selector is no DNS label of at most 63 bytes";
	if (s->n_oversign > TPL_OVERSIGN_MAX)
		return "over 32 names of header fields";
	for (uint32_t i = 0; i < s->n_oversign; i++) {
		if (!is_field_name(s->oversign[i]))
			return "a name in the list of headers is no field name";
		from |= strcasecmp(s->oversign[i], "From") == 0;
		for (uint32_t k = 0; k < i; k++)
			if (strcasecmp(s->oversign[i], s->oversign[k]) == 0)
				return "a name stands twice in the list of headers";
	}
	return from ? NULL : "From is missing in the list of headers (RFC 6376 5.4)";
}
