/* sink_port.c - the sink on our own stack: a worker whose TCP listens, and the sink in SMTP's
 * place.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/base/pool.h"
#include "dataplane/counters.h"
#include "dataplane/dp_hook.h"
#include "dataplane/sink_carrier.h"
#include "dataplane/tcp/tcp.h"

enum { RX_WINDOW_BYTES = 1 << 17 };

struct conn {
	struct sink_conn sink;
	struct sink_stack *st;
	tcp_id id;
	uint32_t slot;
	bool is_begun, in_ended;
	struct conn *next_ended;
};

struct sink_stack {
	struct dp_sink *d;
	struct dp *dp;
	struct tcp *tcp; /* the worker's */
	struct pool conns;
	struct conn *ended; /* whose sessions have ended, and whose connections are to */
	struct worker_above above;
	struct dp_hook hook;
	struct dp_conf conf;
	struct dp_port_conf port;
	struct dp_source_conf *sources;
	uint64_t now_us;
	uint8_t secret[32];
};

/* ---- the wire ---- */

static size_t on_room(void *carrier)
{
	struct conn *c = carrier;

	return tcp_write_room(c->st->tcp, c->id);
}

static void on_write(void *carrier, struct span bytes)
{
	struct conn *c = carrier;

	if (tcp_write(c->st->tcp, c->st->now_us, c->id, bytes) != bytes.bytes)
		sink_conn_fail(&c->sink); /* out of buffers: an octet that is missing must end it */
}

static void on_flush(void *carrier)
{
	struct conn *c = carrier;

	tcp_flush(c->st->tcp, c->st->now_us, c->id);
}

static void on_ended(void *carrier)
{
	struct conn *c = carrier;

	c->next_ended = c->st->ended;
	c->st->ended = c;
	c->in_ended = true;
}

static const struct sink_wire wire = {
	.room = on_room,
	.write = on_write,
	.flush = on_flush,
	.ended = on_ended,
};

/* Behind everything that may have ended sessions, and inside of no call of TCP's. */
static bool end_those(struct sink_stack *st)
{
	bool any = st->ended != NULL;

	while (st->ended != NULL) {
		struct conn *c = st->ended;

		st->ended = c->next_ended;
		c->in_ended = false;
		if (c->sink.state == SINK_CONN_RESET)
			tcp_abort(st->tcp, st->now_us, c->id);
		else
			tcp_close(st->tcp, st->now_us, c->id);
	}
	return any;
}

/* ---- TCP's callbacks ---- */

static void *on_accept(void *ctx, tcp_id id)
{
	struct sink_stack *st = ctx;
	uint32_t slot = pool_try_get(&st->conns);
	struct conn *c;

	if (slot == POOL_NONE) {
		count(&sink_counts_mine(st->d->host.sink)->connections_full);
		return NULL;
	}
	c = pool_at(&st->conns, slot);
	*c = (struct conn){ .st = st, .id = id, .slot = slot };
	return c;
}

static void on_opened(void *user, uint64_t now_us)
{
	struct conn *c = user;
	struct tcp_facts facts;

	c->st->now_us = now_us;
	c->is_begun = true;
	(void)tcp_facts(c->st->tcp, c->id, &facts);
	if (!sink_conn_open(&c->sink, &c->st->d->host, c, &facts.remote, now_us))
		sink_conn_fail(&c->sink);
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	struct conn *c = user;

	c->st->now_us = now_us;
	sink_conn_received(&c->sink, now_us, bytes);
}

/* What had no room is tried again by the sink's own timer. */
static void on_writable(void *user, uint64_t now_us)
{
	(void)user, (void)now_us;
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	struct conn *c = user;

	c->st->now_us = now_us;
	sink_conn_peer_closed(&c->sink, now_us);
}

static void forget_ended(struct conn *c)
{
	struct conn **at = &c->st->ended;

	while (c->in_ended && *at != c)
		at = &(*at)->next_ended;
	if (c->in_ended)
		*at = c->next_ended;
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct conn *c = user;

	(void)why;
	forget_ended(c);
	if (c->is_begun)
		sink_conn_close(&c->sink, now_us);
	pool_put(&c->st->conns, c->slot);
}

static const struct tcp_ops ops = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
};

/* ---- the worker's calls ---- */

static void on_engine(void *ctx, struct tcp *tcp)
{
	struct sink_stack *st = ctx;

	st->tcp = tcp;
}

static bool on_turn(void *ctx, uint64_t now_us)
{
	struct sink_stack *st = ctx;

	st->now_us = now_us;
	return end_those(st);
}

static uint64_t on_tick(void *ctx, uint64_t now_us, uint32_t budget)
{
	struct sink_stack *st = ctx;
	uint64_t due;

	st->now_us = now_us;
	due = sink_tick(st->d->host.sink, now_us, budget);
	(void)end_those(st);
	return due;
}

static int no_devices(void *ctx, char why[DP_WHY_BYTES])
{
	(void)ctx, (void)why;
	return 0;
}

/* ---- opening ---- */

/* The i-th address behind `first`, in its network. */
static struct ip_addr address_behind(const struct ip_addr *first, uint32_t i)
{
	struct ip_addr a = *first;
	uint32_t low =
	    (uint32_t)a.b[12] << 24 | (uint32_t)a.b[13] << 16 | (uint32_t)a.b[14] << 8 | a.b[15];

	low += i;
	for (int k = 0; k < 4; k++)
		a.b[12 + k] = (uint8_t)(low >> (24 - 8 * k));
	return a;
}

/* Its further addresses are sources that never send first. */
static int make_sources(struct sink_stack *st, char why[DP_WHY_BYTES])
{
	const struct dp_sink_conf *c = st->d->conf;
	const struct ip_prefix *net = &c->port.addrs[0];

	st->sources = calloc(c->hosts, sizeof(*st->sources));
	if (st->sources == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->hosts; i++) {
		struct ip_addr a = address_behind(&net->addr, i);

		if (!ip_in_prefix(&a, net)) {
			snprintf(why, DP_WHY_BYTES, "the network has no %u addresses from there on",
			         c->hosts);
			return -EINVAL;
		}
		st->sources[i] = (struct dp_source_conf){ .name = "sink", .helo = c->sink.host };
		*(ip_is_v4(&a) ? &st->sources[i].addr4 : &st->sources[i].addr6) = a;
	}
	return 0;
}

static void fill(struct sink_stack *st)
{
	const struct dp_sink_conf *c = st->d->conf;

	st->port = c->port;
	st->conf = (struct dp_conf){ .ports = &st->port,
		                     .n_ports = 1,
		                     .sources = st->sources,
		                     .n_sources = c->hosts,
		                     .conns_max = c->sink.conns_max,
		                     .window = 1,
		                     .buffers = c->buffers,
		                     .drain_max_ms = 1,
		                     .smtp = { .times = { .connect_ms = 30000 } },
		                     .tcp = { .rx_window_bytes = RX_WINDOW_BYTES },
		                     .state_dir = c->state_dir,
		                     .secret = st->secret,
		                     .log = c->log };
	st->above = (struct worker_above){ .ops = &ops,
		                           .opened = on_engine,
		                           .turn = on_turn,
		                           .tick = on_tick,
		                           .listen_port = c->tcp_port,
		                           .accept = on_accept,
		                           .ctx = st };
	st->hook = (struct dp_hook){ .above = &st->above, .devices = no_devices };
}

static void shut(struct dp_sink *d)
{
	struct sink_stack *st = d->own;

	if (st->dp != NULL)
		dp_stop(st->dp);
	pool_fini(&st->conns);
	free(st->sources);
	free(st);
	d->own = NULL;
}

static int open_stack(struct dp_sink *d, char why[DP_WHY_BYTES])
{
	struct sink_stack *st = calloc(1, sizeof(*st));
	struct timespec t;
	int rc = -ENOMEM;

	snprintf(why, DP_WHY_BYTES, "no memory for the sink");
	if (st == NULL)
		return rc;
	st->d = d;
	d->own = st;
	/* Sequence numbers that two runs do not share; nobody else's mail depends on them. */
	clock_gettime(CLOCK_REALTIME, &t);
	memcpy(st->secret, &t, sizeof(t));
	if (pool_init(&st->conns, d->conf->sink.conns_max, sizeof(struct conn), NULL) == 0)
		rc = make_sources(st, why);
	if (rc == 0) {
		fill(st);
		rc = dp_start_hooked(&st->conf, &st->hook, &st->dp, why);
	}
	if (rc != 0)
		shut(d);
	return rc;
}

static uint16_t port_of(const struct dp_sink *d, uint32_t listen)
{
	(void)listen;
	return d->conf->tcp_port;
}

static int run(struct dp_sink *d)
{
	struct pollfd stop = { .fd = d->stop_fd, .events = POLLIN };

	while (poll(&stop, 1, -1) != 1)
		continue; /* EINTR */
	return 0;
}

const struct sink_carrier sink_port = {
	.wire = &wire,
	.open = open_stack,
	.port = port_of,
	.run = run,
	.close = shut,
};
