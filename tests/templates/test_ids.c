/* test_ids.c - names of messages are keyed, distinct and repeatable; dates are right. */
#include "templates/ids.h"

#include <errno.h>

#include "tests/support/suite.h"

static void a_hash_depends_on_everything_it_is_given(void)
{
	struct tpl_campaign a = { .name = span_str("a"), .key = { 1 } };
	struct tpl_campaign b = { .name = span_str("b"), .key = { 1 } };
	struct tpl_campaign k = { .name = span_str("a"), .key = { 2 } };
	const struct {
		const char *why;
		const struct tpl_campaign *campaign;
		uint64_t number;
		uint32_t turn;
	} cases[] = {
		{ "the first", &a, 1, 0 },
		{ "campaign", &b, 1, 0 },
		{ "key", &k, 1, 0 },
		{ "number", &a, 2, 0 },
		{ "high number", &a, 1ull << 63, 0 },
		{ "turn", &a, 1, 1 },
	};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	struct ids got[N], again;
	EVP_MD_CTX *sha = sha_new();

	for (size_t i = 0; i < N; i++) {
		CU_ASSERT_EQUAL(
		    ids_make(sha, cases[i].campaign, cases[i].number, cases[i].turn, &got[i]), 0);
		CU_ASSERT_EQUAL(strlen(got[i].message), IDS_HEX_BYTES);
		CU_ASSERT_EQUAL(strlen(got[i].boundary), IDS_HEX_BYTES);
		CU_ASSERT_STRING_NOT_EQUAL(got[i].message, got[i].boundary);
		for (size_t j = 0; j < i; j++) {
			CU_ASSERT_STRING_NOT_EQUAL(got[i].message, got[j].message);
			CU_ASSERT_STRING_NOT_EQUAL(got[i].boundary, got[j].boundary);
		}
	}
	CU_ASSERT_EQUAL(ids_make(sha, &a, 1, 0, &again), 0);
	EVP_MD_CTX_free(sha);
	CU_ASSERT_STRING_EQUAL(again.message, got[0].message);
	CU_ASSERT_STRING_EQUAL(again.boundary, got[0].boundary);
}

static void a_name_of_any_length_is_taken(void)
{
	EVP_MD_CTX *sha = sha_new();
	static char name[1000];
	struct tpl_campaign a = { .name = span_of(name, sizeof(name)) };
	struct ids got;

	CU_ASSERT_EQUAL(ids_make(sha, &a, 1, 0, &got), 0);
	EVP_MD_CTX_free(sha);
}

static void dates_are_those_of_the_calendar(void)
{
	static const struct {
		int64_t s;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 951868799, "Tue, 29 Feb 2000 23:59:59 +0000" },
		{ 1767225599, "Wed, 31 Dec 2025 23:59:59 +0000" },
		{ 1767225600, "Thu, 01 Jan 2026 00:00:00 +0000" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000" },
		{ 253402300800, NULL },
		{ -1, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char date[IDS_DATE_BYTES] = "";
		int r = ids_date(cases[i].s, date);

		CU_ASSERT_EQUAL(r, cases[i].want == NULL ? -EINVAL : 0);
		if (cases[i].want != NULL && strcmp(date, cases[i].want) != 0)
			printf("\n    got %s, want %s", date, cases[i].want);
		CU_ASSERT(cases[i].want == NULL || strcmp(date, cases[i].want) == 0);
	}
}

SUITE("templates/ids", TEST(a_hash_depends_on_everything_it_is_given),
      TEST(a_name_of_any_length_is_taken), TEST(dates_are_those_of_the_calendar))
