/* cmd_scan.c - `posthaste scan`: what the content gate would say of a message. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/gate/find.h"
#include "control/gate/mail.h"
#include "control/xalloc.h"

enum {
	SCAN_FILE_BYTES_MAX = 64 << 20,
	EXIT_GATED = 1, /* held or rejected */
	EXIT_TROUBLE = 2,
};

static const char help[] =
    "posthaste scan [-c FILE | --rules FILE] [--json] FILE...\n\n"
    "Each FILE is a mail message, or a text or HTML alone; - is standard input, as in\n"
    "`posthaste compose ... | posthaste scan -`. Prints a line for each rule and line where it\n"
    "would match: FILE:LINE:COLUMN: part: rule grade action: note. Then what would become of it.\n"
    "Of a subject or a file name that is encoded the place is that of its field.\n\n"
    "  -c FILE        the rules that this configuration names\n"
    "  --rules FILE   these rules; without either the shipped ones\n"
    "  --json         one object a file\n\n"
    "Exit status: 0 it would be sent, 1 one would be held or rejected, 2 something is wrong with\n"
    "the words, the rules or a file.\n";

static const char *const part_names[] = {
	[DP_PART_SUBJECT] = "subject", [DP_PART_TEXT] = "text",       [DP_PART_HTML] = "html",
	[DP_PART_HEADER] = "header",   [DP_PART_NAME] = "attachment", [DP_PART_FILE] = "file"
};

struct scan {
	const char *conf_path, *rules_path;
	bool json;
	struct find *find;
};

static int trouble(void)
{
	return EXIT_TROUBLE; /* said already */
}

/* Reads a whole file, bounded; NULL when it has said why not. */
static char *read_all(const char *path, size_t *bytes)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t room = 0, n = 0;

	if (in == NULL) {
		cmd_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		if (n == room) {
			room = room == 0 ? 1 << 16 : room * 2;
			text = xrealloc(text, room, 1);
		}
		n += fread(text + n, 1, room - n, in);
	} while (!feof(in) && !ferror(in) && n <= SCAN_FILE_BYTES_MAX);
	if (ferror(in) || n > SCAN_FILE_BYTES_MAX) {
		cmd_fail("%s: %s", path,
		         ferror(in) ? strerror(errno)
		                    : "is larger than 64 MiB, which nobody mails");
		free(text);
		text = NULL;
	}
	if (in != stdin)
		fclose(in);
	*bytes = n;
	return text;
}

static void tell_place(const struct scan *s, const char *path, const struct find_place *place,
                       uint8_t part, uint32_t line, uint32_t column, json_t *hits)
{
	const struct gate_rule *r = place->rule;

	if (!s->json) {
		printf("%s:%u:%u: %s: %s %s %s: %s\n", path, line, column, part_names[part], r->id,
		       rules_grade_name(r->grade), rules_action_name(r->action), r->note);
		return;
	}
	json_array_append_new(hits,
	                      json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:s}", "rule", r->id, "grade",
	                                rules_grade_name(r->grade), "action",
	                                rules_action_name(r->action), "part", part_names[part],
	                                "line", (int)line, "column", (int)column, "note", r->note));
}

/* Part by part. Returns the severest action. */
static uint8_t scan_mail(const struct scan *s, const char *path, struct mail *m, json_t *hits,
                         uint64_t *more)
{
	struct find_place *places = xcalloc(FIND_MAX, sizeof(*places));
	uint8_t action = DP_GATE_PASS;

	*more = 0;
	for (uint32_t t = 0; t < m->n; t++) {
		uint64_t untold;
		uint32_t n = find_places(s->find, &m->texts[t], places, &untold);

		*more += untold;
		for (uint32_t i = 0; i < n; i++) {
			uint8_t of = places[i].rule->action;
			uint32_t line, column;

			mail_place(m, t, places[i].at, &line, &column);
			tell_place(s, path, &places[i], m->texts[t].part, line, column, hits);
			action = of > action ? of : action;
		}
	}
	free(places);
	return action;
}

static const char *fate(uint8_t action)
{
	return action == DP_GATE_REJECT ? "would be rejected"
	       : action == DP_GATE_HOLD ? "would be held"
	       : action == DP_GATE_TAG  ? "would be sent with a tag"
	                                : "would be sent";
}

static int scan_file(const struct scan *s, const char *path)
{
	json_t *hits = s->json ? xcheck(json_array()) : NULL, *all;
	uint64_t more;
	struct mail m;
	uint8_t action;
	size_t bytes;
	char *text = read_all(path, &bytes);

	if (text == NULL) {
		json_decref(hits);
		return trouble();
	}
	mail_read(span_of(text, bytes), &m);
	action = scan_mail(s, path, &m, hits, &more);
	if (s->json) {
		all = xcheck(json_pack("{s:s,s:s,s:i,s:I,s:o}", "file", path, "action",
		                       rules_action_name(action), "parts_not_scanned",
		                       (int)m.n_dropped, "places_not_told", (json_int_t)more,
		                       "hits", hits));
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(all);
	} else {
		if (more > 0)
			printf("%s: %" PRIu64 " more places\n", path, more);
		printf("%s: %s\n", path, fate(action));
		if (m.n_dropped > 0)
			printf("%s: %u more parts were not looked at\n", path, m.n_dropped);
	}
	mail_fini(&m);
	free(text);
	return action >= DP_GATE_HOLD ? EXIT_GATED : 0;
}

static int open_rules(struct scan *s)
{
	const char *rules = s->rules_path != NULL ? s->rules_path : "";
	struct conf *conf = NULL;
	char why[RULES_WHY_BYTES];
	int err = 0;

	static_assert((int)RULES_WHY_BYTES >= (int)CONF_WHY_BYTES, "either's line fits");
	if (s->conf_path != NULL)
		err = conf_load(s->conf_path, &conf, why);
	if (err == 0 && conf != NULL)
		rules = conf->gate.rules;
	if (err == 0)
		err = find_open(rules, &s->find, why);
	if (err != 0)
		cmd_fail("%s", why);
	if (conf != NULL)
		conf_free(conf);
	return err == 0 ? 0 : trouble();
}

int cmd_scan(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		                                 { "rules", required_argument, NULL, 'r' },
		                                 { "json", no_argument, NULL, 'j' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { NULL, 0, NULL, 0 } };
	struct scan s = { .json = false };
	int c, status = 0;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
		if (c == 'c')
			s.conf_path = optarg;
		else if (c == 'r')
			s.rules_path = optarg;
		else if (c == 'j')
			s.json = true;
		else if (c == 'h')
			return fputs(help, stdout) < 0;
		else
			return cmd_usage("scan", "\"%s\" is no option, or it lacks its value",
			                 argv[optind - 1]);
	}
	if (optind == argc)
		return cmd_usage("scan", "FILE is missing");
	if (s.conf_path != NULL && s.rules_path != NULL)
		return cmd_usage("scan", "-c and --rules name two sets of rules; give one");
	status = open_rules(&s);
	for (int i = optind; i < argc && s.find != NULL; i++) {
		int one = scan_file(&s, argv[i]);

		status = one > status ? one : status;
	}
	find_close(s.find);
	return status;
}
