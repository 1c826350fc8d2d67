/* tcp_cubic.c - CUBIC (RFC 9438), in integers: bytes and milliseconds.
 *
 *	 window                                    W(t) = C * (t - K)^3 + W_max
 *	   W_max . . . . . . . ______.________
 *	                  __---      .
 *	               _--           .             concave up to K, convex after it
 *	   0.7 W_max  /              .
 *	             epoch           K
 */
#include "dataplane/tcp/tcb.h"
#include "dataplane/tcp/tcp_cc.h"

enum {
	BETA = 717,         /* 0.7 in 1024ths (4.6) */
	AWAY_MAX_MS = 50000 /* further from K the cube would overflow, and the window is full */
};

static uint32_t cube_root(uint64_t v)
{
	uint32_t root = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t next = root | 1u << bit;

		if (next * next * next <= v)
			root = (uint32_t)next;
	}
	return root;
}

/* C * |t - K|^3 in bytes, C = 0.4 segments a cubic second (5). */
static uint64_t cube_bytes(const struct tcb *c, int32_t away_ms)
{
	uint64_t ms = (uint64_t)(away_ms < 0 ? -(int64_t)away_ms : away_ms);

	if (ms > AWAY_MAX_MS)
		ms = AWAY_MAX_MS;
	return ms * ms * ms / 1000 * c->snd_mss * 4 / 10000000;
}

static uint32_t window_at(const struct tcb *c, uint32_t t_ms)
{
	int32_t away_ms = (int32_t)(t_ms - c->cubic.k_ms);
	uint64_t off = cube_bytes(c, away_ms);

	if (away_ms < 0)
		return off < c->w_max ? (uint32_t)(c->w_max - off) : 0;
	return off + c->w_max < TCP_CWND_MAX ? (uint32_t)(off + c->w_max) : TCP_CWND_MAX;
}

static void begin_epoch(struct tcb *c, uint32_t now_ms)
{
	c->cubic.epoch_ms = now_ms != 0 ? now_ms : 1;
	c->cubic.w_est = c->cwnd;
	c->cubic.k_ms = 0;
	if (c->w_max > c->cwnd) /* 4.2: K = cbrt((W_max - cwnd) / C) */
		c->cubic.k_ms =
		    cube_root((uint64_t)(c->w_max - c->cwnd) * 2500000000u / c->snd_mss);
	else
		c->w_max = c->cwnd;
}

/* 4.3: what NewReno with our decrease would have by now. */
static void grow_estimate(struct tcb *c, uint32_t bytes)
{
	uint64_t by = (uint64_t)bytes * c->snd_mss / c->cwnd;

	if (c->cubic.w_est < c->w_max)
		by = by * 542 / 1024; /* 3 * (1 - 0.7) / (1 + 0.7) */
	c->cubic.w_est += (uint32_t)by;
}

static void cubic_acked(struct tcb *c, uint32_t bytes, uint32_t now_ms)
{
	uint32_t t_ms, target;

	if (c->cwnd < c->ssthresh) {
		tcp_cc_slow_start(c, bytes);
		return;
	}
	if (c->cubic.epoch_ms == 0)
		begin_epoch(c, now_ms);
	t_ms = now_ms - c->cubic.epoch_ms;
	grow_estimate(c, bytes);
	if (window_at(c, t_ms) < c->cubic.w_est) { /* 4.3: the friendly region */
		if (c->cwnd < c->cubic.w_est)
			c->cwnd = c->cubic.w_est;
		return;
	}
	target = window_at(c, t_ms + c->rto.srtt_us / 1000); /* 4.4, 4.5 */
	if (target > c->cwnd + c->cwnd / 2)
		target = c->cwnd + c->cwnd / 2;
	if (target > c->cwnd) {
		/* What is less than a byte is kept for the next ACK. */
		uint64_t grown = (uint64_t)(target - c->cwnd) * bytes + c->ca_bytes;

		c->ca_bytes = (uint32_t)(grown % c->cwnd);
		c->cwnd += (uint32_t)(grown / c->cwnd);
	}
}

/* 4.6, 4.7: fast convergence leaves room to others when we lost before we came as far as last time.
 */
static uint32_t cubic_lost(struct tcb *c, uint32_t flight)
{
	uint32_t least = 2u * c->snd_mss, to;

	c->w_max =
	    c->cwnd < c->w_max ? (uint32_t)((uint64_t)c->cwnd * (1024 + BETA) / 2048) : c->cwnd;
	to = (uint32_t)((uint64_t)(flight < c->cwnd ? flight : c->cwnd) * BETA / 1024);
	return to > least ? to : least;
}

const struct tcp_cc_ops tcp_cc_cubic = {
	.name = "cubic",
	.acked = cubic_acked,
	.lost = cubic_lost,
};
