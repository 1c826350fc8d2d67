/* gate_card.c - every card number holds four digits in a row: 64 bytes a look, few look further. */
#include "dataplane/gate_card.h"

#include <immintrin.h>

enum {
	DIGITS_MIN = 13,
	DIGITS_MAX = 19,
	GROUPS_MAX = 6,
};

struct scheme {
	uint32_t low, high; /* of the first four digits */
	uint32_t lengths;   /* bits 1 << digits */
};

#define LEN(n) (1u << (n))
/* clang-format off */
static const struct scheme schemes[] = {
	{ 4000, 4999, LEN(13) | LEN(16) | LEN(19) },            /* Visa */
	{ 5100, 5599, LEN(16) }, { 2221, 2720, LEN(16) },       /* Mastercard */
	{ 3400, 3499, LEN(15) }, { 3700, 3799, LEN(15) },       /* American Express */
	{ 3000, 3059, LEN(14) }, { 3600, 3699, LEN(14) }, { 3800, 3899, LEN(14) }, /* Diners Club */
	{ 3528, 3589, LEN(16) },                                /* JCB */
	{ 6011, 6011, LEN(16) }, { 6440, 6599, LEN(16) },       /* Discover */
	{ 6200, 6299, LEN(16) | LEN(17) | LEN(18) | LEN(19) },  /* UnionPay */
};

/* How cards print their digits. */
static const uint8_t groupings[][GROUPS_MAX] = {
	{ 4, 4, 4, 4 }, { 4, 4, 4, 4, 3 }, { 4, 6, 5 }, { 4, 6, 4 },
};
/* clang-format on */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A number that is part of a word, a path or a longer number is none of a card. */
static bool is_joined(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '/' || c == '=' || c == '.' || c == '#' || c == '%' || c == '+' || c >= 0x80;
}

static bool passes_luhn(const uint8_t *digits, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned d = digits[n - 1 - i] * (1u + i % 2);

		sum += d > 9 ? d - 9 : d;
	}
	return sum % 10 == 0;
}

static bool is_known(const uint8_t *digits, unsigned n)
{
	uint32_t first = digits[0] * 1000u + digits[1] * 100u + digits[2] * 10u + digits[3];

	for (unsigned i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (first >= schemes[i].low && first <= schemes[i].high)
			return (schemes[i].lengths & LEN(n)) != 0;
	return false;
}

static bool is_grouped_well(const uint8_t groups[GROUPS_MAX])
{
	for (unsigned i = 0; i < sizeof(groupings) / sizeof(groupings[0]); i++)
		if (memcmp(groups, groupings[i], GROUPS_MAX) == 0)
			return true;
	return groups[1] == 0; /* all in one */
}

static bool is_card(const uint8_t *digits, unsigned n, const uint8_t groups[GROUPS_MAX])
{
	return n >= DIGITS_MIN && is_known(digits, n) && is_grouped_well(groups) &&
	       passes_luhn(digits, n);
}

/* The number that begins at `at`; returns its end, or 0. What follows behind a blank, an expiry
 * date say, is not part of it.
 */
static size_t read_card(struct span text, size_t at)
{
	uint8_t digits[DIGITS_MAX], groups[GROUPS_MAX] = { 0 };
	uint8_t gap = 0;
	unsigned n = 0, group = 0;

	if (at > 0 && (is_joined(text.at[at - 1]) || text.at[at - 1] == '-'))
		return 0;
	for (; at < text.bytes; at++) {
		uint8_t c = text.at[at];

		if (is_digit(c)) {
			if (n == DIGITS_MAX)
				return 0;
			digits[n++] = (uint8_t)(c - '0');
			groups[group]++;
			continue;
		}
		/* one blank or hyphen between groups, the same one each time */
		if ((c != ' ' && c != '-') || (gap != 0 && c != gap) || at + 1 == text.bytes ||
		    !is_digit(text.at[at + 1]) || is_card(digits, n, groups) ||
		    ++group == GROUPS_MAX)
			break;
		gap = c;
	}
	if (at < text.bytes && is_joined(text.at[at]) && text.at[at] != '.')
		return 0;
	return is_card(digits, n, groups) ? at : 0;
}

/* A bit for each of 16 or 32 bytes that is a digit. */
static inline uint64_t digits16(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i off = _mm_add_epi8(v, _mm_set1_epi8(128 - '0')); /* '0' becomes the least */

	return (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(off, _mm_set1_epi8(-118)));
}

__attribute__((target("avx2"))) static inline uint64_t digits32(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i off = _mm256_add_epi8(v, _mm256_set1_epi8(128 - '0'));

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(-118), off));
}

/* Bits where four of 64 digits in a row begin. A run over the edge is seen in the next step. */
enum { STEP = 61 };
static inline uint64_t runs(uint64_t m)
{
	uint64_t pairs = m & m >> 1;

	return pairs & pairs >> 2;
}

static inline uint64_t digits64_by_16(const uint8_t *p)
{
	return digits16(p) | digits16(p + 16) << 16 | digits16(p + 32) << 32 |
	       digits16(p + 48) << 48;
}

__attribute__((target("avx2"))) static inline uint64_t digits64_by_32(const uint8_t *p)
{
	return digits32(p) | digits32(p + 32) << 32;
}

/* Both go from `at` on to the first run, or to text.bytes, of a text of 64 bytes or more: what is
 * left in the end is seen in the last 64, without those before `at`.
 */
static size_t skip_by_16(struct span text, size_t at)
{
	uint64_t run = 0;

	for (; at + 64 <= text.bytes; at += STEP) {
		run = runs(digits64_by_16(text.at + at));
		if (run != 0)
			return at + (size_t)__builtin_ctzll(run);
	}
	if (at < text.bytes)
		run = runs(digits64_by_16(text.at + text.bytes - 64) >> (64 - (text.bytes - at)));
	return run != 0 ? at + (size_t)__builtin_ctzll(run) : text.bytes;
}

__attribute__((target("avx2"))) static size_t skip_by_32(struct span text, size_t at)
{
	uint64_t run = 0;

	for (; at + 64 <= text.bytes; at += STEP) {
		run = runs(digits64_by_32(text.at + at));
		if (run != 0)
			return at + (size_t)__builtin_ctzll(run);
	}
	if (at < text.bytes)
		run = runs(digits64_by_32(text.at + text.bytes - 64) >> (64 - (text.bytes - at)));
	return run != 0 ? at + (size_t)__builtin_ctzll(run) : text.bytes;
}

static size_t skip_by_1(struct span text, size_t at)
{
	for (unsigned n = 0; at < text.bytes; at++) {
		n = is_digit(text.at[at]) ? n + 1 : 0;
		if (n == 4)
			return at - 3;
	}
	return text.bytes;
}

/* The first of four digits in a row, from `at` on, or text.bytes. */
static size_t find_run(struct span text, size_t at)
{
	if (text.bytes < 64)
		return skip_by_1(text, at);
	return __builtin_cpu_supports("avx2") ? skip_by_32(text, at) : skip_by_16(text, at);
}

size_t gate_card_find(struct span text, size_t from, size_t *start)
{
	size_t at = find_run(text, from);

	while (at < text.bytes) {
		size_t end = read_card(text, at);

		if (end != 0) {
			*start = at;
			return end;
		}
		while (at < text.bytes && is_digit(text.at[at]))
			at++;
		at = find_run(text, at);
	}
	return 0;
}
