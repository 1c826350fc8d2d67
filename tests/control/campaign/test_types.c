/* test_types.c - a text is read as what its column is said to hold, or refused with a reason. */
#include "control/campaign/types.h"
#include "tests/support/suite.h"

static void texts_become_values(void)
{
	static const struct {
		enum column_type type;
		const char *text;
		struct tpl_value want;
	} cases[] = {
		/* clang-format off */
		{ TYPE_TEXT,   "",             { .kind = TPL_STRING, .n = 0, .text = "" } },
		{ TYPE_TEXT,   "12",           { .kind = TPL_STRING, .n = 2, .text = "12" } },
		{ TYPE_NUMBER, "",             { .kind = TPL_NIL } },
		{ TYPE_NUMBER, "0",            { .kind = TPL_INT, .number = 0 } },
		{ TYPE_NUMBER, "-12",          { .kind = TPL_INT, .number = -12 } },
		{ TYPE_NUMBER, "9223372036854775807",  { .kind = TPL_INT, .number = INT64_MAX } },
		{ TYPE_NUMBER, "-9223372036854775808", { .kind = TPL_INT, .number = INT64_MIN } },
		{ TYPE_NUMBER, "2.5",          { .kind = TPL_FLOAT, .real = 2.5 } },
		{ TYPE_NUMBER, "-0.25e2",      { .kind = TPL_FLOAT, .real = -25 } },
		{ TYPE_NUMBER, "1E+3",         { .kind = TPL_FLOAT, .real = 1000 } },
		{ TYPE_BOOL,   "",             { .kind = TPL_NIL } },
		{ TYPE_BOOL,   "TRUE",         { .kind = TPL_BOOL, .yes = true } },
		{ TYPE_BOOL,   "yes",          { .kind = TPL_BOOL, .yes = true } },
		{ TYPE_BOOL,   "1",            { .kind = TPL_BOOL, .yes = true } },
		{ TYPE_BOOL,   "No",           { .kind = TPL_BOOL, .yes = false } },
		{ TYPE_BOOL,   "0",            { .kind = TPL_BOOL, .yes = false } },
		{ TYPE_DATE,   "",             { .kind = TPL_NIL } },
		{ TYPE_DATE,   "2026-03-01",   { .kind = TPL_STRING, .n = 10, .text = "2026-03-01" } },
		{ TYPE_DATE,   "2024-02-29",   { .kind = TPL_STRING, .n = 10, .text = "2024-02-29" } },
		{ TYPE_DATE,   "2026-03-01 14:05",          { .kind = TPL_STRING, .n = 25, .text = "2026-03-01 14:05:00 +0000" } },
		{ TYPE_DATE,   "2026-03-01T14:05:06.789Z",  { .kind = TPL_STRING, .n = 25, .text = "2026-03-01 14:05:06 +0000" } },
		{ TYPE_DATE,   "2026-03-01T00:30:00+02:00", { .kind = TPL_STRING, .n = 25, .text = "2026-02-28 22:30:00 +0000" } },
		{ TYPE_DATE,   "2024-02-28T23:30:00-0100",  { .kind = TPL_STRING, .n = 25, .text = "2024-02-29 00:30:00 +0000" } },
		{ TYPE_DATE,   "2025-12-31 23:59:60 -05",   { .kind = TPL_STRING, .n = 25, .text = "2026-01-01 04:59:59 +0000" } },
		{ TYPE_DATE,   "2026-01-01T00:00+01:00",    { .kind = TPL_STRING, .n = 25, .text = "2025-12-31 23:00:00 +0000" } },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpl_value got, want = cases[i].want;
		char room[TYPE_TEXT_BYTES];
		const char *wrong = type_read(cases[i].type, span_str(cases[i].text), room, &got);
		bool same = wrong == NULL && got.kind == want.kind;

		if (same && got.kind == TPL_STRING)
			same = span_eq(span_of(got.text, got.n), span_of(want.text, want.n));
		else if (same && got.kind == TPL_INT)
			same = got.number == want.number;
		else if (same && got.kind == TPL_FLOAT)
			same = got.real == want.real;
		else if (same && got.kind == TPL_BOOL)
			same = got.yes == want.yes;
		if (!same)
			printf("\n    %s: %s", cases[i].text,
			       wrong != NULL            ? wrong
			       : got.kind == TPL_STRING ? got.text
			                                : "another value");
		CU_ASSERT(same);
	}
}

static void texts_of_another_type_are_refused(void)
{
	static const struct {
		enum column_type type;
		const char *text, *reason;
	} cases[] = {
		/* clang-format off */
		{ TYPE_NUMBER, "twelve",               "no number" },
		{ TYPE_NUMBER, "+1",                   "no number" },
		{ TYPE_NUMBER, "01",                   "no number" },
		{ TYPE_NUMBER, ".5",                   "no number" },
		{ TYPE_NUMBER, "5.",                   "no number" },
		{ TYPE_NUMBER, "1e",                   "no number" },
		{ TYPE_NUMBER, "0x10",                 "no number" },
		{ TYPE_NUMBER, "nan",                  "no number" },
		{ TYPE_NUMBER, "1 ",                   "no number" },
		{ TYPE_NUMBER, "9223372036854775808",  "over 64 bits" },
		{ TYPE_NUMBER, "1e999",                "over 64 bits" },
		{ TYPE_BOOL,   "maybe",                "neither true" },
		{ TYPE_BOOL,   "2",                    "neither true" },
		{ TYPE_DATE,   "1.3.2026",             "no date" },
		{ TYPE_DATE,   "2026-13-01",           "no date" },
		{ TYPE_DATE,   "2026-02-29",           "no date" },
		{ TYPE_DATE,   "2026-00-10",           "no date" },
		{ TYPE_DATE,   "2026-03-01x",          "no date" },
		{ TYPE_DATE,   "2026-03-01T24:00",     "no date" },
		{ TYPE_DATE,   "2026-03-01T12:61",     "no date" },
		{ TYPE_DATE,   "2026-03-01T12:00Zx",   "no date" },
		{ TYPE_DATE,   "2026-03-01T12:00+99:00", "no date" },
		{ TYPE_DATE,   "0000-01-01",           "no date" },
		{ TYPE_DATE,   "9999-12-31T23:59-01:00", "no date" },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char room[TYPE_TEXT_BYTES];
		struct tpl_value got;
		const char *wrong = type_read(cases[i].type, span_str(cases[i].text), room, &got);

		if (wrong == NULL || strstr(wrong, cases[i].reason) == NULL)
			printf("\n    %s: got \"%s\", want \"%s\"", cases[i].text,
			       wrong != NULL ? wrong : "a value", cases[i].reason);
		CU_ASSERT(wrong != NULL && strstr(wrong, cases[i].reason) != NULL);
	}
}

static void a_list_of_types_is_taken_apart(void)
{
	struct span types = span_str("age:number,a:b:date,x:string"), name;
	enum column_type type;

	CU_ASSERT(types_take(&types, &name, &type) && type == TYPE_NUMBER);
	CU_ASSERT(span_eq(name, span_str("age")));
	CU_ASSERT(types_take(&types, &name, &type) && type == TYPE_DATE);
	CU_ASSERT(span_eq(name, span_str("a:b")));
	CU_ASSERT(types_take(&types, &name, &type) && type == TYPE_TEXT);
	CU_ASSERT(!types_take(&types, &name, &type));
	CU_ASSERT_PTR_NULL(types_check(span_str("")));
	CU_ASSERT_PTR_NULL(types_check(span_str("a:json,b:bool")));
	CU_ASSERT_PTR_NOT_NULL(types_check(span_str("age")));
	CU_ASSERT_PTR_NOT_NULL(types_check(span_str("age:int")));
	CU_ASSERT_PTR_NOT_NULL(types_check(span_str(":number")));
	CU_ASSERT_PTR_NOT_NULL(types_check(span_str("age:number,,x:date")));
}

SUITE("control/campaign/types", TEST(texts_become_values), TEST(texts_of_another_type_are_refused),
      TEST(a_list_of_types_is_taken_apart))
