/* log.c - "2026-11-21T23:00:00Z info text": one write a line, so that threads never mix.
 *
 * A line may hold what a peer said: control characters are written as \xNN, so that no server can
 * steer an operator's terminal or forge a line.
 */
#include "control/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_BYTES_MAX = 2048, /* of one line, escapes included; the rest is cut */
	ESCAPE_BYTES = 4,
};

static const char *const names[] = { "error", "warn", "info", "debug" };

static struct {
	pthread_mutex_t lock;
	enum dp_log_level least;
	unsigned per_second;
	int64_t second; /* that is being counted */
	unsigned in_second;
	uint64_t dropped; /* since they were last told */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .least = DP_LOG_INFO };

void log_init(enum dp_log_level least, unsigned per_second)
{
	pthread_mutex_lock(&state.lock);
	state.least = least;
	state.per_second = per_second;
	pthread_mutex_unlock(&state.lock);
}

static size_t escape(char *out, size_t room, const char *line)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (; *line != '\0' && used + ESCAPE_BYTES < room; line++) {
		unsigned char c = (unsigned char)*line;

		if (c >= ' ' && c != 0x7f) {
			out[used++] = *line;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = hex[c >> 4];
		out[used++] = hex[c & 15];
	}
	return used;
}

static void write_line(int64_t now_s, enum dp_log_level level, const char *line)
{
	char out[LINE_BYTES_MAX];
	time_t now = (time_t)now_s;
	struct tm tm;
	size_t used;
	ssize_t done;

	gmtime_r(&now, &tm);
	used = strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	used += (size_t)snprintf(out + used, sizeof(out) - used, "%s ", names[level]);
	used += escape(out + used, sizeof(out) - used - 1, line);
	out[used++] = '\n';
	done = write(STDERR_FILENO, out, used); /* nowhere to tell that nobody listens */
	(void)done;
}

/* True when a line may be written now. Tells first how many were not. */
static bool has_room(int64_t now_s, enum dp_log_level level)
{
	char told[80];

	if (now_s != state.second) {
		state.second = now_s;
		state.in_second = 0;
		if (state.dropped > 0) {
			snprintf(told, sizeof(told),
			         "%llu lines were not logged: log.lines_per_second",
			         (unsigned long long)state.dropped);
			state.dropped = 0;
			write_line(now_s, DP_LOG_WARN, told);
		}
	}
	if (level == DP_LOG_ERROR || state.per_second == 0 || state.in_second < state.per_second) {
		state.in_second += level != DP_LOG_ERROR;
		return true;
	}
	state.dropped++;
	return false;
}

void log_line(enum dp_log_level level, const char *line)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&state.lock);
	if (level <= state.least && has_room(now.tv_sec, level))
		write_line(now.tv_sec, level, line);
	pthread_mutex_unlock(&state.lock);
}

void log_printf(enum dp_log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_line(level, line);
}
