/* flight.c - one recipient on its way, from claim to durable outcome. */
#include <assert.h>
#include <utlist.h>

#include "control/sched/sched_int.h"

enum {
	COOKIE_CLAIM_BIT = 1, /* of a store cookie: the record is a claim, not an outcome */
};

static uint64_t cookie_of(const struct sched *s, const struct flight *f)
{
	return (uint64_t)(f - s->flights) << 1 | (f->claims ? COOKIE_CLAIM_BIT : 0);
}

struct flight *flight_get(struct sched *s, struct slice *sl, uint32_t row)
{
	struct flight *f = s->free_flights;
	uint32_t gen;

	if (f == NULL)
		return NULL;
	LL_DELETE(s->free_flights, f);
	gen = f->gen + 1;
	*f = (struct flight){ .gen = gen, .row = row, .slice = sl, .state = FLIGHT_CLAIM };
	s->n_flights++;
	sl->in_flight++;
	sl->dom->site->n_flights++;
	campaign_set_in_flight(sl->load->c, row, true);
	return f;
}

static void drop_slab(struct sched *s, struct flight *f)
{
	if (f->slab != NULL)
		compose_free(s->cf.composer, f->slab);
	f->slab = NULL;
	if (f->copy != NULL)
		copy_leave(s, f);
}

static void leave_lane(struct sched *s, struct flight *f)
{
	if (f->lane != NULL && f->state < FLIGHT_SENT) {
		f->lane->n_ahead--;
		site_todo(s, f->lane->site); /* there is room, or the site is of no more use */
	}
	if (f->lane != NULL && f->state == FLIGHT_READY) {
		DL_DELETE(f->lane->ready, f);
		f->lane->n_ready--;
		f->lane->n_shared_ready -= f->copy != NULL;
	}
	if (f->lane != NULL && f->state < FLIGHT_READY)
		f->lane->n_shared_coming -= f->slice->load->is_shared;
	if (f->lane != NULL)
		f->lane->n_shared -= f->slice->load->is_shared;
	f->lane = NULL;
}

static void credit_back(struct sched *s, struct flight *f)
{
	if (f->credit)
		s->credits[f->worker]++;
	f->credit = 0;
}

void flight_put(struct sched *s, struct flight *f)
{
	struct slice *sl = f->slice;
	struct site *site = sl->dom->site;

	leave_lane(s, f);
	drop_slab(s, f);
	credit_back(s, f);
	campaign_set_in_flight(sl->load->c, f->row, false);
	sl->in_flight--;
	f->state = FLIGHT_FREE;
	s->n_flights--;
	s->fed++;
	LL_PREPEND(s->free_flights, f);
	site->n_flights--;
	if (site->slices != NULL || site->n_flights == 0)
		site_todo(s, site);
}

void flight_return(struct sched *s, struct flight *f)
{
	struct slice *sl = f->slice;
	uint32_t row = f->row;

	flight_put(s, f);
	slice_again(s, sl, row);
}

/* Hands f->rec to the store, or keeps it until the store has room. */
static void append(struct sched *s, struct flight *f)
{
	if (s->append_wait != NULL || store_append(s->cf.store, &f->rec, cookie_of(s, f)) != 0)
		DL_APPEND(s->append_wait, f);
}

void flight_claim(struct sched *s, struct flight *first, uint32_t n)
{
	first->claims = 1;
	first->rec = (struct store_rec){
		.campaign = first->slice->load->c->id,
		.row = first->row,
		.rows = n,
		.kind = REC_FIRST_ATTEMPT,
		.at_s = s->now_s,
	};
	append(s, first);
}

void flight_compose(struct sched *s, struct flight *f)
{
	const struct campaign *c = f->slice->load->c;

	uint64_t cookie = (uint64_t)f->gen << 32 | (uint32_t)(f - s->flights);
	int64_t first_s = c->rcpts[f->row].first_attempt_s;
	bool as_7bit = f->lane->site->as_7bit_until_us > s->now_us;

	f->state = FLIGHT_COMPOSE;
	if (f->slice->load->is_shared && copy_try_join(s, f, as_7bit))
		return;
	if ((as_7bit ? compose_try_order_as_7bit : compose_try_order)(s->cf.composer, cookie, c,
	                                                              f->row, first_s, s->now_s)) {
		if (f->slice->load->is_shared)
			copy_begin(s, f, as_7bit);
		return;
	}
	f->state = FLIGHT_COMPOSE_WAIT;
	DL_APPEND(s->compose_wait, f);
}

/* What the content gate looks at, under the door's names. */
void flight_texts(const struct tpl_out *out, struct dp_text text[TPL_TEXTS_MAX])
{
	static const uint8_t parts[] = {
		[TPL_LABEL_SUBJECT] = DP_PART_SUBJECT,     [TPL_LABEL_HEADER] = DP_PART_HEADER,
		[TPL_LABEL_FINAL_HEADER] = DP_PART_HEADER, [TPL_LABEL_TEXT] = DP_PART_TEXT,
		[TPL_LABEL_HTML] = DP_PART_HTML,           [TPL_LABEL_FILE_NAMES] = DP_PART_NAME,
		[TPL_LABEL_FILE_TEXT] = DP_PART_TEXT,      [TPL_LABEL_FILE_HTML] = DP_PART_HTML,
		[TPL_LABEL_FILES] = DP_PART_FILE
	};

	static_assert(sizeof(parts) == TPL_N_LABELS, "each label has its part");
	for (uint32_t i = 0; i < out->n_text; i++)
		text[i] = (struct dp_text){ .bytes = out->text[i].bytes,
			                    .part = parts[out->text[i].label],
			                    .segment = out->text[i].segment };
}

static void on_uncomposed(struct sched *s, struct flight *f, const struct tpl_err *err)
{
	static const struct verdict failed = { .state = RCPT_FAILED };
	struct campaign *c = f->slice->load->c;
	char why[sizeof(*err) + 32];

	snprintf(why, sizeof(why), "%s:%u:%u: %s", err->file, err->line, err->column, err->text);
	flight_settle(s, f, &failed, NULL, why);
	campaign_uncomposed(s, c, why);
}

void flight_composed(struct sched *s, struct flight *f, const struct compose_done *done)
{
	struct campaign *c = f->slice->load->c;

	/* Of a campaign that is paused none fails either: what paused it may be put right. */
	if (s->stopping || f->lane->site->blocked || c->paused) {
		flight_return(s, f);
		return;
	}
	if (done->result != 0) {
		on_uncomposed(s, f, &done->err);
		return;
	}
	c->n_uncomposed = 0;
	f->out = done->out;
	flight_texts(&f->out, f->text);
	f->mail_from = done->mail_from;
	f->envid = done->envid;
	f->rcpt = (struct dp_rcpt){ .address = done->rcpt_to,
		                    .orcpt = done->orcpt,
		                    .notify = f->slice->load->c->dsn.notify };
	f->state = FLIGHT_READY;
	lane_push(s, f->lane, f);
}

void sched_on_composed(struct sched *s, const struct compose_done *done)
{
	struct flight *f = &s->flights[(uint32_t)done->cookie];

	assert(f->state == FLIGHT_COMPOSE && f->gen == done->cookie >> 32);
	if (f->copy != NULL) {
		copy_composed(s, f->copy, done);
		return;
	}
	f->slab = done->slab;
	flight_composed(s, f, done);
}

/* Unconfirmed attempts and stopped messages are counted when records are read back. */
static uint8_t kind_of(const struct dp_evt *evt)
{
	if (evt != NULL && evt->outcome == DP_OUT_UNCONFIRMED)
		return REC_UNCONFIRMED;
	if (evt != NULL && evt->outcome == DP_OUT_GATED && (evt->gate & 1) == DP_GATE_STOP)
		return REC_STOPPED;
	return REC_OUTCOME;
}

/* The record of an outcome: what the reply said, what it means, and when the next attempt is. */
static struct store_rec outcome(struct sched *s, const struct flight *f, const struct verdict *v,
                                const struct dp_evt *evt, const char *reason)
{
	const struct conf *conf = s->conf;
	const struct rcpt *r = &f->slice->load->c->rcpts[f->row];
	uint32_t first_s = r->first_attempt_s != 0 ? r->first_attempt_s : (uint32_t)s->now_s;
	struct store_rec rec = {
		.campaign = f->slice->load->c->id,
		.row = f->row,
		.rows = 1,
		.kind = kind_of(evt),
		.state = (uint8_t)v->state,
		.attempts = (uint8_t)(r->attempts + (v->counts_attempt && r->attempts < 255)),
		.at_s = s->now_s,
	};
	size_t n;

	memcpy(rec.enhanced, v->enhanced, sizeof(rec.enhanced));
	if (evt != NULL) {
		rec.code = evt->code;
		rec.reach = evt->reach;
		rec.step = evt->step;
		memcpy(rec.enhanced, evt->enhanced, sizeof(rec.enhanced));
		n = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;
		reason = n > 0 ? evt->text : reason;
	}
	if (evt == NULL || n == 0)
		n = reason != NULL ? strlen(reason) : 0;
	rec.text_bytes = (uint16_t)(n < STORE_TEXT_MAX ? n : STORE_TEXT_MAX);
	if (rec.text_bytes > 0)
		memcpy(rec.text, reason, rec.text_bytes);
	if (v->state == RCPT_DEFERRED) {
		uint32_t wait_s = bounce_retry_after_s(conf->retry.after_s, conf->retry.n_after,
		                                       rec.attempts > 0 ? rec.attempts : 1);

		rec.due_s = s->now_s + (v->now ? 0 : wait_s);
		if (rec.due_s > (int64_t)first_s + conf->retry.give_up_s)
			rec.state = RCPT_EXPIRED;
	}
	return rec;
}

void flight_settle(struct sched *s, struct flight *f, const struct verdict *v,
                   const struct dp_evt *evt, const char *reason)
{
	leave_lane(s, f);
	drop_slab(s, f);
	f->rec = outcome(s, f, v, evt, reason);
	f->now = v->now;
	f->claims = 0;
	f->state = FLIGHT_STORE;
	append(s, f);
}

static void on_claimed(struct sched *s, struct flight *first)
{
	struct flight *next;

	campaign_apply(first->slice->load->c, &first->rec);
	first->claims = 0;
	for (struct flight *f = first; f != NULL; f = next) {
		next = f->claim_next;
		f->claim_next = NULL;
		assert(f->state == FLIGHT_CLAIM);
		if (s->stopping || f->slice->load->c->paused)
			flight_return(s, f);
		else
			flight_compose(s, f);
	}
}

static void on_settled(struct sched *s, struct flight *f)
{
	struct slice *sl = f->slice;
	struct load *load = sl->load;
	struct site *site = sl->dom->site;
	const struct store_rec rec = f->rec;
	bool now = f->now, ok;

	ok = campaign_apply(load->c, &rec);
	assert(ok);
	load->c->rcpts[rec.row].again = 0;
	flight_put(s, f);
	if (rec.state == RCPT_DELIVERED)
		site->delivered++;
	else
		site->refused++;
	if (rcpt_state_is_final(rec.state)) {
		sl->left--;
		load->left--;
	} else if (rec.state == RCPT_HELD) {
		sl->parked++;
	} else if (s->cf.attempts_max != 0 && rec.attempts >= s->cf.attempts_max) {
		sl->parked++;
	} else if (now) {
		slice_again(s, sl, rec.row);
	} else {
		slice_wait(s, sl, rec.row, rec.due_s);
	}
	slice_try_free(sl);
	load_try_end(s, load);
}

void sched_on_durable(struct sched *s, uint64_t cookie)
{
	struct flight *f;

	if (note_try_durable(s, cookie))
		return;
	assert(cookie >> 1 < s->flights_max);
	f = &s->flights[cookie >> 1];
	if (cookie & COOKIE_CLAIM_BIT)
		on_claimed(s, f);
	else
		on_settled(s, f);
}

void flight_retry_waiting(struct sched *s)
{
	if (!notes_append(s))
		return;
	while (s->append_wait != NULL) {
		struct flight *f = s->append_wait;

		if (store_append(s->cf.store, &f->rec, cookie_of(s, f)) != 0)
			break;
		DL_DELETE(s->append_wait, f);
	}
	while (s->compose_wait != NULL) {
		struct flight *f = s->compose_wait;

		DL_DELETE(s->compose_wait, f);
		if (s->stopping || f->slice->load->c->paused) {
			flight_return(s, f);
			continue;
		}
		flight_compose(s, f);
		if (f->state == FLIGHT_COMPOSE_WAIT) {
			/* Still no room: it went to the end; bring it back to the front. */
			DL_DELETE(s->compose_wait, f);
			DL_PREPEND(s->compose_wait, f);
			break;
		}
	}
}
