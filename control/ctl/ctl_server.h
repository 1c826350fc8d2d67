/* ctl_server.h - the server's parts and bounds, and what tests turn on it.
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

/* Gives the socket `fd` its place in the file system, mode 0600. Returns 0, or -errno with one line
 * and nothing changed.
 */
int ctl_bind(int fd, const char *path, char why[256]);

/* Sets the patience with clients that come from now on. */
void ctl_set_patience(struct ctl *ctl, uint32_t ms);
uint32_t ctl_n_clients(const struct ctl *ctl);
