/* sched.h - which message next, on which connection.
 *
 * Work comes in as campaigns, is cut into slices (one domain of one campaign), finds its site (the
 * MX set of the domain) and leaves through lanes (one site from one source address), each with its
 * own connections. Everything is driven by what happened: a site is looked at when something
 * about it changed, never in rounds over all sites.
 *
 * Owner   the engine.
 * Thread  control thread. `now_us` is monotonic, `now_s` Unix time, both read once a turn.
 * Not     what a reply means (bounce.h), how fast is too fast (rate.h), who answers for a domain
 *         (mx.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/campaign/campaign.h"
#include "control/campaign/compose.h"
#include "control/conf/conf.h"
#include "control/mx/mx.h"
#include "control/sched/hosts.h"
#include "control/store/store.h"
#include "dataplane/dp.h"

struct sched;

/* What the scheduler drives; all borrowed and outliving it. */
struct sched_conf {
	const struct conf *conf;
	struct dp *dp;
	struct store *store;
	struct composer *composer;
	struct mx *mx;
	uint32_t attempts_max; /* leave a recipient deferred after so many attempts; 0: go on */
	/* Called when the last recipient of a campaign became final. */
	void (*campaign_over)(void *ctx, struct campaign *c);
	/* Called when the content gate's stop rules, or too many messages in a row that could not
	 * be composed, have paused one.
	 */
	void (*campaign_paused)(void *ctx, struct campaign *c);
	/* A host did not take that credential, and said `why`: true when another secret was found,
	 * and sched_credential_set() was called. And: a host took it. NULL: nobody is asked.
	 */
	bool (*credential_refused)(void *ctx, uint32_t credential, const char *why);
	void (*credential_taken)(void *ctx, uint32_t credential);
	void *ctx;
};

struct sched *sched_open(const struct sched_conf *conf);

/* Everything in flight is forgotten: its recipients are as the store has them. */
void sched_close(struct sched *s);

/* The configuration was replaced: limits are read anew. */
void sched_set_conf(struct sched *s, const struct conf *conf);

/* Sessions from now on have another secret for that credential: it is tried at once. */
void sched_credential_set(struct sched *s, uint32_t credential);

/* Takes on all recipients of a running campaign that are not final; deferred ones at their time. */
void sched_add(struct sched *s, struct campaign *c);

/* No message of the campaign is begun from now on, through restarts too; what is with the workers
 * goes on. A paused campaign stays as it is.
 */
void sched_pause(struct sched *s, struct campaign *c, const char *why);
void sched_resume(struct sched *s, struct campaign *c);

/* All recipients of the campaign that are held when this is durable get `state`: PENDING, and the
 * content gate holds them no more, or CANCELLED. Then calls `done`, with how many.
 */
typedef void sched_released_fn(void *ctx, struct campaign *c, uint64_t n);
void sched_release(struct sched *s, struct campaign *c, enum rcpt_state state,
                   sched_released_fn *done, void *ctx);

/* News from the rings; link.c is the only caller. */
void sched_on_event(struct sched *s, uint32_t worker, const struct dp_evt *evt);
void sched_on_durable(struct sched *s, uint64_t cookie);
void sched_on_composed(struct sched *s, const struct compose_done *done);

/* Does what can be done now. Returns in how many microseconds to be called at the latest if
 * nothing happens before; 0: at once, there is more to do.
 */
uint64_t sched_run(struct sched *s, uint64_t now_us, int64_t now_s);

/* No new message from now on; what is with the workers is still judged and stored. */
void sched_stop(struct sched *s);

/* Connections that have not had their last event, and recipients whose outcome is not durable. */
uint32_t sched_n_conns(const struct sched *s);
uint32_t sched_n_flights(const struct sched *s);

/* True when no recipient can make progress: each is final, out of attempts (attempts_max), or
 * bound for a host that the egress guard refuses. `*blocked` counts the last kind.
 */
bool sched_is_stuck(const struct sched *s, const struct campaign *c, uint64_t *blocked);

/* Key of the site that a connection goes to, by control's name for it; NULL when it is over. */
const char *sched_conn_site(const struct sched *s, uint64_t conn);

/* Key of the site of that name, or of the domain's; NULL when none is in use. */
const char *sched_site_key(const struct sched *s, const char *name);

/* One site, for `show sites`. */
struct sched_site_view {
	const char *name;   /* key of the MX set */
	const char *domain; /* one of its domains */
	uint32_t conns, conns_idle, conns_max;
	uint64_t ready;    /* recipients that may go now */
	uint64_t deferred; /* recipients that wait for their time */
	uint64_t in_flight;
	uint64_t delivered, refused; /* since the site was first used */
	uint32_t rate_per_s;
	const char *tls;        /* its policy, as dp_tls.def names it; campaigns may ask more */
	const char *provider;   /* of the shipped table; NULL: none */
	bool blocked;           /* the egress guard refuses its hosts */
	const char *last_error; /* NULL: none */
};

/* The next site; false when there are no more. `*cursor` is 0 at first and says where to go on; in
 * between sites may come and go. The view's strings are valid until the loop goes on.
 */
bool sched_site_next(const struct sched *s, uint32_t *cursor, struct sched_site_view *view);

/* One address of a site, for `show domain`: what is known of it in words. */
struct sched_host_view {
	const char *name;
	uint16_t preference;
	struct ip_addr addr;
	uint32_t conns, window; /* open now; transactions that the next one may have in flight */
	char known[HOST_TEXT_BYTES]; /* "": nothing */
};

/* The next address of the site of that key, best first; false when there are no more. `*cursor` is
 * 0 at first.
 */
bool sched_host_next(struct sched *s, const char *key, uint32_t *cursor,
                     struct sched_host_view *view);

/* Forgets what is known of a host's address, that it has done TLS included, and looks at its sites
 * anew. Returns 1, 0: nothing was known, or -EAGAIN: the store has no room now.
 */
int sched_forget_host(struct sched *s, const struct ip_addr *addr);

/* Addresses that something is known of, and those that were forgotten for want of room. */
uint32_t sched_n_hosts(const struct sched *s);
uint64_t sched_n_hosts_evicted(const struct sched *s);
