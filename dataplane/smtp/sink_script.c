/* sink_script.c - the script: a rule a line, "STAGE CONDITIONS : DEEDS". */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_words.h"

enum { SCRIPT_BYTES_MAX = 1 << 16 };

static const struct {
	const char *name, *help;
} stages[] = {
#define SINK_STAGE(sym, name, help) [SINK_STAGE_##sym] = { name, help },
#include "dataplane/smtp/sink_stage.def"
#undef SINK_STAGE
};

static const struct {
	const char *name, *reply;
} texts[] = {
#define SINK_TEXT(name, reply) { #name, reply },
#include "dataplane/smtp/sink_text.def"
#undef SINK_TEXT
};

enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };
static_assert((int)N_TEXTS < (int)SINK_TEXT_NONE, "each has a number");

const char *sink_stage_name(enum sink_stage stage)
{
	return stages[stage].name;
}

const char *sink_stage_help(enum sink_stage stage)
{
	return stages[stage].help;
}

bool sink_text(uint32_t i, const char **name, const char **reply)
{
	if (i >= N_TEXTS)
		return false;
	*name = texts[i].name;
	*reply = texts[i].reply;
	return true;
}

static bool is_name(struct span s, const char *name)
{
	return span_eq(s, span_str(name));
}

int sink_find_stage(struct span name)
{
	for (int i = 0; i < SINK_N_STAGES; i++)
		if (is_name(name, stages[i].name))
			return i;
	return -ENOENT;
}

int sink_find_text(struct span name)
{
	for (int i = 0; i < N_TEXTS; i++)
		if (is_name(name, texts[i].name))
			return i;
	return -ENOENT;
}

static int read_rule(struct sink_reader *r)
{
	struct span name = sink_next_word(r);
	int stage = sink_find_stage(name), rc;

	*r->rule = (struct sink_rule){ .line = r->rule->line, .slow = UINT32_MAX };
	if (stage < 0)
		return sink_complain(r, "\"%.*s\" is no stage",
		                     (int)(name.bytes < 40 ? name.bytes : 40),
		                     (const char *)name.at);
	r->rule->stage = (uint8_t)stage;
	rc = sink_read_conditions(r);
	if (rc == 0)
		rc = sink_read_deeds(r);
	if (rc == 0 && stage == SINK_STAGE_BODY &&
	    (r->rule->final == SINK_FINAL_SAY || r->rule->final == SINK_FINAL_RAW))
		rc = sink_complain(r, "nothing can be said in the middle of a message");
	return rc;
}

static void index_rule(struct sink_script *script, uint32_t i)
{
	const struct sink_rule *rule = &script->rules[i];
	uint64_t bit = 1ull << i;

	script->at[rule->stage] |= bit;
	script->by_to |= rule->to != NULL ? bit : 0;
	script->by_sender |= rule->sender != NULL ? bit : 0;
	script->by_helo |= rule->helo != NULL ? bit : 0;
}

/* One line; empty ones and those that begin with # say nothing. */
static int read_line(struct sink_reader *r, struct span line, uint32_t number)
{
	struct sink_script *script = r->script;
	struct sink_rule spare;
	int rc;

	if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
		line.bytes--;
	sink_skip_blanks(&line);
	if (line.bytes == 0 || line.at[0] == '#')
		return 0;
	r->line = line;
	r->rule = script->n < SINK_RULES_MAX ? &script->rules[script->n] : &spare;
	r->rule->line = number;
	if (r->rule == &spare)
		return sink_complain(r, "more than %d rules", SINK_RULES_MAX);
	rc = read_rule(r);
	if (rc == 0)
		index_rule(script, script->n++);
	return rc;
}

int sink_script_parse(struct span text, struct sink_script **out, char why[SINK_WHY_BYTES])
{
	struct sink_script *script = calloc(1, sizeof(*script));
	struct sink_reader r = { .script = script, .why = why };
	uint32_t number = 0;
	int rc = 0;

	snprintf(why, SINK_WHY_BYTES, "no memory for the script");
	if (script == NULL || text.bytes > SCRIPT_BYTES_MAX) {
		if (script != NULL)
			snprintf(why, SINK_WHY_BYTES, "more than %d bytes", SCRIPT_BYTES_MAX);
		free(script);
		return script == NULL ? -ENOMEM : -EINVAL;
	}
	script->memory = malloc(2 * text.bytes + 1);
	rc = script->memory != NULL ? 0 : -ENOMEM;
	r.free = script->memory;
	while (rc == 0 && text.bytes > 0) {
		const uint8_t *nl = memchr(text.at, '\n', text.bytes);
		struct span line = { NULL, 0 };

		(void)span_take(&text, nl != NULL ? (size_t)(nl - text.at) : text.bytes, &line);
		if (nl != NULL)
			text = span_of(nl + 1, text.bytes - 1);
		rc = read_line(&r, line, ++number);
	}
	if (rc != 0) {
		sink_script_free(script);
		return rc;
	}
	*out = script;
	return 0;
}

void sink_script_free(struct sink_script *script)
{
	if (script == NULL)
		return;
	free(script->memory);
	free(script);
}

const char *sink_script_help(void)
{
	static char text[4096];
	int n = 0;

	n += snprintf(text + n, sizeof(text) - (size_t)n, "  stages:\n");
	for (uint32_t i = 0; i < SINK_N_STAGES; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "    %-9s %s\n", stages[i].name,
		              stages[i].help);
	n += sink_words_help(text + n, sizeof(text) - (size_t)n);
	assert((size_t)n < sizeof(text));
	return text;
}
