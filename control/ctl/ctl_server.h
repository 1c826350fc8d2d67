/* ctl_server.h - what tests turn on the socket's server, and its bounds.
 *
 * Thread  control thread.
 */
#pragma once

#include <stdint.h>

enum {
	CTL_CLIENTS_MAX = 32,
	CTL_REQUEST_BYTES_MAX = 8192,
	CTL_PATIENCE_MS = 30000, /* for a request to come, or for an answer to be taken */
};

struct ctl;

/* Sets the patience with clients that come from now on. */
void ctl_set_patience(struct ctl *ctl, uint32_t ms);
uint32_t ctl_n_clients(const struct ctl *ctl);
