/* registry.c - the campaigns of a state directory, and the helper threads that work for them. */
#include "control/campaign/registry.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/thread.h"
#include "control/xalloc.h"

void registry_add(struct campaigns *cs, struct campaign *c)
{
	cs->list = xrealloc(cs->list, cs->n + 1, sizeof(*cs->list));
	cs->list[cs->n++] = c;
	if (c->id >= cs->next_id)
		cs->next_id = c->id + 1;
}

static char *copy(const char *text)
{
	return text == NULL ? NULL : xstrdup(text);
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
	cs->conf.feedback_id = cs->feedback_id = copy(conf->feedback_id);
	cs->conf.unsubscribe_url = cs->unsubscribe_url = copy(conf->unsubscribe_url);
	cs->conf.unsubscribe_mailto = cs->unsubscribe_mailto = copy(conf->unsubscribe_mailto);
	cs->conf.postal_address = cs->postal_address = copy(conf->postal_address);
	cs->next_id = 1;
	cs->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (cs->news_fd < 0 || (mkdir(dir, 0700) != 0 && errno != EEXIST)) {
		result = -errno;
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s: %s", dir, strerror(-result));
	}
	if (result == 0)
		result = registry_load(cs, why);
	if (result != 0)
		campaigns_close(cs);
	else
		*out = cs;
	return result;
}

void campaigns_cancel(struct campaigns *cs)
{
	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++)
		if (cs->jobs[i] != NULL)
			atomic_store(&cs->jobs[i]->cancel, true);
}

uint32_t campaigns_n_jobs(const struct campaigns *cs)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++)
		n += cs->jobs[i] != NULL;
	return n;
}

void campaigns_close(struct campaigns *cs)
{
	campaigns_cancel(cs);
	for (uint32_t i = 0; i < REGISTRY_JOBS_MAX; i++) {
		struct job *job = cs->jobs[i];

		if (job == NULL)
			continue;
		pthread_join(job->thread, NULL);
		cs->jobs[i] = NULL;
		keyring_put(job->keys);
		job->drop(job);
	}
	for (uint32_t i = 0; i < cs->n; i++)
		campaign_free(cs->list[i]);
	if (cs->news_fd >= 0)
		close(cs->news_fd);
	keyring_put(cs->keys);
	free(cs->list);
	free(cs->feedback_id);
	free(cs->unsubscribe_url);
	free(cs->unsubscribe_mailto);
	free(cs->postal_address);
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
		keyring_put(job->keys);
		job->keys = NULL;
		job->adopt(job);
	}
}

void campaigns_set_keys(struct campaigns *cs, struct keyring *keys)
{
	struct keyring *old = cs->keys;

	cs->keys = keyring_get(keys);
	keyring_put(old);
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

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *domain_of(const char *address)
{
	const char *at = address == NULL ? NULL : strrchr(address, '@');

	return at == NULL ? "" : at + 1;
}

/* A running campaign of another class that shares the pool and the From domain; NULL: none. */
static const struct campaign *mixed_with(const struct campaigns *cs, const struct campaign *draft)
{
	const struct campaign_spec *a = &draft->spec;

	for (uint32_t i = 0; i < cs->n; i++) {
		const struct campaign_spec *b = &cs->list[i]->spec;

		if (cs->list[i]->status == CAMPAIGN_RUNNING && b->class != NULL &&
		    strcmp(a->class, b->class) != 0 && same_text(a->pool, b->pool) &&
		    strcasecmp(domain_of(a->from), domain_of(b->from)) == 0)
			return cs->list[i];
	}
	return NULL;
}

static bool is_any_running(const struct campaigns *cs)
{
	for (uint32_t i = 0; i < cs->n; i++)
		if (cs->list[i]->status == CAMPAIGN_RUNNING)
			return true;
	return false;
}

int campaign_start(struct campaigns *cs, const struct campaign_spec *spec, campaign_done_fn *done,
                   void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	const struct campaign *other;
	struct job *job;
	int result;

	if ((result = spec_check(spec, why)) != 0 ||
	    (result = check_free(cs, spec->name, why)) != 0)
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
	spec_fill(&job->draft->spec, &cs->conf);
	other = mixed_with(cs, job->draft);
	job->draft->mixes_with = copy(other == NULL ? NULL : other->spec.name);
	job->keys = keyring_get(cs->keys);
	job->is_alone = !is_any_running(cs);
	if (!spec->dry_run) {
		job->c = xcalloc(1, sizeof(*job->c));
		job->c->id = job->draft->id;
		job->c->status = CAMPAIGN_IMPORTING;
		job->c->importing = &job->progress;
		spec_copy(&job->c->spec, spec);
		registry_add(cs, job->c);
	}
	result = job_start(cs, job, why);
	if (result != 0) {
		keyring_put(job->keys);
		job->keys = NULL;
		job->cs = cs;
		job->done = NULL;
		job->result = result;
		import_adopt(job); /* as one that failed: takes everything back */
	}
	return result;
}
