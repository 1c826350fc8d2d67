/* tcp_rto.h - the retransmission timer's length: a pure function of round trips (RFC 6298). */
#pragma once

#include <stdint.h>

enum {
	TCP_RTO_MIN_US = 200000,       /* 2.4 wants 1 s; 200 ms is what peers use and mail bears */
	TCP_RTO_MAX_US = 60000000,     /* 2.5 */
	TCP_RTO_FIRST_US = 1000000,    /* 2.1 */
	TCP_RTO_SYN_LOST_US = 3000000, /* 5.7: when the SYN itself timed out */
};

struct tcp_rto {
	uint32_t srtt_us, rttvar_us; /* srtt 0: no sample yet */
	uint32_t rto_us;
};

void tcp_rto_init(struct tcp_rto *r);

/* Takes one measured round trip. Karn's rule is the caller's: never of a segment sent twice. */
void tcp_rto_sample(struct tcp_rto *r, uint32_t rtt_us);

/* The time-out after `backoff` expiries in a row (5.5), within the bounds. Pure. */
uint32_t tcp_rto_after(const struct tcp_rto *r, unsigned backoff);
