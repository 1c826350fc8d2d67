/* sink_options.h - the options of `posthaste sink`. */
#pragma once

#include <stdbool.h>

#include "control/sink_keep.h"
#include "dataplane/dp_sink.h"

/* Everything they say. */
struct sink_options {
	struct dp_sink_conf conf;
	struct sink_keep_conf keep;
	struct sink_script *script; /* conf.sink.script; owned */
	bool is_kernel;
};

/* Reads them over the defaults. Returns 0, or EXIT_USAGE when it has said why not. */
int sink_options_read(int argc, char **argv, struct sink_options *out);
void sink_options_free(struct sink_options *o);
