/* tcp.c - the engine's life, and how a connection begins and ends in it. */
#include "dataplane/tcp/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	CONNS_MAX = 1 << 26,
	WINDOW_MAX = 1 << 30,   /* RFC 7323 2.3 */
	ISS_STEP = 128000,      /* what 4.4BSD put between two of one tuple */
	TSO_BYTES_LEAST = 4096, /* headers, and something to cut */
	SEG_LEAST = 512,        /* segments a connection may hold: its bytes by this, and a few */
};

static bool conf_is_sane(const struct tcp_conf *c)
{
	return c->cc < TCP_N_CCS && c->conns_max != 0 && c->conns_max <= CONNS_MAX &&
	       c->time_wait_max != 0 && c->time_wait_max <= CONNS_MAX && c->tx_bytes_max != 0 &&
	       c->tx_bytes_max <= WINDOW_MAX && c->rx_window_bytes != 0 &&
	       c->rx_window_bytes <= WINDOW_MAX && c->port_first != 0 &&
	       c->port_first <= c->port_last && c->secret != NULL && c->pool != NULL &&
	       c->net != NULL && c->counters != NULL && c->ops != NULL &&
	       (c->tso_segs_max == 0 || c->tso_bytes_max >= TSO_BYTES_LEAST) &&
	       (c->listen_port == 0 || c->accept != NULL);
}

uint64_t tcp_memory_bytes(const struct tcp_conf *c)
{
	return sizeof(struct tcp) + pool_memory_bytes(c->conns_max, sizeof(struct tcb)) +
	       wheel_memory_bytes(c->conns_max) + tcp_delacks_memory_bytes(c->conns_max) +
	       tcp_flow_memory_bytes(c->conns_max + c->time_wait_max) +
	       tcp_tw_memory_bytes(c->time_wait_max);
}

/* Payload that an mbuf of the pool holds; 0: the pool is not fit for us. */
static uint16_t room_of(struct rte_mempool *pool)
{
	uint16_t data = rte_pktmbuf_data_room_size(pool);

	if (rte_pktmbuf_priv_size(pool) < TCP_MBUF_PRIV_BYTES ||
	    data < TCP_PAYLOAD_OFF + TCP_MSS_MIN_V4)
		return 0;
	return (uint16_t)(data - TCP_PAYLOAD_OFF);
}

int tcp_open(const struct tcp_conf *conf, uint64_t now_us, struct tcp **out)
{
	struct tcp *t;
	int rc;

	if (!conf_is_sane(conf) || room_of(conf->pool) == 0)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->conf = *conf;
	memcpy(t->secret, conf->secret, sizeof(t->secret));
	t->conf.secret = t->secret;
	tcp_key_init(&t->key, t->secret);
	t->room_bytes = room_of(conf->pool);
	t->tx_segs_max = conf->tx_bytes_max / SEG_LEAST + 8;
	if (t->tx_segs_max > UINT16_MAX)
		t->tx_segs_max = UINT16_MAX;
	t->held_segs_max = conf->pool->size / 8 * 5;
	t->split_segs_max = t->held_segs_max + conf->pool->size / 16;
	t->ooo_segs_max = conf->pool->size / 8 * 2;
	t->dup_conn = TCB_NONE;
	t->rsts.per_s = conf->rst_per_second_max;
	t->challenges.per_s = TCP_CHALLENGES_PER_S;
	while (conf->rx_window_bytes >> t->rcv_wscale > UINT16_MAX)
		t->rcv_wscale++;
	for (unsigned i = 0; i < TCP_PORT_COUNTERS; i++) /* another order after each start */
		t->ports[i] = (uint32_t)(now_us * 0x9e3779b9u) + i * 7919;
	tcp_set_now(t, now_us);
	rc = pool_init(&t->conns, conf->conns_max, sizeof(struct tcb), NULL);
	if (rc == 0)
		rc = wheel_init(&t->wheel, conf->conns_max, now_us);
	if (rc == 0)
		rc = tcp_delacks_init(&t->delacks, conf->conns_max);
	if (rc == 0)
		rc = tcp_flow_init(&t->flow, conf->conns_max + conf->time_wait_max);
	if (rc == 0)
		rc = tcp_tw_init(&t->tw, conf->time_wait_max);
	if (rc != 0) {
		tcp_close_engine(t);
		return rc;
	}
	*out = t;
	return 0;
}

static void free_segments(struct tcp *t, struct tcb *c)
{
	while (c->tx_head != NULL)
		tcp_free_sent(t, c, c->tx_head);
	tcp_ooo_free(t, c);
}

void tcp_close_engine(struct tcp *t)
{
	for (uint32_t i = 0; i < t->conns.n; i++)
		if (pool_is_used(&t->conns, i))
			free_segments(t, tcb_at(t, i));
	tcp_tw_fini(&t->tw);
	tcp_flow_fini(&t->flow);
	tcp_delacks_fini(&t->delacks);
	wheel_fini(&t->wheel);
	pool_fini(&t->conns);
	free(t);
}

void tcp_force_iss(struct tcp *t, uint32_t iss)
{
	t->iss_forced = true;
	t->iss = iss;
}

/* A clock that ran back is taken as one that stood still. */
void tcp_set_now(struct tcp *t, uint64_t now_us)
{
	if (now_us > t->now_us) {
		t->now_us = now_us;
		t->now_ms = (uint32_t)(now_us / 1000);
	}
}

bool tcp_limit_try(struct tcp_limit *l, uint64_t now_us)
{
	uint64_t passed = now_us - l->at_us;
	uint64_t grown = passed >= 1000000 ? l->per_s : passed * l->per_s / 1000000;

	if (grown != 0 || l->at_us == 0) {
		l->at_us = now_us;
		if (passed >= 1000000 || l->tokens + grown > l->per_s)
			l->tokens = l->per_s;
		else
			l->tokens += (uint32_t)grown;
	}
	if (l->tokens == 0)
		return false;
	l->tokens--;
	return true;
}

static bool tuple_is(const struct tcp *t, uint32_t value, const struct tcp_tuple *tuple)
{
	uint32_t local;

	if (value & TCP_TW_BIT) {
		const struct tcp_tw *e = &t->tw.ring[value & ~TCP_TW_BIT];

		if (e->lport != tuple->lport || e->rport != tuple->rport ||
		    !ip_eq(&e->remote, &tuple->remote))
			return false;
		local = e->local;
	} else {
		const struct tcb *c = pool_at(&t->conns, value);

		if (c->lport != tuple->lport || c->rport != tuple->rport ||
		    !ip_eq(&c->path.remote, &tuple->remote))
			return false;
		local = c->path.local;
	}
	return ip_eq(net_local(t->conf.net, local), &tuple->local);
}

uint32_t tcp_look_up(const struct tcp *t, const struct tcp_tuple *tuple)
{
	struct tcp_flow_probe probe = { .hash = tcp_key_flow(&t->key, tuple) };
	uint32_t value;

	do
		value = tcp_flow_next(&t->flow, &probe);
	while (value != TCP_FLOW_NONE && !tuple_is(t, value, tuple));
	return value;
}

struct tcb *tcp_find(struct tcp *t, const struct tcp_tuple *tuple)
{
	uint32_t value = tcp_look_up(t, tuple);

	return value == TCP_FLOW_NONE || (value & TCP_TW_BIT) ? NULL : tcb_at(t, value);
}

void tcp_set_state(struct tcp *t, struct tcb *c, enum tcp_state state)
{
	assert(state != c->state && state < TCP_N_STATES);
	if (state == TCP_STATE_ESTABLISHED)
		count(&t->conf.counters->tcp_established);
	c->state = (uint8_t)state;
}

void tcp_set_mss(struct tcp *t, struct tcb *c)
{
	bool v4 = ip_is_v4(&c->path.remote);
	int mss = c->path.mtu_bytes - (v4 ? 40 : 60);

	if (mss > c->peer_mss)
		mss = c->peer_mss;
	if (mss > t->room_bytes)
		mss = t->room_bytes;
	if (c->flags & TCB_F_TS)
		mss -= TCP_TS_BYTES; /* RFC 6691 2: the options are ours to deduct */
	c->snd_mss = (uint16_t)(mss < TCP_MSS_FLOOR ? TCP_MSS_FLOOR : mss);
}

static void trace_set(struct tcp *t, struct tcb *c)
{
	struct tcp_trace_entry *e;

	if (t->conf.trace == NULL)
		return;
	e = &t->conf.trace[tcb_id(t, c)];
	e->local = *net_local(t->conf.net, c->path.local);
	e->remote = c->path.remote;
	e->local_port = c->lport;
	e->remote_port = c->rport;
	__atomic_store_n(&e->in_use, 1, __ATOMIC_RELEASE);
}

static void trace_clear(struct tcp *t, struct tcb *c)
{
	if (t->conf.trace != NULL)
		__atomic_store_n(&t->conf.trace[tcb_id(t, c)].in_use, 0, __ATOMIC_RELEASE);
}

/* Takes the connection apart; its slot is free afterwards. */
static void release(struct tcp *t, struct tcb *c)
{
	struct tcp_tuple tuple = tcb_tuple(t, c);

	c->flags = 0; /* it owes no ACK any more */
	for (struct tcp_watch *w = t->watch; w != NULL; w = w->outer)
		w->gone |= w->id == tcb_id(t, c);
	if (t->dup_conn == tcb_id(t, c))
		t->dup_conn = TCB_NONE;
	tcp_timers_stop(t, c);
	free_segments(t, c);
	trace_clear(t, c);
	tcp_flow_del(&t->flow, tcp_key_flow(&t->key, &tuple), tcb_id(t, c));
	c->state = TCP_STATE_CLOSED;
	pool_put(&t->conns, tcb_id(t, c));
	gauge(&t->conf.counters->tcp_open_now, t->conns.n_used);
}

void tcp_drop(struct tcp *t, struct tcb *c, int why)
{
	void *user = c->user;

	release(t, c);
	t->conf.ops->closed(user, t->now_us, why);
}

void tcp_enter_time_wait(struct tcp *t, struct tcb *c)
{
	struct tcp_tw e = {
		.remote = c->path.remote,
		.local = c->path.local,
		.lport = c->lport,
		.rport = c->rport,
		.snd_nxt = c->snd_nxt,
		.rcv_nxt = c->rcv_nxt,
		.ts_recent = c->ts_recent,
		.flags = c->flags & TCB_F_TS ? TCP_TW_FLAG_TS : 0,
	};
	void *user = c->user;

	/* The peer's FIN is answered now, unless it is already (CLOSING): nobody will know of this
	 * connection at the turn's end.
	 */
	if (c->flags & (TCB_F_ACK_NOW | TCB_F_DELACK))
		tcp_send_bare(t, c, TCP_ACK, c->snd_nxt);
	release(t, c);
	tcp_tw_add(t, &e);
	t->conf.ops->closed(user, t->now_us, 0);
}

static void set_iss(struct tcb *c, uint32_t iss)
{
	c->snd_una = c->snd_nxt = c->fack = iss;
	c->snd_end = c->push_end = iss + 1;
}

static void tcb_init(struct tcp *t, struct tcb *c, const struct tcp_tuple *tuple,
                     const struct net_path *path)
{
	uint32_t iss = t->iss_forced ? t->iss : tcp_key_isn(&t->key, tuple, t->now_us);

	*c = (struct tcb){
		.path = *path,
		.lport = tuple->lport,
		.rport = tuple->rport,
		.state = TCP_STATE_CLOSED,
		.rcv_wscale = t->rcv_wscale,
		.cc = t->conf.cc,
		.ts_offset = tcp_key_ts_offset(&t->key, tuple),
		.alive_ms = t->now_ms,
		.rcv_mss = TCP_MSS_MIN_V4,
		.peer_mss = ip_is_v4(&path->remote) ? TCP_MSS_MIN_V4 : TCP_MSS_MIN_V6,
	};
	set_iss(c, iss);
	tcp_rto_init(&c->rto);
	c->path.mtu_bytes = net_path_mtu(t->conf.net, t->now_us, &path->remote);
	tcp_set_mss(t, c);
	tcp_cc_open(c, t->conf.iw_segs);
	c->open_us = (uint32_t)t->now_us;
}

/* A slot for a new connection, known to all tables; NULL: one of them is full. */
static struct tcb *tcb_open(struct tcp *t, const struct tcp_tuple *tuple,
                            const struct net_path *path)
{
	uint32_t id = pool_try_get(&t->conns);
	struct tcb *c;

	if (id == POOL_NONE) {
		count(&t->conf.counters->tcp_conns_full);
		return NULL;
	}
	c = tcb_at(t, id);
	tcb_init(t, c, tuple, path);
	if (!tcp_flow_try_add(&t->flow, tcp_key_flow(&t->key, tuple), id)) {
		pool_put(&t->conns, id);
		count(&t->conf.counters->tcp_conns_full);
		return NULL;
	}
	trace_set(t, c);
	gauge(&t->conf.counters->tcp_open_now, t->conns.n_used);
	return c;
}

/* A SYN or SYN-ACK that finds no buffer is sent by the RTO. */
static void send_first(struct tcp *t, struct tcb *c, enum tcp_state state, uint8_t flags)
{
	tcp_set_state(t, c, state);
	c->snd_nxt = c->snd_una + 1;
	tcp_send_bare(t, c, flags, c->snd_una);
	tcp_xmit_settle(t, c);
}

int tcp_connect(struct tcp *t, uint64_t now_us, const struct ip_addr *local,
                const struct ip_addr *remote, uint16_t remote_port, void *user, tcp_id *out)
{
	struct tcp_tuple tuple = { .local = *local, .remote = *remote, .rport = remote_port };
	struct net_path path;
	struct tcb *c;
	int rc;

	tcp_set_now(t, now_us);
	rc = net_route(t->conf.net, local, remote, &path);
	if (rc == 0)
		rc = tcp_port_choose(t, &tuple);
	if (rc != 0)
		return rc;
	c = tcb_open(t, &tuple, &path);
	if (c == NULL)
		return -ENOBUFS;
	c->user = user;
	count(&t->conf.counters->tcp_connects);
	send_first(t, c, TCP_STATE_SYN_SENT, TCP_SYN);
	*out = tcb_id(t, c);
	return 0;
}

bool tcp_is_listening(const struct tcp *t, const struct tcp_tuple *tuple)
{
	return t->conf.listen_port != 0 && tuple->lport == t->conf.listen_port;
}

bool tcp_try_accept(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                    const uint32_t *beyond)
{
	struct net_path path;
	struct tcb *c;

	if (net_route(t->conf.net, &tuple->local, &tuple->remote, &path) != 0 ||
	    (c = tcb_open(t, tuple, &path)) == NULL)
		return false;
	c->user = t->conf.accept(t->conf.accept_ctx, tcb_id(t, c));
	if (c->user == NULL) {
		release(t, c);
		return false;
	}
	if (beyond != NULL && seq_leq(c->snd_una, *beyond))
		set_iss(c, *beyond + ISS_STEP);
	tcp_take_syn(t, c, h);
	send_first(t, c, TCP_STATE_SYN_RCVD, TCP_SYN | TCP_ACK);
	return true;
}

void tcp_acks_send(struct tcp *t)
{
	uint32_t n = t->n_acks;

	t->n_acks = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct tcb *c = tcb_at(t, t->acks[i]);

		/* Not on the list any more: it ended meanwhile, or is another that began. */
		if (!(c->flags & TCB_F_ON_LIST))
			continue;
		c->flags &= ~(uint32_t)TCB_F_ON_LIST;
		if (c->flags & TCB_F_ACK_NOW) /* else it rode on data */
			tcp_send_bare(t, c, TCP_ACK, c->snd_nxt);
	}
}

void tcp_turn_end(struct tcp *t, uint64_t now_us)
{
	tcp_set_now(t, now_us);
	tcp_acks_send(t);
}

uint32_t tcp_n_conns(const struct tcp *t)
{
	return t->conns.n_used;
}
