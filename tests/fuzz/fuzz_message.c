/* fuzz_message.c - any values in a header and in bodies, with files and signatures around them,
 * give a message whose lines obey RFC 5322, whose header is the template's fields and ours, and no
 * more.
 *
 * Input: values of the columns a, b and c, with 0xff between; the last also names the campaign's
 * list.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "templates/compiled.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { SLAB_BYTES = 1 << 20 };

static uint8_t slab[2][SLAB_BYTES], whole[SLAB_BYTES];

static const char message_liquid[] = "Subject: {{ a }}\n"
				     "From: {{ b }} <news@b.test>\n"
				     "Reply-To: {{ c }}\n"
				     "X-A: {{ a }}{{ b }}\n"
				     "References: {{ b }}\n";
/* Every field that may stand there, each at most as often. */
static const char *const fields[] = { "DKIM-Signature",
	                              "Date",
	                              "From",
	                              "To",
	                              "Subject",
	                              "Message-ID",
	                              "Reply-To",
	                              "X-A",
	                              "References",
	                              "List-Id",
	                              "Precedence",
	                              "List-Unsubscribe",
	                              "List-Unsubscribe-Post",
	                              "MIME-Version",
	                              "Content-Type",
	                              "Feedback-ID" };

static const struct tpl_token_key token_key = { .id = 1 };
static const struct tpl_token_keys tokens = { &token_key, 1 };
static struct tpl_signer signer = {
	.name = "s", .domain = "b.test", .selector = "s", .header = TPL_RELAXED, .body = TPL_RELAXED
};
static struct tpl *tpl;

/* RFC 8463 A.2 */
static void load_key(void)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n";
	char path[] = "/tmp/posthaste-fuzz-XXXXXX", why[TPL_WHY_BYTES];
	int fd = mkstemp(path);
	struct tpl_key *key;

	assert(fd >= 0 && write(fd, pem, sizeof(pem) - 1) == sizeof(pem) - 1);
	close(fd);
	assert(tpl_key_open(path, &key, why) == 0);
	unlink(path);
	signer.key = key;
}

static void make_ready(void)
{
	static const struct span names[] = { { (const uint8_t *)"a", 1 },
		                             { (const uint8_t *)"b", 1 },
		                             { (const uint8_t *)"c", 1 } };
	static const struct tpl_columns columns = { .names = names, .n = 3 };
	static const struct tpl_text_source file = { { (const uint8_t *)"x.png", 5 },
		                                     { (const uint8_t *)"content", 7 } };
	struct tpl_sources s = { .message = span_str(message_liquid),
		                 .html = span_str("<p>{{ a }}{{ c | raw }}<img src='cid:x.png'>"),
		                 .has_html = true,
		                 .inlines = &file,
		                 .n_inlines = 1,
		                 .attached = &file,
		                 .n_attached = 1 };
	struct tpl_err err;

	load_key();
	assert(tpl_open_sources(&s, &columns, &tpl, &err) == 0);
}

static struct span cut(struct span *s)
{
	const uint8_t *mark = s->bytes == 0 ? NULL : memchr(s->at, 0xff, s->bytes);
	struct span out = span_of(s->at, mark == NULL ? s->bytes : (size_t)(mark - s->at));

	s->at += out.bytes + (mark != NULL);
	s->bytes -= out.bytes + (mark != NULL);
	return out;
}

static void check_field(const uint8_t *line, size_t bytes, unsigned seen[])
{
	size_t n = sizeof(fields) / sizeof(fields[0]), i = 0;
	const uint8_t *colon = memchr(line, ':', bytes);

	assert(colon != NULL);
	while (i < n && (strlen(fields[i]) != (size_t)(colon - line) ||
	                 strncasecmp(fields[i], (const char *)line, strlen(fields[i])) != 0))
		i++;
	assert(i < n && seen[i]++ == 0);
}

static void check(const uint8_t *at, size_t bytes, bool utf8)
{
	unsigned seen[sizeof(fields) / sizeof(fields[0])] = { 0 };
	bool header = true;

	assert(bytes >= 2 && at[bytes - 1] == '\n');
	for (size_t from = 0; from < bytes;) {
		const uint8_t *end = memchr(at + from, '\n', bytes - from);
		size_t n = (size_t)(end - at) - from;

		assert(n >= 1 && at[from + n - 1] == '\r' && n - 1 <= 998);
		for (size_t i = from; i < from + n - 1; i++)
			assert(at[i] != '\r' && at[i] != 0 && (utf8 || at[i] < 0x80));
		header = header && n != 1;
		if (header && at[from] != ' ' && at[from] != '\t')
			check_field(at + from, n - 1, seen);
		from += n + 1;
	}
	assert(!header);
	for (size_t i = 0; i < 6; i++) /* those up to Message-ID are always there */
		assert(seen[i] == 1);
}

static size_t join(const struct tpl_out *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < out->n_wire; n += out->wire[i++].bytes)
		memcpy(whole + n, out->wire[i].at, out->wire[i].bytes);
	assert(n == out->size_bytes);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct tpl_signers signers = { .at = &signer, .n = 1 };
	struct span rest = span_of(data, bytes), a = cut(&rest), b = cut(&rest);
	struct tpl_value values[3] = { tpl_text_value(a), tpl_text_value(b), tpl_text_value(rest) };
	struct tpl_campaign campaign = { .name = span_str("fuzz"),
		                         .id_domain = span_str("b.test"),
		                         .class = TPL_CLASS_BULK,
		                         .feedback_id = span_str("sender"),
		                         .list_id = rest,
		                         .unsubscribe_url = span_str("https://u.test/"),
		                         .unsubscribe_mailto = span_str("u@b.test") };
	struct tpl_job job = { .campaign = &campaign,
		               .values = values,
		               .signers = &signers,
		               .tokens = &tokens,
		               .envelope = { span_str("x@b.test"), span_str("a@b.test") },
		               .number = 1,
		               .first_attempt_s = 1767225600 };
	struct tpl_out out, again;
	struct tpl_err err;
	size_t n;
	int r;

	if (bytes > SLAB_BYTES / 32)
		return 0;
	if (tpl == NULL)
		make_ready();
	job.tpl = tpl;
	r = tpl_compose(&job, slab[0], SLAB_BYTES, &out, &err);
	assert(r == 0 || r == -ENOSPC || (r == -EINVAL && err.text[0] != '\0'));
	if (r != 0)
		return 0;
	n = join(&out);
	check(whole, n, out.needs_smtputf8);
	assert(tpl_compose(&job, slab[1], SLAB_BYTES, &again, &err) == 0);
	assert(again.n_wire == out.n_wire);
	for (uint32_t i = 0; i < out.n_wire; i++)
		assert(span_eq(out.wire[i], again.wire[i]));
	return 0;
}
