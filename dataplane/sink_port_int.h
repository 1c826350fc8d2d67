/* sink_port_int.h - a connection of the sink on our own stack, and what it shares with others; for
 * the files sink_port*.c only.
 */
#pragma once

#include "dataplane/base/pool.h"
#include "dataplane/dp_hook.h"
#include "dataplane/sink_carrier.h"
#include "dataplane/tcp/tcp.h"

enum { SINK_PORT_WINDOW_BYTES = 1 << 17 }; /* what a connection is offered */

struct conn {
	struct sink_conn sink;
	struct sink_stack *st;
	tcp_id id;
	uint32_t slot;
	bool is_begun, in_ended, in_stalled, in_unflushed;
	bool in_slow, fin_waits; /* the client's FIN stands behind what is in `in` */
	struct conn *next_ended, *next_stalled, *next_unflushed, *next_slow;
	uint8_t *out; /* what found no buffers yet; NULL: nothing */
	uint32_t n_out;
	uint32_t slow; /* octets a second; UINT32_MAX: all */
	uint32_t n_in;
	uint8_t *in; /* what came and was not read yet; NULL: it was never slow */
};

struct sink_stack {
	struct dp_sink *d;
	struct dp *dp;
	struct tcp *tcp; /* the worker's */
	struct pool conns;
	struct conn *ended;     /* whose sessions have ended, and whose connections are to */
	struct conn *stalled;   /* who have octets that found no buffers */
	struct conn *unflushed; /* who have said something in this turn */
	struct conn *slow;      /* who read their share now and then */
	uint64_t slow_due_us;   /* when they do next; of meaning while there are any */
	struct worker_above above;
	struct dp_hook hook;
	struct dp_conf conf;
	struct dp_port_conf port;
	struct dp_source_conf *sources;
	uint64_t now_us;
	uint8_t secret[32];
};

extern const struct sink_wire sink_port_wire;
extern const struct tcp_ops sink_port_ops;

/* As tcp_conf.accept. */
void *sink_port_accept(void *ctx, tcp_id id);

/* Behind everything that may have ended sessions, and inside of no call of TCP's: what was said
 * leaves, and who is to end does. True when any did.
 */
bool sink_port_end_those(struct sink_stack *st);

/* Tries again what found no buffers. */
void sink_port_resume(struct sink_stack *st);

/* Slow ones read their share, if it is time. */
void sink_port_read_slowly(struct sink_stack *st, uint64_t now_us);

/* When something is to be done for a connection; UINT64_MAX: nothing waits. */
uint64_t sink_port_due_us(const struct sink_stack *st, uint64_t now_us);
