/* cmd_compose.c - `posthaste compose`: one message from a template folder and a row, as it would be
 * sent.
 *
 * Makes what a campaign makes, but for the names that hang on a campaign's secret key.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "control/cmd.h"
#include "control/json_value.h"
#include "control/text.h"
#include "control/xalloc.h"
#include "templates/tpl.h"

enum {
	SLAB_BYTES_MIN = 1 << 20,
	SLAB_BYTES_MAX = 256 << 20, /* of one message */
	EXPIRES_S = 12 * 86400,     /* as with the configuration's defaults */
};

enum {
	O_TEMPLATE = 256,
	O_ROW,
	O_FROM,
	O_TO,
	O_MAIL_FROM,
	O_DKIM,
	O_CANON,
	O_ENCODING,
	O_FILES,
	O_TIME,
	O_NUMBER,
};

struct composing {
	const char *path, *row_path, *from, *to, *mail_from;
	json_t *row;
	struct span names[TPL_COLUMNS_MAX];
	bool has_parts[TPL_COLUMNS_MAX];
	struct tpl_value values[TPL_COLUMNS_MAX];
	struct tpl_columns columns;
	struct tpl_signer signers[TPL_SIGNATURES_MAX];
	char *signer_texts[TPL_SIGNATURES_MAX];
	uint32_t n_signers;
	uint8_t header, body; /* enum tpl_canon */
	bool may_8bit, files_first;
	int64_t time_s;
	uint64_t number;
};

/* ---- the row ---- */

/* A member of the row is a column, with whatever value JSON can say. */
static int add_column(struct composing *c, const char *name, const json_t *value)
{
	uint32_t i = c->columns.n;
	char path[JSON_VALUE_PATH_BYTES];

	if (i == TPL_COLUMNS_MAX)
		return cmd_fail("%s: over %d members", c->row_path, TPL_COLUMNS_MAX);
	c->columns.n++;
	c->names[i] = span_str(name);
	c->has_parts[i] = json_is_array(value) || json_is_object(value) || json_is_null(value);
	if (!json_value_read(value, &c->values[i], path))
		return cmd_fail("%s: %.64s%s%.96s: arrays and objects over %d deep", c->row_path,
		                name, path[0] == '[' || path[0] == '\0' ? "" : ".", path,
		                TPL_DATA_DEPTH_MAX);
	return 0;
}

static int read_row(struct composing *c)
{
	json_error_t error;

	c->row = json_load_file(c->row_path, JSON_REJECT_DUPLICATES, &error);
	if (c->row == NULL)
		return cmd_fail("%s:%d:%d: %s", c->row_path, error.line, error.column, error.text);
	if (!json_is_object(c->row))
		return cmd_fail("%s: no object like {\"name\": \"Anna\"}", c->row_path);
	for (void *at = json_object_iter(c->row); at != NULL;
	     at = json_object_iter_next(c->row, at))
		if (add_column(c, json_object_iter_key(at), json_object_iter_value(at)) != 0)
			return 1;
	/* A list has the address as a column; here it may be left out. */
	if (json_object_get(c->row, "email") == NULL && c->columns.n < TPL_COLUMNS_MAX) {
		c->names[c->columns.n] = span_str("email");
		c->values[c->columns.n++] = tpl_text_value(span_str(c->to));
	}
	c->columns.names = c->names;
	c->columns.has_parts = c->has_parts;
	return 0;
}

/* ---- signers ---- */

/* DOMAIN:SELECTOR:KEYFILE */
static int add_signer(struct composing *c, const char *text)
{
	struct tpl_signer *s = &c->signers[c->n_signers];
	char *copy, *selector, *path, why[TPL_WHY_BYTES];
	struct tpl_key *key;
	const char *wrong;

	if (c->n_signers == TPL_SIGNATURES_MAX)
		return cmd_usage("compose", "more than %d --dkim", TPL_SIGNATURES_MAX);
	copy = c->signer_texts[c->n_signers] = xstrdup(text);
	c->n_signers++;
	selector = strchr(copy, ':');
	path = selector == NULL ? NULL : strchr(selector + 1, ':');
	if (path == NULL || path[1] == '\0')
		return cmd_usage("compose", "--dkim %s: expected DOMAIN:SELECTOR:KEYFILE", text);
	*selector++ = *path++ = '\0';
	*s = (struct tpl_signer){ .name = "",
		                  .domain = copy,
		                  .selector = selector,
		                  .when = TPL_SIGN_ALL,
		                  .expires_s = EXPIRES_S };
	wrong = tpl_signer_check(s);
	if (wrong != NULL)
		return cmd_usage("compose", "--dkim %s: %s", text, wrong);
	if (tpl_key_open(path, &key, why) != 0)
		return cmd_fail("%s", why);
	s->key = key;
	return 0;
}

static int read_canon(struct composing *c, const char *text)
{
	static const char *const names[] = { "simple/simple", "simple/relaxed", "relaxed/simple",
		                             "relaxed/relaxed" };

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(text, names[i]) == 0) {
			c->header = i >> 1 ? TPL_RELAXED : TPL_SIMPLE;
			c->body = i & 1 ? TPL_RELAXED : TPL_SIMPLE;
			return 0;
		}
	return cmd_usage("compose", "--canonicalization %s: one of %s, %s, %s, %s", text, names[3],
	                 names[2], names[1], names[0]);
}

/* ---- the message ---- */

static int say(const struct composing *c, const struct tpl_err *err)
{
	char place[TEXT_PLACE_BYTES];

	text_place(c->path, err->file, place);
	if (err->line != 0)
		return cmd_fail("%s:%u:%u: %s", place, err->line, err->column, err->text);
	return cmd_fail("%s: %s", place, err->text);
}

static int print(const struct tpl_out *out)
{
	for (uint32_t i = 0; i < out->n_wire; i++)
		fwrite(out->wire[i].at, 1, out->wire[i].bytes, stdout);
	return fflush(stdout) == 0 && !ferror(stdout)
	           ? 0
	           : cmd_fail("standard output: %s", strerror(errno));
}

static int compose(struct composing *c)
{
	const char *sign = strrchr(c->from, '@');
	struct tpl_campaign campaign = { .name = span_str("compose"),
		                         .from = span_str(c->from),
		                         .may_8bit = c->may_8bit,
		                         .files_first = c->files_first };
	struct tpl_signers signers = { .at = c->signers, .n = c->n_signers };
	struct tpl_job job = { .campaign = &campaign,
		               .values = c->values,
		               .signers = &signers,
		               .envelope = { span_str(c->mail_from), span_str(c->to) },
		               .number = c->number,
		               .first_attempt_s = c->time_s,
		               .now_s = c->time_s };
	size_t room = SLAB_BYTES_MIN;
	struct tpl *tpl = NULL;
	uint8_t *slab = NULL;
	struct tpl_out out;
	struct tpl_err err;
	int r, status;

	if (sign == NULL)
		return cmd_usage("compose", "--from %s: no address", c->from);
	campaign.id_domain = span_of(sign + 1, strcspn(sign + 1, ">"));
	if (tpl_open(c->path, &c->columns, &tpl, &err) != 0)
		return say(c, &err);
	job.tpl = tpl;
	for (r = -ENOSPC; r == -ENOSPC && room <= SLAB_BYTES_MAX; room *= 4) {
		free(slab);
		slab = xcalloc(1, room);
		r = tpl_compose(&job, slab, room, &out, &err);
	}
	if (r == -ENOSPC)
		status = cmd_fail("a message over %d MiB", SLAB_BYTES_MAX >> 20);
	else
		status = r == 0 ? print(&out) : say(c, &err);
	free(slab);
	tpl_close(tpl);
	return status;
}

static void fini(struct composing *c)
{
	for (uint32_t i = 0; i < c->n_signers; i++) {
		tpl_key_close((struct tpl_key *)c->signers[i].key);
		free(c->signer_texts[i]);
	}
	for (uint32_t i = 0; i < TPL_COLUMNS_MAX; i++)
		json_value_free(&c->values[i]);
	json_decref(c->row);
}

/* ---- the command line ---- */

static const char help[] =
    "posthaste compose --template PATH --row FILE.json --from A --to B [--mail-from A]\n"
    "                  [--dkim DOMAIN:SELECTOR:KEYFILE]...\n\n"
    "Prints the whole message as it would be sent, with CRLF line ends.\n\n"
    "  --template PATH      a folder: message.liquid with body.html.liquid and/or\n"
    "                       body.text.liquid; or one file: header, empty line, body\n"
    "  --row FILE           an object; its members are the columns (without \"email\", B is it)\n"
    "  --from A             From: where the template has none\n"
    "  --to B               the recipient\n"
    "  --mail-from A        the envelope sender (default: the address of --from)\n"
    "  --dkim D:S:KEYFILE   signs for domain D, selector S, with a PEM key; up to 4 times\n"
    "  --canonicalization C of these signatures: relaxed/relaxed (default), relaxed/simple,\n"
    "                       simple/relaxed, simple/simple\n"
    "  --encoding E         8bit: bodies beyond ASCII go as they are (default: 7bit)\n"
    "  --files F            first: attachments before the bodies (default: last)\n"
    "  --time T             of the first attempt, Unix seconds (default: now)\n"
    "  --number N           of the row in its campaign (1)\n";

static int read_number(const char *option, const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9')
		return cmd_usage("compose", "--%s %s: no number", option, text);
	return 0;
}

static int take_option(struct composing *c, int o, const char *signers[TPL_SIGNATURES_MAX + 1],
                       uint32_t *n_signers)
{
	int64_t n;
	int err;

	switch (o) {
	case O_TEMPLATE:
		c->path = optarg;
		return 0;
	case O_ROW:
		c->row_path = optarg;
		return 0;
	case O_FROM:
		c->from = optarg;
		return 0;
	case O_TO:
		c->to = optarg;
		return 0;
	case O_MAIL_FROM:
		c->mail_from = optarg;
		return 0;
	case O_DKIM:
		if (*n_signers <= TPL_SIGNATURES_MAX)
			signers[(*n_signers)++] = optarg;
		return 0;
	case O_CANON:
		return read_canon(c, optarg);
	case O_ENCODING:
		c->may_8bit = strcmp(optarg, "8bit") == 0;
		return c->may_8bit || strcmp(optarg, "7bit") == 0
		           ? 0
		           : cmd_usage("compose", "--encoding %s: 7bit or 8bit", optarg);
	case O_FILES:
		c->files_first = strcmp(optarg, "first") == 0;
		return c->files_first || strcmp(optarg, "last") == 0
		           ? 0
		           : cmd_usage("compose", "--files %s: first or last", optarg);
	case O_TIME:
		return read_number("time", optarg, &c->time_s);
	case O_NUMBER:
		err = read_number("number", optarg, &n);
		c->number = (uint64_t)n;
		return err;
	}
	return EXIT_USAGE;
}

static const char *missing(const struct composing *c)
{
	return c->path == NULL       ? "--template"
	       : c->row_path == NULL ? "--row"
	       : c->from == NULL     ? "--from"
	       : c->to == NULL       ? "--to"
	                             : NULL;
}

int cmd_compose(int argc, char **argv)
{
	static const struct option options[] = {
		/* clang-format off */
		{ "template",         required_argument, NULL, O_TEMPLATE },
		{ "row",              required_argument, NULL, O_ROW },
		{ "from",             required_argument, NULL, O_FROM },
		{ "to",               required_argument, NULL, O_TO },
		{ "mail-from",        required_argument, NULL, O_MAIL_FROM },
		{ "dkim",             required_argument, NULL, O_DKIM },
		{ "canonicalization", required_argument, NULL, O_CANON },
		{ "encoding",         required_argument, NULL, O_ENCODING },
		{ "files",            required_argument, NULL, O_FILES },
		{ "time",             required_argument, NULL, O_TIME },
		{ "number",           required_argument, NULL, O_NUMBER },
		{ "help",             no_argument,       NULL, 'h' },
		{ NULL, 0, NULL, 0 },
		/* clang-format on */
	};
	struct composing c = {
		.header = TPL_RELAXED, .body = TPL_RELAXED, .time_s = time(NULL), .number = 1
	};
	const char *signers[TPL_SIGNATURES_MAX + 1];
	uint32_t n_signers = 0;
	int o, status = 0;

	opterr = 0;
	while (status == 0 && (o = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?' || o == ':')
			return cmd_usage("compose", "%s: %s", argv[optind - 1],
			                 o == ':' ? "its value is missing" : "unknown option");
		status = take_option(&c, o, signers, &n_signers);
	}
	if (status == 0 && optind < argc)
		status = cmd_usage("compose", "unexpected word \"%s\"", argv[optind]);
	if (status == 0 && missing(&c) != NULL)
		status = cmd_usage("compose", "%s is missing", missing(&c));
	if (status != 0)
		return status;
	if (c.mail_from == NULL)
		c.mail_from = c.from;
	for (uint32_t i = 0; i < n_signers && status == 0; i++)
		status = add_signer(&c, signers[i]);
	for (uint32_t i = 0; i < c.n_signers; i++) {
		c.signers[i].header = c.header;
		c.signers[i].body = c.body;
	}
	if (status == 0)
		status = read_row(&c);
	if (status == 0)
		status = compose(&c);
	fini(&c);
	return status;
}
