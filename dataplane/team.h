/* team.h - a port and the workers that serve it, one for each of its queues.
 *
 * What they have in common: the device, who owns which connection (base/landing.h), the neighbours
 * (struct net_share) and the rings by which they hand frames over (handoff.h).
 *
 * Owner   dp.c, on the control thread, calls everything here.
 * Life    team_open() after EAL, team_start(), team_stop(), team_close().
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dataplane/port_io.h"
#include "dataplane/worker.h"

struct team;
struct worker_above;

struct team_conf {
	const struct dp_conf *dp;  /* borrowed, as in dp_start() */
	uint32_t port;             /* index in dp->ports */
	uint32_t first_worker;     /* index of its first worker among all */
	const cpu_set_t *cpus;     /* where each of its workers runs */
	const bool *spins;         /* for each: it has its CPU for itself */
	const struct ip_addr *own; /* addresses of all ports and sources; borrowed */
	uint32_t n_own;
	const struct tcp_trace_entry *stale; /* connections that dead engines left; borrowed */
	uint32_t n_stale;
	struct wake *control;             /* whom to wake for events */
	const struct port_io *io;         /* NULL: the device is DPDK's, found by its name */
	void *dev;                        /* for `io` */
	const struct worker_above *above; /* in the place of SMTP, see dp_hook.h; NULL: SMTP */
};

/* Workers of a port. */
uint32_t team_size(const struct dp_conf *conf, uint32_t port);

/* What all of its tables and buffers take. Pure. */
void team_memory(const struct dp_conf *conf, uint32_t port, struct worker_size *sum);

/* Takes all memory, sets up the port and its workers. Returns 0, or -errno with one line in `why`.
 */
int team_open(const struct team_conf *conf, struct team **out, char why[DP_WHY_BYTES]);

/* Lets frames pass and looks at how the device spreads them; the workers are ready for
 * worker_turn(). Returns 0, or -errno with one line in `why`.
 */
int team_start_port(struct team *t, char why[DP_WHY_BYTES]);

/* team_start_port() and the workers' threads. */
int team_start(struct team *t, char why[DP_WHY_BYTES]);

/* Ends the threads; open connections are reset. No-op when they do not run. */
void team_stop(struct team *t);

/* Closes the port, frees everything. */
void team_close(struct team *t);

/* Its worker at queue `queue`, below team_size(). */
struct worker *team_worker(const struct team *t, uint32_t queue);

/* The port as it is now; first_worker is left to the caller. Any thread. */
void team_view(const struct team *t, struct dp_port_view *view);

/* One line about the port, its offloads and how replies find their worker. */
void team_describe(const struct team *t, char line[DP_WHY_BYTES]);
