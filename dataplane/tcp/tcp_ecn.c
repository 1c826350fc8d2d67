/* tcp_ecn.c - explicit congestion notification (RFC 3168): routers mark, the receiver echoes the
 * mark until the sender says that it has reduced its window.
 *
 *	SYN      ECE CWR  ->           the offer; without, if it must be repeated (6.1.1.1)
 *	SYN-ACK  <-  ECE               agreed
 *	data     ECT(0)   ->  CE       marked on the way
 *	ACK      <-  ECE ... ECE       until
 *	data     CWR      ->
 */
#include "dataplane/tcp/tcp_cc.h"
#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seq.h"

enum { BOTH = TCP_ECE | TCP_CWR };

uint8_t tcp_ecn_asks(const struct tcp *t, const struct tcb *c, uint8_t flags)
{
	if (!(flags & TCP_SYN))
		return 0;
	if (flags & TCP_ACK)
		return c->flags & TCB_F_ECN ? TCP_ECE : 0;
	return t->conf.ecn && !(c->flags & TCB_F_SYN_AGAIN) ? BOTH : 0;
}

/* 6.1.1. A SYN-ACK with both bits comes from a host, or a box on the way, that reflects what it
 * does not know. An answer to the first of two SYNs agrees as well, though the second asked for
 * nothing: the bits of no other could have made it.
 */
void tcp_ecn_take_syn(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	uint8_t want = h->flags & TCP_ACK ? TCP_ECE : BOTH;

	if (!t->conf.ecn || (h->flags & BOTH) != want)
		return;
	c->flags |= TCB_F_ECN;
	count(&t->conf.counters->tcp_ecn_agreed);
}

void tcp_ecn_end(struct tcb *c)
{
	c->flags &= ~(uint32_t)(TCB_F_ECN | TCB_F_ECE | TCB_F_CWR_DUE | TCB_F_REDUCED);
}

void tcp_ecn_note_again(struct tcp *t, const struct tcb *c)
{
	if (t->conf.ecn && c->state == TCP_STATE_SYN_SENT && !(c->flags & TCB_F_SYN_AGAIN))
		count(&t->conf.counters->tcp_ecn_fallbacks);
}

/* 6.1.1.1: there are boxes that refuse a SYN for bits they do not know. A host that really refuses
 * is asked twice.
 */
bool tcp_ecn_fall_back(struct tcp *t, struct tcb *c)
{
	if (!t->conf.ecn || (c->flags & TCB_F_SYN_AGAIN))
		return false;
	tcp_ecn_note_again(t, c);
	c->flags |= TCB_F_SYN_AGAIN;
	tcp_send_bare(t, c, TCP_SYN, c->snd_una);
	tcp_xmit_restart(t, c);
	return true;
}

/* 6.1.2: at most one reduction for what is in the network now, and none beside that for a loss. */
static void reduce(struct tcp *t, struct tcb *c)
{
	if (c->flags & (TCB_F_RECOVERY | TCB_F_LOSS | TCB_F_REDUCED))
		return;
	count(&t->conf.counters->tcp_ecn_reduced);
	c->ssthresh = tcp_ccs[c->cc]->lost(c, c->cwnd);
	c->cwnd = c->ssthresh;
	c->cubic.epoch_ms = 0;
	c->recover = c->snd_nxt;
	c->flags = (c->flags | TCB_F_REDUCED | TCB_F_CWR_DUE) & ~(uint32_t)TCB_F_UNDO;
}

void tcp_ecn_take(struct tcp *t, struct tcb *c, const struct tcp_head *h)
{
	if (!(c->flags & TCB_F_ECN))
		return;
	if (h->flags & TCP_CWR)
		c->flags &= ~(uint32_t)TCB_F_ECE;
	if (h->ecn == NET_ECN_CE) { /* 6.1.3; after CWR: this mark is a new one */
		count(&t->conf.counters->tcp_ecn_marks_in);
		c->flags |= TCB_F_ECE;
	}
	if ((c->flags & TCB_F_REDUCED) && seq_gt(c->snd_una, c->recover))
		c->flags &= ~(uint32_t)TCB_F_REDUCED;
	if (h->flags & TCP_ECE)
		reduce(t, c);
}

void tcp_ecn_note_reduced(struct tcb *c)
{
	if (c->flags & TCB_F_ECN)
		c->flags = (c->flags | TCB_F_CWR_DUE) & ~(uint32_t)TCB_F_REDUCED;
}

uint8_t tcp_ecn_flags(struct tcb *c, uint8_t flags, bool is_new)
{
	uint8_t add = 0;

	if (!(c->flags & TCB_F_ECN) || (flags & (TCP_SYN | TCP_RST)))
		return 0;
	if (c->flags & TCB_F_ECE)
		add |= TCP_ECE;
	if (is_new && (c->flags & TCB_F_CWR_DUE)) {
		c->flags &= ~(uint32_t)TCB_F_CWR_DUE;
		add |= TCP_CWR;
	}
	return add;
}

/* 6.1.4 to 6.1.6: never of a SYN, a bare ACK, what is sent again, a probe. */
enum net_ecn tcp_ecn_field(const struct tcb *c, bool is_new)
{
	return is_new && (c->flags & TCB_F_ECN) ? NET_ECN_ECT0 : NET_ECN_NOT_ECT;
}
