/* ctl_order.c - the commands that take their time: campaign start, campaign export. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl_cmd.h"
#include "control/near.h"
#include "control/xalloc.h"

/* What `campaign start` may be told. */
enum spec_type { SPEC_NAME, SPEC_TEXT, SPEC_PATH, SPEC_NUMBER, SPEC_BOOL };

struct spec_key {
	const char *key;
	enum spec_type type;
	size_t at; /* in struct campaign_spec */
	bool required;
};

/* clang-format off */
#define AT(f) offsetof(struct campaign_spec, f)
static const struct spec_key keys[] = {
	{ "name",           SPEC_NAME,   AT(name),            true },
	{ "template",       SPEC_PATH,   AT(template_dir),    true },
	{ "recipients",     SPEC_PATH,   AT(recipients_path), true },
	{ "from",           SPEC_TEXT,   AT(from),            true },
	{ "address_column", SPEC_TEXT,   AT(address_column),  false },
	{ "types",          SPEC_TEXT,   AT(types),           false },
	{ "delimiter",      SPEC_TEXT,   AT(delimiter),       false },
	{ "return_path",    SPEC_TEXT,   AT(return_path),     false },
	{ "shared_copy",    SPEC_TEXT,   AT(shared_copy),     false },
	{ "pool",           SPEC_TEXT,   AT(pool),            false },
	{ "to_test",        SPEC_TEXT,   AT(to_test),         false },
	{ "class",          SPEC_TEXT,   AT(class),          false },
	{ "tls_min",        SPEC_TEXT,   AT(tls_min),        false },
	{ "requiretls",     SPEC_BOOL,   AT(requiretls),     false },
	{ "dsn_notify",     SPEC_TEXT,   AT(dsn_notify),     false },
	{ "dsn_ret",        SPEC_TEXT,   AT(dsn_ret),        false },
	{ "tenant",         SPEC_TEXT,   AT(tenant),         false },
	{ "stream",         SPEC_TEXT,   AT(stream),         false },
	{ "list_id",        SPEC_TEXT,   AT(list_id),        false },
	{ "unsubscribe_url", SPEC_TEXT,   AT(unsubscribe_url), false },
	{ "unsubscribe_mailto", SPEC_TEXT,   AT(unsubscribe_mailto), false },
	{ "postal_address", SPEC_TEXT,   AT(postal_address), false },
	{ "dkim",           SPEC_TEXT,   AT(dkim),           false },
	{ "encoding",       SPEC_TEXT,   AT(encoding),       false },
	{ "files",          SPEC_TEXT,   AT(files),          false },
	{ "limit",          SPEC_NUMBER, AT(limit),           false },
	{ "dry_run",        SPEC_BOOL,   AT(dry_run),         false },
	{ "no_resume",      SPEC_BOOL,   AT(no_resume),       false },
	{ "rejected",       SPEC_PATH,   AT(rejected_path),   false },
};
/* clang-format on */

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

static const char *key_at(const void *ctx, uint32_t n)
{
	(void)ctx;
	return n < N_KEYS ? keys[n].key : NULL;
}

static enum ctl_said set_number(struct ctl_req *req, const struct spec_key *k, char *value,
                                uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0)
		return ctl_fail(req, "%s=%.60s is not a number; write %s=100", k->key, value,
		                k->key);
	return CTL_SAID_ALL;
}

static enum ctl_said set_key(struct ctl_req *req, struct campaign_spec *spec,
                             const struct spec_key *k, char *value)
{
	void *at = (char *)spec + k->at;

	if (value[0] == '\0')
		return ctl_fail(req, "%s= is empty; give it a value or leave it out", k->key);
	switch (k->type) {
	case SPEC_NAME:
		if (strlen(value) > CAMPAIGN_NAME_MAX)
			return ctl_fail(req, "%s=%.70s is longer than %d bytes; shorten it", k->key,
			                value, CAMPAIGN_NAME_MAX);
		strcpy(at, value);
		return CTL_SAID_ALL;
	case SPEC_PATH:
		if (value[0] != '/')
			return ctl_fail(req,
			                "%s=%.200s is not an absolute path; let it begin with /",
			                k->key, value);
		memcpy(at, &value, sizeof(value));
		return CTL_SAID_ALL;
	case SPEC_TEXT:
		memcpy(at, &value, sizeof(value));
		return CTL_SAID_ALL;
	case SPEC_NUMBER:
		return set_number(req, k, value, at);
	case SPEC_BOOL:
		*(bool *)at = strcmp(value, "true") == 0;
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return ctl_fail(req, "%s=%.60s is neither true nor false", k->key, value);
		return CTL_SAID_ALL;
	}
	return CTL_SAID_ALL;
}

static enum ctl_said set_word(struct ctl_req *req, struct campaign_spec *spec, bool *was_set,
                              char *word)
{
	char *equals = strchr(word, '=');
	const char *meant;

	if (equals == NULL)
		return ctl_fail(req,
		                "\"%.60s\" is not key=value; keys: name, template, recipients, "
		                "from, ...",
		                word);
	*equals = '\0';
	for (uint32_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].key, word) != 0)
			continue;
		if (was_set[i])
			return ctl_fail(req, "%s= is there twice; remove one", word);
		was_set[i] = true;
		return set_key(req, spec, &keys[i], equals + 1);
	}
	meant = near_find(word, key_at, NULL);
	if (meant != NULL)
		return ctl_fail(req, "unknown key \"%.60s\"; did you mean \"%s\"?", word, meant);
	return ctl_fail(req, "unknown key \"%.60s\"; see control/ctl/README.md", word);
}

static enum ctl_said read_spec(struct ctl_req *req, struct campaign_spec *spec)
{
	static char column[] = "email";
	bool was_set[N_KEYS] = { false };

	*spec = (struct campaign_spec){ .address_column = column };
	for (int i = 0; i < req->n_rest; i++) {
		enum ctl_said said = set_word(req, spec, was_set, req->rest[i]);

		if (said != CTL_SAID_ALL)
			return said;
	}
	for (uint32_t i = 0; i < N_KEYS; i++)
		if (keys[i].required && !was_set[i])
			return ctl_fail(req, "%s= is missing; add it", keys[i].key);
	return CTL_SAID_ALL;
}

/* The answer to a start or an export: the line of whoever did it, or the counts of an import. */
static void answer(struct ctl_later *later, int result, const struct campaign *c, const char *line,
                   bool is_import)
{
	char *body, story[CAMPAIGN_STORY_BYTES];
	json_t *o;
	int n;

	if (result != 0) {
		ctl_later_done(later, line == NULL ? strerror(-result) : line, NULL);
		return;
	}
	if (ctl_later_is_json(later)) {
		o = xcheck(json_object());
		json_object_set_new(o, "line", ctl_json_text(line));
		if (c != NULL)
			json_object_set_new(o, "campaign", ctl_json_text(c->spec.name));
		if (c != NULL && is_import) {
			json_object_set_new(o, "rows", json_integer((json_int_t)c->import.rows));
			json_object_set_new(o, "recipients",
			                    json_integer((json_int_t)c->import.recipients));
			json_object_set_new(o, "rejected",
			                    json_integer((json_int_t)c->import.rejected));
			json_object_set_new(o, "duplicates",
			                    json_integer((json_int_t)c->import.duplicates));
			json_object_set_new(o, "resumed_rows",
			                    json_integer((json_int_t)c->import.resumed_rows));
		}
		body = xcheck(json_dumps(o, JSON_COMPACT));
		json_decref(o);
	} else if (c != NULL && is_import) {
		n = asprintf(&body,
		             "campaign \"%s\" started: rows=%" PRIu64 " recipients=%" PRIu64
		             " rejected=%" PRIu64 " duplicates=%" PRIu64 "%s\n",
		             c->spec.name, c->import.rows, c->import.recipients, c->import.rejected,
		             c->import.duplicates, campaign_import_story(c, story));
		body = n < 0 ? xcheck(NULL) : body;
	} else {
		n = asprintf(&body, "%s\n", line == NULL ? "done" : line);
		body = n < 0 ? xcheck(NULL) : body;
	}
	ctl_later_done(later, NULL, body);
	free(body);
}

static void on_started(void *ctx, int result, struct campaign *c, const char *line)
{
	answer(ctx, result, c, line, true);
}

static void on_exported(void *ctx, int result, struct campaign *c, const char *line)
{
	answer(ctx, result, c, line, false);
}

enum ctl_said ctl_campaign_start(struct ctl_req *req)
{
	char why[CAMPAIGN_WHY_BYTES] = "";
	struct campaign_spec spec;
	struct ctl_later *later;
	enum ctl_said said = read_spec(req, &spec);

	if (said != CTL_SAID_ALL)
		return said;
	later = ctl_later_new(req);
	if (engine_campaign_start(req->engine, &spec, on_started, later, why) != 0) {
		ctl_later_drop(later);
		return ctl_fail(req, "%s", why);
	}
	return CTL_SAID_LATER;
}

enum ctl_said ctl_campaign_export(struct ctl_req *req)
{
	char why[CAMPAIGN_WHY_BYTES] = "";
	struct ctl_later *later = ctl_later_new(req);

	if (campaign_export(engine_campaigns(req->engine), req->campaign, req->path, on_exported,
	                    later, why) != 0) {
		ctl_later_drop(later);
		return ctl_fail(req, "%s", why);
	}
	return CTL_SAID_LATER;
}
