/* test_compose.c - a row and a template give one message, to the byte, every time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templates/compiled.h"
#include "tests/support/suite.h"

enum { SLAB_BYTES = 1 << 16 };

static uint8_t slab[SLAB_BYTES], slab2[SLAB_BYTES];

static const struct span names[] = { { (const uint8_t *)"n", 1 } };
static const struct tpl_columns columns = { .names = names, .n = 1 };

static const struct tpl_campaign campaign = {
	.name = { (const uint8_t *)"spring", 6 },
	.from = { (const uint8_t *)"news@b.test", 11 },
	.id_domain = { (const uint8_t *)"id.test", 7 },
};

static struct tpl *open_tpl(const char *message, const char *html, const char *text)
{
	struct tpl_sources s = { .message = span_str(message),
		                 .has_html = html != NULL,
		                 .has_text = text != NULL };
	struct tpl_err err;
	struct tpl *tpl = NULL;

	if (html != NULL)
		s.html = span_str(html);
	if (text != NULL)
		s.text = span_str(text);
	CU_ASSERT_EQUAL_FATAL(tpl_open_sources(&s, &columns, &tpl, &err), 0);
	return tpl;
}

static struct tpl_job job_for(const struct tpl *tpl, const struct tpl_value *values)
{
	return (struct tpl_job){ .tpl = tpl,
		                 .campaign = &campaign,
		                 .values = values,
		                 .envelope = { span_str("x@b.test"), span_str("anna@a.test") },
		                 .number = 1,
		                 .first_attempt_s = 1767225600,
		                 .now_s = 1767225700 };
}

/* The hash parts of a message, replaced by '#', so that the rest can be compared. */
static void mask_hashes(uint8_t *at, size_t bytes)
{
	size_t run = 0;

	for (size_t i = 0; i <= bytes; i++) {
		bool hex = i < bytes && strchr("0123456789abcdef", at[i]) != NULL && at[i] != 0;

		if (!hex && run == 32)
			memset(at + i - 32, '#', 32);
		run = hex ? run + 1 : 0;
	}
}

#define HASH "################################"

/* What a text with merge tags comes out as, in a text body; NULL: it does not compile, and why is
 * in `err`.
 */
static const char *merged(const char *text, bool html, struct tpl_err *err)
{
	static const struct span cols[] = { { (const uint8_t *)"Name", 4 },
		                            { (const uint8_t *)"zip", 3 },
		                            { (const uint8_t *)"ZIP", 3 } };
	static const struct tpl_columns merge_columns = { .names = cols, .n = 3 };
	const struct tpl_value values[] = { tpl_text_value(span_str("A & B")),
		                            tpl_text_value(span_str("10")),
		                            tpl_text_value(span_str("20")) };
	struct tpl_sources s = { .message = span_str("Subject: [name] [*jobid]\n"),
		                 .merge_message = true,
		                 .has_html = html,
		                 .merge_html = true,
		                 .has_text = !html,
		                 .merge_text = true };
	static char body[512];
	struct tpl_out out;
	struct tpl_job job;
	struct tpl *tpl = NULL;
	size_t n;

	*(html ? &s.html : &s.text) = span_str(text);
	if (tpl_open_sources(&s, &merge_columns, &tpl, err) != 0)
		return NULL;
	job = job_for(tpl, values);
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, err), 0);
	for (uint32_t i = 0; i < out.n_text; i++) {
		n = out.text[i].bytes.bytes;
		if (out.text[i].label == TPL_LABEL_SUBJECT)
			CU_ASSERT(span_eq(out.text[i].bytes, span_str("A & B spring")));
		if (out.text[i].label == (html ? TPL_LABEL_HTML : TPL_LABEL_TEXT))
			snprintf(body, sizeof(body), "%.*s", (int)n,
			         (const char *)out.text[i].bytes.at);
	}
	tpl_close(tpl);
	return body;
}

static void merge_tags_are_columns(void)
{
	static const struct {
		const char *text, *want;
		bool html;
	} cases[] = {
		/* clang-format off */
		{ "Dear [name], [NAME] [Name]!", "Dear A & B, A & B A & B!", false },
		{ "[zip][ZIP]", "1020", false },
		{ "[*to] [*JobId] [*date]", "anna@a.test spring Thu, 01 Jan 2026 00:00:00 +0000", false },
		{ "[[name] [[[name][see below] [1] [] [", "[name] [A & B[see below] [1] [] [", false },
		{ "{{ name }} {% if %}", "{{ name }} {% if %}", false },
		{ "<!--[if mso]>[name]<![endif]-->", "<!--[if mso]>A &amp; B<![endif]-->", true },
		/* clang-format on */
	};
	static const struct {
		const char *text, *says;
		uint32_t column;
	} wrong[] = {
		{ "Dear [Nam],",
		  "unknown variable \"Nam\" (columns: Name, zip, ZIP); did you mean Name?", 6 },
		{ "[Zip]", "fits 2 columns", 1 },
		{ "[*vmta]", "unknown tag \"[*vmta]\"", 1 },
	};
	struct tpl_err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = merged(cases[i].text, cases[i].html, &err);

		CU_ASSERT_PTR_NOT_NULL_FATAL(got);
		if (strcmp(got, cases[i].want) != 0)
			fprintf(stderr, "%s: %s\n", cases[i].text, got);
		CU_ASSERT_STRING_EQUAL(got, cases[i].want);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CU_ASSERT_PTR_NULL(merged(wrong[i].text, false, &err));
		if (strstr(err.text, wrong[i].says) == NULL)
			fprintf(stderr, "%s: %s\n", wrong[i].text, err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, wrong[i].says));
		CU_ASSERT_STRING_EQUAL(err.file, "body.text.merge");
		CU_ASSERT_EQUAL(err.column, wrong[i].column);
	}
}

static void a_message_is_these_bytes(void)
{
	static const char want[] = "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
				   "From: news@b.test\r\n"
				   "To: anna@a.test\r\n"
				   "Subject: Hi Anna & co\r\n"
				   "Message-ID: <" HASH "@id.test>\r\n"
				   "X-Tag: spring\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: multipart/alternative;\r\n"
				   " boundary=\"=_" HASH "\"\r\n"
				   "\r\n"
				   "--=_" HASH "\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 7bit\r\n"
				   "\r\n"
				   "Hi Anna & co\r\n"
				   "\r\n"
				   "--=_" HASH "\r\n"
				   "Content-Type: text/html; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 7bit\r\n"
				   "\r\n"
				   "<p>Hi Anna &amp; co</p>\r\n"
				   "\r\n"
				   "--=_" HASH "--\r\n";
	struct tpl *tpl =
	    open_tpl("Subject: Hi {{ n }}\nX-Tag: {{ campaign.name }}\nX-Empty: {{ '' }}\n",
	             "<p>Hi {{ n }}</p>\n", NULL);
	struct tpl_value values[] = { tpl_text_value(span_str("Anna & co")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT_EQUAL_FATAL(out.n_wire, 1);
	CU_ASSERT_EQUAL(out.size_bytes, out.wire[0].bytes);
	CU_ASSERT(!out.needs_8bit && !out.needs_smtputf8);
	mask_hashes((uint8_t *)out.wire[0].at, out.wire[0].bytes);
	CU_ASSERT(span_eq(out.wire[0], span_str(want)));
	tpl_close(tpl);
}

static void scanners_get_the_decoded_text_by_label(void)
{
	static const struct tpl_text want[] = {
		{ { (const uint8_t *)"Gr\xc3\xbc\xc3\x9f"
		                     "e J",
		    9 },
		  TPL_LABEL_SUBJECT,
		  0 },
		{ { (const uint8_t *)"X-Tag: J\r\n", 10 }, TPL_LABEL_HEADER, 0 },
		{ { (const uint8_t *)"\xc3\xbc J\r\n", 6 }, TPL_LABEL_TEXT, 0 },
		{ { (const uint8_t *)"<b>&uuml; J</b>", 15 }, TPL_LABEL_HTML, 0 },
	};
	static const char *const fields[] = { "From: news@b.test\r\n", "X-Tag: J\r\n",
		                              "Message-ID: <", "Subject: =?" };
	struct tpl *tpl = open_tpl("Subject: Gr\xc3\xbc\xc3\x9f"
	                           "e {{ n }}\nX-Tag: {{ n }}\n",
	                           "<b>&uuml; {{ n }}</b>", "\xc3\xbc {{ n }}\n");
	struct tpl_value values[] = { tpl_text_value(span_str("J")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT_EQUAL_FATAL(out.n_text, 5);
	for (uint32_t i = 0; i < 4; i++) {
		const struct tpl_text *got = &out.text[i < 2 ? i : i + 1];

		CU_ASSERT_EQUAL(got->label, want[i].label);
		CU_ASSERT(span_eq(got->bytes, want[i].bytes));
	}
	/* and all fields as they leave: what the campaign adds, too */
	CU_ASSERT_EQUAL(out.text[2].label, TPL_LABEL_FINAL_HEADER);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(memmem(out.text[2].bytes.at, out.text[2].bytes.bytes,
		                              fields[i], strlen(fields[i])));
	CU_ASSERT(out.text[2].bytes.bytes > 2 &&
	          memcmp(out.text[2].bytes.at + out.text[2].bytes.bytes - 2, "\r\n", 2) == 0);
	tpl_close(tpl);
}

static void the_same_row_gives_the_same_bytes_at_every_attempt(void)
{
	struct tpl *tpl = open_tpl("Subject: {{ n }}\n", "<p>{{ n }}", NULL);
	struct tpl_value values[] = { tpl_text_value(span_str("Anna")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out, out2;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	job.now_s += 86400; /* a later attempt */
	memset(slab2, 0xee, sizeof(slab2));
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab2, SLAB_BYTES, &out2, &err), 0);
	CU_ASSERT(span_eq(out.wire[0], out2.wire[0]));
	job.number = 2;
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab2, SLAB_BYTES, &out2, &err), 0);
	CU_ASSERT(!span_eq(out.wire[0], out2.wire[0]));
	tpl_close(tpl);
}

static void every_slab_too_small_is_refused_and_none_is_overrun(void)
{
	struct tpl *tpl = open_tpl("Subject: {{ n }} \xc3\xbc\n", "<p>{{ n }} \xc3\xbc", NULL);
	struct tpl_value values[] = { tpl_text_value(span_str("Anna")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;
	size_t need;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	need = (size_t)(out.wire[0].at + out.wire[0].bytes - slab);
	for (size_t room = 0; room < need; room++) {
		memset(slab2, 0xee, need + 1);
		CU_ASSERT_EQUAL(tpl_compose(&job, slab2, room, &out, &err), -ENOSPC);
		CU_ASSERT_EQUAL(slab2[room], 0xee);
	}
	CU_ASSERT_EQUAL(tpl_compose(&job, slab2, need, &out, &err), 0);
	tpl_close(tpl);
}

static void a_row_that_cannot_be_composed_fails_alone_and_says_why(void)
{
	static const struct {
		const char *why, *message, *text, *value, *to;
		const char *file;
		uint32_t line, column;
		const char *says;
	} cases[] = {
		/* clang-format off */
		{ "a line end in a header", "Subject: {{ n }}\n", "x", "a\nBcc: b@c", "a@a.test",
		  "message.liquid", 1, 13, "line end" },
		{ "a control character in a header", "A: b\nSubject: {{ n }}\n", "x", "a\x01", "a@a.test",
		  "message.liquid", 2, 13, "control character" },
		{ "a value that is not UTF-8", "Subject: s\n", "\n\n  {{ n }}", "a\xff", "a@a.test",
		  "body.text.liquid", 3, 6, "not UTF-8" },
		{ "a From that is no address", "Subject: s\nFrom: {{ n }}\n", "x", "nobody", "a@a.test",
		  "message.liquid", 2, 1, "From: not one address" },
		{ "an empty From", "Subject: s\nFrom: {{ n }}\n", "x", "", "a@a.test",
		  "message.liquid", 2, 1, "From: an address is missing" },
		{ "a recipient with a line end", "Subject: s\n", "x", "", "a@a.test\r\nBcc: b@c.test",
		  "message.liquid", 0, 0, "To: " },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl *tpl = open_tpl(cases[i].message, NULL, cases[i].text);
		struct tpl_value values[] = { tpl_text_value(span_str(cases[i].value)) };
		struct tpl_job job = job_for(tpl, values);
		struct tpl_out out;
		struct tpl_err err;
		int r;
		bool ok;

		job.envelope.rcpt_to = span_str(cases[i].to);
		r = tpl_compose(&job, slab, SLAB_BYTES, &out, &err);
		ok = r == -EINVAL && strcmp(err.file, cases[i].file) == 0 &&
		     err.line == cases[i].line && err.column == cases[i].column &&
		     strstr(err.text, cases[i].says) != NULL;
		if (!ok)
			printf("\n    %s: got %d %s:%u:%u: %s", cases[i].why, r, err.file, err.line,
			       err.column, err.text);
		CU_ASSERT(ok);
		tpl_close(tpl);
	}
}

static void a_domain_for_message_id_must_be_one(void)
{
	struct tpl *tpl = open_tpl("Subject: s\n", NULL, "x");
	struct tpl_campaign other = campaign;
	struct tpl_value values[] = { tpl_text_value(span_str("")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	job.campaign = &other;
	other.id_domain = span_str("b.test>");
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "Message-ID"));
	other.id_domain = span_str("b\xc3\xbc"
	                           "cher.test");
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(
	    memmem(out.wire[0].at, out.wire[0].bytes, "@xn--bcher-kva.test>\r\n", 22));
	tpl_close(tpl);
}

static void a_header_over_its_bound_fails_the_row(void)
{
	struct tpl *tpl = open_tpl("Subject: s\nX-A: {{ n }}\nX-B: {{ n }}\n", NULL, "x");
	static char text[9001];
	struct tpl_value values[] = { tpl_text_value(span_str(text)) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 50 == 0 ? ' ' : 'x';
	values[0].n = 7000;
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	values[0].n = 9000;
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "over 16384 bytes"));
	tpl_close(tpl);
}

static void a_nul_in_a_value_fails_the_row(void)
{
	struct tpl *tpl = open_tpl("Subject: s\n", NULL, "{{ n }}");
	struct tpl_value values[] = { tpl_text_value(span_of("a\0b", 3)) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "NUL"));
	tpl_close(tpl);
}

static void a_boundary_that_occurs_in_a_body_is_not_used(void)
{
	struct tpl *tpl = open_tpl("Subject: s\n", "<p>x", "{{ n }}");
	struct tpl_value values[] = { tpl_text_value(span_str("")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;
	char first[33] = "", *at;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES - 1, &out, &err), 0);
	slab[SLAB_BYTES - 1] = 0;
	at = memmem(out.wire[0].at, out.wire[0].bytes, "boundary=\"=_", 12);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	memcpy(first, at + 12, 32);
	values[0] = tpl_text_value(span_str(first));
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab2, SLAB_BYTES, &out, &err), 0);
	at = memmem(out.wire[0].at, out.wire[0].bytes, "boundary=\"=_", 12);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT(memcmp(at + 12, first, 32) != 0);
	tpl_close(tpl);
}

static void an_address_beyond_ascii_needs_smtputf8(void)
{
	struct tpl *tpl = open_tpl("Subject: \xc3\xbc\n", NULL, "\xc3\xbc");
	struct tpl_value values[] = { tpl_text_value(span_str("")) };
	struct tpl_job job = job_for(tpl, values);
	struct tpl_out out;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT(!out.needs_smtputf8 && !out.needs_8bit);
	job.envelope.rcpt_to = span_str("j\xc3\xb6rg@a.test");
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT(out.needs_smtputf8);
	job.envelope.rcpt_to = span_str("a@b\xc3\xbc"
	                                "cher.test"); /* a domain has an ASCII form */
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT(!out.needs_smtputf8);
	CU_ASSERT_PTR_NOT_NULL(
	    memmem(out.wire[0].at, out.wire[0].bytes, "To: a@xn--bcher-kva.test\r\n", 26));
	job.envelope.rcpt_to = span_str("a@a.test");
	job.envelope.mail_from = span_str("j\xc3\xb6rg@a.test");
	CU_ASSERT_EQUAL_FATAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT(out.needs_smtputf8);
	tpl_close(tpl);
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void remove_files(const char *folder)
{
	static const char *const names[] = { "message.liquid",   "body.html.liquid",
		                             "body.text.liquid", "body.text.merge",
		                             "greet.liquid",     "unused.liquid" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void partials_of_the_folder_are_written_as_the_body_asks(void)
{
	char folder[] = "/tmp/test_compose.XXXXXX";
	struct tpl_value values[] = { tpl_text_value(span_str("A<b")) };
	struct tpl *tpl = NULL;
	struct tpl_job job;
	struct tpl_out out;
	struct tpl_err err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	put_file(folder, "message.liquid", "Subject: s\n");
	put_file(folder, "body.html.liquid", "{% render 'greet', word: 'Hi' %}");
	put_file(folder, "body.text.liquid", "{% render 'greet', word: 'Hello' %}");
	put_file(folder, "greet.liquid", "{{ word }} {{ n }}");
	put_file(folder, "unused.liquid", "{{ nosuch }}"); /* nobody calls it: no matter */
	CU_ASSERT_EQUAL_FATAL(tpl_open(folder, &columns, &tpl, &err), 0);
	job = job_for(tpl, values);
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT(out.n_text == 4 && span_eq(out.text[2].bytes, span_str("Hello A<b")) &&
	          span_eq(out.text[3].bytes, span_str("Hi A&lt;b")));
	tpl_close(tpl);

	put_file(folder, "greet.liquid", "\n{{ word }} {{ m }}");
	CU_ASSERT_EQUAL(tpl_open(folder, &columns, &tpl, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.file, "greet.liquid");
	CU_ASSERT(err.line == 2 && err.column == 15);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unknown variable \"m\""));
	put_file(folder, "body.text.merge", "[n]");
	CU_ASSERT_EQUAL(tpl_open(folder, &columns, &tpl, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "body.text.liquid is there too; remove one of them");
	remove_files(folder);
	CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0700), 0);
	put_file(folder, "body.html.liquid", "x");
	put_file(folder, "message.liquid", "Subject: {% render 'greet' %}\n");
	CU_ASSERT_EQUAL(tpl_open(folder, &columns, &tpl, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "for bodies"));
	remove_files(folder);
}

static void only_a_body_beyond_ascii_asks_for_8bit(void)
{
	static const struct {
		const char *why, *value;
		bool may_8bit, as_7bit, want;
	} cases[] = {
		{ "not asked for", "J\xc3\xb6rg", false, false, false },
		{ "asked for", "J\xc3\xb6rg", true, false, true },
		{ "asked for, and the host does not take it", "J\xc3\xb6rg", true, true, false },
		{ "asked for in vain", "Joerg", true, false, false },
	};
	struct tpl *tpl = open_tpl("Subject: {{ n }}\n", "<p>{{ n }}</p>", "{{ n }}");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_campaign c = campaign;
		struct tpl_value values[] = { tpl_text_value(span_str(cases[i].value)) };
		struct tpl_job job = job_for(tpl, values);
		struct tpl_out out = { .n_wire = 0 };
		struct tpl_err err;

		c.may_8bit = cases[i].may_8bit;
		job.campaign = &c;
		job.as_7bit = cases[i].as_7bit;
		CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
		if (out.needs_8bit != cases[i].want)
			printf("\n    %s", cases[i].why);
		CU_ASSERT_EQUAL(out.needs_8bit, cases[i].want);
	}
	tpl_close(tpl);
}

/* What has no variables is the same text in each message, in the template's own memory. */
static void bodies_without_variables_are_one_segment(void)
{
	static const struct {
		const char *why, *html, *text;
		bool html_is_one, text_is_one;
	} cases[] = {
		{ "both have variables", "<p>{{ n }}</p>", "{{ n }}", false, false },
		{ "text is made of HTML", "<p>h\xc3\xa4</p>", NULL, true, true },
		{ "text of its own", "<p>h\xc3\xa4</p>", "{{ n }}", true, false },
		{ "text alone", NULL, "h\xc3\xa4\n", false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl *tpl = open_tpl("Subject: {{ n }}\n", cases[i].html, cases[i].text);
		const uint8_t *at[2][2] = { { NULL } };

		for (int turn = 0; turn < 2; turn++) {
			struct tpl_value values[] = { tpl_text_value(span_str(turn ? "a" : "b")) };
			struct tpl_job job = job_for(tpl, values);
			struct tpl_out out = { .n_wire = 0 };
			struct tpl_err err;

			CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
			for (uint32_t k = 0; k < out.n_text; k++) {
				const struct tpl_text *t = &out.text[k];
				bool is_html = t->label == TPL_LABEL_HTML;
				bool one = is_html                      ? cases[i].html_is_one
				           : t->label == TPL_LABEL_TEXT ? cases[i].text_is_one
				                                        : false;

				if ((t->segment != 0) != one)
					printf("\n    %s: label %d", cases[i].why, t->label);
				CU_ASSERT_EQUAL(t->segment != 0, one);
				if (one)
					at[turn][is_html] = t->bytes.at;
			}
		}
		CU_ASSERT_PTR_EQUAL(at[0][0], at[1][0]);
		CU_ASSERT_PTR_EQUAL(at[0][1], at[1][1]);
		tpl_close(tpl);
	}
}

/* Files are the same in each message: names, texts by kind, and all bytes. */
static void scanners_get_names_and_bytes_of_files(void)
{
	static const struct tpl_text_source inlines[] = {
		{ { (const uint8_t *)"a.png", 5 }, { (const uint8_t *)"\x89P\0G", 4 } },
	};
	static const struct tpl_text_source attached[] = {
		{ { (const uint8_t *)"b.txt", 5 }, { (const uint8_t *)"plain", 5 } },
		{ { (const uint8_t *)"c.HTML", 6 }, { (const uint8_t *)"<p>", 3 } },
		{ { (const uint8_t *)"d.csv", 5 }, { (const uint8_t *)"x;y", 3 } },
		{ { (const uint8_t *)"e.txt", 5 }, { (const uint8_t *)"\xff\xfe", 2 } },
		{ { (const uint8_t *)"f.txt", 5 }, { (const uint8_t *)"a\0b", 3 } },
	};
	static const struct {
		enum tpl_label label;
		const char *bytes;
		size_t n;
	} want[] = {
		{ TPL_LABEL_FILE_NAMES, "a.png\0b.txt\0c.HTML\0d.csv\0e.txt\0f.txt\0", 37 },
		{ TPL_LABEL_FILE_TEXT, "plain\0x;y\0", 10 },
		{ TPL_LABEL_FILE_HTML, "<p>\0", 4 },
		{ TPL_LABEL_FILES,
		  "\x89P\0G\xff\xfe"
		  "a\0b"
		  "plain\0x;y\0<p>\0",
		  23 },
	};
	struct tpl_sources s = { .message = span_str("Subject: s\n"),
		                 .html = span_str("<p>{{ n }}</p>"),
		                 .has_html = true,
		                 .inlines = inlines,
		                 .n_inlines = 1,
		                 .attached = attached,
		                 .n_attached = 5 };
	struct tpl_value values[] = { tpl_text_value(span_str("J")) };
	struct tpl *tpl = NULL;
	struct tpl_out out = { .n_wire = 0 };
	struct tpl_job job;
	struct tpl_err err;

	CU_ASSERT_EQUAL_FATAL(tpl_open_sources(&s, &columns, &tpl, &err), 0);
	job = job_for(tpl, values);
	CU_ASSERT_EQUAL(tpl_compose(&job, slab, SLAB_BYTES, &out, &err), 0);
	CU_ASSERT_EQUAL_FATAL(out.n_text, 4 + 4); /* no field but the subject */
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct tpl_text *t = &out.text[4 + i];

		CU_ASSERT_EQUAL(t->label, want[i].label);
		CU_ASSERT_TRUE(span_eq(t->bytes, span_of(want[i].bytes, want[i].n)));
		CU_ASSERT_TRUE(t->segment != 0);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_TRUE(t->segment != out.text[4 + k].segment);
	}
	tpl_close(tpl);
}

SUITE("templates/compose", TEST(scanners_get_names_and_bytes_of_files),
      TEST(bodies_without_variables_are_one_segment), TEST(only_a_body_beyond_ascii_asks_for_8bit),
      TEST(partials_of_the_folder_are_written_as_the_body_asks), TEST(a_message_is_these_bytes),
      TEST(scanners_get_the_decoded_text_by_label),
      TEST(the_same_row_gives_the_same_bytes_at_every_attempt),
      TEST(every_slab_too_small_is_refused_and_none_is_overrun),
      TEST(a_row_that_cannot_be_composed_fails_alone_and_says_why),
      TEST(a_domain_for_message_id_must_be_one), TEST(a_header_over_its_bound_fails_the_row),
      TEST(a_nul_in_a_value_fails_the_row), TEST(a_boundary_that_occurs_in_a_body_is_not_used),
      TEST(an_address_beyond_ascii_needs_smtputf8), TEST(merge_tags_are_columns))
