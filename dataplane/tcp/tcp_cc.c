/* tcp_cc.c - the window's beginning, slow start, and NewReno (RFC 5681 3.1, RFC 6928). */
#include "dataplane/tcp/tcp_cc.h"

#include "dataplane/tcp/tcb.h"

/* Ten segments at most, fewer of large ones. */
uint32_t tcp_cc_initial(const struct tcb *c, unsigned segs)
{
	uint32_t mss = c->snd_mss, most = 2 * mss > 14600 ? 2 * mss : 14600;

	if (segs == 0 || segs > 10)
		segs = 10;
	return segs * mss < most ? segs * mss : most;
}

void tcp_cc_open(struct tcb *c, unsigned segs)
{
	c->cwnd = tcp_cc_initial(c, segs);
	c->ssthresh = TCP_CWND_MAX;
	c->ca_bytes = 0;
	c->w_max = 0;
}

/* RFC 3465 2.2, 2.3: by what was acknowledged, at most two segments an ACK, and one while
 * recovering from a time-out.
 */
void tcp_cc_slow_start(struct tcb *c, uint32_t bytes)
{
	uint32_t most = (c->flags & TCB_F_LOSS ? 1u : 2u) * c->snd_mss;

	c->cwnd += bytes < most ? bytes : most;
}

static void newreno_acked(struct tcb *c, uint32_t bytes, uint32_t now_ms)
{
	(void)now_ms;
	if (c->cwnd < c->ssthresh) {
		tcp_cc_slow_start(c, bytes);
	} else {
		c->ca_bytes += bytes;
		if (c->ca_bytes >= c->cwnd) { /* RFC 5681 3.1: one segment a round trip */
			c->ca_bytes -= c->cwnd;
			c->cwnd += c->snd_mss;
		}
	}
}

/* RFC 5681 equation 4. */
static uint32_t newreno_lost(struct tcb *c, uint32_t flight)
{
	uint32_t least = 2u * c->snd_mss;

	return flight / 2 > least ? flight / 2 : least;
}

static const struct tcp_cc_ops newreno = {
	.name = "newreno",
	.acked = newreno_acked,
	.lost = newreno_lost,
};

const struct tcp_cc_ops *const tcp_ccs[TCP_N_CCS] = {
	[TCP_CC_CUBIC] = &tcp_cc_cubic,
	[TCP_CC_NEWRENO] = &newreno,
};
