/* expect.c - fetches what the next calls will touch, for many sessions together.
 *
 * With thousands of sessions nothing of one is in the cache when its reply comes. Each step reads
 * what the step before has fetched for all, and fetches what that points to: the processor waits
 * for memory once a step, and not once a pointer of each session.
 *
 * Not     anything that must be right: a session that ends meanwhile was fetched in vain.
 */
#include "dataplane/base/fetch.h"
#include "dataplane/smtp/txn.h"

enum {
	DUES_BYTES = 64,   /* counts, and the oldest of those that are due */
	TEXT_BYTES = 4096, /* of a message; the processor sees from there on that it is a stream */
	TEXTS = 4,
};

static void fetch_txn(const struct smtp *smtp, uint32_t slot)
{
	if (slot == POOL_NONE)
		return;
	fetch(txn_at(smtp, slot), TXN_HOT_BYTES);
	fetch(&smtp->txns.marks[slot], sizeof(smtp->txns.marks[slot]));
}

static void fetch_tables(const struct session *s)
{
	const struct smtp *smtp = s->smtp;

	fetch(&smtp->wheel.nodes[s->handle.slot], sizeof(smtp->wheel.nodes[0]));
	if (s->tls != NULL)
		fetch(s->tls, TLS_HOT_BYTES);
	if (s->dues != POOL_NONE) {
		fetch(pool_at(&smtp->dues, s->dues), DUES_BYTES);
		fetch(&smtp->dues.marks[s->dues], sizeof(smtp->dues.marks[s->dues]));
	}
	fetch_txn(smtp, s->txn_first);
	if (s->txn_said != s->txn_first)
		fetch_txn(smtp, s->txn_said);
}

/* The message that is said next, if nothing of it was: its submitter keeps it until then. */
static const struct dp_job *waiting(const struct session *s)
{
	const struct txn *t = txn_said(s);

	return t == NULL || t->is_begun ? NULL : &t->job;
}

typedef void fetch_fn(const void *at, size_t bytes);

/* The beginning of the message, of many spans or few. */
static void fetch_wire(const struct dp_job *job, fetch_fn *how)
{
	size_t left = TEXT_BYTES;

	for (uint8_t i = 0; i < job->n_wire && left > 0; i++) {
		size_t n = job->wire[i].bytes < left ? job->wire[i].bytes : left;

		if (n > 0)
			how(job->wire[i].at, n);
		left -= n;
	}
}

static void fetch_job(const struct dp_job *job)
{
	if (job->mail_from.bytes > 0)
		fetch(job->mail_from.at, job->mail_from.bytes);
	fetch(job->rcpts, sizeof(*job->rcpts));
	if (job->n_text > 0)
		fetch(job->text, (job->n_text < TEXTS ? job->n_text : TEXTS) * sizeof(*job->text));
	fetch_wire(job, fetch_pages);
}

static void fetch_message(const struct dp_job *job)
{
	if (job->rcpts[0].address.bytes > 0)
		fetch(job->rcpts[0].address.at, job->rcpts[0].address.bytes);
	fetch_wire(job, fetch_to_read);
}

void session_expect(void *const *sessions, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		fetch(sessions[i], sizeof(struct session));
	for (uint32_t i = 0; i < n; i++)
		fetch_tables(sessions[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct dp_job *job = waiting(sessions[i]);

		if (job != NULL)
			fetch_job(job);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct dp_job *job = waiting(sessions[i]);

		if (job != NULL)
			fetch_message(job);
	}
}

/* The job's session; NULL: it is gone. */
static const struct session *session_of(const struct smtp *smtp, const struct dp_job *job)
{
	if (!pool_is_live(&smtp->sessions, job->conn.slot, job->conn.gen))
		return NULL;
	return pool_at(&smtp->sessions, job->conn.slot);
}

/* Its window has room. */
static bool says_at_once(const struct session *s)
{
	return s != NULL && s->n_jobs < s->window;
}

/* A job goes into a slot of the pool, and behind the others of its session. What waits for its turn
 * is fetched then.
 */
void smtp_expect(const struct smtp *smtp, const struct dp_job *const *jobs, uint32_t n)
{
	uint32_t slot = POOL_NONE;

	for (uint32_t i = 0; i < n; i++) {
		if (jobs[i]->conn.slot < smtp->sessions.n)
			fetch(pool_at(&smtp->sessions, jobs[i]->conn.slot), sizeof(struct session));
		if (i > 0 && slot == POOL_NONE)
			continue;
		slot = pool_foresee(&smtp->txns, slot);
		fetch_txn(smtp, slot);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct session *s = session_of(smtp, jobs[i]);

		if (s != NULL && s->txn_last != POOL_NONE)
			fetch(&txn_at(smtp, s->txn_last)->next, sizeof(uint32_t));
		if (says_at_once(s))
			fetch_job(jobs[i]);
	}
	for (uint32_t i = 0; i < n; i++)
		if (says_at_once(session_of(smtp, jobs[i])))
			fetch_message(jobs[i]);
}
