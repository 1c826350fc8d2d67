/* session.h - one SMTP session: what the files of this room share, and nobody else reads.
 *
 * Owner   the engine (smtp.c) whose pool the slot is from.
 * Life    session_begin() .. DP_EVT_CLOSED.
 *
 *	            (TLS)      +- STARTTLS - TLS - EHLO -+
 *	CONNECT - BANNER - EHLO -+---------+- IDLE - QUIT
 *	                         HELO      |
 *	          +------------------------+-------------------------------+
 *	          RSET - MAIL - RCPT (each) -+- DATA - BODY - DOT -+- IDLE, or the next one's RSET
 *or MAIL
 *	                                     +- BDAT - BODY -------+
 *
 * Outside of transactions one command is said at a time and `step` is where it stands. Transactions
 * (txn.h) are said one behind the other, several before the first is answered where the window and
 * the server allow it. What was said and is not yet answered stands in one queue, `struct dues`:
 * replies belong to commands by their order alone.
 */
#pragma once

#include <assert.h>

#include "dataplane/base/pool.h"
#include "dataplane/base/wheel.h"
#include "dataplane/smtp/ehlo.h"
#include "dataplane/smtp/reply.h"
#include "dataplane/smtp/smtp.h"

enum {
	SMTP_DUES_MAX = 128, /* commands of transactions said and not answered: four of each where
	                        DP_WINDOW_MAX are in flight */
};

/* How a session whose end is decided goes away. */
enum session_end {
	SESSION_LIVES,
	SESSION_END_QUIT,  /* in step with the server: QUIT, wait for 221 and the server's FIN */
	SESSION_END_FIN,   /* out of step, or the server goes: FIN, wait for the server's */
	SESSION_END_ABORT, /* no patience left: RST */
};

/* A reply that is due. */
struct due {
	uint8_t step;    /* enum dp_step */
	uint8_t txn;     /* number of the transaction: the oldest one in flight when it comes */
	uint8_t rcpt;    /* which recipient, at RCPT */
	uint8_t is_late; /* 0 or 1: said while another reply was due */
};
static_assert(DP_RCPTS_MAX <= UINT8_MAX, "a recipient's number is a byte");

/* Those of one session, oldest first; a ring. */
struct dues {
	uint16_t first, n;
	uint32_t pad0;
	struct due ring[SMTP_DUES_MAX];
};

/* An idle one in the clear is all there is of it: what only some need is in pools of the engine. */
struct session {
	struct smtp *smtp;
	struct tls_conn *tls; /* NULL: in the clear */
	uint64_t conn;        /* control's name for it */
	uint64_t began_us, deadline_us;
	struct dp_handle handle;
	struct ip_addr remote;
	struct smtp_caps caps;
	tcp_id tcp;
	uint32_t source;
	uint32_t n_messages;          /* transactions whose MAIL left */
	uint32_t txn_first, txn_last; /* all its transactions, oldest first; POOL_NONE: none */
	uint32_t txn_said;            /* the one being said, or said next; POOL_NONE: none */
	uint32_t txn_heard;           /* the one that `heard` is about; POOL_NONE: none */
	uint32_t dues;                /* slot; POOL_NONE: no transaction is in flight */
	uint32_t reply;               /* slot: half a reply, later the one that ended it */
	uint32_t name;                /* slot: the host's name until TLS has it */
	uint32_t domain;              /* hash of the domain that RCPT named last */
	uint32_t heard_mark;          /* of the newest reply, see order.c; 0: none */
	uint32_t rset_mark;           /* of the newest good one to RSET */
	uint16_t n_domains;           /* how often it changed */
	uint16_t times;               /* as in dp_dial */
	uint16_t known, learnt;       /* enum dp_known: told by the dial; found out here */
	uint16_t end_code;            /* of the reply that ended it; 0: none did */
	uint16_t credential;          /* as in dp_dial; 0: none */
	uint16_t said_cut;            /* bytes of the command said now that TCP has taken */
	uint8_t said_rcpt;            /* which recipient, at RCPT */
	uint8_t step;                 /* enum dp_step, outside of transactions */
	uint8_t said_step;            /* enum dp_step that is said next of `txn_said` */
	uint8_t said_last;            /* enum dp_step that was said last */
	struct due heard;             /* what the newest reply answered */
	uint8_t policy;               /* enum dp_tls_policy */
	uint8_t auth;                 /* enum dp_auth that was chosen */
	uint8_t auth_round;           /* lines of the exchange heard so far */
	uint8_t auth_turn;            /* smtp.credential_turns when it began */
	uint8_t window;               /* transactions in flight, at most */
	uint8_t n_jobs, n_flight;     /* transactions; of them, begun */
	uint8_t next_number;          /* of the transaction that begins next */
	uint8_t end;                  /* enum session_end */
	uint8_t why;                  /* enum dp_why, once `end` is set */
	uint8_t end_step;             /* enum dp_step it ended in */
	uint8_t end_reach;            /* enum dp_reach */
	bool is_hearing : 1;          /* `heard` is being judged */
	bool is_asked : 1;            /* outside of transactions: a reply to `step` is due */
	bool auth_in_clear : 1;       /* as in dp_dial; so is the next */
	bool requiretls_ok : 1;
	bool is_lmtp : 1;          /* RFC 2033 */
	bool is_implicit : 1;      /* TLS from the first byte (RFC 8314 3.3) */
	bool is_ready : 1;         /* DP_EVT_OPEN was emitted */
	bool is_clean : 1;         /* where we stand in what we say, the server surely holds no
	                              transaction */
	bool is_stopped : 1;       /* something was refused: nothing begins until all is answered */
	bool was_bdat_refused : 1; /* no later BDAT was answered well */
	bool has_pipelined : 1;    /* said something while a reply was due */
	bool has_heard_flight : 1; /* of what is due now something was answered */
	bool wants_quit : 1;       /* control asked for QUIT */
	bool has_begun_jobs : 1, has_settled_jobs : 1;
	bool in_doubt : 1;    /* a reply may have been said twice: all since may be another's */
	bool is_same : 1;     /* the newest one is the same as the one before it */
	bool is_proven : 1;   /* the newest reply is surely to the command it was taken for */
	bool was_end : 1;     /* it was to the end of a message, and said so by its code */
	bool knows_rset : 1;  /* RSET is always answered in the same words */
	bool was_refused : 1; /* it refused a transaction beyond doubt */
	bool is_silent : 1;   /* nothing more may be written: FIN was ordered */
	bool has_quit : 1;    /* QUIT was handed to TCP */
	bool ended_by_reply : 1;
};

struct smtp {
	struct smtp_conf conf;
	struct tcp *tcp;
	struct pool sessions;
	struct pool txns;        /* of all sessions */
	struct pool dues;        /* one a session with a transaction in flight */
	struct pool helds;       /* verdicts that wait, of transactions with several recipients */
	uint32_t n_rcpts;        /* of all transactions */
	struct pool replies;     /* those that are not complete, and those that ended a session */
	struct pool names;       /* of hosts, until TLS has them; none without TLS */
	struct wheel wheel;      /* one timer a session, named by its slot */
	struct smtp_reply heard; /* the reply at hand */
	const struct smtp_credential *credentials[DP_CREDENTIALS_MAX]; /* by id - 1; borrowed */
	uint8_t credential_turns;                                      /* how often one was set */
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

/* Where a refusal concerns somebody else than its step's row says; the first that fits. */
enum reach_when { REACH_ALWAYS, REACH_IN_LMTP, REACH_ONCE_SETTLED };

struct reach_rule {
	uint16_t code; /* 0: any */
	uint8_t step;  /* enum dp_step; DP_N_STEPS: any */
	uint8_t when;  /* enum reach_when; settled: the session has had a message answered */
	uint8_t reach; /* enum dp_reach */
};

enum { SMTP_REACHES = 10 };
extern const struct reach_rule smtp_reaches[SMTP_REACHES];

/* Its time-outs. */
static inline const struct dp_times *session_times(const struct session *s)
{
	const struct smtp_conf *conf = &s->smtp->conf;

	return s->times == 0 ? &conf->times : &conf->more_times[s->times - 1];
}

/* What this session may use. */
static inline bool session_pipelines(const struct session *s)
{
	return s->smtp->conf.pipelining && s->caps.pipelining &&
	       ((s->known | s->learnt) & DP_KNOWN_NO_PIPELINING) == 0;
}

static inline bool session_chunks(const struct session *s)
{
	return s->smtp->conf.chunking && s->caps.chunking &&
	       ((s->known | s->learnt) & DP_KNOWN_NO_CHUNKING) == 0;
}

/* TLS that is only liked, of a host that has done it: without it nothing more is said. */
static inline bool session_expects_tls(const struct session *s)
{
	return (s->known & DP_KNOWN_TLS) != 0;
}

static inline bool session_bdat_works(const struct session *s)
{
	return ((s->known | s->learnt) & DP_KNOWN_BDAT_WORKS) != 0;
}

static inline bool session_is_told_apart(const struct session *s)
{
	return ((s->known | s->learnt) & DP_KNOWN_TOLD_APART) != 0;
}

static inline bool is_good(const struct smtp_reply *reply)
{
	return reply->code / 100 == 2;
}

static inline bool is_refusal(const struct smtp_reply *reply)
{
	return reply->code / 100 == 4 || reply->code / 100 == 5;
}

/* The queue of what is due; dues.c. */
static inline struct dues *dues_of(const struct session *s)
{
	return s->dues == POOL_NONE ? NULL : pool_at(&s->smtp->dues, s->dues);
}

static inline uint32_t dues_count(const struct session *s)
{
	const struct dues *d = dues_of(s);

	return d == NULL ? 0 : d->n;
}

/* NULL: nothing is. */
static inline const struct due *dues_first(const struct session *s)
{
	const struct dues *d = dues_of(s);

	return d == NULL || d->n == 0 ? NULL : &d->ring[d->first];
}

void dues_push(struct session *s, enum dp_step step, uint8_t txn, uint8_t rcpt);
struct due dues_pop(struct session *s);
void dues_open(struct session *s);  /* a first transaction begins */
void dues_close(struct session *s); /* the last one is over; what was due is forgotten */

/* Whether replies are what they are taken for; order.c. */

/* A reply came, to what `heard` says: notes whether it was said twice, or proves all before it. */
void order_note(struct session *s, const struct smtp_reply *reply);

/* All is answered, and of what is over something is in doubt: only another command can tell. */
bool order_needs_probe(const struct session *s);

/* The probe was answered well. True when that settles what was in doubt. */
bool order_try_clear(struct session *s);

/* Replies due, in transactions and outside of them. */
static inline uint32_t session_n_due(const struct session *s)
{
	return dues_count(s) + (s->is_asked ? 1 : 0);
}

/* The step it waits at: the one whose reply is due, else the one that is said next. */
uint8_t session_step(const struct session *s);

/* EHLO or HELO was accepted. */
void session_ready(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* EHLO or HELO was accepted, and the session is as well encrypted as its policy asks: it is ready,
 * or goes on to STARTTLS, or ends.
 */
void session_greeted(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* It is as secret as it has to be: says who we are where that is asked for, then it is ready. */
void session_authenticate(struct session *s, uint64_t now_us, const struct smtp_reply *reply);
say_fn say_auth;
hear_fn hear_auth;

/* What a host says is kept for people to read, but not if it quotes the secret. */
void session_hide_secret(const struct session *s, struct smtp_reply *reply);

/* TLS says that the host is who it is called. */
static inline bool session_is_verified(const struct session *s)
{
	return s->tls != NULL && s->policy == DP_TLS_VERIFY;
}

/* The server waits for our handshake. */
void session_start_tls(struct session *s, uint64_t now_us);

/* Ends because of TLS; `text` says what was wrong. */
void session_end_by_tls(struct session *s, uint64_t now_us, const char *text);

/* Ends because TLS has gone; `reply` refused STARTTLS, NULL: it was not offered. */
void session_end_by_gone(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* Decides the end, once; the jobs get their last events now, CLOSED follows when TCP is through.
 * The driver, never its caller, carries it out.
 */
void session_end(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why);

/* The same, because of a reply: after 421 the server closes, else we say QUIT. */
void session_end_by_reply(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* The same, and the reply is kept for CLOSED to tell. */
void session_end_with(struct session *s, uint64_t now_us, enum session_end end, enum dp_why why,
                      const struct smtp_reply *reply);

/* A reply that has no place here: we and the server are out of step (RFC 5321 4.3.2). */
void session_end_by_nonsense(struct session *s, uint64_t now_us, const struct smtp_reply *reply);

/* How far a refusal reaches that came at `step`. */
enum dp_reach session_reach(const struct session *s, enum dp_step step, uint16_t code);

/* The way to TCP, in the clear or through TLS: as the functions of tcp.h. */
size_t wire_write_start(struct session *s, uint64_t now_us, uint8_t **at);
void wire_write_done(struct session *s, uint64_t now_us, size_t bytes);
size_t wire_write(struct session *s, uint64_t now_us, struct span bytes);
void wire_flush(struct session *s, uint64_t now_us);

/* What was written is encrypted at once, and no plain copy stays. In the clear TCP keeps it. */
void wire_wipe(struct session *s, uint64_t now_us);
void wire_close(struct session *s, uint64_t now_us);

/* Hands a command to TCP. It is made again, the same, when only a part of it was taken: that costs
 * no memory in the many sessions where everything fits. False: call again when there is room.
 */
bool session_say(struct session *s, uint64_t now_us, const char *text, size_t bytes);

static inline bool session_say_line(struct session *s, uint64_t now_us, const char *line)
{
	return session_say(s, now_us, line, strlen(line));
}

/* The driver's entries. After pump, received, timer and peer_closed `s` may be gone. */
void session_begin(struct session *s, uint64_t now_us);
void session_opened(struct session *s, uint64_t now_us);
void session_received(struct session *s, uint64_t now_us, struct span bytes);
void session_peer_closed(struct session *s, uint64_t now_us);
void session_timer(struct session *s, uint64_t now_us);
void session_secured(struct session *s, uint64_t now_us);

/* A job was queued: it begins where that is possible. */
void session_submitted(struct session *s, uint64_t now_us);

/* Says what may be said, carries out an end that was decided and sets the timer. */
void session_pump(struct session *s, uint64_t now_us);

/* Fetches what session_received() of these sessions will touch, and does nothing else; see
 * tcp_ops.expect.
 */
void session_expect(void *const *sessions, uint32_t n);

/* While the engine drains nothing more is said of transactions: the session ends when none is left
 * that the server has whole.
 */
void session_drain(struct session *s, uint64_t now_us);

/* The last event of a session whose end was decided. */
void session_emit_closed(struct session *s, uint64_t now_us);

/* Fills in what every event of the session has in common and hands it to control. */
void session_emit(struct session *s, uint64_t now_us, struct dp_evt *evt);

/* Code and text of a reply. */
void evt_put_reply(struct dp_evt *evt, const struct smtp_reply *reply);

/* A reply waits outside of the session, which most of the time has none. False: no room for it. */
bool session_try_keep_reply(struct session *s, const struct smtp_reply *reply);

/* Gives slots back, if it has them. */
void session_put_reply(struct session *s);
void session_put_name(struct session *s);
