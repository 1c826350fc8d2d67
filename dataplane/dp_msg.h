/* dp_msg.h - the plain data that crosses the door between control and the workers.
 *
 * Everything is copied by value into rings; the only pointers are those of a job: spans,
 * recipients and texts, which the submitter keeps until DP_EVT_BODY_TAKEN or the last DP_EVT_RCPT
 * of that job.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/span.h"

enum {
	DP_TEXT_MAX = 192,  /* reply text that an event carries */
	DP_SPANS_MAX = 20,  /* spans of a message in a job, those of tags included */
	DP_TAGS_MAX = 4,    /* header lines that the content gate may put in front of a message */
	DP_TEXTS_MAX = 64,  /* pieces of text in a job */
	DP_RCPTS_MAX = 100, /* recipients in a job (RFC 5321 4.5.3.1.8) */
	DP_WINDOW_MAX = 32, /* transactions in flight on a connection */
	DP_CREDENTIALS_MAX = 256,
	DP_USER_MAX = 255,    /* bytes of who we are to a host */
	DP_SECRET_MAX = 6144, /* and of the password or token that goes with it */
	DP_HELO_BYTES = 256,  /* a domain name (RFC 1035 2.3.4) and NUL */
	DP_ASK_ROWS = 64,     /* rows of one answer */
	DP_ADDRESS_MAX = 320, /* local part 64 + @ + domain 255 (RFC 5321 4.5.3.1) */
};

/* Jobs that a connection takes: those in flight, and one that waits, so that no round trip goes
 * through control.
 */
static inline uint32_t dp_jobs_per_conn(uint32_t window)
{
	return (window == 0 ? 1 : window) + 1;
}

/* A session of a worker; a stale one is recognised, never dereferenced. */
struct dp_handle {
	uint32_t slot;
	uint32_t gen;
};

/* Whom a refusal concerns. */
enum dp_reach {
	DP_REACH_NONE,
	DP_REACH_HOST,      /* nothing can be sent to this host now */
	DP_REACH_MESSAGE,   /* this message; others may pass */
	DP_REACH_RECIPIENT, /* this recipient; the message's others may pass */
};

/* Where in the session something happened; smtp_steps.def names them. */
enum dp_step {
#define DP_STEP(sym, name) DP_STEP_##sym,
#include "dataplane/dp_step.def"
#undef DP_STEP
	DP_N_STEPS
};

enum dp_evt_kind {
	DP_EVT_OPEN, /* session ready: EHLO or HELO was accepted; `handle` is valid from here */
	DP_EVT_BODY_TAKEN, /* the worker holds its own copy: the job's spans may be freed */
	DP_EVT_RCPT,       /* how it went with one recipient of a job; exactly one per recipient */
	DP_EVT_CLOSED,     /* the last event of a connection; every job has had its events before */
};

enum dp_outcome {
	DP_OUT_DELIVERED,   /* 2yz to the end of the data: the server has it (RFC 5321 4.2.5) */
	DP_OUT_REFUSED,     /* 4yz or 5yz; `reach` says whom it concerns */
	DP_OUT_UNCONFIRMED, /* the last byte left, the answer never came (RFC 1047) */
	DP_OUT_NOT_TRIED,   /* ended before the server had it all: no attempt of the recipient's */
	DP_OUT_GATED,       /* held or rejected by the content gate, see `gate_rule` */
};

/* Why a connection ended, or why a recipient was not tried. */
enum dp_why {
#define DP_WHY(sym, text) DP_WHY_##sym,
#include "dataplane/dp_why.def"
#undef DP_WHY
	DP_N_WHYS
};

/* How a session is to be encrypted; each asks for more than the one before. */
enum dp_tls_policy {
#define DP_TLS(sym, name) DP_TLS_##sym,
#include "dataplane/dp_tls.def"
#undef DP_TLS
	DP_N_TLS
};

/* What is spoken on a connection. */
enum dp_proto {
	DP_PROTO_SMTP,
	DP_PROTO_LMTP, /* RFC 2033 */
};

/* How a session authenticates (RFC 4954). AUTO: by what is offered and what the secret is. */
enum dp_auth {
	DP_AUTH_AUTO,
	DP_AUTH_PLAIN,       /* RFC 4616 */
	DP_AUTH_LOGIN,       /* of no RFC, and in use */
	DP_AUTH_XOAUTH2,     /* likewise */
	DP_AUTH_OAUTHBEARER, /* RFC 7628 */
	DP_N_AUTHS
};

/* An identity at hosts that a dial may name by its number. */
struct dp_credential {
	uint32_t id;       /* 1 .. DP_CREDENTIALS_MAX */
	uint8_t mechanism; /* enum dp_auth */
	uint8_t is_token;  /* 0 or 1: the secret is an OAuth 2.0 access token */
	struct span user, secret;
};

/* What is known of a host beyond its own words: control remembers it, sessions find it out. */
enum dp_known {
	DP_KNOWN_NO_PIPELINING = 1 << 0, /* offers PIPELINING and loses count */
	DP_KNOWN_NO_CHUNKING = 1 << 1,   /* offers CHUNKING and refuses BDAT */
	DP_KNOWN_BDAT_WORKS = 1 << 2,    /* has accepted a message by BDAT */
	DP_KNOWN_PIPELINING = 1 << 3, /* offers PIPELINING: a window of more than one is of use */
	DP_KNOWN_TLS = 1 << 4, /* has completed TLS lately: nothing is said to it in the clear */
	DP_KNOWN_TOLD_APART = 1 << 5, /* its enhanced codes say which command a reply is to: windows
	                                 above 1 are used */
};

/* When a recipient wants to be reported on (RFC 3461 4.1); 0: not asked. */
enum dp_notify {
	DP_NOTIFY_NEVER = 1 << 0,
	DP_NOTIFY_SUCCESS = 1 << 1,
	DP_NOTIFY_FAILURE = 1 << 2,
	DP_NOTIFY_DELAY = 1 << 3,
};

/* How much of the message a report returns (RFC 3461 4.3). */
enum dp_ret { DP_RET_NONE, DP_RET_FULL, DP_RET_HDRS };

/* Which part of a message a piece of text is. */
enum dp_part {
	DP_PART_SUBJECT,
	DP_PART_TEXT,
	DP_PART_HTML,
	DP_PART_HEADER,
	DP_PART_NAME, /* of an attached or inline file */
	DP_PART_FILE, /* bytes of files, text or not */
	DP_N_PARTS
};

/* What a rule of the content gate asks for, mildest first, and how bad it is that it had to. */
enum dp_gate_action { DP_GATE_PASS, DP_GATE_TAG, DP_GATE_HOLD, DP_GATE_REJECT };
enum dp_gate_grade { DP_GATE_NOTE, DP_GATE_STOP };

/* Time-outs of the SMTP client (RFC 5321 4.5.3.2). */
struct dp_times {
	uint32_t connect_ms, banner_ms, ehlo_ms, mail_ms, rcpt_ms, data_ms, body_ms, dot_ms,
	    rset_ms, quit_ms;
};

/* One order to open a session. */
struct dp_dial {
	uint64_t conn;   /* the caller's name for the connection; comes back in every event */
	uint32_t source; /* index in dp_conf.sources; with the family of `remote` gives the local
	                    address */
	uint16_t remote_port; /* host order; 25, 24, 465 and 587 only */
	uint8_t tls;          /* enum dp_tls_policy */
	uint8_t protocol;     /* enum dp_proto */
	uint8_t window;       /* transactions in flight, 1 .. DP_WINDOW_MAX; 0 is 1 */
	uint8_t auth_in_clear, requiretls_ok; /* 0 or 1: the host is named in the configuration */
	uint16_t known;                       /* enum dp_known */
	uint16_t times;                       /* which of dp_conf.times; 0: dp_conf.smtp.times */
	uint32_t credential;                  /* to authenticate with; 0: none */
	struct ip_addr remote;
	char host[DP_HELO_BYTES]; /* its name, A-labels: for SNI and checks; "": none */
};

/* One recipient of a job. */
struct dp_rcpt {
	struct span address; /* without <> */
	struct span orcpt;   /* "rfc822;" and the address as xtext (RFC 3461 4.2); empty: none */
	uint8_t notify;      /* enum dp_notify */
};

/* A piece of a message as a reader sees it, decoded: what the content gate looks at. One with a
 * segment may be several texts (or names), with a zero byte between them.
 */
struct dp_text {
	struct span bytes;
	uint8_t part;     /* enum dp_part */
	uint32_t segment; /* the same in all messages of the campaign that say so; 0: its own */
};

/* One message for one session. What a message has few of stands last: nobody reads or copies more
 * of it than there is, see dp_job_bytes().
 */
struct dp_job {
	struct dp_handle conn;
	uint64_t message;            /* the caller's name for it; comes back in its events */
	struct span mail_from;       /* without <>; empty is the null reverse-path */
	struct span envid;           /* xtext (RFC 3461 4.4); empty: none */
	const struct dp_rcpt *rcpts; /* kept by the submitter as the spans are */
	const struct dp_text *text;  /* likewise */
	uint32_t campaign;           /* control's number of it; 0: none */
	uint32_t size_bytes;         /* sum of wire */
	uint16_t n_rcpts;            /* 1 .. DP_RCPTS_MAX */
	uint8_t n_wire, n_text;
	uint8_t needs_8bit, needs_smtputf8; /* 0 or 1; SMTP extensions the bytes ask for */
	uint8_t needs_binary;               /* 0 or 1: not made of lines (RFC 3030 3) */
	uint8_t requiretls;                 /* 0 or 1: RFC 8689 */
	uint8_t ret;                        /* enum dp_ret */
	uint8_t released;               /* 0 or 1: was held once; rules that hold are passed over */
	struct span wire[DP_SPANS_MAX]; /* the message, CRLF line ends, before dot-stuffing */
};

/* Bytes of it that say something. */
static inline size_t dp_job_bytes(const struct dp_job *job)
{
	assert(job->n_wire <= DP_SPANS_MAX);
	return offsetof(struct dp_job, wire) + job->n_wire * sizeof(job->wire[0]);
}

/* Past the last: what dp_answer.next says when there is nothing more to ask for. */
#define DP_ASK_END UINT32_MAX

/* A connection as its worker saw it. */
struct dp_conn_info {
	uint64_t conn;     /* as in dp_dial */
	uint64_t age_us;   /* since it was dialled */
	uint32_t source;   /* as in dp_dial */
	uint32_t messages; /* whose MAIL FROM left on it */
	struct ip_addr local, remote;
	uint16_t local_port, remote_port; /* host order */
	uint16_t resent;                  /* segments sent again; stops at the largest number */
	uint8_t step;                     /* enum dp_step it waits at */
	uint8_t tls;                      /* 0 or 1: TLS was begun */
	const char *tcp_state;            /* a constant */
	uint32_t srtt_us, rttvar_us, min_rtt_us, rto_us; /* 0: not measured yet */
	uint32_t cwnd_bytes, in_flight_bytes;
	uint32_t ssthresh_bytes; /* 0: no loss yet */
};

/* Some of a worker's connections, and where the next question goes on. */
struct dp_answer {
	uint32_t next; /* DP_ASK_END: these were the last */
	uint32_t n_rows;
	struct dp_conn_info rows[DP_ASK_ROWS];
};

/* What a worker tells control. Text is cut to DP_TEXT_MAX, `text_bytes` is what the reply had. */
struct dp_evt {
	uint8_t kind;        /* enum dp_evt_kind */
	uint8_t outcome;     /* enum dp_outcome, of DP_EVT_RCPT */
	uint8_t reach;       /* enum dp_reach, of a refusal */
	uint8_t step;        /* enum dp_step it happened in */
	uint8_t why;         /* enum dp_why, of DP_EVT_CLOSED and DP_OUT_NOT_TRIED */
	uint8_t enhanced[3]; /* RFC 3463 class.subject.detail, 0.0.0: none; each saturates at 255 */
	uint8_t
	    tls; /* of DP_EVT_OPEN: 12 or 13, TLS 1.2 or 1.3, the suite is in `text`; 0: clear */
	uint8_t gate;    /* of DP_OUT_GATED: enum dp_gate_action << 1 | enum dp_gate_grade */
	uint16_t code;   /* SMTP reply code; 0: no reply was involved */
	uint16_t rcpt;   /* index in the job */
	uint16_t learnt; /* enum dp_known: what this session has found out so far */
	uint16_t rcpts_max, mail_max,
	    domains_max; /* of DP_EVT_OPEN: LIMITS (RFC 9422); 0: unknown */
	uint16_t text_bytes;
	uint32_t gate_rule; /* of DP_OUT_GATED: its index; `text` has its id */
	uint32_t took_us; /* of DP_EVT_RCPT: since MAIL FROM left; of DP_EVT_OPEN: since the SYN */
	uint64_t conn;    /* as in dp_dial */
	uint64_t message; /* as in dp_job; 0 for connection events */
	struct dp_handle handle;
	uint64_t at_us; /* monotonic clock of the worker */
	char text[DP_TEXT_MAX];
};
static_assert(sizeof(struct dp_evt) % 64 == 0, "whole cache lines, nothing shared");
static_assert(sizeof(struct dp_evt) == 256, "rings are sized by it");
