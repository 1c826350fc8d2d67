/* sim_net.c - in the place of dataplane/net: what an end sends goes to the wire. */
#include "tests/dataplane/tcp/sim_int.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "tests/dataplane/tcp/cutter.h"

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
			sim_tell_too_big(from, at);
	} else if (!sim_is_stopped(from, at, bytes)) {
		sim_put(from, at, bytes, l->ecn);
		if (sim_happens(s, s->path->dup))
			sim_put(from, at, bytes, l->ecn);
	}
	if (sim_happens(s, s->path->forged))
		sim_forge(&s->ends[sim_below(s, 2)]);
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

void sim_let_go(struct end *e)
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
