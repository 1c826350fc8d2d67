/* cmd_options.c - the options that say what a campaign is, for `send` and `campaign start`. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/xalloc.h"

enum {
	O_NAME = 256,
	O_TEMPLATE,
	O_RECIPIENTS,
	O_FROM,
	O_RETURN_PATH,
	O_SHARED_COPY,
	O_POOL,
	O_COLUMN,
	O_TYPES,
	O_DELIMITER,
	O_DRY_RUN,
	O_NO_RESUME,
	O_TO_TEST,
	O_LIMIT,
	O_REJECTED,
	O_UNTIL,
	O_EXPORT,
	O_JSON,
	O_CLASS,
	O_TLS_MIN,
	O_REQUIRETLS,
	O_DSN_NOTIFY,
	O_DSN_RET,
	O_TENANT,
	O_STREAM,
	O_LIST_ID,
	O_UNSUBSCRIBE_URL,
	O_UNSUBSCRIBE_MAILTO,
	O_DKIM,
	O_ENCODING,
	O_FILES,
	O_POSTAL,
	O_DNS,
};

static const struct option long_options[] = {
	/* clang-format off */
	{ "config",         required_argument, NULL, 'c' },
	{ "socket",         required_argument, NULL, 's' },
	{ "help",           no_argument,       NULL, 'h' },
	{ "name",           required_argument, NULL, O_NAME },
	{ "template",       required_argument, NULL, O_TEMPLATE },
	{ "recipients",     required_argument, NULL, O_RECIPIENTS },
	{ "from",           required_argument, NULL, O_FROM },
	{ "return-path",    required_argument, NULL, O_RETURN_PATH },
	{ "shared-copy",    required_argument, NULL, O_SHARED_COPY },
	{ "pool",           required_argument, NULL, O_POOL },
	{ "address-column", required_argument, NULL, O_COLUMN },
	{ "types",          required_argument, NULL, O_TYPES },
	{ "delimiter",      required_argument, NULL, O_DELIMITER },
	{ "dry-run",        no_argument,       NULL, O_DRY_RUN },
	{ "no-resume",      no_argument,       NULL, O_NO_RESUME },
	{ "to-test",        required_argument, NULL, O_TO_TEST },
	{ "limit",          required_argument, NULL, O_LIMIT },
	{ "rejected",       required_argument, NULL, O_REJECTED },
	{ "until-attempts", required_argument, NULL, O_UNTIL },
	{ "export",         required_argument, NULL, O_EXPORT },
	{ "json",           no_argument,       NULL, O_JSON },
	{ "class",          required_argument, NULL, O_CLASS },
	{ "tls-min",        required_argument, NULL, O_TLS_MIN },
	{ "requiretls",     no_argument,       NULL, O_REQUIRETLS },
	{ "dsn-notify",     required_argument, NULL, O_DSN_NOTIFY },
	{ "dsn-ret",        required_argument, NULL, O_DSN_RET },
	{ "tenant",         required_argument, NULL, O_TENANT },
	{ "stream",         required_argument, NULL, O_STREAM },
	{ "list-id",        required_argument, NULL, O_LIST_ID },
	{ "unsubscribe-url", required_argument, NULL, O_UNSUBSCRIBE_URL },
	{ "unsubscribe-mailto", required_argument, NULL, O_UNSUBSCRIBE_MAILTO },
	{ "dkim",           required_argument, NULL, O_DKIM },
	{ "encoding",       required_argument, NULL, O_ENCODING },
	{ "files",          required_argument, NULL, O_FILES },
	{ "dns",            no_argument,       NULL, O_DNS },
	{ "postal-address", required_argument, NULL, O_POSTAL },
	{ NULL, 0, NULL, 0 },
	/* clang-format on */
};

static const char common_help[] =
    "  --name N             of the campaign: letters, digits, '.', '_', '-'; never used before\n"
    "  --template PATH      a folder: message.liquid with body.html.liquid and/or\n"
    "                       body.text.liquid; or one file: header, empty line, body\n"
    "  --recipients FILE    CSV with a header line, or JSONL: one object a line; columns or\n"
    "                       members become variables\n"
    "  --from A             address of From: where the template has none\n"
    "  --address-column C   the column with the address (email)\n"
    "  --types C:T,...      what texts of columns are: string (default), number, bool, date, json\n"
    "  --delimiter D        of CSV: comma, semicolon, tab, pipe or one character (default: seen\n"
    "                       in the header line)\n"
    "  --return-path A      one envelope sender for all (default: one each under bounce_domain)\n"
    "  --shared-copy TO     one message for all, with TO in To: recipients of a domain share\n"
    "                       transactions. For notices (--class transactional): nothing in it may\n"
    "                       differ, so no columns, no one-click field, and a --return-path\n"
    "  --pool P             of sources to send from (default: all)\n"
    "  --to-test A          every message goes to this address instead\n"
    "  --limit N            take the first N recipients only\n"
    "  --rejected FILE      where bad rows are listed (default: beside the list)\n"
    "  --class C            bulk (default) or transactional\n"
    "  --tls-min P          none, opportunistic, encrypt or verify: never less, whatever the site\n"
    "  --requiretls         only over hosts with site.requiretls, names verified (RFC 8689); "
    "fails\n"
    "                       elsewhere\n"
    "  --dsn-notify N       reports (RFC 3461): never, or some of success,failure,delay; none\n"
    "                       (default: dsn_notify of tenant or class)\n"
    "  --dsn-ret R          how much of the message they return: hdrs, full or none (default:\n"
    "                       dsn_ret of tenant or class)\n"
    "  --tenant T           who sends, in Feedback-ID and unsubscribe tokens\n"
    "  --stream S           what kind of mail, there too (default: the class)\n"
    "  --list-id L          List-Id, like \"News <news.shop.example>\"\n"
    "  --unsubscribe-url U  https address to which tokens are put (default: unsubscribe.url)\n"
    "  --unsubscribe-mailto A  address for the same by mail (default: unsubscribe.mailto)\n"
    "  --postal-address P   of who sends, which bulk mail shows (default: postal_address)\n"
    "  --dkim NAMES         dkim blocks that sign, with commas between (default: by From)\n"
    "  --encoding 8bit      bodies beyond ASCII go as they are; a host without 8BITMIME gets them\n"
    "                       encoded (default: 7bit)\n"
    "  --files first        attachments before the bodies: they are hashed once for all messages,\n"
    "                       but some readers then show the text as a file (default: last, hashed\n"
    "                       for each message, some 0.6 ms of a core a megabyte)\n"
    "  --no-resume          import the list from its first row, whatever an interrupted import of\n"
    "                       this name has left\n"
    "  --dry-run            import and compose everything, send and keep nothing\n";

static void print_help(const char *command)
{
	if (strcmp(command, "send") == 0)
		printf(
		    "posthaste send -c FILE --name N --template PATH --recipients FILE --from A\n\n"
		    "Starts the engine, imports and sends one campaign, shows how it goes, stops.\n"
		    "A campaign of that name that was not finished goes on.\n\n"
		    "  -c, --config FILE    configuration\n%s"
		    "  --until-attempts N   end when each recipient is final or was tried N times\n"
		    "  --export FILE        write the state of every recipient as CSV at the end\n",
		    common_help);
	else if (strcmp(command, "lint") == 0)
		printf(
		    "posthaste lint --template DIR --recipients FILE [-c FILE] [--dns] [--json]\n\n"
		    "Says what receivers would refuse. Exit status: 0 no error, 1 errors, 2 "
		    "usage.\n"
		    "Takes the options of `campaign start`; none but these two is required.\n\n"
		    "  -c, --config FILE    configuration: sources, keys, name servers, postal "
		    "address\n"
		    "  --dns                asks DNS, too: PTR, HELO, SPF, DKIM, DMARC, MX, SOA\n"
		    "  --json               as one JSON object\n%s",
		    common_help);
	else
		printf(
		    "posthaste campaign start [-c FILE | -s SOCKET] --name N --template PATH\n"
		    "                         --recipients FILE --from A\n\n"
		    "  -c, --config FILE    configuration of the running engine, for its socket\n"
		    "  -s, --socket FILE    its socket\n%s",
		    common_help);
}

static int read_number(const char *command, const char *option, const char *text, uint64_t most,
                       uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || *out == 0 || *out > most)
		return cmd_usage(command, "--%s %s: a number from 1 to %llu", option, text,
		                 (unsigned long long)most);
	return 0;
}

/* The same file, whatever directory the engine runs in. */
static int absolute(const char *option, const char *path, char **out)
{
	char full[PATH_MAX];

	if (realpath(path, full) == NULL)
		return cmd_fail("--%s %s: %s", option, path, strerror(errno));
	free(*out);
	*out = xstrdup(full);
	return 0;
}

/* As absolute(), for a file that is yet to be written. */
static int absolute_new(const char *path, char **out)
{
	char dir[PATH_MAX];

	free(*out);
	*out = NULL;
	if (path[0] == '/' || getcwd(dir, sizeof(dir)) == NULL)
		*out = xstrdup(path);
	else if (asprintf(out, "%s/%s", dir, path) < 0)
		*out = xcheck(NULL);
	return 0;
}

static int replace(char **out, const char *value)
{
	free(*out);
	*out = xstrdup(value);
	return 0;
}

static int take_option(const char *command, int o, struct cmd_campaign *c)
{
	struct campaign_spec *s = &c->spec;
	uint64_t n;
	int err;

	switch (o) {
	case 'c':
		c->conf_path = optarg;
		return 0;
	case 's':
		c->socket_path = optarg;
		return 0;
	case O_NAME:
		if (strlen(optarg) > CAMPAIGN_NAME_MAX)
			return cmd_usage(command, "--name: at most %d characters",
			                 CAMPAIGN_NAME_MAX);
		snprintf(s->name, sizeof(s->name), "%s", optarg);
		return 0;
	case O_TEMPLATE:
		return absolute("template", optarg, &s->template_dir);
	case O_RECIPIENTS:
		return absolute("recipients", optarg, &s->recipients_path);
	case O_FROM:
		return replace(&s->from, optarg);
	case O_RETURN_PATH:
		return replace(&s->return_path, optarg);
	case O_SHARED_COPY:
		return replace(&s->shared_copy, optarg);
	case O_POOL:
		return replace(&s->pool, optarg);
	case O_COLUMN:
		return replace(&s->address_column, optarg);
	case O_TYPES:
		return replace(&s->types, optarg);
	case O_DELIMITER:
		return replace(&s->delimiter, optarg);
	case O_TO_TEST:
		return replace(&s->to_test, optarg);
	case O_DRY_RUN:
		s->dry_run = true;
		return 0;
	case O_NO_RESUME:
		s->no_resume = true;
		return 0;
	case O_LIMIT:
		return read_number(command, "limit", optarg, UINT32_MAX, &s->limit);
	case O_REJECTED:
		return absolute_new(optarg, &s->rejected_path);
	case O_UNTIL:
		err = read_number(command, "until-attempts", optarg, 255, &n);
		c->attempts_max = (uint32_t)n;
		return err;
	case O_EXPORT:
		c->export_path = optarg;
		return 0;
	case O_CLASS:
		return replace(&s->class, optarg);
	case O_TLS_MIN:
		return replace(&s->tls_min, optarg);
	case O_REQUIRETLS:
		s->requiretls = true;
		return 0;
	case O_DSN_NOTIFY:
		return replace(&s->dsn_notify, optarg);
	case O_DSN_RET:
		return replace(&s->dsn_ret, optarg);
	case O_TENANT:
		return replace(&s->tenant, optarg);
	case O_STREAM:
		return replace(&s->stream, optarg);
	case O_LIST_ID:
		return replace(&s->list_id, optarg);
	case O_UNSUBSCRIBE_URL:
		return replace(&s->unsubscribe_url, optarg);
	case O_UNSUBSCRIBE_MAILTO:
		return replace(&s->unsubscribe_mailto, optarg);
	case O_DKIM:
		return replace(&s->dkim, optarg);
	case O_ENCODING:
		return replace(&s->encoding, optarg);
	case O_FILES:
		return replace(&s->files, optarg);
	case O_POSTAL:
		return replace(&s->postal_address, optarg);
	case O_DNS:
		c->dns = true;
		return 0;
	case O_JSON:
		c->json = true;
		return 0;
	}
	return cmd_usage(command, "option %d is not known here", o);
}

static int check_complete(const char *command, const struct cmd_campaign *c)
{
	const struct campaign_spec *s = &c->spec;
	bool lint = strcmp(command, "lint") == 0;
	const char *missing = s->name[0] == '\0'           ? "--name"
	                      : s->template_dir == NULL    ? "--template"
	                      : s->recipients_path == NULL ? "--recipients"
	                      : s->from == NULL && !lint   ? "--from"
	                                                   : NULL;

	if (missing != NULL)
		return cmd_usage(command, "%s is missing", missing);
	if (c->dns && !lint)
		return cmd_usage(command, "--dns is an option of lint; here lint.dns says it");
	if (c->conf_path == NULL && c->socket_path == NULL && !lint)
		return cmd_usage(command, "-c FILE is missing");
	return 0;
}

int cmd_campaign_options(int argc, char **argv, struct cmd_campaign *out)
{
	const char *command = strcmp(argv[0], "start") == 0 ? "campaign start" : argv[0];
	int o, err;

	*out = (struct cmd_campaign){ 0 };
	out->spec.address_column = xstrdup("email");
	if (strcmp(command, "lint") == 0) /* nothing is kept under it */
		snprintf(out->spec.name, sizeof(out->spec.name), "lint");
	optind = 1;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:c:s:h", long_options, NULL)) != -1) {
		if (o == 'h') {
			print_help(argv[0]);
			cmd_campaign_free(out);
			exit(0);
		}
		if (o == '?' || o == ':')
			err = cmd_usage(command, "%s: %s", argv[optind - 1],
			                o == ':' ? "its value is missing" : "unknown option");
		else
			err = take_option(command, o, out);
		if (err != 0)
			goto out;
	}
	err = optind < argc ? cmd_usage(command, "unexpected word \"%s\"", argv[optind])
	                    : check_complete(command, out);
out:
	if (err != 0)
		cmd_campaign_free(out);
	return err;
}

void cmd_campaign_free(struct cmd_campaign *c)
{
	struct campaign_spec *s = &c->spec;

	free(s->template_dir);
	free(s->recipients_path);
	free(s->address_column);
	free(s->types);
	free(s->delimiter);
	free(s->from);
	free(s->return_path);
	free(s->shared_copy);
	free(s->pool);
	free(s->to_test);
	free(s->rejected_path);
	free(s->class);
	free(s->tls_min);
	free(s->dsn_notify);
	free(s->dsn_ret);
	free(s->tenant);
	free(s->stream);
	free(s->list_id);
	free(s->unsubscribe_url);
	free(s->unsubscribe_mailto);
	free(s->postal_address);
	free(s->dkim);
	free(s->encoding);
	free(s->files);
	*c = (struct cmd_campaign){ 0 };
}
