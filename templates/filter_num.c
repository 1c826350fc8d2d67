/* filter_num.c - filters of numbers. */
#include <math.h>

#include "templates/filters.h"
#include "templates/number.h"

static const char *calculate(struct filter_call *c, char op)
{
	return number_do(op, number_of(c->in), number_of(c->args[0]), &c->out);
}

const char *filter_plus(struct filter_call *c)
{
	return calculate(c, '+');
}

const char *filter_minus(struct filter_call *c)
{
	return calculate(c, '-');
}

const char *filter_times(struct filter_call *c)
{
	return calculate(c, '*');
}

const char *filter_divided_by(struct filter_call *c)
{
	return calculate(c, '/');
}

const char *filter_modulo(struct filter_call *c)
{
	return calculate(c, '%');
}

const char *filter_abs(struct filter_call *c)
{
	struct tpl_value v = number_of(c->in);

	c->out = v;
	if (v.kind == TPL_FLOAT)
		c->out = value_float(fabs(v.real));
	else if (v.number < 0)
		return number_do('-', value_int(0), v, &c->out);
	return NULL;
}

const char *filter_at_least(struct filter_call *c)
{
	struct tpl_value a = number_of(c->in), b = number_of(c->args[0]);

	c->out = number_compare(a, b) < 0 ? b : a;
	return NULL;
}

const char *filter_at_most(struct filter_call *c)
{
	struct tpl_value a = number_of(c->in), b = number_of(c->args[0]);

	c->out = number_compare(a, b) > 0 ? b : a;
	return NULL;
}

static const char *put_whole(struct filter_call *c, double real)
{
	if (!(real > -9.2e18 && real < 9.2e18))
		return "a whole number over 64 bits";
	c->out = value_int((int64_t)real);
	return NULL;
}

const char *filter_ceil(struct filter_call *c)
{
	struct tpl_value v = number_of(c->in);

	c->out = v;
	return v.kind == TPL_INT ? NULL : put_whole(c, ceil(v.real));
}

const char *filter_floor(struct filter_call *c)
{
	struct tpl_value v = number_of(c->in);

	c->out = v;
	return v.kind == TPL_INT ? NULL : put_whole(c, floor(v.real));
}

/* Halves go away from 0; digits before the point may be named by a negative number. */
const char *filter_round(struct filter_call *c)
{
	struct tpl_value v = number_of(c->in);
	int64_t digits = c->n_args == 0 ? 0 : number_int_of(c->args[0]);
	long double scale, real;

	c->out = v;
	if (digits > 18 || (v.kind == TPL_INT && digits >= 0))
		return NULL;
	scale = powl(10, digits < -18 ? 18 : digits < 0 ? -digits : digits);
	real = number_exact(v);
	real = digits < 0 ? roundl(real / scale) * scale : roundl(real * scale) / scale;
	if (digits == 0 || v.kind == TPL_INT)
		return put_whole(c, (double)real);
	c->out = value_float((double)real);
	return NULL;
}
