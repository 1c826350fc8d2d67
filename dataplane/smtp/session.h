/* session.h - one SMTP session: what the files of this room share, and nobody else reads.
 *
 * Owner   the engine (smtp.c) whose pool the slot is from.
 * Life    session_begin() .. DP_EVT_CLOSED.
 *
 *	            (TLS)      +- STARTTLS - TLS - EHLO -+
 *	CONNECT - BANNER - EHLO -+---------+- IDLE - QUIT
 *	                         HELO      |
 *	              +--------------------+-----------------------------+
 *	              RSET - MAIL - RCPT (each) - DATA - BODY - DOT - back to IDLE
 *
 * Two cursors walk this: `send` is the step said next, `recv` the step whose reply comes next; what
 * lies between them are the `n_due` commands said and not yet answered (RFC 2920: at most RSET,
 * MAIL, RCPTs and DATA). Replies belong to commands by their order alone.
 */
#pragma once

#include "dataplane/base/pool.h"
#include "dataplane/base/wheel.h"
#include "dataplane/smtp/body.h"
#include "dataplane/smtp/ehlo.h"
#include "dataplane/smtp/reply.h"
#include "dataplane/smtp/smtp.h"

enum {
	SMTP_RCPTS_MAX = 1, /* in one transaction */
};

/* How a session whose end is decided goes away. */
enum session_end {
	SESSION_LIVES,
	SESSION_END_QUIT,  /* in step with the server: QUIT, wait for 221 and the server's FIN */
	SESSION_END_FIN,   /* out of step, or the server goes: FIN, wait for the server's */
	SESSION_END_ABORT, /* no patience left: RST */
};

struct cursor {
	uint8_t step;  /* enum dp_step */
	uint16_t rcpt; /* which recipient, at RCPT */
};

struct session {
	struct smtp *smtp;
	tcp_id tcp;
	struct tls_conn *tls; /* NULL: in the clear */
	uint32_t source;
	uint16_t times; /* as in dp_dial */
	struct dp_handle handle;
	uint64_t conn; /* control's name for it */
	uint64_t began_us, deadline_us;
	uint32_t n_messages; /* jobs whose MAIL left */
	uint64_t mail_us;    /* when MAIL of the job in progress left; 0: not yet */
	struct cursor send, recv;
	uint8_t n_due;
	uint8_t policy;    /* enum dp_tls_policy */
	uint8_t said;      /* the step said last; the table says whether more may follow it */
	uint16_t said_cut; /* bytes of the command at `send` that TCP has already taken */
	bool is_implicit;  /* TLS from the first byte (RFC 8314 3.3) */
	bool is_ready;     /* DP_EVT_OPEN was emitted */
	bool has_job;      /* jobs[job_first] is in progress */
	bool is_dotted;    /* its last byte was handed to TCP */
	bool is_body_due;  /* DATA was answered 354: a body or a lone dot is due */
	bool needs_rset;   /* the server may still hold a transaction that we gave up */
	bool wants_quit;   /* control asked for QUIT */
	bool has_begun_jobs, has_settled_jobs;
	bool is_silent;      /* nothing more may be written: FIN was ordered */
	bool has_quit;       /* QUIT was handed to TCP */
	bool ended_by_reply; /* `reply` tells what ended it */
	uint8_t end;         /* enum session_end */
	uint8_t why;         /* enum dp_why, once `end` is set */
	uint8_t end_step;    /* enum dp_step it ended in */
	uint8_t end_reach;   /* enum dp_reach */
	uint8_t n_jobs, job_first;
	struct ip_addr remote;
	struct smtp_caps caps;
	struct smtp_body body;
	struct smtp_reply reply;
	struct dp_job jobs[DP_JOBS_PER_CONN];   /* a ring; from job_first on, n_jobs of them */
	struct dp_evt verdicts[SMTP_RCPTS_MAX]; /* of the job in progress; kind 0: still open */
	char host[DP_HELO_BYTES];
};

struct smtp {
	struct smtp_conf conf;
	struct tcp *tcp;
	struct pool sessions;
	struct wheel wheel; /* one timer a session, named by its slot */
	bool is_draining;
	uint64_t drain_until_us;
};

typedef bool say_fn(struct session *s, uint64_t now_us);
typedef void hear_fn(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* One row per step. */
struct smtp_step {
	say_fn *say;       /* hands the command to TCP; false: only a part of it fitted. NULL: we
	                      only listen */
	hear_fn *hear;     /* judges the reply; NULL: none is due */
	uint8_t reach;     /* enum dp_reach: whom a 4yz or 5yz reply here concerns */
	bool pipelined;    /* the next command may follow unanswered (RFC 2920 3.1) */
	uint16_t patience; /* where in struct dp_times its time-out is (RFC 5321 4.5.3.2) */
};

extern const struct smtp_step smtp_steps[DP_N_STEPS];

/* The job in progress. */
static inline const struct dp_job *session_job(const struct session *s)
{
	return &s->jobs[s->job_first];
}

/* Its time-outs. */
static inline const struct dp_times *session_times(const struct session *s)
{
	const struct smtp_conf *conf = &s->smtp->conf;

	return s->times == 0 ? &conf->times : &conf->more_times[s->times - 1];
}

/* The step it waits at: the one whose reply is due, else the one that is said next. */
uint8_t session_step(const struct session *s);

/* True while a recipient of the job in progress has no verdict. */
bool session_has_open_rcpts(const struct session *s);

/* Fixes the verdict of a recipient of the job in progress, unless it has one. */
void session_judge(struct session *s, uint64_t now_us, uint16_t rcpt, enum dp_outcome outcome,
                   const struct smtp_reply *reply);

/* The same for all of them. */
void session_judge_all(struct session *s, uint64_t now_us, enum dp_outcome outcome,
                       const struct smtp_reply *reply);

/* The job in progress is over: its verdicts go up, the session is idle again. */
void session_settle(struct session *s, uint64_t now_us);

/* EHLO or HELO was accepted. */
void session_ready(struct session *s, uint64_t now_us);

/* EHLO or HELO was accepted, and the session is as well encrypted as its policy asks: it is ready,
 * or goes on to STARTTLS, or ends.
 */
void session_greeted(struct session *s, uint64_t now_us);

/* The server waits for our handshake. */
void session_start_tls(struct session *s, uint64_t now_us);

/* Ends because of TLS; `text` says what was wrong. */
void session_end_by_tls(struct session *s, uint64_t now_us, const char *text);

/* Decides the end, once; the jobs get their last events now, CLOSED follows when TCP is through.
 * The driver, never its caller, carries it out.
 */
void session_end(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why);

/* The same, because of `s->reply`: after 421 the server closes, else we say QUIT. */
void session_end_by_reply(struct session *s, uint64_t now_us);

/* Judges, without asking the server, what it is sure to refuse of the job in progress. */
void session_refuse_unfit(struct session *s, uint64_t now_us);

/* The way to TCP, in the clear or through TLS: as the functions of tcp.h. */
size_t wire_write_start(struct session *s, uint64_t now_us, uint8_t **at);
void wire_write_done(struct session *s, uint64_t now_us, size_t bytes);
size_t wire_write(struct session *s, uint64_t now_us, struct span bytes);
void wire_flush(struct session *s, uint64_t now_us);
void wire_close(struct session *s, uint64_t now_us);

/* The driver's entries. After pump, received, timer and peer_closed `s` may be gone. */
void session_begin(struct session *s, uint64_t now_us);
void session_opened(struct session *s, uint64_t now_us);
void session_received(struct session *s, uint64_t now_us, struct span bytes);
void session_peer_closed(struct session *s, uint64_t now_us);
void session_timer(struct session *s, uint64_t now_us);
void session_secured(struct session *s, uint64_t now_us);

/* Says what may be said, carries out an end that was decided and sets the timer. */
void session_pump(struct session *s, uint64_t now_us);

/* The last event of a session whose end was decided. */
void session_emit_closed(struct session *s, uint64_t now_us);

/* Gives all jobs that have not begun back, untried. */
void session_return_jobs(struct session *s, uint64_t now_us, enum dp_why why);

/* Fills in what every event of the session has in common and hands it to control. */
void session_emit(struct session *s, uint64_t now_us, struct dp_evt *evt);

/* Emits one NOT_TRIED per recipient of a job. `s` is NULL when the session is gone. */
void smtp_emit_not_tried(struct smtp *smtp, const struct session *s, uint64_t now_us,
                         const struct dp_job *job, enum dp_why why);
