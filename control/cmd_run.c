/* cmd_run.c - the engine in the foreground, and the commands that only read a file. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/ctl/ctl.h"
#include "control/gate/ruleset.h"
#include "control/engine.h"
#include "control/engine_keys.h"
#include "control/log.h"

/* Reads "-c FILE" and nothing else. Returns 0, EXIT_USAGE, or -1 when help was asked for. */
static int only_config(const char *command, int argc, char **argv, const char **path)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	int o;

	*path = NULL;
	optind = 1;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:c:h", options, NULL)) != -1) {
		if (o == 'h')
			return -1;
		if (o != 'c')
			return cmd_usage(command, "%s: %s", argv[optind - 1],
			                 o == ':' ? "its value is missing" : "unknown option");
		*path = optarg;
	}
	if (optind < argc)
		return cmd_usage(command, "unexpected word \"%s\"", argv[optind]);
	return *path != NULL ? 0 : cmd_usage(command, "-c FILE is missing");
}

/* One line at the end: what this run did. */
static void say_goodbye(struct engine *e)
{
	static const char *const names[] = { "smtp_delivered", "smtp_refused_4yz",
		                             "smtp_refused_5yz", "smtp_unconfirmed" };
	uint64_t sums[4] = { 0 };
	struct dp *dp = engine_dp(e);

	for (uint32_t i = 0; i < dp_n_counters(); i++)
		for (int k = 0; k < 4; k++)
			if (strcmp(dp_counter_name(i), names[k]) == 0)
				for (uint32_t w = 0; w < dp_n_workers(dp); w++)
					sums[k] += dp_counter(dp, w, i);
	log_info("stopped: delivered=%llu refused_for_now=%llu refused=%llu unconfirmed=%llu "
	         "connections_left=%u outcomes_left=%u",
	         (unsigned long long)sums[0], (unsigned long long)sums[1],
	         (unsigned long long)sums[2], (unsigned long long)sums[3],
	         sched_n_conns(engine_sched(e)), sched_n_flights(engine_sched(e)));
}

int cmd_run(int argc, char **argv)
{
	char why[CONF_WHY_BYTES] = "";
	struct engine_opts opts = { 0 };
	struct engine *e;
	int status = only_config("run", argc, argv, &opts.conf_path);

	if (status == -1) {
		puts("posthaste run -c FILE\n\n"
		     "The engine, in the foreground, one per state directory. Logs to standard "
		     "error.\n"
		     "SIGHUP reads the configuration again; SIGTERM stops in order: no new "
		     "message,\n"
		     "answers awaited up to shutdown.drain_max; a second SIGTERM ends the wait.");
		return 0;
	}
	if (status != 0)
		return status;
	if (engine_open(&opts, &e, why) != 0)
		return cmd_fail("%s", why);
	log_info("posthaste " PH_VERSION
	         " is up: %u port(s), %u source(s), egress.mode = %s, socket %s",
	         engine_conf(e)->n_ports, engine_conf(e)->n_sources,
	         engine_conf(e)->egress.mode == CONF_EGRESS_LIVE ? "live" : "sandbox",
	         engine_conf(e)->socket_path);
	status = engine_run(e);
	say_goodbye(e);
	engine_close(e);
	return status;
}

/* What DNS must hold for each. */
static void tell_signers(const struct tpl_signers *signers)
{
	char record[TPL_RECORD_BYTES];

	for (uint32_t i = 0; i < signers->n; i++) {
		const struct tpl_signer *s = &signers->at[i];

		tpl_key_record(s->key, record);
		printf("dkim \"%s\": %s, %u bits; %s._domainkey.%s TXT", s->name,
		       tpl_key_algorithm(s->key), tpl_key_bits(s->key), s->selector, s->domain);
		/* RFC 1035 3.3: a string has at most 255 bytes, a record several of them */
		for (const char *at = record; *at != '\0'; at += strnlen(at, 255))
			printf(" \"%.255s\"", at);
		putchar('\n');
	}
}

/* Compiles them, as the engine would. */
static int check_rules(const struct conf *conf, char why[CONF_WHY_BYTES])
{
	struct ruleset_conf rc = { .rules_path = conf->gate.rules,
		                   .tag_name = conf->gate.tag_header,
		                   .cycles_max = conf->gate.cycles_max,
		                   .n_lanes = 1 };
	struct ruleset_info info;
	struct gate *gate;
	int err = ruleset_open(&rc, &gate, &info, why);

	if (err == 0)
		gate_free(gate);
	return err;
}

int cmd_check(int argc, char **argv)
{
	char why[CONF_WHY_BYTES] = "";
	const char *path;
	struct keyring *keys;
	struct conf *conf;
	int status = only_config("check", argc, argv, &path);

	if (status == -1) {
		puts("posthaste check -c FILE\n\n"
		     "Reads a configuration and says what is wrong with it, with line and reason.");
		return 0;
	}
	if (status != 0)
		return status;
	if (conf_load(path, &conf, why) != 0)
		return cmd_fail("%s", why);
	if (engine_keys_check(conf, &keys, why) != 0) {
		conf_free(conf);
		return cmd_fail("%s: %s", path, why);
	}
	if (check_rules(conf, why) != 0) {
		keyring_put(keys);
		conf_free(conf);
		return cmd_fail("%s", why);
	}
	printf("%s: ok: %u port(s), %u source(s), egress.mode = %s\n", path, conf->n_ports,
	       conf->n_sources, conf->egress.mode == CONF_EGRESS_LIVE ? "live" : "sandbox");
	tell_signers(keyring_signers(keys));
	keyring_put(keys);
	conf_free(conf);
	return 0;
}

static void rules_reference(FILE *out)
{
	struct span rules = rules_shipped();

	fwrite(rules.at, 1, rules.bytes, out);
}

static void counters_reference(FILE *out)
{
	fputs("| counter | unit | what it counts |\n|---|---|---|\n", out);
	for (uint32_t i = 0; i < dp_n_counters(); i++)
		fprintf(out, "| `%s` | %s | %s |\n", dp_counter_name(i), dp_counter_unit(i),
		        dp_counter_help(i));
}

int cmd_reference(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(FILE *out);
	} tables[] = {
		{ "options", conf_reference },
		{ "commands", ctl_reference },
		{ "counters", counters_reference },
		{ "rules", rules_reference },
	};

	if (argc == 2)
		for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
			if (strcmp(argv[1], tables[i].name) == 0) {
				tables[i].print(stdout);
				return 0;
			}
	return cmd_usage("reference", "say one of: options, commands, counters, rules");
}
