/* test_conf_value.c - numbers with units, as written and as read back. */
#include <string.h>

#include "control/conf/conf_opt.h"
#include "tests/support/suite.h"

static void a_number_is_written_with_the_fewest_parts(void)
{
	static const struct {
		enum conf_unit unit;
		uint64_t n;
		const char *want;
	} cases[] = {
		{ CONF_UNIT_MS, 1500, "1s500ms" },  { CONF_UNIT_MS, 30000, "30s" },
		{ CONF_UNIT_S, 388800, "4d12h" },   { CONF_UNIT_S, 604800, "1w" },
		{ CONF_UNIT_S, 0, "0s" },           { CONF_UNIT_BYTES, 2097152, "2MiB" },
		{ CONF_UNIT_BYTES, 1500, "1500B" }, { CONF_UNIT_BYTES, 1536, "1536B" },
		{ CONF_UNIT_NONE, 100, "100" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[CONF_TEXT_BYTES];

		conf_number_text(cases[i].unit, cases[i].n, text);
		CU_ASSERT_STRING_EQUAL(text, cases[i].want);
	}
}

static void a_written_number_is_read_back(void)
{
	struct conf_opt o = { .name = "x", .type = CONF_TYPE_BIG, .max = INT64_MAX };

	for (enum conf_unit unit = 0; unit < CONF_N_UNITS; unit++) {
		uint64_t seed = 12345;

		o.unit = unit;
		for (int i = 0; i < 1000; i++) {
			char text[CONF_TEXT_BYTES], why[CONF_WHY_BYTES], *values[] = { text };
			uint64_t n, got;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			n = seed >> (8 + i % 56);
			conf_number_text(unit, n, text);
			CU_ASSERT_EQUAL(conf_value_set(&o, NULL, &got, values, 1, why), 0);
			CU_ASSERT_EQUAL(got, n);
		}
	}
}

static void minutes_have_two_names(void)
{
	struct conf_opt o = {
		.name = "x", .type = CONF_TYPE_INT, .unit = CONF_UNIT_S, .max = 100000
	};
	char *values[] = { "1h2min3s" }, why[CONF_WHY_BYTES];
	uint32_t got;

	CU_ASSERT_EQUAL(conf_value_set(&o, NULL, &got, values, 1, why), 0);
	CU_ASSERT_EQUAL(got, 3723);
}

SUITE("control/conf/conf_value", TEST(a_number_is_written_with_the_fewest_parts),
      TEST(a_written_number_is_read_back), TEST(minutes_have_two_names))
