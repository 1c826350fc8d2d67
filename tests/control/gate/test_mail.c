/* test_mail.c - a message comes apart into what people read. */
#include "control/gate/mail.h"

#include <string.h>

#include "tests/support/suite.h"

static const char message[] =
    "From: a@example.com\r\n"
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    "X-Thing: one\r\n two\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=F6n =\r\nhier\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nPGI+eDwvYj4=\r\n"
    "--b\r\nContent-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename=\"bill.pdf\"\r\n\r\nxyz\r\n"
    "--b\r\nContent-Type: text/plain\r\n"
    "Content-Disposition: attachment; filename=note.txt\r\n\r\nread, too\r\n"
    "--b--\r\n";

static void each_part_is_decoded_and_labelled(void)
{
	static const struct {
		enum dp_part part;
		const char *text;
	} want[] = {
		{ DP_PART_SUBJECT, "Gr\xc3\xbc\xc3\x9f"
		                   "e" },
		{ DP_PART_HEADER, "From: a@example.com\r\n" },
		{ DP_PART_HEADER, "X-Thing: one\r\n two\r\nMIME-Version: 1.0\r\n" },
		{ DP_PART_TEXT, "sch\xc3\xb6n hier" },
		{ DP_PART_HTML, "<b>x</b>" },
		{ DP_PART_NAME, "bill.pdf" },
		{ DP_PART_FILE, "xyz" },
		{ DP_PART_NAME, "note.txt" },
		{ DP_PART_TEXT, "read, too" },
		{ DP_PART_FILE, "read, too" },
	};
	struct mail m;

	mail_read(span_str(message), &m);
	CU_ASSERT_EQUAL_FATAL(m.n, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < m.n; i++) {
		struct span got = m.texts[i].bytes;

		CU_ASSERT_EQUAL(m.texts[i].part, want[i].part);
		CU_ASSERT_TRUE(got.bytes >= strlen(want[i].text) &&
		               memcmp(got.at, want[i].text, strlen(want[i].text)) == 0);
	}
	CU_ASSERT_PTR_NULL(memmem(m.texts[1].bytes.at, m.texts[1].bytes.bytes, "Subject", 7));
	mail_fini(&m);
}

static void what_is_no_message_is_one_text(void)
{
	static const struct {
		const char *text;
		enum dp_part part;
	} cases[] = {
		{ "Dear reader,\n\nhello", DP_PART_TEXT },
		{ "  <!DOCTYPE html><p>x", DP_PART_HTML },
		{ "<table><tr>", DP_PART_HTML },
		{ "Note: this is no header, as nothing follows", DP_PART_TEXT },
		{ "http://a.test/\n\nx", DP_PART_TEXT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail m;

		mail_read(span_str(cases[i].text), &m);
		CU_ASSERT_EQUAL_FATAL(m.n, 1);
		CU_ASSERT_EQUAL(m.texts[0].part, cases[i].part);
		CU_ASSERT_TRUE(span_eq(m.texts[0].bytes, span_str(cases[i].text)));
		mail_fini(&m);
	}
}

static void parts_beyond_the_bound_are_counted(void)
{
	static char text[20000];
	struct mail m;
	size_t n = (size_t)sprintf(text, "Aa: b\nContent-Type: multipart/mixed; boundary=b\n\n");

	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(text + n, "--b\nContent-Type: text/plain\n\npart %d\n", i);
	n += (size_t)sprintf(text + n, "--b--\n");
	mail_read(span_of(text, n), &m);
	CU_ASSERT_EQUAL(m.n, DP_TEXTS_MAX);
	CU_ASSERT_EQUAL(m.n + m.n_dropped, 101);
	mail_fini(&m);
}

SUITE("control/gate/mail", TEST(each_part_is_decoded_and_labelled),
      TEST(what_is_no_message_is_one_text), TEST(parts_beyond_the_bound_are_counted))
