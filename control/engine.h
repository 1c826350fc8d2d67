/* engine.h - the running engine, for those who show it and those who steer it.
 *
 * Thread  control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/campaign.h"
#include "control/conf/conf.h"
#include "control/mx/mx.h"
#include "control/sched/sched.h"
#include "dataplane/dp.h"

struct uv_loop_s;
struct asks;
struct keeper;
struct secrets;
struct engine;

struct engine_opts {
	const char *conf_path;
	uint32_t attempts_max; /* leave a recipient deferred after so many attempts; 0: go on */
	bool quiet;            /* of the ordinary, log nothing: warnings and errors only */
};

/* Builds everything from a configuration, in order: state directory and its lock, data plane,
 * store, campaigns, resolver, composers, socket, scheduler. Returns 0, or -errno with one line.
 */
int engine_open(const struct engine_opts *opts, struct engine **out, char why[CONF_WHY_BYTES]);

/* Runs until stopped: SIGTERM or SIGINT, or engine_stop(). Returns the exit status. */
int engine_run(struct engine *e);
void engine_close(struct engine *e);

/* Begins an orderly end; called again, goes to the bound at once. */
void engine_stop(struct engine *e);

/* Reads the configuration file again and takes over what may change live. Returns 0, or -errno with
 * one line: the file is wrong, or an option needs a restart; the old configuration stays then.
 */
int engine_reload(struct engine *e, char why[CONF_WHY_BYTES]);

struct uv_loop_s *engine_loop(struct engine *e);
const struct conf *engine_conf(const struct engine *e);
struct campaigns *engine_campaigns(struct engine *e);
struct sched *engine_sched(struct engine *e);
struct mx *engine_mx(struct engine *e);
struct keeper *engine_keeper(struct engine *e);
struct secrets *engine_secrets(struct engine *e);
struct asks *engine_asks(struct engine *e);
struct dp *engine_dp(struct engine *e);
struct store *engine_store(struct engine *e);
int64_t engine_started_s(const struct engine *e);

/* Starts a campaign's import and, when it is in, its sending; see campaign_start(). */
int engine_campaign_start(struct engine *e, const struct campaign_spec *spec,
                          campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES]);
