/* smtp_mail.c - the steps of a transaction: what is said and what the answer does to it. */
#include "dataplane/base/fetch.h"
#include "dataplane/smtp/line.h"
#include "dataplane/smtp/txn.h"

enum {
	AHEAD_BYTES = 1448, /* a segment on most paths */
};

bool say_rset(struct session *s, uint64_t now_us)
{
	if (!session_say_line(s, now_us, "RSET\r\n"))
		return false;
	s->is_clean = true;
	return true;
}

bool say_data(struct session *s, uint64_t now_us)
{
	return session_say_line(s, now_us, "DATA\r\n");
}

static uint64_t wire_bytes(const struct dp_job *job)
{
	uint64_t n = 0;

	for (uint8_t i = 0; i < job->n_wire; i++)
		n += job->wire[i].bytes;
	return n;
}

/* RFC 3030 2: the whole message is one chunk, and the octets follow without waiting. */
bool say_bdat(struct session *s, uint64_t now_us)
{
	char place[48];
	struct line line = line_in(place, sizeof(place));

	LINE_PUT(&line, "BDAT ");
	line_put_number(&line, wire_bytes(&txn_said(s)->job));
	LINE_PUT(&line, " LAST\r\n");
	if (!session_say(s, now_us, place, (size_t)(line.at - place)))
		return false;
	count(&s->smtp->conf.counters->smtp_bdat);
	return true;
}

/* While a segment's worth is copied the next one's bytes and its buffer are fetched. Short messages
 * were fetched as a whole before they began.
 */
static void expect_rest(const struct session *s, const struct txn *t, size_t copied_now)
{
	const struct span *from = &t->job.wire[t->body.span];
	size_t at = t->body.at + copied_now, left;

	if (t->body.span == t->job.n_wire || at >= from->bytes)
		return;
	left = from->bytes - at < AHEAD_BYTES ? from->bytes - at : AHEAD_BYTES;
	fetch_to_read(from->at + at, left);
	tcp_expect_write(s->smtp->tcp, left);
}

/* What BDAT has announced is owed whatever became of the recipients. Nothing is said when the
 * server asks for a body that has no recipient: only the lone dot follows (RFC 2920 3.1).
 */
bool say_body(struct session *s, uint64_t now_us)
{
	struct txn *t = txn_said(s);
	struct dp_evt taken = { .kind = DP_EVT_BODY_TAKEN, .message = t->job.message };

	if (!t->by_bdat && t->n_open == 0)
		return true;
	while (!smtp_body_is_done(&t->body, &t->job)) {
		uint8_t *at;
		size_t room = wire_write_start(s, now_us, &at);

		if (room == 0)
			return false;
		expect_rest(s, t, room);
		wire_write_done(s, now_us, smtp_body_copy(&t->body, &t->job, at, room));
	}
	t->is_whole = t->by_bdat;
	session_emit(s, now_us, &taken);
	return true;
}

bool say_dot(struct session *s, uint64_t now_us)
{
	struct txn *t = txn_said(s);

	t->is_whole = session_say_line(s, now_us, t->body.line_open ? "\r\n.\r\n" : ".\r\n");
	/* Whatever the answer is, the transaction is over then (RFC 5321 4.1.1.4). */
	s->is_clean |= t->is_whole;
	return t->is_whole;
}

/* A refusal of all that is open of the transaction that was heard. */
static void refuse_all(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct ruling r = { .outcome = DP_OUT_REFUSED, .step = s->heard.step, .reply = reply };

	txn_judge_all(s, now_us, txn_heard(s), &r);
}

/* 503 to a command that was in its place in a flight: the server has lost count of what was
 * pipelined, or we of its replies, so the answer is no word on anybody.
 */
static bool has_lost_count(struct session *s, uint64_t now_us, const struct smtp_reply *reply,
                           bool is_in_place)
{
	bool is_in_flight = s->heard.is_late || dues_count(s) > 0;

	if (reply->code != 503 || !is_in_flight || !is_in_place)
		return false;
	s->learnt |= DP_KNOWN_NO_PIPELINING;
	session_end_by_nonsense(s, now_us, reply);
	return true;
}

/* It can fail only where we and the server are not in step: behind a refused BDAT it shows whether
 * the octets were taken for commands.
 */
void hear_rset(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	bool is_probe = s->step == DP_STEP_RSET;

	if (is_good(reply) && is_probe && !order_try_clear(s)) {
		session_end_by_nonsense(s, now_us, reply);
		return;
	}
	if (is_probe)
		s->step = DP_STEP_IDLE;
	if (is_good(reply))
		return;
	if (s->was_bdat_refused)
		s->learnt |= DP_KNOWN_NO_CHUNKING;
	session_end_with(s, now_us, SESSION_END_FIN, DP_WHY_REPLY, reply);
}

void hear_mail(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (has_lost_count(s, now_us, reply, true))
		return;
	if (is_refusal(reply))
		refuse_all(s, now_us, reply);
	else if (!is_good(reply))
		session_end_by_nonsense(s, now_us, reply);
}

/* RFC 5321 4.5.3.1.10: 452 to a recipient behind some that were accepted says that there are enough
 * for one transaction; older servers say 552. RFC 3463 calls it X.5.3.
 */
static bool is_too_many(const struct txn *t, const struct smtp_reply *reply)
{
	static const uint8_t none[3] = { 0 };

	if (t->n_accepted == 0 || (reply->code != 452 && reply->code != 552))
		return false;
	if (reply->enhanced[1] == 5 && reply->enhanced[2] == 3)
		return true;
	return reply->code == 452 && memcmp(reply->enhanced, none, sizeof(none)) == 0;
}

/* The others are for another transaction, those that are not said yet without being asked for. */
static void stop_at_too_many(struct session *s, uint64_t now_us, struct txn *t,
                             const struct smtp_reply *reply)
{
	struct ruling r = { .outcome = DP_OUT_NOT_TRIED,
		            .step = DP_STEP_RCPT,
		            .why = DP_WHY_TOO_MANY,
		            .reply = reply };
	uint16_t from = t->job.n_rcpts;

	txn_judge(s, now_us, t, s->heard.rcpt, &r);
	if (s->caps.rcpts_max == 0 || t->n_accepted < s->caps.rcpts_max)
		s->caps.rcpts_max = t->n_accepted;
	if (t == txn_said(s) && s->said_step == DP_STEP_RCPT)
		from = (uint16_t)(s->said_rcpt + (s->said_cut > 0 ? 1 : 0));
	if (from == s->said_rcpt && from < t->job.n_rcpts)
		s->said_step = t->by_bdat ? DP_STEP_BDAT : DP_STEP_DATA;
	for (uint16_t i = from; i < t->job.n_rcpts; i++)
		txn_judge(s, now_us, t, i, &r);
}

/* 251 and 252 are acceptance (RFC 5321 3.4, 3.5.3). After a refused MAIL every RCPT is refused too;
 * its recipients have their verdicts already.
 */
void hear_rcpt(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct txn *t = txn_heard(s);
	struct ruling r = { .outcome = DP_OUT_REFUSED, .step = DP_STEP_RCPT, .reply = reply };

	if (has_lost_count(s, now_us, reply, txn_is_open(t, s->heard.rcpt)))
		return;
	if (is_good(reply) && s->in_doubt && t->n_open == 0)
		session_end_by_nonsense(s, now_us, reply); /* MAIL was refused, it seemed */
	else if (is_good(reply))
		t->n_accepted++;
	else if (!is_refusal(reply))
		session_end_by_nonsense(s, now_us, reply);
	else if (is_too_many(t, reply))
		stop_at_too_many(s, now_us, t, reply);
	else
		txn_judge(s, now_us, t, s->heard.rcpt, &r);
}

/* When all recipients were refused DATA may be answered either way (RFC 2920 3.1); the verdicts
 * stay those of RCPT. Behind 354 the next reply is to the end of the data.
 */
void hear_data(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct txn *t = txn_heard(s);

	assert(t == txn_said(s) && s->said_step == DP_STEP_BODY);
	if (has_lost_count(s, now_us, reply, t->n_open > 0))
		return;
	if (reply->code == 354 && s->is_lmtp && t->n_open == 0) {
		/* RFC 2033 4.2: no answer would be due to the end of this data. */
		session_end_by_nonsense(s, now_us, reply);
	} else if (reply->code == 354) {
		t->is_body_due = true;
		dues_push(s, DP_STEP_DOT, t->number, 0);
	} else if (is_refusal(reply)) {
		refuse_all(s, now_us, reply);
		txn_finish(s);
	} else {
		session_end_by_nonsense(s, now_us, reply);
	}
}

/* A reply before our last byte is out cannot be about the message. A refusal is believed, since the
 * server will not take the rest; but the body cannot be ended without offering a torn message, so
 * the connection is.
 */
static void hear_early(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (!is_refusal(reply)) {
		session_end_by_nonsense(s, now_us, reply);
		return;
	}
	if (reply->code != 421)
		refuse_all(s, now_us, reply);
	session_end_with(s, now_us, SESSION_END_FIN, DP_WHY_REPLY, reply);
}

/* RFC 3463 3.2: 2.1.Z speaks of an address, so it answers MAIL or RCPT: in a flight with them
 * the server has said one reply too many, and this is not about the message.
 */
static bool is_of_address(const struct session *s, const struct smtp_reply *reply)
{
	return s->heard.is_late && reply->enhanced[0] == 2 && reply->enhanced[1] == 1;
}

static void deliver_all(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct ruling r = { .outcome = DP_OUT_DELIVERED, .step = s->heard.step, .reply = reply };

	if (is_of_address(s, reply)) {
		s->learnt |= DP_KNOWN_NO_PIPELINING;
		session_end_by_nonsense(s, now_us, reply);
		return;
	}
	if (r.step == DP_STEP_BDAT && txn_heard(s)->n_open > 0)
		s->learnt |= DP_KNOWN_BDAT_WORKS;
	txn_judge_all(s, now_us, txn_heard(s), &r);
}

/* RFC 2033 4.2: a reply for each recipient that was accepted, in their order. */
static void hear_of_each(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct txn *t = txn_heard(s);
	struct ruling r = { .outcome = is_good(reply) ? DP_OUT_DELIVERED : DP_OUT_REFUSED,
		            .step = DP_STEP_DOT,
		            .reply = reply };
	uint16_t rcpt = 0;

	while (!txn_is_open(t, rcpt))
		rcpt++;
	if (t->n_open > 1) /* the next one's comes behind it; nothing else is due meanwhile */
		dues_push(s, DP_STEP_DOT, t->number, 0);
	txn_judge(s, now_us, t, rcpt, &r);
}

/* RFC 5321 4.2.5: with 2yz the server has the message. */
void hear_dot(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	if (!txn_heard(s)->is_whole)
		hear_early(s, now_us, reply);
	else if (s->is_lmtp && (is_good(reply) || is_refusal(reply)))
		hear_of_each(s, now_us, reply);
	else if (is_good(reply))
		deliver_all(s, now_us, reply);
	else if (is_refusal(reply))
		refuse_all(s, now_us, reply);
	else
		session_end_by_nonsense(s, now_us, reply);
}

/* 5yz to a BDAT that had recipients: either the message is refused or the command is, and a server
 * that does not know it reads the octets as commands. What it says next is no word on anybody, so
 * the connection ends at once and what was behind is for another one. 50z says that it was the
 * command (RFC 5321 4.2.1): then the message has not been looked at either.
 */
static void hear_bdat_refused(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct txn *t = txn_heard(s);
	struct ruling r = { .outcome = DP_OUT_NOT_TRIED,
		            .step = DP_STEP_BDAT,
		            .why = DP_WHY_NO_CHUNKING,
		            .reply = reply };

	count(&s->smtp->conf.counters->smtp_bdat_refused);
	s->learnt |= DP_KNOWN_NO_CHUNKING;
	if (reply->code / 10 == 50)
		txn_judge_all(s, now_us, t, &r);
	else
		refuse_all(s, now_us, reply);
	txn_end_all(s, now_us, DP_WHY_NO_CHUNKING, true);
	session_end_with(s, now_us, SESSION_END_ABORT, DP_WHY_REPLY, reply);
}

static bool is_begun(const struct smtp *smtp, uint32_t slot)
{
	return slot != POOL_NONE && txn_at(smtp, slot)->is_begun;
}

/* RFC 3030 2. A transaction without recipients is answered 503 or the like, its octets consumed:
 * the RSET in front of the next one shows whether they were.
 */
void hear_bdat(struct session *s, uint64_t now_us, const struct smtp_reply *reply)
{
	struct txn *t = txn_heard(s);

	if (reply->code / 100 == 5 && t->n_open > 0) {
		hear_bdat_refused(s, now_us, reply);
	} else if (!t->is_whole) {
		hear_early(s, now_us, reply);
	} else if (is_good(reply)) {
		if (t->n_open == 0 && s->in_doubt) {
			session_end_by_nonsense(s, now_us, reply); /* RCPT was refused, it seemed */
			return;
		}
		deliver_all(s, now_us, reply);
		if (s->end != SESSION_LIVES)
			return;
		s->was_bdat_refused = false;
		s->is_clean |= session_n_due(s) == 0 && t->next == s->txn_said &&
		               !is_begun(s->smtp, s->txn_said);
	} else if (is_refusal(reply)) {
		refuse_all(s, now_us, reply);
		s->was_bdat_refused = true;
	} else {
		session_end_by_nonsense(s, now_us, reply);
	}
}
