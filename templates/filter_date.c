/* filter_date.c - `date`: a time read from a text or a number, written by a strftime format, in UTC
 * unless the text has an offset; names of days and months in the language of `locale`.
 *
 * Pure: no clock, no time zone of the machine; `now` is the time of the first attempt.
 */
#include <stdio.h>
#include <time.h>

#include "templates/filters.h"
#include "templates/locale.h"
#include "templates/number.h"

enum { FORMAT_BYTES_MAX = 256, DATE_BYTES_MAX = 1024 };

/* What was read of a date so far; -1: not yet. */
struct date {
	int year, month, day, hour, minute, second, offset_s;
};

static bool is_digit(uint8_t b)
{
	return b >= '0' && b <= '9';
}

static bool is_letter(uint8_t b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
}

/* Digits at the front; returns how many. */
static size_t take_number(struct span s, int *out)
{
	size_t n = 0;

	for (*out = 0; n < s.bytes && n < 9 && is_digit(s.at[n]); n++)
		*out = *out * 10 + (s.at[n] - '0');
	return n;
}

/* January, jan, JAN -> 1 */
static int month_of(struct span word)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int m = 0; m < 12 && word.bytes >= 3; m++)
		if ((word.at[0] | 32) == names[3 * m] && (word.at[1] | 32) == names[3 * m + 1] &&
		    (word.at[2] | 32) == names[3 * m + 2])
			return m + 1;
	return 0;
}

/* hh:mm[:ss[.fraction]]; returns its bytes. */
static size_t take_time(struct span s, struct date *d)
{
	size_t n = take_number(s, &d->hour), more;

	n++;
	n += take_number(span_of(s.at + n, s.bytes - n), &d->minute);
	d->second = 0;
	if (n < s.bytes && s.at[n] == ':') {
		more = take_number(span_of(s.at + n + 1, s.bytes - n - 1), &d->second);
		n += more + 1;
	}
	if (n + 1 < s.bytes && s.at[n] == '.' && is_digit(s.at[n + 1]))
		for (n++; n < s.bytes && is_digit(s.at[n]); n++)
			;
	return n;
}

/* +hh:mm or +hhmm */
static size_t take_offset(struct span s, struct date *d)
{
	int hours, minutes = 0;
	size_t n = take_number(span_of(s.at + 1, s.bytes - 1), &hours) + 1;

	if (n == 5) {
		minutes = hours % 100;
		hours /= 100;
	} else if (n < s.bytes && s.at[n] == ':') {
		n++;
		n += take_number(span_of(s.at + n, s.bytes - n), &minutes);
	}
	d->offset_s = (hours * 60 + minutes) * 60 * (s.at[0] == '-' ? -1 : 1);
	return n;
}

/* 2016-03-14 or 2016/03/14; returns its bytes. */
static size_t take_ymd(struct span s, size_t n, int year, struct date *d)
{
	d->year = year;
	n++;
	n += take_number(span_of(s.at + n, s.bytes - n), &d->month);
	d->day = 1;
	if (n < s.bytes && (s.at[n] == '-' || s.at[n] == '/')) {
		n++;
		n += take_number(span_of(s.at + n, s.bytes - n), &d->day);
	}
	return n;
}

static size_t take_digits(struct span s, struct date *d)
{
	int number;
	size_t n = take_number(s, &number);

	if (n <= 2 && n < s.bytes && s.at[n] == ':')
		return take_time(s, d);
	if (n == 4 && n < s.bytes && (s.at[n] == '-' || s.at[n] == '/'))
		return take_ymd(s, n, number, d);
	if (n == 8 && d->year < 0) {
		d->year = number / 10000;
		d->month = number / 100 % 100;
		d->day = number % 100;
	} else if (n <= 2 && d->day < 0) {
		d->day = number;
	} else {
		d->year = number;
	}
	return n;
}

static size_t take_word(struct span s, struct date *d)
{
	size_t n = 0;
	int month;

	while (n < s.bytes && is_letter(s.at[n]))
		n++;
	month = month_of(span_of(s.at, n));
	if (month != 0)
		d->month = month;
	else if (n == 2 && (s.at[1] | 32) == 'm' && d->hour >= 0)
		d->hour = d->hour % 12 + ((s.at[0] | 32) == 'p' ? 12 : 0);
	return n;
}

static bool is_possible(const struct date *d)
{
	return d->year >= 0 && d->year <= 9999 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= 31 && d->hour <= 24 && d->minute <= 59 && d->second <= 60 &&
	       d->offset_s > -86400 && d->offset_s < 86400;
}

static bool read_text(struct span s, int64_t *at_s, int *offset_s)
{
	struct date d = { -1, -1, -1, -1, 0, 0, 0 };
	struct tm tm = { 0 };

	while (s.bytes != 0) {
		size_t n = 1;

		if (is_digit(s.at[0]))
			n = take_digits(s, &d);
		else if (is_letter(s.at[0]))
			n = take_word(s, &d);
		else if ((s.at[0] == '+' || s.at[0] == '-') && d.hour >= 0 && s.bytes > 1 &&
		         is_digit(s.at[1]))
			n = take_offset(s, &d);
		s = span_of(s.at + n, s.bytes - n);
	}
	d.day = d.day < 0 ? 1 : d.day;
	if (!is_possible(&d))
		return false;
	tm.tm_year = d.year - 1900;
	tm.tm_mon = d.month - 1;
	tm.tm_mday = d.day;
	tm.tm_hour = d.hour < 0 ? 0 : d.hour;
	tm.tm_min = d.minute;
	tm.tm_sec = d.second;
	*offset_s = d.offset_s;
	*at_s = timegm(&tm) - d.offset_s;
	return true;
}

static bool read_date(const struct filter_call *c, int64_t *at_s, int *offset_s)
{
	struct tpl_value v = c->in;

	*offset_s = 0;
	if (v.kind == TPL_INT || v.kind == TPL_FLOAT || number_is_whole(v, at_s)) {
		*at_s = number_int_of(v);
		return true;
	}
	if (v.kind != TPL_STRING)
		return false;
	if (span_eq(value_span(v), span_str("now")) || span_eq(value_span(v), span_str("today"))) {
		*at_s = c->now_s;
		return true;
	}
	return read_text(value_span(v), at_s, offset_s);
}

/* What we write ourselves: the C library would read the machine's time zone for %s, knows no %L and
 * %N, and speaks English. Empty: that is the C library's.
 */
static struct span own_piece(uint8_t letter, const struct tm *tm, int64_t at_s,
                             const struct locale *l, char number[NUMBER_BYTES])
{
	switch (letter) {
	case 's':
		return span_of(number, number_print_int(at_s, number));
	case 'L':
		return span_str("000");
	case 'N':
		return span_str("000000000");
	default:
		break;
	}
	if (l == NULL)
		return span_of("", 0);
	switch (letter) {
	case 'B':
		return locale_word(l, LOCALE_MONTHS, (unsigned)tm->tm_mon);
	case 'b':
	case 'h':
		return locale_word(l, LOCALE_MONTHS_SHORT, (unsigned)tm->tm_mon);
	case 'A':
		return locale_word(l, LOCALE_DAYS, (unsigned)tm->tm_wday);
	case 'a':
		return locale_word(l, LOCALE_DAYS_SHORT, (unsigned)tm->tm_wday);
	case 'p':
		return locale_word(l, LOCALE_HALVES, tm->tm_hour >= 12);
	default:
		return span_of("", 0);
	}
}

/* The format with what is ours filled in. */
static bool fix_format(struct span s, const struct tm *tm, int64_t at_s, const struct locale *l,
                       char out[FORMAT_BYTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.bytes; i++) {
		uint8_t next = i + 1 < s.bytes ? s.at[i + 1] : 0;
		char number[NUMBER_BYTES];
		struct span own = span_of("", 0);

		if (s.at[i] == '%')
			own = own_piece(next, tm, at_s, l, number);
		if (n + own.bytes + 4 >= FORMAT_BYTES_MAX || s.at[i] == 0)
			return false;
		if (own.bytes != 0) {
			memcpy(out + n, own.at, own.bytes);
			n += own.bytes;
			i++;
		} else if (s.at[i] != '%') {
			out[n++] = (char)s.at[i];
		} else {
			out[n++] = '%';
			if (next == '%' || next == 0)
				out[n++] = '%';
			i += next == '%';
		}
	}
	out[n++] = ' '; /* so that an empty result is told from one too long */
	out[n] = '\0';
	return true;
}

const char *filter_date(struct filter_call *c)
{
	struct span format = filter_arg_text(c, 0);
	const struct locale *locale = NULL;
	const char *why;
	char fixed[FORMAT_BYTES_MAX], *out;
	struct tm tm;
	int64_t at_s;
	int offset_s;
	time_t local;
	size_t n;

	c->out = c->in;
	if (format.bytes == 0 || !read_date(c, &at_s, &offset_s))
		return NULL;
	if (at_s < -62135596800 || at_s > 253402300799)
		return "not in the years 1 to 9999";
	if (c->named &&
	    (why = locale_find(value_to_text(c->arena, c->args[c->n_args]), &locale)) != NULL)
		return why;
	local = at_s + offset_s;
	gmtime_r(&local, &tm);
	if (!fix_format(format, &tm, at_s, locale, fixed))
		return "a format that makes over 200 bytes";
	tm.tm_gmtoff = offset_s;
	tm.tm_zone = offset_s == 0 ? "UTC" : "";
	out = arena_get(c->arena, 1, DATE_BYTES_MAX);
	if (out == NULL)
		return filter_no_memory;
	n = strftime(out, DATE_BYTES_MAX, fixed, &tm);
	if (n == 0)
		return "the date is over 1023 bytes";
	return filter_put_span(c, span_of(out, n - 1));
}
