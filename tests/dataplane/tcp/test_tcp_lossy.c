/* test_tcp_lossy.c - two engines talk through a network that loses, repeats and reorders: every
 * byte arrives once and in order, both ends close, and the invariants hold after every event.
 *
 * Time is virtual and the network is seeded, so a failure happens again. The engines open towards
 * each other at the same moment, since neither listens.
 */
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_wire.h"
#include "tests/support/eal.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

enum {
	PACKETS_MAX = 2048,
	PACKET_BYTES = 1600,
	TIME_MAX_S = 3600, /* virtual */
};

struct path {
	const char *why;
	uint64_t seed;
	uint32_t loss, dup, late; /* per thousand */
	uint32_t delay_us, late_us;
	uint32_t bytes;
	uint32_t rx_window;
	bool no_sack, no_ts;
	bool starve; /* few buffers */
};

struct packet {
	uint64_t due_us;
	uint64_t order;
	struct end *to;
	uint16_t bytes;
	uint8_t at[PACKET_BYTES];
};

struct sim {
	const struct path *path;
	uint64_t now_us, random, n_sent;
	uint32_t n_packets;
	struct packet *packets;
};

struct end {
	struct sim *sim;
	struct end *other;
	struct tcp *tcp;
	struct dp_counters counters;
	struct ip_addr addr;
	tcp_id id;
	uint32_t written, received;
	bool opened, peer_closed, closed, closing, bad;
	int why;
};

static uint32_t chance(struct sim *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 20) % 1000;
}

int net_route(struct net *net, const struct ip_addr *local, const struct ip_addr *remote,
              struct net_path *path)
{
	(void)net;
	*path = (struct net_path){ .local = *local, .remote = *remote, .mtu_bytes = 1500 };
	return 0;
}

/* Takes options out of SYNs, as some middle boxes do. */
static uint16_t strip(const struct sim *s, struct rte_mbuf *m, uint8_t *out)
{
	struct tcp_head h;
	struct span bytes;

	CU_ASSERT_TRUE_FATAL(
	    tcp_head_read(span_of(rte_pktmbuf_mtod(m, void *), m->data_len), &h, &bytes));
	if (!(h.flags & TCP_SYN)) {
		memcpy(out, rte_pktmbuf_mtod(m, void *), m->data_len);
		return m->data_len;
	}
	h.sack_ok = h.sack_ok && !s->path->no_sack;
	h.has_ts = h.has_ts && !s->path->no_ts;
	tcp_head_write(&h, out);
	return (uint16_t)tcp_head_bytes(&h);
}

static void put_packet(struct end *from, struct rte_mbuf *m)
{
	struct sim *s = from->sim;
	struct packet *p;

	if (chance(s) < s->path->loss || s->n_packets == PACKETS_MAX)
		return;
	p = &s->packets[s->n_packets++];
	p->bytes = strip(s, m, p->at);
	p->to = from->other;
	p->order = s->n_sent++;
	p->due_us = s->now_us + s->path->delay_us;
	if (chance(s) < s->path->late)
		p->due_us += s->path->late_us;
}

bool net_waits(const struct net *net, const struct net_path *path)
{
	(void)net;
	(void)path;
	return false;
}

bool net_output(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m)
{
	struct end *from = (struct end *)net;

	(void)now_us;
	(void)path;
	put_packet(from, m);
	if (chance(from->sim) < from->sim->path->dup)
		put_packet(from, m);
	memset(rte_pktmbuf_prepend(m, 54), 0xee, 54);
	rte_pktmbuf_free(m);
	return true;
}

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

static void write_more(struct end *e, uint64_t now_us)
{
	uint8_t chunk[700];

	while (e->written < e->sim->path->bytes) {
		uint32_t n = e->sim->path->bytes - e->written;
		size_t took;

		if (n > sizeof(chunk))
			n = sizeof(chunk);
		for (uint32_t i = 0; i < n; i++)
			chunk[i] = pattern(e->written + i);
		took = tcp_write(e->tcp, now_us, e->id, span_of(chunk, n));
		e->written += (uint32_t)took;
		if (took < n)
			break;
	}
	tcp_flush(e->tcp, now_us, e->id);
	if (e->written == e->sim->path->bytes && !e->closing) {
		e->closing = true;
		tcp_close(e->tcp, now_us, e->id);
	}
}

static void opened(void *user, uint64_t now_us)
{
	struct end *e = user;

	e->opened = true;
	write_more(e, now_us);
}

static void received(void *user, uint64_t now_us, struct span bytes)
{
	struct end *e = user;

	(void)now_us;
	for (size_t i = 0; i < bytes.bytes; i++)
		e->bad |= bytes.at[i] != pattern(e->received++);
}

static void writable(void *user, uint64_t now_us)
{
	write_more(user, now_us);
}

static void peer_closed(void *user, uint64_t now_us)
{
	struct end *e = user;

	(void)now_us;
	e->peer_closed = true;
}

static void closed(void *user, uint64_t now_us, int why)
{
	struct end *e = user;

	(void)now_us;
	e->closed = true;
	e->why = why;
}

static const struct tcp_ops ops = { opened, received, writable, peer_closed, closed };
static const uint8_t secret[32] = "another secret of 32 bytes......";

static void open_end(struct sim *s, struct end *e, struct end *other, const char *addr,
                     uint16_t port, struct rte_mempool *pool)
{
	struct tcp_conf conf = {
		.conns_max = 4,
		.time_wait_max = 4,
		.tx_bytes_max = 40000,
		.rx_window_bytes = s->path->rx_window,
		.syn_timeout_ms = 600000,
		.user_timeout_ms = 900000,
		.rst_per_second_max = 10,
		.port_first = port,
		.port_last = port,
		.secret = secret,
		.pool = pool,
		.net = (struct net *)e,
		.counters = &e->counters,
		.ops = &ops,
	};

	*e = (struct end){ .sim = s, .other = other };
	ip_parse(addr, &e->addr);
	CU_ASSERT_EQUAL_FATAL(tcp_open(&conf, s->now_us, &e->tcp), 0);
	tcp_force_iss(e->tcp, 0xFFFFFF00u);
}

static void deliver_due(struct sim *s)
{
	for (;;) {
		struct packet *best = NULL, p;
		struct net_seg seg;

		for (uint32_t i = 0; i < s->n_packets; i++) {
			struct packet *q = &s->packets[i];

			if (q->due_us <= s->now_us &&
			    (best == NULL || q->due_us < best->due_us ||
			     (q->due_us == best->due_us && q->order < best->order)))
				best = q;
		}
		if (best == NULL)
			return;
		p = *best;
		*best = s->packets[--s->n_packets];
		seg = (struct net_seg){ .local = p.to->addr,
			                .remote = p.to->other->addr,
			                .tcp = span_of(p.at, p.bytes) };
		tcp_input(p.to->tcp, s->now_us, &seg);
		tcp_check(p.to->tcp);
	}
}

static void turn(struct sim *s, struct end *e)
{
	tcp_tick(e->tcp, s->now_us, 100);
	tcp_turn_end(e->tcp, s->now_us);
	tcp_check(e->tcp);
}

static struct rte_mempool *pools[2][2]; /* of each end: plenty, few */

static void transfer(const struct path *path)
{
	static struct sim sim; /* large */
	struct end a, b;
	struct rte_mempool **pool = pools[path->starve];

	sim = (struct sim){ .path = path, .now_us = 5000000, .random = path->seed };
	sim.packets = malloc(PACKETS_MAX * sizeof(*sim.packets));
	open_end(&sim, &a, &b, "10.0.0.1", 5000, pool[0]);
	open_end(&sim, &b, &a, "10.0.0.2", 6000, pool[1]);
	CU_ASSERT_EQUAL_FATAL(tcp_connect(a.tcp, sim.now_us, &a.addr, &b.addr, 6000, &a, &a.id), 0);
	CU_ASSERT_EQUAL_FATAL(tcp_connect(b.tcp, sim.now_us, &b.addr, &a.addr, 5000, &b, &b.id), 0);
	while (!(a.closed && b.closed) && sim.now_us < TIME_MAX_S * 1000000ull) {
		sim.now_us += 1000;
		deliver_due(&sim);
		turn(&sim, &a);
		turn(&sim, &b);
	}
	if (a.received != path->bytes || b.received != path->bytes || a.why != 0 || b.why != 0)
		printf("\n    %s (seed %lu): received %u and %u of %u, closed %d and %d", path->why,
		       (unsigned long)path->seed, b.received, a.received, path->bytes, a.why,
		       b.why);
	CU_ASSERT_TRUE(a.opened && b.opened && a.closed && b.closed);
	CU_ASSERT_FALSE(a.bad || b.bad);
	CU_ASSERT_EQUAL(a.received, path->bytes);
	CU_ASSERT_EQUAL(b.received, path->bytes);
	CU_ASSERT_TRUE(a.why == 0 && b.why == 0);
	printf("\n    %-32s %7.2f s, %lu resent, %lu timeouts", path->why,
	       (double)(sim.now_us - 5000000) / 1e6,
	       (unsigned long)counter_read(&a.counters.tcp_retransmits),
	       (unsigned long)counter_read(&a.counters.tcp_rto));
	if (path->loss + path->dup + path->late == 0 &&
	    !path->starve) /* nothing lost, nothing resent */
		CU_ASSERT_EQUAL(counter_read(&a.counters.tcp_retransmits), 0);
	tcp_close_engine(a.tcp);
	tcp_close_engine(b.tcp);
	free(sim.packets);
	CU_ASSERT_EQUAL(eal_pool_held(pool[0]) + eal_pool_held(pool[1]), 0);
}

static void every_byte_arrives_once_and_in_order_whatever_the_path_does(void)
{
	static const struct path paths[] = {
		/* clang-format off */
		{ "a clean path",                 1, 0,   0,   0,   10000, 0,     300000, 32768, false, false, false },
		{ "one per cent lost",            2, 10,  0,   0,   10000, 0,     300000, 32768, false, false, false },
		{ "five per cent lost",           3, 50,  0,   0,   10000, 0,     200000, 32768, false, false, false },
		{ "a fifth lost",                 4, 200, 0,   0,   10000, 0,     60000,  32768, false, false, false },
		{ "without SACK, 3 % lost",       5, 30,  0,   0,   10000, 0,     200000, 32768, true,  false, false },
		{ "without timestamps, 3 % lost", 6, 30,  0,   0,   10000, 0,     200000, 32768, false, true,  false },
		{ "with neither, 3 % lost",       7, 30,  0,   0,   10000, 0,     200000, 32768, true,  true,  false },
		{ "reordered",                    8, 0,   0,   100, 10000, 7000,  200000, 32768, false, false, false },
		{ "repeated",                     9, 0,   200, 0,   10000, 0,     200000, 32768, false, false, false },
		{ "all of it",                   10, 50,  50,  100, 20000, 30000, 100000, 32768, false, false, false },
		{ "all of it without SACK",      11, 50,  50,  100, 20000, 30000, 100000, 32768, true,  false, false },
		{ "a scaled window, 1 % lost",   12, 10,  0,   0,   50000, 0,     300000, 262144, false, false, false },
		{ "a window of two segments",    13, 20,  10,  10,  5000,  9000,  60000,  3000,  false, false, false },
		{ "hardly any buffers, 2 % lost",14, 20,  0,   0,   10000, 0,     60000,  32768, false, false, true },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		transfer(&paths[i]);
}

static void twenty_seeds_of_a_bad_path_all_arrive(void)
{
	for (uint64_t seed = 100; seed < 120; seed++) {
		struct path p = { .why = "a bad path",
			          .seed = seed,
			          .loss = 80,
			          .dup = 40,
			          .late = 150,
			          .delay_us = 15000,
			          .late_us = 25000,
			          .bytes = 40000,
			          .rx_window = 16384,
			          .no_sack = seed % 3 == 0,
			          .no_ts = seed % 5 == 0 };

		transfer(&p);
	}
}

static void the_environment_starts(void)
{
	eal_start();
	pools[0][0] = eal_pool("plenty-a", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[0][1] = eal_pool("plenty-b", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][0] = eal_pool("few-a", 31, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][1] = eal_pool("few-b", 31, 2176, TCP_MBUF_PRIV_BYTES);
}

SUITE("dataplane/tcp/lossy", TEST(the_environment_starts),
      TEST(every_byte_arrives_once_and_in_order_whatever_the_path_does),
      TEST(twenty_seeds_of_a_bad_path_all_arrive))
