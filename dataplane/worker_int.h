/* worker_int.h - the inside of a worker, shared by the worker*.c files only.
 *
 * Fields of the control thread stand apart from those of the worker; what both touch is atomic or
 * a ring.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/landing.h"
#include "dataplane/base/spsc.h"
#include "dataplane/base/wake.h"
#include "dataplane/counters.h"
#include "dataplane/dp.h"
#include "dataplane/dp_hook.h"
#include "dataplane/egress.h"
#include "dataplane/evt_ring.h"
#include "dataplane/handoff.h"
#include "dataplane/idle_plan.h"
#include "dataplane/port.h"
#include "dataplane/smtp/smtp.h"
#include "dataplane/stale.h"
#include "dataplane/trace.h"
#include "dataplane/tsc.h"
#include "dataplane/worker.h"

enum {
	TX_PENDING_MAX = 1024,
	WORKER_RX_BURST = 32,
	WORKER_HANDED_BURST = 64, /* pieces taken at once of each other worker */
	WORKER_NEIGHBOURS_MAX = 1024,
	WORKER_PORT_FIRST = 1024, /* the addresses are ours alone: all but the well-known */
	WORKER_PORT_LAST = 65535,
};

enum worker_cmd_kind {
	WORKER_CMD_CONNECT,
	WORKER_CMD_SUBMIT,
	WORKER_CMD_QUIT,
	WORKER_CMD_GATE,
	WORKER_CMD_CREDENTIAL,
};

/* An order on its way down. */
struct worker_cmd {
	uint32_t kind; /* enum worker_cmd_kind */
	union {
		struct dp_dial dial;
		struct dp_job job;
		struct dp_handle conn;
		struct gate *gate;
		struct {
			uint32_t id;
			struct credential *now;
		} credential;
	};
};

/* Frames that wait for the device, oldest first. */
struct worker_tx {
	struct rte_mbuf *m[TX_PENDING_MAX];
	uint32_t n;
	uint32_t n_refused; /* of them, at the front: already counted in tx_full */
	uint32_t n_fit;     /* of them, at the front: the device has said that it can send them */
	uint64_t stuck_since_us; /* the device took nothing since; 0: not stuck */
};

enum worker_ask_state { WORKER_ASK_FREE, WORKER_ASK_OPEN, WORKER_ASK_ANSWERED };

/* A question of control's and its answer; worker_ask.c only. */
struct worker_ask {
	_Alignas(64) _Atomic uint32_t state; /* enum worker_ask_state: who may touch the rest */
	uint32_t next;                       /* slot to go on at */
	uint32_t n_rows;
	struct dp_conn_info rows[DP_ASK_ROWS];
};

/* How it waits; worker_idle.c only. */
struct worker_idle {
	struct idle_plan plan; /* fixed once it runs */
	int epoll_fd;          /* what ends a sleep; -1: not open */
	uint32_t nap_us;       /* the next nap */
};

/* The segment at hand, of a port with several workers. */
struct worker_arrival {
	struct rte_mbuf *m;
	uint16_t queue;  /* where it was received */
	bool was_handed; /* by another worker */
	bool is_strange; /* no connection here has it */
	bool is_gone;    /* handed over, or dropped because that was not possible */
};

struct worker {
	struct dp_counters counters;

	/* set at open, read only */
	const struct dp_conf *conf;
	uint32_t index; /* among all workers */
	uint32_t port_index;
	cpu_set_t cpus;
	bool has_own_cpu;
	struct wake *control;
	struct egress egress;
	const char **helos;               /* one per source; owned */
	const struct worker_above *above; /* NULL: SMTP */

	/* the worker's */
	struct tsc_clock clock;
	struct port *port;
	uint16_t queue; /* of the port's, both ways; and its place among the port's workers */
	struct landing *landing;
	struct handoff *handoff;
	struct net_share *share; /* NULL: alone */
	struct worker_arrival at_hand;
	uint32_t wakes;        /* bits 1 << queue: whom something was handed to in this turn */
	uint32_t askers;       /* of the writer: bits of who ever asked for a neighbour */
	uint64_t answers_seen; /* of the writer: ARP and ND packets */
	uint32_t n_right,
	    n_wrong; /* segments of own connections where the device should bring them */
	struct rte_mempool *rx_pool, *tx_pool;
	struct net *net;
	struct tcp *tcp;
	struct tls *tls;
	struct smtp *smtp;
	struct gate *gate;                                  /* NULL: none yet, everything passes */
	struct credential *credentials[DP_CREDENTIALS_MAX]; /* by id - 1; those it has */
	struct trace trace;
	struct stale stale;
	struct worker_tx tx;
	uint64_t now_us; /* of this turn */
	uint64_t net_due_us, timer_due_us;
	uint64_t last_work_us;
	uint32_t full_bursts; /* turns in a row that may have left frames in the device's queue */
	struct worker_idle idle;
	uint32_t n_emitted; /* events that control was not yet woken for */
	uint64_t woken_us;  /* when it was last */
	uint32_t drains_seen;
	bool said_sums; /* that the device does not do the sums it offers */
	bool link_up;

	/* both sides' */
	struct spsc cmds, evts;
	struct wake wake;
	struct worker_ask ask;
	_Atomic(struct gate *) gate_taken; /* the one in use, as control may know */
	_Atomic bool stop;
	_Atomic uint32_t drains; /* calls of worker_drain() */

	/* the control thread's */
	struct gate *gate_ordered;
	pthread_t thread;
	sem_t started;
	int start_rc;
	bool running;
	uint32_t dials_open; /* ordered, and the CLOSED not yet polled */
	uint32_t dials_max;
	uint32_t rcpts_open; /* submitted, and the RCPT not yet polled */
};

/* The thread's body after its set-up: turns until `stop`. */
void worker_loop(struct worker *w);

/* One turn at `now_us`. True when it found work: frames, orders, or something to send or say. */
bool worker_turn(struct worker *w, uint64_t now_us);

/* worker_rx.c: takes up to WORKER_RX_BURST frames from the port into the engines. Returns how many.
 */
uint32_t worker_receive(struct worker *w);

/* worker_hand.c: what belongs to another worker of the port goes there, once. A parsed segment that
 * was received in `queue`, here or by another worker; the mbuf is taken over.
 */
void worker_take_segment(struct worker *w, struct rte_mbuf *m, const struct net_seg *seg,
                         uint16_t queue, bool was_handed);
/* The same of a burst from our own queue. */
void worker_take_segments(struct worker *w, struct rte_mbuf **m, const struct net_seg *segs,
                          uint32_t n);
void worker_take_frame(struct worker *w, struct rte_mbuf *m);
void worker_take_icmp(struct worker *w, const struct net_icmp *icmp, bool was_handed);
/* A frame for the worker that writes the port's tables; the mbuf is taken over. */
void worker_hand_to_writer(struct worker *w, struct rte_mbuf *m);
/* What others handed over, a bounded number. Returns how many. */
uint32_t worker_take_handed(struct worker *w);
bool worker_has_handed(const struct worker *w);
/* What the writer has found out leaves what waited for it; the writer has those woken who wait. */
void worker_look_for_news(struct worker *w);
/* At the end of a turn: wakes whom something was handed to. */
void worker_wake_others(struct worker *w);
/* Ten times a second: does the device keep its word? */
void worker_look_at_landing(struct worker *w);
/* tcp_conf.stray and net_conf.tell. */
bool worker_on_stray(void *worker, const struct net_seg *seg, uint16_t local_port,
                     uint16_t remote_port);
bool worker_on_word(void *worker, const struct net_word *word);

/* worker_idle.c. Makes ready to sleep, from the worker's thread once its port is started. Returns 0
 * or -errno.
 */
int worker_idle_open(struct worker *w);
void worker_idle_close(struct worker *w);

/* When something is due though nothing arrives. */
uint64_t worker_wake_at(const struct worker *w);

/* A turn found work: idleness begins anew. */
void worker_idle_over(struct worker *w, uint64_t now_us);

/* A turn found none: spins, waits or sleeps, until something is due at the latest. */
void worker_rest(struct worker *w, uint64_t tsc, uint64_t now_us);

/* Sleeps until a frame, an order or what is due. */
void worker_sleep(struct worker *w);

/* worker_ask.c: goes on with the answer to an open question. True when there was one. */
bool worker_is_asked(const struct worker *w);
bool worker_answer(struct worker *w);

/* worker_gate.c: another gate from the next message on; and a smtp_gate_fn. */
void worker_take_gate(struct worker *w, struct gate *gate);
bool worker_pass_gate(void *worker, struct dp_job *job, struct dp_evt *said);

/* Hands a frame to the port at the end of the turn; a net_tx_fn. */
void worker_tx_add(void *worker, struct rte_mbuf *m);

/* Offers the device what is pending. */
void worker_tx_flush(struct worker *w);

/* Gives one event to control; a smtp_emit_fn. There is room by construction. */
void worker_emit(void *worker, const struct dp_evt *evt);

/* The engines' configurations; pointers to what only exists later are set by the caller. */
struct worker_engines_conf {
	struct net_conf net;
	struct tcp_conf tcp;
	struct tls_conf tls;
	struct smtp_conf smtp;
};
void worker_engines_conf(const struct dp_conf *conf, uint32_t port_index,
                         struct worker_engines_conf *e);

/* Slots of the rings, and how many dials may lack a CLOSED that control has read. */
uint32_t worker_evts_max(const struct dp_conf *conf);
uint32_t worker_cmds_max(const struct dp_conf *conf);
uint32_t worker_dials_max(const struct dp_conf *conf);
