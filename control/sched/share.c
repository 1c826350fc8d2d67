/* share.c - recipients who get one message between them: the copy, and transactions of several.
 *
 * The message is a function of the campaign alone, so whoever is ready may share a transaction with
 * whoever else is: they are put together when a session takes them, not before.
 */
#include <assert.h>
#include <utlist.h>

#include "control/campaign/dsn.h"
#include "control/sched/sched_int.h"
#include "control/xalloc.h"

#define MESSAGE_BATCH_BIT ((uint64_t)1 << 31) /* of a message's name: a batch's, not a flight's */

void shares_open(struct sched *s)
{
	uint32_t n = s->flights_max / 2; /* credits */

	s->batches = xcalloc(n, sizeof(*s->batches));
	for (uint32_t i = n; i-- > 0;)
		LL_PREPEND(s->free_batches, &s->batches[i]);
}

void shares_close(struct sched *s)
{
	struct copy *copy, *next;

	DL_FOREACH_SAFE(s->copies, copy, next)
	free(copy);
	for (uint32_t i = 0; i < s->flights_max / 2; i++)
		free(s->batches[i].flights);
	free(s->batches);
}

/* ---- the copy ---- */

bool copy_try_join(struct sched *s, struct flight *f, bool as_7bit)
{
	struct copy *copy = f->slice->load->copies[as_7bit];

	if (copy == NULL)
		return false;
	f->copy = copy;
	copy->refs++;
	if (copy->is_here)
		flight_composed(s, f, &copy->done);
	else
		DL_APPEND(copy->waiting, f);
	return true;
}

void copy_begin(struct sched *s, struct flight *f, bool as_7bit)
{
	struct copy *copy = xcalloc(1, sizeof(*copy));

	copy->load = f->slice->load;
	copy->as_7bit = as_7bit;
	copy->refs = 1;
	f->copy = copy->load->copies[as_7bit] = copy;
	DL_APPEND(copy->waiting, f);
	DL_APPEND(s->copies, copy);
}

static void retire(struct copy *copy)
{
	if (copy->load->copies[copy->as_7bit] == copy)
		copy->load->copies[copy->as_7bit] = NULL;
}

static void put(struct sched *s, struct copy *copy)
{
	if (--copy->refs > 0)
		return;
	retire(copy);
	if (copy->done.slab != NULL)
		compose_free(s->cf.composer, copy->done.slab);
	DL_DELETE(s->copies, copy);
	free(copy);
}

void copy_leave(struct sched *s, struct flight *f)
{
	struct copy *copy = f->copy;

	f->copy = NULL;
	put(s, copy);
}

void copies_renew(struct sched *s)
{
	struct copy *copy;

	DL_FOREACH(s->copies, copy)
	retire(copy);
}

void copy_composed(struct sched *s, struct copy *copy, const struct compose_done *done)
{
	struct flight *f;

	copy->done = *done;
	copy->is_here = 1;
	flight_texts(&done->out, copy->text);
	if (done->result != 0)
		retire(copy);
	copy->refs++; /* those who wait may be all there are, and not stay */
	while ((f = copy->waiting) != NULL) {
		DL_DELETE(copy->waiting, f);
		flight_composed(s, f, done);
	}
	put(s, copy);
}

/* ---- transactions ---- */

/* A transaction comes at once where a rate would spread: it is a tenth of a second's worth at most.
 */
uint32_t share_rcpts_max(const struct lane *lane)
{
	const struct conf_limits *l = lane->site->limits;
	uint32_t tenth = l->rate_per_s / SHARED_RATE_PART;

	if (l->rate_per_s == 0 || l->rcpts_max <= tenth)
		return l->rcpts_max;
	return tenth > 0 ? tenth : 1;
}

/* How many the next transaction on a session may have: what is configured, what its host takes by
 * its own words (RFC 9422 4.1) or by what it refused, and what credits there are.
 */
static uint32_t rcpts_max_of(struct sched *s, const struct lane *lane, const struct conn *c,
                             const struct flight *f)
{
	const struct host *host = hosts_find(s->hosts, &c->addr, HOST_ANY_SOURCE);
	const uint32_t limits[] = { c->rcpts_max, host_limits(host, s->now_us).rcpts_max,
		                    DP_RCPTS_MAX, s->credits[c->worker],
		                    /* the same address twice would be one recipient */
		                    f->slice->load->c->spec.to_test != NULL };
	uint32_t most = share_rcpts_max(lane);

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i] != 0 && limits[i] < most)
			most = limits[i];
	return most;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.bytes; i++)
		if (s.at[i] >= 0x80)
			return false;
	return true;
}

static struct span address_of(const struct flight *f)
{
	return table_address(f->slice->load->c->table, f->row);
}

/* Whether two ready ones may be of one transaction: of one domain of one campaign, with the same
 * copy, and alike for the content gate.
 */
static bool may_share(const struct flight *a, const struct flight *b)
{
	const struct rcpt *rcpts = a->slice->load->c->rcpts;

	return a->slice == b->slice && a->copy == b->copy &&
	       rcpts[a->row].released == rcpts[b->row].released;
}

/* Those that go together. Who needs SMTPUTF8 goes alone: the others' transaction must not depend on
 * it.
 */
static uint32_t gather(struct flight *first, uint32_t most, struct flight *list[DP_RCPTS_MAX])
{
	uint32_t n = 1;

	list[0] = first;
	if (!is_ascii(address_of(first)))
		return 1;
	for (struct flight *f = first->next; f != NULL && n < most; f = f->next) {
		if (may_share(f, first) && is_ascii(address_of(f)))
			list[n++] = f;
	}
	return n;
}

static struct span copy_into(uint8_t **at, struct span s)
{
	struct span copy = span_of(*at, s.bytes);

	memcpy(*at, s.at, s.bytes);
	*at += s.bytes;
	return copy;
}

/* The addresses are copied: a worker does not wait for the disk that the table lies on. A report
 * (RFC 3461) names its recipient by the address alone, since the message is not of one row.
 */
static struct batch *batch_get(struct sched *s, struct flight *const *list, uint32_t n)
{
	const struct campaign_dsn *dsn = &list[0]->slice->load->c->dsn;
	struct batch *b = s->free_batches;
	size_t bytes = n * (sizeof(*b->flights) + sizeof(*b->rcpts));
	char orcpt[DSN_ORCPT_MAX];
	uint8_t *at;

	assert(b != NULL && b->n_open == 0); /* each has a credit at least */
	LL_DELETE(s->free_batches, b);
	for (uint32_t i = 0; i < n; i++)
		bytes += address_of(list[i]).bytes + (dsn->is_asked ? sizeof(orcpt) : 0);
	b->flights = xcalloc(1, bytes);
	b->rcpts = (struct dp_rcpt *)(b->flights + n);
	at = (uint8_t *)(b->rcpts + n);
	for (uint32_t i = 0; i < n; i++) {
		struct span address = address_of(list[i]);

		b->flights[i] = list[i];
		b->rcpts[i] =
		    (struct dp_rcpt){ .address = copy_into(&at, address), .notify = dsn->notify };
		if (dsn->is_asked)
			b->rcpts[i].orcpt =
			    copy_into(&at, span_of(orcpt, dsn_orcpt(address, orcpt)));
	}
	b->gen++;
	b->n_open = n;
	return b;
}

static void batch_put(struct sched *s, struct batch *b)
{
	free(b->flights), b->flights = NULL;
	b->rcpts = NULL;
	b->n_open = 0;
	LL_PREPEND(s->free_batches, b);
}

bool share_submit(struct sched *s, struct lane *lane, struct conn *c, struct flight *first)
{
	struct flight *list[DP_RCPTS_MAX];
	uint32_t n = gather(first, rcpts_max_of(s, lane, c, first), list);
	struct batch *b = batch_get(s, list, n);
	struct dp_job job = lane_job(c, first);

	job.message = (uint64_t)b->gen << 32 | MESSAGE_BATCH_BIT | (uint32_t)(b - s->batches);
	job.rcpts = b->rcpts;
	job.n_rcpts = (uint16_t)n;
	job.text = first->copy->text; /* outlives the first */
	job.needs_smtputf8 |= !is_ascii(b->rcpts[0].address);
	if (dp_submit(s->cf.dp, c->worker, &job) != 0) {
		batch_put(s, b);
		return false;
	}
	/* The first was let through for itself. A ninth more, so that no second holds more than the
	 * rate, wherever in it the last transaction comes.
	 */
	if (n > 1)
		rate_take(&lane->site->rate, lane->site->limits->rate_per_s,
		          n - 1 + (n + SHARED_RATE_PART - 2) / (SHARED_RATE_PART - 1));
	for (uint32_t i = 0; i < n; i++) {
		list[i]->batch = b;
		lane_sent(s, lane, c, list[i]);
	}
	return true;
}

bool batch_is_message(uint64_t message)
{
	return (message & MESSAGE_BATCH_BIT) != 0;
}

struct flight *batch_flight(struct sched *s, const struct dp_evt *evt)
{
	uint32_t slot = (uint32_t)(evt->message & ~MESSAGE_BATCH_BIT);
	struct batch *b = &s->batches[slot];
	struct flight *f;

	assert(slot < s->flights_max / 2 && b->gen == evt->message >> 32);
	if (evt->kind != DP_EVT_RCPT)
		return NULL;
	f = b->flights[evt->rcpt];
	assert(f != NULL && f->batch == b && f->state == FLIGHT_SENT && f->conn != NULL);
	return f;
}

bool batch_leave(struct sched *s, struct flight *f)
{
	struct batch *b = f->batch;

	f->batch = NULL;
	if (b != NULL && --b->n_open > 0)
		return false;
	if (b != NULL)
		batch_put(s, b);
	return true;
}
