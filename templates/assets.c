/* assets.c - attachments and inline images of a template: encoded once, the same in every message.
 *
 * Everything is base64: no line of it can look like a boundary or need care on its way.
 */
#include "templates/assets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/evp.h>

#include "templates/canon.h"
#include "templates/dkim.h"
#include "templates/mime.h"
#include "templates/src.h"
#include "templates/utf8.h"

enum {
	PART_HEADER_BYTES = 2048, /* fields of one part */
	PARAMETER_BYTES = 60,     /* of a file name in one line */
};

/* By the end of a file's name; what is not here is application/octet-stream. */
static const struct {
	const char *ending, *type;
} types[] = {
	/* clang-format off */
	{ "png",  "image/png" },
	{ "jpg",  "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "gif",  "image/gif" },
	{ "webp", "image/webp" },
	{ "svg",  "image/svg+xml" },
	{ "pdf",  "application/pdf" },
	{ "zip",  "application/zip" },
	{ "json", "application/json" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "txt",  "text/plain" },
	{ "csv",  "text/csv" },
	{ "html", "text/html" },
	{ "ics",  "text/calendar" },
	{ "vcf",  "text/vcard" },
	/* clang-format on */
};

static const char *type_of(struct span name)
{
	const uint8_t *dot = memrchr(name.at, '.', name.bytes);
	struct span end = dot == NULL ? span_of(NULL, 0)
	                              : span_of(dot + 1, (size_t)(name.at + name.bytes - dot - 1));

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (end.bytes == strlen(types[i].ending) &&
		    strncasecmp((const char *)end.at, types[i].ending, end.bytes) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* ---- fields ---- */

/* RFC 2231 7: what may stand for itself; RFC 2045 5.1 has the same letters for tokens. */
static bool is_plain(uint8_t b)
{
	return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
	       (b != 0 && strchr("._-+", b) != NULL);
}

static size_t put_escaped(struct buf *out, uint8_t b)
{
	static const char hex[] = "0123456789ABCDEF";

	if (is_plain(b)) {
		buf_byte(out, b);
		return 1;
	}
	buf_put(out, (char[]){ '%', hex[b >> 4], hex[b & 15] }, 3);
	return 3;
}

/* A parameter with a file's name: quoted where that will do, else in RFC 2231's form, in pieces
 * where it is long.
 */
static void put_parameter(struct buf *out, const char *parameter, struct span name)
{
	bool plain = name.bytes <= PARAMETER_BYTES;
	unsigned n = 0;
	char start[32];

	for (size_t i = 0; i < name.bytes; i++)
		plain &= is_plain(name.at[i]) || name.at[i] == ' ';
	if (plain) {
		buf_str(out, ";\r\n ");
		buf_str(out, parameter);
		buf_str(out, "=\"");
		buf_span(out, name);
		buf_str(out, "\"");
		return;
	}
	for (size_t i = 0; i < name.bytes;) {
		bool whole = name.bytes * 3 <= PARAMETER_BYTES;
		size_t column = 0;

		if (whole)
			snprintf(start, sizeof(start), ";\r\n %s*=", parameter);
		else
			snprintf(start, sizeof(start), ";\r\n %s*%u*=", parameter, n);
		buf_str(out, start);
		if (n++ == 0)
			buf_str(out, "UTF-8''");
		while (i < name.bytes && column < PARAMETER_BYTES - 12)
			column += put_escaped(out, name.at[i++]);
	}
}

static bool is_text(const struct tpl_text_source *file)
{
	return strncmp(type_of(file->name), "text/", 5) == 0 &&
	       utf8_first_bad(file->text) == file->text.bytes;
}

static void put_part(struct buf *out, const struct tpl_text_source *file, bool is_inline,
                     const char *delimiter)
{
	const char *type = type_of(file->name);

	buf_str(out, delimiter);
	buf_str(out, "\r\nContent-Type: ");
	buf_str(out, type);
	if (is_text(file))
		buf_str(out, "; charset=utf-8");
	put_parameter(out, "name", file->name);
	buf_str(out, "\r\nContent-Transfer-Encoding: base64\r\n");
	if (is_inline) { /* RFC 2392 2: cid:NAME in the HTML */
		buf_str(out, "Content-ID: <");
		buf_span(out, file->name);
		buf_str(out, ">\r\n");
	}
	buf_str(out, is_inline ? "Content-Disposition: inline" : "Content-Disposition: attachment");
	put_parameter(out, "filename", file->name);
	buf_str(out, "\r\n\r\n");
	mime_put(out, MIME_BASE64, file->text);
	buf_str(out, "\r\n");
}

static struct span put_parts(struct buf *out, const struct tpl_text_source *files, uint32_t n,
                             const char *kind, const char *boundary, bool is_inline)
{
	char delimiter[IDS_HEX_BYTES + 16];
	size_t from = out->bytes;

	if (n == 0)
		return span_of(NULL, 0);
	snprintf(delimiter, sizeof(delimiter), "--=%s_%s", kind, boundary);
	for (uint32_t i = 0; i < n; i++)
		put_part(out, &files[i], is_inline, delimiter);
	buf_str(out, delimiter);
	buf_str(out, "--\r\n");
	return buf_since(out, from);
}

/* ---- what scanners read ---- */

enum kind { KIND_OTHER, KIND_TEXT, KIND_HTML, N_KINDS };

/* What holds a zero byte is no text to a reader. */
static enum kind kind_of(const struct tpl_text_source *file)
{
	if (!is_text(file) ||
	    (file->text.bytes > 0 && memchr(file->text.at, '\0', file->text.bytes) != NULL))
		return KIND_OTHER;
	return strcmp(type_of(file->name), "text/html") == 0 ? KIND_HTML : KIND_TEXT;
}

static void keep_plain(struct assets *a, const struct tpl_text_source *files[2],
                       const uint32_t n[2], struct buf *out)
{
	struct span of[N_KINDS];
	size_t from = out->bytes;

	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < n[k]; i++) {
			buf_span(out, files[k][i].name);
			buf_byte(out, '\0');
		}
	a->names = buf_since(out, from);
	from = out->bytes;
	for (enum kind kind = 0; kind < N_KINDS; kind++) {
		size_t at = out->bytes;

		for (int k = 0; k < 2; k++)
			for (uint32_t i = 0; i < n[k]; i++) {
				if (kind_of(&files[k][i]) != kind)
					continue;
				buf_span(out, files[k][i].text);
				if (kind != KIND_OTHER)
					buf_byte(out, '\0');
			}
		of[kind] = buf_since(out, at);
	}
	a->texts = of[KIND_TEXT];
	a->htmls = of[KIND_HTML];
	a->bytes = buf_since(out, from);
}

/* ---- checking and naming ---- */

static int check(const struct tpl_text_source *f, bool is_inline, struct tpl_err *err)
{
	char file[64];

	snprintf(file, sizeof(file), "%s/%.*s", is_inline ? "inline" : "attachments",
	         (int)f->name.bytes, (const char *)f->name.at);
	if (utf8_first_bad(f->name) != f->name.bytes || f->name.bytes > TPL_ASSET_NAME_MAX)
		return err_set(err, file, 0, 0, -EINVAL,
		               "a file name that is not UTF-8 or over %d bytes",
		               TPL_ASSET_NAME_MAX);
	for (size_t i = 0; i < f->name.bytes; i++) {
		uint8_t b = f->name.at[i];

		if (b < ' ' || b == 0x7f)
			return err_set(err, file, 0, 0, -EINVAL,
			               "a control character in a file name");
		if (is_inline && !is_plain(b) && b != '@')
			return err_set(err, file, 0, 0, -EINVAL,
			               "an inline file is called by cid:NAME; use letters, digits "
			               "and . _ - + @ in its name");
	}
	return 0;
}

/* What is in them names the boundaries, so that they are the same in every process. */
static bool name_them(struct assets *a, const struct tpl_text_source *files[2], const uint32_t n[2])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash != NULL && EVP_DigestInit_ex2(hash, EVP_sha256(), NULL) == 1;

	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; ok && i < n[k]; i++)
			ok = EVP_DigestUpdate(hash, files[k][i].name.at, files[k][i].name.bytes) ==
			         1 &&
			     EVP_DigestUpdate(hash, files[k][i].text.at, files[k][i].text.bytes) ==
			         1;
	ok = ok && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	for (int i = 0; ok && i < IDS_HEX_BYTES / 2; i++)
		snprintf(a->boundary + 2 * i, 3, "%02x", digest[i]);
	return ok;
}

int assets_make(struct assets *a, const struct tpl_text_source *inlines, uint32_t n_inlines,
                const struct tpl_text_source *attached, uint32_t n_attached, struct tpl_err *err)
{
	const struct tpl_text_source *files[2] = { inlines, attached };
	const uint32_t n[2] = { n_inlines, n_attached };
	struct buf out = { 0 }, plain = { 0 };
	size_t bytes = 0;
	int r;

	*a = (struct assets){ 0 };
	if (n_inlines + n_attached == 0)
		return 0;
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < n[k]; i++) {
			if ((r = check(&files[k][i], k == 0, err)) != 0)
				return r;
			bytes += files[k][i].text.bytes;
			out.max += files[k][i].text.bytes / 57 * 78 + PART_HEADER_BYTES;
			plain.max += files[k][i].name.bytes + files[k][i].text.bytes + 2;
		}
	if (bytes > TPL_ASSET_BYTES_MAX)
		return err_set(err, "attachments", 0, 0, -EINVAL,
		               "attachments and inline files are over %d MiB together",
		               TPL_ASSET_BYTES_MAX >> 20);
	out.at = a->memory = malloc(out.max);
	plain.at = a->plain = malloc(plain.max);
	if (out.at == NULL || plain.at == NULL || !name_them(a, files, n))
		return err_set(err, "attachments", 0, 0, -ENOMEM, "out of memory");
	keep_plain(a, files, n, &plain);
	a->related = put_parts(&out, inlines, n_inlines, "r", a->boundary, true);
	a->mixed = put_parts(&out, attached, n_attached, "m", a->boundary, false);
	a->related_is_fixed = canon_is_fixed(a->related);
	a->mixed_is_fixed = canon_is_fixed(a->mixed);
	if (a->mixed.bytes != 0) /* "--=m_", the boundary, "--", CRLF */
		a->mixed_parts = span_of(a->mixed.at, a->mixed.bytes - (5 + IDS_HEX_BYTES + 4));
	for (int how = 0; how < 2 && a->mixed_is_fixed; how++) {
		a->prefix[how] = dkim_prefix_new((enum canon)how, a->mixed_parts);
		if (a->prefix[how] == NULL)
			return err_set(err, "attachments", 0, 0, -ENOMEM, "out of memory");
	}
	return out.full ? err_set(err, "attachments", 0, 0, -EINVAL, "file names are too long") : 0;
}

void assets_fini(struct assets *a)
{
	free(a->memory);
	free(a->plain);
	for (int how = 0; how < 2; how++)
		dkim_prefix_free(a->prefix[how]);
	*a = (struct assets){ 0 };
}
