/* conf_type.h - how values of each type are read and written; conf_value.c holds the table.
 *
 * A parser sets value n (0 unless a list) of an option in `base` and returns 0, or -EINVAL with
 * "what; what to do". A writer writes that value as the file would have it.
 *
 * Thread  any.
 */
#pragma once

#include "control/conf/conf_opt.h"

typedef int conf_parse_fn(const struct conf_opt *o, const struct conf *conf, void *base, uint32_t n,
                          const char *text, char why[CONF_WHY_BYTES]);
typedef void conf_text_fn(const struct conf_opt *o, const struct conf *conf, const void *base,
                          uint32_t n, char text[CONF_TEXT_BYTES]);

conf_parse_fn conf_parse_addr, conf_parse_prefix, conf_parse_server, conf_parse_neighbour,
    conf_parse_route;
conf_text_fn conf_text_addr, conf_text_prefix, conf_text_server, conf_text_neighbour,
    conf_text_route;

/* Reads a number by the option's unit, bounds and check. Returns 0 or -EINVAL with a line. */
int conf_parse_number(const struct conf_opt *o, const char *text, uint64_t *out,
                      char why[CONF_WHY_BYTES]);

/* Takes digits from *at; false when there are none or more than 18. */
bool conf_read_digits(const char **at, uint64_t *out);

/* Writes `why`; returns -EINVAL. */
int conf_wrong(char why[CONF_WHY_BYTES], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Where an option's value is. */
static inline void *conf_field(const struct conf_opt *o, const void *base)
{
	return (char *)(uintptr_t)base + o->at;
}
