/* test_reply.c - replies are read the same however the bytes arrive, and nothing else is. */
#include "dataplane/smtp/reply.h"
#include "tests/support/suite.h"

static const struct smtp_reply_bounds bounds = { .lines_max = 4, .bytes_max = 300 };

/* Feeds `text` in pieces of `piece` bytes; counts lines; returns what the last call said. */
static enum smtp_reply_got feed(struct smtp_reply *r, const char *text, size_t bytes, size_t piece)
{
	enum smtp_reply_got got = SMTP_REPLY_MORE;

	smtp_reply_reset(r);
	for (size_t at = 0; at < bytes; at += piece) {
		struct span in = span_of(text + at, bytes - at < piece ? bytes - at : piece);

		do {
			got = smtp_reply_take(r, &bounds, &in);
			if (got == SMTP_REPLY_END || got == SMTP_REPLY_BAD)
				return got;
		} while (in.bytes > 0);
	}
	return got;
}

static void a_reply_reads_the_same_however_it_is_cut(void)
{
	static const struct {
		const char *why, *reply, *text;
		enum smtp_reply_got got;
		uint16_t code;
	} cases[] = {
		/* clang-format off */
		{ "one line",              "250 ok\r\n",                  "ok",      SMTP_REPLY_END, 250 },
		{ "no text, with space",   "250 \r\n",                    "",        SMTP_REPLY_END, 250 },
		{ "no text, no space",     "220\r\n",                     "",        SMTP_REPLY_END, 220 },
		{ "several lines",         "250-a\r\n250-b\r\n250 c\r\n", "a b c",   SMTP_REPLY_END, 250 },
		{ "another code behind",   "250-a\r\n550 b\r\n",          "a b",     SMTP_REPLY_END, 550 },
		{ "another code between",  "250-a\r\n251-b\r\n250 c\r\n", "a b c",   SMTP_REPLY_END, 250 },
		{ "a line without text",   "250-a\r\n250-\r\n250 c\r\n",  "a  c",    SMTP_REPLY_END, 250 },
		{ "a bare LF ends too",    "250-a\n250 b\n",              "a b",     SMTP_REPLY_END, 250 },
		{ "a tab in the text",     "250 a\tb\r\n",                "a\tb",    SMTP_REPLY_END, 250 },
		{ "no end",                "250-a\r\n250",                NULL,      SMTP_REPLY_MORE, 0 },
		{ "a CR and no LF yet",    "250 a\r",                     NULL,      SMTP_REPLY_MORE, 0 },
		{ "a bare CR",             "250 a\rb\r\n",                NULL,      SMTP_REPLY_BAD, 0 },
		{ "a bare CR in the code", "25\r0 a\r\n",                 NULL,      SMTP_REPLY_BAD, 0 },
		{ "two CRs",               "250 a\r\r\n",                 NULL,      SMTP_REPLY_BAD, 0 },
		{ "two digits",            "25\r\n",                      NULL,      SMTP_REPLY_BAD, 0 },
		{ "four digits",           "2500 a\r\n",                  NULL,      SMTP_REPLY_BAD, 0 },
		{ "an empty line",         "\r\n",                        NULL,      SMTP_REPLY_BAD, 0 },
		{ "below 200",             "150 a\r\n",                   NULL,      SMTP_REPLY_BAD, 0 },
		{ "above 599",             "699 a\r\n",                   NULL,      SMTP_REPLY_BAD, 0 },
		{ "letters",               "+OK hello\r\n",               NULL,      SMTP_REPLY_BAD, 0 },
		{ "too many lines",        "250-\r\n250-\r\n250-\r\n250-\r\n250 e\r\n", NULL, SMTP_REPLY_BAD, 0 },
		{ "as many as allowed",    "250-\r\n250-\r\n250-\r\n250 d\r\n", "d", SMTP_REPLY_END, 250 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= strlen(cases[i].reply); piece++) {
			struct smtp_reply r;
			enum smtp_reply_got got =
			    feed(&r, cases[i].reply, strlen(cases[i].reply), piece);

			/* A bare CR is only known as such once the next byte is there. */
			if (got != cases[i].got)
				printf("\n    %s, %zu bytes a time: got %u", cases[i].why, piece,
				       got);
			CU_ASSERT_EQUAL(got, cases[i].got);
			if (got != SMTP_REPLY_END || cases[i].text == NULL)
				continue;
			CU_ASSERT_EQUAL(r.code, cases[i].code);
			CU_ASSERT_EQUAL(r.is_mixed, strstr(cases[i].why, "another code") != NULL);
			CU_ASSERT_EQUAL(r.text_bytes, strlen(cases[i].text));
			CU_ASSERT_NSTRING_EQUAL(r.text, cases[i].text, r.text_bytes);
		}
	}
}

static void text_is_cut_and_its_true_length_told(void)
{
	char reply[300];
	struct smtp_reply r;

	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "550 5.7.1 ", 10);
	memcpy(reply + 298, "\r\n", 2);
	CU_ASSERT_EQUAL(feed(&r, reply, 300, 7), SMTP_REPLY_END);
	CU_ASSERT_EQUAL(r.text_bytes, 294);
	CU_ASSERT_EQUAL(r.text[DP_TEXT_MAX - 1], 'x');
	CU_ASSERT_EQUAL(r.line_bytes, SMTP_LINE_KEPT_BYTES);
	CU_ASSERT_EQUAL(r.enhanced[1], 7);
}

static void a_reply_is_bounded_in_bytes_with_or_without_a_line_end(void)
{
	char reply[301];
	struct smtp_reply r;

	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "250 ", 4);
	CU_ASSERT_EQUAL(feed(&r, reply, 300, 11), SMTP_REPLY_MORE);
	CU_ASSERT_EQUAL(feed(&r, reply, 301, 11), SMTP_REPLY_BAD);
	memcpy(reply + 299, "\r\n", 2);
	CU_ASSERT_EQUAL(feed(&r, reply, 301, 301), SMTP_REPLY_BAD);
}

static void nul_and_control_bytes_stay_in_the_text(void)
{
	static const char reply[] = "250 a\0\x1b[31m\xff\r\n";
	struct smtp_reply r;

	CU_ASSERT_EQUAL(feed(&r, reply, sizeof(reply) - 1, 3), SMTP_REPLY_END);
	CU_ASSERT_EQUAL(r.text_bytes, 8);
	CU_ASSERT_EQUAL(memcmp(r.text, "a\0\x1b[31m\xff", 8), 0);
}

static void what_follows_a_reply_is_left_for_the_next(void)
{
	struct span in = span_str("250 a\r\n354 b\r\n");
	struct smtp_reply r;

	smtp_reply_reset(&r);
	CU_ASSERT_EQUAL(smtp_reply_take(&r, &bounds, &in), SMTP_REPLY_END);
	CU_ASSERT_EQUAL(r.code, 250);
	CU_ASSERT_EQUAL(in.bytes, 7);
	smtp_reply_reset(&r);
	CU_ASSERT_EQUAL(smtp_reply_take(&r, &bounds, &in), SMTP_REPLY_END);
	CU_ASSERT_EQUAL(r.code, 354);
	CU_ASSERT_EQUAL(in.bytes, 0);
}

SUITE("dataplane/smtp/reply", TEST(a_reply_reads_the_same_however_it_is_cut),
      TEST(text_is_cut_and_its_true_length_told),
      TEST(a_reply_is_bounded_in_bytes_with_or_without_a_line_end),
      TEST(nul_and_control_bytes_stay_in_the_text), TEST(what_follows_a_reply_is_left_for_the_next))
