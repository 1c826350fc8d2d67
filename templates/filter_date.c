/* filter_date.c - `date`: a time read from a text or a number, written by a strftime format, in UTC
 * unless the text has an offset; names of days and months in the language of `locale`.
 *
 * Pure: no clock, no time zone of the machine; `now` is the time of the first attempt.
 */
#include <strings.h>
#include <time.h>

#include "templates/filters.h"
#include "templates/moment.h"
#include "templates/number.h"

/* What was read of a date so far; -1: not yet. */
struct date {
	int year, month, day, hour, minute, second, nanos, offset_s;
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
		for (int unit = 100000000; ++n < s.bytes && is_digit(s.at[n]); unit /= 10)
			d->nanos += unit * (s.at[n] - '0');
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

/* 14/3/2016, 14.3.2016 or 14-3-2016 from behind its day; 0: it is none. */
static size_t take_dmy(struct span s, size_t n, int day, struct date *d)
{
	uint8_t mark = n < s.bytes ? s.at[n] : 0;
	int month, year;
	size_t more;

	if (mark != '/' && mark != '.' && mark != '-')
		return 0;
	more = take_number(span_of(s.at + n + 1, s.bytes - n - 1), &month);
	n += more + 1;
	if (more < 1 || more > 2 || n >= s.bytes || s.at[n] != mark)
		return 0;
	more = take_number(span_of(s.at + n + 1, s.bytes - n - 1), &year);
	if (more < 3)
		return 0;
	d->day = day;
	d->month = month;
	d->year = year;
	return n + more + 1;
}

/* An hour before am or pm, with a blank between or none. */
static bool is_half_next(struct span s, size_t n)
{
	n += n < s.bytes && s.at[n] == ' ';
	return n + 1 < s.bytes && strchr("aApP", s.at[n]) != NULL && (s.at[n + 1] | 32) == 'm' &&
	       (n + 2 == s.bytes || !is_letter(s.at[n + 2]));
}

static size_t take_digits(struct span s, struct date *d)
{
	int number;
	size_t n = take_number(s, &number), all = n > 2 ? 0 : take_dmy(s, n, number, d);

	if (all > 0)
		return all;
	if (n <= 2 && d->hour < 0 && is_half_next(s, n)) {
		d->hour = number;
		return n;
	}

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

/* The names of zones that Ruby knows and mail has. */
static void take_zone(struct span word, struct date *d)
{
	static const struct {
		char name[5];
		int8_t hours;
	} zones[] = { { "est", -5 }, { "edt", -4 }, { "cst", -6 }, { "cdt", -5 }, { "mst", -7 },
		      { "mdt", -6 }, { "pst", -8 }, { "pdt", -7 }, { "bst", 1 },  { "cet", 1 },
		      { "cest", 2 }, { "eet", 2 },  { "eest", 3 }, { "msk", 3 },  { "jst", 9 } };

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (word.bytes == strlen(zones[i].name) &&
		    strncasecmp((const char *)word.at, zones[i].name, word.bytes) == 0)
			d->offset_s = zones[i].hours * 3600;
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
	else if (d->hour >= 0)
		take_zone(span_of(s.at, n), d);
	return n;
}

static bool is_possible(const struct date *d)
{
	return d->year >= 0 && d->year <= 9999 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= 31 && d->hour <= 24 && d->minute <= 59 && d->second <= 60 &&
	       d->offset_s > -86400 && d->offset_s < 86400;
}

/* What a text leaves out is as it is now; of a month it is the first day. */
static void fill(struct date *d, int64_t now_s)
{
	time_t at = now_s;
	struct tm now;

	gmtime_r(&at, &now);
	if (d->year < 0 && (d->month >= 0 || d->hour >= 0)) {
		d->year = now.tm_year + 1900;
		if (d->month < 0) {
			d->month = now.tm_mon + 1;
			d->day = d->day < 0 ? now.tm_mday : d->day;
		}
	}
	d->day = d->day < 0 ? 1 : d->day;
}

static bool read_text(struct span s, int64_t now_s, struct moment *m)
{
	struct date d = { -1, -1, -1, -1, 0, 0, 0, 0 };
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
	fill(&d, now_s);
	if (!is_possible(&d))
		return false;
	tm.tm_year = d.year - 1900;
	tm.tm_mon = d.month - 1;
	tm.tm_mday = d.day;
	tm.tm_hour = d.hour < 0 ? 0 : d.hour;
	tm.tm_min = d.minute;
	tm.tm_sec = d.second;
	m->nanos = d.nanos;
	m->offset_s = d.offset_s;
	m->at_s = timegm(&tm) - d.offset_s;
	return true;
}

static bool is_word(struct span s, const char *word)
{
	return s.bytes == strlen(word) && strncasecmp((const char *)s.at, word, s.bytes) == 0;
}

static bool read_date(const struct filter_call *c, struct moment *m)
{
	struct tpl_value v = c->in;

	if (v.kind == TPL_INT || v.kind == TPL_FLOAT || number_is_whole(v, &m->at_s)) {
		m->at_s = number_int_of(v);
		return true;
	}
	if (v.kind != TPL_STRING)
		return false;
	if (is_word(value_span(v), "now") || is_word(value_span(v), "today")) {
		m->at_s = c->now_s;
		return true;
	}
	return read_text(value_span(v), c->now_s, m);
}

const char *filter_date(struct filter_call *c)
{
	struct span format = filter_arg_text(c, 0);
	struct moment m = { .locale = NULL };
	struct text out = { .arena = c->arena };
	const char *why;
	time_t local;

	c->out = c->in;
	if (format.bytes == 0 || !read_date(c, &m))
		return NULL;
	if (m.at_s < -62135596800 || m.at_s > 253402300799)
		return "not in the years 1 to 9999";
	if (c->named &&
	    (why = locale_find(value_to_text(c->arena, c->args[c->n_args]), &m.locale)) != NULL)
		return why;
	local = m.at_s + m.offset_s;
	gmtime_r(&local, &m.tm);
	why = moment_write(&out, &m, format);
	return why != NULL ? why : filter_put(c, &out);
}
