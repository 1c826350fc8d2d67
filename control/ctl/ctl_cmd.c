/* ctl_cmd.c - the command table and its short driver. */
#include "control/ctl/ctl_cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"
#include "control/near.h"
#include "control/sched/sched.h"
#include "control/text.h"
#include "control/xalloc.h"

static ctl_run_fn help, host_forget, reload, stop;

/* clang-format off */
static const struct ctl_cmd commands[] = {
	/* pattern                          run                  help */
	{ "help",                           help,                "what may be asked" },
	{ "show version",                   ctl_show_version,    "version and time since the start" },
	{ "show stats",                     ctl_show_stats,      "counters of all workers, summed, and of the resolver" },
	{ "show workers",                   ctl_show_workers,    "each worker's counters" },
	{ "show ports",                     ctl_show_ports,      "devices, their workers and how replies find them" },
	{ "show tcp",                       ctl_show_tcp,        "TCP/IP counters: the sum and each worker's" },
	{ "show connections",               ctl_show_connections, "connections: path, states, round trips, windows" },
	{ "show connections <site>",        ctl_show_connections, "those to one receiver: a domain or a name of `show sites`" },
	{ "show connections limit <n>",     ctl_show_connections, "the first n" },
	{ "show connections <site> limit <n>", ctl_show_connections, "the first n to one receiver" },
	{ "show sites",                     ctl_show_sites,      "receivers in use: connections, queue, limits" },
	{ "show domain <site>",             ctl_show_domain,     "the hosts of one receiver, and what is known of each" },
	{ "show credentials",               ctl_show_credentials, "who we are to smarthosts; which of it they refuse" },
	{ "show config",                    ctl_show_config,     "every option, its value and where it came from" },
	{ "show campaigns",                 ctl_show_campaigns,  "all campaigns, one a line" },
	{ "show campaign <campaign>",       ctl_show_campaign,   "states, domains and reasons of one campaign" },
	{ "show gate",                      ctl_show_gate,       "the content gate: its rules, and how many messages hit each" },
	{ "show gate <campaign>",           ctl_show_gate,       "the rules that messages of one campaign hit" },
	{ "campaign pause <campaign>",      ctl_campaign_pause,  "begin none of its messages from now on" },
	{ "campaign resume <campaign>",     ctl_campaign_resume, "let a paused campaign go on" },
	{ "campaign release <campaign>",    ctl_campaign_release, "send what the content gate holds of it" },
	{ "campaign cancel held <campaign>", ctl_campaign_cancel_held, "give up what the content gate holds of it" },
	{ "campaign start <key=value>...",  ctl_campaign_start,  "import a list and send it; answers when it is imported" },
	{ "campaign export <campaign> <path>", ctl_campaign_export, "every recipient's state as CSV, to a file of the engine's" },
	{ "host forget <address>",          host_forget,         "what it was seen to do, TLS too: it may have given that up" },
	{ "reload",                         reload,              "read the configuration file again" },
	{ "shutdown",                       stop,                "end in order; again: end at the bound" },
};
/* clang-format on */

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

enum ctl_said ctl_fail(struct ctl_req *req, const char *fmt, ...)
{
	char text[CTL_ERROR_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text, req->error, sizeof(req->error));
	return CTL_SAID_ERROR;
}

json_t *ctl_json_text(const char *text)
{
	json_t *string;
	char *clean;

	if (text == NULL)
		return json_null();
	clean = xcalloc(1, strlen(text) + 1);
	string = xcheck(json_string(text_clean(text, clean, strlen(text) + 1)));
	free(clean);
	return string;
}

void ctl_json_write(struct ctl_req *req, json_t *value)
{
	json_dumpf(xcheck(value), req->out, JSON_COMPACT);
	json_decref(value);
}

/* The holes: how a word that stands in one becomes an argument. */
static int fill_campaign(struct ctl_req *req, char *word)
{
	req->campaign = campaign_find(engine_campaigns(req->engine), word);
	if (req->campaign != NULL)
		return 0;
	ctl_fail(req, "no campaign \"%.64s\"; \"show campaigns\" lists them", word);
	return -EINVAL;
}

static int fill_path(struct ctl_req *req, char *word)
{
	req->path = word;
	if (word[0] == '/')
		return 0;
	ctl_fail(req, "\"%.200s\" is not an absolute path; let it begin with /", word);
	return -EINVAL;
}

static int fill_site(struct ctl_req *req, char *word)
{
	req->site = word;
	return 0;
}

static int fill_address(struct ctl_req *req, char *word)
{
	if (ip_parse(word, &req->address) == 0)
		return 0;
	ctl_fail(req,
	         "\"%.60s\" is not an address; \"show domain\" lists those of a domain's hosts",
	         word);
	return -EINVAL;
}

static int fill_limit(struct ctl_req *req, char *word)
{
	char *end;

	errno = 0;
	req->limit = strtoull(word, &end, 10);
	req->has_limit = true;
	if (word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0)
		return 0;
	ctl_fail(req, "\"%.60s\" is not a number; write limit 100", word);
	return -EINVAL;
}

static const struct {
	const char *name;
	int (*fill)(struct ctl_req *req, char *word);
} holes[] = {
	{ "<campaign>", fill_campaign }, { "<path>", fill_path }, { "<site>", fill_site },
	{ "<address>", fill_address },   { "<n>", fill_limit },
};

static const char rest_hole[] = "<key=value>...";

/* The next word of a pattern, of `bytes` bytes; false past the last. */
static bool pattern_word(const char **at, const char **word, size_t *bytes)
{
	*at += strspn(*at, " ");
	*word = *at;
	*bytes = strcspn(*at, " ");
	*at += *bytes;
	return *bytes > 0;
}

/* How many leading words of the request are the pattern's own words; `whole` says whether the
 * request has the pattern's shape.
 */
static int fits(const struct ctl_req *req, int first, const char *pattern, bool *whole)
{
	const char *word;
	size_t bytes;
	int i = first, literal = 0;

	*whole = false;
	while (pattern_word(&pattern, &word, &bytes)) {
		if (strncmp(word, rest_hole, bytes) == 0 && bytes == sizeof(rest_hole) - 1) {
			*whole = true;
			return literal;
		}
		if (i == req->n_words)
			return literal;
		if (word[0] != '<') {
			if (strlen(req->words[i]) != bytes ||
			    memcmp(req->words[i], word, bytes) != 0)
				return literal;
			literal++;
		}
		i++;
	}
	*whole = i == req->n_words;
	return literal;
}

static int fill_holes(struct ctl_req *req, int first)
{
	const char *pattern = req->cmd->pattern, *word;
	size_t bytes;

	for (int i = first; pattern_word(&pattern, &word, &bytes); i++) {
		if (bytes == sizeof(rest_hole) - 1 && memcmp(word, rest_hole, bytes) == 0) {
			req->rest = req->words + i;
			req->n_rest = req->n_words - i;
			return 0;
		}
		for (size_t h = 0; h < sizeof(holes) / sizeof(holes[0]); h++) {
			int err;

			if (strlen(holes[h].name) != bytes ||
			    memcmp(holes[h].name, word, bytes) != 0)
				continue;
			err = holes[h].fill(req, req->words[i]);
			if (err != 0)
				return err;
		}
	}
	return 0;
}

static const char *pattern_at(const void *ctx, uint32_t n)
{
	(void)ctx;
	return n < N_COMMANDS ? commands[n].pattern : NULL;
}

static uint32_t n_literals(const char *pattern)
{
	const char *word;
	size_t bytes;
	uint32_t n = 0;

	while (pattern_word(&pattern, &word, &bytes))
		n += word[0] != '<';
	return n;
}

/* No command fits: says what is missing, or what was meant. */
static int no_such(struct ctl_req *req, int first)
{
	char said[NEAR_WORD_MAX + 1] = "";
	const char *meant;
	size_t used = 0;
	bool whole;

	for (uint32_t n = 0; n < N_COMMANDS; n++) {
		uint32_t literal = (uint32_t)fits(req, first, commands[n].pattern, &whole);

		if (literal > 0 && literal == n_literals(commands[n].pattern)) {
			ctl_fail(req, "usage: %s", commands[n].pattern);
			return -EINVAL;
		}
	}
	for (int i = first; i < req->n_words && used < sizeof(said); i++)
		used += (size_t)snprintf(said + used, sizeof(said) - used, "%s%s",
		                         i == first ? "" : " ", req->words[i]);
	meant = near_find(said, pattern_at, NULL);
	if (meant != NULL)
		ctl_fail(req, "unknown command \"%s\"; did you mean \"%s\"?", said, meant);
	else
		ctl_fail(req, "unknown command \"%s\"; \"help\" lists all", said);
	return -EINVAL;
}

int ctl_match(struct ctl_req *req, char *line)
{
	const char *why;
	bool whole;
	int first;

	req->n_words = ctl_words_split(line, req->words, &why);
	if (req->n_words < 0) {
		ctl_fail(req, "%s", why);
		return -EINVAL;
	}
	first = req->n_words > 0 && strcmp(req->words[0], "json") == 0;
	req->json = first == 1;
	if (req->n_words == first) {
		ctl_fail(req, "empty request; \"help\" lists all commands");
		return -EINVAL;
	}
	for (uint32_t n = 0; n < N_COMMANDS; n++) {
		fits(req, first, commands[n].pattern, &whole);
		if (!whole)
			continue;
		req->cmd = &commands[n];
		return fill_holes(req, first);
	}
	return no_such(req, first);
}

static enum ctl_said help(struct ctl_req *req)
{
	json_t *all = req->json ? xcheck(json_array()) : NULL;

	for (uint32_t n = 0; n < N_COMMANDS; n++) {
		if (req->json)
			json_array_append_new(all,
			                      json_pack("{s:s,s:s}", "command", commands[n].pattern,
			                                "help", commands[n].help));
		else
			fprintf(req->out, "%-34s %s\n", commands[n].pattern, commands[n].help);
	}
	if (req->json) {
		ctl_json_write(req, all);
		fputc('\n', req->out);
	}
	return CTL_SAID_ALL;
}

static enum ctl_said say(struct ctl_req *req, const char *what)
{
	fprintf(req->out, req->json ? "{\"done\":\"%s\"}\n" : "%s\n", what);
	return CTL_SAID_ALL;
}

static enum ctl_said host_forget(struct ctl_req *req)
{
	int known = sched_forget_host(engine_sched(req->engine), &req->address);
	char ip[IP_TEXT_MAX];

	if (known < 0)
		return ctl_fail(req, "the store has no room now; say it again");
	if (known == 0)
		return ctl_fail(req, "nothing is known of %s", ip_format(&req->address, ip));
	return say(req, "forgotten");
}

static enum ctl_said reload(struct ctl_req *req)
{
	char why[CONF_WHY_BYTES] = "";

	if (engine_reload(req->engine, why) != 0)
		return ctl_fail(req, "%s", why);
	return say(req, "reloaded");
}

static enum ctl_said stop(struct ctl_req *req)
{
	engine_stop(req->engine);
	return say(req, "stopping");
}

void ctl_reference(FILE *out)
{
	fputs("| command | what |\n|---|---|\n", out);
	for (uint32_t n = 0; n < N_COMMANDS; n++)
		fprintf(out, "| `%s` | %s |\n", commands[n].pattern, commands[n].help);
}
