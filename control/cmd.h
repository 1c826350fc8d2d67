/* cmd.h - the subcommands of the program; main.c holds their table.
 *
 * Each gets its own words (argv[0] is its name) and returns the exit status: 0 done, 1 refused or
 * failed with one line on standard error, 2 wrong usage.
 */
#pragma once

#include "control/campaign/campaign.h"

enum { EXIT_USAGE = 2 };

int cmd_run(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_campaign(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_compose(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_reference(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_bench_gate(int argc, char **argv);
int cmd_sink(int argc, char **argv);

/* Says what is wrong with the words of a command, and how to learn more; returns EXIT_USAGE. */
int cmd_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says one line on standard error; returns 1. */
int cmd_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Removes a folder of our own with all that is in it, as far as possible. */
void cmd_remove_dir(const char *path);

/* What `send`, `campaign start` and `lint` ask for, read from their options. */
struct cmd_campaign {
	const char *conf_path;
	const char *socket_path; /* NULL: from the configuration */
	const char *export_path; /* NULL: none */
	uint32_t attempts_max;   /* 0: no bound */
	bool json;
	bool dns; /* lint only */
	struct campaign_spec spec;
};

/* Reads them. Returns 0, or EXIT_USAGE or 1 when it has said why not. Paths come out absolute. */
int cmd_campaign_options(int argc, char **argv, struct cmd_campaign *out);
void cmd_campaign_free(struct cmd_campaign *c);

/* The socket of the engine: as given, else from the configuration. Returns 0 or 1 (said). */
int cmd_socket(const char *conf_path, const char *socket_path, char out[4096]);
