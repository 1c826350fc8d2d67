/* log.h - one line at a time to standard error, with a level and a rate limit.
 *
 * Thread  any.
 */
#pragma once

#include "dataplane/dp.h"

/* Lines below `least` are dropped; `per_second` lines a second at most below DP_LOG_ERROR (0: no
 * limit), the rest counted and told in one line when there is room again.
 */
void log_init(enum dp_log_level least, unsigned per_second);

void log_line(enum dp_log_level level, const char *line);
void log_printf(enum dp_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_printf(DP_LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_printf(DP_LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_printf(DP_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(DP_LOG_DEBUG, __VA_ARGS__)
