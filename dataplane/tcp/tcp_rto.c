/* tcp_rto.c - the retransmission timer's length. */
#include "dataplane/tcp/tcp_rto.h"

void tcp_rto_init(struct tcp_rto *r)
{
	*r = (struct tcp_rto){ .rto_us = TCP_RTO_FIRST_US };
}

static uint32_t clamp(uint64_t us)
{
	if (us < TCP_RTO_MIN_US)
		return TCP_RTO_MIN_US;
	return us > TCP_RTO_MAX_US ? TCP_RTO_MAX_US : (uint32_t)us;
}

void tcp_rto_sample(struct tcp_rto *r, uint32_t rtt_us)
{
	if (rtt_us == 0)
		rtt_us = 1; /* 0 means "no sample" */
	if (rtt_us > TCP_RTO_MAX_US)
		rtt_us = TCP_RTO_MAX_US;
	if (r->srtt_us == 0) { /* 2.2 */
		r->srtt_us = rtt_us;
		r->rttvar_us = rtt_us / 2;
	} else { /* 2.3: beta is 1/4, alpha is 1/8 */
		uint32_t off = r->srtt_us > rtt_us ? r->srtt_us - rtt_us : rtt_us - r->srtt_us;

		r->rttvar_us = r->rttvar_us - r->rttvar_us / 4 + off / 4;
		r->srtt_us = r->srtt_us - r->srtt_us / 8 + rtt_us / 8;
		if (r->srtt_us == 0)
			r->srtt_us = 1;
	}
	r->rto_us = clamp((uint64_t)r->srtt_us + 4 * (uint64_t)r->rttvar_us);
}

uint32_t tcp_rto_after(const struct tcp_rto *r, unsigned backoff)
{
	return clamp((uint64_t)r->rto_us << (backoff > 16 ? 16 : backoff));
}
