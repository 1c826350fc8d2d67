/* tcp_fast.c - header prediction: the segment that most are, with the peer's next bytes while
 * nothing of ours is on the way. What the steps of tcp_input.c would do with it, and no more.
 */
#include "dataplane/tcp/tcp_engine.h"

enum {
	/* Whoever has one of these needs the long way. */
	NOT_PLAIN = TCB_F_FIN_QUEUED | TCB_F_FIN_SENT | TCB_F_PEER_FIN | TCB_F_RECOVERY |
	            TCB_F_LOSS | TCB_F_RTX_ONCE | TCB_F_WANT_WRITE | TCB_F_RETRY | TCB_F_PROBED |
	            TCB_F_FRTO_ASK | TCB_F_FRTO_NEW | TCB_F_ECN,
};

/* RFC 9293 3.10.7.4 with every answer known: in order, within the window, no news of what we sent,
 * and a timestamp that is not old (RFC 7323 5.3).
 */
static bool is_foretold(const struct tcp *t, const struct tcb *c, const struct tcp_head *h,
                        size_t bytes)
{
	bool has_ts = (c->flags & TCB_F_TS) != 0;

	return c->state == TCP_STATE_ESTABLISHED && (c->flags & NOT_PLAIN) == 0 &&
	       (h->flags & (uint8_t)~TCP_PSH) == TCP_ACK && h->seq == c->rcv_nxt &&
	       h->ack == c->snd_una && c->snd_una == c->snd_nxt && c->tx_next == NULL &&
	       bytes != 0 && bytes <= c->rcv_adv - c->rcv_nxt && c->ooo == NULL &&
	       h->n_sacks == 0 && h->has_ts == has_ts &&
	       (!has_ts || seq_geq(h->ts_val, c->ts_recent)) && t->dup_conn != tcb_id(t, c);
}

bool tcp_try_fast(struct tcp *t, struct tcb *c, const struct tcp_head *h, struct span bytes)
{
	if (!is_foretold(t, c, h, bytes.bytes))
		return false;
	c->flags &= ~(uint32_t)TCB_F_DSACKED;
	c->alive_ms = t->now_ms;
	if (h->has_ts && c->rcv_nxt == c->ack_sent) { /* RFC 7323 4.3 */
		c->ts_recent = h->ts_val;
		c->ts_recent_ms = t->now_ms;
	}
	tcp_take_window(t, c, h); /* with nothing to send it has no other effect */
	tcp_note_size(t, c, bytes.bytes);
	if (!tcp_deliver(t, c, bytes))
		return true;
	tcp_owe_ack(t, c);
	if (c->tx_next != NULL || (c->flags & (TCB_F_FIN_QUEUED | TCB_F_RETRY)))
		tcp_send(t, c); /* the layer above has written, or closed */
	return true;
}
