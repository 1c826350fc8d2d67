/* moment.c - see moment.h.
 *
 *	% [flags] [width] [colons] letter
 *
 *	- no padding, 0 by zeros, _ by blanks, ^ in capitals, # in the other case
 */
#include <stdbool.h>
#include <stdio.h>

#include "templates/letters.h"
#include "templates/moment.h"
#include "templates/utf8.h"

/* One conversion as it was read. */
struct piece {
	bool bare, upper, swap;
	char pad;       /* 0: the letter's own */
	unsigned width; /* 0: the letter's own */
	unsigned colons;
};

/* ---- numbers ---- */

static int week_from(const struct tm *tm, int first_day)
{
	return (tm->tm_yday + 7 - (tm->tm_wday + 7 - first_day) % 7) / 7;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* ISO 8601: the week belongs to the year that has its Thursday. */
static int iso_week(const struct tm *tm, int *year)
{
	int thursday = tm->tm_yday + 3 - (tm->tm_wday + 6) % 7;

	*year = tm->tm_year + 1900;
	if (thursday < 0) {
		--*year;
		thursday += 365 + is_leap(*year);
	} else if (thursday >= 365 + is_leap(*year)) {
		thursday -= 365 + is_leap(*year);
		++*year;
	}
	return thursday / 7 + 1;
}

static int twelve(int hour)
{
	return hour % 12 == 0 ? 12 : hour % 12;
}

struct number {
	int64_t is;
	unsigned width;
	char pad;
};

/* False for a letter that is no number. */
static bool number_of_letter(const struct moment *m, char letter, struct number *out)
{
	const struct tm *tm = &m->tm;
	int year, week = iso_week(tm, &year);
	/* clang-format off */
	const struct { char letter; struct number number; } table[] = {
		{ 'Y', { tm->tm_year + 1900, 4, '0' } }, { 'C', { (tm->tm_year + 1900) / 100, 2, '0' } },
		{ 'y', { (tm->tm_year + 1900) % 100, 2, '0' } },  { 'm', { tm->tm_mon + 1, 2, '0' } },
		{ 'd', { tm->tm_mday, 2, '0' } },        { 'e', { tm->tm_mday, 2, ' ' } },
		{ 'j', { tm->tm_yday + 1, 3, '0' } },    { 'H', { tm->tm_hour, 2, '0' } },
		{ 'k', { tm->tm_hour, 2, ' ' } },        { 'I', { twelve(tm->tm_hour), 2, '0' } },
		{ 'l', { twelve(tm->tm_hour), 2, ' ' } },{ 'M', { tm->tm_min, 2, '0' } },
		{ 'S', { tm->tm_sec, 2, '0' } },         { 's', { m->at_s, 1, '0' } },
		{ 'u', { (tm->tm_wday + 6) % 7 + 1, 1, '0' } }, { 'w', { tm->tm_wday, 1, '0' } },
		{ 'U', { week_from(tm, 0), 2, '0' } },   { 'W', { week_from(tm, 1), 2, '0' } },
		{ 'G', { year, 4, '0' } },               { 'g', { year % 100, 2, '0' } },
		{ 'V', { week, 2, '0' } },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].letter == letter) {
			*out = table[i].number;
			return true;
		}
	return false;
}

/* ---- words ---- */

static struct span word(const struct moment *m, enum locale_words list, unsigned i)
{
	static const char *const english[][12] = {
		[LOCALE_MONTHS] = { "January", "February", "March", "April", "May", "June", "July",
		                    "August", "September", "October", "November", "December" },
		[LOCALE_MONTHS_SHORT] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		                          "Sep", "Oct", "Nov", "Dec" },
		[LOCALE_DAYS] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
		                  "Saturday" },
		[LOCALE_DAYS_SHORT] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" },
		[LOCALE_HALVES] = { "AM", "PM" },
	};

	return m->locale != NULL ? locale_word(m->locale, list, i) : span_str(english[list][i]);
}

static struct span word_of_letter(const struct moment *m, char letter)
{
	const struct tm *tm = &m->tm;

	switch (letter) {
	case 'B':
		return word(m, LOCALE_MONTHS, (unsigned)tm->tm_mon);
	case 'b':
	case 'h':
		return word(m, LOCALE_MONTHS_SHORT, (unsigned)tm->tm_mon);
	case 'A':
		return word(m, LOCALE_DAYS, (unsigned)tm->tm_wday);
	case 'a':
		return word(m, LOCALE_DAYS_SHORT, (unsigned)tm->tm_wday);
	case 'p':
		return word(m, LOCALE_HALVES, tm->tm_hour >= 12);
	case 'P':
		return span_str(tm->tm_hour >= 12 ? "pm" : "am");
	case 'Z':
		return span_str(m->offset_s == 0 ? "UTC" : "");
	case 'n':
		return span_str("\n");
	case 't':
		return span_str("\t");
	case '%':
		return span_str("%");
	default:
		return span_of(NULL, 0);
	}
}

/* Conversions that stand for several. */
static const char *format_of_letter(char letter)
{
	static const struct {
		char letter;
		const char *format;
	} table[] = {
		{ 'c', "%a %b %e %T %Y" }, { 'D', "%m/%d/%y" },
		{ 'x', "%m/%d/%y" },       { 'F', "%Y-%m-%d" },
		{ 'T', "%H:%M:%S" },       { 'X', "%H:%M:%S" },
		{ 'R', "%H:%M" },          { 'v', "%e-%^b-%Y" },
		{ 'r', "%I:%M:%S %p" },    { '+', "%a %b %e %T %Z %Y" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].letter == letter)
			return table[i].format;
	return NULL;
}

/* ---- writing ---- */

static void put_padding(struct text *out, size_t bytes, size_t width, char pad)
{
	for (; bytes < width; bytes++)
		text_byte(out, (uint8_t)pad);
}

static void put_number(struct text *out, const struct piece *p, const struct number *n)
{
	char digits[24];
	size_t bytes = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n->is);
	char pad = p->pad != 0 ? p->pad : n->pad;

	if (!p->bare)
		put_padding(out, bytes, p->width != 0 ? p->width : n->width, pad);
	text_put(out, digits, bytes);
}

static void put_word(struct text *out, const struct piece *p, struct span s, char letter)
{
	bool upper = p->upper || (p->swap && letter != 'p');
	bool lower = p->swap && letter == 'p';

	if (!p->bare)
		put_padding(out, s.bytes, p->width, p->pad != 0 ? p->pad : ' ');
	for (size_t at = 0, n; at < s.bytes; at += n) {
		struct span rest = span_of(s.at + at, s.bytes - at);

		n = utf8_char_bytes(rest);
		n = n == 0 ? 1 : n;
		if (upper || lower)
			letters_put(out, span_of(rest.at, n), upper);
		else
			text_put(out, rest.at, n);
	}
}

/* The first digits of the fraction of a second: 3 or 9 unless told. */
static void put_fraction(struct text *out, const struct piece *p, const struct moment *m,
                         unsigned width)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%09d", m->nanos);
	for (unsigned i = 0; i < (p->width != 0 ? p->width : width); i++)
		text_byte(out, i < 9 ? (uint8_t)digits[i] : '0');
}

static void put_offset(struct text *out, const struct piece *p, const struct moment *m)
{
	static const char *const formats[] = { "%c%02d%02d", "%c%02d:%02d", "%c%02d:%02d:%02d" };
	int s = m->offset_s < 0 ? -m->offset_s : m->offset_s;
	char offset[16];

	snprintf(offset, sizeof(offset), formats[p->colons > 2 ? 2 : p->colons],
	         m->offset_s < 0 ? '-' : '+', s / 3600, s / 60 % 60, s % 60);
	text_str(out, offset);
}

static size_t read_piece(struct span s, struct piece *p)
{
	size_t n = 0;

	*p = (struct piece){ .width = 0 };
	for (; n < s.bytes && s.at[n] != '\0' && strchr("-0^#_:", s.at[n]) != NULL; n++) {
		p->bare |= s.at[n] == '-';
		p->upper |= s.at[n] == '^';
		p->swap |= s.at[n] == '#';
		p->colons += s.at[n] == ':';
		if (s.at[n] == '0' || s.at[n] == '_')
			p->pad = s.at[n] == '0' ? '0' : ' ';
	}
	for (; n < s.bytes && s.at[n] >= '0' && s.at[n] <= '9'; n++)
		if (p->width <= MOMENT_BYTES_MAX)
			p->width = 10 * p->width + (s.at[n] - '0');
	for (; n < s.bytes && s.at[n] == ':'; n++)
		p->colons++;
	return n;
}

static bool put_piece(struct text *out, const struct piece *p, const struct moment *m, char letter);

static void put_all(struct text *out, const struct moment *m, struct span format)
{
	for (size_t at = 0; at < format.bytes;) {
		struct span rest = span_of(format.at + at + 1, format.bytes - at - 1);
		struct piece p;
		size_t n;

		if (format.at[at] != '%') {
			text_byte(out, format.at[at++]);
			continue;
		}
		n = read_piece(rest, &p);
		if (p.width > MOMENT_BYTES_MAX || n == rest.bytes ||
		    !put_piece(out, &p, m, (char)rest.at[n]))
			n = p.width > MOMENT_BYTES_MAX ? rest.bytes : 0;
		else
			n++;
		if (n == 0)
			text_byte(out, '%'); /* and what follows as it stands */
		at += 1 + n;
	}
}

static void put_several(struct text *out, const struct piece *p, const struct moment *m,
                        const char *format)
{
	struct text own = { .arena = out->arena };

	put_all(&own, m, span_str(format));
	put_word(out, p, span_of(own.at, own.bytes), 'c');
}

static bool put_piece(struct text *out, const struct piece *p, const struct moment *m, char letter)
{
	struct span s = word_of_letter(m, letter);
	const char *format = format_of_letter(letter);
	struct number number;

	if (p->colons > 0 && letter != 'z')
		return false;
	if (number_of_letter(m, letter, &number))
		put_number(out, p, &number);
	else if (letter == 'L' || letter == 'N')
		put_fraction(out, p, m, letter == 'L' ? 3 : 9);
	else if (letter == 'z')
		put_offset(out, p, m);
	else if (s.at != NULL)
		put_word(out, p, s, letter);
	else if (format != NULL)
		put_several(out, p, m, format);
	else
		return false;
	return true;
}

/* Widths alone could make much of a short format: it is seen before the next is read. */
static bool is_wide(struct span format)
{
	uint64_t bytes = format.bytes;

	for (size_t i = 0; i < format.bytes; i++) {
		struct piece p;

		if (format.at[i] == '%') {
			read_piece(span_of(format.at + i + 1, format.bytes - i - 1), &p);
			bytes += p.width;
		}
	}
	return bytes > MOMENT_BYTES_MAX;
}

const char *moment_write(struct text *out, const struct moment *m, struct span format)
{
	if (is_wide(format))
		return "the date is over 1023 bytes";
	put_all(out, m, format);
	return NULL;
}
