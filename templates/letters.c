/* letters.c - large and small letters of Latin, Greek and Cyrillic. */
#include "templates/letters.h"

#include "templates/utf8.h"

/* Small letters from..to have their large ones `back` before; with `every` 2 they take turns. */
static const struct {
	uint16_t from, to, back, every;
} ranges[] = {
	/* clang-format off */
	{ 'a', 'z', 32, 1 },         { 0x00e0, 0x00f6, 32, 1 },   { 0x00f8, 0x00fe, 32, 1 },
	{ 0x0101, 0x012f, 1, 2 },    { 0x0133, 0x0137, 1, 2 },    { 0x013a, 0x0148, 1, 2 },
	{ 0x014b, 0x0177, 1, 2 },    { 0x017a, 0x017e, 1, 2 },    { 0x01ce, 0x01dc, 1, 2 },
	{ 0x0201, 0x021f, 1, 2 },    { 0x03ac, 0x03ac, 38, 1 },   { 0x03ad, 0x03af, 37, 1 },
	{ 0x03b1, 0x03c1, 32, 1 },   { 0x03c3, 0x03cb, 32, 1 },   { 0x03cc, 0x03cc, 64, 1 },
	{ 0x03cd, 0x03ce, 63, 1 },   { 0x0430, 0x044f, 32, 1 },   { 0x0450, 0x045f, 80, 1 },
	{ 0x0461, 0x0481, 1, 2 },    { 0x048b, 0x04bf, 1, 2 },    { 0x04d1, 0x052f, 1, 2 },
	{ 0x1e01, 0x1e95, 1, 2 },    { 0x1ea1, 0x1eff, 1, 2 },
	/* clang-format on */
};

static uint32_t turn(uint32_t code, bool upper)
{
	if (upper && (code == 0xff || code == 0x3c2)) /* in Latin-1 alone; the sigma at an end */
		return code == 0xff ? 0x178 : 0x3a3;
	if (!upper && code == 0x178)
		return 0xff;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t small = upper ? code : code + ranges[i].back;

		if (small >= ranges[i].from && small <= ranges[i].to &&
		    (small - ranges[i].from) % ranges[i].every == 0)
			return upper ? code - ranges[i].back : small;
	}
	return code;
}

void letters_put(struct text *t, struct span c, bool upper)
{
	uint8_t coded[4];
	uint32_t code = c.bytes == 0 ? 0 : c.at[0];

	if (c.bytes == 2 && upper && memcmp(c.at, "\xc3\x9f", 2) == 0) {
		text_str(t, "SS");
		return;
	}
	if (c.bytes == 2)
		code = (code & 0x1f) << 6 | (c.at[1] & 0x3f);
	else if (c.bytes == 3)
		code = (code & 0x0f) << 12 | (uint32_t)(c.at[1] & 0x3f) << 6 | (c.at[2] & 0x3f);
	if (c.bytes == 0 || c.bytes > 3 || (c.bytes == 1 && code >= 0x80))
		text_span(t, c);
	else
		text_put(t, coded, utf8_encode(turn(code, upper), coded));
}

int letters_compare(struct span a, struct span b)
{
	size_t n = a.bytes < b.bytes ? a.bytes : b.bytes;

	for (size_t i = 0; i < n; i++) {
		int x = a.at[i] >= 'A' && a.at[i] <= 'Z' ? a.at[i] + 32 : a.at[i];
		int y = b.at[i] >= 'A' && b.at[i] <= 'Z' ? b.at[i] + 32 : b.at[i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}
