/* tcp_cc.c - NewReno's window (RFC 5681 3.1, RFC 6928). */
#include "dataplane/tcp/tcp_cc.h"

#include "dataplane/tcp/tcb.h"

enum { CWND_MAX = 1 << 30 };

/* RFC 6928 2: ten segments, fewer of large ones. */
static void newreno_open(struct tcb *c)
{
	uint32_t mss = c->snd_mss, most = 2 * mss > 14600 ? 2 * mss : 14600;

	c->cwnd = 10 * mss < most ? 10 * mss : most;
	c->ssthresh = CWND_MAX;
	c->ca_bytes = 0;
}

static void newreno_acked(struct tcb *c, uint32_t bytes, uint64_t now_us)
{
	(void)now_us;
	if (c->cwnd < c->ssthresh) {
		/* RFC 3465 2.2, 2.3: by what was acknowledged, at most two segments an ACK, and
		 * one while recovering from a time-out.
		 */
		uint32_t most = (c->flags & TCB_F_LOSS ? 1u : 2u) * c->snd_mss;

		c->cwnd += bytes < most ? bytes : most;
	} else {
		c->ca_bytes += bytes;
		if (c->ca_bytes >= c->cwnd) { /* RFC 5681 3.1: one segment a round trip */
			c->ca_bytes -= c->cwnd;
			c->cwnd += c->snd_mss;
		}
	}
	if (c->cwnd > CWND_MAX)
		c->cwnd = CWND_MAX;
}

/* RFC 5681 equation 4. */
static uint32_t newreno_after_loss(const struct tcb *c, uint32_t flight)
{
	uint32_t least = 2u * c->snd_mss;

	return flight / 2 > least ? flight / 2 : least;
}

static const struct tcp_cc_ops newreno = {
	.name = "newreno",
	.open = newreno_open,
	.acked = newreno_acked,
	.after_loss = newreno_after_loss,
};

const struct tcp_cc_ops *const tcp_ccs[TCP_N_CCS] = {
	[TCP_CC_NEWRENO] = &newreno,
};
