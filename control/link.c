/* link.c - the only mover of ring messages. */
#include "control/link.h"

#include <time.h>
#include <uv.h>

#include "control/xalloc.h"

enum {
	LINK_SOURCES = 4,     /* rings that can wake us: workers, store, composers, helpers */
	LINK_EVENTS = 64,     /* events taken from a ring at once */
	LINK_ROUNDS_MAX = 16, /* times round the rings before timers and sockets have their turn */
};

struct link {
	struct link_conf cf;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
	uv_poll_t polls[LINK_SOURCES];
	bool asleep; /* between about_to_sleep and awake */
};

static uint32_t move_events(struct link *l)
{
	struct dp_evt evts[LINK_EVENTS];
	uint32_t n, all = 0;

	for (uint32_t w = 0; w < dp_n_workers(l->cf.dp); w++) {
		n = dp_poll(l->cf.dp, w, evts, LINK_EVENTS);
		for (uint32_t i = 0; i < n; i++)
			sched_on_event(l->cf.sched, w, &evts[i]);
		all += n;
	}
	return all;
}

static uint32_t move_durable(struct link *l)
{
	uint64_t cookies[LINK_EVENTS];
	uint32_t n = store_durable(l->cf.store, cookies, LINK_EVENTS);

	for (uint32_t i = 0; i < n; i++)
		sched_on_durable(l->cf.sched, cookies[i]);
	return n;
}

static uint32_t move_composed(struct link *l)
{
	struct compose_done done;
	uint32_t n = 0;

	for (; n < LINK_EVENTS && compose_try_take(l->cf.composer, &done); n++)
		sched_on_composed(l->cf.sched, &done);
	return n;
}

/* Everything that happened, then everything that can be done. Returns as sched_run(). */
static uint64_t turn(struct link *l)
{
	uint64_t wait_us;
	uint32_t moved;
	int rounds = 0;

	do {
		moved = move_events(l) + move_durable(l) + move_composed(l);
		wait_us = sched_run(l->cf.sched, uv_hrtime() / 1000, time(NULL));
	} while (moved > 0 && ++rounds < LINK_ROUNDS_MAX);
	asks_poll(l->cf.asks);
	l->cf.turn(l->cf.ctx);
	return moved > 0 ? 0 : wait_us;
}

static void on_timer(uv_timer_t *t)
{
	(void)t; /* its only work is to end the sleep */
}

static void on_idle(uv_idle_t *i)
{
	(void)i; /* its only work is to keep the loop from sleeping */
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	(void)p, (void)status, (void)events; /* the turn looks at every ring */
}

static void on_campaigns(uv_poll_t *p, int status, int events)
{
	struct link *l = p->data;

	(void)status, (void)events;
	campaigns_poll(l->cf.campaigns);
}

static void on_prepare(uv_prepare_t *p)
{
	struct link *l = p->data;
	uint64_t wait_us = turn(l);
	bool quiet = dp_about_to_sleep(l->cf.dp);

	quiet = store_about_to_sleep(l->cf.store) && quiet;
	quiet = composer_about_to_sleep(l->cf.composer) && quiet;
	l->asleep = true;
	if (!quiet || wait_us == 0) {
		uv_idle_start(&l->idle, on_idle);
		return;
	}
	uv_idle_stop(&l->idle);
	uv_update_time(l->cf.loop);
	uv_timer_start(&l->timer, on_timer, (wait_us + 999) / 1000, 0);
}

static void on_check(uv_check_t *c)
{
	struct link *l = c->data;

	if (!l->asleep)
		return;
	l->asleep = false;
	dp_awake(l->cf.dp);
	store_awake(l->cf.store);
	composer_awake(l->cf.composer);
}

struct link *link_open(const struct link_conf *conf)
{
	struct link *l = xcalloc(1, sizeof(*l));
	const int fds[LINK_SOURCES] = { dp_wake_fd(conf->dp), store_wake_fd(conf->store),
		                        composer_wake_fd(conf->composer),
		                        campaigns_fd(conf->campaigns) };

	l->cf = *conf;
	uv_prepare_init(conf->loop, &l->prepare);
	uv_check_init(conf->loop, &l->check);
	uv_idle_init(conf->loop, &l->idle);
	uv_timer_init(conf->loop, &l->timer);
	l->prepare.data = l->check.data = l;
	for (int i = 0; i < LINK_SOURCES; i++) {
		uv_poll_init(conf->loop, &l->polls[i], fds[i]);
		l->polls[i].data = l;
		uv_poll_start(&l->polls[i], UV_READABLE, i == 3 ? on_campaigns : on_poll);
	}
	uv_prepare_start(&l->prepare, on_prepare);
	uv_check_start(&l->check, on_check);
	return l;
}

void link_close(struct link *l)
{
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	uv_close((uv_handle_t *)&l->timer, NULL);
	for (int i = 0; i < LINK_SOURCES; i++)
		uv_close((uv_handle_t *)&l->polls[i], NULL);
}

void link_free(struct link *l)
{
	free(l);
}
