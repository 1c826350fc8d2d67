/* eal_log.c - DPDK's log, line by line, through our own. */
#include "dataplane/eal_log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_log.h>

enum { LINE_BYTES = 256 };

/* DPDK's log is one per process, and so is this. The stream's lock keeps writers apart. */
static struct {
	FILE *stream;
	dp_log_fn *log;
	char line[LINE_BYTES]; /* begun and not yet ended; what does not fit is cut */
	size_t n;
	char first_error[LINE_BYTES];
} sink;

/* DPDK logs at ERR what is often harmless here (a kernel feature that a driver tries first), so
 * nothing of it is an error of ours: the caller of a failed function says what failed.
 */
static enum dp_log_level level_of(int dpdk)
{
	if (dpdk >= 0 && dpdk <= (int)RTE_LOG_CRIT)
		return DP_LOG_ERROR;
	return DP_LOG_DEBUG;
}

/* Drivers warn of what then makes them fail; EAL warns of what it can do without. */
static bool is_trouble(int level)
{
	if (level < 0)
		return false;
	return level <= (int)RTE_LOG_ERR ||
	       (level <= (int)RTE_LOG_WARNING && strncmp(sink.line, "EAL:", 4) != 0);
}

static void line_end(int level)
{
	sink.line[sink.n] = '\0';
	sink.n = 0;
	if (sink.line[0] == '\0')
		return;
	if (sink.first_error[0] == '\0' && is_trouble(level))
		memcpy(sink.first_error, sink.line, sizeof(sink.first_error));
	sink.log(level_of(level), sink.line);
}

static ssize_t sink_write(void *cookie, const char *text, size_t bytes)
{
	int level = rte_log_cur_msg_loglevel();

	(void)cookie;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '\n')
			line_end(level);
		else if (sink.n < LINE_BYTES - 1)
			sink.line[sink.n++] = text[i];
	}
	return (ssize_t)bytes;
}

int eal_log_start(dp_log_fn *log)
{
	cookie_io_functions_t io = { .write = sink_write };

	memset(&sink, 0, sizeof(sink));
	sink.log = log;
	sink.stream = fopencookie(NULL, "w", io);
	if (sink.stream == NULL)
		return -ENOMEM;
	setvbuf(sink.stream, NULL, _IOLBF, BUFSIZ);
	rte_openlog_stream(sink.stream);
	return 0;
}

void eal_log_stop(void)
{
	if (sink.stream == NULL)
		return;
	rte_openlog_stream(NULL);
	fclose(sink.stream);
	sink.stream = NULL;
}

const char *eal_log_first_error(void)
{
	return sink.first_error;
}
