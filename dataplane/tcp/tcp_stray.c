/* tcp_stray.c - segments that belong to no connection, and peers that an earlier engine left. */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"

void tcp_put_loose(struct rte_mbuf *m, const struct tcp_head *h)
{
	unsigned bytes = tcp_head_bytes(h);

	m->data_off = (uint16_t)(TCP_PAYLOAD_OFF - bytes);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	tcp_head_write(h, rte_pktmbuf_mtod(m, uint8_t *));
}

bool tcp_send_loose(struct tcp *t, const struct tcp_tuple *tuple, struct tcp_head *h)
{
	struct net_path path;
	struct rte_mbuf *m;

	if (net_route(t->conf.net, &tuple->local, &tuple->remote, &path) != 0)
		return false;
	m = tcp_mbuf_get(t);
	if (m == NULL)
		return false;
	h->source_port = tuple->lport;
	h->dest_port = tuple->rport;
	tcp_put_loose(m, h);
	count(&t->conf.counters->tcp_segments_out);
	net_output(t->conf.net, t->now_us, &path, m);
	return true;
}

void tcp_refuse(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                size_t bytes)
{
	struct tcp_head rst = { .flags = TCP_RST, .wscale = TCP_WSCALE_NONE };

	if (!tcp_limit_try(&t->rsts, t->now_us)) {
		count(&t->conf.counters->tcp_rst_limited);
		return;
	}
	if (h->flags & TCP_ACK) {
		rst.seq = h->ack;
	} else {
		rst.flags |= TCP_ACK;
		rst.ack = h->seq + (uint32_t)bytes + ((h->flags & TCP_SYN) != 0) +
		          ((h->flags & TCP_FIN) != 0);
	}
	if (tcp_send_loose(t, tuple, &rst))
		count(&t->conf.counters->tcp_rst_out);
}

/* RFC 9293 3.10.7.1: CLOSED. A RST is never answered. */
void tcp_stray_in(struct tcp *t, const struct tcp_tuple *tuple, const struct tcp_head *h,
                  size_t bytes)
{
	if (tcp_is_listening(t, tuple) &&
	    (h->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN &&
	    tcp_try_accept(t, tuple, h, NULL))
		return;
	count(&t->conf.counters->tcp_no_match);
	if (!(h->flags & TCP_RST))
		tcp_refuse(t, tuple, h, bytes);
}

/* Nobody knows any more where the old connection stood: numbers that are almost surely outside of
 * its windows make the peer say so.
 */
void tcp_probe_stale(struct tcp *t, uint64_t now_us, const struct tcp_trace_entry *old)
{
	struct tcp_tuple tuple = { .local = old->local,
		                   .remote = old->remote,
		                   .lport = old->local_port,
		                   .rport = old->remote_port };
	struct tcp_head h = { .flags = TCP_ACK, .wscale = TCP_WSCALE_NONE };
	uint64_t key;

	tcp_set_now(t, now_us);
	/* In use again: the connection's own segments settle it with the peer. */
	if (tcp_look_up(t, &tuple) != TCP_FLOW_NONE)
		return;
	key = tcp_key_ports(&t->key, &tuple);
	h.seq = (uint32_t)key;
	h.ack = (uint32_t)(key >> 32);
	tcp_send_loose(t, &tuple, &h);
}
