/* main.c - one program, its subcommands. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/cmd.h"
#include "templates/tpl.h"

#ifndef PH_VERSION
#error "the build says which version this is"
#endif

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *words, *help;
} commands[] = {
	/* clang-format off */
	{ "run",       cmd_run,       "-c FILE",                     "the engine: foreground, logs to standard error" },
	{ "send",      cmd_send,      "-c FILE --name N --template DIR --recipients FILE.csv --from A",
	                                                             "run, start one campaign, wait for it, stop" },
	{ "check",     cmd_check,     "-c FILE",                     "what is wrong with a configuration" },
	{ "campaign",  cmd_campaign,  "start|status|export|pause|resume|release|cancel-held ...", "campaigns of a running engine" },
	{ "ctl",       cmd_ctl,       "[-c FILE | -s SOCKET] [--json] WORDS...",
	                                                             "any command of a running engine; try: ctl help" },
	{ "render",    cmd_render,    "TEMPLATE [--data FILE.json] | --batch FILE.jsonl",
	                                                             "a Liquid template over JSON data" },
	{ "compose",   cmd_compose,   "--template DIR --row FILE.json --from A --to B [--dkim D:S:KEYFILE]...",
	                                                             "one message as it would be sent, signed" },
	{ "lint",      cmd_lint,      "--template DIR --recipients FILE [-c FILE] [--dns] [--json] ...",
	                                                             "what receivers would refuse, before the first message" },
	{ "scan",      cmd_scan,      "[-c FILE | --rules FILE] [--json] FILE...",
	                                                             "what the content gate would say of messages" },
	{ "token",     cmd_token,     "verify -c FILE [--json] TOKEN",
	                                                             "what an unsubscribe token says" },
	{ "reference", cmd_reference, "options|commands|counters|rules", "the tables behind them, as Markdown" },
	{ "bench",     cmd_bench,     "tcp|smtp --row ROW ... | gate --corpus DIR", "measures on this machine; sends nothing" },
	{ "sink",      cmd_sink,      "--kernel | --device DEVICE --address ADDR/BITS",
	                                                             "a mail server that keeps nothing, for tests and measurements" },
	/* clang-format on */
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(FILE *out)
{
	fputs("posthaste " PH_VERSION
	      ": sends bulk mail through DPDK and a TCP/IP stack of its own\n\n",
	      out);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  posthaste %s %s\n        %s\n", commands[i].name, commands[i].words,
		        commands[i].help);
	fputs("  posthaste help | version\n\n"
	      "posthaste COMMAND --help tells a command's options.\n"
	      "Exit status: 0 done, 1 refused or failed (one line says why), 2 wrong usage.\n",
	      out);
}

int cmd_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("posthaste: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see posthaste %s --help\n", command);
	return EXIT_USAGE;
}

int cmd_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("posthaste: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

int main(int argc, char **argv)
{
	sigset_t realtime;

	/* net_tap raises a real-time signal per packet: only workers may get it, and every thread
	 * inherits this mask. A client that goes away is an error of write(), not the end of us.
	 */
	sigemptyset(&realtime);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaddset(&realtime, number);
	pthread_sigmask(SIG_BLOCK, &realtime, NULL);
	signal(SIGPIPE, SIG_IGN);
	tpl_init();

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("posthaste " PH_VERSION);
		return 0;
	}
	for (int i = 0; i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "posthaste: no command \"%s\"; see posthaste help\n", argv[1]);
	return EXIT_USAGE;
}
