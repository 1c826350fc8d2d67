/* smtp.h - the SMTP client of one worker: sessions over TCP, orders in, events out.
 *
 * Owner   the worker.
 * Thread  that worker; `now_us` is its monotonic clock, read once a turn.
 * Life    a session: smtp_open_session() .. its DP_EVT_CLOSED.
 * Not     which message goes where and what a reply means for it: control decides.
 */
#pragma once

#include <stdint.h>

#include "dataplane/counters.h"
#include "dataplane/dp_msg.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tls/tls.h"

struct smtp;

/* Takes one event; always has room (credits, see dp.h). */
typedef void smtp_emit_fn(void *ctx, const struct dp_evt *evt);

/* The content gate, asked before a message is offered. True: it may go, with what was put in front
 * of its wire. False: nobody gets it; `said` has the gate's fields and the text of an event.
 */
typedef bool smtp_gate_fn(void *ctx, struct dp_job *job, struct dp_evt *said);

struct smtp_conf {
	uint32_t sessions_max;
	uint32_t txns_max;     /* recipients submitted and not settled: credits (see dp.h) */
	struct dp_times times; /* of dials that name none */
	const struct dp_times *more_times; /* dp_dial.times 1 .. n_more_times; borrowed */
	uint32_t n_more_times;
	uint32_t linger_ms; /* patience for the peer's FIN after QUIT */
	uint32_t reply_lines_max, reply_bytes_max;
	uint8_t pipelining, chunking; /* 0 or 1 */
	uint8_t has_tls;              /* 0 or 1: `tls` will be there; for smtp_memory_bytes() */
	uint16_t rcpts_max;           /* in one transaction; 0 is DP_RCPTS_MAX */
	const char *const *helos;     /* one per source, as in dp_dial.source; borrowed */
	struct tls *tls; /* made with smtp_tls_ops; NULL: every session is in the clear */
	smtp_emit_fn *emit;
	void *emit_ctx;
	smtp_gate_fn *gate; /* NULL: everything passes */
	void *gate_ctx;
	struct dp_counters *counters;
};

/* An identity in memory that dumps leave out. */
struct smtp_credential {
	uint32_t mechanism; /* enum dp_auth */
	bool is_token;
	struct span user, secret;
};

/* The callbacks that tcp_conf.ops must hold for connections of this client. */
extern const struct tcp_ops smtp_tcp_ops;

/* And those that tls_conf.ops must hold. */
extern const struct tls_ops smtp_tls_ops;

/* Bytes that smtp_open() will allocate. Pure. */
uint64_t smtp_memory_bytes(const struct smtp_conf *conf);

/* Makes the client on an engine made with smtp_tcp_ops. Returns 0, -EINVAL, -ENOMEM. */
int smtp_open(const struct smtp_conf *conf, struct tcp *tcp, uint64_t now_us, struct smtp **out);
void smtp_close(struct smtp *smtp);

/* Opens a session from `local`. Exactly one DP_EVT_CLOSED follows, possibly inside the call. */
void smtp_open_session(struct smtp *smtp, uint64_t now_us, const struct dp_dial *dial,
                       const struct ip_addr *local);

/* Queues a job on its session; a stale handle, a session about to end or one with
 * dp_jobs_per_conn() of its window answers DP_OUT_NOT_TRIED at once.
 */
void smtp_submit(struct smtp *smtp, uint64_t now_us, const struct dp_job *job);

/* Says which jobs smtp_submit() will get next: fetches what that touches. A hint without effect
 * otherwise.
 */
void smtp_expect(const struct smtp *smtp, const struct dp_job *const *jobs, uint32_t n);

/* From the next AUTH on the identity of that number is this one, which stays the caller's and is
 * read until another takes its place. NULL: there is none any more.
 */
void smtp_set_credential(struct smtp *smtp, uint32_t id, const struct smtp_credential *c);

/* Ends a session with QUIT when its jobs are settled. */
void smtp_quit(struct smtp *smtp, uint64_t now_us, struct dp_handle conn);

/* No new MAIL anywhere from now on: jobs not begun come back NOT_TRIED; a transaction whose last
 * byte has not left is reset and comes back NOT_TRIED; one whose last byte has left waits
 * `drain_ms` at most, then is UNCONFIRMED. Sessions then QUIT. Called again: the bound is now.
 */
void smtp_drain(struct smtp *smtp, uint64_t now_us, uint32_t drain_ms);

/* Runs timers that are due, at most `budget`, and TLS handshakes. Returns when the next one is due
 * (see tcp_tick()). */
uint64_t smtp_tick(struct smtp *smtp, uint64_t now_us, uint32_t budget);

/* Writes what can be shown of sessions, from slot `*from` on: at most `n` rows of at most `slots`
 * slots. Returns how many; `*from` is where to go on, DP_ASK_END past the last.
 */
uint32_t smtp_show(const struct smtp *smtp, uint64_t now_us, uint32_t *from, uint32_t slots,
                   struct dp_conn_info *rows, uint32_t n);

/* Sessions now. */
uint32_t smtp_n_sessions(const struct smtp *smtp);
