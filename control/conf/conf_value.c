/* conf_value.c - one row a type: how a value is read from text and how it is written.
 *
 * Numbers that are times or sizes carry their unit, so that "5" can never be read as another
 * unit than the writer meant.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf/conf_opt.h"
#include "control/near.h"
#include "control/xalloc.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Largest first, so that a number is written with the fewest parts. */
/* clang-format off */
static const struct unit units_ms[] = {
	{ "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "min", 60000 },
	{ "s", 1000 }, { "ms", 1 }, { NULL, 0 },
};
static const struct unit units_s[] = {
	{ "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "min", 60 }, { "s", 1 },
	{ NULL, 0 },
};
static const struct unit units_bytes[] = {
	{ "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "B", 1 }, { NULL, 0 },
};
static const struct {
	const struct unit *units;
	const char *example;
} unit_kinds[CONF_N_UNITS] = {
	[CONF_UNIT_NONE]  = { NULL,        "100" },
	[CONF_UNIT_MS]    = { units_ms,    "1500ms, 30s, 5m, 1h" },
	[CONF_UNIT_S]     = { units_s,     "30s, 5m, 1h, 4d12h" },
	[CONF_UNIT_BYTES] = { units_bytes, "512KiB, 64MiB, 2GiB" },
};
/* clang-format on */

__attribute__((format(printf, 2, 3))) static int wrong(char why[CONF_WHY_BYTES], const char *fmt,
                                                       ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY_BYTES, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void conf_number_text(enum conf_unit unit, uint64_t n, char text[CONF_TEXT_BYTES])
{
	size_t used = 0;

	if (unit_kinds[unit].units == NULL || n == 0) {
		snprintf(text, CONF_TEXT_BYTES, "%" PRIu64 "%s", n,
		         n == 0 && unit != CONF_UNIT_NONE ? (unit == CONF_UNIT_BYTES ? "B" : "s")
		                                          : "");
		return;
	}
	for (const struct unit *u = unit_kinds[unit].units; u->suffix != NULL && n > 0; u++) {
		if (n < u->factor || (unit == CONF_UNIT_BYTES && n % u->factor != 0))
			continue;
		used += (size_t)snprintf(text + used, CONF_TEXT_BYTES - used, "%" PRIu64 "%s",
		                         n / u->factor, u->suffix);
		n %= u->factor;
	}
}

/* Digits at *at; false when there are none or they exceed what 18 digits hold. */
static bool read_digits(const char **at, uint64_t *out)
{
	const char *p = *at;
	uint64_t n = 0;

	while (*p >= '0' && *p <= '9' && p - *at < 18)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (p == *at || (*p >= '0' && *p <= '9'))
		return false;
	*at = p;
	*out = n;
	return true;
}

static const struct unit *find_unit(const struct unit *units, const char *suffix, size_t bytes)
{
	for (; units->suffix != NULL; units++)
		if (strlen(units->suffix) == bytes && memcmp(units->suffix, suffix, bytes) == 0)
			return units;
	return NULL;
}

/* "4d12h": parts from large to small are customary, not demanded. */
static bool read_number(enum conf_unit unit, const char *text, uint64_t *out)
{
	const struct unit *units = unit_kinds[unit].units;
	uint64_t sum = 0, n, part;

	if (units == NULL)
		return read_digits(&text, out) && *text == '\0';
	if (strcmp(text, "0") == 0) {
		*out = 0;
		return true;
	}
	do {
		size_t bytes;
		const struct unit *u;

		if (!read_digits(&text, &n))
			return false;
		bytes = strspn(text, "abcdefghijklmnopqrstuvwxyzBGKMT");
		u = find_unit(units, text, bytes);
		if (u == NULL || __builtin_mul_overflow(n, u->factor, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return false;
		text += bytes;
	} while (*text != '\0');
	*out = sum;
	return true;
}

static int parse_number(const struct conf_opt *o, const char *text, uint64_t *out, char *why)
{
	char low[CONF_TEXT_BYTES], high[CONF_TEXT_BYTES];
	const char *trouble;

	if (!read_number(o->unit, text, out))
		return wrong(why, "\"%.60s\" is not %s; write it like %s", text,
		             o->unit == CONF_UNIT_NONE    ? "a number"
		             : o->unit == CONF_UNIT_BYTES ? "a size with its unit"
		                                          : "a time with its unit",
		             unit_kinds[o->unit].example);
	if (*out < (uint64_t)o->min || *out > (uint64_t)o->max) {
		conf_number_text(o->unit, (uint64_t)o->min, low);
		conf_number_text(o->unit, (uint64_t)o->max, high);
		return wrong(why, "%.60s is out of bounds; use %s to %s", text, low, high);
	}
	trouble = o->check == NULL ? NULL : o->check(text, (int64_t)*out);
	return trouble == NULL ? 0 : wrong(why, "%.60s %s", text, trouble);
}

static void *field(const struct conf_opt *o, const void *base)
{
	return (char *)(uintptr_t)base + o->at;
}

static uint32_t *list_count(const struct conf_opt *o, const void *base)
{
	return (uint32_t *)((char *)(uintptr_t)base + o->at_count);
}

/* The parsers: value n of an option. */
typedef int parse_fn(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why);
typedef void text_fn(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text);

static int parse_int(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why)
{
	uint64_t number;
	int err = parse_number(o, text, &number, why);

	(void)conf;
	if (err == 0)
		((uint32_t *)field(o, base))[n] = (uint32_t)number;
	return err;
}

static void text_int(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text)
{
	(void)conf;
	conf_number_text(o->unit, ((const uint32_t *)field(o, base))[n], text);
}

static int parse_big(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                     const char *text, char *why)
{
	(void)conf;
	(void)n;
	return parse_number(o, text, field(o, base), why);
}

static void text_big(const struct conf_opt *o, const struct conf *conf, const void *base,
                     uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	conf_number_text(o->unit, *(const uint64_t *)field(o, base), text);
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
			*(bool *)field(o, base) = words[i].value;
			return 0;
		}
	}
	return wrong(why, "\"%.60s\" is neither true nor false; write one of the two", text);
}

static void text_bool(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	strcpy(text, *(const bool *)field(o, base) ? "true" : "false");
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
			memcpy(field(o, base), &i, sizeof(i));
			return 0;
		}
		snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", o->choices[i]);
	}
	if (meant != NULL)
		return wrong(why, "\"%.60s\" is not one of %s; did you mean \"%s\"?", text, all,
		             meant);
	return wrong(why, "\"%.60s\" is not one of %s; use one of them", text, all);
}

static void text_choice(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	uint32_t i;

	(void)conf;
	(void)n;
	memcpy(&i, field(o, base), sizeof(i));
	strcpy(text, o->choices[i]);
}

static int parse_string(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                        const char *text, char *why)
{
	const char *trouble = o->check == NULL ? NULL : o->check(text, 0);
	char **at = field(o, base);

	(void)conf;
	(void)n;
	if (trouble != NULL)
		return wrong(why, "\"%.200s\" %s", text, trouble);
	free(*at);
	*at = xstrdup(text);
	return 0;
}

static void text_string(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	snprintf(text, CONF_TEXT_BYTES, "%s", *(char *const *)field(o, base));
}

static int parse_addr(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                      const char *text, char *why)
{
	bool is_v4 = o->type == CONF_TYPE_ADDR4;
	struct ip_addr a;

	(void)conf;
	(void)n;
	if (ip_parse(text, &a) != 0 || ip_is_v4(&a) != is_v4)
		return wrong(why, "\"%.60s\" is not an %s address; write it like %s", text,
		             is_v4 ? "IPv4" : "IPv6", is_v4 ? "192.0.2.1" : "2001:db8::1");
	if (ip_is_unset(&a))
		return wrong(why, "%s is no address that anybody has; leave the option out", text);
	memcpy(field(o, base), &a, sizeof(a));
	return 0;
}

static void text_addr(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	(void)conf;
	(void)n;
	ip_format(field(o, base), text);
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
			*(uint32_t *)field(o, base) = i;
			return 0;
		}
	}
	if (meant != NULL)
		return wrong(why, "no port is called \"%.60s\"; did you mean \"%s\"?", text, meant);
	return wrong(why, "no port is called \"%.60s\"; add port \"%.60s\" { ... }", text, text);
}

static void text_port(const struct conf_opt *o, const struct conf *conf, const void *base,
                      uint32_t n, char *text)
{
	uint32_t i = *(const uint32_t *)field(o, base);

	(void)n;
	snprintf(text, CONF_TEXT_BYTES, "%s", i < conf->n_ports ? conf->ports[i].name : "");
}

static int parse_prefix(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                        const char *text, char *why)
{
	(void)conf;
	if (ip_prefix_parse(text, (struct ip_prefix *)field(o, base) + n) == 0)
		return 0;
	return wrong(why,
	             "\"%.60s\" is not an address with a prefix length; write it like "
	             "192.0.2.1/24 or 2001:db8::1/64",
	             text);
}

static void text_prefix(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	const struct ip_prefix *p = (const struct ip_prefix *)field(o, base) + n;
	size_t used;

	(void)conf;
	ip_format(&p->addr, text);
	used = strlen(text);
	snprintf(text + used, CONF_TEXT_BYTES - used, "/%d",
	         ip_is_v4(&p->addr) ? p->bits - 96 : p->bits);
}

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" */
static bool read_server(const char *text, struct ip_addr *addr, uint16_t *port)
{
	char host[IP_TEXT_MAX];
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	uint64_t n = 53;

	if (*text == '[') {
		end = strchr(text++, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && colon == strchr(text, ':')) {
		end = colon;
	} else {
		colon = NULL; /* none, or an IPv6 address without brackets */
	}
	if (colon != NULL) {
		const char *digits = colon + 1;

		if (!read_digits(&digits, &n) || *digits != '\0' || n == 0 || n > 65535)
			return false;
	}
	if ((size_t)(end - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*port = (uint16_t)n;
	return ip_parse(host, addr) == 0;
}

static uint16_t *server_ports(const struct conf_opt *o, const void *base)
{
	return (uint16_t *)((char *)(uintptr_t)base + o->at_beside);
}

static int parse_server(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                        const char *text, char *why)
{
	(void)conf;
	if (read_server(text, (struct ip_addr *)field(o, base) + n, &server_ports(o, base)[n]))
		return 0;
	return wrong(why,
	             "\"%.60s\" is not a name server's address; write it like 192.0.2.1, "
	             "192.0.2.1:5353 or [2001:db8::1]:53",
	             text);
}

static void text_server(const struct conf_opt *o, const struct conf *conf, const void *base,
                        uint32_t n, char *text)
{
	const struct ip_addr *a = (const struct ip_addr *)field(o, base) + n;
	uint16_t port = server_ports(o, base)[n];
	char addr[IP_TEXT_MAX];

	(void)conf;
	ip_format(a, addr);
	if (port == 53)
		snprintf(text, CONF_TEXT_BYTES, "%s", addr);
	else
		snprintf(text, CONF_TEXT_BYTES, ip_is_v4(a) ? "%s:%u" : "[%s]:%u", addr, port);
}

/* clang-format off */
static const struct {
	parse_fn *parse;
	text_fn *text;
	bool is_list;
} types[] = {
	[CONF_TYPE_INT]     = { parse_int,    text_int,    false },
	[CONF_TYPE_BIG]     = { parse_big,    text_big,    false },
	[CONF_TYPE_BOOL]    = { parse_bool,   text_bool,   false },
	[CONF_TYPE_CHOICE]  = { parse_choice, text_choice, false },
	[CONF_TYPE_STRING]  = { parse_string, text_string, false },
	[CONF_TYPE_ADDR4]   = { parse_addr,   text_addr,   false },
	[CONF_TYPE_ADDR6]   = { parse_addr,   text_addr,   false },
	[CONF_TYPE_PORT]    = { parse_port,   text_port,   false },
	[CONF_TYPE_PREFIX]  = { parse_prefix, text_prefix, true },
	[CONF_TYPE_SERVER]  = { parse_server, text_server, true },
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
		return wrong(why, "takes one value, not a list; write %s = value", o->name);
	if (n_values > room)
		return wrong(why, "%u values, but there is room for %u; shorten the list", n_values,
		             room);
	if (n_values == 0 && !types[o->type].is_list)
		return wrong(why, "takes one value, not an empty list; write %s = value", o->name);
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
		memcpy(field(o, base), &u32, sizeof(u32));
		return;
	case CONF_TYPE_BIG:
		*(uint64_t *)field(o, base) = (uint64_t)o->def;
		return;
	case CONF_TYPE_BOOL:
		*(bool *)field(o, base) = o->def != 0;
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
		return *(char *const *)field(o, base) != NULL;
	if (o->type == CONF_TYPE_ADDR4 || o->type == CONF_TYPE_ADDR6)
		return !ip_is_unset(field(o, base));
	if (o->type == CONF_TYPE_PORT)
		return *(const uint32_t *)field(o, base) != CONF_UNSET_PORT;
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
	char **at = field(o, base);

	if (o->type == CONF_TYPE_STRING) {
		free(*at);
		*at = NULL;
	}
}
