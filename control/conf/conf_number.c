/* conf_number.c - numbers with units.
 *
 * Times and sizes must carry their unit, so that "5" is never read as another unit than the writer
 * meant.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "control/conf/conf_type.h"

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

int conf_wrong(char why[CONF_WHY_BYTES], const char *fmt, ...)
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
bool conf_read_digits(const char **at, uint64_t *out)
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
		return conf_read_digits(&text, out) && *text == '\0';
	if (strcmp(text, "0") == 0) {
		*out = 0;
		return true;
	}
	do {
		size_t bytes;
		const struct unit *u;

		if (!conf_read_digits(&text, &n))
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

int conf_parse_number(const struct conf_opt *o, const char *text, uint64_t *out,
                      char why[CONF_WHY_BYTES])
{
	char low[CONF_TEXT_BYTES], high[CONF_TEXT_BYTES];
	const char *trouble;

	if (!read_number(o->unit, text, out))
		return conf_wrong(why, "\"%.60s\" is not %s; write it like %s", text,
		                  o->unit == CONF_UNIT_NONE    ? "a number"
		                  : o->unit == CONF_UNIT_BYTES ? "a size with its unit"
		                                               : "a time with its unit",
		                  unit_kinds[o->unit].example);
	if (*out < (uint64_t)o->min || *out > (uint64_t)o->max) {
		conf_number_text(o->unit, (uint64_t)o->min, low);
		conf_number_text(o->unit, (uint64_t)o->max, high);
		return conf_wrong(why, "%.60s is out of bounds; use %s to %s", text, low, high);
	}
	trouble = o->check == NULL ? NULL : o->check(text, (int64_t)*out);
	return trouble == NULL ? 0 : conf_wrong(why, "%.60s %s", text, trouble);
}
