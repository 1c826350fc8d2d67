/* txn.c - transactions of a session: their order, their recipients' verdicts, and their end. */
#include <stdio.h>

#include "dataplane/smtp/txn.h"

enum {
	COMMANDS_BYTES = 160, /* of MAIL, RCPT and BDAT together, mostly */
};

bool txn_add(struct session *s, const struct dp_job *job)
{
	struct smtp *smtp = s->smtp;
	struct txn *t;
	uint32_t slot;

	if (job->n_rcpts > smtp->conf.txns_max - smtp->n_rcpts)
		return false;
	slot = pool_try_get(&smtp->txns);
	t = txn_at(smtp, slot);
	assert(t != NULL); /* there are as many as recipients */
	smtp->n_rcpts += job->n_rcpts;
	memset(t, 0, offsetof(struct txn, job));
	memcpy(&t->job, job, dp_job_bytes(job));
	t->next = t->held_first = t->held_last = POOL_NONE;
	t->n_open = job->n_rcpts;
	for (uint16_t i = 0; i < job->n_rcpts; i++)
		t->open[i / 64] |= (uint64_t)1 << (i % 64);
	if (s->txn_last != POOL_NONE)
		txn_at(smtp, s->txn_last)->next = slot;
	else
		s->txn_first = slot;
	s->txn_last = slot;
	if (s->txn_said == POOL_NONE)
		s->txn_said = slot;
	s->n_jobs++;
	return true;
}

static void count_verdict(struct session *s, const struct dp_evt *v)
{
	struct dp_counters *c = s->smtp->conf.counters;

	switch ((enum dp_outcome)v->outcome) {
	case DP_OUT_DELIVERED:
		count(&c->smtp_delivered);
		break;
	case DP_OUT_REFUSED:
		count(v->code / 100 == 4 ? &c->smtp_refused_4yz : &c->smtp_refused_5yz);
		break;
	case DP_OUT_UNCONFIRMED:
		count(&c->smtp_unconfirmed);
		break;
	case DP_OUT_NOT_TRIED:
		count(&c->smtp_not_tried);
		break;
	case DP_OUT_GATED: /* counted there */
		break;
	}
}

static void emit_verdict(struct session *s, uint64_t now_us, struct dp_evt *v)
{
	count_verdict(s, v);
	if (v->outcome == DP_OUT_DELIVERED || (v->outcome == DP_OUT_REFUSED && v->code != 421))
		s->has_settled_jobs = true;
	session_emit(s, now_us, v);
}

/* Room for one more verdict that waits; there is one for each recipient. */
static struct dp_evt *hold(struct session *s, struct txn *t)
{
	uint32_t slot = pool_try_get(&s->smtp->helds);
	struct held *h;

	assert(slot != POOL_NONE);
	h = pool_at(&s->smtp->helds, slot);
	h->next = POOL_NONE;
	if (t->held_last != POOL_NONE)
		((struct held *)pool_at(&s->smtp->helds, t->held_last))->next = slot;
	else
		t->held_first = slot;
	t->held_last = slot;
	return &h->evt;
}

/* The verdicts that wait go up. */
static void emit_held(struct session *s, uint64_t now_us, struct txn *t)
{
	while (t->held_first != POOL_NONE) {
		uint32_t slot = t->held_first;
		struct held *h = pool_at(&s->smtp->helds, slot);
		struct dp_evt evt = h->evt;

		t->held_first = h->next;
		pool_put(&s->smtp->helds, slot);
		emit_verdict(s, now_us, &evt);
	}
	t->held_last = POOL_NONE;
}

/* Nothing of it is said or due any more: whoever gets its last verdict may free its spans. */
static bool is_over(const struct session *s, const struct txn *t)
{
	const struct due *d = dues_first(s);

	return t->is_said && (d == NULL || d->txn != t->number);
}

/* Whether what the server said of it was surely about it: proven, or all is answered and nothing
 * was said twice.
 */
static bool is_sure(const struct session *s, const struct txn *t)
{
	return s->is_proven || t->mail_us == 0 || (dues_count(s) == 0 && !t->in_doubt);
}

static void fill_verdict(struct dp_evt *v, uint64_t now_us, const struct session *s,
                         const struct txn *t, uint16_t rcpt, const struct ruling *r)
{
	memset(v, 0, offsetof(struct dp_evt, text));
	v->kind = DP_EVT_RCPT;
	v->outcome = (uint8_t)r->outcome;
	v->message = t->job.message;
	v->rcpt = rcpt;
	v->step = (uint8_t)r->step;
	v->took_us = t->mail_us == 0 ? 0 : (uint32_t)(now_us - t->mail_us);
	if (r->reply != NULL)
		evt_put_reply(v, r->reply);
	if (r->outcome == DP_OUT_GATED) {
		v->gate = r->said->gate;
		v->gate_rule = r->said->gate_rule;
		v->text_bytes = r->said->text_bytes;
		memcpy(v->text, r->said->text, sizeof(v->text));
	}
	if (r->outcome == DP_OUT_REFUSED)
		v->reach = (uint8_t)session_reach(s, r->step, r->reply->code);
	if (r->outcome == DP_OUT_NOT_TRIED || r->outcome == DP_OUT_UNCONFIRMED)
		v->why = (uint8_t)r->why;
}

void txn_judge(struct session *s, uint64_t now_us, struct txn *t, uint16_t rcpt,
               const struct ruling *r)
{
	bool is_theirs = r->reply != NULL && !r->is_ours;
	struct dp_evt now, *v = &now;

	assert(rcpt < t->job.n_rcpts);
	if (!txn_is_open(t, rcpt))
		return;
	t->open[rcpt / 64] &= ~((uint64_t)1 << (rcpt % 64));
	t->n_open--;
	t->in_doubt |= is_theirs && s->in_doubt;
	if (t->n_open == 0 && !(is_over(s, t) && is_sure(s, t))) {
		t->has_last = true;
		v = &t->last;
	} else if (t->n_open > 0 && is_theirs) {
		v = hold(s, t);
	}
	fill_verdict(v, now_us, s, t, rcpt, r);
	if (v != &now)
		return;
	t->has_told = t->n_open == 0;
	if (t->has_told)
		emit_held(s, now_us, t);
	emit_verdict(s, now_us, v);
}

void txn_judge_all(struct session *s, uint64_t now_us, struct txn *t, const struct ruling *r)
{
	for (uint16_t i = 0; t->n_open > 0 && i < t->job.n_rcpts; i++)
		txn_judge(s, now_us, t, i, r);
}

void txn_finish(struct session *s)
{
	struct txn *t = txn_said(s);

	assert(t != NULL && t->is_begun && s->said_cut == 0);
	t->is_said = true;
	s->txn_said = t->next;
}

static void put_txn(struct smtp *smtp, uint32_t slot)
{
	smtp->n_rcpts -= txn_at(smtp, slot)->job.n_rcpts;
	pool_put(&smtp->txns, slot);
}

/* Takes the oldest one out of the session's list. */
static void put_first(struct session *s)
{
	uint32_t slot = s->txn_first;
	struct txn *t = txn_at(s->smtp, slot);

	s->txn_first = t->next;
	if (s->txn_first == POOL_NONE)
		s->txn_last = POOL_NONE;
	if (s->txn_said == slot)
		s->txn_said = t->next;
	if (s->txn_heard == slot)
		s->txn_heard = POOL_NONE;
	s->n_jobs--;
	if (t->is_begun)
		s->n_flight--;
	put_txn(s->smtp, slot);
	if (s->n_flight == 0)
		dues_close(s);
}

static void settle_first(struct session *s, uint64_t now_us)
{
	struct txn *t = txn_oldest(s);

	assert(t->n_open == 0 && t->has_last != t->has_told);
	emit_held(s, now_us, t);
	if (t->has_last)
		emit_verdict(s, now_us, &t->last);
	put_first(s);
}

uint32_t txn_due(const struct session *s)
{
	const struct due *d = dues_first(s);
	uint32_t slot = s->txn_first;

	if (d == NULL)
		return POOL_NONE;
	while (txn_at(s->smtp, slot)->number != d->txn)
		slot = txn_at(s->smtp, slot)->next;
	return slot;
}

bool txn_has_ends(const struct session *s)
{
	const struct txn *t = txn_oldest(s), *last = NULL;

	if (!s->is_lmtp)
		return false;
	for (; t != NULL && t->is_begun; t = txn_at(s->smtp, t->next))
		last = t;
	return last != NULL && last->job.n_rcpts > 1;
}

void txn_settle_all(struct session *s, uint64_t now_us)
{
	struct txn *t;

	while ((t = txn_oldest(s)) != NULL && is_sure(s, t)) {
		if (!is_over(s, t)) {
			emit_held(s, now_us, t);
			return;
		}
		settle_first(s, now_us);
	}
}

void smtp_emit_not_tried(struct smtp *smtp, const struct session *s, uint64_t now_us,
                         const struct dp_job *job, enum dp_why why)
{
	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		struct dp_evt evt = { .kind = DP_EVT_RCPT,
			              .outcome = DP_OUT_NOT_TRIED,
			              .step = DP_STEP_IDLE,
			              .why = (uint8_t)why,
			              .rcpt = i,
			              .conn = s == NULL ? 0 : s->conn,
			              .learnt = s == NULL ? 0 : s->learnt,
			              .message = job->message,
			              .handle = job->conn,
			              .at_us = now_us };

		count(&smtp->conf.counters->smtp_not_tried);
		smtp->conf.emit(smtp->conf.emit_ctx, &evt);
	}
}

void txn_return(struct session *s, uint64_t now_us, enum dp_why why)
{
	uint32_t slot = s->txn_said, last = POOL_NONE;

	if (slot != POOL_NONE && txn_at(s->smtp, slot)->is_begun) {
		last = slot;
		slot = txn_at(s->smtp, slot)->next;
	} else {
		for (uint32_t i = s->txn_first; i != slot; i = txn_at(s->smtp, i)->next)
			last = i;
		s->txn_said = POOL_NONE;
	}
	s->txn_last = last;
	if (last == POOL_NONE)
		s->txn_first = POOL_NONE;
	else
		txn_at(s->smtp, last)->next = POOL_NONE;
	while (slot != POOL_NONE) {
		const struct txn *t = txn_at(s->smtp, slot);
		struct dp_job job = t->job;
		uint32_t next = t->next;

		s->n_jobs--;
		put_txn(s->smtp, slot);
		smtp_emit_not_tried(s->smtp, s, now_us, &job, why);
		slot = next;
	}
}

/* What is behind the one that was heard last has not come to an answer: it stands at its first
 * command, or at its end once that has left.
 */
static enum dp_step step_of(const struct session *s, const struct txn *t, bool is_first)
{
	if (is_first)
		return s->end_step;
	if (!t->is_whole)
		return DP_STEP_MAIL;
	return t->by_bdat ? DP_STEP_BDAT : DP_STEP_DOT;
}

/* A refusal of the only recipient is right even if it was meant for the command before or behind
 * that is about him too; only MAIL has another message before it, and the end one behind it.
 */
static bool stands(const struct session *s, const struct txn *t)
{
	const struct dp_evt *v = &t->last;

	if (is_sure(s, t))
		return true;
	return t->job.n_rcpts == 1 && t->has_last && v->outcome == DP_OUT_REFUSED &&
	       v->step != DP_STEP_DOT && (v->step != DP_STEP_MAIL || !t->in_doubt);
}

static void take_back(struct dp_evt *v, const struct ruling *r)
{
	/* What may have been accepted may be there. */
	v->outcome = v->outcome == DP_OUT_DELIVERED ? DP_OUT_UNCONFIRMED : (uint8_t)r->outcome;
	v->why = (uint8_t)r->why;
	v->reach = DP_REACH_NONE;
}

/* Verdicts that were never proven are none. */
static void take_all_back(struct session *s, struct txn *t, const struct ruling *r)
{
	uint32_t slot = t->held_first;

	while (slot != POOL_NONE) {
		struct held *h = pool_at(&s->smtp->helds, slot);

		take_back(&h->evt, r);
		slot = h->next;
	}
	if (t->has_last)
		take_back(&t->last, r);
}

void txn_end_all(struct session *s, uint64_t now_us, enum dp_why why, bool is_unread)
{
	bool is_first = true;

	while (s->n_flight > 0) {
		struct txn *t = txn_oldest(s);
		/* RFC 1047: once the last byte is out only the reply says whether the server has
		 * it. */
		struct ruling r = { .outcome = t->is_whole && !is_unread ? DP_OUT_UNCONFIRMED
			                                                 : DP_OUT_NOT_TRIED,
			            .step = step_of(s, t, is_first),
			            .why = why };

		if (!stands(s, t))
			take_all_back(s, t, &r);
		txn_judge_all(s, now_us, t, &r);
		settle_first(s, now_us);
		is_first = false;
	}
	txn_return(s, now_us, why);
}

/* A message that this server is sure to refuse is not offered to it. */
static void refuse_here(struct session *s, uint64_t now_us, struct txn *t, int rcpt, uint16_t code,
                        const uint8_t enhanced[3], const char *text)
{
	struct smtp_reply local = { .code = code };
	struct ruling r = { .outcome = DP_OUT_REFUSED,
		            .step = rcpt >= 0 ? DP_STEP_RCPT : DP_STEP_MAIL,
		            .reply = &local,
		            .is_ours = true };
	size_t bytes = strlen(text);

	assert(bytes <= DP_TEXT_MAX);
	memcpy(local.enhanced, enhanced, sizeof(local.enhanced));
	memcpy(local.text, text, bytes);
	local.text_bytes = (uint32_t)bytes;
	if (rcpt >= 0)
		txn_judge(s, now_us, t, (uint16_t)rcpt, &r);
	else
		txn_judge_all(s, now_us, t, &r);
}

/* Not 0 when one of eight bytes is a control character, or not ASCII where that counts. */
static uint64_t odd_of_eight(const uint8_t *at, uint64_t not_ascii)
{
	static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t c, del;

	memcpy(&c, at, sizeof(c));
	del = c ^ 0x7f * ones;
	return ((c - ' ' * ones) & ~c & highs) | ((del - ones) & ~del & highs) | (c & not_ascii);
}

/* An address that would break out of its command line, or is not what the command can carry. */
static bool is_unfit(const struct txn *t, struct span address)
{
	uint64_t not_ascii = t->job.needs_smtputf8 ? 0 : 0x8080808080808080u, odd = 0;
	uint8_t few[8] = "        ";

	if (address.bytes > DP_ADDRESS_MAX)
		return true;
	if (address.bytes < sizeof(few)) {
		for (size_t i = 0; i < address.bytes; i++)
			few[i] = address.at[i];
		return odd_of_eight(few, not_ascii) != 0;
	}
	for (size_t i = 0; i + 8 <= address.bytes; i += 8)
		odd |= odd_of_eight(address.at + i, not_ascii);
	return (odd | odd_of_eight(address.at + address.bytes - 8, not_ascii)) != 0;
}

static void refuse_unfit(struct session *s, uint64_t now_us, struct txn *t)
{
	const struct dp_job *job = &t->job;
	char text[DP_TEXT_MAX];

	for (uint16_t i = 0; i < job->n_rcpts; i++) {
		if (is_unfit(t, job->rcpts[i].address))
			refuse_here(s, now_us, t, i, 553, (const uint8_t[]){ 5, 1, 3 },
			            "recipient address cannot be said in SMTP");
	}
	if (is_unfit(t, job->mail_from))
		refuse_here(s, now_us, t, -1, 553, (const uint8_t[]){ 5, 1, 7 },
		            "sender address cannot be said in SMTP");
	if (s->caps.size_max_bytes != 0 && job->size_bytes > s->caps.size_max_bytes) {
		/* RFC 1870 6 */
		snprintf(text, sizeof(text), "message of %u bytes, host takes %llu at most",
		         job->size_bytes, (unsigned long long)s->caps.size_max_bytes);
		refuse_here(s, now_us, t, -1, 552, (const uint8_t[]){ 5, 3, 4 }, text);
	}
	if (job->needs_smtputf8 && !s->caps.smtputf8) /* RFC 6531 3.1: never a silent downgrade */
		refuse_here(s, now_us, t, -1, 554, (const uint8_t[]){ 5, 6, 7 },
		            "host does not offer SMTPUTF8");
	/* RFC 8689 4.2.1; until DANE or MTA-STS tell it, the configuration says which hosts. */
	if (job->requiretls && !(s->requiretls_ok && session_is_verified(s) && s->caps.requiretls))
		refuse_here(s, now_us, t, -1, 550, (const uint8_t[]){ 5, 7, 30 },
		            "REQUIRETLS: not a host of the configuration that offers it under "
		            "verified TLS");
}

/* RFC 6152 3, RFC 3030 3: what the host cannot take in this form may pass in another, which is made
 * where the message was.
 */
static bool needs_another_form(const struct session *s, const struct txn *t)
{
	if (t->job.needs_binary)
		return !s->caps.binarymime || !t->by_bdat;
	return t->job.needs_8bit && !s->caps.eightbit;
}

static uint32_t hash_of_domain(struct span address)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	size_t at = address.bytes;

	while (at > 0 && address.at[at - 1] != '@')
		at--;
	for (; at < address.bytes; at++) {
		uint8_t c = address.at[at];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
	}
	return h;
}

/* RFC 9422 4.3: so many domains in a session. Domains in turn count again: to ask for less than is
 * allowed does no harm, and no list of them is kept.
 */
static bool is_domain_too_many(struct session *s, struct span address)
{
	uint32_t h;

	if (s->caps.domains_max == 0)
		return false;
	h = hash_of_domain(address);
	if (s->n_domains > 0 && h == s->domain)
		return false;
	if (s->n_domains >= s->caps.domains_max)
		return true;
	s->n_domains++;
	s->domain = h;
	return false;
}

/* RFC 9422 4.1, 4.3, and what is configured: recipients beyond it are for another transaction. */
static void leave_out_too_many(struct session *s, uint64_t now_us, struct txn *t)
{
	const struct ruling r = { .outcome = DP_OUT_NOT_TRIED,
		                  .step = DP_STEP_MAIL,
		                  .why = DP_WHY_TOO_MANY };
	uint32_t most = s->smtp->conf.rcpts_max, n = 0;

	if (most == 0)
		most = DP_RCPTS_MAX;
	if (s->caps.rcpts_max != 0 && s->caps.rcpts_max < most)
		most = s->caps.rcpts_max;
	for (uint16_t i = 0; i < t->job.n_rcpts; i++) {
		if (!txn_is_open(t, i))
			continue;
		if (n >= most || is_domain_too_many(s, t->job.rcpts[i].address))
			txn_judge(s, now_us, t, i, &r);
		else
			n++;
	}
}

/* The content gate is asked last, while the buffers for the message are being fetched: what cannot
 * be sent here need not be scanned here. */
static void ask_gate(struct session *s, uint64_t now_us, struct txn *t)
{
	const struct smtp_conf *conf = &s->smtp->conf;
	struct dp_evt said; /* filled in by the gate, where it says no */
	struct ruling gated = { .outcome = DP_OUT_GATED, .step = DP_STEP_IDLE, .said = &said };

	tcp_expect_write(s->smtp->tcp, COMMANDS_BYTES + t->job.size_bytes);
	if (t->n_open > 0 && conf->gate != NULL && !conf->gate(conf->gate_ctx, &t->job, &said))
		txn_judge_all(s, now_us, t, &gated);
}

bool txn_begin(struct session *s, uint64_t now_us)
{
	struct txn *t = txn_said(s);
	struct ruling other = { .outcome = DP_OUT_NOT_TRIED,
		                .step = DP_STEP_EHLO,
		                .why = DP_WHY_NEEDS_7BIT };

	assert(t != NULL && !t->is_begun);
	if (s->n_flight == 0)
		dues_open(s);
	s->n_flight++;
	s->has_begun_jobs = true;
	t->is_begun = true;
	t->number = s->next_number++;
	/* With several recipients 354 is needed: it proves which of them were accepted. */
	t->by_bdat = session_chunks(s) && t->job.n_rcpts == 1;
	smtp_body_begin(&t->body, t->by_bdat);
	s->said_step = s->is_clean ? DP_STEP_MAIL : DP_STEP_RSET;
	s->said_rcpt = 0;
	refuse_unfit(s, now_us, t);
	if (needs_another_form(s, t))
		txn_judge_all(s, now_us, t, &other);
	leave_out_too_many(s, now_us, t);
	ask_gate(s, now_us, t);
	return t->n_open > 0;
}
