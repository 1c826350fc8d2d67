/* entity.c - the character references of HTML that mail uses. */
#include "templates/entity.h"

static const struct {
	const char *name;
	uint32_t code;
} entities[] = {
	/* clang-format off */
	{ "amp", '&' },       { "apos", '\'' },     { "bull", 0x2022 },   { "cent", 0xa2 },
	{ "copy", 0xa9 },     { "deg", 0xb0 },      { "euro", 0x20ac },   { "gt", '>' },
	{ "hellip", 0x2026 }, { "laquo", 0xab },    { "ldquo", 0x201c },  { "lsquo", 0x2018 },
	{ "lt", '<' },        { "mdash", 0x2014 },  { "middot", 0xb7 },   { "nbsp", 0xa0 },
	{ "ndash", 0x2013 },  { "pound", 0xa3 },    { "quot", '"' },      { "raquo", 0xbb },
	{ "rdquo", 0x201d },  { "reg", 0xae },      { "rsquo", 0x2019 },  { "shy", 0xad },
	{ "times", 0xd7 },    { "trade", 0x2122 },  { "yen", 0xa5 },      { "zwnj", 0x200c },
	/* clang-format on */
};

enum { ENTITY_BYTES_MAX = 10 };

/* "#228" or "#xe4". A control character would be hostile in a text; so would a NUL. */
static bool number(struct span name, uint32_t *code)
{
	bool hex = name.bytes > 2 && (name.at[1] | 0x20) == 'x';
	uint32_t v = 0; /* ENTITY_BYTES_MAX keeps it within 32 bits */

	for (size_t i = hex ? 2 : 1; i < name.bytes; i++) {
		uint8_t b = name.at[i], low = b | 0x20;

		if (b >= '0' && b <= '9')
			v = v * (hex ? 16 : 10) + (b - '0');
		else if (hex && low >= 'a' && low <= 'f')
			v = v * 16 + (low - 'a' + 10);
		else
			return false;
	}
	*code = v < 0x20 || v == 0x7f ? 0xfffd : v;
	if (v == '\n' || v == '\t')
		*code = ' ';
	return true;
}

size_t entity_read(struct span s, uint32_t *code)
{
	const uint8_t *semi =
	    memchr(s.at, ';', s.bytes < ENTITY_BYTES_MAX ? s.bytes : ENTITY_BYTES_MAX);
	struct span name;

	if (semi == NULL || semi - s.at < 2)
		return 0;
	name = span_of(s.at + 1, (size_t)(semi - s.at) - 1);
	if (name.at[0] == '#')
		return number(name, code) ? name.bytes + 2 : 0;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (span_eq(name, span_str(entities[i].name))) {
			*code = entities[i].code;
			return name.bytes + 2;
		}
	}
	return 0;
}
