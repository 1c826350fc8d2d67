/* bench_load.h - a load over the door, in the place of control: sessions that are kept busy with
 * messages, or that come and go.
 *
 * Owner, Thread  the measuring thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

enum bench_load_kind {
	BENCH_LOAD_STREAM,   /* each session is kept and has as many messages as it takes */
	BENCH_LOAD_SESSIONS, /* connect, one message, QUIT, and again */
	BENCH_LOAD_OPEN,     /* open, and nothing more */
};

struct bench_load_conf {
	enum bench_load_kind kind;
	uint32_t conns;     /* sessions at once */
	uint32_t dials_max; /* of which so many may be on their way; 0: any number */
	uint32_t window;
	uint32_t message_bytes;
	uint8_t tls; /* enum dp_tls_policy */
	const char *host;
	struct ip_addr to;
	uint32_t hosts;
};

struct bench_load_conn;

struct bench_load {
	struct dp *dp;
	struct bench_load_conf conf;
	struct bench_load_conn *conns;
	uint8_t *bytes; /* of every message that may be in flight */
	uint32_t jobs_each;
	bool is_held;               /* nothing is submitted yet */
	uint32_t n_dialled, n_open; /* connections now, those on their way included, and without */
	uint32_t next_dial;
	uint64_t n_done;     /* recipients delivered */
	uint64_t n_sessions; /* sessions that ended behind a message */
	uint64_t n_failed;   /* anything else that was told */
	uint64_t n_submitted;
	char failure[DP_WHY_BYTES]; /* what the first of them was */
	uint32_t *retry, *again;    /* connections for which the command ring was full */
	uint32_t n_retry;
};

/* Bytes of memory that it takes. Pure. */
uint64_t bench_load_bytes(const struct bench_load_conf *conf);

/* Returns 0 or -ENOMEM. */
int bench_load_open(struct bench_load *l, struct dp *dp, const struct bench_load_conf *conf);
void bench_load_close(struct bench_load *l);

/* Messages may leave, where sessions are kept: once all are open, lest one waits for the others. */
void bench_load_let_go(struct bench_load *l);

/* Dials, submits and takes events until `until_us` of CLOCK_MONOTONIC or, where a number is given,
 * until so many sessions are open; at the first failure in any case.
 */
void bench_load_run(struct bench_load *l, uint64_t until_us, uint32_t until_open);

uint64_t bench_load_now_us(void);
