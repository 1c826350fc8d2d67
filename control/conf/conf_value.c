/* conf_value.c - one row a type: how a value is read from text and how it is written. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf/conf_type.h"
#include "control/near.h"
#include "control/xalloc.h"

static uint32_t *list_count(const struct conf_opt *o, const void *base)
{
	return (uint32_t *)((char *)(uintptr_t)base + o->at_count);
}

static int parse_int(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why)
{
	uint64_t number;
	int err = conf_parse_number(o, text, &number, why);

	(void)conf;
	if (err == 0)
		((uint32_t *)conf_field(o, base))[n] = (uint32_t)number;
	return err;
}

static void text_int(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text)
{
	(void)conf;
	conf_number_text(o->unit, ((const uint32_t *)conf_field(o, base))[n], text);
}

static int parse_big(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why)
{
	(void)conf;
	(void)n;
	return conf_parse_number(o, text, conf_field(o, base), why);
}

static void text_big(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	conf_number_text(o->unit, *(const uint64_t *)conf_field(o, base), text);
}

static int parse_bool(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                      const char *text, char *why)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "true", true },   { "yes", true }, { "on", true },
		      { "false", false }, { "no", false }, { "off", false } };

	(void)conf;
	(void)n;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*(bool *)conf_field(o, base) = words[i].value;
			return 0;
		}
	}
	return conf_wrong(why, "\"%.60s\" is neither true nor false; write one of the two", text);
}

static void text_bool(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	strcpy(text, *(const bool *)conf_field(o, base) ? "true" : "false");
}

static const char *choice_at(const void *ctx, uint32_t n)
{
	return ((const char *const *)ctx)[n];
}

static int parse_choice(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                        const char *text, char *why)
{
	char all[200] = "";
	const char *meant = near_find(text, choice_at, o->choices);

	(void)conf;
	(void)n;
	for (uint32_t i = 0; o->choices[i] != NULL; i++) {
		size_t used = strlen(all);

		if (strcmp(o->choices[i], text) == 0) {
			memcpy(conf_field(o, base), &i, sizeof(i));
			return 0;
		}
		snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", o->choices[i]);
	}
	if (meant != NULL)
		return conf_wrong(why, "\"%.60s\" is not one of %s; did you mean \"%s\"?", text,
		                  all, meant);
	return conf_wrong(why, "\"%.60s\" is not one of %s; use one of them", text, all);
}

static void text_choice(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	uint32_t i;

	(void)conf;
	(void)n;
	memcpy(&i, conf_field(o, base), sizeof(i));
	strcpy(text, o->choices[i]);
}

static int parse_string(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                        const char *text, char *why)
{
	const char *trouble = o->check == NULL ? NULL : o->check(text, 0);
	char **at = conf_field(o, base);

	(void)conf;
	(void)n;
	if (trouble != NULL)
		return conf_wrong(why, "\"%.200s\" %s", text, trouble);
	free(*at);
	*at = xstrdup(text);
	return 0;
}

static void text_string(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	snprintf(text, CONF_TEXT_BYTES, "%s", *(char *const *)conf_field(o, base));
}

static const char *port_at(const void *ctx, uint32_t n)
{
	const struct conf *conf = ctx;

	return n < conf->n_ports ? conf->ports[n].name : NULL;
}

static int parse_port(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                      const char *text, char *why)
{
	const char *meant = near_find(text, port_at, conf);

	(void)n;
	for (uint32_t i = 0; i < conf->n_ports; i++) {
		if (strcmp(conf->ports[i].name, text) == 0) {
			*(uint32_t *)conf_field(o, base) = i;
			return 0;
		}
	}
	if (meant != NULL)
		return conf_wrong(why, "no port is called \"%.60s\"; did you mean \"%s\"?", text,
		                  meant);
	return conf_wrong(why, "no port is called \"%.60s\"; add port \"%.60s\" { ... }", text,
	                  text);
}

static void text_port(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	uint32_t i = *(const uint32_t *)conf_field(o, base);

	(void)n;
	snprintf(text, CONF_TEXT_BYTES, "%s", i < conf->n_ports ? conf->ports[i].name : "");
}

/* clang-format off */
static const struct {
	conf_parse_fn *parse;
	conf_text_fn *text;
	bool is_list;
} types[] = {
	[CONF_TYPE_INT]     = { parse_int,    text_int,    false },
	[CONF_TYPE_BIG]     = { parse_big,    text_big,    false },
	[CONF_TYPE_BOOL]    = { parse_bool,   text_bool,   false },
	[CONF_TYPE_CHOICE]  = { parse_choice, text_choice, false },
	[CONF_TYPE_STRING]  = { parse_string, text_string, false },
	[CONF_TYPE_ADDR4]   = { conf_parse_addr,   conf_text_addr,   false },
	[CONF_TYPE_ADDR6]   = { conf_parse_addr,   conf_text_addr,   false },
	[CONF_TYPE_PORT]    = { parse_port,   text_port,   false },
	[CONF_TYPE_ROUTE]   = { conf_parse_route,  conf_text_route,  false },
	[CONF_TYPE_PREFIX]  = { conf_parse_prefix, conf_text_prefix, true },
	[CONF_TYPE_SERVER]  = { conf_parse_server, conf_text_server, true },
	[CONF_TYPE_NEIGHBOUR] = { conf_parse_neighbour, conf_text_neighbour, true },
	[CONF_TYPE_SECONDS] = { parse_int,    text_int,    true },
};
/* clang-format on */
static_assert(sizeof(types) / sizeof(types[0]) == CONF_N_TYPES, "one row per type");

bool conf_type_is_list(enum conf_type type)
{
	return types[type].is_list;
}

int conf_value_set(const struct conf_opt *o, const struct conf *conf, void *base,
                   char *const *values, uint32_t n_values, char why[CONF_WHY_BYTES])
{
	uint32_t room = types[o->type].is_list ? o->n_max : 1;

	if (n_values > room && !types[o->type].is_list)
		return conf_wrong(why, "takes one value, not a list; write %s = value", o->name);
	if (n_values > room)
		return conf_wrong(why, "%u values, but there is room for %u; shorten the list",
		                  n_values, room);
	if (n_values == 0 && !types[o->type].is_list)
		return conf_wrong(why, "takes one value, not an empty list; write %s = value",
		                  o->name);
	for (uint32_t n = 0; n < n_values; n++) {
		int err = types[o->type].parse(o, conf, base, n, values[n], why);

		if (err != 0)
			return err;
	}
	if (types[o->type].is_list)
		*list_count(o, base) = n_values;
	return 0;
}

static void default_list(const struct conf_opt *o, const struct conf *conf, void *base)
{
	char *words = xstrdup(o->def_str), *rest = words, *word, why[CONF_WHY_BYTES];
	uint32_t n = 0;

	while ((word = strsep(&rest, " ")) != NULL) {
		assert(n < o->n_max);
		if (types[o->type].parse(o, conf, base, n++, word, why) != 0)
			assert(!"the default of a list can be read");
	}
	*list_count(o, base) = n;
	free(words);
}

void conf_value_default(const struct conf_opt *o, const struct conf *conf, void *base)
{
	char *text = (char *)(uintptr_t)o->def_str, why[CONF_WHY_BYTES];
	uint32_t u32 = (uint32_t)o->def;

	switch (o->type) {
	case CONF_TYPE_INT:
	case CONF_TYPE_PORT:
		memcpy(conf_field(o, base), &u32, sizeof(u32));
		return;
	case CONF_TYPE_BIG:
		*(uint64_t *)conf_field(o, base) = (uint64_t)o->def;
		return;
	case CONF_TYPE_BOOL:
		*(bool *)conf_field(o, base) = o->def != 0;
		return;
	default:
		break;
	}
	if (text != NULL && types[o->type].is_list)
		default_list(o, conf, base);
	else if (text != NULL && conf_value_set(o, conf, base, &text, 1, why) != 0)
		assert(!"a default can be read");
}

uint32_t conf_value_count(const struct conf_opt *o, const void *base)
{
	if (types[o->type].is_list)
		return *list_count(o, base);
	if (o->type == CONF_TYPE_STRING)
		return *(char *const *)conf_field(o, base) != NULL;
	if (o->type == CONF_TYPE_ADDR4 || o->type == CONF_TYPE_ADDR6)
		return !ip_is_unset(conf_field(o, base));
	if (o->type == CONF_TYPE_ROUTE)
		return ((const struct conf_route *)conf_field(o, base))->host[0] != '\0';
	if (o->type == CONF_TYPE_PORT)
		return *(const uint32_t *)conf_field(o, base) != CONF_UNSET_PORT;
	return 1;
}

const char *conf_value_text(const struct conf_opt *o, const struct conf *conf, const void *base,
                            uint32_t n, char text[CONF_TEXT_BYTES])
{
	assert(n < conf_value_count(o, base));
	types[o->type].text(o, conf, base, n, text);
	return text;
}

void conf_value_free(const struct conf_opt *o, void *base)
{
	char **at = conf_field(o, base);

	if (o->type == CONF_TYPE_STRING) {
		free(*at);
		*at = NULL;
	}
}
