/* worker.h - one worker: a thread that runs one port, its network, TCP and SMTP to completion.
 *
 * Owner   dp.c, on the control thread, calls everything here.
 * Life    worker_open() after EAL, worker_start(), worker_stop(), worker_close().
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/wake.h"
#include "dataplane/counters.h"
#include "dataplane/dp.h"

struct worker;

struct worker_conf {
	const struct dp_conf *dp;  /* borrowed, as in dp_start() */
	uint32_t index;            /* of the worker and of its port */
	const cpu_set_t *cpus;     /* where to run; copied */
	bool spins;                /* it has its CPU for itself */
	const struct ip_addr *own; /* addresses of all ports and sources; borrowed */
	uint32_t n_own;
	struct wake *control; /* whom to wake for events */
};

/* What its tables and buffers take, by kind. Pure. */
struct worker_size {
	uint64_t eal_bytes;    /* packet buffers, from EAL's memory */
	uint64_t tables_bytes; /* the rest */
};
void worker_size_of(const struct dp_conf *conf, uint32_t index, struct worker_size *size);

/* Takes all memory, sets up port and engines. Returns 0, or -errno with one line in `why`. */
int worker_open(const struct worker_conf *conf, struct worker **out, char why[DP_WHY_BYTES]);

/* Starts port and thread. Returns 0, or -errno with one line in `why`. */
int worker_start(struct worker *w, char why[DP_WHY_BYTES]);

/* Ends the thread; open connections are reset. No-op when it does not run. */
void worker_stop(struct worker *w);

/* Closes the port, frees everything. */
void worker_close(struct worker *w);

/* As in dp.h. False when the ring is full. */
bool worker_try_connect(struct worker *w, const struct dp_dial *dial);
bool worker_try_submit(struct worker *w, const struct dp_job *job);
bool worker_try_quit(struct worker *w, struct dp_handle conn);
void worker_drain(struct worker *w);
uint32_t worker_poll(struct worker *w, struct dp_evt *evts, uint32_t n);
bool worker_has_events(const struct worker *w);

/* A question and its answer, as in dp.h. False while it is not the control thread's turn. */
bool worker_try_ask(struct worker *w, uint32_t from);
bool worker_has_answer(const struct worker *w);
bool worker_try_answer(struct worker *w, struct dp_answer *out);

/* Any thread may read them. */
const struct dp_counters *worker_counters(const struct worker *w);

/* One line about port and offloads, for the log. */
void worker_describe(const struct worker *w, char line[DP_WHY_BYTES]);
