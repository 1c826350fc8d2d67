/* sink_port.c - the sink on our own stack: a worker whose TCP listens, and the sink in SMTP's
 * place.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/base/pool.h"
#include "dataplane/counters.h"
#include "dataplane/dp_hook.h"
#include "dataplane/sink_carrier.h"
#include "dataplane/tcp/tcp.h"

enum {
	RX_WINDOW_BYTES = 1 << 17,
	TIME_WAIT_MAX = 32768,
	OUT_BYTES_MAX = 1 << 16, /* replies of a connection for which there were no buffers */
	STALL_US = 1000,
};

struct conn {
	struct sink_conn sink;
	struct sink_stack *st;
	tcp_id id;
	uint32_t slot;
	bool is_begun, in_ended, in_stalled, in_unflushed;
	struct conn *next_ended, *next_stalled, *next_unflushed;
	uint8_t *out; /* what found no buffers yet; OUT_BYTES_MAX of room, or NULL */
	uint32_t n_out;
};

struct sink_stack {
	struct dp_sink *d;
	struct dp *dp;
	struct tcp *tcp; /* the worker's */
	struct pool conns;
	struct conn *ended;     /* whose sessions have ended, and whose connections are to */
	struct conn *stalled;   /* who have octets that found no buffers */
	struct conn *unflushed; /* who have said something in this turn */
	struct worker_above above;
	struct dp_hook hook;
	struct dp_conf conf;
	struct dp_port_conf port;
	struct dp_source_conf *sources;
	uint64_t now_us;
	uint8_t secret[32];
};

/* ---- the wire ---- */

/* TCP may have room and the worker no buffers: what is not taken waits here. */
static size_t on_room(void *carrier)
{
	struct conn *c = carrier;

	return c->n_out == 0 ? tcp_write_room(c->st->tcp, c->id) : OUT_BYTES_MAX - c->n_out;
}

static void stall(struct conn *c, struct span rest)
{
	if (c->out == NULL)
		c->out = malloc(OUT_BYTES_MAX);
	if (c->out == NULL || rest.bytes > OUT_BYTES_MAX - c->n_out) {
		sink_conn_fail(&c->sink); /* an octet that is missing must end it */
		return;
	}
	memcpy(c->out + c->n_out, rest.at, rest.bytes);
	c->n_out += (uint32_t)rest.bytes;
	if (c->in_stalled)
		return;
	c->in_stalled = true;
	c->next_stalled = c->st->stalled;
	c->st->stalled = c;
}

static void on_write(void *carrier, struct span bytes)
{
	struct conn *c = carrier;
	size_t n = 0;

	if (c->n_out == 0)
		n = tcp_write(c->st->tcp, c->st->now_us, c->id, bytes);
	if (n < bytes.bytes)
		stall(c, span_of(bytes.at + n, bytes.bytes - n));
}

/* Tries again what was stalled; what still finds nothing is in the list again. */
static void resume(struct sink_stack *st)
{
	struct conn *c = st->stalled, *next;

	st->stalled = NULL;
	for (; c != NULL; c = next) {
		size_t n = tcp_write(st->tcp, st->now_us, c->id, span_of(c->out, c->n_out));

		next = c->next_stalled;
		tcp_flush(st->tcp, st->now_us, c->id);
		c->n_out -= (uint32_t)n;
		c->in_stalled = c->n_out != 0;
		if (c->in_stalled) {
			memmove(c->out, c->out + n, c->n_out);
			c->next_stalled = st->stalled;
			st->stalled = c;
			continue;
		}
		free(c->out);
		c->out = NULL;
	}
}

/* Replies leave when the turn has read what came: those to commands that arrived together leave
 * together (RFC 2920 3.2), however many segments the commands were cut into.
 */
static void on_flush(void *carrier)
{
	struct conn *c = carrier;

	if (c->in_unflushed)
		return;
	c->in_unflushed = true;
	c->next_unflushed = c->st->unflushed;
	c->st->unflushed = c;
}

static void flush_those(struct sink_stack *st)
{
	struct conn *c = st->unflushed;

	st->unflushed = NULL;
	for (; c != NULL; c = c->next_unflushed) {
		c->in_unflushed = false;
		tcp_flush(st->tcp, st->now_us, c->id);
	}
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
	struct conn *c = st->ended, *next;
	bool any = c != NULL;

	flush_those(st); /* behind a RST nothing leaves any more */
	st->ended = NULL;
	for (; c != NULL; c = next) {
		next = c->next_ended;
		c->in_ended = false;
		if (c->sink.state != SINK_CONN_RESET && c->n_out != 0)
			on_ended(c); /* the FIN goes behind what waits for buffers */
		else if (c->sink.state == SINK_CONN_RESET)
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
	if (!sink_conn_open(&c->sink, &c->st->d->host, c, &facts.remote, &facts.local, now_us))
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

static void forget(struct conn *c)
{
	struct conn **at = &c->st->ended;

	while (c->in_ended && *at != c)
		at = &(*at)->next_ended;
	if (c->in_ended)
		*at = c->next_ended;
	at = &c->st->unflushed;
	while (c->in_unflushed && *at != c)
		at = &(*at)->next_unflushed;
	if (c->in_unflushed)
		*at = c->next_unflushed;
	at = &c->st->stalled;
	while (c->in_stalled && *at != c)
		at = &(*at)->next_stalled;
	if (c->in_stalled)
		*at = c->next_stalled;
	free(c->out);
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct conn *c = user;

	(void)why;
	forget(c);
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
	if (st->stalled != NULL)
		resume(st);
	return end_those(st);
}

static uint64_t on_tick(void *ctx, uint64_t now_us, uint32_t budget)
{
	struct sink_stack *st = ctx;
	uint64_t due;

	st->now_us = now_us;
	due = sink_tick(st->d->host.sink, now_us, budget);
	(void)end_those(st);
	if (st->stalled != NULL && due > now_us + STALL_US)
		due = now_us + STALL_US;
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
		                     .tcp = { .rx_window_bytes = RX_WINDOW_BYTES,
		                              .time_wait_max = TIME_WAIT_MAX },
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
	int rc = -ENOMEM;

	snprintf(why, DP_WHY_BYTES, "no memory for the sink");
	if (st == NULL)
		return rc;
	st->d = d;
	d->own = st;
	/* All of it: half a key is none to the flow table, where the address would not count. */
	if (getrandom(st->secret, sizeof(st->secret), 0) != sizeof(st->secret))
		snprintf(why, DP_WHY_BYTES, "no random numbers for the sink");
	else if (pool_init(&st->conns, d->conf->sink.conns_max, sizeof(struct conn), NULL) == 0)
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

static uint64_t stack_count(const struct dp_sink *d, uint32_t counter)
{
	const struct sink_stack *st = d->own;

	return dp_counter(st->dp, 0, counter);
}

const struct sink_carrier sink_port = {
	.wire = &wire,
	.open = open_stack,
	.port = port_of,
	.run = run,
	.close = shut,
	.stack_count = stack_count,
};
