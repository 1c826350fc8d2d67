/* sim.c - two engines joined by a bad wire, in virtual time. */
#include "tests/dataplane/tcp/sim.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_wire.h"
#include "tests/dataplane/tcp/cutter.h"
#include "tests/dataplane/tcp/watch.h"
#include "tests/support/eal.h"

enum {
	PACKETS_MAX = 4096,
	PACKET_BYTES = 1600,
	STARVED_MAX = 2048,
	HELD_MAX = 64,
	PORT_A = 5000,
	PORT_B = 25,
	BOTH = TCP_ECE | TCP_CWR,
	STEP_US = 100,           /* the least that time moves */
	GAMES_END_US = 30000000, /* liars, thieves and stalls get bored: the run must end */
	TIME_MAX_US = 2000000000,
	START_US = 5000000,
};

struct packet {
	uint64_t due_us, order;
	struct end *to;
	struct net_icmp icmp; /* kind -1: a segment */
	uint16_t bytes, sum;
	uint8_t ecn;
	uint8_t at[PACKET_BYTES];
};

struct end {
	struct sim *sim;
	struct end *other;
	struct tcp *tcp;
	struct rte_mempool *pool;
	struct dp_counters counters;
	struct ip_addr addr;
	uint16_t port;
	tcp_id id;
	uint32_t index, total, written, received;
	uint64_t next_us;          /* its timers */
	uint64_t write_us;         /* it writes again; UINT64_MAX: when there is room */
	uint64_t wire_free_us;     /* the bottleneck towards the other end */
	uint64_t stalled_until_us; /* it does not run */
	uint64_t burst_until_us;   /* what it sends is lost */
	uint64_t lie_until_us;     /* its windows are changed on the way */
	uint64_t starved_until_us;
	uint64_t path_mtu_until_us; /* until when it goes by what it learned of the path */
	uint16_t path_mtu;
	uint32_t lie_divisor; /* 0: the window is closed */
	struct watch watch;   /* of what it sends */
	uint32_t n_held;      /* by the device, oldest first */
	struct rte_mbuf *held[HELD_MAX];
	uint32_t n_stolen;
	struct rte_mbuf *stolen[STARVED_MAX];
	uint64_t closed_us;
	bool opened, peer_closed, closed, closing, bad;
	int why;
};

struct sim {
	const struct sim_path *path;
	uint64_t now_us, random, n_sent;
	uint32_t n_heap, n_free;
	struct packet *packets;
	uint32_t heap[PACKETS_MAX], free[PACKETS_MAX];
	struct end ends[2];
};

static struct rte_mempool *pools[2][2]; /* of each end: plenty, few */
static struct packet *packets;
static const uint8_t secret[32] = "another secret of 32 bytes......";

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

static uint32_t below(struct sim *s, uint32_t n)
{
	return n != 0 ? (uint32_t)(draw(&s->random) % n) : 0;
}

static bool happens(struct sim *s, uint32_t per_thousand)
{
	return per_thousand != 0 && below(s, 1000) < per_thousand;
}

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

/* --- the wire: a heap of packets by the time they arrive --- */

static bool earlier(const struct sim *s, uint32_t a, uint32_t b)
{
	const struct packet *x = &s->packets[a], *y = &s->packets[b];

	return x->due_us != y->due_us ? x->due_us < y->due_us : x->order < y->order;
}

static void heap_swap(struct sim *s, uint32_t i, uint32_t j)
{
	uint32_t held = s->heap[i];

	s->heap[i] = s->heap[j];
	s->heap[j] = held;
}

static void heap_add(struct sim *s, uint32_t packet)
{
	uint32_t i = s->n_heap++;

	s->packets[packet].order = s->n_sent++;
	s->heap[i] = packet;
	for (; i != 0 && earlier(s, s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_swap(s, i, (i - 1) / 2);
}

static uint32_t heap_pop(struct sim *s)
{
	uint32_t first = s->heap[0], i = 0;

	s->heap[0] = s->heap[--s->n_heap];
	for (;;) {
		uint32_t least = i;

		for (uint32_t k = 2 * i + 1; k <= 2 * i + 2; k++)
			if (k < s->n_heap && earlier(s, s->heap[k], s->heap[least]))
				least = k;
		if (least == i)
			return first;
		heap_swap(s, i, least);
		i = least;
	}
}

static struct packet *packet_get(struct sim *s)
{
	return s->n_free != 0 ? &s->packets[s->free[--s->n_free]] : NULL;
}

static void packet_put(struct sim *s, const struct packet *p)
{
	s->free[s->n_free++] = (uint32_t)(p - s->packets);
}

/* The sum that TCP's checksum is made of. */
static uint16_t sum_of(const uint8_t *at, uint16_t bytes)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < bytes; i++)
		sum += i % 2 != 0 ? at[i] : (uint32_t)at[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Middle boxes: they take options out of SYNs, and lie about windows. */
static void meddle(struct end *from, struct packet *p)
{
	struct sim *s = from->sim;
	struct tcp_head h;
	struct span bytes;
	bool readable = tcp_head_read(span_of(p->at, p->bytes), &h, &bytes);

	assert(readable);
	if (h.flags & TCP_SYN) {
		h.sack_ok = h.sack_ok && !s->path->no_sack;
		h.has_ts = h.has_ts && !s->path->no_ts;
		if (s->path->no_wscale)
			h.wscale = TCP_WSCALE_NONE;
		if (s->path->box == SIM_BOX_CLEARS)
			h.flags &= (uint8_t)~BOTH;
		else if (s->path->box == SIM_BOX_REFLECTS && (h.flags & TCP_ACK))
			h.flags |= BOTH;
		tcp_head_write(&h, p->at);
		p->bytes = (uint16_t)tcp_head_bytes(&h);
		return;
	}
	if (s->now_us < from->lie_until_us) {
		h.window = from->lie_divisor != 0 ? (uint16_t)(h.window / from->lie_divisor) : 0;
		p->at[14] = (uint8_t)(h.window >> 8);
		p->at[15] = (uint8_t)h.window;
	}
}

/* A box refuses a SYN for bits it does not know, as if the other end did. */
static void refuse(struct end *from, const struct tcp_head *syn)
{
	struct sim *s = from->sim;
	struct packet *p = packet_get(s);
	struct tcp_head h = { .source_port = syn->dest_port,
		              .dest_port = syn->source_port,
		              .flags = TCP_RST | TCP_ACK,
		              .ack = syn->seq + 1,
		              .wscale = TCP_WSCALE_NONE };

	if (p == NULL)
		return;
	p->to = from;
	p->ecn = NET_ECN_NOT_ECT;
	p->due_us = s->now_us + s->path->delay_us;
	tcp_head_write(&h, p->at);
	p->bytes = (uint16_t)tcp_head_bytes(&h);
	p->sum = sum_of(p->at, p->bytes);
	heap_add(s, (uint32_t)(p - s->packets));
}

/* True when a box on the way does not let the segment pass. */
static bool is_stopped(struct end *from, const uint8_t *at, uint16_t n)
{
	const struct sim_path *path = from->sim->path;
	struct tcp_head h;
	struct span bytes;

	if (path->box != SIM_BOX_DROPS && path->box != SIM_BOX_REFUSES)
		return false;
	if (!tcp_head_read(span_of(at, n), &h, &bytes) ||
	    (h.flags & (TCP_SYN | TCP_ACK | BOTH)) != (TCP_SYN | BOTH))
		return false;
	if (path->box == SIM_BOX_REFUSES)
		refuse(from, &h);
	return true;
}

/* A router on the path says that a packet was too large. */
static void tell_too_big(struct end *from, const uint8_t *head)
{
	struct sim *s = from->sim;
	struct packet *p = packet_get(s);

	if (p == NULL)
		return;
	p->to = from;
	p->bytes = 0;
	p->due_us = s->now_us + s->path->delay_us;
	p->icmp = (struct net_icmp){
		.kind = NET_ICMP_TOO_BIG,
		.local = from->addr,
		.remote = from->other->addr,
		.local_port = (uint16_t)(head[0] << 8 | head[1]),
		.remote_port = (uint16_t)(head[2] << 8 | head[3]),
		.seq = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 |
		       head[7],
		.mtu_bytes = s->path->hole_bytes,
	};
	heap_add(s, (uint32_t)(p - s->packets));
}

/* Someone who sees nothing of the connection guesses. Not during the handshake: a SYN that comes
 * then with the right ports is a simultaneous open, and TCP has no means to know better.
 */
static void forge(struct end *to)
{
	struct sim *s = to->sim;
	struct packet *p = packet_get(s);
	struct tcp_head h = {
		.source_port = to->other->port,
		.dest_port = to->port,
		.wscale = TCP_WSCALE_NONE,
	};

	/* One draw a statement: the order must not be the compiler's. */
	h.seq = (uint32_t)draw(&s->random);
	h.ack = (uint32_t)draw(&s->random);
	h.flags = (uint8_t)(draw(&s->random) & 0xdf);
	h.window = (uint16_t)draw(&s->random);
	h.has_ts = happens(s, 500);
	h.ts_val = (uint32_t)draw(&s->random);
	if (p == NULL)
		return;
	if (!to->opened || !to->other->opened) {
		packet_put(s, p);
		return;
	}
	p->to = to;
	p->due_us = s->now_us;
	p->ecn = NET_ECN_NOT_ECT;
	p->bytes = 0;
	if (happens(s, 300)) {
		p->icmp = (struct net_icmp){
			.local = to->addr,
			.remote = to->other->addr,
			.local_port = to->port,
			.remote_port = to->other->port,
		};
		p->icmp.kind = below(s, 5);
		p->icmp.seq = (uint32_t)draw(&s->random);
		p->icmp.mtu_bytes = below(s, 1500);
	} else {
		tcp_head_write(&h, p->at);
		p->bytes = (uint16_t)(tcp_head_bytes(&h) + below(s, 100));
		p->sum = sum_of(p->at, p->bytes);
	}
	heap_add(s, (uint32_t)(p - s->packets));
}

static bool is_lost(struct end *from, uint32_t bytes)
{
	struct sim *s = from->sim;
	uint32_t rate = s->path->kbit_s;

	if (s->now_us < from->burst_until_us)
		return true;
	if (happens(s, s->path->burst))
		from->burst_until_us = s->now_us + below(s, s->path->burst_us);
	if (happens(s, s->path->loss))
		return true;
	if (rate == 0)
		return false;
	if (from->wire_free_us < s->now_us)
		from->wire_free_us = s->now_us;
	if ((from->wire_free_us - s->now_us) * rate / 8000 + bytes > s->path->queue_bytes)
		return true;
	from->wire_free_us += (uint64_t)(bytes + 54) * 8000 / rate;
	return false;
}

static void put_packet(struct end *from, const uint8_t *at, uint16_t bytes, enum net_ecn ecn)
{
	struct sim *s = from->sim;
	struct packet *p;

	if (is_lost(from, bytes) || (p = packet_get(s)) == NULL)
		return;
	p->bytes = bytes;
	memcpy(p->at, at, bytes);
	meddle(from, p);
	p->sum = sum_of(p->at, p->bytes);
	if (happens(s, s->path->corrupt))
		p->at[below(s, p->bytes)] ^= (uint8_t)(1 << below(s, 8));
	p->to = from->other;
	p->ecn = (uint8_t)ecn;
	if (ecn == NET_ECN_ECT0 && happens(s, s->path->mark))
		p->ecn = NET_ECN_CE;
	p->due_us = s->now_us + s->path->delay_us;
	if (s->path->kbit_s != 0)
		p->due_us += from->wire_free_us - s->now_us;
	if (happens(s, s->path->late))
		p->due_us += below(s, s->path->late_us);
	heap_add(s, (uint32_t)(p - s->packets));
}

int net_route(struct net *net, const struct ip_addr *local, const struct ip_addr *remote,
              struct net_path *path)
{
	const struct sim_path *p = ((struct end *)net)->sim->path;

	assert(ip_eq(local, &((struct end *)net)->addr));
	*path = (struct net_path){ .remote = *remote,
		                   .mtu_bytes = p->mtu_bytes != 0 ? p->mtu_bytes : 1500 };
	return 0;
}

const struct ip_addr *net_local(const struct net *net, uint32_t local)
{
	assert(local == 0);
	return &((const struct end *)net)->addr;
}

uint16_t net_path_mtu(const struct net *net, uint64_t now_us, const struct ip_addr *remote)
{
	const struct end *e = (const struct end *)net;
	uint16_t port_mtu = e->sim->path->mtu_bytes != 0 ? e->sim->path->mtu_bytes : 1500;

	(void)remote; /* there is only one */
	return now_us < e->path_mtu_until_us && e->path_mtu < port_mtu ? e->path_mtu : port_mtu;
}

void net_learn_path_mtu(struct net *net, uint64_t now_us, const struct ip_addr *remote,
                        uint16_t mtu_bytes)
{
	struct end *e = (struct end *)net;

	(void)remote;
	e->path_mtu = mtu_bytes;
	e->path_mtu_until_us = now_us + 600000000;
}

static void trace(const struct end *from, const uint8_t *at, uint16_t n)
{
	struct tcp_head h;
	struct span bytes;
	const char *names = "FSRPAUEC";

	if (!from->sim->path->trace || !tcp_head_read(span_of(at, n), &h, &bytes))
		return;
	printf("%10.4f %c ", (double)(from->sim->now_us - START_US) / 1e6, "<>"[from->index == 0]);
	for (int i = 0; i < 8; i++)
		putchar(h.flags & 1 << i ? names[i] : ' ');
	printf(" %u+%zu ack %u win %u", h.seq - from->sim->path->iss, bytes.bytes,
	       h.ack - from->sim->path->iss, h.window);
	for (unsigned i = 0; i < h.n_sacks; i++)
		printf(" [%u,%u)", h.sacks[i].start - from->sim->path->iss,
		       h.sacks[i].end - from->sim->path->iss);
	putchar('\n');
}

bool net_waits(const struct net *net, const struct net_path *path)
{
	(void)net;
	(void)path;
	return false;
}

bool net_output(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m)
{
	return net_output_ecn(net, now_us, path, m, NET_ECN_NOT_ECT);
}

struct leaving {
	struct end *from;
	const struct net_path *path;
	enum net_ecn ecn;
};

/* While the connection is there: what is sent for a TIME-WAIT entry offers no window. */
static void watch(struct end *from, const uint8_t *at, uint16_t bytes)
{
	struct tcp_head h;
	struct span payload;
	bool readable = tcp_head_read(span_of(at, bytes), &h, &payload);

	assert(readable);
	if (from->id == TCB_NONE || from->closed || !pool_is_used(&from->tcp->conns, from->id) ||
	    tcb_at(from->tcp, from->id)->state == TCP_STATE_CLOSED)
		return;
	if (h.has_ts != ((tcb_at(from->tcp, from->id)->flags & TCB_F_TS) != 0) &&
	    !(h.flags & TCP_SYN))
		return; /* a RST for what matches nothing */
	watch_leaving(&from->watch, &from->other->watch, &h, (uint32_t)payload.bytes,
	              tcb_at(from->tcp, from->id)->rcv_wscale);
}

static void leave(void *ctx, const uint8_t *at, uint16_t bytes)
{
	struct leaving *l = ctx;
	struct end *from = l->from;
	struct sim *s = from->sim;

	assert(bytes + 20u <= l->path->mtu_bytes);
	trace(from, at, bytes);
	watch(from, at, bytes);
	if (s->path->hole_bytes != 0 && bytes + 20u > s->path->hole_bytes) {
		if (s->path->hole_tells)
			tell_too_big(from, at);
	} else if (!is_stopped(from, at, bytes)) {
		put_packet(from, at, bytes, l->ecn);
		if (happens(s, s->path->dup))
			put_packet(from, at, bytes, l->ecn);
	}
	if (happens(s, s->path->forged))
		forge(&s->ends[below(s, 2)]);
}

/* What net does in the headroom; and a device that has done with a packet when others came. */
static void take(struct end *e, struct rte_mbuf *m)
{
	memset(rte_pktmbuf_prepend(m, 54), 0xee, 54);
	if (e->n_held == HELD_MAX) {
		rte_pktmbuf_free(e->held[0]);
		memmove(e->held, e->held + 1, --e->n_held * sizeof(e->held[0]));
	}
	e->held[e->n_held++] = m;
	while (e->n_held > e->sim->path->lazy) {
		rte_pktmbuf_free(e->held[0]);
		memmove(e->held, e->held + 1, --e->n_held * sizeof(e->held[0]));
	}
}

static void let_go(struct end *e)
{
	while (e->n_held != 0)
		rte_pktmbuf_free(e->held[--e->n_held]);
}

bool net_output_ecn(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn)
{
	struct leaving l = { (struct end *)net, path, ecn };

	(void)now_us;
	assert(m->nb_segs == 1 && m->next == NULL && m->pkt_len == m->data_len);
	leave(&l, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	take(l.from, m);
	return true;
}

bool net_may_cut(const struct net *net)
{
	(void)net;
	return true;
}

bool net_output_tso(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn, uint16_t mss)
{
	struct leaving l = { (struct end *)net, path, ecn };

	(void)now_us;
	cutter_cut(m, mss, leave, &l);
	take(l.from, m);
	return true;
}

/* --- the layer above --- */

static void write_more(struct end *e, uint64_t now_us)
{
	uint8_t chunk[1700];

	e->write_us = UINT64_MAX;
	while (e->written < e->total) {
		uint32_t n = RTE_MIN(e->total - e->written, 1 + below(e->sim, sizeof(chunk)));
		size_t took;

		for (uint32_t i = 0; i < n; i++)
			chunk[i] = pattern(e->written + i);
		took = tcp_write(e->tcp, now_us, e->id, span_of(chunk, n));
		e->written += (uint32_t)took;
		if (took < n)
			break;
		if (e->sim->path->pause_ms != 0 && happens(e->sim, 50)) {
			e->write_us = now_us + 1000ull * below(e->sim, e->sim->path->pause_ms);
			break;
		}
	}
	tcp_flush(e->tcp, now_us, e->id);
	if (e->written == e->total && !e->closing) {
		e->closing = true;
		tcp_close(e->tcp, now_us, e->id);
	}
}

static void opened(void *user, uint64_t now_us)
{
	struct end *e = user;

	assert(!e->opened);
	e->opened = true;
	write_more(e, now_us);
}

static void received(void *user, uint64_t now_us, struct span bytes)
{
	struct end *e = user;

	(void)now_us;
	assert(e->opened && !e->closed && !e->peer_closed);
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
	assert(!e->peer_closed);
	e->peer_closed = true;
}

static void closed(void *user, uint64_t now_us, int why)
{
	struct end *e = user;

	assert(!e->closed);
	if (!e->opened && e->index == 1) { /* a SYN that nobody stood behind: it listens on */
		e->id = TCB_NONE;
		return;
	}
	e->closed = true;
	e->closed_us = now_us;
	e->write_us = UINT64_MAX;
	e->why = why;
}

/* One connection only: a SYN that comes again after it has ended is refused. */
static void *accept_one(void *ctx, tcp_id id)
{
	struct end *e = ctx;

	if (e->id != TCB_NONE)
		return NULL;
	e->id = id;
	return e;
}

static const struct tcp_ops ops = { .opened = opened,
	                            .received = received,
	                            .writable = writable,
	                            .peer_closed = peer_closed,
	                            .closed = closed };

/* --- time --- */

static void open_end(struct sim *s, unsigned i)
{
	const struct sim_path *path = s->path;
	struct end *e = &s->ends[i];
	struct tcp_conf conf = {
		.conns_max = 4,
		.time_wait_max = 4,
		.tx_bytes_max = 60000,
		.rx_window_bytes = path->rx_window_bytes,
		.syn_timeout_ms = 600000,
		.user_timeout_ms = 900000,
		.rst_per_second_max = 10,
		.cc = path->reno ? TCP_CC_NEWRENO : TCP_CC_CUBIC,
		.ecn = path->ecn[i],
		.pacing = path->pacing,
		.tso_segs_max = path->tso_segs,
		.tso_bytes_max = path->tso_bytes,
		.port_first = PORT_A,
		.port_last = PORT_A,
		.secret = secret,
		.pool = pools[path->few_buffers][i],
		.net = (struct net *)e,
		.counters = &e->counters,
		.ops = &ops,
	};
	int rc;

	if (i == 1) {
		conf.listen_port = PORT_B;
		conf.accept = accept_one;
		conf.accept_ctx = e;
	}
	e->sim = s;
	e->other = &s->ends[1 - i];
	e->index = i;
	e->total = path->bytes[i];
	e->port = i == 0 ? PORT_A : PORT_B;
	e->id = TCB_NONE;
	e->pool = conf.pool;
	e->write_us = e->next_us = UINT64_MAX;
	ip_parse(i == 0 ? "10.0.0.1" : "10.0.0.2", &e->addr);
	rc = tcp_open(&conf, s->now_us, &e->tcp);
	assert(rc == 0);
	tcp_force_iss(e->tcp, path->iss);
}

static void steal_buffers(struct end *e)
{
	uint32_t n = below(e->sim, STARVED_MAX);

	while (e->n_stolen < n) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);

		if (m == NULL)
			break;
		e->stolen[e->n_stolen++] = m;
	}
}

static void return_buffers(struct end *e)
{
	while (e->n_stolen != 0)
		rte_pktmbuf_free(e->stolen[--e->n_stolen]);
}

/* What may go wrong at an end when a packet comes. */
static void play_games(struct sim *s, struct end *e)
{
	const struct sim_path *p = s->path;

	if (s->now_us > START_US + GAMES_END_US)
		return;
	if (s->now_us >= e->lie_until_us && happens(s, p->window_games)) {
		e->lie_until_us = s->now_us + below(s, 3000000);
		e->lie_divisor = below(s, 5);
	}
	if (s->now_us >= e->starved_until_us && happens(s, p->starve)) {
		e->starved_until_us = s->now_us + below(s, 2000000);
		steal_buffers(e);
	}
	if (happens(s, p->stall))
		e->stalled_until_us = s->now_us + below(s, 1500000);
}

static void run_end(struct sim *s, struct end *e)
{
	if (s->now_us >= e->starved_until_us)
		return_buffers(e);
	if (s->now_us >= e->write_us)
		write_more(e, s->now_us);
	e->next_us = tcp_tick(e->tcp, s->now_us, 100);
	tcp_check(e->tcp);
	tcp_turn_end(e->tcp, s->now_us);
	tcp_check(e->tcp);
}

static void deliver(struct sim *s, struct packet *p)
{
	struct end *e = p->to;
	struct net_seg seg = { .local = e->addr,
		               .remote = e->other->addr,
		               .tcp = span_of(p->at, p->bytes),
		               .ecn = p->ecn };

	play_games(s, e);
	if (p->bytes == 0) {
		tcp_icmp(e->tcp, s->now_us, &p->icmp);
	} else if (sum_of(p->at, p->bytes) == p->sum) { /* as net does */
		tcp_foresee(e->tcp, &seg);
		tcp_expect(e->tcp, &seg, 1);
		tcp_input(e->tcp, s->now_us, &seg);
	}
	tcp_check(e->tcp);
}

static void deliver_due(struct sim *s)
{
	while (s->n_heap != 0 && s->packets[s->heap[0]].due_us <= s->now_us) {
		uint32_t i = heap_pop(s);
		struct packet *p = &s->packets[i];

		if (s->now_us < p->to->stalled_until_us) { /* it waits in the device */
			p->due_us = p->to->stalled_until_us;
			heap_add(s, i);
			continue;
		}
		deliver(s, p);
		packet_put(s, p);
	}
}

static uint64_t next_of(const struct end *e)
{
	uint64_t at = RTE_MIN(e->next_us, e->write_us);

	if (e->n_stolen != 0)
		at = RTE_MIN(at, e->starved_until_us);
	return RTE_MAX(at, e->stalled_until_us);
}

static void run_until_closed(struct sim *s)
{
	const struct sim_path *path = s->path;
	struct end *a = &s->ends[0], *b = &s->ends[1];
	uint64_t abort_us = path->abort_ms != 0 ? START_US + path->abort_ms * 1000ull : UINT64_MAX;

	while (!(a->closed && (b->closed || b->id == TCB_NONE)) && s->now_us < TIME_MAX_US) {
		uint64_t next = RTE_MIN(next_of(a), next_of(b));

		if (s->n_heap != 0)
			next = RTE_MIN(next, s->packets[s->heap[0]].due_us);
		if (next == UINT64_MAX)
			return; /* nothing will ever happen again */
		s->now_us = RTE_MAX(next, s->now_us + STEP_US);
		deliver_due(s);
		for (unsigned i = 0; i < 2; i++)
			if (s->now_us >= s->ends[i].stalled_until_us)
				run_end(s, &s->ends[i]);
		if (s->now_us >= abort_us && !a->closed) {
			tcp_abort(a->tcp, s->now_us, a->id);
			tcp_check(a->tcp);
		}
	}
}

/* TIME-WAIT is over: a FIN that comes again meets nobody, and a RST is right. */
static bool reset_is_fair(const struct end *e)
{
	return e->why == -ECONNRESET && e->other->closed && e->other->why == 0 &&
	       e->closed_us - e->other->closed_us > 60000000;
}

static void judge(const struct sim *s, struct sim_result *out)
{
	for (unsigned i = 0; i < 2 && out->wrong[0] == '\0'; i++) {
		const struct end *e = &s->ends[i];
		const char *who = i == 0 ? "opener" : "listener";

		if (e->bad || e->received > e->other->total)
			snprintf(out->wrong, sizeof(out->wrong), "%s got wrong bytes", who);
		else if (!e->closed && (e->id != TCB_NONE || i == 0))
			snprintf(out->wrong, sizeof(out->wrong),
			         "%s never ends: sent %u of %u, got %u", who, e->written, e->total,
			         e->received);
		else if (s->path->abort_ms != 0)
			continue;
		else if (e->why != 0 && !reset_is_fair(e))
			snprintf(out->wrong, sizeof(out->wrong), "%s ended with %d, got %u of %u",
			         who, e->why, e->received, e->other->total);
		else if (e->received != e->other->total)
			snprintf(out->wrong, sizeof(out->wrong), "%s got %u of %u", who,
			         e->received, e->other->total);
	}
}

bool sim_run(const struct sim_path *path, struct sim_result *out)
{
	static struct sim s; /* large */
	int rc;

	memset(out, 0, sizeof(*out));
	s = (struct sim){ .path = path,
		          .now_us = START_US,
		          .random = path->seed * 0x9e3779b97f4a7c15ull + 1,
		          .packets = packets };
	for (uint32_t i = 0; i < PACKETS_MAX; i++)
		s.free[s.n_free++] = i;
	open_end(&s, 0);
	open_end(&s, 1);
	rc = tcp_connect(s.ends[0].tcp, s.now_us, &s.ends[0].addr, &s.ends[1].addr, PORT_B,
	                 &s.ends[0], &s.ends[0].id);
	assert(rc == 0);
	s.ends[0].next_us = s.now_us;
	run_until_closed(&s);
	judge(&s, out);
	out->took_us = s.now_us - START_US;
	out->packets = s.n_sent;
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &s.ends[i];

		out->received[i] = e->received;
		out->why[i] = e->why;
		out->resent[i] = counter_read(&e->counters.tcp_retransmits);
		out->timeouts[i] = counter_read(&e->counters.tcp_rto);
#define SEEN(counter) out->seen.counter += counter_read(&e->counters.counter);
		SIM_SEEN
#undef SEEN
		return_buffers(e);
		tcp_close_engine(e->tcp);
		let_go(e);
		if (eal_pool_held(e->pool) != 0 && out->wrong[0] == '\0')
			snprintf(out->wrong, sizeof(out->wrong), "%u buffers were lost",
			         eal_pool_held(e->pool));
	}
	return out->wrong[0] == '\0';
}

void sim_init(void)
{
	eal_start();
	pools[0][0] = eal_pool("plenty-a", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[0][1] = eal_pool("plenty-b", 2047, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][0] = eal_pool("few-a", 31, 2176, TCP_MBUF_PRIV_BYTES);
	pools[1][1] = eal_pool("few-b", 31, 2176, TCP_MBUF_PRIV_BYTES);
	packets = malloc(PACKETS_MAX * sizeof(*packets));
	assert(packets != NULL);
}

/* --- paths by seed --- */

/* Up to `most`, in a third of all paths. */
static uint32_t at_times(uint64_t *r, uint32_t most)
{
	uint64_t v = draw(r);

	return v % 3 == 0 ? (uint32_t)(draw(r) % (most + 1)) : 0;
}

/* Below `few` as often as below `many`. */
static uint32_t few_or_many(uint64_t *r, uint32_t few, uint32_t many)
{
	uint64_t v = draw(r);

	return (uint32_t)(v % (draw(r) % 2 == 0 ? few : many));
}

struct sim_path sim_draw(uint64_t seed)
{
	static const uint32_t starts[] = { 0x7FFFFF00u, 0xFFFFFF00u, 1000, 0x7FFF0000u,
		                           0xFFFF0000u };
	static const uint16_t mtus[] = { 1500, 1500, 1500, 1280, 600 };
	uint64_t state = seed * 0x2545f4914f6cdd1dull + 0x9e3779b9, *r = &state;
	struct sim_path p = { .why = "drawn", .seed = seed };

	for (int i = 0; i < 8; i++)
		draw(r);
	p.iss = starts[draw(r) % 5];
	p.loss = at_times(r, 80);
	p.dup = at_times(r, 80);
	p.late = at_times(r, 250);
	p.corrupt = at_times(r, 40);
	p.burst = at_times(r, 15);
	p.burst_us = 1000 + (uint32_t)(draw(r) % 1000000);
	p.forged = at_times(r, 100);
	p.delay_us = 100 + (uint32_t)(draw(r) % 3 == 0 ? draw(r) % 150000 : draw(r) % 20000);
	p.late_us = 100 + (uint32_t)(draw(r) % (3 * p.delay_us));
	if (draw(r) % 3 == 0) {
		p.kbit_s = 500 + (uint32_t)(draw(r) % 20000);
		p.queue_bytes = 3000 + (uint32_t)(draw(r) % 60000);
	}
	p.mtu_bytes = mtus[draw(r) % 5];
	for (int i = 0; i < 2; i++)
		p.bytes[i] = few_or_many(r, 3000, 400000);
	p.pause_ms = at_times(r, 500);
	p.rx_window_bytes = 3000 + few_or_many(r, 29768, 200000);
	p.window_games = at_times(r, 20);
	p.starve = at_times(r, 20);
	p.stall = at_times(r, 10);
	p.no_sack = draw(r) % 4 == 0;
	p.no_ts = draw(r) % 4 == 0;
	p.no_wscale = draw(r) % 6 == 0;
	p.few_buffers = draw(r) % 10 == 0;
	p.reno = draw(r) % 4 == 0;
	if (draw(r) % 8 == 0)
		p.abort_ms = 1 + (uint32_t)(draw(r) % 3000);
	if (draw(r) % 6 == 0) {
		p.hole_bytes = (uint16_t)(576 + draw(r) % 900);
		p.hole_tells = draw(r) % 2 == 0;
	}
	/* What came later stands last, so that the seeds stay what they were. */
	p.ecn[0] = draw(r) % 3 == 0;
	p.ecn[1] = draw(r) % 3 != 0;
	p.mark = at_times(r, 100);
	p.box = (enum sim_box)(draw(r) % 8 < SIM_N_BOXES ? draw(r) % SIM_N_BOXES : SIM_BOX_NONE);
	p.pacing = draw(r) % 4 == 0;
	if (draw(r) % 3 == 0) {
		p.tso_segs = (uint16_t)(3 + draw(r) % 40);
		p.tso_bytes = 4096 + (uint32_t)(draw(r) % 61440);
	}
	p.lazy = at_times(r, p.few_buffers ? 4 : HELD_MAX - 1);
	return p;
}
