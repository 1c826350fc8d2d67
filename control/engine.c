/* engine.c - everything built from one configuration, run, and taken down in order. */
#include "control/engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "control/asks.h"
#include "control/thread.h"
#include "control/ctl/ctl.h"
#include "control/engine_conf.h"
#include "control/engine_keys.h"
#include "control/gate/keeper.h"
#include "control/keys_dns.h"
#include "control/link.h"
#include "control/lint_run.h"
#include "control/log.h"
#include "control/secrets.h"
#include "control/xalloc.h"

enum {
	STOP_SLACK_MS = 5000, /* beyond shutdown.drain_max: QUIT, lingering and the last fsync */
	CLOSE_MAX_S = 5,      /* patience for what blocks at the end: joins that wait for a disk */
	SECRETS_LOOK_MS = 2000, /* how often the files of secrets are looked at */
	N_SIGNALS = 3,
	KEYS_LOOK_MS = 3600 * 1000, /* how often it is asked whether a token key is due */
};

struct engine {
	struct engine_opts opts;
	struct keys_dns *keys_dns; /* NULL: nothing is asked */
	char *conf_path;
	struct conf *conf;       /* in force */
	struct conf *conf_start; /* what ports and sources were made from */
	struct engine_dp_conf *dp_conf;
	int lock_fd;
	uint8_t secret[32];
	uv_loop_t loop;
	bool loop_made;
	uv_signal_t signals[N_SIGNALS];
	uv_timer_t stop_timer;
	struct store *store;
	struct campaigns *campaigns;
	struct dp *dp;
	struct asks *asks;
	struct secrets *secrets;
	uv_timer_t secrets_timer;
	struct composer *composer;
	struct keyring *keys; /* held */
	uv_timer_t keys_timer;
	struct mx *mx;
	struct keeper *keeper;
	struct sched *sched;
	struct link *link;
	struct ctl *ctl;
	int64_t started_s;
	bool stopping, store_in_trouble;
};

/* Takes the state directory for this process alone. */
static int take_state_dir(struct engine *e, char why[CONF_WHY_BYTES])
{
	const char *dir = e->conf->state_dir;
	char path[4096];

	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		snprintf(why, CONF_WHY_BYTES, "state_dir: cannot make %s: %s", dir,
		         strerror(errno));
		return -errno;
	}
	snprintf(path, sizeof(path), "%s/lock", dir);
	e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (e->lock_fd < 0) {
		snprintf(why, CONF_WHY_BYTES, "state_dir: cannot write in %s: %s", dir,
		         strerror(errno));
		return -errno;
	}
	if (flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		char pid[16] = "";
		ssize_t n = pread(e->lock_fd, pid, sizeof(pid) - 1, 0);

		snprintf(why, CONF_WHY_BYTES,
		         "state_dir: %s is in use by another engine (process %.*s); stop it or use "
		         "another state_dir",
		         dir, (int)(n > 0 ? strcspn(pid, "\n") : 0), pid);
		return -EBUSY;
	}
	if (ftruncate(e->lock_fd, 0) != 0 || dprintf(e->lock_fd, "%d\n", (int)getpid()) < 0)
		log_warn("state_dir: cannot write the process id: %s", strerror(errno));
	return 0;
}

/* The secret that keys sequence numbers and ports: made once, kept. */
static int load_secret(struct engine *e, char why[CONF_WHY_BYTES])
{
	char path[4096];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/secret", e->conf->state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || (read(fd, e->secret, sizeof(e->secret)) != sizeof(e->secret) &&
	               (getrandom(e->secret, sizeof(e->secret), 0) != sizeof(e->secret) ||
	                pwrite(fd, e->secret, sizeof(e->secret), 0) != sizeof(e->secret) ||
	                fsync(fd) != 0))) {
		err = errno != 0 ? -errno : -EIO;
		snprintf(why, CONF_WHY_BYTES, "%s: %s", path, strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static void on_campaign_over(void *ctx, struct campaign *c)
{
	char counts[512] = "";
	size_t n = 0;

	(void)ctx;
	for (int st = 0; st < RCPT_N_STATES; st++)
		if (c->count[st] > 0 && n < sizeof(counts))
			n += (size_t)snprintf(counts + n, sizeof(counts) - n, " %s=%" PRIu64,
			                      rcpt_state_name(st), c->count[st]);
	c->status = CAMPAIGN_DONE;
	if (c->ended_s == 0)
		c->ended_s = time(NULL);
	log_info("campaign %s is done: recipients=%u%s", c->spec.name, table_n_rows(c->table),
	         counts);
}

static void on_campaign_paused(void *ctx, struct campaign *c)
{
	(void)ctx;
	log_error("campaign %s is paused: %s; see `show campaign %s`, then `campaign resume %s`",
	          c->spec.name, c->paused_why, c->spec.name, c->spec.name);
}

/* True when nothing is on its way any more. */
static bool is_quiet(const struct engine *e)
{
	return sched_n_conns(e->sched) == 0 && sched_n_flights(e->sched) == 0 &&
	       store_pending(e->store) == 0 && campaigns_n_jobs(e->campaigns) == 0;
}

/* As the configuration says; `quiet` takes the ordinary away. */
static void set_log(const struct engine *e)
{
	log_init(e->opts.quiet && e->conf->log.level == DP_LOG_INFO ? DP_LOG_WARN
	                                                            : e->conf->log.level,
	         e->conf->log.lines_per_s);
}

static void on_turn(void *ctx)
{
	struct engine *e = ctx;
	const char *trouble = store_trouble(e->store);

	if (trouble != NULL && !e->store_in_trouble)
		log_error("store: %s; outcomes wait in memory until it can be written again",
		          trouble);
	if (trouble == NULL && e->store_in_trouble)
		log_warn("store: can be written again"); /* seen wherever the trouble was */
	e->store_in_trouble = trouble != NULL;
	if (e->stopping && is_quiet(e))
		uv_stop(&e->loop);
}

static void on_stop_bound(uv_timer_t *t)
{
	struct engine *e = t->data;

	log_warn("shutdown: bound reached with %u connections and %u outcomes open",
	         sched_n_conns(e->sched), sched_n_flights(e->sched));
	uv_stop(&e->loop);
}

void engine_stop(struct engine *e)
{
	uint64_t ms = STOP_SLACK_MS;

	if (!e->stopping) {
		log_info("shutting down: no new messages, waiting up to %u s for answers",
		         e->conf->shutdown.drain_max_ms / 1000);
		ms += e->conf->shutdown.drain_max_ms;
	}
	e->stopping = true;
	campaigns_cancel(e->campaigns);
	sched_stop(e->sched);
	dp_drain(e->dp);
	uv_timer_start(&e->stop_timer, on_stop_bound, ms, 0);
}

static void on_signal(uv_signal_t *h, int number)
{
	struct engine *e = h->data;
	char why[CONF_WHY_BYTES];

	if (number != SIGHUP)
		engine_stop(e);
	else if (engine_reload(e, why) != 0)
		log_error("reload: %s; the old configuration stays", why);
	else
		log_info("configuration read again");
}

/* While an earlier question waits for its answers none is asked: the next load does. */
static void ask_for_records(struct engine *e)
{
	if (e->keys_dns != NULL && !keys_dns_is_over(e->keys_dns))
		return;
	keys_dns_stop(e->keys_dns);
	e->keys_dns = NULL;
	if (lint_asks_dns(e->conf))
		e->keys_dns = keys_dns_start(e->conf, keyring_signers(e->keys));
}

/* Takes the keys; what is on its way keeps those it has. */
static void set_keys(struct engine *e, struct keyring *keys)
{
	keyring_put(e->keys);
	e->keys = keys;
	composer_set_keys(e->composer, keys);
	campaigns_set_keys(e->campaigns, keys);
	ask_for_records(e);
	if (keyring_signers(keys)->n > 0 && !tpl_keys_are_locked())
		log_warn(
		    "dkim: the system does not lock the keys' memory, they may be swapped out; "
		    "raise RLIMIT_MEMLOCK to 16 MiB");
}

static void on_keys_timer(uv_timer_t *t)
{
	struct engine *e = t->data;
	struct keyring *keys;
	char why[CONF_WHY_BYTES];

	if (!keyring_is_due(e->keys, time(NULL)))
		return;
	if (engine_keys_open(e->conf, time(NULL), &keys, why) != 0)
		log_error("keys: %s; those in use stay", why);
	else
		set_keys(e, keys);
}

static void on_secret(void *ctx, uint32_t credential)
{
	struct engine *e = ctx;

	if (e->sched != NULL) /* at the start there is nobody to tell */
		sched_credential_set(e->sched, credential);
}

static bool on_credential_refused(void *ctx, uint32_t credential, const char *why)
{
	struct engine *e = ctx;

	return secrets_refused(e->secrets, credential, why);
}

static void on_credential_taken(void *ctx, uint32_t credential)
{
	struct engine *e = ctx;

	secrets_taken(e->secrets, credential);
}

static void on_secrets_timer(uv_timer_t *t)
{
	struct engine *e = t->data;

	secrets_look(e->secrets);
}

static struct keeper_rules rules_of(const struct conf *conf)
{
	return (struct keeper_rules){ .path = conf->gate.rules,
		                      .tag_header = conf->gate.tag_header,
		                      .cycles_max = conf->gate.cycles_max };
}

int engine_reload(struct engine *e, char why[CONF_WHY_BYTES])
{
	struct keeper_rules rules;
	struct conf *fresh, *old = e->conf;
	struct keyring *keys;
	const char *fixed;
	int err = conf_load(e->conf_path, &fresh, why);

	if (err != 0)
		return err;
	fixed = conf_needs_restart(e->conf_start, fresh);
	if (fixed == NULL && !conf_adopt_times(fresh, e->conf_start))
		fixed = "a site's set of time-outs that none had at the start";
	if (fixed != NULL) {
		snprintf(why, CONF_WHY_BYTES, "%s: %s can only change at a restart", e->conf_path,
		         fixed);
		conf_free(fresh);
		return -EBUSY;
	}
	err = engine_keys_open(fresh, time(NULL), &keys, why);
	if (err != 0) {
		conf_free(fresh);
		return err;
	}
	err = secrets_set_conf(e->secrets, fresh, why);
	if (err != 0) {
		keyring_put(keys);
		conf_free(fresh);
		return err;
	}
	rules = rules_of(fresh);
	err = keeper_set(e->keeper, &rules, why);
	if (err != 0) {
		keyring_put(keys);
		conf_free(fresh);
		return err;
	}
	e->conf = fresh;
	set_keys(e, keys);
	set_log(e);
	sched_set_conf(e->sched, fresh);
	if (old != e->conf_start)
		conf_free(old);
	return 0;
}

static int open_storage(struct engine *e, char why[CONF_WHY_BYTES])
{
	char path[4096];
	struct store_conf sc = { .dir = path,
		                 .batch_max = e->conf->store.batch_max,
		                 .queue_max = e->conf->store.queue_max };
	struct campaigns_conf cc = { .state_dir = e->conf->state_dir,
		                     .bounce_domain = e->conf->bounce_domain,
		                     .feedback_id = e->conf->feedback_id,
		                     .unsubscribe_url = e->conf->unsubscribe.url,
		                     .unsubscribe_mailto = e->conf->unsubscribe.mailto,
		                     .postal_address = e->conf->postal_address,
		                     .judge = lint_judge,
		                     .judge_ctx = e->conf_start,
		                     .campaigns_max = e->conf->campaigns_max };
	int err;

	snprintf(path, sizeof(path), "%s/store", e->conf->state_dir);
	err = store_open(&sc, &e->store, why);
	if (err != 0)
		return err;
	cc.store = e->store;
	return campaigns_open(&cc, &e->campaigns, why);
}

static int open_dataplane(struct engine *e, char why[CONF_WHY_BYTES])
{
	int err;

	e->dp_conf = engine_dp_conf_new(e->conf, e->secret);
	err = dp_start(engine_dp_conf_of(e->dp_conf), &e->dp, why);
	if (err != 0)
		return err;
	e->asks = asks_open(e->dp);
	e->secrets = secrets_open(e->dp, on_secret, e);
	return secrets_set_conf(e->secrets, e->conf, why);
}

static int open_helpers(struct engine *e, char why[CONF_WHY_BYTES])
{
	const struct conf *c = e->conf;
	struct mx_conf mc = { .servers = c->dns.servers,
		              .ports = c->dns.ports,
		              .n_servers = c->dns.n_servers,
		              .timeout_ms = c->dns.timeout_ms,
		              .tries = c->dns.tries,
		              .ttl_min_s = c->dns.ttl_min_s,
		              .ttl_max_s = c->dns.ttl_max_s,
		              .entries_max = c->dns.entries_max,
		              .queries_max = c->dns.queries_max };
	struct composer_conf oc = { .threads = c->compose.threads,
		                    .slab_bytes = c->compose.slab_bytes,
		                    .message_bytes_max = c->compose.message_bytes_max };
	int err;

	err = mx_open(&e->loop, &mc, &e->mx, why);
	if (err != 0)
		return err;
	err = composer_open(&oc, &e->composer, why);
	if (err == 0)
		set_keys(e, keyring_get(e->keys));
	return err;
}

static int open_gate(struct engine *e, char why[CONF_WHY_BYTES])
{
	struct keeper_rules rules = rules_of(e->conf);

	static_assert((int)RULES_WHY_BYTES == (int)CONF_WHY_BYTES, "lines are passed on");
	return keeper_open(&e->loop, e->dp, e->store, e->conf->state_dir, &rules, &e->keeper, why);
}

static void open_scheduler(struct engine *e)
{
	struct sched_conf sc = { .conf = e->conf,
		                 .dp = e->dp,
		                 .store = e->store,
		                 .composer = e->composer,
		                 .mx = e->mx,
		                 .attempts_max = e->opts.attempts_max,
		                 .campaign_over = on_campaign_over,
		                 .campaign_paused = on_campaign_paused,
		                 .credential_refused = on_credential_refused,
		                 .credential_taken = on_credential_taken,
		                 .ctx = e };
	struct link_conf lc = { .loop = &e->loop,
		                .dp = e->dp,
		                .asks = e->asks,
		                .store = e->store,
		                .composer = e->composer,
		                .campaigns = e->campaigns,
		                .turn = on_turn,
		                .ctx = e };
	struct campaign *c;

	e->sched = lc.sched = sched_open(&sc);
	e->link = link_open(&lc);
	for (uint32_t n = 0; (c = campaign_at(e->campaigns, n)) != NULL; n++)
		if (c->status == CAMPAIGN_RUNNING)
			sched_add(e->sched, c);
}

static void watch_signals(struct engine *e)
{
	static const int numbers[N_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

	for (int i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(&e->loop, &e->signals[i]);
		e->signals[i].data = e;
		uv_signal_start(&e->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&e->loop, &e->stop_timer);
	e->stop_timer.data = e;
	uv_timer_init(&e->loop, &e->keys_timer);
	e->keys_timer.data = e;
	uv_timer_start(&e->keys_timer, on_keys_timer, KEYS_LOOK_MS, KEYS_LOOK_MS);
	uv_timer_init(&e->loop, &e->secrets_timer);
	e->secrets_timer.data = e;
	uv_timer_start(&e->secrets_timer, on_secrets_timer, SECRETS_LOOK_MS, SECRETS_LOOK_MS);
}

int engine_open(const struct engine_opts *opts, struct engine **out, char why[CONF_WHY_BYTES])
{
	struct engine *e = xcalloc(1, sizeof(*e));
	int err;

	e->opts = *opts;
	e->conf_path = xstrdup(opts->conf_path);
	e->lock_fd = -1;
	e->started_s = time(NULL);
	err = conf_load(opts->conf_path, &e->conf, why);
	if (err != 0)
		goto out;
	e->conf_start = e->conf;
	set_log(e);
	if ((err = take_state_dir(e, why)) != 0 || (err = load_secret(e, why)) != 0 ||
	    (err = engine_keys_open(e->conf, e->started_s, &e->keys, why)) != 0)
		goto out;
	uv_loop_init(&e->loop);
	e->loop_made = true;
	/* The data plane first: threads made after it keep off the workers' CPUs. */
	if ((err = open_dataplane(e, why)) != 0 || (err = open_storage(e, why)) != 0 ||
	    (err = open_helpers(e, why)) != 0 || (err = open_gate(e, why)) != 0)
		goto out;
	err = ctl_open(&e->loop, e->conf->socket_path, e, &e->ctl, why);
	if (err != 0)
		goto out;
	watch_signals(e);
	open_scheduler(e);
out:
	if (err != 0)
		engine_close(e);
	else
		*out = e;
	return err;
}

int engine_run(struct engine *e)
{
	uv_run(&e->loop, UV_RUN_DEFAULT);
	return 0;
}

static void close_handle(uv_handle_t *h, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* A disk that never answers keeps the store or an import from ending, and nothing can be done about
 * it: what is not recorded is as before, and is tried again at the next start.
 */
static void *end_anyway(void *arg)
{
	(void)arg;
	sleep(CLOSE_MAX_S);
	log_error("shutdown: state_dir takes no writes, ended without it after %d s; what was not "
	          "recorded is tried again at the next start",
	          CLOSE_MAX_S);
	_exit(EXIT_FAILURE);
}

void engine_close(struct engine *e)
{
	pthread_t watch;

	/* Nobody joins it: the end of the process ends it, too. */
	if (e->store != NULL && thread_start_nice(&watch, "ph-end", end_anyway, NULL) == 0)
		pthread_detach(watch);
	keys_dns_stop(e->keys_dns);
	if (e->ctl != NULL)
		ctl_close(e->ctl);
	if (e->link != NULL)
		link_close(e->link);
	if (e->mx != NULL)
		mx_close(e->mx);
	if (e->keeper != NULL)
		keeper_stop(e->keeper);
	if (e->loop_made) {
		uv_walk(&e->loop, close_handle, NULL);
		uv_run(&e->loop, UV_RUN_DEFAULT);
		uv_loop_close(&e->loop);
	}
	if (e->link != NULL)
		link_free(e->link);
	if (e->asks != NULL)
		asks_close(e->asks);
	if (e->secrets != NULL)
		secrets_close(e->secrets);
	if (e->dp != NULL)
		dp_stop(e->dp);
	if (e->keeper != NULL)
		keeper_close(e->keeper);
	if (e->sched != NULL)
		sched_close(e->sched);
	if (e->composer != NULL)
		composer_close(e->composer);
	if (e->campaigns != NULL)
		campaigns_close(e->campaigns);
	if (e->store != NULL)
		store_close(e->store);
	keyring_put(e->keys);
	if (e->dp_conf != NULL)
		engine_dp_conf_free(e->dp_conf);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	if (e->conf != e->conf_start)
		conf_free(e->conf_start);
	if (e->conf != NULL)
		conf_free(e->conf);
	free(e->conf_path);
	free(e);
}

/* What campaign_start() calls back, on its way to whoever asked. */
struct starting {
	struct engine *e;
	campaign_done_fn *done;
	void *ctx;
};

static void on_imported(void *ctx, int result, struct campaign *c, const char *line)
{
	struct starting *st = ctx;

	if (result == 0 && c != NULL && !st->e->stopping) {
		log_info("campaign %s: %s", c->spec.name, line);
		sched_add(st->e->sched, c);
	}
	st->done(st->ctx, result, c, line);
	free(st);
}

/* A pool without a source would keep its campaign waiting for ever. */
static int check_pool(const struct engine *e, const char *pool, char why[CAMPAIGN_WHY_BYTES])
{
	const struct conf *c = e->conf;
	size_t used;

	if (pool == NULL)
		return 0;
	for (uint32_t i = 0; i < c->n_sources; i++)
		if (strcmp(c->sources[i].pool, pool) == 0)
			return 0;
	used = (size_t)snprintf(why, CAMPAIGN_WHY_BYTES,
	                        "no source is in pool \"%.64s\"; pools:", pool);
	for (uint32_t i = 0; i < c->n_sources && used < CAMPAIGN_WHY_BYTES; i++) {
		uint32_t before = 0;

		while (strcmp(c->sources[before].pool, c->sources[i].pool) != 0)
			before++;
		if (before == i)
			used += (size_t)snprintf(why + used, CAMPAIGN_WHY_BYTES - used, " %.64s",
			                         c->sources[i].pool);
	}
	return -EINVAL;
}

/* A signer that is not there would fail every message. */
static int check_dkim(const struct engine *e, const char *names, char why[CAMPAIGN_WHY_BYTES])
{
	const char *missing = names == NULL ? NULL : keyring_missing(e->keys, names);

	if (missing == NULL)
		return 0;
	snprintf(why, CAMPAIGN_WHY_BYTES, "--dkim: no dkim block is named \"%.*s\"",
	         (int)strcspn(missing, ","), missing);
	return -EINVAL;
}

/* The spec with what the configuration says for its class and tenant; the strings stay borrowed. */
static struct campaign_spec with_reports(const struct engine *e, const struct campaign_spec *spec)
{
	const struct conf_dsn dsn =
	    conf_dsn(e->conf, spec->class != NULL ? spec->class : "bulk", spec->tenant);
	struct campaign_spec filled = *spec;

	if (filled.dsn_notify == NULL)
		filled.dsn_notify = (char *)(uintptr_t)dsn.notify;
	if (filled.dsn_ret == NULL)
		filled.dsn_ret = (char *)(uintptr_t)dsn.ret;
	return filled;
}

int engine_campaign_start(struct engine *e, const struct campaign_spec *spec,
                          campaign_done_fn *done, void *ctx, char why[CAMPAIGN_WHY_BYTES])
{
	const struct campaign_spec filled = with_reports(e, spec);
	struct starting *st;
	int err;

	if (e->stopping) {
		snprintf(why, CAMPAIGN_WHY_BYTES, "the engine is shutting down");
		return -ESHUTDOWN;
	}
	err = check_pool(e, spec->pool, why);
	if (err == 0)
		err = check_dkim(e, spec->dkim, why);
	if (err != 0)
		return err;
	st = xcalloc(1, sizeof(*st));
	*st = (struct starting){ e, done, ctx };
	err = campaign_start(e->campaigns, &filled, on_imported, st, why);
	if (err != 0)
		free(st);
	return err;
}

struct uv_loop_s *engine_loop(struct engine *e)
{
	return &e->loop;
}

const struct conf *engine_conf(const struct engine *e)
{
	return e->conf;
}

struct campaigns *engine_campaigns(struct engine *e)
{
	return e->campaigns;
}

struct sched *engine_sched(struct engine *e)
{
	return e->sched;
}

struct keeper *engine_keeper(struct engine *e)
{
	return e->keeper;
}

struct secrets *engine_secrets(struct engine *e)
{
	return e->secrets;
}

struct mx *engine_mx(struct engine *e)
{
	return e->mx;
}

struct asks *engine_asks(struct engine *e)
{
	return e->asks;
}

struct dp *engine_dp(struct engine *e)
{
	return e->dp;
}

struct store *engine_store(struct engine *e)
{
	return e->store;
}

int64_t engine_started_s(const struct engine *e)
{
	return e->started_s;
}
