/* spec.c - what a campaign was asked to be: checked, copied, kept as spec.json. */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <sys/stat.h>

#include "control/campaign/address.h"
#include "control/campaign/files.h"
#include "control/campaign/registry.h"
#include "control/xalloc.h"

enum { SPEC_VERSION = 1 };

/* Every string of the spec, for all that is done to each of them. */
static const struct {
	const char *name; /* in spec.json */
	size_t at;
} strings[] = {
	{ "template_dir", offsetof(struct campaign_spec, template_dir) },
	{ "recipients_path", offsetof(struct campaign_spec, recipients_path) },
	{ "address_column", offsetof(struct campaign_spec, address_column) },
	{ "types", offsetof(struct campaign_spec, types) },
	{ "delimiter", offsetof(struct campaign_spec, delimiter) },
	{ "from", offsetof(struct campaign_spec, from) },
	{ "return_path", offsetof(struct campaign_spec, return_path) },
	{ "shared_copy", offsetof(struct campaign_spec, shared_copy) },
	{ "pool", offsetof(struct campaign_spec, pool) },
	{ "class", offsetof(struct campaign_spec, class) },
	{ "tls_min", offsetof(struct campaign_spec, tls_min) },
	{ "tenant", offsetof(struct campaign_spec, tenant) },
	{ "stream", offsetof(struct campaign_spec, stream) },
	{ "list_id", offsetof(struct campaign_spec, list_id) },
	{ "feedback_id", offsetof(struct campaign_spec, feedback_id) },
	{ "unsubscribe_url", offsetof(struct campaign_spec, unsubscribe_url) },
	{ "unsubscribe_mailto", offsetof(struct campaign_spec, unsubscribe_mailto) },
	{ "dsn_notify", offsetof(struct campaign_spec, dsn_notify) },
	{ "dsn_ret", offsetof(struct campaign_spec, dsn_ret) },
	{ "files", offsetof(struct campaign_spec, files) },
	{ "encoding", offsetof(struct campaign_spec, encoding) },
	{ "postal_address", offsetof(struct campaign_spec, postal_address) },
	{ "dkim", offsetof(struct campaign_spec, dkim) },
	{ "to_test", offsetof(struct campaign_spec, to_test) },
	{ "rejected_path", offsetof(struct campaign_spec, rejected_path) },
};

enum { N_STRINGS = sizeof(strings) / sizeof(strings[0]) };

static char **string_of(const struct campaign_spec *spec, size_t i)
{
	return (char **)((uintptr_t)spec + strings[i].at);
}

void spec_copy(struct campaign_spec *to, const struct campaign_spec *from)
{
	*to = *from;
	for (size_t i = 0; i < N_STRINGS; i++)
		if (*string_of(from, i) != NULL)
			*string_of(to, i) = xstrdup(*string_of(from, i));
}

void spec_fini(struct campaign_spec *spec)
{
	for (size_t i = 0; i < N_STRINGS; i++)
		free(*string_of(spec, i));
	memset(spec, 0, sizeof(*spec));
}

static bool is_name(const char *name)
{
	size_t bytes = strnlen(name, CAMPAIGN_NAME_MAX + 1);

	if (bytes == 0 || bytes > CAMPAIGN_NAME_MAX)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       bytes;
}

int spec_check(const struct campaign_spec *spec, char why[CAMPAIGN_WHY_BYTES])
{
	const struct {
		const char *option, *value;
	} addresses[] = { { "--from", spec->from },
		          { "--return-path", spec->return_path },
		          { "--to-test", spec->to_test },
		          { "--unsubscribe-mailto", spec->unsubscribe_mailto } };
	struct stat st;

	if (!is_name(spec->name)) {
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "--name \"%.*s\": 1 to %d letters, digits, '.', '_' or '-'",
		         CAMPAIGN_NAME_MAX, spec->name, CAMPAIGN_NAME_MAX);
		return -EINVAL;
	}
	if (spec->template_dir == NULL || spec->recipients_path == NULL) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "no %s given; use %s",
		         spec->template_dir == NULL ? "template" : "recipients",
		         spec->template_dir == NULL ? "--template PATH" : "--recipients FILE");
		return -EINVAL;
	}
	if (stat(spec->template_dir, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "--template %s: no such folder or file",
		         spec->template_dir);
		return -ENOENT;
	}
	if (spec_check_kind(spec, why) != 0 || spec_check_list(spec, why) != 0 ||
	    spec_check_shared(spec, why) != 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct address parsed;
		const char *wrong = addresses[i].value == NULL
		                        ? NULL
		                        : address_parse(span_str(addresses[i].value), &parsed);

		if (wrong != NULL) {
			snprintf(why, CAMPAIGN_WHY_BYTES, "%s %s: %s", addresses[i].option,
			         addresses[i].value, wrong);
			return -EINVAL;
		}
	}
	return 0;
}

static void path_of(char path[REGISTRY_PATH_BYTES], const char *folder)
{
	snprintf(path, REGISTRY_PATH_BYTES, "%s/spec.json", folder);
}

int spec_save(const struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES])
{
	char path[REGISTRY_PATH_BYTES], key[2 * TPL_KEY_BYTES + 1], *text;
	json_t *o = xcheck(json_object());
	int result;

	for (unsigned i = 0; i < TPL_KEY_BYTES; i++)
		snprintf(key + 2 * i, 3, "%02x", c->tpl_data.key[i]);
	json_object_set_new(o, "version", json_integer(SPEC_VERSION));
	json_object_set_new(o, "id", json_integer(c->id));
	json_object_set_new(o, "name", json_string(c->spec.name));
	json_object_set_new(o, "key", json_string(key));
	json_object_set_new(o, "bounce_domain", json_string(c->bounce_domain));
	json_object_set_new(o, "started_s", json_integer(c->started_s));
	json_object_set_new(o, "limit", json_integer((json_int_t)c->spec.limit));
	json_object_set_new(o, "requiretls", json_boolean(c->spec.requiretls));
	json_object_set_new(o, "rows", json_integer((json_int_t)c->import.rows));
	json_object_set_new(o, "recipients", json_integer((json_int_t)c->import.recipients));
	json_object_set_new(o, "rejected", json_integer((json_int_t)c->import.rejected));
	json_object_set_new(o, "duplicates", json_integer((json_int_t)c->import.duplicates));
	for (size_t i = 0; i < N_STRINGS; i++) {
		const char *value = *string_of(&c->spec, i);

		/* A path need not be UTF-8, JSON must: it is only told, so it may be left out. */
		if (value != NULL)
			json_object_set_new(o, strings[i].name, json_string(value));
	}
	text = xcheck(json_dumps(o, JSON_INDENT(2)));
	json_decref(o);
	path_of(path, folder);
	result = file_make(path, text, strlen(text));
	free(text);
	if (result != 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", path, strerror(-result));
	return result;
}

static bool read_key(const char *hex, uint8_t key[TPL_KEY_BYTES])
{
	if (hex == NULL || strlen(hex) != 2 * TPL_KEY_BYTES ||
	    strspn(hex, "0123456789abcdef") != 2 * TPL_KEY_BYTES)
		return false;
	for (unsigned i = 0; i < TPL_KEY_BYTES; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		key[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return true;
}

/* Takes what a sound spec has; false for any other object. */
static bool read_spec(struct campaign *c, json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *bounce_domain = json_string_value(json_object_get(o, "bounce_domain"));
	json_int_t id = json_integer_value(json_object_get(o, "id"));

	if (json_integer_value(json_object_get(o, "version")) != SPEC_VERSION || name == NULL ||
	    !is_name(name) || id <= 0 || id > UINT32_MAX || bounce_domain == NULL ||
	    strlen(bounce_domain) > ADDRESS_DOMAIN_MAX ||
	    !read_key(json_string_value(json_object_get(o, "key")), c->tpl_data.key))
		return false;
	c->id = (uint32_t)id;
	c->bounce_domain = xstrdup(bounce_domain);
	snprintf(c->spec.name, sizeof(c->spec.name), "%s", name);
	for (size_t i = 0; i < N_STRINGS; i++) {
		const char *value = json_string_value(json_object_get(o, strings[i].name));

		if (value != NULL)
			*string_of(&c->spec, i) = xstrdup(value);
	}
	c->started_s = json_integer_value(json_object_get(o, "started_s"));
	c->spec.limit = (uint64_t)json_integer_value(json_object_get(o, "limit"));
	c->spec.requiretls = json_is_true(json_object_get(o, "requiretls"));
	c->import.rows = (uint64_t)json_integer_value(json_object_get(o, "rows"));
	c->import.recipients = (uint64_t)json_integer_value(json_object_get(o, "recipients"));
	c->import.rejected = (uint64_t)json_integer_value(json_object_get(o, "rejected"));
	c->import.duplicates = (uint64_t)json_integer_value(json_object_get(o, "duplicates"));
	return true;
}

int spec_load(struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES])
{
	char path[REGISTRY_PATH_BYTES], *text = NULL;
	json_error_t error;
	size_t bytes = 0;
	json_t *o;
	bool sound;
	int result;

	path_of(path, folder);
	result = file_read(path, SPEC_JSON_BYTES_MAX, &text, &bytes);
	if (result != 0) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", path, strerror(-result));
		return result;
	}
	o = json_loadb(text, bytes, 0, &error);
	free(text);
	if (o == NULL) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s:%d: damaged: %s", path, error.line,
		         error.text);
		return -EBADMSG;
	}
	sound = read_spec(c, o);
	json_decref(o);
	if (sound)
		return 0;
	snprintf(why, CAMPAIGN_WHY_BYTES, "%s: damaged, or of another version", path);
	return -EBADMSG;
}
