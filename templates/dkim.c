/* dkim.c - DKIM signatures of a composed message (RFC 6376, RFC 8463). */
#include "templates/dkim.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "templates/canon.h"
#include "templates/key.h"
#include "templates/mailbox.h"
#include "templates/signers.h"

enum {
	LINE_BYTES = 76,
};

/* RFC 6376 5.4.1, and what one-click unsubscription needs (RFC 8058 4). */
static const char *const oversign_default[] = {
	"From",        "To",       "Subject",          "Date",
	"Message-ID",  "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Content-Type"
};

enum { N_DEFAULT = sizeof(oversign_default) / sizeof(oversign_default[0]) };

/* One field of the header, without its line end. */
struct line {
	struct span whole, name;
	bool listed; /* in h= of the signature being made */
};

struct dkim {
	const struct dkim_message *m;
	struct buf *out;
	EVP_MD_CTX *hash;
	struct line lines[DKIM_FIELDS_MAX];
	uint32_t n_lines;
	/* What h= lists, in its order; without a line: there is no such field. */
	struct line listed[DKIM_FIELDS_MAX + TPL_OVERSIGN_MAX];
	uint32_t n_listed;
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
	uint32_t near[SIGNERS_NEAR_MAX];
	uint32_t n_near = signers_near(all, m->from_domain, m->sign_with, near), named = 0;
	uint32_t n_all = n_near == UINT32_MAX ? all->n : n_near;
	size_t nearest = 0;

	*n = 0;
	for (uint32_t i = 0; i < n_all && m->sign_with.bytes == 0; i++) {
		const struct tpl_signer *s = &all->at[n_near == UINT32_MAX ? i : near[i]];
		size_t shared = s->when == TPL_SIGN_FROM ? nearness(s, m->from_domain) : 0;

		nearest = shared > nearest ? shared : nearest;
	}
	for (uint32_t i = 0; i < n_all; i++) {
		const struct tpl_signer *s = &all->at[n_near == UINT32_MAX ? i : near[i]];
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
	d->failed |= !sha_begin(d->hash);
}

static void hash_end(struct dkim *d, uint8_t out[KEY_DIGEST_BYTES])
{
	if (EVP_DigestFinal_ex(d->hash, out, NULL) != 1)
		d->failed = true;
}

struct dkim_prefix {
	EVP_MD_CTX *sha;
	struct canon_body canon;
};

struct dkim_prefix *dkim_prefix_new(enum canon how, struct span lines)
{
	struct dkim_prefix *p = calloc(1, sizeof(*p));
	struct dkim d = { .hash = sha_new() };

	if (p == NULL || d.hash == NULL)
		d.failed = true;
	else
		p->sha = d.hash;
	if (p != NULL && !d.failed) {
		canon_body_init(&p->canon, how, hash_more, &d);
		canon_body_add_fixed(&p->canon, lines);
	}
	if (!d.failed)
		return p;
	if (p == NULL || p->sha == NULL)
		EVP_MD_CTX_free(d.hash);
	dkim_prefix_free(p);
	return NULL;
}

void dkim_prefix_free(struct dkim_prefix *p)
{
	if (p == NULL)
		return;
	EVP_MD_CTX_free(p->sha);
	free(p);
}

static void begin_body(struct dkim *d, enum canon how, struct canon_body *c)
{
	const struct dkim_prefix *prefix = d->m->prefix[how];

	if (prefix == NULL) {
		hash_begin(d);
		canon_body_init(c, how, hash_more, d);
		return;
	}
	d->failed |= EVP_MD_CTX_copy_ex(d->hash, prefix->sha) != 1;
	*c = prefix->canon;
	c->ctx = d;
}

static void hash_body(struct dkim *d, enum canon how)
{
	struct canon_body c;

	if (d->has_body[how])
		return;
	begin_body(d, how, &c);
	for (uint32_t i = 0; i < d->m->n_body; i++) {
		const struct dkim_piece *piece = &d->m->body[i];

		if (piece->is_fixed)
			canon_body_add_fixed(&c, piece->bytes);
		else
			canon_body_add(&c, piece->bytes);
	}
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

/* RFC 6376 5.4.2: the n-th listing of a name stands for the n-th field of it from the bottom; a
 * listing too many stands for nothing, so that no such field can be added (8.15).
 */
static void list_name(struct dkim *d, struct span name, bool once_more)
{
	for (uint32_t i = d->n_lines; i-- > 0;) {
		if (!same_name(d->lines[i].name, name))
			continue;
		d->lines[i].listed = true;
		d->listed[d->n_listed++] = d->lines[i];
	}
	if (once_more)
		d->listed[d->n_listed++] = (struct line){ .name = name };
}

static void list_names(struct dkim *d, const struct tpl_signer *s)
{
	d->n_listed = 0;
	for (uint32_t i = 0; i < d->n_lines; i++)
		d->lines[i].listed = false;
	for (uint32_t i = 0; i < s->n_oversign; i++)
		list_name(d, span_str(s->oversign[i]), true);
	for (uint32_t i = 0; i < N_DEFAULT && s->n_oversign == 0; i++)
		list_name(d, span_str(oversign_default[i]), true);
	for (uint32_t i = 0; i < d->n_lines; i++)
		if (!d->lines[i].listed && is_signed(d->lines[i].name))
			list_name(d, d->lines[i].name, false);
}

/* ---- the field ---- */

struct writer {
	struct buf *out;
	size_t column;
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

/* A tag and its value stay on one line. */
static void put_tag(struct writer *w, const char *tag, const char *value, const char *end)
{
	char text[2 * MAILBOX_DOMAIN_MAX];
	size_t n = 0;

	for (const char *part[] = { tag, value, end }, **p = part; p < part + 3; p++) {
		size_t bytes = strlen(*p);

		assert(bytes < sizeof(text) - n); /* tpl_signer_check() saw to it */
		memcpy(text + n, *p, bytes);
		n += bytes;
	}
	if (w->column > 1 && w->column + 1 + n <= LINE_BYTES) {
		buf_byte(w->out, ' ');
		w->column++;
	}
	put(w, text, n);
}

static void put_time(struct writer *w, const char *tag, int64_t s)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	assert(s >= 0);
	*at = '\0';
	do
		*--at = (char)('0' + s % 10);
	while ((s /= 10) != 0);
	put_tag(w, tag, at, ";");
}

static void put_names(struct dkim *d, struct writer *w)
{
	for (uint32_t i = 0; i < d->n_listed; i++) {
		if (i != 0) {
			buf_byte(w->out, ':');
			w->column++;
		}
		put(w, d->listed[i].name.at, d->listed[i].name.bytes);
	}
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

static const char *const canon_names[2][2] = {
	[CANON_SIMPLE] = { [CANON_SIMPLE] = "simple/simple", [CANON_RELAXED] = "simple/relaxed" },
	[CANON_RELAXED] = { [CANON_SIMPLE] = "relaxed/simple",
	                    [CANON_RELAXED] = "relaxed/relaxed" },
};

static void put_tags(struct dkim *d, const struct tpl_signer *s, struct writer *w)
{
	put_tag(w, "v=1", "", ";");
	put_tag(w, "a=", tpl_key_algorithm(s->key), ";");
	put_tag(w, "c=", canon_names[s->header][s->body], ";");
	put_tag(w, "d=", s->domain, ";");
	put_tag(w, "s=", s->selector, ";");
	put_time(w, "t=", d->m->signed_s);
	if (s->expires_s != 0 && !d->m->no_expiry)
		put_time(w, "x=", d->m->signed_s + s->expires_s);
	put_tag(w, "h=", "", "");
	put_names(d, w);
	put(w, ";", 1);
	put_tag(w, "bh=", "", "");
	put_base64(w, d->body[s->body], KEY_DIGEST_BYTES);
	put(w, ";", 1);
	put_tag(w, "b=", "", "");
}

/* RFC 6376 3.7: the listed fields, then this one as far as it is written, with b= empty. */
static const char *sign_one(struct dkim *d, const struct tpl_signer *s)
{
	static const char name[] = "DKIM-Signature:";
	enum canon how = (enum canon)s->header;
	struct writer w = { .out = d->out, .column = sizeof(name) - 1 };
	uint8_t digest[KEY_DIGEST_BYTES], signature[KEY_SIGNATURE_BYTES_MAX];
	size_t from = d->out->bytes, bytes;

	hash_body(d, (enum canon)s->body);
	list_names(d, s);
	buf_str(d->out, name);
	put_tags(d, s, &w);
	if (d->out->full)
		return NULL;
	hash_begin(d);
	for (uint32_t i = 0; i < d->n_listed; i++)
		if (d->listed[i].whole.at != NULL)
			canon_field(how, d->listed[i].whole, true, hash_more, d);
	canon_field(how, buf_since(d->out, from), false, hash_more, d);
	hash_end(d, digest);
	bytes = d->failed ? 0 : key_sign(s->key, digest, signature);
	if (bytes == 0)
		return "the crypto library failed";
	put_base64(&w, signature, bytes);
	buf_str(d->out, "\r\n");
	return NULL;
}

const char *dkim_sign(const struct tpl_signers *signers, const struct dkim_message *m,
                      EVP_MD_CTX *sha, struct buf *out)
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
	d.hash = sha;
	for (uint32_t i = 0; i < n && why == NULL; i++)
		why = sign_one(&d, chosen[i]);
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
