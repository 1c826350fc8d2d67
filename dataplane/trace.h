/* trace.h - the record of open connections that outlives a crash: <state_dir>/open.<worker>.
 *
 * A mapped file: conns_max entries that the TCP engine writes as connections come and go, then a
 * dead predecessor's until its peers were asked to let go. While an engine starts, open.old holds
 * all that predecessors left, so that a crash at any moment forgets nobody, and the next engine may
 * have other workers than the last.
 *
 * Owner   the worker; trace_gather() and trace_settle(): whoever starts them all.
 * Thread  opened by the starting thread, used by the worker.
 */
#pragma once

#include <stdint.h>

#include "dataplane/tcp/tcp.h"

enum {
	TRACE_PATH_BYTES = 4096,
	TRACE_STALE_MAX = 1 << 22, /* connections of dead engines; what is beyond is forgotten */
};

struct trace {
	struct tcp_trace_entry *live;  /* entries_max; for tcp_conf.trace */
	struct tcp_trace_entry *stale; /* the first n_stale are the predecessor's */
	uint32_t entries_max, stale_max, n_stale;
};

/* Collects what earlier engines left in `state_dir`, each connection once, and keeps it in open.old
 * until trace_settle(). The caller frees *out. Returns 0 or -errno.
 */
int trace_gather(const char *state_dir, struct tcp_trace_entry **out, uint32_t *n);

/* Makes the file anew, with nothing live and `n_stale` entries of predecessors, which are copied.
 * Returns 0 or -errno.
 */
int trace_open(struct trace *t, const char *state_dir, uint32_t worker, uint32_t entries_max,
               const struct tcp_trace_entry *stale, uint32_t n_stale);

/* What was gathered has its place in the files of `n_workers` workers: the rest is removed. */
void trace_settle(const char *state_dir, uint32_t n_workers);

/* The predecessor's peers have been asked: forget them. */
void trace_forget_stale(struct trace *t);

/* Unmaps. What is still in use stays in the file for the next engine. */
void trace_close(struct trace *t);
