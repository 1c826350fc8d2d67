/* dp_bench.h - measures the TCP layer inside the worker's real loop; a tool, no part of sending.
 *
 * A worker runs on a net_ring port with a layer above TCP that does next to nothing, and the
 * calling thread plays the other end: frames, not a TCP stack. Nothing leaves the process.
 *
 * Thread  any one; once a process, for EAL cannot be started twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

enum {
	DP_BENCH_VALUES_MAX = 16,
	DP_BENCH_CONNS_MAX = 1 << 22,
	DP_BENCH_SECONDS_MAX = 600,
};

struct dp_bench_conf {
	const char *row;       /* see dp_bench_row() */
	uint32_t conns;        /* connections in play; 0: what the row is defined with */
	uint32_t seconds;      /* how long it is measured, setting up apart */
	const char *state_dir; /* of its own; as in dp_conf */
	dp_log_fn *log;
};

struct dp_bench_value {
	const char *metric, *unit;
	double value;
};

struct dp_bench_result {
	struct dp_bench_value values[DP_BENCH_VALUES_MAX];
	uint32_t n;
	bool hugepages; /* of the packet buffers */
};

/* The name and one line about each row; NULL beyond the last. Pure. */
const char *dp_bench_row(uint32_t row);
const char *dp_bench_help(uint32_t row);

/* Runs one row. Returns 0, or -errno with one line in `why`. */
int dp_bench(const struct dp_bench_conf *conf, struct dp_bench_result *out, char why[DP_WHY_BYTES]);

/* Measures SMTP through the door: a worker as `posthaste run` has it, sessions to a sink that runs
 * in another process, and the calling thread in the place of control.
 */
struct dp_bench_smtp_conf {
	const char *row;       /* see dp_bench_smtp_row() */
	const char *device;    /* as in dp_port_conf */
	struct ip_prefix addr; /* ours */
	struct ip_addr to;     /* the sink's first address; `hosts` in a row, on port 25 */
	uint32_t hosts;
	uint32_t conns, window; /* 0: what the row is defined with */
	uint32_t seconds;       /* how long it is measured, setting up apart */
	const char *ca_file;    /* who vouches for the sink's certificate; NULL: nobody */
	const char *host;       /* its name */
	struct gate *gate;      /* that every message passes, with one lane; NULL: none */
	const char *state_dir;  /* of its own */
	dp_log_fn *log;
};

/* The name and one line about each row; NULL beyond the last. Pure. */
const char *dp_bench_smtp_row(uint32_t row);
const char *dp_bench_smtp_help(uint32_t row);

/* Runs one row. Returns 0, or -errno with one line in `why`. */
int dp_bench_smtp(const struct dp_bench_smtp_conf *conf, struct dp_bench_result *out,
                  char why[DP_WHY_BYTES]);
