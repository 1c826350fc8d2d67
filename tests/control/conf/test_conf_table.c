/* test_conf_table.c - every row of the option table keeps the table's own rules. */
#include <stdlib.h>
#include <string.h>

#include "control/conf/conf_opt.h"
#include "tests/support/suite.h"

static void names_are_unique_and_sorted(void)
{
	for (uint32_t i = 1; i < conf_n_options; i++) {
		if (strcmp(conf_options[i - 1].name, conf_options[i].name) >= 0)
			printf("\n    %s does not belong after %s", conf_options[i].name,
			       conf_options[i - 1].name);
		CU_ASSERT(strcmp(conf_options[i - 1].name, conf_options[i].name) < 0);
	}
}

static void defaults_lie_within_bounds_and_every_row_helps(void)
{
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];
		bool is_number = o->type == CONF_TYPE_INT || o->type == CONF_TYPE_BIG;

		CU_ASSERT(o->help != NULL && strlen(o->help) > 5);
		CU_ASSERT(o->help[strlen(o->help) - 1] != '.');
		if (is_number)
			CU_ASSERT(o->min >= 0 && o->min <= o->def && o->def <= o->max);
		if (o->type == CONF_TYPE_INT || o->type == CONF_TYPE_SECONDS)
			CU_ASSERT(o->max <= UINT32_MAX);
		if (conf_type_is_list(o->type))
			CU_ASSERT(o->n_max > 0 && o->at_count > 0);
	}
}

/* A union of all that an option may live in. */
union home {
	struct conf conf;
	struct conf_port port;
	struct conf_source source;
	struct conf_site site;
};

static void the_text_of_a_default_sets_the_same_default(void)
{
	static union home a, b;
	char *texts[CONF_LIST_MAX], why[CONF_WHY_BYTES], again[CONF_TEXT_BYTES];

	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];
		uint32_t n;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		conf_value_default(o, &a.conf, &a);
		n = conf_value_count(o, &a);
		for (uint32_t k = 0; k < n; k++) {
			texts[k] = malloc(CONF_TEXT_BYTES);
			conf_value_text(o, &a.conf, &a, k, texts[k]);
		}
		if (n > 0) {
			CU_ASSERT_EQUAL(conf_value_set(o, &b.conf, &b, texts, n, why), 0);
			CU_ASSERT_EQUAL(conf_value_count(o, &b), n);
		}
		for (uint32_t k = 0; k < n; k++) {
			conf_value_text(o, &b.conf, &b, k, again);
			if (strcmp(again, texts[k]) != 0)
				printf("\n    %s: %s became %s", o->name, texts[k], again);
			CU_ASSERT_STRING_EQUAL(again, texts[k]);
			free(texts[k]);
		}
		conf_value_free(o, &a);
		conf_value_free(o, &b);
	}
}

static void every_offload_has_its_switch_and_is_allowed_by_default(void)
{
	static const char *const names[DP_N_OFFLOADS] = {
#define DP_OFFLOAD(sym, name, without) [DP_OFFLOAD_##sym] = "port.offload_" name,
#include "dataplane/dp_offload.def"
#undef DP_OFFLOAD
	};
	unsigned found = 0;

	for (unsigned n = 0; n < DP_N_OFFLOADS; n++)
		for (uint32_t i = 0; i < conf_n_options; i++) {
			const struct conf_opt *o = &conf_options[i];

			if (strcmp(o->name, names[n]) != 0)
				continue;
			found++;
			CU_ASSERT_EQUAL(o->at, offsetof(struct conf_port, offloads) + n);
			CU_ASSERT_EQUAL(o->type, CONF_TYPE_BOOL);
			CU_ASSERT_EQUAL(o->def, true);
		}
	CU_ASSERT_EQUAL(found, DP_N_OFFLOADS);
}

SUITE("control/conf/conf_table", TEST(names_are_unique_and_sorted),
      TEST(defaults_lie_within_bounds_and_every_row_helps),
      TEST(the_text_of_a_default_sets_the_same_default),
      TEST(every_offload_has_its_switch_and_is_allowed_by_default))
