/* test_header.c - fields are folded and encoded to the byte as RFC 5322 and RFC 2047 say. */
#include "templates/header.h"

#include "tests/support/suite.h"

static void fields_are_written_to_the_byte(void)
{
	static const struct {
		const char *why, *name;
		enum header_kind kind;
		const char *value, *want;
	} cases[] = {
		/* clang-format off */
		{ "plain", "Subject", HEADER_TEXT, "News for you", "Subject: News for you\r\n" },
		{ "blanks around are not kept", "Subject", HEADER_TEXT, " \tNews ", "Subject: News\r\n" },
		{ "empty", "Subject", HEADER_TEXT, " ", "Subject:\r\n" },
		{ "one umlaut: Q", "Subject", HEADER_TEXT, "für dich", "Subject: =?UTF-8?Q?f=C3=BCr_dich?=\r\n" },
		{ "mostly beyond ASCII: B", "Subject", HEADER_TEXT, "Привет", "Subject: =?UTF-8?B?0J/RgNC40LLQtdGC?=\r\n" },
		{ "what looks encoded is encoded", "Subject", HEADER_TEXT, "=?x?Q?y?=",
		  "Subject: =?UTF-8?B?PT94P1E/eT89?=\r\n" },
		{ "folded before the word that passes 76", "Subject", HEADER_TEXT,
		  "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff gggggggg hhhhhhhhh",
		  "Subject: aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff\r\n gggggggg hhhhhhhhh\r\n" },
		{ "a character is never divided", "Subject", HEADER_TEXT,
		  "жжжжжжжжжжжжжжжжжжжжжжжжжжжж",
		  "Subject: =?UTF-8?B?0LbQttC20LbQttC20LbQttC20LbQttC20LbQttC20LbQttC20LY=?=\r\n"
		  " =?UTF-8?B?0LbQttC20LbQttC20LbQttC2?=\r\n" },
		{ "an address", "From", HEADER_MAILBOX, "a@b.test", "From: a@b.test\r\n" },
		{ "angles without a name", "From", HEADER_MAILBOX, "<a@b.test>", "From: a@b.test\r\n" },
		{ "a name of atoms", "From", HEADER_MAILBOX, "The Shop <a@b.test>", "From: The Shop <a@b.test>\r\n" },
		{ "a name with specials is quoted", "From", HEADER_MAILBOX, "Shop, \"Inc.\" <a@b.test>",
		  "From: \"Shop, \\\"Inc.\\\"\" <a@b.test>\r\n" },
		{ "a quoted name stays", "From", HEADER_MAILBOX, "\"Shop, Inc.\" <a@b.test>",
		  "From: \"Shop, Inc.\" <a@b.test>\r\n" },
		{ "a name cannot add an address", "From", HEADER_MAILBOX, "Evil <x@y.test>, <a@b.test>",
		  "From: \"Evil <x@y.test>,\" <a@b.test>\r\n" },
		{ "a name beyond ASCII", "From", HEADER_MAILBOX, "Jörg <a@b.test>", "From: =?UTF-8?Q?J=C3=B6rg?= <a@b.test>\r\n" },
		{ "a domain beyond ASCII has an ASCII form", "From", HEADER_MAILBOX, "Shop <a@b\xc3\xbc""cher.test>",
		  "From: Shop <a@xn--bcher-kva.test>\r\n" },
		{ "tokens are folded at blanks only", "List-Unsubscribe", HEADER_TOKENS,
		  "<https://u.example/0123456789/0123456789/0123456789>, <mailto:u@u.example>",
		  "List-Unsubscribe: <https://u.example/0123456789/0123456789/0123456789>,\r\n <mailto:u@u.example>\r\n" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[1024];
		struct buf out = { .at = room, .max = sizeof(room) };
		bool utf8 = false;
		const char *why =
		    header_put(&out, cases[i].name, cases[i].kind, span_str(cases[i].value), &utf8);

		if (why != NULL || !span_eq(buf_since(&out, 0), span_str(cases[i].want)))
			printf("\n    %s: got %s %.*s", cases[i].why, why == NULL ? "" : why,
			       (int)out.bytes, (const char *)room);
		CU_ASSERT(why == NULL && span_eq(buf_since(&out, 0), span_str(cases[i].want)));
		CU_ASSERT(!utf8);
	}
}

static void what_cannot_stand_there_is_refused(void)
{
	static char word[HEADER_WORD_BYTES_MAX + 2];
	const struct {
		const char *why;
		enum header_kind kind;
		const char *value;
	} cases[] = {
		/* clang-format off */
		{ "no address", HEADER_MAILBOX, "Shop" },
		{ "an empty address", HEADER_MAILBOX, "Shop <>" },
		{ "two addresses", HEADER_MAILBOX, "a@b.test, c@d.test" },
		{ "no domain", HEADER_MAILBOX, "a@" },
		{ "not ASCII in tokens", HEADER_TOKENS, "<https://ü.example>" },
		{ "a token too long to fold", HEADER_TOKENS, word },
		/* clang-format on */
	};

	memset(word, 'w', sizeof(word) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t room[2048];
		struct buf out = { .at = room, .max = sizeof(room) };
		bool utf8 = false;
		const char *why =
		    header_put(&out, "X", cases[i].kind, span_str(cases[i].value), &utf8);

		if (why == NULL)
			printf("\n    %s: was taken", cases[i].why);
		CU_ASSERT_PTR_NOT_NULL(why);
	}
}

static void an_address_beyond_ascii_is_told(void)
{
	uint8_t room[64];
	struct buf out = { .at = room, .max = sizeof(room) };
	bool utf8 = false;

	CU_ASSERT_PTR_NULL(
	    header_put(&out, "From", HEADER_MAILBOX, span_str("jörg@b.test"), &utf8));
	CU_ASSERT(utf8);
}

static void what_does_not_fit_is_told_by_the_buffer(void)
{
	uint8_t room[16];
	struct buf out = { .at = room, .max = sizeof(room) };
	bool utf8 = false;

	header_put(&out, "Subject", HEADER_TEXT, span_str("a long one that does not fit"), &utf8);
	CU_ASSERT(out.full);
}

SUITE("templates/header", TEST(fields_are_written_to_the_byte),
      TEST(what_cannot_stand_there_is_refused), TEST(an_address_beyond_ascii_is_told),
      TEST(what_does_not_fit_is_told_by_the_buffer))
