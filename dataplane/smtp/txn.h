/* txn.h - one transaction of a session: a message, its recipients, and their verdicts.
 *
 * Owner   the session whose list it is in.
 * Life    txn_add() .. the last verdict of its recipients. At most as many as recipients that
 *         control may have submitted, so the pool of the engine has room by construction.
 *
 * A verdict goes up as soon as it is sure that the reply was to this command (order.c), the last
 * one of a transaction when nothing of it is said or due any more: then its spans are read no more.
 */
#pragma once

#include <stddef.h>

#include "dataplane/smtp/body.h"
#include "dataplane/smtp/session.h"

/* A verdict that waits for proof. */
struct held {
	uint32_t next; /* of the transaction; POOL_NONE: the last */
	struct dp_evt evt;
};

struct txn {
	uint64_t mail_us; /* when MAIL left; 0: not yet */
	uint32_t next;    /* of the session; POOL_NONE: the last */
	uint16_t n_open;  /* recipients without a verdict */
	uint16_t n_accepted;
	struct smtp_body body;
	uint8_t number;       /* of those begun in the session */
	bool is_begun : 1;    /* its first command is being said, or was */
	bool is_said : 1;     /* nothing more of it will be said */
	bool is_whole : 1;    /* the last byte of the message was handed to TCP */
	bool by_bdat : 1;     /* RFC 3030 */
	bool is_body_due : 1; /* DATA was answered 354: a body or a lone dot is due */
	bool is_full : 1;     /* the server takes no more recipients for it */
	bool has_last : 1;    /* `last` is filled in */
	bool has_told : 1;    /* the last verdict went up at once */
	bool in_doubt : 1;    /* a verdict was fixed while its session was */
	bool is_told : 1;     /* MAIL and RCPT were answered with their own enhanced codes */
	uint32_t held_first, held_last; /* verdicts that wait, in order, but for the last one;
	                                   POOL_NONE: none */
	uint64_t open[(DP_RCPTS_MAX + 63) / 64]; /* bits: recipients without a verdict */
	struct dp_job job;                       /* dp_job_bytes() of it */
	struct dp_evt last; /* the last verdict, until the transaction is over */
};

enum { /* all that most touch: a message of a few pieces, whose verdict comes last */
       TXN_HOT_BYTES = offsetof(struct txn, job.wire) + 4 * sizeof(struct span),
};

/* What is decided of a recipient. */
struct ruling {
	enum dp_outcome outcome;
	enum dp_step step;
	enum dp_why why;                /* of NOT_TRIED and UNCONFIRMED */
	const struct smtp_reply *reply; /* NULL: none was involved */
	const struct dp_evt *said;      /* of GATED: what the gate has filled in */
	bool is_ours;                   /* the reply is of our own making */
};

static inline struct txn *txn_at(const struct smtp *smtp, uint32_t slot)
{
	return slot == POOL_NONE ? NULL : pool_at(&smtp->txns, slot);
}

/* The one that is being said, or said next; NULL: none. */
static inline struct txn *txn_said(const struct session *s)
{
	return txn_at(s->smtp, s->txn_said);
}

/* The oldest. NULL: none. */
static inline struct txn *txn_oldest(const struct session *s)
{
	return txn_at(s->smtp, s->txn_first);
}

/* The one that the newest reply is about. NULL: none. */
static inline struct txn *txn_heard(const struct session *s)
{
	return txn_at(s->smtp, s->txn_heard);
}

/* The last one that was begun has several replies to its end (RFC 2033 4.2). */
bool txn_has_ends(const struct session *s);

/* The slot of the one whose reply is due first; POOL_NONE: none is due. */
uint32_t txn_due(const struct session *s);

static inline bool txn_is_open(const struct txn *t, uint16_t rcpt)
{
	return (t->open[rcpt / 64] >> (rcpt % 64) & 1) != 0;
}

/* Queues a job. False when there is no room: nothing happened. */
bool txn_add(struct session *s, const struct dp_job *job);

/* The next transaction of the session begins: `txn_said`. What the server is sure to refuse or must
 * not be asked is judged; true when something is left to say.
 */
bool txn_begin(struct session *s, uint64_t now_us);

/* Fixes the verdict of a recipient, unless it has one. */
void txn_judge(struct session *s, uint64_t now_us, struct txn *t, uint16_t rcpt,
               const struct ruling *r);

/* The same for all of them. */
void txn_judge_all(struct session *s, uint64_t now_us, struct txn *t, const struct ruling *r);

/* Nothing more of `txn_said` will be said: the next one's turn. */
void txn_finish(struct session *s);

/* Verdicts that are sure go up; transactions that are over give their last one and go. */
void txn_settle_all(struct session *s, uint64_t now_us);

/* Gives all that have not begun back, untried. */
void txn_return(struct session *s, uint64_t now_us, enum dp_why why);

/* The session ends: whatever is open is judged, and all are gone. `why` of those behind the one
 * that was heard last.
 */
void txn_end_all(struct session *s, uint64_t now_us, enum dp_why why, bool is_unread);

/* Emits one NOT_TRIED per recipient of a job. `s` is NULL when the session is gone. */
void smtp_emit_not_tried(struct smtp *smtp, const struct session *s, uint64_t now_us,
                         const struct dp_job *job, enum dp_why why);

/* smtp_mail.c, smtp_command.c: the steps of a transaction, for the table. */
say_fn say_rset, say_mail, say_rcpt, say_data, say_bdat, say_body, say_dot;
hear_fn hear_rset, hear_mail, hear_rcpt, hear_data, hear_bdat, hear_dot;
