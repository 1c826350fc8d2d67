/* cmd_lint.c - `posthaste lint`: what receivers would refuse, before the first message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "control/cmd.h"
#include "control/conf/conf.h"
#include "control/engine_keys.h"
#include "control/lint_run.h"
#include "control/xalloc.h"

enum { DIR_BYTES = 1024 };

struct linting {
	struct cmd_campaign opt;
	struct conf *conf;              /* NULL: none */
	struct keyring *keys;           /* NULL: none */
	struct tpl_token_key token_key; /* made up: a token is only looked at */
};

/* The keys that sign; those of tokens lie in a state directory that we leave alone. */
static int read_conf(struct linting *l)
{
	char why[CONF_WHY_BYTES];

	if (l->opt.conf_path == NULL)
		return 0;
	if (conf_load(l->opt.conf_path, &l->conf, why) != 0)
		return cmd_fail("%s", why);
	if (engine_keys_check(l->conf, &l->keys, why) != 0)
		return cmd_fail("%s: %s", l->opt.conf_path, why);
	if (l->opt.spec.dkim != NULL && keyring_missing(l->keys, l->opt.spec.dkim) != NULL)
		return cmd_fail("--dkim %s: not all of them are dkim blocks of %s",
		                l->opt.spec.dkim, l->opt.conf_path);
	return 0;
}

static int look(struct linting *l, const struct campaign *c, struct lint_report *report)
{
	struct tpl_token_keys tokens = { &l->token_key, 1 };
	struct lint_run run = { .c = c,
		                .conf = l->conf,
		                .signers = l->keys == NULL ? NULL : keyring_signers(l->keys),
		                .tokens = &tokens,
		                .now_s = time(NULL),
		                .every_row = true };
	struct lint_samples *samples = lint_run_content(&run, report);
	char why[256];

	if (!l->opt.dns)
		lint_run_no_dns(report, "DNS is asked with --dns");
	else if (lint_run_dns(&run, samples, report, why) != 0)
		lint_run_no_dns(report, why);
	free(samples);
	if (l->opt.json)
		lint_write_json(report, stdout);
	else
		lint_write_text(report, stdout);
	return lint_count(report, LINT_ERROR) > 0;
}

static int lint(struct linting *l)
{
	struct campaigns_conf cc = { .bounce_domain = "bounces.invalid" };
	const char *tmp = getenv("TMPDIR");
	char dir[DIR_BYTES], folder[DIR_BYTES + 8];
	char why[CAMPAIGN_WHY_BYTES];
	struct lint_report *report;
	struct campaign *c = NULL;
	int status;

	if (l->conf != NULL) {
		cc.bounce_domain = l->conf->bounce_domain;
		cc.feedback_id = l->conf->feedback_id;
		cc.unsubscribe_url = l->conf->unsubscribe.url;
		cc.unsubscribe_mailto = l->conf->unsubscribe.mailto;
		cc.postal_address = l->conf->postal_address;
	}
	if (getrandom(l->token_key.bytes, sizeof(l->token_key.bytes), 0) !=
	    sizeof(l->token_key.bytes))
		return cmd_fail("getrandom failed");
	l->token_key.id = 1;
	snprintf(dir, sizeof(dir), "%s/posthaste-lint-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL)
		return cmd_fail("%s: cannot be made", dir);
	snprintf(folder, sizeof(folder), "%s/look", dir);
	if (campaign_look(&cc, &l->opt.spec, folder, &c, why) != 0) {
		status = cmd_fail("%s", why);
	} else {
		report = lint_report_new(c->tpl_data.class == TPL_CLASS_BULK);
		status = look(l, c, report);
		lint_report_free(report);
	}
	campaign_look_end(c, folder);
	rmdir(dir);
	return status;
}

int cmd_lint(int argc, char **argv)
{
	struct linting l = { .conf = NULL };
	int status = cmd_campaign_options(argc, argv, &l.opt);

	if (status != 0)
		return status;
	status = read_conf(&l);
	if (status == 0)
		status = lint(&l);
	keyring_put(l.keys);
	if (l.conf != NULL)
		conf_free(l.conf);
	cmd_campaign_free(&l.opt);
	return status;
}
