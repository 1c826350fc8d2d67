/* tcp_cc.h - congestion control: what the window becomes when data is acknowledged or lost.
 *
 * Not     what is lost (tcp_loss.c), whether the window is asked at all (tcp_output.c).
 */
#pragma once

#include <stdint.h>

struct tcb;

enum tcp_cc { TCP_CC_NEWRENO, TCP_N_CCS };

struct tcp_cc_ops {
	const char *name;
	/* Sets the first window; snd_mss is known. */
	void (*open)(struct tcb *c);
	/* `bytes` were acknowledged, outside fast recovery, while the window was the limit. */
	void (*acked)(struct tcb *c, uint32_t bytes, uint64_t now_us);
	/* What ssthresh becomes when a loss is found with `flight` bytes outstanding. Pure. */
	uint32_t (*after_loss)(const struct tcb *c, uint32_t flight);
};

extern const struct tcp_cc_ops *const tcp_ccs[TCP_N_CCS];
