/* cmd_scan.c - `posthaste scan`: what the content gate would say of a message. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/gate/mail.h"
#include "control/gate/ruleset.h"
#include "control/xalloc.h"

enum {
	SCAN_FILE_BYTES_MAX = 64 << 20,
	EXIT_GATED = 1, /* held or rejected */
	EXIT_TROUBLE = 2,
};

static const char help[] = "posthaste scan [-c FILE | --rules FILE] [--json] FILE...\n\n"
			   "Each FILE is a mail message, or a text or HTML alone; - is standard "
			   "input. Says which rules it\n"
			   "would hit, and in what part.\n\n"
			   "  -c FILE        the rules that this configuration names\n"
			   "  --rules FILE   these rules; without either the shipped ones\n"
			   "  --json         one object a file\n\n"
			   "Exit status: 0 it would be sent, 1 one would be held or rejected, 2 "
			   "something is wrong with the\n"
			   "words, the rules or a file.\n";

static const char *const part_names[] = {
	[DP_PART_SUBJECT] = "subject", [DP_PART_TEXT] = "text",       [DP_PART_HTML] = "html",
	[DP_PART_HEADER] = "header",   [DP_PART_NAME] = "attachment", [DP_PART_FILE] = "file"
};

struct scan {
	const char *conf_path, *rules_path;
	bool json;
	struct gate *gate;
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

static void tell_hit(const struct scan *s, const char *path, uint32_t rule, uint8_t part,
                     json_t *hits)
{
	const struct gate_rule *r = gate_rule(s->gate, rule);

	if (!s->json) {
		printf("%s: %s: %s %s %s: %s\n", path, part_names[part], r->id,
		       rules_grade_name(r->grade), rules_action_name(r->action), r->note);
		return;
	}
	json_array_append_new(hits, json_pack("{s:s,s:s,s:s,s:s,s:s}", "rule", r->id, "grade",
	                                      rules_grade_name(r->grade), "action",
	                                      rules_action_name(r->action), "part",
	                                      part_names[part], "note", r->note));
}

/* Part by part, since a verdict does not say where it is from. */
static uint8_t scan_mail(const struct scan *s, const char *path, const struct mail *m, json_t *hits)
{
	uint8_t action = DP_GATE_PASS;

	for (uint32_t t = 0; t < m->n; t++) {
		struct gate_verdict v;

		gate_scan(s->gate, 0, 0, false, &m->texts[t], 1, &v);
		for (uint32_t h = 0; h < v.n_hits; h++)
			tell_hit(s, path, v.hits[h], m->texts[t].part, hits);
		action = v.action > action ? v.action : action;
	}
	return action;
}

static int scan_file(const struct scan *s, const char *path)
{
	json_t *hits = s->json ? xcheck(json_array()) : NULL, *all;
	struct mail m;
	uint8_t action;
	size_t bytes;
	char *text = read_all(path, &bytes);

	if (text == NULL) {
		json_decref(hits);
		return trouble();
	}
	mail_read(span_of(text, bytes), &m);
	action = scan_mail(s, path, &m, hits);
	if (s->json) {
		all = xcheck(json_pack("{s:s,s:s,s:i,s:o}", "file", path, "action",
		                       rules_action_name(action), "parts_not_scanned",
		                       (int)m.n_dropped, "hits", hits));
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(all);
	} else {
		printf("%s: %s\n", path,
		       action == DP_GATE_REJECT ? "would be rejected"
		       : action == DP_GATE_HOLD ? "would be held"
		                                : "would be sent");
		if (m.n_dropped > 0)
			printf("%s: %u more parts were not looked at\n", path, m.n_dropped);
	}
	mail_fini(&m);
	free(text);
	return action >= DP_GATE_HOLD ? EXIT_GATED : 0;
}

static int open_gate(struct scan *s)
{
	struct ruleset_conf rc = { .rules_path = s->rules_path != NULL ? s->rules_path : "",
		                   .tag_name = "X-Tag",
		                   .n_lanes = 1 };
	struct conf *conf = NULL;
	struct ruleset_info info;
	char why[RULES_WHY_BYTES];
	int err = 0;

	static_assert((int)RULES_WHY_BYTES >= (int)CONF_WHY_BYTES, "either's line fits");
	if (s->conf_path != NULL)
		err = conf_load(s->conf_path, &conf, why);
	if (err == 0 && conf != NULL)
		rc.rules_path = conf->gate.rules;
	if (err == 0)
		err = ruleset_open(&rc, &s->gate, &info, why);
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
	status = open_gate(&s);
	for (int i = optind; i < argc && s.gate != NULL; i++) {
		int one = scan_file(&s, argv[i]);

		status = one > status ? one : status;
	}
	gate_free(s.gate);
	return status;
}
