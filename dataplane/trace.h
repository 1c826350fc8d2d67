/* trace.h - the record of open connections that outlives a crash: <state_dir>/open.<worker>.
 *
 * A mapped file of two halves of conns_max entries: the first is written by the TCP engine as
 * connections come and go, the second keeps a dead predecessor's until its peers were asked to
 * let go, so that a second crash in that time forgets nobody.
 *
 * Owner   the worker.
 * Thread  opened by the starting thread, used by the worker.
 */
#pragma once

#include <stdint.h>

#include "dataplane/tcp/tcp.h"

struct trace {
	struct tcp_trace_entry *live;  /* entries_max; for tcp_conf.trace */
	struct tcp_trace_entry *stale; /* entries_max; the first n_stale are the predecessor's */
	uint32_t entries_max, n_stale;
};

/* Maps the file, made anew when its size is not that of `entries_max`. What is in use in it, at
 * most `entries_max`, becomes `stale`; `live` is empty. Returns 0 or -errno.
 */
int trace_open(struct trace *t, const char *state_dir, uint32_t worker, uint32_t entries_max);

/* The predecessor's peers have been asked: forget them. */
void trace_forget_stale(struct trace *t);

/* Unmaps. What is still in use stays in the file for the next engine. */
void trace_close(struct trace *t);
