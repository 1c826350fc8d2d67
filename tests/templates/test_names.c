/* test_names.c - a name is found, or the nearest one is. */
#include "templates/names.h"

#include <errno.h>

#include "tests/support/suite.h"

static void distance_counts_edits_and_swaps(void)
{
	static const struct {
		const char *a, *b;
		unsigned most, want;
	} cases[] = {
		{ "city", "city", 3, 0 },
		{ "frist", "first", 3, 1 },
		{ "cty", "city", 3, 1 },
		{ "cityy", "city", 3, 1 },
		{ "citx", "city", 3, 1 },
		{ "", "ab", 3, 2 },
		{ "ab", "", 3, 2 },
		{ "", "", 3, 0 },
		{ "kitten", "sitting", 3, 3 },
		{ "kitten", "sitting", 2, 3 },
		{ "abcdef", "uvwxyz", 2, 3 },
		{ "first_name", "last_name", 3, 3 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got =
		    name_distance(span_str(cases[i].a), span_str(cases[i].b), cases[i].most);

		if (got != cases[i].want)
			printf("\n    %s, %s: got %u", cases[i].a, cases[i].b, got);
		CU_ASSERT_EQUAL(got, cases[i].want);
	}
}

static void a_name_too_long_to_compare_is_far_from_all(void)
{
	char a[70];

	memset(a, 'a', sizeof(a));
	CU_ASSERT_EQUAL(name_distance(span_of(a, 65), span_of(a, 65), 3), 4);
	CU_ASSERT_EQUAL(name_distance(span_of(a, 64), span_of(a, 64), 3), 0);
}

static void an_error_with_the_most_columns_fits_its_text(void)
{
	struct span names[TPL_COLUMNS_MAX];
	struct tpl_columns columns = { .names = names, .n = TPL_COLUMNS_MAX };
	static const char wide[] = "a_column_name_of_a_decent_length_that_goes_on_and_on";
	struct tpl_err err;

	for (uint32_t i = 0; i < TPL_COLUMNS_MAX; i++)
		names[i] = span_str(wide);
	CU_ASSERT_EQUAL(
	    name_unknown(&columns, "f", 1, 1,
	                 span_str("a_column_name_of_a_decent_length_that_goes_on_and_off"), &err),
	    -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "...); did you mean a_column_name"));
	CU_ASSERT_EQUAL(err.text[strlen(err.text) - 1], '?');
}

static void reserved_names_come_before_columns(void)
{
	struct span names[] = { span_str("email"), span_str("campaign.name") };
	struct tpl_columns columns = { .names = names, .n = 2 };
	struct name_at at;

	CU_ASSERT(name_find(&columns, span_str("campaign.name"), &at));
	CU_ASSERT_EQUAL(at.from, FROM_CAMPAIGN_NAME);
	CU_ASSERT(name_find(&columns, span_str("email"), &at));
	CU_ASSERT(at.from == FROM_COLUMN && at.column == 0);
	CU_ASSERT(!name_find(&columns, span_str("Email"), &at));
}

SUITE("templates/names", TEST(distance_counts_edits_and_swaps),
      TEST(a_name_too_long_to_compare_is_far_from_all),
      TEST(an_error_with_the_most_columns_fits_its_text), TEST(reserved_names_come_before_columns))
