/* cmd_token.c - `posthaste token verify`: what an unsubscribe token says, if it is one of ours. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/cmd.h"
#include "control/engine_keys.h"
#include "control/xalloc.h"

static const char help[] =
    "posthaste token verify -c FILE [--json] TOKEN\n\n"
    "Says which message an unsubscribe token belongs to: tenant, stream, campaign and row. Its "
    "keys\n"
    "are those of the state directory, where an old one stays for token.keep.\n\n"
    "  -c, --config FILE    configuration\n"
    "  --json               one object instead of lines\n\n"
    "Exit status 1: no token of ours, or one whose key is gone.\n";

static const char *name_of(const char *name)
{
	return name[0] == '\0' ? "-" : name;
}

static void tell_json(const struct tpl_token *t)
{
	json_t *o = xcheck(json_object());

	json_object_set_new(o, "valid", json_true());
	json_object_set_new(o, "version", json_integer(1));
	json_object_set_new(o, "key", json_integer(t->key_id));
	json_object_set_new(o, "tenant", json_string(t->tenant));
	json_object_set_new(o, "stream", json_string(t->stream));
	json_object_set_new(o, "campaign", json_integer(t->campaign));
	json_object_set_new(o, "row", json_integer(t->row));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int tell(int result, const struct tpl_token *t, bool json)
{
	const char *wrong = result == 0         ? NULL
	                    : result == -ENOKEY ? "its key is gone"
	                                        : "no token of ours";

	if (json && wrong != NULL)
		printf("{\"valid\":false,\"reason\":\"%s\"}\n", wrong);
	else if (json)
		tell_json(t);
	else if (wrong == NULL)
		printf("valid\nversion  1\nkey      %u\ntenant   %s\nstream   %s\ncampaign %u\nrow "
		       "     "
		       "%u\n",
		       t->key_id, name_of(t->tenant), name_of(t->stream), t->campaign, t->row);
	else
		return cmd_fail("%s", wrong);
	return wrong != NULL;
}

static int verify(const char *path, const char *text, bool json)
{
	char why[CONF_WHY_BYTES] = "";
	struct keyring *keys;
	struct tpl_token t;
	struct conf *conf;
	int status;

	if (conf_load(path, &conf, why) != 0)
		return cmd_fail("%s", why);
	if (engine_keys_look(conf, &keys, why) != 0) {
		conf_free(conf);
		return cmd_fail("%s", why);
	}
	status = tell(tpl_token_read(keyring_tokens(keys), span_str(text), &t), &t, json);
	keyring_put(keys);
	conf_free(conf);
	return status;
}

int cmd_token(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	const char *path = NULL;
	bool json = false;
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == 'j')
			json = true;
		else if (o == 'c')
			path = optarg;
		else
			return cmd_usage("token", "%s: %s", argv[optind - 1],
			                 o == ':' ? "its value is missing" : "unknown option");
	}
	if (argc - optind != 2 || strcmp(argv[optind], "verify") != 0)
		return cmd_usage("token", "say: token verify -c FILE TOKEN");
	if (path == NULL)
		return cmd_usage("token", "-c FILE is missing");
	return verify(path, argv[optind + 1], json);
}
