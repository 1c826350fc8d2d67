/* dp_sink.h - runs the sink, over kernel sockets or on our own stack; a test tool, no part of
 * sending.
 *
 * Thread  open, run and close on one; dp_sink_stop() and the counts from any, stop from a signal
 *         handler too. On our own stack the keeper is called on the worker's thread.
 * Life    on our own stack once a process, for EAL cannot be started twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dataplane/smtp/sink.h"

struct dp_sink;

enum {
	DP_SINK_LISTENS_MAX = 128,
	DP_SINK_HOSTS_MAX = 4096,
};

struct dp_sink_conf {
	struct sink_conf sink; /* `below` is set here */

	const char *cert_file, *key_file; /* PEM; NULL: made at the start */
	const char *authority_file;       /* where to write who vouches for it; NULL: nowhere */
	uint16_t tls_min, tls_max;        /* as on the wire; 0: 0x0303 and 0x0304 */
	bool no_tickets;
	bool is_implicit; /* TLS from the first octet */

	/* Over kernel sockets. */
	struct {
		struct ip_addr addr;
		uint16_t port; /* 0: any that is free */
	} listens[DP_SINK_LISTENS_MAX];
	uint32_t n_listens; /* 0: on our own stack */

	/* On our own stack: one port, and that many of its network's addresses from its own on. */
	struct dp_port_conf port;
	uint32_t hosts;
	uint16_t tcp_port;
	uint32_t buffers; /* 0: computed from conns_max */
	const char *state_dir;
	dp_log_fn *log;
};

/* Listens. Returns 0, or -errno with one line in `why`. */
int dp_sink_open(const struct dp_sink_conf *conf, struct dp_sink **out, char why[DP_WHY_BYTES]);

/* Port of the i-th of conf->listens. */
uint16_t dp_sink_port(const struct dp_sink *d, uint32_t listen);

/* Serves until dp_sink_stop(). Returns 0 or -errno. */
int dp_sink_run(struct dp_sink *d);
void dp_sink_stop(struct dp_sink *d);

void dp_sink_close(struct dp_sink *d);

const struct sink_counts *dp_sink_counts(const struct dp_sink *d);

/* What the worker counts on our own stack, by the number of a counter (see dp_counter_name()); 0
 * over kernel sockets.
 */
uint64_t dp_sink_stack_count(const struct dp_sink *d, uint32_t counter);
