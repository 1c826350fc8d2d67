/* dp.h - the door of the data plane: control gives orders and gets events, nothing else passes.
 *
 * One worker thread per queue of a port runs network, TCP and SMTP to completion. Orders go down
 * and events come up in rings of copied data; control never reads a worker's tables.
 *
 * Thread  control thread, for every function here, unless said.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp_msg.h"

enum {
	DP_PORTS_MAX = 8,
	DP_WORKERS_MAX = 64, /* of all ports */
	DP_PORT_ADDRS_MAX = 8,
	DP_PORT_NEIGHBOURS_MAX = 16,
	DP_IDLE_TEXT_BYTES = 80,
	DP_WHY_BYTES = 256, /* room for one line that says why something was refused */
};

/* Log levels, syslog's order. */
enum dp_log_level { DP_LOG_ERROR, DP_LOG_WARN, DP_LOG_INFO, DP_LOG_DEBUG };

/* Congestion control: CUBIC (RFC 9438) or NewReno (RFC 5681, 6582). */
enum dp_congestion { DP_CONGESTION_CUBIC, DP_CONGESTION_NEWRENO };

/* Called from any thread; must not block for long. `line` has no line end. */
typedef void dp_log_fn(enum dp_log_level level, const char *line);

/* What a device may do for us. */
enum dp_offload {
#define DP_OFFLOAD(sym, name, without) DP_OFFLOAD_##sym,
#include "dataplane/dp_offload.def"
#undef DP_OFFLOAD
	DP_N_OFFLOADS
};

/* How replies are to find their worker where a port has several; see dataplane/README.md. */
enum dp_landing {
	DP_LANDING_AUTO,    /* PREDICT where the device can, else PARTITION */
	DP_LANDING_PREDICT, /* local ports whose replies the device's hash brings to the right queue
	                     */
	DP_LANDING_PARTITION, /* local ports by number, replies handed over between workers */
	DP_LANDING_SINGLE,    /* one queue */
	DP_N_LANDINGS
};

struct dp_port_conf {
	const char *name;   /* as the operator calls it */
	const char *device; /* DPDK device: "net_tap0,iface=ph0", "0000:3b:00.0", ... */
	struct ip_prefix
	    addrs[DP_PORT_ADDRS_MAX]; /* the port's own addresses and connected networks */
	uint32_t n_addrs;
	struct ip_addr gateway4, gateway6;                      /* unset: only connected networks */
	struct ip_neighbour neighbours[DP_PORT_NEIGHBOURS_MAX]; /* not asked for, never given up */
	uint32_t n_neighbours;
	uint16_t vlan; /* 0: untagged */
	uint16_t mtu_bytes;
	uint32_t fragment_bytes_max; /* memory for datagrams that come in fragments; 0: dropped */
	uint32_t queues;             /* and workers; 0 is 1 */
	enum dp_landing landing;
	uint32_t offloads_off; /* bits 1 << enum dp_offload: done by us whatever the device says */
};

struct dp_source_conf {
	const char *name;
	uint32_t port;               /* index in dp_conf.ports */
	struct ip_addr addr4, addr6; /* unset: none of that family */
	const char *helo;
};

/* The SMTP client of a worker. */
struct dp_smtp_conf {
	struct dp_times times;    /* unless a dial says otherwise */
	uint32_t reply_lines_max; /* in one multi-line reply */
	uint32_t reply_bytes_max; /* of one reply, all its lines */
	uint8_t pipelining;       /* 0 or 1: use RFC 2920 where offered */
	uint8_t chunking;         /* 0 or 1: use RFC 3030 where offered */
	uint16_t rcpts_max;       /* RCPT in one transaction; 0 is DP_RCPTS_MAX */
};

/* TCP of a worker; 0 of a number is its default. */
struct dp_tcp_conf {
	uint8_t congestion;       /* enum dp_congestion */
	uint8_t ecn;              /* 0 or 1: offer ECN (RFC 3168) */
	uint8_t pacing;           /* 0 or 1: spread what a window allows over its round trip */
	uint32_t iw_segs;         /* segments of the first window (RFC 6928) */
	uint32_t user_timeout_ms; /* patience for data to be acknowledged (RFC 5482) */
	uint32_t keepalive_ms;    /* an idle peer is asked after so long; 0: never */
	uint32_t rx_window_bytes, tx_bytes_max;
	uint32_t time_wait_max;      /* 0: by conns_max */
	uint32_t rst_per_second_max; /* answers to segments of no connection */
};

/* TLS of a worker. */
struct dp_tls_conf {
	const char *ca_file;   /* PEM: who may vouch for hosts' names; NULL: nobody */
	uint32_t sessions_max; /* tickets kept for resumption, over all hosts */
};

/* What a worker that has nothing to do is to do. */
enum dp_idle {
	DP_IDLE_ADAPTIVE, /* look again for a while after the last work, then sleep */
	DP_IDLE_POLL,     /* look again and again; sleep only where the CPU is shared */
	DP_IDLE_SLEEP,    /* sleep at once */
};

/* Everything the data plane is told at start. The caller keeps it and what it points to until
 * dp_stop().
 */
struct dp_conf {
	const struct dp_port_conf *ports;
	uint32_t n_ports;
	const struct dp_source_conf *sources;
	uint32_t n_sources;
	uint8_t live;                         /* egress.mode: 0 sandbox, 1 live */
	const struct ip_prefix *egress_allow; /* destinations allowed by name */
	uint32_t n_egress_allow;
	uint32_t conns_max; /* sessions at once, per worker */
	uint32_t window;    /* credits per worker: recipients submitted and not yet settled */
	uint32_t buffers;   /* packet buffers per worker; 0: computed from conns_max */
	enum dp_idle idle;
	uint32_t drain_max_ms; /* patience for unanswered transactions at dp_drain() */
	struct dp_smtp_conf smtp;
	const struct dp_times *times; /* dp_dial.times 1 .. n_times */
	uint32_t n_times;
	struct dp_tcp_conf tcp;
	struct dp_tls_conf tls;
	const char *state_dir; /* for the record of open connections that outlives a crash */
	const uint8_t *secret; /* 32 bytes; keys ISNs, ports and hashes */
	dp_log_fn *log;
};

struct dp;
struct gate;

/* How many bytes the tables of `conf` take, all workers together. Pure; any thread. */
uint64_t dp_memory_bytes(const struct dp_conf *conf);

/* Starts EAL, ports and workers. Returns 0, or -errno with one line in `why` that names the
 * option or device at fault; nothing stays started then. Once per process: EAL cannot be started
 * twice. The caller's signal mask is as before; its affinity loses the workers' CPUs when it had
 * two or more, so start every other thread of the program after it and they stay off them too.
 */
int dp_start(const struct dp_conf *conf, struct dp **out, char why[DP_WHY_BYTES]);

/* How many workers serve the port of a source, and the first of them; they are numbered in a row.
 */
uint32_t dp_workers_of(const struct dp *dp, uint32_t source, uint32_t *first);

/* Orders one session from `worker`, one of those of the source's port. Exactly one DP_EVT_CLOSED
 * follows, after a DP_EVT_OPEN or without. Returns 0, or -EAGAIN when the command ring is full: try
 * again.
 */
int dp_connect(struct dp *dp, uint32_t worker, const struct dp_dial *dial);

/* Hands one message to an open session of `worker`; at most dp_jobs_per_conn() of its
 * window may be unsettled on
 * it. The job is copied; its spans must stay until DP_EVT_BODY_TAKEN or its last DP_EVT_RCPT. The
 * caller has spent one credit per recipient. A session that is gone by then answers with
 * DP_OUT_NOT_TRIED. Returns 0, or -EAGAIN when the command ring is full: keep the job.
 */
int dp_submit(struct dp *dp, uint32_t worker, const struct dp_job *job);

/* Ends a session with QUIT once its jobs are settled. A stale handle is ignored. Returns 0 or
 * -EAGAIN.
 */
int dp_quit(struct dp *dp, uint32_t worker, struct dp_handle conn);

/* From the next session that authenticates on, the identity of that number is this one: copied, and
 * the copy lies in memory that dumps leave out and that is cleared when the next one took its place
 * everywhere. Sessions that live stay as they are. Returns 0, -EAGAIN when a command ring is full,
 * -ENOMEM.
 */
int dp_set_credential(struct dp *dp, const struct dp_credential *c);

/* From the next message on every worker scans with `gate`, which has a lane for each, and keeps it
 * until another has taken its place. Returns 0; -EAGAIN when a command ring is full or the last one
 * has not reached every worker: call again with the same.
 */
int dp_set_gate(struct dp *dp, struct gate *gate);

/* Every worker scans with it, so that what was there before may be freed. */
bool dp_has_gate(const struct dp *dp, const struct gate *gate);

/* No new MAIL on any session: what has its last byte out waits for its answer, the rest is reset
 * and reported NOT_TRIED; then QUIT and close. Called again: goes to the bound at once.
 */
void dp_drain(struct dp *dp);

/* Takes up to `n` events of `worker`, in the order they happened. Returns how many. */
uint32_t dp_poll(struct dp *dp, uint32_t worker, struct dp_evt *evts, uint32_t n);

/* Asks a worker for its connections, from `from` on: 0 first, then as the last answer says. In
 * between connections may come and go: one that stays is told of once. The worker writes a few rows
 * a turn and does everything else meanwhile. Returns 0, or -EAGAIN while an answer is due: there is
 * one question a worker at a time.
 */
int dp_ask(struct dp *dp, uint32_t worker, uint32_t from);

/* Takes the answer. Returns 0, or -EAGAIN when none is there. */
int dp_try_answer(struct dp *dp, uint32_t worker, struct dp_answer *out);

/* Readable when a worker has an event or an answer for a sleeping control thread. Wrap the sleep in
 * dp_about_to_sleep(), which returns false when events or an answer are already waiting, and
 * dp_awake().
 */
int dp_wake_fd(const struct dp *dp);
bool dp_about_to_sleep(struct dp *dp);
void dp_awake(struct dp *dp);

/* Counters, in the order of counters.def; see dp_counter_name(). */
uint32_t dp_n_counters(void);
const char *dp_counter_name(uint32_t counter);
const char *dp_counter_unit(uint32_t counter);
const char *dp_counter_help(uint32_t counter);

/* The value on one worker now; monotone unless its help says gauge. Any thread. */
uint64_t dp_counter(const struct dp *dp, uint32_t worker, uint32_t counter);

uint32_t dp_n_workers(const struct dp *dp);

/* How a worker waits when it has nothing to do, in words. Returns `text`. */
const char *dp_idle_text(const struct dp *dp, uint32_t worker, char text[DP_IDLE_TEXT_BYTES]);

/* A port as it is now, for reports. Names are those of the configuration. */
struct dp_port_view {
	const char *name, *device;
	uint8_t mac[6];
	uint16_t mtu_bytes;
	uint8_t link_up; /* 0 or 1 */
	uint32_t first_worker, n_workers;
	const char *landing;         /* how replies find their worker */
	uint64_t handed, wrong_core; /* by counters.def, all its workers */
	char idle[DP_WHY_BYTES];
	char without[DP_WHY_BYTES]; /* what the device does not do for us, and why */
};

uint32_t dp_n_ports(const struct dp *dp);
void dp_view_port(const struct dp *dp, uint32_t port, struct dp_port_view *view);

/* Names of enum values, for reports. */
const char *dp_step_name(enum dp_step step);
const char *dp_why_text(enum dp_why why);

/* Stops workers and ports at once, open connections are reset; frees `dp`. For an orderly end
 * call dp_drain() first and poll until every connection is closed.
 */
void dp_stop(struct dp *dp);
