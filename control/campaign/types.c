/* types.c - see types.h. */
#include "control/campaign/types.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NUMBER_BYTES_MAX = 64 };

static const char *const names[TYPE_N] = {
	[TYPE_TEXT] = "string", [TYPE_NUMBER] = "number", [TYPE_BOOL] = "bool",
	[TYPE_DATE] = "date",   [TYPE_JSON] = "json",
};

/* ---- the list ---- */

bool types_take(struct span *types, struct span *name, enum column_type *type)
{
	const uint8_t *comma, *colon;
	struct span word;
	size_t bytes;

	if (types->bytes == 0 || types->at == NULL)
		return false;
	comma = memchr(types->at, ',', types->bytes);
	bytes = comma != NULL ? (size_t)(comma - types->at) : types->bytes;
	colon = bytes > 0 ? memrchr(types->at, ':', bytes) : NULL;
	if (colon == NULL || colon == types->at)
		return false;
	*name = span_of(types->at, (size_t)(colon - types->at));
	word = span_of(colon + 1, bytes - name->bytes - 1);
	bytes += comma != NULL;
	*types = span_of(types->at + bytes, types->bytes - bytes);
	for (int t = 0; t < TYPE_N; t++)
		if (span_eq(word, span_str(names[t]))) {
			*type = (enum column_type)t;
			return true;
		}
	return false;
}

const char *types_check(struct span types)
{
	enum column_type type;
	struct span name;

	while (types.bytes > 0)
		if (!types_take(&types, &name, &type))
			return "expected NAME:TYPE with commas between; a type is string, number, "
			       "bool, date or json";
	return NULL;
}

/* ---- numbers ---- */

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* The grammar of RFC 8259 6: no +, no leading zeros, no lone dot. */
static bool is_number(const char *s, bool *whole)
{
	size_t n;

	s += *s == '-';
	n = digits(s);
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	*whole = *s == '\0';
	if (*s == '.') {
		n = digits(s + 1);
		if (n == 0)
			return false;
		s += 1 + n;
	}
	if (*s == 'e' || *s == 'E') {
		s += s[1] == '+' || s[1] == '-' ? 2 : 1;
		n = digits(s);
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

static const char *read_number(struct span text, char room[TYPE_TEXT_BYTES], struct tpl_value *out)
{
	char s[NUMBER_BYTES_MAX + 1];
	bool whole = false;

	(void)room;
	if (text.bytes > NUMBER_BYTES_MAX)
		return "is no number";
	memcpy(s, text.at, text.bytes);
	s[text.bytes] = '\0';
	if (strlen(s) != text.bytes || !is_number(s, &whole))
		return "is no number like 12 or -3.5";
	errno = 0;
	if (whole)
		*out = (struct tpl_value){ .kind = TPL_INT, .number = strtoll(s, NULL, 10) };
	else
		*out = (struct tpl_value){ .kind = TPL_FLOAT, .real = strtod(s, NULL) };
	if (whole ? errno == ERANGE : !isfinite(out->real))
		return "is a number over 64 bits";
	return NULL;
}

/* ---- yes or no ---- */

static const char *read_bool(struct span text, char room[TYPE_TEXT_BYTES], struct tpl_value *out)
{
	static const struct {
		const char *word;
		bool yes;
	} words[] = { { "true", true },   { "yes", true }, { "1", true },
		      { "false", false }, { "no", false }, { "0", false } };

	(void)room;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (text.bytes == strlen(words[i].word) &&
		    strncasecmp((const char *)text.at, words[i].word, text.bytes) == 0) {
			*out = (struct tpl_value){ .kind = TPL_BOOL, .yes = words[i].yes };
			return NULL;
		}
	return "is neither true, yes, 1 nor false, no, 0";
}

/* ---- dates ---- */

struct date {
	int64_t year, month, day, hour, minute, second; /* then moved to UTC */
	bool has_time;
};

static bool take_two(struct span *s, int64_t *out)
{
	struct span two;

	if (s->bytes < 2 || s->at[0] < '0' || s->at[0] > '9' || s->at[1] < '0' || s->at[1] > '9')
		return false;
	span_take(s, 2, &two);
	*out = 10 * (two.at[0] - '0') + (two.at[1] - '0');
	return true;
}

static bool take_one_of(struct span *s, const char *marks, char *out)
{
	uint8_t c;

	if (s->bytes == 0 || s->at[0] == '\0' || strchr(marks, s->at[0]) == NULL)
		return false;
	span_take_u8(s, &c);
	*out = (char)c;
	return true;
}

static int64_t days_in(int64_t year, int64_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* hh:mm[:ss[.fraction]]; a fraction is left out. A leap second is the last second of its minute. */
static bool take_time(struct span *s, struct date *d)
{
	char mark;

	d->has_time = true;
	if (!take_two(s, &d->hour) || !take_one_of(s, ":", &mark) || !take_two(s, &d->minute))
		return false;
	if (take_one_of(s, ":", &mark) && !take_two(s, &d->second))
		return false;
	if (take_one_of(s, ".,", &mark))
		while (s->bytes > 0 && s->at[0] >= '0' && s->at[0] <= '9')
			*s = span_of(s->at + 1, s->bytes - 1);
	d->second = d->second == 60 ? 59 : d->second;
	return d->hour < 24 && d->minute < 60 && d->second < 60;
}

/* Z, +hh:mm, +hhmm or +hh; none is UTC. */
static bool take_zone(struct span *s, int64_t *minutes)
{
	int64_t hours = 0, rest = 0;
	char mark;

	*minutes = 0;
	take_one_of(s, " ", &mark);
	if (take_one_of(s, "Zz", &mark) || !take_one_of(s, "+-", &mark))
		return true;
	if (!take_two(s, &hours))
		return false;
	if (s->bytes > 0) {
		char colon;

		take_one_of(s, ":", &colon);
		if (!take_two(s, &rest))
			return false;
	}
	*minutes = (60 * hours + rest) * (mark == '-' ? -1 : 1);
	return hours < 24 && rest < 60;
}

/* One day back or on is enough for any zone. */
static void to_utc(struct date *d, int64_t zone_minutes)
{
	int64_t minute = 60 * d->hour + d->minute - zone_minutes;
	int64_t day = minute < 0 ? -1 : minute / 1440;

	minute -= 1440 * day;
	d->hour = minute / 60;
	d->minute = minute % 60;
	d->day += day;
	if (d->day < 1) {
		d->month = d->month == 1 ? 12 : d->month - 1;
		d->year -= d->month == 12;
		d->day = days_in(d->year, d->month);
	} else if (d->day > days_in(d->year, d->month)) {
		d->day = 1;
		d->month = d->month == 12 ? 1 : d->month + 1;
		d->year += d->month == 1;
	}
}

static const char *read_date(struct span text, char room[TYPE_TEXT_BYTES], struct tpl_value *out)
{
	static const char wrong[] = "is no date like 2026-03-01 or 2026-03-01T14:05:00Z";
	struct date d = { 0 };
	int64_t century = 0, zone = 0;
	struct span s = text;
	char mark;
	int n;

	if (!take_two(&s, &century) || !take_two(&s, &d.year) || !take_one_of(&s, "-", &mark) ||
	    !take_two(&s, &d.month) || !take_one_of(&s, "-", &mark) || !take_two(&s, &d.day))
		return wrong;
	d.year += 100 * century;
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > days_in(d.year, d.month))
		return wrong;
	if (s.bytes > 0 &&
	    (!take_one_of(&s, "Tt ", &mark) || !take_time(&s, &d) || !take_zone(&s, &zone)))
		return wrong;
	if (s.bytes > 0)
		return wrong;
	to_utc(&d, zone);
	if (d.year < 1 || d.year > 9999)
		return wrong;
	n = snprintf(room, TYPE_TEXT_BYTES, "%04u-%02u-%02u", (unsigned)d.year, (unsigned)d.month,
	             (unsigned)d.day);
	if (d.has_time)
		n += snprintf(room + n, TYPE_TEXT_BYTES - (size_t)n, " %02u:%02u:%02u +0000",
		              (unsigned)d.hour, (unsigned)d.minute, (unsigned)d.second);
	*out = tpl_text_value(span_of(room, (size_t)n));
	return NULL;
}

/* ---- */

static const char *read_text(struct span text, char room[TYPE_TEXT_BYTES], struct tpl_value *out)
{
	(void)room;
	*out = tpl_text_value(text);
	return NULL;
}

const char *type_read(enum column_type type, struct span text, char room[TYPE_TEXT_BYTES],
                      struct tpl_value *out)
{
	static const char *(*const readers[])(struct span, char[TYPE_TEXT_BYTES],
	                                      struct tpl_value *) = {
		[TYPE_TEXT] = read_text,
		[TYPE_NUMBER] = read_number,
		[TYPE_BOOL] = read_bool,
		[TYPE_DATE] = read_date,
	};

	*out = (struct tpl_value){ .kind = TPL_NIL };
	return text.bytes == 0 && type != TYPE_TEXT ? NULL : readers[type](text, room, out);
}
