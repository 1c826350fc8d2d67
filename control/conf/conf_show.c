/* conf_show.c - the configuration and its table, written for people and programs. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf/conf_opt.h"
#include "control/xalloc.h"

/* "limits.rate", "source.s1.helo": the name with its block's in it. */
static void full_name(const struct conf *conf, uint32_t option, uint32_t n, char *out, size_t room)
{
	const struct conf_opt *o = &conf_options[option];
	const char *dot = strchr(o->name, '.');

	if (o->block == CONF_BLOCK_NONE)
		snprintf(out, room, "%s", o->name);
	else
		snprintf(out, room, "%.*s.%s%s", (int)(dot - o->name), o->name,
		         conf_block_name(conf, o->block, n), dot);
}

static void origin(const struct conf_loaded *ld, uint32_t option, uint32_t n, char *out,
                   size_t room)
{
	uint32_t line = conf_origin_line(ld, option, n);

	if (line == 0)
		snprintf(out, room, "default");
	else
		snprintf(out, room, "%s:%u", ld->file, line);
}

static json_t *json_value(const struct conf_opt *o, const struct conf *conf, const void *base)
{
	uint32_t count = conf_value_count(o, base);
	char text[CONF_TEXT_BYTES];
	json_t *list;

	if (conf_type_is_list(o->type)) {
		list = xcheck(json_array());
		for (uint32_t i = 0; i < count; i++)
			json_array_append_new(list,
			                      json_string(conf_value_text(o, conf, base, i, text)));
		return list;
	}
	if (count == 0)
		return json_null();
	conf_value_text(o, conf, base, 0, text);
	if (o->type == CONF_TYPE_BOOL)
		return json_boolean(text[0] == 't');
	if ((o->type == CONF_TYPE_INT || o->type == CONF_TYPE_BIG) && o->unit == CONF_UNIT_NONE)
		return json_integer(strtoll(text, NULL, 10));
	return json_string(text);
}

/* The value as the file would write it; lists in brackets, words in quotes, nothing when unset. */
static void text_value(const struct conf_opt *o, const struct conf *conf, const void *base,
                       FILE *out)
{
	bool is_list = conf_type_is_list(o->type);
	bool is_word = o->type >= CONF_TYPE_STRING && o->type != CONF_TYPE_SECONDS;
	char text[CONF_TEXT_BYTES];

	if (is_list)
		fputc('[', out);
	for (uint32_t i = 0; i < conf_value_count(o, base); i++) {
		conf_value_text(o, conf, base, i, text);
		fputs(i == 0 ? "" : ", ", out);
		if (is_word)
			fputc('"', out);
		for (const char *c = text; *c != '\0'; c++) {
			if (is_word && (*c == '"' || *c == '\\'))
				fputc('\\', out);
			fputc(*c, out);
		}
		if (is_word)
			fputc('"', out);
	}
	if (is_list)
		fputc(']', out);
	if (!is_list && conf_value_count(o, base) == 0)
		fputs("unset", out);
}

static void show_json(const struct conf_loaded *ld, FILE *out)
{
	json_t *all = xcheck(json_object());
	char name[300], from[CONF_WHY_BYTES];

	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];

		for (uint32_t n = 0; n < conf_block_count(&ld->conf, o->block); n++) {
			void *base = conf_block_at(&ld->conf, o->block, n);
			json_t *row = xcheck(json_object());

			full_name(&ld->conf, i, n, name, sizeof(name));
			origin(ld, i, n, from, sizeof(from));
			json_object_set_new(row, "value", json_value(o, &ld->conf, base));
			json_object_set_new(row, "from", json_string(from));
			json_object_set_new(all, name, row);
		}
	}
	json_dumpf(all, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(all);
}

void conf_show(const struct conf *conf, bool json, FILE *out)
{
	const struct conf_loaded *ld = (const struct conf_loaded *)conf;
	char name[300], from[CONF_WHY_BYTES];

	if (json) {
		show_json(ld, out);
		return;
	}
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];

		for (uint32_t n = 0; n < conf_block_count(conf, o->block); n++) {
			full_name(conf, i, n, name, sizeof(name));
			origin(ld, i, n, from, sizeof(from));
			fprintf(out, "%s = ", name);
			text_value(o, conf, conf_block_at(conf, o->block, n), out);
			fprintf(out, "  # %s\n", from);
		}
	}
}

/* Everything that needs a restart, one option a line: two equal texts, nothing to restart for. */
static char *frozen_text(const struct conf *conf, uint32_t option)
{
	const struct conf_opt *o = &conf_options[option];
	char *text = NULL;
	size_t bytes;
	FILE *out = xcheck(open_memstream(&text, &bytes));

	for (uint32_t n = 0; n < conf_block_count(conf, o->block); n++) {
		fprintf(out, "%s ", conf_block_name(conf, o->block, n));
		text_value(o, conf, conf_block_at(conf, o->block, n), out);
	}
	fclose(out);
	return text;
}

const char *conf_needs_restart(const struct conf *old, const struct conf *new)
{
	for (uint32_t i = 0; i < conf_n_options; i++) {
		char *a, *b;
		bool same;

		if (conf_options[i].when != CONF_AT_START)
			continue;
		a = frozen_text(old, i);
		b = frozen_text(new, i);
		same = strcmp(a, b) == 0;
		free(a);
		free(b);
		if (!same)
			return conf_options[i].name;
	}
	return NULL;
}

/* The default as it stands in the reference and the sample file. */
static void default_text(const struct conf_opt *o, FILE *out)
{
	char text[CONF_TEXT_BYTES];

	if (o->type == CONF_TYPE_INT || o->type == CONF_TYPE_BIG) {
		conf_number_text(o->unit, (uint64_t)o->def, text);
		fputs(text, out);
	} else if (o->type == CONF_TYPE_BOOL) {
		fputs(o->def ? "true" : "false", out);
	} else if (conf_type_is_list(o->type)) {
		fputc('[', out);
		for (const char *c = o->def_str == NULL ? "" : o->def_str; *c != '\0'; c++)
			fputs(*c == ' ' ? ", " : (char[]){ *c, '\0' }, out);
		fputc(']', out);
	} else if (o->def_str != NULL) {
		fprintf(out, o->type == CONF_TYPE_CHOICE ? "%s" : "\"%s\"", o->def_str);
	}
}

static void values_text(const struct conf_opt *o, FILE *out)
{
	static const char *const words[CONF_N_TYPES] = {
		[CONF_TYPE_BOOL] = "true, false",
		[CONF_TYPE_STRING] = "text",
		[CONF_TYPE_ADDR4] = "IPv4 address",
		[CONF_TYPE_ADDR6] = "IPv6 address",
		[CONF_TYPE_PORT] = "name of a port",
		[CONF_TYPE_ROUTE] = "host:port",
		[CONF_TYPE_PREFIX] = "list of addresses with prefix length",
		[CONF_TYPE_SERVER] = "list of addresses",
		[CONF_TYPE_NEIGHBOUR] = "list of addresses, each with its MAC address",
	};
	char low[CONF_TEXT_BYTES], high[CONF_TEXT_BYTES];

	if (o->type == CONF_TYPE_CHOICE) {
		for (uint32_t i = 0; o->choices[i] != NULL; i++)
			fprintf(out, "%s%s", i == 0 ? "" : ", ", o->choices[i]);
	} else if (words[o->type] != NULL) {
		fputs(words[o->type], out);
	} else {
		conf_number_text(o->unit, (uint64_t)o->min, low);
		conf_number_text(o->unit, (uint64_t)o->max, high);
		fprintf(out, "%s%s to %s", o->type == CONF_TYPE_SECONDS ? "list of " : "", low,
		        high);
	}
}

void conf_reference(FILE *out)
{
	fputs("| option | values | default | changes | what |\n|---|---|---|---|---|\n", out);
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];

		fprintf(out, "| `%s` | ", o->name);
		values_text(o, out);
		fputs(" | ", out);
		if (o->def_note != NULL)
			fputs(o->def_note, out);
		else if (o->required)
			fputs("none: required", out);
		else
			default_text(o, out);
		fprintf(out, " | %s | %s |\n", o->when == CONF_AT_START ? "at start" : "on reload",
		        o->help);
	}
}

/* What the sample says for an option that has no default of its own. */
static const char *example(const char *name)
{
	static const struct {
		const char *name, *text;
	} examples[] = {
		{ "bounce_domain", "\"bounce.example.com\"" },
		{ "credential.password_file", "\"/etc/posthaste/relay.password\"" },
		{ "credential.token_file", "\"/run/posthaste/relay.token\"" },
		{ "credential.user", "\"mailer@example.com\"" },
		{ "dkim.domain", "\"example.com\"" },
		{ "dkim.expires", "12d" },
		{ "dkim.headers", "\"From:To:Subject:Date:Message-ID:Reply-To:List-Unsubscribe:"
		                  "List-Unsubscribe-Post:Content-Type\"" },
		{ "dkim.key", "\"/etc/posthaste/example.com.pem\"" },
		{ "dkim.selector", "\"s1\"" },
		{ "port.address", "[\"192.0.2.2/24\", \"2001:db8::2/64\"]" },
		{ "port.device", "\"net_tap0,iface=ph0\"" },
		{ "port.gateway", "\"192.0.2.1\"" },
		{ "port.gateway6", "\"2001:db8::1\"" },
		{ "port.neighbour", "[\"192.0.2.1 02:00:5e:00:53:01\"]" },
		{ "resolver.servers", "[\"192.0.2.53\", \"[2001:db8::53]:53\"]" },
		{ "site.credential", "\"relay\"" },
		{ "site.route", "\"relay.example.com:587\"" },
		{ "socket_path", "\"/var/lib/posthaste/posthaste.sock\"" },
		{ "source.address", "\"192.0.2.10\"" },
		{ "source.address6", "\"2001:db8::10\"" },
		{ "source.helo", "\"mta1.example.com\"" },
		{ "source.port", "\"p0\"" },
		{ "unsubscribe.mailto", "\"unsubscribe@example.com\"" },
		{ "unsubscribe.url", "\"https://u.example.com/u/\"" },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (strcmp(examples[i].name, name) == 0)
			return examples[i].text;
	return NULL;
}

static void sample_option(const struct conf_opt *o, FILE *out)
{
	const char *dot = strchr(o->name, '.'), *text = example(o->name);
	const char *indent = dot == NULL ? "" : "\t";
	bool needed = (o->required && !conf_blocks[o->block].may_miss) ||
	              strcmp(o->name, "source.address") == 0;

	fprintf(out, "%s# %s (", indent, o->help);
	values_text(o, out);
	fprintf(out, ")\n%s%s%s = ", indent, needed ? "" : "#", dot == NULL ? o->name : dot + 1);
	if (text != NULL)
		fputs(text, out);
	else
		default_text(o, out);
	fputs(";\n", out);
}

/* Options that stand alone first, then one block a section. The table is sorted, so a section's
 * options are neighbours.
 */
void conf_sample(FILE *out)
{
	char section[64] = "";
	const char *off = ""; /* "#": the whole block is commented out */

	fputs("# A configuration with every option. What is commented out shows the default.\n\n",
	      out);
	for (uint32_t i = 0; i < conf_n_options; i++)
		if (strchr(conf_options[i].name, '.') == NULL)
			sample_option(&conf_options[i], out);
	for (uint32_t i = 0; i < conf_n_options; i++) {
		const struct conf_opt *o = &conf_options[i];
		const char *dot = strchr(o->name, '.');

		if (dot == NULL)
			continue;
		if (strncmp(section, o->name, (size_t)(dot - o->name) + 1) != 0) {
			fprintf(out, section[0] == '\0' ? "\n" : "%s}\n\n", off);
			off = conf_blocks[o->block].may_miss ? "#" : "";
			snprintf(section, sizeof(section), "%.*s.", (int)(dot - o->name), o->name);
			fprintf(out, "%s%.*s ", off, (int)(dot - o->name), o->name);
			if (o->block != CONF_BLOCK_NONE)
				fprintf(out, "\"%s\" ", conf_blocks[o->block].example);
			fputs("{\n", out);
		}
		sample_option(o, out);
	}
	fprintf(out, "%s}\n", off);
}
