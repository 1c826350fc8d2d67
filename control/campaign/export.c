/* export.c - where every recipient stands, as CSV, from what is durable.
 *
 * Two passes over the records: the first finds each recipient's last word, the second writes it
 * when it comes by, so that memory is a few bytes a recipient however long the replies are. Those
 * without a word follow.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "control/campaign/registry.h"
#include "control/xalloc.h"

struct last {
	uint32_t record; /* its number in the scan, from 1; 0: none */
	uint8_t state, attempts;
};

struct export
{
	const struct campaign *c;
	const _Atomic bool *cancel;
	struct last *last; /* one a row */
	uint32_t seen, n_records;
	FILE *out;
};

static bool is_outcome(const struct export *ex, const struct store_rec *rec)
{
	return (rec->kind == REC_OUTCOME || rec->kind == REC_UNCONFIRMED ||
	        rec->kind == REC_STOPPED) &&
	       rec->rows == 1 && rec->row < table_n_rows(ex->c->table);
}

static bool find_last(void *ctx, const struct store_rec *rec)
{
	struct export *ex = ctx;
	struct last *last;

	ex->n_records++;
	if (rec->kind == REC_RELEASE) { /* what was said when it was held stays its last word */
		for (uint32_t row = rec->row;
		     row < table_n_rows(ex->c->table) && row - rec->row < rec->rows; row++)
			if (ex->last[row].state == RCPT_HELD)
				ex->last[row].state = rec->state;
		return !atomic_load_explicit(ex->cancel, memory_order_relaxed);
	}
	if (!is_outcome(ex, rec) || !rcpt_may_move(ex->last[rec->row].state, rec->state))
		return !atomic_load_explicit(ex->cancel, memory_order_relaxed);
	last = &ex->last[rec->row];
	last->record = ex->n_records;
	last->state = rec->state;
	if (rec->attempts > last->attempts)
		last->attempts = rec->attempts;
	return true;
}

static void put_text(FILE *out, const char *text, size_t bytes)
{
	fputc('"', out);
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '"')
			fputc('"', out);
		fputc((uint8_t)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i], out);
	}
	fputc('"', out);
}

/* An address is plain text unless its local part is quoted. */
static void put_row(struct export *ex, uint32_t row)
{
	struct span address = table_address(ex->c->table, row);

	if (memchr(address.at, '"', address.bytes) != NULL ||
	    memchr(address.at, ',', address.bytes) != NULL)
		put_text(ex->out, (const char *)address.at, address.bytes);
	else
		fwrite(address.at, 1, address.bytes, ex->out);
	fprintf(ex->out, ",%s,%u,", rcpt_state_name(ex->last[row].state), ex->last[row].attempts);
}

static bool write_last(void *ctx, const struct store_rec *rec)
{
	struct export *ex = ctx;
	size_t bytes = rec->text_bytes < STORE_TEXT_MAX ? rec->text_bytes : STORE_TEXT_MAX;

	if (++ex->seen > ex->n_records) /* came after the first pass: not counted there either */
		return false;
	if (!is_outcome(ex, rec) || ex->last[rec->row].record != ex->seen)
		return !atomic_load_explicit(ex->cancel, memory_order_relaxed);
	put_row(ex, rec->row);
	if (rec->code > 0)
		fprintf(ex->out, "%u", rec->code);
	fputc(',', ex->out);
	if (rec->enhanced[0] > 0)
		fprintf(ex->out, "%u.%u.%u", rec->enhanced[0], rec->enhanced[1], rec->enhanced[2]);
	fputc(',', ex->out);
	put_text(ex->out, rec->text, bytes);
	fputc('\n', ex->out);
	return true;
}

static int write_all_rows(struct export *ex, struct store *store)
{
	int result;

	fputs("address,state,attempts,code,enhanced,reply\n", ex->out);
	result = store_scan(store, ex->c->id, find_last, ex);
	if (result == 0)
		result = store_scan(store, ex->c->id, write_last, ex);
	for (uint32_t row = 0; result == 0 && row < table_n_rows(ex->c->table); row++) {
		if (ex->last[row].record != 0)
			continue;
		put_row(ex, row);
		fputs(",,\n", ex->out);
	}
	return result == 0 && atomic_load(ex->cancel) ? -ECANCELED : result;
}

static void export_run(struct job *job)
{
	struct export ex = { .c = job->c, .cancel = &job->cancel };
	char path[REGISTRY_PATH_BYTES];
	int result = 0;

	/* Whole or not there: a reader never meets half of it under the final name. */
	snprintf(path, sizeof(path), "%s.tmp", job->path);
	ex.last = xcalloc(table_n_rows(job->c->table), sizeof(*ex.last));
	ex.out = fopen(path, "we");
	if (ex.out == NULL) {
		result = -errno;
	} else {
		result = write_all_rows(&ex, job->cs->conf.store);
		if (result == 0 && (ferror(ex.out) || fflush(ex.out) != 0))
			result = errno != 0 ? -errno : -EIO;
		if (fclose(ex.out) != 0 && result == 0)
			result = -errno;
		if (result == 0 && rename(path, job->path) != 0)
			result = -errno;
		if (result != 0)
			unlink(path);
	}
	free(ex.last);
	job->result = result;
	if (result == 0)
		snprintf(job->line, sizeof(job->line), "%u recipients in %s",
		         table_n_rows(job->c->table), job->path);
	else
		snprintf(job->line, sizeof(job->line), "%s: %s", job->path, strerror(-result));
}

static void export_drop(struct job *job)
{
	free(job->path);
	free(job);
}

static void export_adopt(struct job *job)
{
	job->done(job->ctx, job->result, job->c, job->line);
	export_drop(job);
}

int campaign_export(struct campaigns *cs, struct campaign *c, const char *path,
                    campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	struct job *job;
	int result;

	if (c->rcpts == NULL) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "campaign \"%s\" is still importing",
		         c->spec.name);
		return -EBUSY;
	}
	job = xcalloc(1, sizeof(*job));
	job->run = export_run;
	job->adopt = export_adopt;
	job->drop = export_drop;
	job->done = done;
	job->ctx = ctx;
	job->c = c;
	job->path = xstrdup(path);
	result = job_start(cs, job, why);
	if (result != 0)
		export_drop(job);
	return result;
}
