/* start.c - what a helper thread does for `campaign start`, and how control takes it over.
 *
 *	<name>.import: template copied, list imported, both opened, spec written
 *	-> renamed to <id>, durable -> store: "campaign/<id>" -> the campaign runs
 *
 * Up to the store's word a crash leaves only what campaigns_open() removes, or an import with a
 * checkpoint, with which the next start of that name goes on. A dry run is made in <id>.tmp.
 */
#include <errno.h>
#include <libgen.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/campaign/files.h"
#include "control/campaign/registry.h"
#include "control/xalloc.h"

enum {
	DRY_ERRORS_SHOWN = 3,
	DRY_SIGNED = 1000, /* rows of a dry run that are signed, too: it takes most of the time */
};

static const struct dir_copy_limits template_limits = { .files_max = 256,
	                                                .depth = 4,
	                                                .bytes_max = 32 << 20 };

static int fail(struct job *job, int result, const char *what)
{
	snprintf(job->line, sizeof(job->line), "%s: %s", what, strerror(-result));
	return result;
}

static void paths_of(const struct job *job, char made[REGISTRY_PATH_BYTES],
                     char kept[REGISTRY_PATH_BYTES])
{
	if (job->draft->spec.dry_run)
		snprintf(made, REGISTRY_PATH_BYTES, "%s/%u.tmp", job->cs->dir, job->draft->id);
	else
		snprintf(made, REGISTRY_PATH_BYTES, "%s/%s" REGISTRY_IMPORT, job->cs->dir,
		         job->draft->spec.name);
	snprintf(kept, REGISTRY_PATH_BYTES, "%s/%u", job->cs->dir, job->draft->id);
}

/* Where the rejected rows are listed at the end: "list.csv" has "list.rejected.csv" beside it; a
 * dry run leaves nothing behind that was not asked for. NULL: nowhere.
 */
static const char *rejected_final(const struct job *job, char out[REGISTRY_PATH_BYTES])
{
	const struct campaign_spec *spec = &job->draft->spec;
	size_t bytes = strlen(spec->recipients_path);

	if (spec->rejected_path != NULL)
		return spec->rejected_path;
	if (spec->dry_run)
		return NULL;
	if (bytes > 4 && strcmp(spec->recipients_path + bytes - 4, ".csv") == 0)
		bytes -= 4;
	snprintf(out, REGISTRY_PATH_BYTES, "%.*s.rejected.csv", (int)bytes, spec->recipients_path);
	return out;
}

/* Whether the list of rejected rows can be put there: seen before a million rows are read. */
static int check_rejected(struct job *job, const char *path)
{
	char dir[REGISTRY_PATH_BYTES];
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	if (access(dirname(dir), W_OK) != 0)
		return fail(job, -errno, path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fail(job, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, path);
	return 0;
}

/* An empty folder, or one with an import that goes on. The template is copied anew either way: a
 * message depends on the one with which its campaign is started.
 */
static int make_folder(struct job *job, const char *folder, const char *template)
{
	const struct campaign_spec *spec = &job->draft->spec;
	bool resume = !spec->dry_run && !spec->no_resume && table_has_checkpoint(folder);
	int result = dir_del(resume ? template : folder);

	if (result != 0 || (mkdir(folder, 0700) != 0 && (!resume || errno != EEXIST)))
		return fail(job, result != 0 ? result : -errno, folder);
	return dir_copy(spec->template_dir, template, &template_limits, job->line,
	                sizeof(job->line));
}

static int make_parts(struct job *job, const char *folder)
{
	struct campaign *c = job->draft;
	char path[REGISTRY_PATH_BYTES], listed[REGISTRY_PATH_BYTES], beside[REGISTRY_PATH_BYTES];
	struct table_import_conf conf = {
		.csv_path = c->spec.recipients_path,
		.address_column = c->spec.address_column != NULL ? c->spec.address_column : "email",
		.types = c->spec.types,
		.delimiter = spec_delimiter(&c->spec),
		.dir = folder,
		.rejected_path = listed,
		.rejected_final = rejected_final(job, beside),
		.limit = c->spec.limit,
		.to_test = c->spec.to_test,
		.cancel = &job->cancel,
		.progress = &job->progress,
		.checkpoint_bytes = c->spec.dry_run ? 0 : TABLE_CHECKPOINT_BYTES,
	};
	int result, moved;

	snprintf(path, sizeof(path), "%s/template", folder);
	if ((result = make_folder(job, folder, path)) != 0)
		return result;
	if (conf.rejected_final != NULL && (result = check_rejected(job, conf.rejected_final)) != 0)
		return result;
	snprintf(listed, sizeof(listed), "%s/rejected", folder);
	result = table_import(&conf, &c->import, job->line);
	if (result == 0)
		result = campaign_open_parts(c, folder, job->line);
	/* A list without one good row is refused too, but with the reasons. */
	if (result != 0 &&
	    (result != -EINVAL || c->import.rejected == 0 || c->import.recipients > 0))
		return result;
	if (conf.rejected_final == NULL)
		unlink(listed);
	else if ((moved = file_move(listed, conf.rejected_final)) != 0)
		return fail(job, moved, conf.rejected_final);
	return result;
}

static int keep(struct job *job, const char *made, const char *kept)
{
	struct campaign *c = job->draft;
	char key[32];
	int result;

	if ((result = spec_save(c, made, job->line)) != 0)
		return result;
	if ((result = dir_sync(made)) != 0)
		return fail(job, result, made);
	if (rename(made, kept) != 0)
		return fail(job, -errno, kept);
	if ((result = dir_sync(job->cs->dir)) != 0)
		return fail(job, result, job->cs->dir);
	snprintf(key, sizeof(key), "campaign/%u", c->id);
	result = store_put(job->cs->conf.store, key, span_str(c->spec.name));
	return result == 0 ? 0 : fail(job, result, "store: cannot keep the campaign");
}

/* ---- dry run ---- */

struct dry {
	uint64_t composed, failed, errors_n;
	char errors[256];
	size_t errors_bytes;
};

/* The message of `each` rows cannot be composed; `address` is the first. */
static void note_error(struct dry *dry, struct span address, uint32_t each,
                       const struct tpl_err *err)
{
	size_t room = sizeof(dry->errors) - dry->errors_bytes;
	int n;

	dry->failed += each;
	if (++dry->errors_n > DRY_ERRORS_SHOWN)
		return;
	n = snprintf(dry->errors + dry->errors_bytes, room, "; %.*s: %s:%u:%u: %s",
	             (int)address.bytes, (const char *)address.at, err->file, err->line,
	             err->column, err->text);
	dry->errors_bytes += (size_t)n < room ? (size_t)n : room - 1;
}

static int compose_all(struct job *job)
{
	const struct campaign *c = job->draft;
	const struct keyring *keys = job->keys;
	struct campaign_trial trial = { .c = c,
		                        .tokens = keys == NULL ? NULL : keyring_tokens(keys),
		                        .now_s = time(NULL) };
	/* A shared copy is one message. */
	uint32_t each = c->spec.shared_copy != NULL ? table_n_rows(c->table) : 1;
	struct dry dry = { 0 };
	char said[CAMPAIGN_WHY_BYTES];
	int result = 0;

	snprintf(said, sizeof(said), "%s", job->line); /* by who judged it */
	for (uint32_t row = 0; row < table_n_rows(c->table) && result == 0; row += each) {
		struct tpl_out out;
		struct tpl_err err;

		trial.signers = keys != NULL && row < DRY_SIGNED ? keyring_signers(keys) : NULL;
		if (campaign_try(&trial, row, &out, &err) != 0)
			note_error(&dry, table_address(c->table, row), each, &err);
		else
			dry.composed += each;
		if (atomic_load_explicit(&job->cancel, memory_order_relaxed))
			result = -ECANCELED;
	}
	free(trial.slab);
	snprintf(job->line, sizeof(job->line),
	         "dry run: rows=%llu recipients=%llu rejected=%llu duplicates=%llu composed=%llu "
	         "failed=%llu%s%s%s",
	         (unsigned long long)c->import.rows, (unsigned long long)c->import.recipients,
	         (unsigned long long)c->import.rejected, (unsigned long long)c->import.duplicates,
	         (unsigned long long)dry.composed, (unsigned long long)dry.failed, dry.errors,
	         said[0] == '\0' ? "" : "; ", said);
	return result;
}

/* ---- the job ---- */

const char *campaign_import_story(const struct campaign *c, char out[CAMPAIGN_STORY_BYTES])
{
	const struct table_import_result *r = &c->import;

	out[0] = '\0';
	if (r->resumed_rows > 0)
		snprintf(out, CAMPAIGN_STORY_BYTES, "; resumed behind row %llu",
		         (unsigned long long)r->resumed_rows);
	else if (r->anew != NULL)
		snprintf(out, CAMPAIGN_STORY_BYTES, "; not resumed: %s", r->anew);
	return out;
}

/* What was imported is kept when it can go on: when nobody but us stopped it, or when there was no
 * room, which no other campaign needs for its outcomes.
 */
static bool keeps_import(struct job *job, const char *made)
{
	const struct table_import_result *r = &job->draft->import;
	bool full = job->result == -ENOSPC || job->result == -EDQUOT;
	size_t used = strlen(job->line);

	if (job->draft->spec.dry_run || !table_has_checkpoint(made) ||
	    !(job->result == -ECANCELED || (full && job->is_alone)))
		return false;
	if (r->checkpoint_rows > 0)
		snprintf(job->line + used, sizeof(job->line) - used,
		         "; the same start goes on behind row %llu",
		         (unsigned long long)r->checkpoint_rows);
	return true;
}

void import_run(struct job *job)
{
	char made[REGISTRY_PATH_BYTES], kept[REGISTRY_PATH_BYTES];
	const struct campaigns_conf *cc = &job->cs->conf;
	struct campaign *c = job->draft;

	paths_of(job, made, kept);
	c->started_s = time(NULL);
	if (getrandom(c->tpl_data.key, TPL_KEY_BYTES, 0) != TPL_KEY_BYTES)
		job->result = fail(job, -EIO, "getrandom");
	else
		job->result = make_parts(job, made);
	campaign_bind(c);
	if (job->result == 0)
		job->result = shared_check(c, job->line);
	if (job->result == 0 && cc->judge != NULL)
		job->result = cc->judge(cc->judge_ctx, c, job->keys, &job->cancel, job->line);
	if (job->result == 0 && c->spec.dry_run)
		job->result = compose_all(job);
	else if (job->result == 0)
		job->result = keep(job, made, kept);
	job->keep = job->result == 0 && !c->spec.dry_run;
	if (job->keep) {
		char story[CAMPAIGN_STORY_BYTES];

		campaign_make_rows(c);
		snprintf(job->line, sizeof(job->line),
		         "rows=%llu recipients=%llu rejected=%llu duplicates=%llu%s",
		         (unsigned long long)c->import.rows,
		         (unsigned long long)c->import.recipients,
		         (unsigned long long)c->import.rejected,
		         (unsigned long long)c->import.duplicates, campaign_import_story(c, story));
		return;
	}
	/* What cannot be removed now is removed at the next start. */
	if (!keeps_import(job, made))
		(void)dir_del(made);
	(void)dir_del(kept);
}

int campaign_look(const struct campaigns_conf *conf, const struct campaign_spec *spec,
                  const char *folder, struct campaign **out, char why[CAMPAIGN_WHY_BYTES])
{
	struct job job = { .draft = xcalloc(1, sizeof(*job.draft)) };
	struct campaign *c = *out = job.draft;
	int result = spec_check(spec, why);

	c->id = 1;
	c->started_s = time(NULL);
	c->bounce_domain = xstrdup(conf->bounce_domain);
	spec_copy(&c->spec, spec);
	spec_fill(&c->spec, conf);
	c->spec.dry_run = true;
	if (result != 0)
		return result;
	if (getrandom(c->tpl_data.key, TPL_KEY_BYTES, 0) != TPL_KEY_BYTES)
		result = fail(&job, -EIO, "getrandom");
	else
		result = make_parts(&job, folder);
	campaign_bind(c);
	if (result == 0)
		result = shared_check(c, job.line);
	if (result != 0)
		snprintf(why, CAMPAIGN_WHY_BYTES, "%s", job.line);
	return result;
}

void campaign_look_end(struct campaign *c, const char *folder)
{
	campaign_free(c);
	(void)dir_del(folder);
}

static void list_del(struct campaigns *cs, const struct campaign *c)
{
	for (uint32_t i = 0; i < cs->n; i++) {
		if (cs->list[i] != c)
			continue;
		memmove(&cs->list[i], &cs->list[i + 1], (cs->n - i - 1) * sizeof(cs->list[0]));
		cs->n--;
		return;
	}
}

void import_drop(struct job *job)
{
	campaign_free(job->draft);
	free(job);
}

void import_adopt(struct job *job)
{
	struct campaign *c = job->c;

	if (job->keep) {
		spec_fini(&c->spec);
		free(c->bounce_domain);
		free(c->mixes_with);
		*c = *job->draft;
		free(job->draft), job->draft = NULL;
		c->status = CAMPAIGN_RUNNING;
		campaign_bind(c);
	} else {
		if (c != NULL) {
			list_del(job->cs, c);
			campaign_free(c);
			c = NULL;
		}
		campaign_free(job->draft), job->draft = NULL;
	}
	if (job->done != NULL)
		job->done(job->ctx, job->result, c, job->line);
	free(job);
}
