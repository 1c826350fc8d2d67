/* smtp_show.c - what can be shown of the sessions. */
#include "dataplane/smtp/session.h"

static void show(const struct session *s, uint64_t now_us, struct dp_conn_info *row)
{
	struct tcp_facts f = { 0 };

	(void)tcp_facts(s->smtp->tcp, s->tcp, &f);
	*row = (struct dp_conn_info){
		.conn = s->conn,
		.age_us = now_us - s->began_us,
		.source = s->source,
		.messages = s->n_messages,
		.local = f.local,
		.remote = s->remote,
		.local_port = f.local_port,
		.remote_port = f.remote_port,
		.tcp_state = tcp_state_name(f.state),
		.step = session_step(s),
		.tls = s->tls != NULL,
		.srtt_us = f.srtt_us,
		.rttvar_us = f.rttvar_us,
		.min_rtt_us = f.min_rtt_us,
		.rto_us = f.rto_us,
		.cwnd_bytes = f.cwnd_bytes,
		.ssthresh_bytes = f.ssthresh_bytes,
		.in_flight_bytes = f.in_flight_bytes,
		.resent = f.resent,
	};
}

uint32_t smtp_show(const struct smtp *smtp, uint64_t now_us, uint32_t *from, uint32_t slots,
                   struct dp_conn_info *rows, uint32_t n)
{
	const struct pool *p = &smtp->sessions;
	uint32_t shown = 0;

	for (; *from < p->n && slots > 0 && shown < n; slots--, ++*from)
		if (pool_is_used(p, *from))
			show(pool_at(p, *from), now_us, &rows[shown++]);
	if (*from >= p->n)
		*from = DP_ASK_END;
	return shown;
}
