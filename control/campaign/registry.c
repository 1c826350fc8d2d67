/* registry.c - the campaigns of a state directory, and the helper threads that work for them. */
#include "control/campaign/registry.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/thread.h"
#include "control/xalloc.h"

/* ---- loading ---- */

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

static bool is_temporary(const char *name)
{
	size_t bytes = strlen(name);

	return bytes > 4 && strcmp(name + bytes - 4, ".tmp") == 0;
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

/* Lists the ids of folders that count, and removes those that a crash left half-made. */
static int list_ids(struct campaigns *cs, uint32_t **ids, uint32_t *n,
                    char why[CAMPAIGN_WHY_BYTES])
{
	DIR *d = opendir(cs->dir);
	struct dirent *e;
	int result = 0;

	if (d == NULL) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", cs->dir, strerror(errno));
		return -errno;
	}
	while (result == 0 && (e = readdir(d)) != NULL) {
		char path[REGISTRY_PATH_BYTES];
		uint32_t id = id_of(e->d_name);
		int kept = 0;

		if (id == 0 && !is_temporary(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", cs->dir, e->d_name);
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
	char path[REGISTRY_PATH_BYTES];
	struct tpl_err err = { 0 };
	int result = table_open(folder, &c->table, why);

	if (result != 0)
		return result;
	snprintf(path, sizeof(path), "%s/template", folder);
	result = tpl_open(path, table_columns(c->table), &c->tpl, &err);
	if (result == 0)
		return 0;
	/* The user knows the folder that was frozen, not the copy. */
	if (c->spec.template_dir != NULL)
		snprintf(path, sizeof(path), "%s", c->spec.template_dir);
	if (err.line > 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s/%s:%u:%u: %s", path, err.file, err.line,
		         err.column, err.text);
	else
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s/%s: %s", path, err.file, err.text);
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

static void list_add(struct campaigns *cs, struct campaign *c)
{
	cs->list = xrealloc(cs->list, cs->n + 1, sizeof(*cs->list));
	cs->list[cs->n++] = c;
	if (c->id >= cs->next_id)
		cs->next_id = c->id + 1;
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
			         "%s/%u: this campaign's folder is missing; put it back", cs->dir, id);
			return -ENOENT;
		}
	}
	return 0;
}

static int load_all(struct campaigns *cs, char why[CAMPAIGN_WHY_BYTES])
{
	uint32_t *ids = NULL, n = 0;
	int result = list_ids(cs, &ids, &n, why);

	if (result == 0)
		result = check_none_missing(cs, ids, n, why);
	for (uint32_t i = 0; result == 0 && i < n; i++) {
		struct campaign *c = NULL;

		result = load(cs, ids[i], &c, why);
		if (result == 0)
			list_add(cs, c);
	}
	free(ids);
	return result;
}

int campaigns_open(const struct campaigns_conf *conf, struct campaigns **out,
                   char why[CAMPAIGN_WHY_BYTES])
{
	struct campaigns *cs = xcalloc(1, sizeof(*cs));
	char dir[REGISTRY_PATH_BYTES];
	int result = 0;

	snprintf(dir, sizeof(dir), "%s/campaigns", conf->state_dir);
	cs->conf = *conf;
	cs->dir = xstrdup(dir);
	cs->bounce_domain = xstrdup(conf->bounce_domain);
	cs->next_id = 1;
	cs->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (cs->news_fd < 0 || (mkdir(dir, 0700) != 0 && errno != EEXIST)) {
		result = -errno;
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", dir, strerror(-result));
	}
	if (result == 0)
		result = load_all(cs, why);
	if (result != 0)
		campaigns_close(cs);
	else
		*out = cs;
	return result;
}

void campaigns_close(struct campaigns *cs)
{
	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++)
		if (cs->jobs[i] != NULL)
			atomic_store(&cs->jobs[i]->cancel, true);
	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++) {
		struct job *job = cs->jobs[i];

		if (job == NULL)
			continue;
		pthread_join(job->thread, NULL);
		cs->jobs[i] = NULL;
		job->drop(job);
	}
	for (uint32_t i = 0; i < cs->n; i++)
		campaign_free(cs->list[i]);
	if (cs->news_fd >= 0)
		close(cs->news_fd);
	free(cs->list);
	free(cs->bounce_domain);
	free(cs->dir);
	free(cs);
}

/* ---- helper threads ---- */

static void *job_main(void *arg)
{
	struct job *job = arg;
	uint64_t one = 1;
	int fd = job->cs->news_fd;

	job->run(job);
	atomic_store(&job->finished, true);
	(void)!write(fd, &one, sizeof(one));
	return NULL;
}

int job_start(struct campaigns *cs, struct job *job, char why[CAMPAIGN_WHY_BYTES])
{
	uint32_t i = 0;
	int result;

	while (i < REGISTRY_JOBS_MAX && cs->jobs[i] != NULL)
		i++;
	if (i == REGISTRY_JOBS_MAX) {
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "%d imports and exports are at work already; try again later",
		         REGISTRY_JOBS_MAX);
		return -EAGAIN;
	}
	job->cs = cs;
	result = thread_start_nice(&job->thread, "ph-campaign", job_main, job);
	if (result != 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "cannot start a thread: %s", strerror(-result));
	else
		cs->jobs[i] = job;
	return result;
}

int campaigns_fd(const struct campaigns *cs)
{
	return cs->news_fd;
}

void campaigns_poll(struct campaigns *cs)
{
	uint64_t n;

	(void)!read(cs->news_fd, &n, sizeof(n));
	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++) {
		struct job *job = cs->jobs[i];

		if (job == NULL || !atomic_load(&job->finished))
			continue;
		pthread_join(job->thread, NULL);
		cs->jobs[i] = NULL; /* before the call: it may start the next job */
		job->adopt(job);
	}
}

/* ---- looking up ---- */

struct campaign *campaign_find(struct campaigns *cs, const char *name)
{
	for (uint32_t i = 0; i < cs->n; i++)
		if (strcmp(cs->list[i]->spec.name, name) == 0)
			return cs->list[i];
	return NULL;
}

struct campaign *campaign_by_id(struct campaigns *cs, uint32_t id)
{
	for (uint32_t i = 0; i < cs->n; i++)
		if (cs->list[i]->id == id)
			return cs->list[i];
	return NULL;
}

struct campaign *campaign_at(struct campaigns *cs, uint32_t n)
{
	return n < cs->n ? cs->list[n] : NULL;
}

/* ---- starting ---- */

/* Writes 1234567 as "1,234,567". */
static const char *grouped(uint64_t n, char out[32])
{
	char digits[24];
	int bytes = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *at = out;

	for (int i = 0; i < bytes; i++) {
		if (i > 0 && (bytes - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
	return out;
}

static int check_free(struct campaigns *cs, const char *name, char why[CAMPAIGN_WHY_BYTES])
{
	static const char *const status[] = { [CAMPAIGN_IMPORTING] = "importing",
		                              [CAMPAIGN_RUNNING] = "running",
		                              [CAMPAIGN_DONE] = "done" };
	const struct campaign *c = campaign_find(cs, name);
	char number[32];

	if (c != NULL && c->status == CAMPAIGN_IMPORTING)
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "campaign \"%s\" exists (importing); choose another name", name);
	else if (c != NULL)
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "campaign \"%s\" exists (%s, %s recipients); choose another name", name,
		         status[c->status], grouped(table_n_rows(c->table), number));
	return c != NULL ? -EEXIST : 0;
}

int campaign_start(struct campaigns *cs, const struct campaign_spec *spec, campaign_done_fn *done,
                   void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	struct job *job;
	int result;

	if ((result = spec_check(spec, why)) != 0 || (result = check_free(cs, spec->name, why)) != 0)
		return result;
	if (!spec->dry_run && cs->n >= cs->conf.campaigns_max) {
		snprintf(why, CAMPAIGN_WHY_BYTES,
		         "there are %u campaigns, as many as campaigns_max allows", cs->n);
		return -ENOSPC;
	}
	job = xcalloc(1, sizeof(*job));
	job->run = import_run;
	job->adopt = import_adopt;
	job->drop = import_drop;
	job->done = done;
	job->ctx = ctx;
	job->draft = xcalloc(1, sizeof(*job->draft));
	job->draft->id = cs->next_id++;
	job->draft->bounce_domain = xstrdup(cs->bounce_domain);
	spec_copy(&job->draft->spec, spec);
	if (!spec->dry_run) {
		job->c = xcalloc(1, sizeof(*job->c));
		job->c->id = job->draft->id;
		job->c->status = CAMPAIGN_IMPORTING;
		spec_copy(&job->c->spec, spec);
		list_add(cs, job->c);
	}
	result = job_start(cs, job, why);
	if (result != 0) {
		job->cs = cs;
		job->done = NULL;
		job->result = result;
		import_adopt(job); /* as one that failed: takes everything back */
	}
	return result;
}
