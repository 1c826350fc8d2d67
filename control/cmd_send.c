/* cmd_send.c - run + start + wait + stop in one process, for scripts and newcomers. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "control/cli_campaign.h"
#include "control/cmd.h"
#include "control/engine.h"
#include "control/log.h"
#include "control/text.h"

enum {
	TICK_MS = 200,
	WIDTH = 100,
	IMPORT_SHOWN_US = 1000000, /* a short import shows no bar */
};

struct sending {
	struct cmd_campaign opt;
	struct engine *e;
	struct campaign *c; /* NULL: not imported yet */
	uv_timer_t tick;
	struct cli_rate import_rate, rate;
	uint64_t began_us, had; /* when this process began, and what was done before */
	uint64_t rate_per_s;    /* over all, once all were tried; 0: not yet */
	bool is_tty, is_finished;
	bool shows_import;     /* a bar stands in the line */
	uint64_t importing_us; /* when it was first seen to import */
	int status;
};

static void show_progress(struct sending *s)
{
	struct cli_progress p = { .verb = "sending",
		                  .unit = "msg/s",
		                  .done = cli_campaign_done(s->c),
		                  .total = table_n_rows(s->c->table) };
	uint64_t now_us = uv_hrtime() / 1000;
	char line[CLI_LINE_BYTES];

	p.rate_per_s = cli_rate_add(&s->rate, now_us, p.done);
	if (p.done == p.total) { /* what is left are second attempts, when they are due */
		if (s->rate_per_s == 0)
			s->rate_per_s = (p.done - s->had) * 1000000 / (now_us - s->began_us);
		p.rate_per_s = s->rate_per_s;
		p.verb = s->is_finished ? "sending" : "retrying";
	}
	cli_progress_line(&p, WIDTH, line);
	if (s->is_tty)
		printf("\r%s\033[K", line);
	else if (s->is_finished)
		puts(line);
	fflush(stdout);
}

/* Rows are not counted before they are read: how many there will be is told from the bytes. */
static void show_import(struct sending *s)
{
	const struct campaign *c = campaign_find(engine_campaigns(s->e), s->opt.spec.name);
	const struct table_progress *now = c == NULL ? NULL : c->importing;
	struct cli_progress p = { .verb = "importing", .unit = "rows/s" };
	uint64_t bytes, total, now_us = uv_hrtime() / 1000;
	char line[CLI_LINE_BYTES];

	if (now == NULL || !s->is_tty)
		return;
	if (s->importing_us == 0)
		s->importing_us = now_us;
	p.done = atomic_load(&now->rows);
	bytes = atomic_load(&now->bytes);
	total = atomic_load(&now->bytes_total);
	p.total = bytes == 0 ? 0 : (uint64_t)((__uint128_t)p.done * total / bytes);
	p.rate_per_s = cli_rate_add(&s->import_rate, now_us, p.done);
	if (p.total == 0 || now_us - s->importing_us < IMPORT_SHOWN_US)
		return;
	s->shows_import = true;
	printf("\r%s\033[K", cli_progress_line(&p, WIDTH, line));
	fflush(stdout);
}

static void on_exported(void *ctx, int result, struct campaign *c, const char *line)
{
	struct sending *s = ctx;

	(void)c;
	if (result != 0)
		s->status = cmd_fail("%s", line);
	engine_stop(s->e);
}

/* Destinations that the egress guard refused, one line each. */
static void tell_blocked(struct sending *s, uint64_t blocked)
{
	struct sched_site_view v;

	for (uint32_t at = 0; sched_site_next(engine_sched(s->e), &at, &v);)
		if (v.blocked)
			cmd_fail("%s: %s", v.domain, v.last_error);
	s->status = cmd_fail("%" PRIu64 " recipients were not tried", blocked);
}

static void finish(struct sending *s, uint64_t blocked)
{
	char why[CAMPAIGN_WHY_BYTES];

	s->is_finished = true;
	uv_timer_stop(&s->tick);
	show_progress(s);
	if (s->is_tty)
		putchar('\n');
	if (blocked > 0)
		tell_blocked(s, blocked);
	if (s->c->paused)
		s->status = cmd_fail("campaign %s is paused: %s; what is wrong put right, run the "
		                     "engine and say campaign resume",
		                     s->c->spec.name, s->c->paused_why);
	else if (s->c->count[RCPT_HELD] > 0)
		s->status = cmd_fail("%" PRIu64 " recipients are held by the content gate; run the "
		                     "engine and say campaign release or campaign cancel-held",
		                     s->c->count[RCPT_HELD]);
	if (s->opt.export_path == NULL) {
		engine_stop(s->e);
		return;
	}
	if (campaign_export(engine_campaigns(s->e), s->c, s->opt.export_path, on_exported, s,
	                    why) != 0) {
		s->status = cmd_fail("%s", why);
		engine_stop(s->e);
	}
}

static void on_tick(uv_timer_t *t)
{
	struct sending *s = t->data;
	uint64_t blocked = 0;

	if (s->c == NULL) {
		show_import(s);
		return;
	}
	if (s->c->status == CAMPAIGN_DONE ||
	    (s->c->in_flight == 0 && sched_is_stuck(engine_sched(s->e), s->c, &blocked)))
		finish(s, blocked);
	else if (s->is_tty)
		show_progress(s);
}

static void begin(struct sending *s, struct campaign *c)
{
	fflush(stdout);
	s->c = c;
	s->began_us = uv_hrtime() / 1000;
	s->had = cli_campaign_done(c);
	cli_rate_add(&s->rate, s->began_us, s->had);
}

static void tell_imported(const struct sending *s, const struct campaign *c)
{
	char number[4][TEXT_NUMBER_BYTES], story[CAMPAIGN_STORY_BYTES];
	const char *path = c->spec.rejected_path;

	printf("%scampaign \"%s\": %s rows, %s recipients, %s rejected",
	       s->shows_import ? "\r\033[K" : "", c->spec.name,
	       text_thousands(c->import.rows, number[0]),
	       text_thousands(c->import.recipients, number[1]),
	       text_thousands(c->import.rejected, number[2]));
	if (path != NULL && c->import.rejected > 0)
		printf(" (%s)", strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
	printf(", %s duplicates%s\n", text_thousands(c->import.duplicates, number[3]),
	       campaign_import_story(c, story));
}

static void on_started(void *ctx, int result, struct campaign *c, const char *line)
{
	struct sending *s = ctx;

	if (result == 0 && c != NULL) {
		tell_imported(s, c);
		begin(s, c);
		return;
	}
	if (result == 0)
		puts(line); /* a dry run */
	else
		s->status = cmd_fail("%s", line);
	engine_stop(s->e);
}

/* A campaign of that name that a crash or a stop has left goes on; else it is imported. */
static int start(struct sending *s)
{
	struct campaign *c = campaign_find(engine_campaigns(s->e), s->opt.spec.name);
	char why[CAMPAIGN_WHY_BYTES];

	if (c != NULL && c->status == CAMPAIGN_RUNNING) {
		printf("campaign \"%s\": goes on where it was\n", c->spec.name);
		begin(s, c);
		return 0;
	}
	if (engine_campaign_start(s->e, &s->opt.spec, on_started, s, why) != 0)
		return cmd_fail("%s", why);
	return 0;
}

static void report(struct sending *s)
{
	if (s->c == NULL)
		return;
	if (s->is_tty && !s->is_finished)
		putchar('\n'); /* the progress line stays */
	cli_campaign_report(s->c, time(NULL), stdout);
	fflush(stdout);
	if (!s->is_finished)
		s->status = cmd_fail("stopped before the end; the same command goes on with it");
}

int cmd_send(int argc, char **argv)
{
	char why[CONF_WHY_BYTES] = "";
	struct sending s = { .is_tty = isatty(STDOUT_FILENO) };
	struct engine_opts opts;
	int status = cmd_campaign_options(argc, argv, &s.opt);

	if (status != 0)
		return status;
	if (s.opt.conf_path == NULL) {
		cmd_campaign_free(&s.opt);
		return cmd_usage("send", "-c FILE is missing");
	}
	opts = (struct engine_opts){ .conf_path = s.opt.conf_path,
		                     .attempts_max = s.opt.attempts_max,
		                     .quiet = true };
	if (engine_open(&opts, &s.e, why) != 0) {
		cmd_campaign_free(&s.opt);
		return cmd_fail("%s", why);
	}
	uv_timer_init(engine_loop(s.e), &s.tick);
	s.tick.data = &s;
	status = start(&s);
	if (status == 0) {
		uv_timer_start(&s.tick, on_tick, TICK_MS, TICK_MS);
		engine_run(s.e);
		report(&s);
		status = s.status;
	}
	engine_close(s.e);
	cmd_campaign_free(&s.opt);
	return status;
}
