/* number.c - Liquid's numbers: decimal text to value and back, arithmetic without binary surprises.
 */
#include "templates/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "templates/value.h"

size_t number_print_int(int64_t number, char out[NUMBER_BYTES])
{
	char digits[24];
	size_t n = 0, bytes = 0;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do
		digits[n++] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		out[bytes++] = '-';
	while (n != 0)
		out[bytes++] = digits[--n];
	out[bytes] = '\0';
	return bytes;
}

/* The shortest text in scientific form that reads back as the same float. */
static void shortest(double real, char out[NUMBER_BYTES])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_BYTES, "%.*e", digits - 1, real);
		if (strtod(out, NULL) == real)
			return;
	}
}

size_t number_print_float(double real, char out[NUMBER_BYTES])
{
	char e[NUMBER_BYTES], digits[NUMBER_BYTES];
	int exponent, n = 0;
	struct span sign = span_str(real < 0 || (real == 0 && signbit(real)) ? "-" : "");

	if (!isfinite(real)) {
		strcpy(out, isnan(real) ? "NaN" : real < 0 ? "-Infinity" : "Infinity");
		return strlen(out);
	}
	shortest(fabs(real), e);
	exponent = atoi(strchr(e, 'e') + 1);
	for (char *c = e; *c != 'e'; c++)
		if (*c != '.')
			digits[n++] = *c;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	if (exponent < -4 || exponent >= 16)
		return (size_t)snprintf(out, NUMBER_BYTES, "%s%c.%se%c%02d", (const char *)sign.at,
		                        digits[0], n > 1 ? digits + 1 : "0",
		                        exponent < 0 ? '-' : '+', abs(exponent));
	if (exponent < 0)
		return (size_t)snprintf(out, NUMBER_BYTES, "%s0.%.*s%s", (const char *)sign.at,
		                        -exponent - 1, "000", digits);
	if (n <= exponent + 1)
		return (size_t)snprintf(out, NUMBER_BYTES, "%s%s%.*s.0", (const char *)sign.at,
		                        digits, exponent + 1 - n, "0000000000000000");
	return (size_t)snprintf(out, NUMBER_BYTES, "%s%.*s.%s", (const char *)sign.at, exponent + 1,
	                        digits, digits + exponent + 1);
}

/* ---- reading ---- */

static size_t digits_at(struct span s, size_t at)
{
	size_t n = 0;

	while (at + n < s.bytes && s.at[at + n] >= '0' && s.at[at + n] <= '9')
		n++;
	return n;
}

/* A text that is digits, a dot and digits, maybe with a minus, is a float; else the digits at its
 * front are a whole number.
 */
static struct tpl_value number_read(struct span s)
{
	size_t sign, whole, part = 0;
	int64_t number = 0;
	char text[64];

	while (s.bytes != 0 && (s.at[0] == ' ' || (s.at[0] >= '\t' && s.at[0] <= '\r')))
		s = span_of(s.at + 1, s.bytes - 1);
	while (s.bytes != 0 && (s.at[s.bytes - 1] == ' ' ||
	                        (s.at[s.bytes - 1] >= '\t' && s.at[s.bytes - 1] <= '\r')))
		s.bytes--;
	sign = s.bytes != 0 && (s.at[0] == '-' || s.at[0] == '+');
	whole = digits_at(s, sign);
	if (whole != 0 && sign + whole < s.bytes && s.at[sign + whole] == '.')
		part = digits_at(s, sign + whole + 1);
	if (part != 0 && sign + whole + 1 + part == s.bytes && s.bytes < sizeof(text)) {
		memcpy(text, s.at, s.bytes);
		text[s.bytes] = '\0';
		return value_float(strtod(text, NULL));
	}
	for (size_t i = 0; i < whole; i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, s.at[sign + i] - '0', &number))
			return value_int(INT64_MAX);
	return value_int(sign && s.at[0] == '-' ? -number : number);
}

struct tpl_value number_of(struct tpl_value v)
{
	if (v.kind == TPL_INT || v.kind == TPL_FLOAT)
		return v;
	return v.kind == TPL_STRING ? number_read(value_span(v)) : value_int(0);
}

int64_t number_int_of(struct tpl_value v)
{
	v = number_of(v);
	if (v.kind == TPL_INT)
		return v.number;
	if (!(v.real > -9e18 && v.real < 9e18)) /* NaN too */
		return 0;
	return (int64_t)v.real;
}

bool number_is_whole(struct tpl_value v, int64_t *out)
{
	struct span s = v.kind == TPL_STRING ? value_span(v) : span_of("", 0);
	size_t sign = s.bytes != 0 && (s.at[0] == '-' || s.at[0] == '+');

	*out = v.kind == TPL_INT ? v.number : number_int_of(v);
	return v.kind == TPL_INT ||
	       (s.bytes > sign && digits_at(s, sign) == s.bytes - sign && *out != INT64_MAX);
}

/* ---- arithmetic ---- */

long double number_exact(struct tpl_value v)
{
	char text[NUMBER_BYTES];

	if (v.kind == TPL_INT)
		return (long double)v.number;
	number_print_float(v.real, text);
	return strtold(text, NULL);
}

static const char *do_ints(char op, int64_t a, int64_t b, struct tpl_value *out)
{
	int64_t r = 0;
	bool over = false;

	if (op == '+') {
		over = __builtin_add_overflow(a, b, &r);
	} else if (op == '-') {
		over = __builtin_sub_overflow(a, b, &r);
	} else if (op == '*') {
		over = __builtin_mul_overflow(a, b, &r);
	} else if (b == 0) {
		return "divided by 0";
	} else if (b == -1) { /* INT64_MIN / -1 does not fit */
		over = op == '/' && __builtin_sub_overflow(0, a, &r);
	} else if (op == '/') { /* towards minus infinity, as Ruby */
		r = a / b - (a % b != 0 && (a % b < 0) != (b < 0));
	} else {
		r = a % b;
		r += r != 0 && (r < 0) != (b < 0) ? b : 0;
	}
	*out = value_int(r);
	return over ? "a whole number over 64 bits" : NULL;
}

const char *number_do(char op, struct tpl_value a, struct tpl_value b, struct tpl_value *out)
{
	long double x, y, r;

	if (a.kind == TPL_INT && b.kind == TPL_INT)
		return do_ints(op, a.number, b.number, out);
	x = number_exact(a);
	y = number_exact(b);
	if ((op == '/' || op == '%') && y == 0)
		return "divided by 0";
	r = op == '+'   ? x + y
	    : op == '-' ? x - y
	    : op == '*' ? x * y
	    : op == '/' ? x / y
	                : fmodl(x, y);
	if (op == '%' && r != 0 && (r < 0) != (y < 0))
		r += y;
	*out = value_float((double)r);
	return isfinite(out->real) ? NULL : "a number too large";
}

int number_compare(struct tpl_value a, struct tpl_value b)
{
	long double x, y;

	if (a.kind == TPL_INT && b.kind == TPL_INT)
		return (a.number > b.number) - (a.number < b.number);
	x = a.kind == TPL_INT ? (long double)a.number : a.real;
	y = b.kind == TPL_INT ? (long double)b.number : b.real;
	return (x > y) - (x < y);
}
