/* tcp_facts.c - what can be shown of a connection. */
#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"

static const char *const names[] = {
#define TCP_STATE(sym, name, may_write, sends) [TCP_STATE_##sym] = name,
#include "dataplane/tcp/tcp_state.def"
#undef TCP_STATE
};

const char *tcp_state_name(uint8_t state)
{
	assert(state < TCP_N_STATES);
	return names[state];
}

bool tcp_facts(const struct tcp *t, tcp_id id, struct tcp_facts *out)
{
	const struct tcb *c;

	if (!pool_is_used(&t->conns, id))
		return false;
	c = pool_at(&t->conns, id);
	*out = (struct tcp_facts){ .local = *net_local(t->conf.net, c->path.local),
		                   .remote = c->path.remote,
		                   .local_port = c->lport,
		                   .remote_port = c->rport,
		                   .state = c->state,
		                   .srtt_us = c->rto.srtt_us,
		                   .rttvar_us = c->rto.rttvar_us,
		                   .min_rtt_us = c->min_rtt_us,
		                   .rto_us = c->rto.rto_us,
		                   .resent = c->resent,
		                   .cwnd_bytes = c->cwnd,
		                   .ssthresh_bytes = c->ssthresh < TCP_CWND_MAX ? c->ssthresh : 0,
		                   .in_flight_bytes = tcp_in_flight(c) };
	return true;
}
