/* sink_carrier.h - what carries the sink's bytes, as dp_sink.c sees it: one of two. */
#pragma once

#include "dataplane/dp_sink.h"
#include "dataplane/sink_conn.h"

struct dp_sink {
	const struct dp_sink_conf *conf;
	struct sink_host host;
	const struct sink_carrier *carrier;
	int stop_fd; /* readable once it is to stop */
	void *own;   /* the carrier's */
};

struct sink_carrier {
	const struct sink_wire *wire;
	/* Returns 0, or -errno with one line in `why`; nothing is left then. */
	int (*open)(struct dp_sink *d, char why[DP_WHY_BYTES]);
	uint16_t (*port)(const struct dp_sink *d, uint32_t listen);
	int (*run)(struct dp_sink *d);
	/* Ends every connection. */
	void (*close)(struct dp_sink *d);
	/* NULL: it has no stack of its own. */
	uint64_t (*stack_count)(const struct dp_sink *d, uint32_t counter);
};

extern const struct sink_carrier sink_kernel, sink_port;
