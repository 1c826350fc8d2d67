/* lint_start.c - the linter as the gate that a campaign passes when it starts. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "control/lint_run.h"
#include "control/log.h"

bool lint_asks_dns(const struct conf *conf)
{
	return conf->lint.dns == CONF_LINT_DNS_WARN || conf->lint.dns == CONF_LINT_DNS_REFUSE ||
	       (conf->lint.dns == CONF_LINT_DNS_AUTO && conf->egress.mode == CONF_EGRESS_LIVE);
}

/* What the log shows of each: notes are for who asks, and an import tells its rows itself. */
static void log_findings(const struct campaign *c, const struct lint_report *r)
{
	const struct lint_finding *f;

	for (uint32_t i = 0; (f = lint_finding_at(r, i)) != NULL; i++)
		if (f->severity != LINT_NOTE && f->id != LINT_RECIPIENTS)
			log_warn("campaign %s: lint: %s %s: %s: %s", c->spec.name,
			         lint_severity_name(f->severity), lint_rows[f->id].id, f->where,
			         f->what);
}

/* The first error that stops it, in one line with what to do. */
static int refuse(const struct lint_report *r, bool messages, char line[CAMPAIGN_WHY_BYTES])
{
	const struct lint_finding *f, *first = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; (f = lint_finding_at(r, i)) != NULL; i++) {
		if (f->severity != LINT_ERROR ||
		    (lint_rows[f->id].when == LINT_WHEN_MESSAGE && !messages))
			continue;
		first = first == NULL ? f : first;
		n++;
	}
	if (first == NULL)
		return 0;
	snprintf(line, CAMPAIGN_WHY_BYTES, "lint: %s: %s: %s; %s", lint_rows[first->id].id,
	         first->where, first->what, lint_rows[first->id].todo);
	if (n > 1 && strlen(line) < CAMPAIGN_WHY_BYTES - 64)
		snprintf(line + strlen(line), 64, " (and %u more: posthaste lint tells all)",
		         n - 1);
	return -EPERM;
}

/* Asks the DNS as the configuration wants it. Returns 0, or -errno with one line. */
static int judge_dns(const struct lint_run *run, const struct lint_samples *samples,
                     struct lint_report *r, char line[CAMPAIGN_WHY_BYTES])
{
	bool must = run->conf->lint.dns == CONF_LINT_DNS_REFUSE;
	char why[256];

	if (lint_run_dns(run, samples, r, why) != 0) {
		snprintf(line, CAMPAIGN_WHY_BYTES, "lint: %s", why);
		return must ? -EIO : 0;
	}
	return must ? refuse(r, false, line) : 0;
}

int lint_judge(void *ctx, const struct campaign *c, const struct keyring *keys,
               const _Atomic bool *cancel, char line[CAMPAIGN_WHY_BYTES])
{
	struct lint_run run = { .c = c,
		                .conf = ctx,
		                .signers = keys == NULL ? NULL : keyring_signers(keys),
		                .tokens = keys == NULL ? NULL : keyring_tokens(keys),
		                .cancel = cancel,
		                .now_s = time(NULL),
		                .among_others = true };
	struct lint_report *r = lint_report_new(c->tpl_data.class == TPL_CLASS_BULK);
	struct lint_samples *samples = lint_run_content(&run, r);
	int result;

	line[0] = '\0';
	/* A row that breaks a rule fails alone when its turn comes; the template would break all.
	 */
	result = refuse(r, samples->n > 0 && samples->n_broken == samples->n, line);
	if (result == 0 && lint_asks_dns(run.conf))
		result = judge_dns(&run, samples, r, line);
	if (result == 0 && atomic_load(cancel)) {
		snprintf(line, CAMPAIGN_WHY_BYTES, "lint: cancelled");
		result = -ECANCELED;
	}
	if (result == 0) {
		log_findings(c, r);
		if (c->spec.dry_run && lint_count(r, LINT_ERROR) + lint_count(r, LINT_WARNING) > 0)
			snprintf(line, CAMPAIGN_WHY_BYTES,
			         "lint: %u errors, %u warnings; posthaste lint tells them",
			         lint_count(r, LINT_ERROR), lint_count(r, LINT_WARNING));
	}
	free(samples);
	lint_report_free(r);
	return result;
}
