/* site.h - the key of an MX set: domains with the same hosts share limits under it. */
#pragma once

#include "control/mx/mx.h"

enum {
	SITE_BYTES_MAX = 200, /* a longer list of hosts is cut and ends in its hash */
	SITE_NAMES_MAX = MX_HOSTS_MAX,
};

/* Writes the names sorted, each once, joined by commas. `names` is reordered. */
void site_key(const char **names, uint32_t n, char out[MX_NAME_BYTES]);
