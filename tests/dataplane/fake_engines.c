/* fake_engines.c - engines that do as little as a worker can be tested with. */
#include "tests/dataplane/fake_engines.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/net/net.h"
#include "dataplane/smtp/smtp.h"
#include "dataplane/tcp/tcp.h"

enum { MARK = 0x5a, FRAME_BYTES = 60 };

static _Atomic uint32_t frames_back, probes, aborts, ticks;

struct fake_hooks fake_hooks;

struct net {
	struct net_conf conf;
	struct ip_addr first;
};
struct tcp {
	struct tcp_conf conf;
};
struct smtp {
	struct smtp_conf conf;
	struct tcp *tcp;
	struct {
		uint64_t conn;
		bool open, waits;
	} sessions[64];
	uint32_t n;
};

const struct tcp_ops smtp_tcp_ops;
const struct tls_ops smtp_tls_ops;
static struct smtp *the_smtp; /* whom a frame that came back concerns */

uint32_t fake_frames_back(void)
{
	return atomic_load(&frames_back);
}

uint32_t fake_probes(void)
{
	return atomic_load(&probes);
}

uint32_t fake_ticks(void)
{
	return atomic_load(&ticks);
}

uint32_t fake_aborts(void)
{
	return atomic_load(&aborts);
}

static void say(struct smtp *s, uint64_t now_us, uint32_t slot, struct dp_evt e)
{
	e.conn = s->sessions[slot].conn;
	e.handle = (struct dp_handle){ .slot = slot, .gen = 1 };
	e.at_us = now_us;
	s->conf.emit(s->conf.emit_ctx, &e);
}

uint64_t net_memory_bytes(const struct net_conf *conf)
{
	(void)conf;
	return sizeof(struct net);
}

int net_open(const struct net_conf *conf, struct net **out)
{
	*out = calloc(1, sizeof(**out));
	(*out)->conf = *conf;
	(*out)->first = conf->addrs[0].addr;
	return 0;
}

void net_close(struct net *net)
{
	free(net);
}

void net_announce(struct net *net, uint64_t now_us)
{
	(void)net;
	(void)now_us;
}

enum net_in net_input(struct net *net, uint64_t now_us, struct rte_mbuf *m, struct net_seg *seg,
                      struct net_icmp *icmp)
{
	if (fake_hooks.input != NULL)
		return fake_hooks.input(net, m, seg, icmp);
	if (m->pkt_len == FRAME_BYTES && *rte_pktmbuf_mtod(m, uint8_t *) == MARK) {
		atomic_fetch_add(&frames_back, 1);
		for (uint32_t i = 0; i < 64; i++)
			if (the_smtp->sessions[i].waits) {
				the_smtp->sessions[i].waits = false;
				say(the_smtp, now_us, i, (struct dp_evt){ .kind = DP_EVT_OPEN });
			}
	}
	memset(seg, 0, sizeof(*seg));
	return NET_IN_TCP; /* the worker frees it */
}

void net_tick(struct net *net, uint64_t now_us)
{
	(void)net;
	(void)now_us;
}

bool net_is_own(const struct net *net, const struct ip_addr *a)
{
	return ip_eq(a, &net->first);
}

int net_share_open(uint32_t neighbours_max, uint64_t seed, struct net_share **out)
{
	(void)neighbours_max, (void)seed;
	*out = calloc(1, 1);
	return 0;
}

void net_share_close(struct net_share *share)
{
	free(share);
}

uint64_t net_share_memory_bytes(uint32_t neighbours_max)
{
	return neighbours_max;
}

void net_told(struct net *net, uint64_t now_us, const struct net_word *word)
{
	(void)net, (void)now_us;
	if (fake_hooks.told != NULL)
		fake_hooks.told(word);
}

bool net_has_news(const struct net *net)
{
	(void)net;
	return false;
}

uint64_t tcp_memory_bytes(const struct tcp_conf *conf)
{
	return (uint64_t)conf->conns_max * 512;
}

int tcp_open(const struct tcp_conf *conf, uint64_t now_us, struct tcp **out)
{
	(void)now_us;
	*out = calloc(1, sizeof(**out));
	(*out)->conf = *conf;
	return 0;
}

void tcp_close_engine(struct tcp *tcp)
{
	free(tcp);
}

void tcp_foresee(const struct tcp *tcp, struct net_seg *seg)
{
	(void)tcp;
	(void)seg;
}

void tcp_expect(const struct tcp *tcp, struct net_seg *segs, uint32_t n)
{
	(void)tcp;
	(void)segs;
	(void)n;
}

void tcp_input(struct tcp *tcp, uint64_t now_us, const struct net_seg *seg)
{
	uint16_t lport, rport;
	uint32_t me;

	(void)now_us;
	if (fake_hooks.has == NULL)
		return;
	me = tcp->conf.landing_me;
	rport = (uint16_t)(seg->tcp.at[0] << 8 | seg->tcp.at[1]);
	lport = (uint16_t)(seg->tcp.at[2] << 8 | seg->tcp.at[3]);
	if (fake_hooks.has(me, lport))
		fake_hooks.took(me, lport);
	else if (!tcp->conf.stray(tcp->conf.stray_ctx, seg, lport, rport))
		fake_hooks.reset(me, lport);
}

bool tcp_icmp(struct tcp *tcp, uint64_t now_us, const struct net_icmp *icmp)
{
	(void)tcp;
	(void)now_us;
	if (fake_hooks.has == NULL || !fake_hooks.has(tcp->conf.landing_me, icmp->local_port))
		return false;
	fake_hooks.took(tcp->conf.landing_me, icmp->local_port);
	return true;
}

void tcp_abort_all(struct tcp *tcp, uint64_t now_us)
{
	(void)tcp;
	(void)now_us;
	atomic_fetch_add(&aborts, 1);
}

void tcp_probe_stale(struct tcp *tcp, uint64_t now_us, const struct tcp_trace_entry *old)
{
	(void)tcp;
	(void)now_us;
	assert(old->in_use == 1);
	atomic_fetch_add(&probes, 1);
}

uint64_t tcp_tick(struct tcp *tcp, uint64_t now_us, uint32_t budget)
{
	(void)tcp;
	(void)now_us;
	(void)budget;
	atomic_fetch_add(&ticks, 1);
	return UINT64_MAX;
}

void tcp_turn_end(struct tcp *tcp, uint64_t now_us)
{
	(void)tcp;
	(void)now_us;
}

uint64_t tls_memory_bytes(const struct tls_conf *conf)
{
	return (uint64_t)conf->conns_max * 128;
}

int tls_open(const struct tls_conf *conf, struct tcp *tcp, struct tls **out,
             char why[TLS_WHY_BYTES])
{
	(void)conf, (void)tcp, (void)why;
	*out = NULL;
	return 0;
}

void tls_close(struct tls *tls)
{
	(void)tls;
}

uint64_t smtp_memory_bytes(const struct smtp_conf *conf)
{
	return (uint64_t)conf->sessions_max * 512;
}

int smtp_open(const struct smtp_conf *conf, struct tcp *tcp, uint64_t now_us, struct smtp **out)
{
	(void)now_us;
	*out = calloc(1, sizeof(**out));
	(*out)->conf = *conf;
	(*out)->tcp = tcp;
	the_smtp = *out;
	return 0;
}

void smtp_close(struct smtp *smtp)
{
	free(smtp);
}

static void send_frame(struct smtp *smtp)
{
	struct net *net = smtp->tcp->conf.net;
	struct rte_mbuf *m = rte_pktmbuf_alloc(smtp->tcp->conf.pool);

	assert(m != NULL);
	memset(rte_pktmbuf_append(m, FRAME_BYTES), MARK, FRAME_BYTES);
	net->conf.tx(net->conf.tx_ctx, m);
}

void smtp_open_session(struct smtp *smtp, uint64_t now_us, const struct dp_dial *dial,
                       const struct ip_addr *local)
{
	uint32_t slot = 0;

	assert(!ip_is_unset(local));
	while (smtp->sessions[slot].open)
		slot++;
	assert(slot < 64);
	smtp->sessions[slot].conn = dial->conn;
	if (dial->remote_port == 587) {
		say(smtp, now_us, slot,
		    (struct dp_evt){ .kind = DP_EVT_CLOSED, .why = DP_WHY_TIMEOUT });
		return;
	}
	smtp->sessions[slot].open = true;
	smtp->n++;
	if (dial->remote_port == 465) {
		smtp->sessions[slot].waits = true;
		send_frame(smtp);
	} else
		say(smtp, now_us, slot, (struct dp_evt){ .kind = DP_EVT_OPEN });
}

void smtp_set_credential(struct smtp *smtp, uint32_t id, const struct smtp_credential *c)
{
	(void)smtp, (void)id, (void)c;
}

void smtp_expect(const struct smtp *smtp, const struct dp_job *const *jobs, uint32_t n)
{
	(void)smtp, (void)jobs, (void)n;
}

void smtp_submit(struct smtp *smtp, uint64_t now_us, const struct dp_job *job)
{
	struct dp_evt e = { .kind = DP_EVT_BODY_TAKEN, .message = job->message };

	say(smtp, now_us, job->conn.slot, e);
	e.kind = DP_EVT_RCPT;
	e.outcome = DP_OUT_DELIVERED;
	say(smtp, now_us, job->conn.slot, e);
}

void smtp_quit(struct smtp *smtp, uint64_t now_us, struct dp_handle conn)
{
	if (!smtp->sessions[conn.slot].open)
		return;
	smtp->sessions[conn.slot].open = false;
	smtp->n--;
	say(smtp, now_us, conn.slot, (struct dp_evt){ .kind = DP_EVT_CLOSED, .why = DP_WHY_QUIT });
}

void smtp_drain(struct smtp *smtp, uint64_t now_us, uint32_t drain_ms)
{
	(void)drain_ms;
	for (uint32_t i = 0; i < 64; i++)
		smtp_quit(smtp, now_us, (struct dp_handle){ .slot = i, .gen = 1 });
}

uint64_t smtp_tick(struct smtp *smtp, uint64_t now_us, uint32_t budget)
{
	(void)smtp;
	(void)now_us;
	(void)budget;
	return UINT64_MAX;
}

uint32_t smtp_n_sessions(const struct smtp *smtp)
{
	return smtp->n;
}

/* A row for every open session. */
uint32_t smtp_show(const struct smtp *smtp, uint64_t now_us, uint32_t *from, uint32_t slots,
                   struct dp_conn_info *rows, uint32_t n)
{
	uint32_t shown = 0;

	for (; *from < 64 && slots > 0 && shown < n; slots--, ++*from)
		if (smtp->sessions[*from].open)
			rows[shown++] = (struct dp_conn_info){ .conn = smtp->sessions[*from].conn,
				                               .age_us = now_us };
	if (*from == 64)
		*from = DP_ASK_END;
	return shown;
}
