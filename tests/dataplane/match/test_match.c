/* test_match.c - patterns are found in texts in pieces, refused by name, and kept as bytes. */
#include "dataplane/match/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

enum { FOUND_MAX = 16 };

static struct {
	uint32_t pattern[FOUND_MAX];
	uint64_t end[FOUND_MAX];
	unsigned n, stop_after;
} found;

static bool on_match(void *ctx, uint32_t pattern, uint64_t end)
{
	(void)ctx;
	found.pattern[found.n] = pattern;
	found.end[found.n++] = end;
	return found.n != found.stop_after && found.n < FOUND_MAX;
}

static struct match_set *compile(const struct match_pattern *patterns, uint32_t n)
{
	struct match_set *set = NULL;
	char why[MATCH_WHY_BYTES];
	uint32_t bad;

	CU_ASSERT_EQUAL_FATAL(match_compile(patterns, n, &set, &bad, why), 0);
	return set;
}

static void scan(const struct match_set *set, const char *const *pieces, uint32_t n,
                 unsigned stop_after)
{
	struct match_scratch *scratch = match_scratch_new(set);
	uint32_t bytes[FOUND_MAX];

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint32_t)strlen(pieces[i]);
	found.n = 0;
	found.stop_after = stop_after;
	match_scan(set, scratch, pieces, bytes, n, on_match, NULL);
	match_scratch_free(scratch);
}

static void a_match_may_lie_across_pieces(void)
{
	static const struct match_pattern patterns[] = { { "ab+c", 0 }, { "QQ", MATCH_CASELESS } };
	struct match_set *set = compile(patterns, 2);

	scan(set, (const char *const[]){ "xxa", "bb", "c qq" }, 3, 0);
	CU_ASSERT_EQUAL(found.n, 2);
	CU_ASSERT_TRUE(found.pattern[0] == 0 && found.end[0] == 6);
	CU_ASSERT_TRUE(found.pattern[1] == 1 && found.end[1] == 9);
	match_free(set);
}

static void once_is_once_a_text(void)
{
	static const struct match_pattern patterns[] = { { "ab", MATCH_ONCE }, { "ba", 0 } };
	struct match_set *set = compile(patterns, 2);

	scan(set, (const char *const[]){ "ababab" }, 1, 0);
	CU_ASSERT_EQUAL(found.n, 3);
	scan(set, (const char *const[]){ "ab" }, 1, 0);
	CU_ASSERT_EQUAL(found.n, 1);
	match_free(set);
}

static void a_listener_may_have_heard_enough(void)
{
	static const struct match_pattern patterns[] = { { "a", 0 } };
	struct match_set *set = compile(patterns, 1);

	scan(set, (const char *const[]){ "aaaa" }, 1, 2);
	CU_ASSERT_EQUAL(found.n, 2);
	match_free(set);
}

static void what_cannot_be_taken_is_refused_with_its_place(void)
{
	static const struct {
		const char *why, *regex, *want;
	} cases[] = {
		{ "a back reference", "(a)\\1", "" },
		{ "look-around", "(?<=a)b", "" },
		{ "no expression at all", "a(b", "parenthes" },
		{ "one that matches nothing at all, everywhere", "a*", "empty" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct match_pattern patterns[] = { { "fine", 0 }, { cases[i].regex, 0 } };
		struct match_set *set = NULL;
		char why[MATCH_WHY_BYTES] = "";
		uint32_t bad = 0;
		int rc = match_compile(patterns, 2, &set, &bad, why);

		if (rc != -EINVAL || bad != 1 || why[0] == '\0' ||
		    strcasestr(why, cases[i].want) == NULL)
			printf("\n    %s: got %d, %u, %s", cases[i].why, rc, bad, why);
		CU_ASSERT_EQUAL(rc, -EINVAL);
		CU_ASSERT_EQUAL(bad, 1);
		CU_ASSERT_PTR_NOT_NULL(strcasestr(why, cases[i].want));
	}
}

static void a_set_comes_back_from_its_bytes_and_from_no_others(void)
{
	static const struct match_pattern patterns[] = { { "needle", 0 } };
	struct match_set *set = compile(patterns, 1), *again = NULL;
	size_t n = 0;
	void *bytes = NULL;

	CU_ASSERT_EQUAL_FATAL(match_store(set, &bytes, &n), 0);
	CU_ASSERT_EQUAL_FATAL(match_load(bytes, n, &again), 0);
	scan(again, (const char *const[]){ "hay needle hay" }, 1, 0);
	CU_ASSERT_EQUAL(found.n, 1);
	match_free(again);
	CU_ASSERT_EQUAL(match_load(bytes, n - 8, &again), -EINVAL);
	((char *)bytes)[n / 2] ^= 1;
	CU_ASSERT_EQUAL(match_load(bytes, n, &again), -EINVAL);
	free(bytes);
	match_free(set);
}

static void an_empty_set_finds_nothing(void)
{
	struct match_set *set = compile(NULL, 0);

	scan(set, (const char *const[]){ "anything" }, 1, 0);
	CU_ASSERT_EQUAL(found.n, 0);
	match_free(set);
}

static void the_beginning_of_a_match_can_be_asked_for(void)
{
	static const struct {
		const char *why, *regex;
		uint32_t flags;
		const char *text;
		size_t end, want;
	} cases[] = {
		/* clang-format off */
		{ "a literal",                      "ab",          0,              "xxab",    4, 2 },
		{ "the leftmost of several",        "a+b",         0,              "xaaab",   5, 1 },
		{ "the one that ends there",        "a.",          0,              "axay",    4, 2 },
		{ "once is no hindrance",           "ab",          MATCH_ONCE,     "abab",    4, 2 },
		{ "without regard to case",         "ab",          MATCH_CASELESS, "xAB",     3, 1 },
		{ "none ends there: the end",       "ab",          0,              "abx",     3, 3 },
		{ "nothing before it",              "ab",          0,              "ab",      0, 0 },
		{ "what cannot be compiled",        "(a)\\1",      0,              "aa",      2, 2 },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct match_pattern p = { cases[i].regex, cases[i].flags };
		struct match_starts *starts = match_starts_new(&p);
		size_t got = match_begin(starts, cases[i].text, cases[i].end);

		match_starts_free(starts);
		if (got != cases[i].want)
			printf("\n    %s: got %zu", cases[i].why, got);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void a_beginning_is_looked_for_so_far_and_no_further(void)
{
	static const struct match_pattern ab = { "ab", 0 };
	static char text[3 * MATCH_BEGIN_BYTES];
	struct match_starts *starts = match_starts_new(&ab);

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 2, "ab", 2);
	CU_ASSERT_EQUAL(match_begin(starts, text, sizeof(text)), sizeof(text) - 2);
	match_starts_free(starts);
}

SUITE("dataplane/match/match", TEST(a_match_may_lie_across_pieces), TEST(once_is_once_a_text),
      TEST(a_listener_may_have_heard_enough), TEST(what_cannot_be_taken_is_refused_with_its_place),
      TEST(a_set_comes_back_from_its_bytes_and_from_no_others), TEST(an_empty_set_finds_nothing),
      TEST(the_beginning_of_a_match_can_be_asked_for),
      TEST(a_beginning_is_looked_for_so_far_and_no_further))
