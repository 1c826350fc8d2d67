/* tcp_cc.h - congestion control: what the window becomes when data is acknowledged or lost.
 *
 * Not     what is lost (tcp_loss.c), whether the window is asked at all (tcp_output.c).
 */
#pragma once

#include <stdint.h>

#include "dataplane/tcp/tcp.h"

struct tcb;

enum { TCP_CWND_MAX = 1 << 30 };

struct tcp_cc_ops {
	const char *name;
	/* `bytes` were acknowledged, outside fast recovery, while the window was the limit. */
	void (*acked)(struct tcb *c, uint32_t bytes, uint32_t now_ms);
	/* A loss was found with `flight` bytes outstanding: returns what ssthresh becomes. */
	uint32_t (*lost)(struct tcb *c, uint32_t flight);
};

extern const struct tcp_cc_ops *const tcp_ccs[TCP_N_CCS];
extern const struct tcp_cc_ops tcp_cc_cubic;

/* The window to begin with, of any algorithm: `segs` segments, 0 for ten; snd_mss is known (RFC
 * 6928 2).
 */
uint32_t tcp_cc_initial(const struct tcb *c, unsigned segs);
void tcp_cc_open(struct tcb *c, unsigned segs);

/* Slow start, of any algorithm (RFC 5681 3.1, RFC 3465). */
void tcp_cc_slow_start(struct tcb *c, uint32_t bytes);
