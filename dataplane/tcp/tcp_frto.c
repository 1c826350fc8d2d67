/* tcp_frto.c - was the time-out needed? For peers without timestamps (F-RTO, RFC 5682 2.1).
 *
 *	time-out, first segment again -->  ASK  --ACK of part-->  two new segments,  NEW
 *	                                    |                                          |
 *	      duplicate, or all of it ------'            duplicate: it was needed -----+
 *	      the usual recovery                         progress: what was thought lost arrived,
 *	                                                 for nothing else was sent: all is undone
 */
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seq.h"

void tcp_frto_start(struct tcb *c)
{
	c->flags &= ~(uint32_t)(TCB_F_FRTO_ASK | TCB_F_FRTO_NEW);
	/* With timestamps the echo tells. In a recovery, or in one after a time-out, there is more
	 * than one reason (step 1).
	 */
	if (!(c->flags & (TCB_F_TS | TCB_F_RECOVERY | TCB_F_LOSS)))
		c->flags |= TCB_F_FRTO_ASK;
}

void tcp_frto_take(struct tcp *t, struct tcb *c, bool progress, bool duplicate)
{
	bool asked = (c->flags & TCB_F_FRTO_ASK) != 0;

	if (!(c->flags & (TCB_F_FRTO_ASK | TCB_F_FRTO_NEW)) || (!progress && !duplicate))
		return;
	c->flags &= ~(uint32_t)(TCB_F_FRTO_ASK | TCB_F_FRTO_NEW);
	if (!(c->flags & TCB_F_LOSS)) /* all is acknowledged, or undone by other means */
		return;
	if (asked && progress) {
		c->flags |= TCB_F_FRTO_NEW; /* step 2b: tcp_send() sees to it */
	} else if (!asked && progress && (c->flags & TCB_F_UNDO)) {
		tcp_undo(t, c); /* step 3b */
	} else if (!asked) {
		c->cwnd = RTE_MIN(c->cwnd, 3u * c->snd_mss); /* step 3a */
	}
}

/* Step 2b again: without new data there is nothing to learn from. */
bool tcp_frto_is_futile(struct tcb *c)
{
	if (!(c->flags & TCB_F_FRTO_NEW) || seq_gt(c->snd_nxt, c->recover))
		return false;
	c->flags &= ~(uint32_t)TCB_F_FRTO_NEW;
	return true;
}
