/* sink_port.c - the sink on our own stack: a worker whose TCP listens, and the sink in SMTP's
 * place.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/sink_port_int.h"

enum { TIME_WAIT_MAX = 32768 };

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
		sink_port_resume(st);
	return sink_port_end_those(st);
}

static uint64_t on_tick(void *ctx, uint64_t now_us, uint32_t budget)
{
	struct sink_stack *st = ctx;
	uint64_t due, ours;

	st->now_us = now_us;
	sink_port_read_slowly(st, now_us);
	due = sink_tick(st->d->host.sink, now_us, budget);
	(void)sink_port_end_those(st);
	ours = sink_port_due_us(st, now_us);
	return due < ours ? due : ours;
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
		                     .tcp = { .rx_window_bytes = SINK_PORT_WINDOW_BYTES,
		                              .time_wait_max = TIME_WAIT_MAX },
		                     .state_dir = c->state_dir,
		                     .secret = st->secret,
		                     .log = c->log };
	st->above = (struct worker_above){ .ops = &sink_port_ops,
		                           .opened = on_engine,
		                           .turn = on_turn,
		                           .tick = on_tick,
		                           .listen_port = c->tcp_port,
		                           .accept = sink_port_accept,
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
	.wire = &sink_port_wire,
	.open = open_stack,
	.port = port_of,
	.run = run,
	.close = shut,
	.stack_count = stack_count,
};
