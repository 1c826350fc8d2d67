/* rig.c - an engine on a bench. */
#include "tests/dataplane/tcp/rig.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "tests/dataplane/tcp/cutter.h"
#include "tests/support/eal.h"

static struct rte_mempool *pool;
static const uint8_t secret[32] = "a secret of thirty-two bytes ...";

uint32_t rig_iss(void)
{
	static uint32_t iss;

	if (iss == 0) {
		const char *given = getenv("RIG_ISS");

		iss = given != NULL ? (uint32_t)strtoul(given, NULL, 16) : 0xFFFFFF00u;
	}
	return iss;
}

/* The engine hands its net on to these; the rig is that net. */
int net_route(struct net *net, const struct ip_addr *local, const struct ip_addr *remote,
              struct net_path *path)
{
	struct rig *r = (struct rig *)net;

	if (r->no_route)
		return -ENETUNREACH;
	assert(ip_eq(local, &r->local));
	*path = (struct net_path){ .remote = *remote, .mtu_bytes = r->mtu_bytes };
	return 0;
}

const struct ip_addr *net_local(const struct net *net, uint32_t local)
{
	assert(local == 0);
	return &((const struct rig *)net)->local;
}

uint16_t net_path_mtu(const struct net *net, uint64_t now_us, const struct ip_addr *remote)
{
	const struct rig *r = (const struct rig *)net;
	uint16_t mtu_bytes = r->mtu_bytes;

	for (uint32_t i = 0; i < r->n_path_mtus; i++)
		if (ip_eq(&r->path_mtus[i].remote, remote) && r->path_mtus[i].until_us > now_us &&
		    r->path_mtus[i].mtu_bytes < mtu_bytes)
			mtu_bytes = r->path_mtus[i].mtu_bytes;
	return mtu_bytes;
}

void net_learn_path_mtu(struct net *net, uint64_t now_us, const struct ip_addr *remote,
                        uint16_t mtu_bytes)
{
	struct rig *r = (struct rig *)net;
	uint32_t at = r->n_path_mtus++ % 8;

	if (r->n_path_mtus > 8)
		r->n_path_mtus = 8;
	r->path_mtus[at] = (struct rig_path_mtu){ .remote = *remote,
		                                  .until_us = now_us + 600000000,
		                                  .mtu_bytes = mtu_bytes };
}

bool net_waits(const struct net *net, const struct net_path *path)
{
	(void)path;
	return ((const struct rig *)net)->waits;
}

bool net_output(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m)
{
	return net_output_ecn(net, now_us, path, m, NET_ECN_NOT_ECT);
}

/* Notes one segment that left. */
struct leaving {
	struct rig *rig;
	uint64_t now_us;
	const struct net_path *path;
	enum net_ecn ecn;
};

static void note(void *ctx, const uint8_t *at, uint16_t segment_bytes)
{
	struct leaving *l = ctx;
	struct rig *r = l->rig;
	struct rig_sent *s = &r->sent[r->n_sent % RIG_SENT_MAX];
	struct span bytes;
	bool readable = tcp_head_read(span_of(at, segment_bytes), &s->head, &bytes);

	assert(readable);
	assert(segment_bytes + (ip_is_v4(&l->path->remote) ? 20 : 40) <= r->mtu_bytes);
	s->at_us = l->now_us;
	s->local = r->local;
	s->remote = l->path->remote;
	s->bytes = (uint16_t)bytes.bytes;
	s->ecn = (uint8_t)l->ecn;
	memcpy(s->payload, bytes.at, RTE_MIN(bytes.bytes, sizeof(s->payload)));
	r->n_sent++;
}

/* What net does in the headroom, and what a device leaves behind. */
static void take(struct rig *r, struct rte_mbuf *m)
{
	memset(rte_pktmbuf_prepend(m, 58), 0xee, 58);
	if (r->hold && r->n_held < RIG_SENT_MAX)
		r->held[r->n_held++] = m;
	else
		rte_pktmbuf_free(m);
}

bool net_output_ecn(struct net *net, uint64_t now_us, struct net_path *path, struct rte_mbuf *m,
                    enum net_ecn ecn)
{
	struct rig *r = (struct rig *)net;
	struct leaving l = { r, now_us, path, ecn };

	if (r->waits) {
		r->n_waiting++;
		rte_pktmbuf_free(m);
		return false;
	}
	assert(m->nb_segs == 1 && m->pkt_len == m->data_len && m->next == NULL);
	assert(rte_pktmbuf_headroom(m) >= NET_HEADROOM_BYTES);
	note(&l, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	take(r, m);
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
	struct rig *r = (struct rig *)net;
	struct leaving l = { r, now_us, path, ecn };

	assert(!r->waits && rte_pktmbuf_headroom(m) >= NET_HEADROOM_BYTES);
	assert(m->nb_segs <= r->conf.tso_segs_max && mss >= r->conf.tso_mss_min);
	assert(m->pkt_len + 20 <= r->conf.tso_bytes_max);
	cutter_cut(m, mss, note, &l);
	if (r->n_cut++ == 0)
		r->first_cut_segs = m->nb_segs - 1u;
	take(r, m);
	return true;
}

static void on_opened(void *user, uint64_t now_us)
{
	struct rig_user *u = user;

	(void)now_us;
	u->n_opened++;
}

static void on_received(void *user, uint64_t now_us, struct span bytes)
{
	struct rig_user *u = user;

	assert(u->n_closed == 0 && u->rx_bytes + bytes.bytes <= RIG_RX_MAX);
	memcpy(u->rx + u->rx_bytes, bytes.at, bytes.bytes);
	u->rx_bytes += bytes.bytes;
	if (u->abort_on_data)
		tcp_abort(u->rig->tcp, now_us, u->id);
}

static void on_writable(void *user, uint64_t now_us)
{
	struct rig_user *u = user;

	u->n_writable++;
	if (u->on_writable != NULL)
		u->on_writable(u, now_us);
}

static void on_peer_closed(void *user, uint64_t now_us)
{
	struct rig_user *u = user;

	u->n_peer_closed++;
	if (u->close_on_fin)
		tcp_close(u->rig->tcp, now_us, u->id);
}

static void on_closed(void *user, uint64_t now_us, int why)
{
	struct rig_user *u = user;

	(void)now_us;
	u->n_closed++;
	u->why = why;
}

static uint32_t on_held(const void *user)
{
	return ((const struct rig_user *)user)->held;
}

static const struct tcp_ops ops = {
	.held = on_held,
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.peer_closed = on_peer_closed,
	.closed = on_closed,
};

/* The large buffers of the last rig serve the next one: a fuzzer opens thousands a second. */
static void *spare_sent, *spare_rx;

static void *take_spare(void **spare, size_t bytes)
{
	void *at = *spare;

	*spare = NULL;
	return at != NULL ? at : malloc(bytes);
}

static void give_spare(void **spare, void *at)
{
	free(*spare);
	*spare = at;
}

void rig_conf(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	if (pool == NULL) {
		eal_start();
		pool = eal_pool("rig", 4095, 2048 + 128, TCP_MBUF_PRIV_BYTES);
	}
	r->sent = take_spare(&spare_sent, RIG_SENT_MAX * sizeof(*r->sent));
	r->now_us = 1000000000;
	r->mtu_bytes = 1500;
	r->peer_port = 25;
	ip_parse("10.0.0.2", &r->local);
	ip_parse("10.0.0.9", &r->remote);
	r->user = (struct rig_user){ .rig = r, .rx = take_spare(&spare_rx, RIG_RX_MAX) };
	r->conf = (struct tcp_conf){
		.conns_max = 64,
		.time_wait_max = 8,
		.tx_bytes_max = 65536,
		.rx_window_bytes = 32768,
		.syn_timeout_ms = 30000,
		.user_timeout_ms = 120000,
		.rst_per_second_max = 100,
		.port_first = 20000,
		.port_last = 29999,
		.secret = secret,
		.pool = pool,
		.net = (struct net *)r,
		.trace = r->trace,
		.counters = &r->counters,
		.ops = &ops,
	};
}

void rig_open(struct rig *r)
{
	int rc = tcp_open(&r->conf, r->now_us, &r->tcp);

	assert(rc == 0);
	tcp_force_iss(r->tcp, RIG_ISS);
}

void rig_close(struct rig *r)
{
	tcp_check(r->tcp);
	tcp_close_engine(r->tcp);
	rig_let_go(r);
	assert(eal_pool_held(pool) == 0);
	give_spare(&spare_sent, r->sent);
	give_spare(&spare_rx, r->user.rx);
}

void rig_let_go(struct rig *r)
{
	while (r->n_held != 0)
		rte_pktmbuf_free(r->held[--r->n_held]);
}

int rig_connect(struct rig *r)
{
	return tcp_connect(r->tcp, r->now_us, &r->local, &r->remote, r->peer_port, &r->user,
	                   &r->user.id);
}

void rig_in_head(struct rig *r, struct tcp_head *h, const void *bytes, size_t n)
{
	uint8_t wire[TCP_HEAD_BYTES_MAX + 65536];
	struct net_seg seg = { .local = r->local, .remote = r->remote, .ecn = r->ecn };
	unsigned head_bytes;

	h->source_port = r->peer_port;
	h->dest_port = r->local_port;
	head_bytes = tcp_head_bytes(h);
	tcp_head_write(h, wire);
	if (n != 0)
		memcpy(wire + head_bytes, bytes, n);
	seg.tcp = span_of(wire, head_bytes + n);
	tcp_foresee(r->tcp, &seg);
	tcp_expect(r->tcp, &seg, 1);
	tcp_input(r->tcp, r->now_us, &seg);
	tcp_check(r->tcp);
}

void rig_in_at(struct rig *r, uint8_t flags, uint32_t seq, uint32_t ack, const void *bytes,
               size_t n, uint16_t window)
{
	struct tcp_head h = { .flags = flags,
		              .seq = seq,
		              .ack = ack,
		              .window = window,
		              .wscale = TCP_WSCALE_NONE,
		              .has_ts = r->ts != 0,
		              .ts_val = r->ts };

	rig_in_head(r, &h, bytes, n);
}

void rig_in(struct rig *r, uint8_t flags, const void *bytes, size_t n, uint16_t window)
{
	uint32_t seq = r->peer_seq;

	r->peer_seq += (uint32_t)n + ((flags & (TCP_SYN | TCP_FIN)) != 0);
	rig_in_at(r, flags, seq, r->peer_ack, bytes, n, window);
}

void rig_establish(struct rig *r, const struct rig_options *o)
{
	struct tcp_head h = { .flags = (uint8_t)(TCP_SYN | TCP_ACK | o->flags),
		              .seq = RIG_PEER,
		              .ack = RIG_ISS + 1,
		              .window = o->window,
		              .mss = o->mss,
		              .wscale = o->wscale,
		              .sack_ok = o->sack,
		              .has_ts = o->ts,
		              .ts_val = 1000 };
	const struct rig_sent *s;
	int rc;

	rc = rig_connect(r);
	assert(rc == 0);
	s = rig_next(r);
	assert(s != NULL && (s->head.flags & ~(TCP_ECE | TCP_CWR)) == TCP_SYN);
	r->local_port = s->head.source_port;
	r->peer_seq = RIG_PEER + 1;
	r->peer_ack = RIG_ISS + 1;
	r->ts = o->ts ? 1000 : 0;
	rig_run(r, 10);
	rig_in_head(r, &h, NULL, 0);
	rig_turn(r);
	s = rig_next(r);
	assert(s != NULL && s->head.flags == TCP_ACK && s->head.ack == RIG_PEER + 1);
	assert(r->user.n_opened == 1);
}

const struct rig_sent *rig_next(struct rig *r)
{
	if (r->n_read == r->n_sent)
		return NULL;
	return &r->sent[r->n_read++ % RIG_SENT_MAX];
}

uint32_t rig_drain(struct rig *r)
{
	uint32_t n = r->n_sent - r->n_read;

	r->n_read = r->n_sent;
	return n;
}

void rig_turn(struct rig *r)
{
	tcp_turn_end(r->tcp, r->now_us);
	tcp_check(r->tcp);
}

void rig_run(struct rig *r, uint32_t ms)
{
	while (ms-- != 0) {
		r->now_us += 1000;
		tcp_tick(r->tcp, r->now_us, 1000);
		rig_turn(r);
	}
}

uint64_t rig_count(const _Atomic uint64_t *c)
{
	return counter_read(c);
}
