/* test_conf_show.c - what is shown is what was loaded, and the written documents are fresh. */
#include <jansson.h>

#include "control/conf/conf_opt.h"
#include "tests/control/conf/conf_file.h"
#include "tests/support/suite.h"

static struct conf *load(const char *text)
{
	char why[CONF_WHY_BYTES];
	struct conf *conf;

	if (conf_file_load(text, strlen(text), &conf, why) != 0)
		printf("\n    %s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

static char *shown(const struct conf *conf, bool json)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	conf_show(conf, json, out);
	fclose(out);
	return text;
}

static void every_value_is_shown_with_its_origin(void)
{
	struct conf *conf =
	    load(CONF_FILE_WHOLE "limits.rate = 50\negress.allow = [10.0.0.0/8, ::/0]\n");
	char *text = shown(conf, false);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nlimits.connections = 10  # default\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nlimits.rate = 50  # /tmp/"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(text, "\negress.allow = [\"10.0.0.0/8\", \"::/0\"]  # /tmp/"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ":5\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nsource.s1.helo = \"mta1.example.com\"  # /tmp/"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nport.p0.gateway = unset  # default\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nsource.s1.port = \"p0\"  # default\n"));
	free(text);
	conf_free(conf);
}

static void json_shows_the_same_with_types(void)
{
	struct conf *conf = load(CONF_FILE_WHOLE);
	char *text = shown(conf, true);
	json_t *all = json_loads(text, 0, NULL), *row;

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	row = json_object_get(all, "limits.rate");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "value")), 100);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "from")), "default");
	row = json_object_get(all, "limits.idle");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "value")), "5s");
	row = json_object_get(all, "port.p0.address");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(row, "value")), 1);
	CU_ASSERT(json_is_true(json_object_get(json_object_get(all, "smtp.pipelining"), "value")));
	CU_ASSERT(json_is_null(json_object_get(json_object_get(all, "port.p0.gateway"), "value")));
	json_decref(all);
	free(text);
	conf_free(conf);
}

static void what_is_shown_can_be_loaded_again(void)
{
	struct conf *a = load(CONF_FILE_WHOLE "compose { slab = 65MiB }\nretry.give_up = 4d12h\n"),
		    *b;
	char *shown_a = shown(a, false), *text = malloc(strlen(shown_a) + 1), *line,
	     *rest = shown_a;

	/* Options in blocks are shown with the block's name inside theirs; they come from
	 * elsewhere. */
	strcpy(text, CONF_FILE_PORT CONF_FILE_SOURCE);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, "port.", 5) != 0 && strncmp(line, "source.", 7) != 0) {
			strcat(text, line);
			strcat(text, "\n");
		}
	b = load(text);
	CU_ASSERT_PTR_NULL(conf_needs_restart(a, b));
	CU_ASSERT_EQUAL(memcmp(&a->retry, &b->retry, sizeof(a->retry)), 0);
	conf_free(a);
	conf_free(b);
	free(text);
	free(shown_a);
}

static void only_what_is_read_at_start_needs_a_restart(void)
{
	static const struct {
		const char *added, *want;
	} cases[] = {
		{ "", NULL },
		{ "limits.rate = 7; log.level = debug; site a.test { rate = 3 }", NULL },
		{ "retry.after = [1s]", NULL },
		{ "worker.window = 7", "worker.window" },
		{ "egress.mode = live", "egress.mode" },
		{ "source s2 { address = 10.9.0.11; helo = a.b }", "source.address" },
	};
	struct conf *old = load(CONF_FILE_WHOLE);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1000];
		struct conf *new;
		const char *got;

		snprintf(text, sizeof(text), CONF_FILE_WHOLE "%s\n", cases[i].added);
		new = load(text);
		got = conf_needs_restart(old, new);
		if (cases[i].want == NULL)
			CU_ASSERT_PTR_NULL(got)
		else
			CU_ASSERT_STRING_EQUAL(got == NULL ? "nothing" : got, cases[i].want);
		conf_free(new);
	}
	conf_free(old);
}

/* The document must hold exactly what the table says now. */
static void assert_fresh(const char *path, void (*write_it)(FILE *))
{
	char *want, *have = calloc(1, 1 << 20);
	size_t bytes;
	FILE *out = open_memstream(&want, &bytes), *f = fopen(path, "r");

	write_it(out);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(have, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	if (strstr(have, want) == NULL) {
		printf("\n    %s is not fresh; it must hold:\n%s", path, want);
		CU_FAIL("a document is not fresh");
	}
	free(want);
	free(have);
}

static void the_reference_in_the_readme_is_fresh(void)
{
	assert_fresh(SOURCE_ROOT "/control/conf/README.md", conf_reference);
}

static void the_sample_file_is_fresh(void)
{
	assert_fresh(SOURCE_ROOT "/etc/posthaste.conf.sample", conf_sample);
}

static void the_sample_file_can_be_loaded(void)
{
	char why[CONF_WHY_BYTES] = "";
	struct conf *conf;
	int err = conf_load(SOURCE_ROOT "/etc/posthaste.conf.sample", &conf, why);

	/* A machine without any name server cannot load it, and says so. */
	if (err != 0 && strstr(why, "/etc/resolv.conf names none either") == NULL) {
		printf("\n    %s", why);
		CU_FAIL("the sample does not load");
	}
	conf_free(conf);
}

SUITE("control/conf/conf_show", TEST(every_value_is_shown_with_its_origin),
      TEST(json_shows_the_same_with_types), TEST(what_is_shown_can_be_loaded_again),
      TEST(only_what_is_read_at_start_needs_a_restart), TEST(the_reference_in_the_readme_is_fresh),
      TEST(the_sample_file_is_fresh), TEST(the_sample_file_can_be_loaded))
