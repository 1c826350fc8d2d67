/* tcp_icmp.c - errors from routers and peers: believed only about what is outstanding, and hard
 * only before the handshake is done (RFC 9293 3.9.2.2, RFC 5927 4 and 6).
 */
#include <errno.h>
#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_engine.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_seq.h"

enum {
	MTU_MIN_V4 = 552,    /* RFC 791 obliges to 68 only, which an attacker would ask for */
	MTU_MIN_V6 = 1280,   /* RFC 8200 5 */
	MTU_GUESS_V4 = 1064, /* MSS 1,024 */
	MTU_LEAST_V4 = 576,  /* MSS 536, what every host takes (RFC 1122 3.3.3) */
};

/* What a router that names no MTU may have meant (RFC 1191 7). */
static uint16_t plateau_below(uint16_t mtu)
{
	static const uint16_t plateaus[] = { 8166, 4352, 2002, 1492, 1280, 1006 };

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < mtu)
			return plateaus[i];
	return MTU_MIN_V4;
}

static uint16_t clamp_mtu(const struct tcb *c, uint32_t told)
{
	uint32_t least = ip_is_v4(&c->path.remote) ? MTU_MIN_V4 : MTU_MIN_V6;
	uint32_t mtu = told != 0 ? told : plateau_below(c->path.mtu_bytes);

	if (mtu < least)
		mtu = least;
	return (uint16_t)(mtu < c->path.mtu_bytes ? mtu : c->path.mtu_bytes);
}

/* The path takes less than we thought: what was too large never arrived. It is sent again at once,
 * in smaller pieces, and is no sign of congestion (RFC 1191 6.5).
 */
static void lower_mtu(struct tcp *t, struct tcb *c, uint32_t told)
{
	uint16_t mtu = clamp_mtu(c, told);

	if (mtu >= c->path.mtu_bytes)
		return;
	c->path.mtu_bytes = mtu;
	tcp_set_mss(t, c);
	net_learn_path_mtu(t->conf.net, t->now_us, &c->path.remote, mtu);
	if (!tcb_is_synchronized(c))
		return;
	for (struct rte_mbuf *m = c->tx_head; m != c->tx_next; m = seg_of(m)->next) {
		if (seg_of(m)->bytes > c->snd_mss && !(seg_of(m)->flags & TCP_SEG_SACKED)) {
			tcp_mark_lost(c, m);
			c->flags |= TCB_F_RTX_ONCE;
		}
	}
	tcp_send(t, c);
}

/* Large segments vanish and no router says so (RFC 2923 2.1, after RFC 4821 7): after two time-outs
 * of one that a smaller MTU would cut, the smaller is tried, after two more the least. It is
 * remembered when it helped (tcp_ack.c).
 */
void tcp_guess_black_hole(struct tcp *t, struct tcb *c)
{
	bool v4 = ip_is_v4(&c->path.remote);
	uint32_t packet_bytes = (v4 ? 40 : 60) + (c->flags & TCB_F_TS ? TCP_TS_BYTES : 0);
	uint16_t mtu;

	if (c->backoff < 2 || c->tx_head == c->tx_next)
		return;
	packet_bytes += seg_of(c->tx_head)->bytes;
	if (!v4)
		mtu = MTU_MIN_V6;
	else
		mtu = packet_bytes > MTU_GUESS_V4 ? MTU_GUESS_V4 : MTU_LEAST_V4;
	if (packet_bytes <= mtu || mtu >= c->path.mtu_bytes)
		return;
	count(&t->conf.counters->tcp_black_holes);
	c->path.mtu_bytes = mtu;
	c->flags |= TCB_F_CLAMPED;
	c->backoff = 0; /* another question than those that were not answered */
	tcp_set_mss(t, c);
}

static int error_of(const struct net_icmp *icmp)
{
	return icmp->kind == NET_ICMP_PORT ? -ECONNREFUSED : -EHOSTUNREACH;
}

bool tcp_icmp(struct tcp *t, uint64_t now_us, const struct net_icmp *icmp)
{
	struct tcp_tuple tuple = { .local = icmp->local,
		                   .remote = icmp->remote,
		                   .lport = icmp->local_port,
		                   .rport = icmp->remote_port };
	struct tcb *c;

	tcp_set_now(t, now_us);
	c = tcp_find(t, &tuple);
	if (c == NULL)
		return false;
	/* RFC 5927 4.1: it must quote something that is on its way. */
	if (seq_lt(icmp->seq, c->snd_una) || seq_geq(icmp->seq, c->snd_nxt))
		return true;
	switch (icmp->kind) {
	case NET_ICMP_TOO_BIG:
		lower_mtu(t, c, icmp->mtu_bytes);
		break;
	case NET_ICMP_TIME_EXCEEDED:
		break; /* soft in every state (RFC 1122 4.2.3.9) */
	case NET_ICMP_UNREACHABLE:
	case NET_ICMP_PROHIBITED:
	case NET_ICMP_PORT:
		if (c->state == TCP_STATE_SYN_SENT)
			tcp_drop(t, c, error_of(icmp));
		break; /* later it is soft: the path may heal, and anyone may have sent this */
	}
	return true;
}
