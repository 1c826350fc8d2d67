/* cmd_sink.c - `posthaste sink`: a mail server that keeps nothing, for tests and measurements. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cmd.h"
#include "control/sink_options.h"

/* What the sink counts, and of its own stack what is not 0. */
static void print_counts(const struct dp_sink *sink)
{
	const struct sink_counts *c = dp_sink_counts(sink);
	const char *comma = "";

	for (uint32_t i = 0; sink_count_name(i) != NULL; i++)
		printf("%s\"%s\": %" PRIu64, i == 0 ? "{" : ", ", sink_count_name(i),
		       sink_count_value(c, i));
	fputs(", \"stack\": {", stdout);
	for (uint32_t i = 0; i < dp_n_counters(); i++) {
		uint64_t n = dp_sink_stack_count(sink, i);

		if (n != 0) {
			printf("%s\"%s\": %" PRIu64, comma, dp_counter_name(i), n);
			comma = ", ";
		}
	}
	puts("}}");
	fflush(stdout);
}

static void *signals_thread(void *arg)
{
	struct dp_sink *sink = arg;
	sigset_t set;
	int number = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	while (number != SIGINT && number != SIGTERM) {
		if (sigwait(&set, &number) == 0 && number == SIGUSR1)
			print_counts(sink);
	}
	dp_sink_stop(sink);
	return NULL;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void say_ready(const struct sink_options *o, const struct dp_sink *sink)
{
	char text[IP_TEXT_MAX];

	for (uint32_t i = 0; i < o->conf.n_listens; i++)
		printf("ready %s %u\n", ip_format(&o->conf.listens[i].addr, text),
		       dp_sink_port(sink, i));
	if (o->conf.n_listens == 0)
		printf("ready %s %u\n", ip_format(&o->conf.port.addrs[0].addr, text),
		       dp_sink_port(sink, 0));
	fflush(stdout);
}

static int serve(const struct sink_options *o, struct dp_sink *sink)
{
	pthread_t signals;
	int rc = pthread_create(&signals, NULL, signals_thread, sink);

	if (rc != 0)
		return cmd_fail("sink: %s", strerror(rc));
	say_ready(o, sink);
	rc = dp_sink_run(sink);
	if (rc != 0)
		pthread_kill(signals, SIGTERM);
	pthread_join(signals, NULL);
	print_counts(sink);
	return rc == 0 ? 0 : cmd_fail("sink: %s", strerror(-rc));
}

static void log_line(enum dp_log_level level, const char *line)
{
	if (level <= DP_LOG_WARN)
		fprintf(stderr, "%s\n", line);
}

static int with_keeper(struct sink_options *o)
{
	struct sink_keep *keep = NULL;
	struct dp_sink *sink;
	char why[DP_WHY_BYTES];
	int rc = 0;

	if (o->keep.store_dir != NULL || o->keep.hash_file != NULL) {
		if (sink_keep_open(&o->keep, &keep, why) != 0)
			return cmd_fail("sink: %s", why);
		o->conf.sink.keeper = sink_keep_keeper(keep);
	}
	o->conf.log = log_line;
	block_signals();
	if (dp_sink_open(&o->conf, &sink, why) != 0) {
		rc = cmd_fail("sink: %s", why);
	} else {
		rc = serve(o, sink);
		dp_sink_close(sink);
	}
	if (keep != NULL) {
		int kept = sink_keep_close(keep);

		if (kept != 0)
			rc = cmd_fail("sink: not everything was kept: %s", strerror(-kept));
	}
	return rc;
}

int cmd_sink(int argc, char **argv)
{
	struct sink_options o;
	char dir[4096] = "";
	const char *tmp = getenv("TMPDIR");
	int rc = sink_options_read(argc, argv, &o);

	if (rc == 0 && !o.is_kernel && o.conf.state_dir == NULL) {
		snprintf(dir, sizeof(dir), "%.4000s/posthaste-sink.XXXXXX",
		         tmp != NULL ? tmp : "/tmp");
		if (mkdtemp(dir) == NULL)
			rc = cmd_fail("sink: %s: %s", dir, strerror(errno));
		o.conf.state_dir = dir;
	}
	if (rc == 0)
		rc = with_keeper(&o);
	if (dir[0] != '\0')
		cmd_remove_dir(dir);
	sink_options_free(&o);
	return rc;
}
