/* worker.h - one worker: a thread that runs one queue of a port, network, TCP and SMTP to
 * completion.
 *
 * Owner   the port's team and dp.c, on the control thread, call everything here.
 * Life    worker_open() after EAL, port_open(), worker_equip(), port_start(), worker_start(),
 *         worker_stop(), worker_unequip(), port_stop(), worker_close().
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/idle_plan.h"
#include "dataplane/base/wake.h"
#include "dataplane/counters.h"
#include "dataplane/dp.h"

struct handoff;
struct landing;
struct net_share;
struct port;
struct tcp_trace_entry;
struct credential;
struct worker;
struct worker_above;

struct worker_conf {
	const struct dp_conf *dp; /* borrowed, as in dp_start() */
	uint32_t index;           /* of the worker among all */
	uint32_t port_index;      /* in dp->ports */
	uint16_t queue;           /* its queue of that port */
	/* What the port's workers have in common; borrowed. */
	struct port *port;
	struct landing *landing;
	struct handoff *handoff;
	struct net_share *share; /* NULL: it is alone */
	/* Connections that dead engines left; it takes its share of them. Borrowed for the call. */
	const struct tcp_trace_entry *stale;
	uint32_t n_stale;
	const cpu_set_t *cpus;     /* where to run; copied */
	bool spins;                /* it has its CPU for itself */
	const struct ip_addr *own; /* addresses of all ports and sources; borrowed */
	uint32_t n_own;
	struct wake *control;             /* whom to wake for events */
	const struct worker_above *above; /* in the place of SMTP, see dp_hook.h; NULL: SMTP */
};

/* What its tables and buffers take, by kind. Pure. */
struct worker_size {
	uint64_t eal_bytes;    /* packet buffers, from EAL's memory */
	uint64_t tables_bytes; /* the rest */
};
void worker_size_of(const struct dp_conf *conf, uint32_t port_index, struct worker_size *size);

/* Takes memory for buffers and rings. Returns 0, or -errno with one line in `why`. */
int worker_open(const struct worker_conf *conf, struct worker **out, char why[DP_WHY_BYTES]);

/* Makes the engines, for the port that was opened meanwhile. Returns 0, or -errno with one line in
 * `why`.
 */
int worker_equip(struct worker *w, char why[DP_WHY_BYTES]);

/* Starts the thread. Returns 0, or -errno with one line in `why`. */
int worker_start(struct worker *w, char why[DP_WHY_BYTES]);

/* Ends the thread; open connections are reset. No-op when it does not run. */
void worker_stop(struct worker *w);

/* Closes the engines; buffers are still there for what the port and its rings hold. */
void worker_unequip(struct worker *w);

/* Frees everything. */
void worker_close(struct worker *w);

/* As in dp.h. False when the ring is full. */
bool worker_try_connect(struct worker *w, const struct dp_dial *dial);
bool worker_try_submit(struct worker *w, const struct dp_job *job);
bool worker_try_quit(struct worker *w, struct dp_handle conn);
/* Whether one more order fits, and the order that then does: the worker lets go of the one that it
 * had.
 */
bool worker_has_room(const struct worker *w);
void worker_set_credential(struct worker *w, uint32_t id, struct credential *c);
/* Orders it unless it has been; false too while the last one was not taken. */
bool worker_try_gate(struct worker *w, struct gate *gate);
bool worker_has_gate(const struct worker *w, const struct gate *gate);
void worker_drain(struct worker *w);
uint32_t worker_poll(struct worker *w, struct dp_evt *evts, uint32_t n);
bool worker_has_events(const struct worker *w);

/* A question and its answer, as in dp.h. False while it is not the control thread's turn. */
bool worker_try_ask(struct worker *w, uint32_t from);
bool worker_has_answer(const struct worker *w);
bool worker_try_answer(struct worker *w, struct dp_answer *out);

/* How it waits when idle, in words; returns `text`. Once it was started. */
const char *worker_idle_text(const struct worker *w, char text[DP_IDLE_TEXT_BYTES]);

/* Any thread may read them. */
const struct dp_counters *worker_counters(const struct worker *w);
