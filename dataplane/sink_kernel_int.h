/* sink_kernel_int.h - a connection over a kernel socket, and the loop that serves it; for the files
 * sink_kernel*.c only.
 */
#pragma once

#include "dataplane/sink_carrier.h"

enum {
	SINK_KERNEL_READ_BYTES = 65536,
	SINK_KERNEL_STAGE_BYTES = 65536,
	SINK_KERNEL_SLOW_TICK_US = 50000,
};

struct loop;

struct conn {
	struct sink_conn sink;
	struct loop *loop;
	int fd;          /* -1: the slot is free */
	uint32_t events; /* what epoll was asked for */
	uint8_t *out;    /* what the kernel did not take yet */
	uint32_t n_out, room_out;
	uint32_t slow;           /* octets a second; UINT32_MAX: all */
	uint64_t closing_us;     /* our FIN is out: until then the client may answer it; 0: open */
	struct conn *next;       /* of those that are free, */
	struct conn *next_ended; /* of those whose session has ended, */
	struct conn *listed_prev, *listed_next; /* and of those that are slow or closing */
	bool is_listed, in_ended;
};

struct loop {
	struct dp_sink *d;
	int epoll;
	int listens[DP_SINK_LISTENS_MAX];
	uint32_t n_listens;
	struct conn *conns, *free, *listed, *ended;
	uint64_t now_us;
	struct conn *staged; /* whose octets stand in `stage` */
	uint32_t n_stage;
	uint8_t stage[SINK_KERNEL_STAGE_BYTES], in[SINK_KERNEL_READ_BYTES];
};

extern const struct sink_wire sink_kernel_wire;

/* Ends it; its slot is free then. */
void sink_kernel_drop(struct conn *c, bool reset);

/* What epoll saw. */
void sink_kernel_ready(struct conn *c, uint32_t events);

/* Behind every call that may have ended sessions: does what they wish. */
void sink_kernel_end_those(struct loop *l);

/* Slow ones read their share; who does not answer our FIN is left. */
void sink_kernel_look_at_listed(struct loop *l);
