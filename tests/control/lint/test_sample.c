/* test_sample.c - each check of a message finds what it is for, and nothing in a sound one. */
#include "tests/control/lint/samples.h"
#include "tests/support/suite.h"

struct change {
	const char *why;
	enum sample_place where;
	const char *old, *new;
	enum lint_id want;
	enum lint_severity severity;
};

#define LONG_64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_1K                                                                                    \
	LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64    \
	    LONG_64 LONG_64 LONG_64 LONG_64 LONG_64
#define FOLDED_1K                                                                                  \
	LONG_64 LONG_64 LONG_64 LONG_64                                                            \
	    "\r\n " LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64                \
	    "\r\n " LONG_64 LONG_64 LONG_64 LONG_64

/* clang-format off */
static const struct change changes[] = {
	{ "no List-Unsubscribe", IN_WIRE, "List-Unsubscribe: <", "X-Other: <", LINT_ONE_CLICK_URL, LINT_ERROR },
	{ "a mailto alone", IN_WIRE, "<https://u.shop.test/u/TOKEN>,\r\n\t", "", LINT_ONE_CLICK_URL, LINT_ERROR },
	{ "http is not https", IN_WIRE, "<https://u.shop.test/u/TOKEN>", "<http://u.shop.test/u/TOKEN>", LINT_ONE_CLICK_URL, LINT_ERROR },
	{ "no mailto", IN_WIRE, ",\r\n\t<mailto:u@shop.test?subject=TOKEN>", "", LINT_ONE_CLICK_MAILTO, LINT_NOTE },
	{ "no List-Unsubscribe-Post", IN_WIRE, "List-Unsubscribe-Post: List", "X-Other: List", LINT_ONE_CLICK_POST, LINT_ERROR },
	{ "the Post field says something else", IN_WIRE, "=One-Click", "=Yes", LINT_ONE_CLICK_POST, LINT_ERROR },
	{ "the signature leaves List-Unsubscribe-Post out", IN_WIRE, "List-Unsubscribe-Post:List-Unsubscribe-Post:", "", LINT_ONE_CLICK_SIGNED, LINT_ERROR },
	{ "no List-Id", IN_WIRE, "List-Id:", "X-List:", LINT_LIST_ID, LINT_ERROR },
	{ "a List-Id without brackets", IN_WIRE, "News <news.shop.test>", "news.shop.test", LINT_LIST_ID, LINT_ERROR },
	{ "no link", IN_HTML, "<a href=\"https://u.shop.test/u/TOKEN\">", "<a>", LINT_LINK, LINT_ERROR },
	{ "another address", IN_HTML, "https://u.shop.test/u/TOKEN", "https://u.shop.test/leave", LINT_LINK, LINT_ERROR },
	{ "a link without words", IN_HTML, ">Leave</a>", "> &nbsp;</a>", LINT_LINK, LINT_ERROR },
	{ "a hidden link", IN_HTML, "<a href", "<a style='Display : none' href", LINT_LINK, LINT_ERROR },
	{ "a link in a hidden block", IN_HTML, "<a href", "<div hidden><a href", LINT_LINK, LINT_ERROR },
	{ "a link in a comment", IN_HTML, "<a href", "<!-- <a href", LINT_LINK, LINT_ERROR },
	{ "no postal address", IN_HTML, "1 High", "2 High", LINT_POSTAL, LINT_ERROR },
	{ "a hidden postal address", IN_HTML, "<p>Shop", "<p style=\"font-size:0\">Shop", LINT_POSTAL, LINT_ERROR },
	{ "the text part lacks it", IN_TEXT, "1 High", "2 High", LINT_POSTAL, LINT_WARNING },
	{ "another address as display name", IN_FIELDS, "The Shop", "boss@bank.test", LINT_FROM_NAME, LINT_WARNING },
	{ "a check mark", IN_FIELDS, "The Shop", "The Shop \xe2\x9c\x94", LINT_FROM_NAME, LINT_WARNING },
	{ "Cyrillic o in a Latin word", IN_FIELDS, "The Shop", "The Sh\xd0\xbep", LINT_FROM_NAME, LINT_WARNING },
	{ "text that runs backwards", IN_FIELDS, "The Shop", "The \xe2\x80\xaeShop", LINT_FROM_NAME, LINT_WARNING },
	{ "a trick subject", IN_SUBJECT, "News", "RE: News", LINT_SUBJECT_REPLY, LINT_WARNING },
	{ "one in German", IN_SUBJECT, "News", "Aw: News", LINT_SUBJECT_REPLY, LINT_WARNING },
	{ "From at a mailbox provider", IN_WIRE, "<news@shop.test>", "<shop@GMail.com>", LINT_FROM_PROVIDER, LINT_ERROR },
	{ "a link without https", IN_HTML, "<p>Hello", "<a href=http://x.test/>x</a><p>Hello", LINT_LINK_HTTPS, LINT_WARNING },
	{ "no From", IN_WIRE, "From: The", "X-From: The", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "no Date", IN_WIRE, "Date: Sun", "X-Date: Sun", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "no Subject", IN_WIRE, "Subject: News", "X-Subject: News", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "no Message-ID", IN_WIRE, "Message-ID: <", "X-ID: <", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "no MIME-Version", IN_WIRE, "MIME-Version:", "X-Version:", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "no Content-Type", IN_WIRE, "Content-Type: multipart", "X-Type: multipart", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "Subject twice", IN_WIRE, "Subject: News", "subject: x\r\nSubject: News", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "To twice", IN_WIRE, "To: <", "TO: <b@b.test>\r\nTo: <", LINT_FIELDS_ONCE, LINT_ERROR },
	{ "two addresses in From", IN_WIRE, "<news@shop.test>\r\nTo", "<news@shop.test>, <a@b.test>\r\nTo", LINT_FROM_ONE, LINT_ERROR },
	{ "a group in From", IN_WIRE, "The Shop <news@shop.test>\r\nTo", "Shops: <news@shop.test>;\r\nTo", LINT_FROM_ONE, LINT_ERROR },
	{ "From without address", IN_WIRE, "The Shop <news@shop.test>\r\nTo", "The Shop\r\nTo", LINT_FROM_ONE, LINT_ERROR },
	{ "a Message-ID of others", IN_WIRE, "<abc@shop.test>", "<abc@mail.test>", LINT_MESSAGE_ID, LINT_ERROR },
	{ "a Message-ID that is none", IN_WIRE, "<abc@shop.test>", "abc", LINT_MESSAGE_ID, LINT_ERROR },
	{ "a Date of yesterday", IN_WIRE, "Sun, 22 Nov", "Sat, 21 Nov", LINT_DATE, LINT_ERROR },
	{ "a Date an hour off by its zone", IN_WIRE, "+0000", "+0100", LINT_DATE, LINT_ERROR },
	{ "no date at all", IN_WIRE, "Sun, 22 Nov 2026 07:00:00 +0000", "today", LINT_DATE, LINT_ERROR },
	{ "a line over 998 octets", IN_WIRE, "=\r\n=C3", LONG_1K "\r\n", LINT_LINES, LINT_ERROR },
	{ "LF alone", IN_WIRE, "--BOUND--\r\n", "--BOUND--\n", LINT_LINES, LINT_ERROR },
	{ "CR alone", IN_WIRE, "Gr=C3", "G\rr=C3", LINT_LINES, LINT_ERROR },
	{ "no CRLF at the end", IN_WIRE, "--BOUND--\r\n", "--BOUND--", LINT_LINES, LINT_ERROR },
	{ "a quoted-printable line over 76", IN_WIRE, "Gr=C3", LONG_64 "1234567890 Gr=C3", LINT_LINES_ENCODED, LINT_ERROR },
	{ "a base64 line over 76", IN_WIRE, "PHA+", "AAAA" LONG_64 "PHA+", LINT_LINES_ENCODED, LINT_ERROR },
	{ "8-bit bytes in the body", IN_WIRE, "Gr=C3=BC", "Gr\xc3\xbc", LINT_EIGHT_BIT, LINT_ERROR },
	{ "8-bit bytes in the header", IN_WIRE, "Subject: News", "Subject: N\xc3\xa9ws", LINT_EIGHT_BIT, LINT_ERROR },
	{ "a multipart that is not closed", IN_WIRE, "--BOUND--\r\n", "", LINT_MIME, LINT_ERROR },
	{ "a multipart without boundary", IN_WIRE, "; boundary=\"BOUND\"", "", LINT_MIME, LINT_ERROR },
	{ "an encoded multipart", IN_WIRE, "boundary=\"BOUND\"\r\n", "boundary=\"BOUND\"\r\nContent-Transfer-Encoding: base64\r\n", LINT_MIME, LINT_ERROR },
	{ "a coding that is none for mail", IN_WIRE, "quoted-printable", "binary", LINT_MIME, LINT_ERROR },
	{ "no quoted-printable", IN_WIRE, "Gr=C3", "Gr=X3", LINT_MIME, LINT_ERROR },
	{ "no base64", IN_WIRE, "PHA+R3LD", "PHA+R3L", LINT_MIME, LINT_ERROR },
	{ "a charset that is not true", IN_WIRE, "=C3=BC", "=FC", LINT_MIME, LINT_ERROR },
	{ "UTF-8 that says US-ASCII", IN_WIRE, "text/plain; charset=utf-8", "text/plain", LINT_MIME, LINT_ERROR },
	{ "a type that is none", IN_WIRE, "text/plain", "plain", LINT_MIME, LINT_ERROR },
	{ "Liquid left in the subject", IN_SUBJECT, "Anna", "{{ name }}", LINT_MERGE_TAGS, LINT_ERROR },
	{ "a column in brackets", IN_SUBJECT, "Anna", "[first name]", LINT_MERGE_TAGS, LINT_ERROR },
	{ "a percent tag", IN_SUBJECT, "Anna", "%%name%%", LINT_MERGE_TAGS, LINT_ERROR },
	{ "a star tag", IN_FIELDS, "The Shop", "*|NAME|*", LINT_MERGE_TAGS, LINT_ERROR },
	{ "a tag in the HTML part", IN_HTML, "Anna", "{% if x %}", LINT_MERGE_BODY, LINT_WARNING },
	{ "a tag in the text part", IN_TEXT, "Anna", "{{name}}", LINT_MERGE_BODY, LINT_WARNING },
	{ "a header line without colon", IN_WIRE, "List-Id:", "Injected\r\nList-Id:", LINT_INJECTION, LINT_ERROR },
	{ "a field with a blank in its name", IN_WIRE, "List-Id:", "List Id:", LINT_INJECTION, LINT_ERROR },
	{ "a subject over 1 KB", IN_WIRE, "Subject: News", "Subject: " FOLDED_1K, LINT_HEADER_SIZE, LINT_ERROR },
	{ "no signature", IN_WIRE, "DKIM-Signature:", "X-Signature:", LINT_SIGNED, LINT_ERROR },
	{ "Ed25519 alone", IN_WIRE, "rsa-sha256", "ed25519-sha256", LINT_SIGNED_RSA, LINT_ERROR },
	{ "Ed25519 alone does not cover one-click", IN_WIRE, "rsa-sha256", "ed25519-sha256", LINT_ONE_CLICK_SIGNED, LINT_ERROR },
	{ "SHA-1 is no signature", IN_WIRE, "rsa-sha256", "rsa-sha1", LINT_SIGNED, LINT_ERROR },
	{ "a second Subject could be added", IN_WIRE, "Subject:Subject:", "Subject:", LINT_SIGNED_FIELDS, LINT_WARNING },
	{ "Reply-To could be added", IN_WIRE, "Reply-To:", "", LINT_SIGNED_FIELDS, LINT_WARNING },
	{ "l= is there", IN_WIRE, "s=s1;", "s=s1; l=10;", LINT_SIGNED_HOW, LINT_ERROR },
	{ "no t=", IN_WIRE, "t=1795330800; ", "", LINT_SIGNED_HOW, LINT_ERROR },
	{ "x= right after t=", IN_WIRE, "x=1796367600", "x=1795330860", LINT_SIGNED_HOW, LINT_ERROR },
	{ "a simple signature", IN_WIRE, "c=relaxed/relaxed; ", "", LINT_SIGNED_CANON, LINT_WARNING },
};
/* clang-format on */

enum { N_CHANGES = sizeof(changes) / sizeof(changes[0]) };

static struct lint_report *judge(bool bulk, const char *const texts[SAMPLE_N_PLACES])
{
	struct lint_samples *s = malloc(sizeof(*s));
	struct lint_report *r = lint_report_new(bulk);
	struct lint_campaign c;

	sample_campaign(&c);
	c.bulk = bulk;
	lint_samples_init(s, &c, r);
	sample_add(s, texts);
	lint_samples_end(s);
	free(s);
	return r;
}

static struct lint_report *judge_change(bool bulk, const struct change *c)
{
	const char *texts[SAMPLE_N_PLACES];
	struct lint_report *r;
	char *changed = sample_change(sample_texts[c->where], c->old, c->new);

	memcpy(texts, sample_texts, sizeof(texts));
	texts[c->where] = changed;
	r = judge(bulk, texts);
	free(changed);
	return r;
}

static const struct lint_finding *find(const struct lint_report *r, enum lint_id id)
{
	const struct lint_finding *f;

	for (uint32_t i = 0; (f = lint_finding_at(r, i)) != NULL; i++)
		if (f->id == id)
			return f;
	return NULL;
}

static void nothing_is_found_in_a_sound_message(void)
{
	struct lint_report *r = judge(true, sample_texts);
	const struct lint_finding *f = lint_finding_at(r, 0);

	if (f != NULL)
		printf("\n    %s: %s: %s", lint_rows[f->id].id, f->where, f->what);
	CU_ASSERT_PTR_NULL(f);
	CU_ASSERT_EQUAL(lint_end(r, LINT_LINK), LINT_END_PASSED);
	CU_ASSERT_EQUAL(lint_end(r, LINT_SIGNED), LINT_END_PASSED);
	CU_ASSERT_EQUAL(lint_end(r, LINT_ONE_CLICK_ANSWER), LINT_END_NOT_CHECKED);
	CU_ASSERT_EQUAL(lint_end(r, LINT_SPF), LINT_END_NONE);
	lint_report_free(r);
}

static void each_fault_is_found_under_its_own_name(void)
{
	for (size_t i = 0; i < N_CHANGES; i++) {
		struct lint_report *r = judge_change(true, &changes[i]);
		const struct lint_finding *f = find(r, changes[i].want), *first;

		if (f == NULL || f->severity != changes[i].severity) {
			first = lint_finding_at(r, 0);
			printf("\n    %s: got %s, want %s %s", changes[i].why,
			       f != NULL       ? lint_severity_name(f->severity)
			       : first != NULL ? lint_rows[first->id].id
			                       : "nothing",
			       lint_severity_name(changes[i].severity),
			       lint_rows[changes[i].want].id);
		}
		CU_ASSERT(f != NULL && f->severity == changes[i].severity);
		lint_report_free(r);
	}
}

static void every_check_of_a_sample_has_a_case(void)
{
	static const uint8_t elsewhere[] = { LINT_BOTH_PARTS, LINT_HTML_SIZE, LINT_COMPOSE };

	for (uint32_t id = LINT_ONE_CLICK_URL; id < LINT_RECIPIENTS; id++) {
		bool there = id == LINT_ONE_CLICK_ANSWER || id == LINT_SEPARATE ||
		             id == LINT_LINK_LIST ||
		             memchr(elsewhere, (int)id, sizeof(elsewhere)) != NULL;

		for (size_t i = 0; i < N_CHANGES && !there; i++)
			there = changes[i].want == id;
		if (!there)
			printf("\n    %s has no case", lint_rows[id].id);
		CU_ASSERT(there);
	}
}

static void transactional_mail_is_exempt_from_what_bulk_mail_must_have(void)
{
	for (size_t i = 0; i < N_CHANGES; i++) {
		struct lint_report *r = judge_change(false, &changes[i]);
		bool exempt = lint_rows[changes[i].want].class == LINT_CLASS_BULK;

		CU_ASSERT_EQUAL(find(r, changes[i].want) == NULL, exempt);
		CU_ASSERT(!exempt || lint_end(r, changes[i].want) == LINT_END_EXEMPT);
		lint_report_free(r);
	}
}

static void a_part_that_is_missing_or_too_large_is_told(void)
{
	const char *texts[SAMPLE_N_PLACES];
	size_t bytes = LINT_HTML_CLIP_BYTES + 1;
	char *large = malloc(bytes + sizeof(SAMPLE_HTML));
	struct lint_report *r;

	memcpy(texts, sample_texts, sizeof(texts));
	texts[IN_HTML] = NULL;
	r = judge(true, texts);
	CU_ASSERT_PTR_NOT_NULL(find(r, LINT_BOTH_PARTS));
	CU_ASSERT_EQUAL(lint_end(r, LINT_LINK), LINT_END_PASSED); /* the text part has it */
	CU_ASSERT_EQUAL(lint_end(r, LINT_POSTAL), LINT_END_PASSED);
	lint_report_free(r);

	strcpy(large, SAMPLE_HTML);
	memset(large + sizeof(SAMPLE_HTML) - 1, 'x', bytes);
	large[bytes + sizeof(SAMPLE_HTML) - 1] = '\0';
	texts[IN_HTML] = large;
	r = judge(true, texts);
	CU_ASSERT_PTR_NOT_NULL(find(r, LINT_HTML_SIZE));
	lint_report_free(r);
	free(large);
}

static void equal_message_ids_of_two_samples_are_told(void)
{
	struct lint_samples *s = malloc(sizeof(*s));
	struct lint_report *r = lint_report_new(true);
	struct lint_campaign c;

	sample_campaign(&c);
	lint_samples_init(s, &c, r);
	sample_add(s, sample_texts);
	CU_ASSERT_PTR_NULL(find(r, LINT_MESSAGE_ID));
	sample_add(s, sample_texts);
	CU_ASSERT_PTR_NOT_NULL(find(r, LINT_MESSAGE_ID));
	CU_ASSERT_EQUAL(s->n, 2);
	CU_ASSERT_EQUAL(s->n_broken, 1);
	lint_report_free(r);
	free(s);
}

static void a_row_that_cannot_be_composed_is_named_with_its_place(void)
{
	struct lint_samples *s = malloc(sizeof(*s));
	struct lint_report *r = lint_report_new(true);
	struct tpl_err err = { .file = "body.html.liquid", .line = 3, .column = 7, .text = "odd" };
	struct lint_campaign c;

	sample_campaign(&c);
	lint_samples_init(s, &c, r);
	lint_sample_failed(s, 9, span_str("a@b.test"), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(find(r, LINT_COMPOSE));
	CU_ASSERT_STRING_EQUAL(find(r, LINT_COMPOSE)->where,
	                       "body.html.liquid:3:7 row 9 (a@b.test)");
	CU_ASSERT_EQUAL(s->n_broken, 1);
	lint_report_free(r);
	free(s);
}

static void a_header_fault_is_told_at_the_line_of_the_template(void)
{
	static const struct change c = { "", IN_SUBJECT, "Anna", "{{ x }}", 0, 0 };
	struct lint_report *r = judge_change(true, &c);

	CU_ASSERT_PTR_NOT_NULL_FATAL(find(r, LINT_MERGE_TAGS));
	CU_ASSERT_STRING_EQUAL(find(r, LINT_MERGE_TAGS)->where,
	                       "message.liquid:2:1 Subject, row 1 (anna@example.test)");
	lint_report_free(r);
}

SUITE("control/lint/sample", TEST(nothing_is_found_in_a_sound_message),
      TEST(each_fault_is_found_under_its_own_name), TEST(every_check_of_a_sample_has_a_case),
      TEST(transactional_mail_is_exempt_from_what_bulk_mail_must_have),
      TEST(a_part_that_is_missing_or_too_large_is_told),
      TEST(equal_message_ids_of_two_samples_are_told),
      TEST(a_row_that_cannot_be_composed_is_named_with_its_place),
      TEST(a_header_fault_is_told_at_the_line_of_the_template))
