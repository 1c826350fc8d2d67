/* cmd_bench.c - `posthaste bench tcp` and `smtp`: measure TCP and SMTP on this machine. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cmd.h"
#include "control/gate/ruleset.h"
#include "dataplane/dp_bench.h"

static void help(void)
{
	puts("posthaste bench tcp --row ROW [--connections N] [--seconds S]: a measuring tool.\n"
	     "A worker with its real loop on a net_ring port, a layer above TCP that does next to\n"
	     "nothing, and a player of frames on another CPU. Nothing leaves the process. Each\n"
	     "line is {\"metric\": name, \"value\": number, \"unit\": text}; scripts/README says\n"
	     "what is measured, scripts/bench repeats it. Rows:");
	for (uint32_t i = 0; dp_bench_row(i) != NULL; i++)
		printf("  %-20s %s\n", dp_bench_row(i), dp_bench_help(i));
	puts("\nposthaste bench smtp --row ROW --device DEVICE --address ADDR/BITS --to ADDR\n"
	     "    [--hosts N] [--connections N] [--window N] [--seconds S] [--ca FILE]\n"
	     "    [--host NAME] [--no-gate]\n"
	     "A worker as `run` has it, with the shipped gate rules, and sessions with `posthaste\n"
	     "sink` in another process: on --to and the N - 1 addresses behind it, port 25. Lines "
	     "as\n"
	     "above. Rows:");
	for (uint32_t i = 0; dp_bench_smtp_row(i) != NULL; i++)
		printf("  %-20s %s\n", dp_bench_smtp_row(i), dp_bench_smtp_help(i));
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

/* What the words say, for either kind. */
struct words {
	struct dp_bench_conf tcp;
	struct dp_bench_smtp_conf smtp;
	bool is_smtp, has_addr, has_to, no_gate;
};

/* NULL: fine, else what it takes. */
static const char *take_word(struct words *w, int c, const char *value)
{
	switch (c) {
	case 'r':
		w->tcp.row = w->smtp.row = value;
		return NULL;
	case 'n':
		w->smtp.conns = 0;
		return read_number(value, DP_BENCH_CONNS_MAX, &w->tcp.conns) &&
		               read_number(value, DP_BENCH_CONNS_MAX, &w->smtp.conns)
		           ? NULL
		           : "a number from 1 to 4194304";
	case 's':
		return read_number(value, DP_BENCH_SECONDS_MAX, &w->tcp.seconds)
		           ? NULL
		           : "a number from 1 to 600";
	case 'w':
		return read_number(value, DP_WINDOW_MAX, &w->smtp.window) ? NULL
		                                                          : "a number from 1 to 32";
	case 'H':
		return read_number(value, 4096, &w->smtp.hosts) ? NULL : "a number from 1 to 4096";
	case 'G':
		w->no_gate = true;
		return NULL;
	case 'd':
		w->smtp.device = value;
		return NULL;
	case 'a':
		w->has_addr = ip_prefix_parse(value, &w->smtp.addr) == 0;
		return w->has_addr ? NULL : "an address with its network, as 10.0.0.2/24";
	case 't':
		w->has_to = ip_parse(value, &w->smtp.to) == 0;
		return w->has_to ? NULL : "an address";
	case 'c':
		w->smtp.ca_file = value;
		return NULL;
	case 'o':
		w->smtp.host = value;
		return NULL;
	default:
		return "";
	}
}

static int options(int argc, char **argv, struct words *w)
{
	static const struct option words[] = { { "row", required_argument, NULL, 'r' },
		                               { "connections", required_argument, NULL, 'n' },
		                               { "seconds", required_argument, NULL, 's' },
		                               { "window", required_argument, NULL, 'w' },
		                               { "hosts", required_argument, NULL, 'H' },
		                               { "device", required_argument, NULL, 'd' },
		                               { "address", required_argument, NULL, 'a' },
		                               { "to", required_argument, NULL, 't' },
		                               { "ca", required_argument, NULL, 'c' },
		                               { "host", required_argument, NULL, 'o' },
		                               { "no-gate", no_argument, NULL, 'G' },
		                               { "help", no_argument, NULL, 'h' },
		                               { NULL, 0, NULL, 0 } };
	const char *wrong;
	int c, at;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", words, &at)) != -1) {
		if (c == 'h') {
			help();
			exit(0);
		}
		if (c == '?')
			return cmd_usage("bench", "\"%s\" is no option, or it lacks its value",
			                 argv[optind - 1]);
		wrong = take_word(w, c, optarg);
		if (wrong != NULL)
			return cmd_usage("bench", "--%s takes %s", words[at].name, wrong);
	}
	w->is_smtp = optind == argc - 1 && strcmp(argv[optind], "smtp") == 0;
	if (optind != argc - 1 || (!w->is_smtp && strcmp(argv[optind], "tcp") != 0))
		return cmd_usage("bench",
		                 "it is: bench tcp --row ROW, bench smtp --row ROW ..., or bench "
		                 "gate --corpus DIR");
	if (w->tcp.row == NULL)
		return cmd_usage("bench", "--row is missing");
	if (w->is_smtp && (w->smtp.device == NULL || !w->has_addr || !w->has_to))
		return cmd_usage("bench", "--device, --address or --to is missing");
	w->smtp.seconds = w->tcp.seconds;
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

static void print(const struct dp_bench_result *result)
{
	for (uint32_t i = 0; i < result->n; i++)
		printf("{\"metric\": \"%s\", \"value\": %.10g, \"unit\": \"%s\"}\n",
		       result->values[i].metric, result->values[i].value, result->values[i].unit);
	printf("{\"metric\": \"hugepages\", \"value\": %d, \"unit\": \"yes or no\"}\n",
	       result->hugepages);
}

/* With the shipped rules unless told otherwise. Returns as dp_bench_smtp(). */
static int bench_smtp(struct words *w, struct dp_bench_result *result, char why[DP_WHY_BYTES])
{
	struct ruleset_conf rules = { .rules_path = "", .tag_name = "X-Tag", .n_lanes = 1 };
	struct ruleset_info info;
	char reason[RULES_WHY_BYTES];
	int rc = w->no_gate ? 0 : ruleset_open(&rules, &w->smtp.gate, &info, reason);

	if (rc != 0)
		snprintf(why, DP_WHY_BYTES, "%.250s", reason);
	else
		rc = dp_bench_smtp(&w->smtp, result, why);
	gate_free(w->smtp.gate);
	return rc;
}

int cmd_bench(int argc, char **argv)
{
	struct words w = { .tcp = { .seconds = 2, .log = log_line },
		           .smtp = { .hosts = 1, .host = "sink.invalid", .log = log_line } };
	struct dp_bench_result result;
	const char *tmp = getenv("TMPDIR");
	char why[DP_WHY_BYTES], dir[4096];
	int rc;

	if (argc > 1 && strcmp(argv[1], "gate") == 0)
		return cmd_bench_gate(argc - 1, argv + 1);
	rc = options(argc, argv, &w);
	if (rc != 0)
		return rc;
	snprintf(dir, sizeof(dir), "%.4000s/posthaste-bench.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return cmd_fail("bench: %s: %s", dir, strerror(errno));
	w.tcp.state_dir = w.smtp.state_dir = dir;
	rc = w.is_smtp ? bench_smtp(&w, &result, why) : dp_bench(&w.tcp, &result, why);
	cmd_remove_dir(dir);
	if (rc != 0)
		return cmd_fail("bench: %s", why);
	print(&result);
	return 0;
}
