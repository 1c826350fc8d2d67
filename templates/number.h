/* number.h - Liquid's numbers: decimal text to value and back, arithmetic without binary surprises.
 *
 * A float is written by the fewest digits that read back as it, as Ruby does; 10.1 - 2.2 is 7.9.
 */
#pragma once

#include "templates/tpl.h"

enum { NUMBER_BYTES = 40 }; /* of the longest number and its NUL */

/* Writes a float; returns its bytes. */
size_t number_print_float(double real, char out[NUMBER_BYTES]);
size_t number_print_int(int64_t number, char out[NUMBER_BYTES]);

/* What a value counts as: a number itself, a text by the number at its front, all else 0. */
struct tpl_value number_of(struct tpl_value v);

/* The same as a whole number, cut towards zero. */
int64_t number_int_of(struct tpl_value v);

/* True when a text (or number) is a whole number and nothing else. */
bool number_is_whole(struct tpl_value v, int64_t *out);

long double number_exact(struct tpl_value number); /* of an int or float, as its decimals say */

/* '+', '-', '*', '/', '%' of two numbers. Returns NULL or what is wrong. */
const char *number_do(char op, struct tpl_value a, struct tpl_value b, struct tpl_value *out);

/* Below 0, 0 or above 0. */
int number_compare(struct tpl_value a, struct tpl_value b);
