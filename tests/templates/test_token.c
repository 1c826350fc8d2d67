/* test_token.c - a token says which message it belongs to, and nobody else can make one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "templates/tpl.h"
#include "tests/support/suite.h"

static const struct tpl_token_key keys[] = {
	{ .id = 7, .since_s = 1000, .bytes = { 1 } },
	{ .id = 8, .since_s = 2000, .bytes = { 2 } },
	{ .id = 65535, .since_s = 3000, .bytes = { 3 } },
};
static const struct tpl_token_keys all = { keys, 3 };

static void what_was_made_is_read_back(void)
{
	static const struct tpl_token cases[] = {
		{ .campaign = 1, .row = 0 },
		{ .campaign = UINT32_MAX, .row = UINT32_MAX, .tenant = "a", .stream = "bulk" },
		{ .tenant = "abcdefghijklmnopqrstuvwxyz012345",
		  .stream = "abcdefghijklmnopqrstuvwxyz.__--9" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TPL_TOKEN_MAX + 1];
		struct tpl_token got;
		size_t bytes = tpl_token_make(&all, &cases[i], 2500, text);

		CU_ASSERT(bytes > 0 && bytes <= TPL_TOKEN_MAX && strlen(text) == bytes);
		CU_ASSERT_EQUAL(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		                             "0123456789-_"),
		                bytes);
		CU_ASSERT_EQUAL_FATAL(tpl_token_read(&all, span_of(text, bytes), &got), 0);
		CU_ASSERT_EQUAL(got.key_id, 8);
		CU_ASSERT_EQUAL(got.campaign, cases[i].campaign);
		CU_ASSERT_EQUAL(got.row, cases[i].row);
		CU_ASSERT_STRING_EQUAL(got.tenant, cases[i].tenant);
		CU_ASSERT_STRING_EQUAL(got.stream, cases[i].stream);
	}
}

static void the_key_is_that_of_the_first_attempt(void)
{
	static const struct {
		const char *why;
		int64_t when_s;
		uint32_t want;
	} cases[] = {
		{ "before the first", 0, 7 },           { "at the first", 1000, 7 },
		{ "before the second", 1999, 7 },       { "at the second", 2000, 8 },
		{ "after the last", 1ll << 40, 65535 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_token token = { .campaign = 1 }, got = { 0 };
		char text[TPL_TOKEN_MAX + 1], again[TPL_TOKEN_MAX + 1];

		tpl_token_make(&all, &token, cases[i].when_s, text);
		tpl_token_make(&all, &token, cases[i].when_s, again);
		CU_ASSERT_STRING_EQUAL(text, again);
		CU_ASSERT_EQUAL(tpl_token_read(&all, span_str(text), &got), 0);
		if (got.key_id != cases[i].want)
			printf("\n    %s: got %u, want %u", cases[i].why, got.key_id,
			       cases[i].want);
		CU_ASSERT_EQUAL(got.key_id, cases[i].want);
	}
}

/* Any other text is refused: each letter changed, cut off, added. */
static void a_changed_token_is_none(void)
{
	struct tpl_token token = { .campaign = 5, .row = 6, .tenant = "acme", .stream = "s" }, got;
	char text[TPL_TOKEN_MAX + 2];
	size_t bytes = tpl_token_make(&all, &token, 2500, text);

	for (size_t i = 0; i < bytes; i++) {
		static const char others[] = "AZaz09-_.";
		char was = text[i];

		for (const char *o = others; *o != '\0'; o++) {
			int r;

			text[i] = *o;
			r = tpl_token_read(&all, span_of(text, bytes), &got);
			CU_ASSERT(*o == was ? r == 0 : r == -EINVAL || r == -ENOKEY);
		}
		text[i] = was;
		CU_ASSERT(tpl_token_read(&all, span_of(text, i), &got) != 0);
	}
	text[bytes] = 'A';
	CU_ASSERT(tpl_token_read(&all, span_of(text, bytes + 1), &got) != 0);
	CU_ASSERT_EQUAL(tpl_token_read(&all, span_str(""), &got), -EINVAL);
}

static void a_token_of_a_key_that_is_gone_says_so(void)
{
	struct tpl_token token = { .campaign = 5 }, got;
	struct tpl_token_keys later = { keys + 1, 2 }, none = { keys, 0 };
	char text[TPL_TOKEN_MAX + 1];

	tpl_token_make(&all, &token, 1500, text);
	CU_ASSERT_EQUAL(tpl_token_read(&later, span_str(text), &got), -ENOKEY);
	CU_ASSERT_EQUAL(got.key_id, 7);
	CU_ASSERT_EQUAL(tpl_token_make(&none, &token, 1500, text), 0);
}

SUITE("templates/token", TEST(what_was_made_is_read_back),
      TEST(the_key_is_that_of_the_first_attempt), TEST(a_changed_token_is_none),
      TEST(a_token_of_a_key_that_is_gone_says_so))
