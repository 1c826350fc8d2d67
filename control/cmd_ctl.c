/* cmd_ctl.c - the commands that are clients of a running engine's socket. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/ctl/ctl.h"
#include "control/xalloc.h"

int cmd_socket(const char *conf_path, const char *socket_path, char out[4096])
{
	char why[CONF_WHY_BYTES] = "";
	struct conf *conf;

	if (socket_path != NULL) {
		snprintf(out, 4096, "%s", socket_path);
		return 0;
	}
	if (conf_load(conf_path, &conf, why) != 0)
		return cmd_fail("%s", why);
	snprintf(out, 4096, "%s", conf->socket_path);
	conf_free(conf);
	return 0;
}

/* Adds one word to a request line, quoted so that it arrives as it is. */
static void put_word(FILE *line, const char *key, const char *value)
{
	if (value == NULL)
		return;
	fputs(" \"", line);
	if (key != NULL)
		fprintf(line, "%s=", key);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', line);
		fputc(*value, line);
	}
	fputc('"', line);
}

static int call(const char *socket_path, const char *line)
{
	char error[512] = "";
	int err = ctl_call(socket_path, line, stdout, error);

	if (err == 0)
		return 0;
	if (err > 0)
		return cmd_fail("%s", error);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return cmd_fail("no engine is running at %s; start one with: posthaste run -c FILE",
		                socket_path);
	return cmd_fail("%s: %s", socket_path, strerror(-err));
}

/* Options of the plain clients: -c, -s, --json; stops at the first word. */
struct client {
	const char *conf_path, *socket_path;
	bool json, watch, help;
};

static int client_options(const char *command, int argc, char **argv, struct client *out)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		                                 { "socket", required_argument, NULL, 's' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { "watch", no_argument, NULL, 'w' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	int o;

	*out = (struct client){ 0 };
	optind = 1;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:c:s:jwh", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			out->conf_path = optarg;
			break;
		case 's':
			out->socket_path = optarg;
			break;
		case 'j':
			out->json = true;
			break;
		case 'w':
			out->watch = true;
			break;
		case 'h':
			out->help = true;
			return 0;
		default:
			return cmd_usage(command, "%s: %s", argv[optind - 1],
			                 o == ':' ? "its value is missing" : "unknown option");
		}
	}
	if (out->conf_path == NULL && out->socket_path == NULL)
		return cmd_usage(command, "-c FILE or -s SOCKET is missing");
	return 0;
}

/* Sends the words as one request. */
static int request(const struct client *cl, char *const *words, int n)
{
	char socket_path[4096], *text = NULL;
	size_t bytes;
	FILE *line;
	int status = cmd_socket(cl->conf_path, cl->socket_path, socket_path);

	if (status != 0)
		return status;
	line = xcheck(open_memstream(&text, &bytes));
	if (cl->json)
		put_word(line, NULL, "json");
	for (int i = 0; i < n; i++)
		put_word(line, NULL, words[i]);
	fclose(line);
	status = call(socket_path, text + 1);
	free(text);
	return status;
}

int cmd_ctl(int argc, char **argv)
{
	struct client cl;
	int status = client_options("ctl", argc, argv, &cl);

	if (cl.help) {
		puts("posthaste ctl [-c FILE | -s SOCKET] [--json] WORDS...\n\n"
		     "Sends one command to the running engine and prints its answer.\n"
		     "posthaste ctl -c FILE help  lists the commands.");
		return 0;
	}
	if (status != 0)
		return status;
	if (optind == argc)
		return cmd_usage("ctl", "no command given; try: help");
	return request(&cl, argv + optind, argc - optind);
}

static int campaign_start_client(int argc, char **argv)
{
	struct cmd_campaign c;
	char socket_path[4096], limit[32], *text = NULL;
	size_t bytes;
	FILE *line;
	int status = cmd_campaign_options(argc, argv, &c);

	if (status != 0)
		return status;
	status = cmd_socket(c.conf_path, c.socket_path, socket_path);
	if (status != 0)
		goto out;
	line = xcheck(open_memstream(&text, &bytes));
	fputs("campaign start", line);
	put_word(line, "name", c.spec.name);
	put_word(line, "template", c.spec.template_dir);
	put_word(line, "recipients", c.spec.recipients_path);
	put_word(line, "address_column", c.spec.address_column);
	put_word(line, "types", c.spec.types);
	put_word(line, "delimiter", c.spec.delimiter);
	put_word(line, "from", c.spec.from);
	put_word(line, "return_path", c.spec.return_path);
	put_word(line, "shared_copy", c.spec.shared_copy);
	put_word(line, "pool", c.spec.pool);
	put_word(line, "to_test", c.spec.to_test);
	put_word(line, "class", c.spec.class);
	put_word(line, "tls_min", c.spec.tls_min);
	put_word(line, "requiretls", c.spec.requiretls ? "true" : NULL);
	put_word(line, "dsn_notify", c.spec.dsn_notify);
	put_word(line, "dsn_ret", c.spec.dsn_ret);
	put_word(line, "tenant", c.spec.tenant);
	put_word(line, "stream", c.spec.stream);
	put_word(line, "list_id", c.spec.list_id);
	put_word(line, "unsubscribe_url", c.spec.unsubscribe_url);
	put_word(line, "unsubscribe_mailto", c.spec.unsubscribe_mailto);
	put_word(line, "postal_address", c.spec.postal_address);
	put_word(line, "dkim", c.spec.dkim);
	put_word(line, "encoding", c.spec.encoding);
	put_word(line, "files", c.spec.files);
	put_word(line, "rejected", c.spec.rejected_path);
	snprintf(limit, sizeof(limit), "%llu", (unsigned long long)c.spec.limit);
	put_word(line, "limit", c.spec.limit > 0 ? limit : NULL);
	put_word(line, "dry_run", c.spec.dry_run ? "true" : NULL);
	put_word(line, "no_resume", c.spec.no_resume ? "true" : NULL);
	fclose(line);
	status = call(socket_path, text);
	free(text);
out:
	cmd_campaign_free(&c);
	return status;
}

static int campaign_status(int argc, char **argv)
{
	static char *const all[] = { "show", "campaigns" };
	char *one[] = { "show", "campaign", NULL };
	struct client cl;
	int status = client_options("campaign", argc, argv, &cl);

	if (cl.help) {
		puts("posthaste campaign status [-c FILE | -s SOCKET] [--json] [--watch] [NAME]\n\n"
		     "Where a campaign stands, or all of them. --watch shows it again every "
		     "second.");
		return 0;
	}
	if (status != 0)
		return status;
	if (argc - optind > 1)
		return cmd_usage("campaign", "one name at most");
	one[2] = argv[optind];
	do {
		if (cl.watch)
			fputs("\033[H\033[J", stdout);
		status = optind == argc ? request(&cl, all, 2) : request(&cl, one, 3);
		fflush(stdout);
	} while (cl.watch && status == 0 && sleep(1) == 0);
	return status;
}

static int campaign_export_client(int argc, char **argv)
{
	char *words[] = { "campaign", "export", NULL, NULL }, path[PATH_MAX];
	struct client cl;
	int status = client_options("campaign", argc, argv, &cl);

	if (cl.help) {
		puts("posthaste campaign export [-c FILE | -s SOCKET] NAME FILE\n\n"
		     "Writes the state of every recipient as CSV:\n"
		     "address,state,attempts,code,enhanced,reply");
		return 0;
	}
	if (status != 0)
		return status;
	if (argc - optind != 2)
		return cmd_usage("campaign", "export NAME FILE");
	words[2] = argv[optind];
	words[3] = argv[optind + 1];
	if (words[3][0] != '/' && getcwd(path, sizeof(path)) != NULL) {
		size_t n = strlen(path);

		snprintf(path + n, sizeof(path) - n, "/%s", words[3]);
		words[3] = path;
	}
	return request(&cl, words, 4);
}

/* What is asked for with a campaign's name and nothing else. */
static const struct steer {
	const char *name, *words[3], *help;
} steers[] = {
	/* clang-format off */
	{ "pause",       { "campaign", "pause" },          "begin none of its messages from now on" },
	{ "resume",      { "campaign", "resume" },         "let a paused campaign go on" },
	{ "release",     { "campaign", "release" },        "send what the content gate holds of it" },
	{ "cancel-held", { "campaign", "cancel", "held" }, "give up what the content gate holds of it" },
	/* clang-format on */
};
enum { N_STEERS = sizeof(steers) / sizeof(steers[0]) };

static int campaign_steer(const struct steer *st, int argc, char **argv)
{
	char *words[4];
	struct client cl;
	int n = 0, status = client_options("campaign", argc, argv, &cl);

	if (cl.help) {
		printf("posthaste campaign %s [-c FILE | -s SOCKET] [--json] NAME\n\n%s.\n",
		       st->name, st->help);
		return 0;
	}
	if (status != 0)
		return status;
	if (argc - optind != 1)
		return cmd_usage("campaign", "%s NAME", st->name);
	while (n < 3 && st->words[n] != NULL) {
		words[n] = (char *)st->words[n];
		n++;
	}
	words[n++] = argv[optind];
	return request(&cl, words, n);
}

int cmd_campaign(int argc, char **argv)
{
	for (int i = 0; i < N_STEERS && argc >= 2; i++)
		if (strcmp(argv[1], steers[i].name) == 0)
			return campaign_steer(&steers[i], argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "start") == 0)
		return campaign_start_client(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "status") == 0)
		return campaign_status(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "export") == 0)
		return campaign_export_client(argc - 1, argv + 1);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		puts("posthaste campaign start  ...  imports a list and sends (start --help)\n"
		     "posthaste campaign status ...  where campaigns stand (status --help)\n"
		     "posthaste campaign export ...  the state of every recipient (export --help)");
		for (int i = 0; i < N_STEERS; i++)
			printf("posthaste campaign %s NAME  %s\n", steers[i].name, steers[i].help);
		return 0;
	}
	return cmd_usage("campaign",
	                 "say start, status, export, pause, resume, release or cancel-held");
}
