/* lint_run.h - the linter at work on an imported campaign: samples are composed, DNS is asked.
 *
 * Thread  any that may block.
 */
#pragma once

#include "control/campaign/campaign.h"
#include "control/conf/conf.h"
#include "control/lint/sample.h"

enum {
	LINT_RUN_ROWS = 200, /* composed as samples: half of them the first, the others spread */
	LINT_RUN_DOMAINS = 1000,  /* of recipients, the largest, asked for */
	LINT_RUN_AT_ONCE = 50,    /* questions to the DNS */
	LINT_RUN_WAIT_MS = 60000, /* for all of them */
};

struct lint_run {
	const struct campaign *c;
	const struct conf *conf;             /* NULL: none, and what hangs on it is not checked */
	const struct tpl_signers *signers;   /* NULL: not known, and signatures are not checked */
	const struct tpl_token_keys *tokens; /* NULL: none */
	const _Atomic bool *cancel;          /* NULL or: becomes true to stop */
	int64_t now_s;
	bool among_others; /* it is known what runs beside it */
	bool every_row;    /* those that are no samples are composed, too, unsigned */
};

/* Runs all checks that the campaign itself answers; items that need DNS are left open. Returns what
 * was seen of the samples: free() it.
 */
struct lint_samples *lint_run_content(const struct lint_run *run, struct lint_report *report);

/* Runs the checks that ask the DNS, after those. Without an answer in time a check is told as not
 * made. Returns 0, or -errno with one line when no question can be asked at all.
 */
int lint_run_dns(const struct lint_run *run, const struct lint_samples *samples,
                 struct lint_report *report, char why[256]);

/* Tells that these checks were not made because nobody asked. */
void lint_run_no_dns(struct lint_report *report, const char *why);

/* Whether the configuration wants the DNS to be asked without a user's word. */
bool lint_asks_dns(const struct conf *conf);

/* A campaign_judge_fn whose context is a struct conf that outlives it: a bulk campaign that lacks
 * what the receivers demand, or a template that breaks the rules for messages, is not started. What
 * the DNS says stops one only with lint.dns = refuse. The rest is logged.
 */
int lint_judge(void *ctx, const struct campaign *c, const struct keyring *keys,
               const _Atomic bool *cancel, char line[CAMPAIGN_WHY_BYTES]);
