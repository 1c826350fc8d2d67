/* mx.c - the door of the resolver: cache, joined look-ups, and the queue of those that wait. */
#include <assert.h>
#include <errno.h>
#include <uv.h>

#include "control/mx/cache.h"
#include "control/mx/lookup.h"
#include "control/xalloc.h"

enum { HOST_MARK = '=' }; /* before a host's name in the cache; no domain holds it */

struct waiter {
	mx_done_fn *done;
	void *ctx;
	struct waiter *next;
};

/* One domain under way: waiting for its turn, or asked. */
struct turn {
	struct mx *mx;
	struct cache_entry *entry;
	struct lookup *lookup;
	struct waiter *waiters, **last_waiter;
	struct turn *next, *prev; /* in mx->waiting or mx->running */
};

struct turns {
	struct turn *first, *last;
	uint32_t n;
};

struct mx {
	uv_loop_t *loop;
	struct mx_conf conf;
	struct resolver *resolver;
	struct cache cache;
	struct turns waiting, running;
	bool starting; /* in start_waiting(), which a look-up that ends at once calls again */
	uint64_t hits, misses, queries, failures;
};

struct mx_answer *mx_hold(struct mx_answer *answer)
{
	assert(answer->refs != 0);
	answer->refs++;
	return answer;
}

void mx_release(struct mx_answer *answer)
{
	assert(answer->refs != 0);
	if (--answer->refs != 0)
		return;
	free(answer->hosts);
	free(answer);
}

/* ---- turns ---- */

static void turns_add(struct turns *list, struct turn *t)
{
	t->next = NULL;
	t->prev = list->last;
	*(list->last != NULL ? &list->last->next : &list->first) = t;
	list->last = t;
	list->n++;
}

static void turns_del(struct turns *list, struct turn *t)
{
	*(t->prev != NULL ? &t->prev->next : &list->first) = t->next;
	*(t->next != NULL ? &t->next->prev : &list->last) = t->prev;
	list->n--;
}

static void waiter_add(struct turn *t, mx_done_fn *done, void *ctx)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	*w = (struct waiter){ .done = done, .ctx = ctx };
	*t->last_waiter = w;
	t->last_waiter = &w->next;
}

/* Ends a turn and gives its waiters to the caller. */
static struct waiter *turn_free(struct turns *list, struct turn *t)
{
	struct waiter *waiters = t->waiters;

	turns_del(list, t);
	t->entry->turn = NULL;
	lookup_free(t->lookup);
	free(t);
	return waiters;
}

static void start_waiting(struct mx *mx)
{
	if (mx->starting)
		return;
	mx->starting = true;
	while (mx->waiting.n != 0 && mx->running.n < mx->conf.queries_max) {
		struct turn *t = mx->waiting.first;

		turns_del(&mx->waiting, t);
		turns_add(&mx->running, t);
		lookup_start(t->lookup, &mx->queries); /* may end the turn */
	}
	mx->starting = false;
}

static void on_lookup_done(void *ctx, const struct lookup_result *result)
{
	struct turn *t = ctx;
	struct mx *mx = t->mx;
	struct cache_entry *e = t->entry;
	struct mx_answer *answer = mx_hold(result->answer); /* the cache has the first reference */
	uint32_t ttl_s =
	    cache_ttl_s(&mx->conf, answer->fate, result->has_ttl, result->ttl_s, e->failures);
	struct waiter *w, *next;

	answer->expires_ms = (int64_t)uv_now(mx->loop) + (int64_t)ttl_s * 1000;
	if (answer->fate == MX_TRY_LATER) {
		e->failures++;
		mx->failures++;
	} else {
		e->failures = 0;
	}
	if (e->answer != NULL)
		mx_release(e->answer);
	e->answer = answer;
	for (w = turn_free(&mx->running, t); w != NULL; w = next) {
		next = w->next;
		w->done(w->ctx, answer); /* may look up anything again */
		free(w);
	}
	mx_release(answer);
	start_waiting(mx);
}

static void turn_start(struct mx *mx, struct cache_entry *e, mx_done_fn *done, void *ctx)
{
	struct turn *t = xcalloc(1, sizeof(*t));
	bool is_host = e->domain[0] == HOST_MARK;

	t->mx = mx;
	t->entry = e;
	t->last_waiter = &t->waiters;
	t->lookup = lookup_new(mx->resolver, is_host ? e->domain + 1 : e->domain, is_host,
	                       on_lookup_done, t);
	e->turn = t;
	waiter_add(t, done, ctx);
	turns_add(&mx->waiting, t);
	start_waiting(mx);
}

/* ---- the door ---- */

/* RFC 1035 2.3.4 for lengths; letters, digits, '-' and '_' as they are found in use. */
static bool is_domain(const char *domain)
{
	size_t label = 0, n = 0;

	for (; domain[n] != '\0' && n < MX_NAME_BYTES; n++) {
		char b = domain[n];

		if (b == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-' || b == '_') ||
		    ++label > 63)
			return false;
	}
	return n <= 253 && label != 0;
}

/* An answer that takes no question. */
static void say(mx_done_fn *done, void *ctx, enum mx_fate fate, const char *why,
                const struct ip_addr *addr, const char *name)
{
	struct mx_answer *a = xcalloc(1, sizeof(*a));

	a->refs = 1;
	a->fate = fate;
	snprintf(a->why, sizeof(a->why), "%s", why);
	if (addr != NULL) {
		snprintf(a->site, sizeof(a->site), "%s", name);
		a->n_hosts = 1;
		a->hosts = xcalloc(1, sizeof(*a->hosts));
		snprintf(a->hosts[0].name, sizeof(a->hosts[0].name), "%s", name);
		a->hosts[0].n_addrs = 1;
		a->hosts[0].addrs[0] = *addr;
		a->expires_ms = INT64_MAX;
	}
	done(ctx, a);
	mx_release(a);
}

/* `key`: the domain, or a host behind its mark. */
static void look_up(struct mx *mx, const char *key, mx_done_fn *done, void *ctx)
{
	struct cache_entry *e = cache_find(&mx->cache, key);

	if (e != NULL && e->turn == NULL && e->answer->expires_ms > (int64_t)uv_now(mx->loop)) {
		struct mx_answer *answer = mx_hold(e->answer);

		mx->hits++;
		done(ctx, answer);
		mx_release(answer);
		return;
	}
	mx->misses++;
	if (e == NULL)
		e = cache_add(&mx->cache, key);
	if (e->turn != NULL)
		waiter_add(e->turn, done, ctx);
	else
		turn_start(mx, e, done, ctx);
}

void mx_lookup(struct mx *mx, const char *domain, mx_done_fn *done, void *ctx)
{
	if (is_domain(domain))
		look_up(mx, domain, done, ctx);
	else
		say(done, ctx, MX_NO_DOMAIN, "not a domain name", NULL, NULL);
}

void mx_lookup_host(struct mx *mx, const char *host, mx_done_fn *done, void *ctx)
{
	char key[MX_NAME_BYTES] = { HOST_MARK };
	struct ip_addr addr;

	if (ip_parse(host, &addr) == 0) {
		say(done, ctx, MX_OK, "address of the configuration", &addr, host);
	} else if (is_domain(host)) {
		snprintf(key + 1, sizeof(key) - 1, "%s", host);
		look_up(mx, key, done, ctx);
	} else {
		say(done, ctx, MX_TRY_LATER, "not a host name", NULL, NULL);
	}
}

int mx_open(struct uv_loop_s *loop, const struct mx_conf *conf, struct mx **out, char why[256])
{
	struct mx *mx = xcalloc(1, sizeof(*mx));
	int r = resolver_open(loop, conf, &mx->resolver, why);

	if (r != 0) {
		free(mx);
		return r;
	}
	assert(conf->queries_max != 0 && conf->entries_max != 0);
	assert(conf->ttl_min_s <= conf->ttl_max_s);
	mx->loop = loop;
	mx->conf = *conf;
	mx->conf.servers = NULL; /* the caller's; the resolver has its copy */
	mx->conf.ports = NULL;
	cache_init(&mx->cache, conf->entries_max);
	*out = mx;
	return 0;
}

static void drop_all(struct turns *list)
{
	while (list->first != NULL) {
		struct waiter *w, *next;

		for (w = turn_free(list, list->first); w != NULL; w = next) {
			next = w->next;
			free(w);
		}
	}
}

void mx_close(struct mx *mx)
{
	resolver_close(mx->resolver); /* first: its questions point into the look-ups */
	drop_all(&mx->running);
	drop_all(&mx->waiting);
	cache_fini(&mx->cache);
	free(mx);
}

struct mx_stats mx_stats(const struct mx *mx)
{
	return (struct mx_stats){ .hits = mx->hits,
		                  .misses = mx->misses,
		                  .queries = mx->queries,
		                  .failures = mx->failures,
		                  .evicted = mx->cache.evicted,
		                  .entries = mx->cache.n,
		                  .pending = mx->running.n + mx->waiting.n };
}
