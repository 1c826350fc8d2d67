/* worker_size.c - how large everything of a worker is, and how its engines are told. */
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp.h"
#include "dataplane/worker_int.h"

enum {
	NEIGHBOUR_QUEUE_MAX = 256,
	TX_BYTES_MAX = 65536,
	RX_WINDOW_BYTES = 16384, /* replies are short; our limits cut them far below */
	TIME_WAIT_MIN = 1024,
	TIME_WAIT_MAX = 1 << 18,
	USER_TIMEOUT_MS = 120000, /* RFC 1122 4.2.3.5: R2 of at least 100 s */
	RST_PER_SECOND_MAX = 1000,
	IW_SEGS = 10, /* RFC 6928 2 */
	LINGER_MS = 2000,
	DIALS_MORE_MAX = 4096,
	CMDS_MIN = 1024,
	CMDS_MAX = 8192,
};

static_assert((int)DP_CONGESTION_CUBIC == (int)TCP_CC_CUBIC &&
                  (int)DP_CONGESTION_NEWRENO == (int)TCP_CC_NEWRENO,
              "the door's names are the engine's");

static uint32_t given_or(uint32_t given, uint32_t otherwise)
{
	return given != 0 ? given : otherwise;
}

static uint32_t time_wait_of(const struct dp_conf *conf)
{
	uint32_t n = conf->conns_max < TIME_WAIT_MAX / 2 ? 2 * conf->conns_max : TIME_WAIT_MAX;

	return given_or(conf->tcp.time_wait_max, n > TIME_WAIT_MIN ? n : TIME_WAIT_MIN);
}

static void tcp_conf_of(const struct dp_conf *conf, struct tcp_conf *to)
{
	const struct dp_tcp_conf *from = &conf->tcp;

	to->conns_max = conf->conns_max;
	to->time_wait_max = time_wait_of(conf);
	to->tx_bytes_max = given_or(from->tx_bytes_max, TX_BYTES_MAX);
	to->rx_window_bytes = given_or(from->rx_window_bytes, RX_WINDOW_BYTES);
	to->syn_timeout_ms = conf->smtp.times.connect_ms;
	to->user_timeout_ms = given_or(from->user_timeout_ms, USER_TIMEOUT_MS);
	to->keepalive_ms = from->keepalive_ms;
	to->rst_per_second_max = given_or(from->rst_per_second_max, RST_PER_SECOND_MAX);
	to->cc = from->congestion;
	to->iw_segs = (uint8_t)given_or(from->iw_segs, IW_SEGS);
	to->ecn = from->ecn != 0;
	to->pacing = from->pacing != 0;
	to->port_first = WORKER_PORT_FIRST;
	to->port_last = WORKER_PORT_LAST;
	to->secret = conf->secret;
}

void worker_engines_conf(const struct dp_conf *conf, uint32_t port_index,
                         struct worker_engines_conf *e)
{
	const struct dp_port_conf *p = &conf->ports[port_index];
	const struct dp_smtp_conf *s = &conf->smtp;

	memset(e, 0, sizeof(*e));
	e->net.vlan = p->vlan;
	e->net.mtu_bytes = p->mtu_bytes;
	e->net.addrs = p->addrs;
	e->net.n_addrs = p->n_addrs;
	e->net.gateway4 = p->gateway4;
	e->net.gateway6 = p->gateway6;
	e->net.fragment_bytes_max = p->fragment_bytes_max;
	e->net.neighbours = p->neighbours;
	e->net.n_neighbours = p->n_neighbours;
	e->net.neighbours_max = WORKER_NEIGHBOURS_MAX;
	e->net.neighbour_queue_max = NEIGHBOUR_QUEUE_MAX;
	for (uint32_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].port == port_index)
			e->net.n_sources += !ip_is_unset(&conf->sources[i].addr4) +
			                    !ip_is_unset(&conf->sources[i].addr6);

	tcp_conf_of(conf, &e->tcp);

	e->tls = (struct tls_conf){ .conns_max = conf->conns_max,
		                    .sessions_max = conf->tls.sessions_max,
		                    .ca_file = conf->tls.ca_file };

	e->smtp = (struct smtp_conf){ .sessions_max = conf->conns_max,
		                      .times = s->times,
		                      .more_times = conf->times,
		                      .n_more_times = conf->n_times,
		                      .linger_ms = LINGER_MS,
		                      .reply_lines_max = s->reply_lines_max,
		                      .reply_bytes_max = s->reply_bytes_max,
		                      .pipelining = s->pipelining,
		                      .chunking = s->chunking,
		                      .has_tls = 1,
		                      .rcpts_max = s->rcpts_max,
		                      .txns_max = conf->window };
}

/* Sessions, and half as many again but not many whose end control has not read yet: each has room
 * for its events.
 */
uint32_t worker_dials_max(const struct dp_conf *conf)
{
	uint32_t half = conf->conns_max / 2;

	return conf->conns_max + (half < DIALS_MORE_MAX ? half : DIALS_MORE_MAX);
}

/* A dial has at most two events (OPEN, CLOSED) that control has not read, and at most dials_max
 * dials are between their order and the reading of their CLOSED. A credit has at most two
 * (BODY_TAKEN, RCPT). So no event ever meets a full ring.
 */
uint32_t worker_evts_max(const struct dp_conf *conf)
{
	return evt_ring_units(worker_dials_max(conf), conf->window);
}

/* A full command ring only makes control try again, so it need not hold everything. */
uint32_t worker_cmds_max(const struct dp_conf *conf)
{
	uint64_t n = (uint64_t)conf->window + conf->conns_max;

	return n < CMDS_MIN ? CMDS_MIN : n > CMDS_MAX ? CMDS_MAX : (uint32_t)n;
}

void worker_size_of(const struct dp_conf *conf, uint32_t port_index, struct worker_size *size)
{
	struct worker_engines_conf e;
	struct port_size port;

	worker_engines_conf(conf, port_index, &e);
	port_size_of(conf, port_index, &port);
	size->eal_bytes = port.bytes + 16 * ((uint64_t)port.rx_buffers + port.tx_buffers);
	size->tables_bytes =
	    net_memory_bytes(&e.net) + tcp_memory_bytes(&e.tcp) + tls_memory_bytes(&e.tls) +
	    smtp_memory_bytes(&e.smtp) + (uint64_t)worker_evts_max(conf) * EVT_UNIT_BYTES +
	    (uint64_t)worker_cmds_max(conf) * sizeof(struct worker_cmd) +
	    sizeof(struct tcp_trace_entry) * (uint64_t)conf->conns_max + sizeof(struct worker);
}
