/* cmd_bench.c - `posthaste bench tcp`: measures the TCP layer on this machine; sends nothing. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cmd.h"
#include "dataplane/dp_bench.h"

static void help(void)
{
	puts("posthaste bench tcp --row ROW [--connections N] [--seconds S]: a measuring tool.\n"
	     "A worker with its real loop on a net_ring port, a layer above TCP that does next to\n"
	     "nothing, and a player of frames on another CPU. Nothing leaves the process. Each\n"
	     "line is {\"metric\": name, \"value\": number, \"unit\": text}; scripts/README says\n"
	     "what is measured, scripts/bench repeats it. Rows:");
	for (uint32_t i = 0; dp_bench_row(i) != NULL; i++)
		printf("  %-17s %s\n", dp_bench_row(i), dp_bench_help(i));
}

static void log_line(enum dp_log_level level, const char *line)
{
	if (level <= DP_LOG_WARN)
		fprintf(stderr, "%s\n", line);
}

static bool read_number(const char *text, uint32_t most, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n == 0 || n > most)
		return false;
	*out = (uint32_t)n;
	return true;
}

static int options(int argc, char **argv, struct dp_bench_conf *conf)
{
	static const struct option words[] = { { "row", required_argument, NULL, 'r' },
		                               { "connections", required_argument, NULL, 'n' },
		                               { "seconds", required_argument, NULL, 's' },
		                               { "help", no_argument, NULL, 'h' },
		                               { NULL, 0, NULL, 0 } };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (c == 'h') {
			help();
			exit(0);
		}
		if (c == 'r')
			conf->row = optarg;
		else if (c == 'n' && !read_number(optarg, DP_BENCH_CONNS_MAX, &conf->conns))
			return cmd_usage("bench", "--connections takes a number from 1 to %d",
			                 DP_BENCH_CONNS_MAX);
		else if (c == 's' && !read_number(optarg, DP_BENCH_SECONDS_MAX, &conf->seconds))
			return cmd_usage("bench", "--seconds takes a number from 1 to %d",
			                 DP_BENCH_SECONDS_MAX);
		else if (c == '?')
			return cmd_usage("bench", "\"%s\" is no option, or it lacks its value",
			                 argv[optind - 1]);
	}
	if (optind != argc - 1 || strcmp(argv[optind], "tcp") != 0)
		return cmd_usage("bench", "it is: bench tcp --row ROW, or bench gate --corpus DIR");
	if (conf->row == NULL)
		return cmd_usage("bench", "--row is missing");
	return 0;
}

/* The record of open connections and what EAL leaves. */
void cmd_remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char name[4096];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (e->d_type == DT_DIR)
			cmd_remove_dir(name);
		else
			(void)unlink(name);
	}
	if (d != NULL)
		closedir(d);
	(void)rmdir(path);
}

int cmd_bench(int argc, char **argv)
{
	struct dp_bench_conf conf = { .seconds = 2, .log = log_line };
	struct dp_bench_result result;
	const char *tmp = getenv("TMPDIR");
	char why[DP_WHY_BYTES], dir[4096];
	int rc;

	if (argc > 1 && strcmp(argv[1], "gate") == 0)
		return cmd_bench_gate(argc - 1, argv + 1);
	rc = options(argc, argv, &conf);
	if (rc != 0)
		return rc;
	snprintf(dir, sizeof(dir), "%.4000s/posthaste-bench.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return cmd_fail("bench: %s: %s", dir, strerror(errno));
	conf.state_dir = dir;
	rc = dp_bench(&conf, &result, why);
	cmd_remove_dir(dir);
	if (rc != 0)
		return cmd_fail("bench: %s", why);
	for (uint32_t i = 0; i < result.n; i++)
		printf("{\"metric\": \"%s\", \"value\": %.10g, \"unit\": \"%s\"}\n",
		       result.values[i].metric, result.values[i].value, result.values[i].unit);
	printf("{\"metric\": \"hugepages\", \"value\": %d, \"unit\": \"yes or no\"}\n",
	       result.hugepages);
	return 0;
}
