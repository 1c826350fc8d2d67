/* dp_hook.h - what a measurement or the sink puts in the place of SMTP and of the device, inside
 * this room.
 *
 * Not     for sending: `posthaste run` has no hook.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dataplane/tcp/tcp.h"

/* The layer above TCP. Neither TLS nor SMTP is opened then; the worker takes no orders. */
struct worker_above {
	const struct tcp_ops *ops;
	/* Once, when the engine is there. */
	void (*opened)(void *ctx, struct tcp *tcp);
	/* Each turn, where orders are obeyed; true when it did anything. Worker's thread. */
	bool (*turn)(void *ctx, uint64_t now_us);
	/* Runs what is due of its own, a bounded number. Returns when the next is, a lower bound;
	 * UINT64_MAX: nothing is. NULL: it has no timers.
	 */
	uint64_t (*tick)(void *ctx, uint64_t now_us, uint32_t budget);
	/* As in tcp_conf: who listens, for the sink only. */
	uint16_t listen_port;
	void *(*accept)(void *ctx, tcp_id id);
	void *ctx;
	/* The device's other end reads frames and lets them go: it gets them, not copies. */
	bool reader_is_tame;
};

struct dp_hook {
	const struct worker_above *above;
	uint64_t eal_bytes; /* more of EAL's memory, for devices() */
	/* After EAL's start, before the ports are opened. 0, or -errno with one line in `why`. */
	int (*devices)(void *ctx, char why[DP_WHY_BYTES]);
	void *ctx;
};

/* dp_start() with a hook; NULL: none. */
int dp_start_hooked(const struct dp_conf *conf, const struct dp_hook *hook, struct dp **out,
                    char why[DP_WHY_BYTES]);
