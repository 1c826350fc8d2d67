/* lint_run.c - the linter at work on an imported campaign: samples are composed, DNS is asked. */
#include "control/lint_run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/xalloc.h"

enum { KEY_BITS_MIN = 1024, KEY_BITS_ADVISED = 2048 }; /* RFC 8301 3.2 */

/* The file that holds the fields, for places; what it is worth is for the template's own reader. */
static void read_fields(const struct campaign *c, struct lint_campaign *lc, uint8_t **memory)
{
	/* The last is for a template that is one file. */
	static const char *const names[] = { "message.liquid", "message.merge", "" };
	char path[4096];

	*memory = xcalloc(LINT_SOURCE_BYTES_MAX, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s%s%s", c->spec.template_dir,
		         names[i][0] == '\0' ? "" : "/", names[i]);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		lc->fields_file = names[i][0] == '\0' ? c->spec.template_dir : names[i];
		lc->fields_text = span_of(*memory, fread(*memory, 1, LINT_SOURCE_BYTES_MAX, f));
		fclose(f);
		return;
	}
}

static void add_sample(struct campaign_trial *trial, struct lint_samples *samples, uint32_t row)
{
	struct span address = table_address(trial->c->table, row);
	struct lint_sample sample = { .address = address,
		                      .row = row + 1,
		                      .first_attempt_s = trial->now_s };
	struct tpl_out out;
	struct tpl_err err;
	uint8_t *wire;
	size_t n = 0;

	if (campaign_try(trial, row, &out, &err) != 0) {
		lint_sample_failed(samples, row + 1, address, &err);
		return;
	}
	wire = xcalloc(out.size_bytes + 1, 1);
	for (uint32_t i = 0; i < out.n_wire; i++) {
		memcpy(wire + n, out.wire[i].at, out.wire[i].bytes);
		n += out.wire[i].bytes;
	}
	sample.wire = span_of(wire, n);
	sample.text = out.text;
	sample.n_text = out.n_text;
	sample.needs_8bit = out.needs_8bit;
	sample.needs_smtputf8 = out.needs_smtputf8;
	lint_sample_add(samples, &sample);
	free(wire);
}

/* The i-th row to look at, of `n` samples: the first ones, then some of all the others. */
static uint32_t sample_row(uint32_t i, uint32_t n, uint32_t rows)
{
	uint32_t head = n / 2;

	if (rows <= n || i < head)
		return i;
	return head + (uint32_t)((uint64_t)(i - head) * (rows - head) / (n - head));
}

/* Rows that are no samples: composed without signatures, which take most of the time. */
static void glance_at_all(const struct lint_run *run, struct campaign_trial *trial,
                          struct lint_samples *samples, uint32_t n_samples)
{
	uint32_t rows = table_n_rows(run->c->table), next = 0;

	trial->signers = NULL;
	for (uint32_t row = 0; row < rows; row++) {
		struct span address = table_address(run->c->table, row);
		struct lint_wire wire = { 0 };
		struct tpl_out out;
		struct tpl_err err;

		if (next < n_samples && row == sample_row(next, n_samples, rows)) {
			next++;
			continue;
		}
		if (campaign_try(trial, row, &out, &err) != 0) {
			lint_sample_failed(samples, row + 1, address, &err);
			continue;
		}
		wire.spans = out.wire;
		wire.n_spans = out.n_wire;
		wire.fresh = span_of(trial->slab, trial->slab_bytes);
		wire.may_8bit = out.needs_8bit;
		wire.may_utf8 = out.needs_smtputf8;
		lint_sample_glance(samples, row + 1, address, &wire);
	}
}

static void tell_import(const struct campaign *c, struct lint_report *r)
{
	const struct table_import_result *got = &c->import;
	const char *list = c->spec.recipients_path;

	if (got->rejected > 0)
		lint_found(r, LINT_RECIPIENTS, list, "%llu of %llu rows are rejected",
		           (unsigned long long)got->rejected, (unsigned long long)got->rows);
	if (got->duplicates > 0)
		lint_found(r, LINT_DUPLICATES, list, "%llu rows repeat an address",
		           (unsigned long long)got->duplicates);
	lint_pass(r, LINT_RECIPIENTS);
	lint_pass(r, LINT_DUPLICATES);
}

/* Without signers it is not known what the messages will be signed with. */
static void skip_signatures(struct lint_report *r)
{
	static const uint8_t ids[] = { LINT_ONE_CLICK_SIGNED, LINT_SIGNED,     LINT_SIGNED_RSA,
		                       LINT_SIGNED_FIELDS,    LINT_SIGNED_HOW, LINT_SIGNED_CANON,
		                       LINT_DKIM_KEY };

	for (size_t i = 0; i < sizeof(ids); i++)
		lint_skip(r, ids[i], "no keys are known: name the configuration with -c FILE");
}

/* Item 12, as far as one engine sees: what else it runs. */
static void tell_peer(const struct lint_run *run, struct lint_report *r)
{
	if (!run->among_others)
		lint_skip(r, LINT_SEPARATE, "seen when a campaign starts beside others");
	else if (run->c->mixes_with != NULL)
		lint_found(r, LINT_SEPARATE, run->c->mixes_with,
		           "this campaign is of another class, with the same pool and From domain");
	lint_pass(r, LINT_SEPARATE);
}

static const struct tpl_signer *signer_of(const struct tpl_signers *all, const char *domain,
                                          const char *selector)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (strcasecmp(all->at[i].domain, domain) == 0 &&
		    strcasecmp(all->at[i].selector, selector) == 0)
			return &all->at[i];
	return NULL;
}

/* That a key is sound, signs, and verifies what it signed, is seen when it is read. */
static void check_bits(const struct tpl_signers *all, const struct lint_samples *samples,
                       struct lint_report *r)
{
	for (uint32_t i = 0; i < samples->n_signers; i++) {
		const struct lint_signer *seen = &samples->signers[i];
		const struct tpl_signer *s = signer_of(all, seen->domain, seen->selector);
		char where[600];

		if (s == NULL || strncmp(tpl_key_algorithm(s->key), "rsa", 3) != 0)
			continue;
		snprintf(where, sizeof(where), "%s._domainkey.%s", seen->selector, seen->domain);
		if (tpl_key_bits(s->key) < KEY_BITS_MIN)
			lint_found(r, LINT_DKIM_KEY, where, "%u bits", tpl_key_bits(s->key));
		else if (tpl_key_bits(s->key) < KEY_BITS_ADVISED)
			lint_found_as(r, LINT_DKIM_KEY, LINT_WARNING, where,
			              "%u bits: 2048 are advised", tpl_key_bits(s->key));
	}
	if (samples->n_signers == 0)
		lint_skip(r, LINT_DKIM_KEY, "no message was signed");
	lint_pass(r, LINT_DKIM_KEY);
}

struct lint_samples *lint_run_content(const struct lint_run *run, struct lint_report *report)
{
	const struct campaign *c = run->c;
	struct lint_campaign lc = {
		.bulk = c->tpl_data.class == TPL_CLASS_BULK,
		.postal_address = c->spec.postal_address,
		.unsubscribe_url = c->spec.unsubscribe_url,
		.id_domain = c->tpl_data.id_domain,
		.columns = table_columns(c->table),
		.signatures_unknown = run->signers == NULL,
	};
	struct campaign_trial trial = {
		.c = c, .signers = run->signers, .tokens = run->tokens, .now_s = run->now_s
	};
	uint32_t rows = table_n_rows(c->table), n = rows < LINT_RUN_ROWS ? rows : LINT_RUN_ROWS;
	struct lint_samples *samples = xcalloc(1, sizeof(*samples));
	uint8_t *memory;

	read_fields(c, &lc, &memory);
	lint_samples_init(samples, &lc, report);
	for (uint32_t i = 0; i < n; i++) {
		if (run->cancel != NULL && atomic_load(run->cancel))
			break;
		add_sample(&trial, samples, sample_row(i, n, rows));
	}
	if (run->every_row && n < rows)
		glance_at_all(run, &trial, samples, n);
	if (lc.signatures_unknown)
		skip_signatures(report);
	lint_samples_end(samples);
	tell_import(c, report);
	tell_peer(run, report);
	if (!lc.signatures_unknown)
		check_bits(run->signers, samples, report);
	free(trial.slab);
	free(memory);
	samples->campaign = NULL; /* it ends here */
	return samples;
}
