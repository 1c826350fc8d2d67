/* order.c - whether a reply is to the command it is taken for.
 *
 * A reply belongs to a command by order alone, so one that is said twice, or not at all, moves all
 * behind it by one place. Two things tell:
 *
 * A reply that can be to no other command near it proves its place, and with it that of all before:
 * 354 is only said to DATA. Where a host's enhanced codes name what they are about (RFC 3463: 2.1.0
 * a sender, 2.1.5 a recipient, the rest no address) those prove theirs.
 *
 * Else all that was said must be answered, so that none is missing, and no reply may be the same as
 * the one before it: then it may have been said twice, and from there on all is in doubt. In doubt
 * RSET is said. When it is answered 2yz a message of one recipient has got its verdict either way:
 * each of its replies is one of the same message or of a RSET.
 */
#include "dataplane/smtp/txn.h"

static uint64_t bytes_at(const char *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* The same for replies that are the same; others are seldom taken for it, and only delayed. */
static uint32_t mark_of(const struct smtp_reply *r)
{
	size_t kept = r->text_bytes < DP_TEXT_MAX ? r->text_bytes : DP_TEXT_MAX;
	uint64_t h = (uint64_t)r->code << 32 | r->text_bytes, end = 0;

	if (kept >= sizeof(h)) {
		h ^= bytes_at(r->text) * 0x9e3779b97f4a7c15u;
		end = bytes_at(r->text + kept - sizeof(h));
	} else {
		memcpy(&end, r->text, kept);
	}
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
	h = (h ^ end ^ h >> 32) * 0x94d049bb133111ebu;
	return (uint32_t)(h >> 32) | 1;
}

/* What an enhanced code of a good reply is about. */
enum about { ABOUT_NOTHING, ABOUT_SENDER, ABOUT_RCPT, ABOUT_OTHER };

static enum about about_of(const struct smtp_reply *r)
{
	if (!is_good(r) || r->enhanced[0] != 2)
		return ABOUT_NOTHING;
	if (r->enhanced[1] != 1)
		return ABOUT_OTHER;
	return r->enhanced[2] == 0 ? ABOUT_SENDER : ABOUT_RCPT;
}

static enum about about_of_step(uint8_t step)
{
	switch ((enum dp_step)step) {
	case DP_STEP_MAIL:
		return ABOUT_SENDER;
	case DP_STEP_RCPT:
		return ABOUT_RCPT;
	case DP_STEP_BDAT:
	case DP_STEP_DOT:
		return ABOUT_OTHER;
	default:
		return ABOUT_NOTHING;
	}
}

/* RFC 2033 4.2: a reply for each recipient. */
static bool has_ends(const struct session *s, const struct txn *t)
{
	return s->is_lmtp && t->job.n_rcpts > 1;
}

/* Whether a reply of a host that tells them apart can only be to its own command: not to the one
 * behind it, which it would be with one missing, nor to the one before it.
 */
static bool is_of_its_own(const struct session *s, const struct txn *t, enum about about)
{
	switch ((enum dp_step)s->heard.step) {
	case DP_STEP_MAIL:
		return about == ABOUT_SENDER;
	case DP_STEP_RCPT: /* others may stand around it */
		return about == ABOUT_RCPT && t->job.n_rcpts == 1;
	case DP_STEP_DOT: /* MAIL is behind it, or in LMTP another one */
		return about == ABOUT_OTHER && !has_ends(s, t);
	case DP_STEP_BDAT: /* RSET is behind it, which may be answered alike */
		return about == ABOUT_OTHER && s->knows_rset && s->rset_mark != s->heard_mark;
	case DP_STEP_RSET: /* before it is the end of a message */
		return about != ABOUT_SENDER && about != ABOUT_NOTHING && s->was_end;
	default:
		return false;
	}
}

/* Whether a refusal here leaves nothing of the transaction that may be answered 2yz, whichever of
 * its commands it was to: then only RSET can be.
 */
static bool is_refused_for_good(const struct session *s, const struct txn *t)
{
	if (s->heard.step == DP_STEP_DATA)
		return true;
	return (s->heard.step == DP_STEP_RCPT || s->heard.step == DP_STEP_BDAT) &&
	       t->job.n_rcpts == 1;
}

static void clear_doubt(struct session *s)
{
	uint32_t slot = s->txn_first;

	s->in_doubt = false;
	for (uint8_t i = 0; i < s->n_flight; i++) {
		struct txn *t = txn_at(s->smtp, slot);

		t->in_doubt = false;
		slot = t->next;
	}
}

/* A transaction whose three replies name what they are about: the host tells them apart. */
static void learn(struct session *s, struct txn *t, enum about about)
{
	bool fits = about != ABOUT_NOTHING && about == about_of_step(s->heard.step);

	if (s->heard.step == DP_STEP_MAIL)
		t->is_told = fits;
	else if (s->heard.step == DP_STEP_RCPT)
		t->is_told &= fits;
	else if (fits && t->is_told && !s->in_doubt)
		s->learnt |= DP_KNOWN_TOLD_APART;
	/* Who does not keep to it is given time to answer all. */
	if (about != ABOUT_NOTHING && !fits && session_is_told_apart(s))
		s->is_stopped = true;
	s->was_end = fits && about == ABOUT_OTHER;
}

void order_note(struct session *s, const struct smtp_reply *reply)
{
	uint32_t mark = mark_of(reply);
	enum about about = about_of(reply);
	struct txn *t = txn_heard(s);
	bool is_proof = false;

	s->is_same = mark == s->heard_mark;
	s->heard_mark = mark;
	s->in_doubt |= s->is_same;
	if (s->heard.step == DP_STEP_DATA)
		is_proof = reply->code == 354;
	else if (s->heard.step == DP_STEP_RSET && s->was_refused)
		is_proof = is_good(reply);
	else if (!s->is_same && session_is_told_apart(s))
		is_proof = is_of_its_own(s, t, about);
	if (is_proof && s->in_doubt)
		clear_doubt(s);
	s->is_proven = is_proof;
	if (s->heard.step == DP_STEP_RSET && is_proof) {
		s->knows_rset = mark == s->rset_mark;
		s->rset_mark = mark;
	}
	s->was_refused = is_refusal(reply) && is_refused_for_good(s, t);
	if (t != NULL && about_of_step(s->heard.step) != ABOUT_NOTHING)
		learn(s, t, about);
	else
		s->was_end = false;
}

bool order_needs_probe(const struct session *s)
{
	const struct txn *said = txn_said(s);

	/* What is being said already will be answered, too. */
	if (!s->in_doubt || s->n_flight == 0 || dues_count(s) > 0 ||
	    (said != NULL && said->is_begun))
		return false;
	return txn_oldest(s)->in_doubt;
}

static bool is_all_delivered(const struct smtp *smtp, const struct txn *t)
{
	uint32_t slot = t->held_first;

	while (slot != POOL_NONE) {
		const struct held *h = pool_at(&smtp->helds, slot);

		if (h->evt.outcome != DP_OUT_DELIVERED)
			return false;
		slot = h->next;
	}
	return t->has_last && t->last.outcome == DP_OUT_DELIVERED;
}

/* Whether it is judged the same when one of its replies was said twice, and this is not RSET's but
 * its own last one. A refusal of MAIL may be the one before it said again. With several recipients
 * DATA was refused, which is never answered 2yz, or they are LMTP's words behind the end.
 */
static bool is_same_either_way(const struct smtp *smtp, const struct txn *t)
{
	if (t->has_last && t->last.step == DP_STEP_MAIL)
		return false;
	return t->job.n_rcpts == 1 || !t->is_whole || is_all_delivered(smtp, t);
}

bool order_try_clear(struct session *s)
{
	uint32_t slot = s->txn_first;

	for (uint8_t i = 0; i < s->n_flight; i++) {
		const struct txn *t = txn_at(s->smtp, slot);

		if (t->in_doubt && !is_same_either_way(s->smtp, t))
			return false;
		slot = t->next;
	}
	clear_doubt(s);
	s->is_proven = true;
	s->in_doubt = true; /* what comes next is still */
	return true;
}
