/* load.c - reading every campaign of a state directory when the engine starts. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "control/campaign/files.h"
#include "control/campaign/registry.h"
#include "control/text.h"
#include "control/xalloc.h"

/* The id that a folder's name says, or 0 when it is none of ours. */
static uint32_t id_of(const char *name)
{
	uint64_t id = 0;

	for (const char *c = name; *c != '\0'; c++) {
		if (*c < '0' || *c > '9' || id > UINT32_MAX / 10)
			return 0;
		id = 10 * id + (uint64_t)(*c - '0');
	}
	return name[0] != '0' && id <= UINT32_MAX ? (uint32_t)id : 0;
}

static bool ends_in(const char *name, const char *end)
{
	size_t bytes = strlen(name), end_bytes = strlen(end);

	return bytes > end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Says whether the store holds this campaign: 1 or 0, -errno. */
static int is_kept(struct campaigns *cs, uint32_t id)
{
	char key[32], name[CAMPAIGN_NAME_MAX + 1];
	int n;

	snprintf(key, sizeof(key), "campaign/%u", id);
	n = store_get(cs->conf.store, key, name, sizeof(name));
	return n >= 0 ? 1 : n == -ENOENT ? 0 : n;
}

/* An import that was interrupted, so lately that somebody may want to go on with it. */
static bool may_go_on(const char *folder)
{
	struct stat st;

	return table_has_checkpoint(folder) && stat(folder, &st) == 0 &&
	       time(NULL) - st.st_mtime < IMPORTS_LEFT_S;
}

/* Lists the ids of folders that count, and removes those that a crash left half-made. */
static int list_ids(struct campaigns *cs, uint32_t **ids, uint32_t *n, char why[CAMPAIGN_WHY_BYTES])
{
	DIR *d = opendir(cs->dir);
	uint32_t imports = 0;
	struct dirent *e;
	int result = 0;

	if (d == NULL) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", cs->dir, strerror(errno));
		return -errno;
	}
	while (result == 0 && (e = readdir(d)) != NULL) {
		char path[REGISTRY_PATH_BYTES];
		uint32_t id = id_of(e->d_name);
		bool import = ends_in(e->d_name, REGISTRY_IMPORT);
		int kept = 0;

		if (id == 0 && !import && !ends_in(e->d_name, ".tmp"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", cs->dir, e->d_name);
		if (import && may_go_on(path) && imports++ < IMPORTS_LEFT_MAX)
			continue;
		if (id != 0)
			kept = is_kept(cs, id);
		if (kept > 0) {
			*ids = xrealloc(*ids, *n + 1, sizeof(**ids));
			(*ids)[(*n)++] = id;
			continue;
		}
		result = kept < 0 ? kept : dir_del(path);
		if (result != 0)
			snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", path, strerror(-result));
	}
	closedir(d);
	if (result == 0 && *n > 0)
		qsort(*ids, *n, sizeof(**ids), by_id);
	return result;
}

int campaign_open_parts(struct campaign *c, const char *folder, char why[CAMPAIGN_WHY_BYTES])
{
	char path[REGISTRY_PATH_BYTES], place[TEXT_PLACE_BYTES];
	struct tpl_err err = { 0 };
	int result = table_open(folder, &c->table, why);

	if (result != 0)
		return result;
	snprintf(path, sizeof(path), "%s/template", folder);
	result = tpl_open(path, table_columns(c->table), &c->tpl, &err);
	if (result == 0)
		return 0;
	/* The user knows what was frozen, not the copy. */
	text_place(c->spec.template_dir != NULL ? c->spec.template_dir : path, err.file, place);
	if (err.line > 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s:%u:%u: %s", place, err.line, err.column,
		         err.text);
	else
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", place, err.text);
	return result;
}

static bool fold_one(void *ctx, const struct store_rec *rec)
{
	/* What is refused here was refused when it happened. */
	(void)campaign_apply(ctx, rec);
	return true;
}

static int load(struct campaigns *cs, uint32_t id, struct campaign **out,
                char why[CAMPAIGN_WHY_BYTES])
{
	struct campaign *c = xcalloc(1, sizeof(*c));
	char folder[REGISTRY_PATH_BYTES];
	int result;

	snprintf(folder, sizeof(folder), "%s/%u", cs->dir, id);
	if ((result = spec_load(c, folder, why)) != 0)
		goto out;
	if (c->id != id) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: holds campaign %u; put it back in its place",
		         folder, c->id);
		result = -EBADMSG;
		goto out;
	}
	if ((result = campaign_open_parts(c, folder, why)) != 0)
		goto out;
	campaign_bind(c);
	campaign_make_rows(c);
	c->status = CAMPAIGN_RUNNING;
	result = store_scan(cs->conf.store, id, fold_one, c);
	if (result != 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "campaign \"%s\": cannot read its records: %s",
		         c->spec.name, strerror(-result));
out:
	if (result != 0)
		campaign_free(c);
	else
		*out = c;
	return result;
}

/* A folder that is gone takes with it who its recipients were: better not to start. */
static int check_none_missing(struct campaigns *cs, const uint32_t *ids, uint32_t n,
                              char why[CAMPAIGN_WHY_BYTES])
{
	uint32_t last = n > 0 ? ids[n - 1] : 0;

	for (uint32_t id = 1, i = 0; id <= last + 1; id++) {
		if (i < n && ids[i] == id) {
			i++;
			continue;
		}
		if (is_kept(cs, id) > 0) {
			snprintf(why, CAMPAIGN_WHY_BYTES,
			         "%s/%u: this campaign's folder is missing; put it back", cs->dir,
			         id);
			return -ENOENT;
		}
	}
	return 0;
}

int registry_load(struct campaigns *cs, char why[CAMPAIGN_WHY_BYTES])
{
	uint32_t *ids = NULL, n = 0;
	int result = list_ids(cs, &ids, &n, why);

	if (result == 0)
		result = check_none_missing(cs, ids, n, why);
	for (uint32_t i = 0; result == 0 && i < n; i++) {
		struct campaign *c = NULL;

		result = load(cs, ids[i], &c, why);
		if (result == 0)
			registry_add(cs, c);
	}
	free(ids);
	return result;
}
