/* lint_run.h - the linter at work on an imported campaign: samples are composed, DNS is asked.
 *
 * Thread  any that may block.
 */
#pragma once

#include "control/campaign/campaign.h"
#include "control/conf/conf.h"
#include "control/lint/lint.h"

enum { LINT_RUN_ROWS = 200 }; /* composed as samples: half of them the first, the others spread */

struct lint_run {
	const struct campaign *c;
	const struct conf *conf;             /* NULL: none, and what hangs on it is not checked */
	const struct tpl_signers *signers;   /* NULL: not known, and signatures are not checked */
	const struct tpl_token_keys *tokens; /* NULL: none */
	const _Atomic bool *cancel;          /* NULL or: becomes true to stop */
	int64_t now_s;
};

/* Runs all checks that the campaign itself answers; items that need DNS are left open. Returns true
 * when every sample broke a rule for messages: the template is at fault, not a row.
 */
bool lint_run_content(const struct lint_run *run, struct lint_report *report);
