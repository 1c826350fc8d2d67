/* campaigns.c - campaigns paused, let go on, and what was held of them let go; through restarts. */
#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

/* A note's cookie is its address: flights have small numbers. */
#define COOKIE_NOTE_BIT ((uint64_t)1 << 63)

static struct load *load_of(const struct sched *s, const struct campaign *c)
{
	struct load *load;

	DL_FOREACH(s->loads, load)
	{
		if (load->c == c)
			return load;
	}
	return NULL;
}

bool notes_append(struct sched *s)
{
	struct note *n;

	DL_FOREACH(s->notes, n)
	{
		if (n->appended)
			continue;
		if (store_append(s->cf.store, &n->rec, (uint64_t)(uintptr_t)n | COOKIE_NOTE_BIT) !=
		    0)
			return false;
		n->appended = true;
	}
	return true;
}

static struct note *note_new(struct sched *s, struct campaign *c, uint8_t kind, uint8_t state)
{
	struct note *n = xcalloc(1, sizeof(*n));

	n->c = c;
	n->rec =
	    (struct store_rec){ .campaign = c->id, .kind = kind, .state = state, .at_s = s->now_s };
	DL_APPEND(s->notes, n);
	return n;
}

/* What waits for a connection goes back to its row. */
static void give_back_ready(struct sched *s, const struct campaign *c)
{
	struct site *site, *next;
	struct flight *f, *after;
	struct lane *lane;

	HASH_ITER(hh, s->sites_by_key, site, next)
	DL_FOREACH(site->lanes, lane)
	DL_FOREACH_SAFE(lane->ready, f, after)
	{
		if (f->slice->load->c == c)
			flight_return(s, f);
	}
}

void sched_pause(struct sched *s, struct campaign *c, const char *why)
{
	struct note *n;
	size_t bytes = strlen(why);

	if (c->paused || c->status != CAMPAIGN_RUNNING)
		return;
	campaign_pause(c, true, why);
	n = note_new(s, c, REC_PAUSE, 1);
	n->rec.text_bytes = (uint16_t)(bytes < STORE_TEXT_MAX ? bytes : STORE_TEXT_MAX);
	memcpy(n->rec.text, why, n->rec.text_bytes);
	give_back_ready(s, c);
	(void)notes_append(s);
}

void sched_resume(struct sched *s, struct campaign *c)
{
	struct load *load = load_of(s, c);
	struct slice *sl;

	if (!c->paused)
		return;
	campaign_pause(c, false, "");
	note_new(s, c, REC_PAUSE, 0);
	(void)notes_append(s);
	if (load != NULL)
		DL_FOREACH2(load->slices, sl, load_next)
	slice_list(s, sl);
}

void sched_release(struct sched *s, struct campaign *c, enum rcpt_state state,
                   sched_released_fn *done, void *ctx)
{
	struct note *n;

	assert(state == RCPT_PENDING || state == RCPT_CANCELLED);
	assert(c->rcpts != NULL);
	n = note_new(s, c, REC_RELEASE, (uint8_t)state);
	n->rec.rows = table_n_rows(c->table);
	n->done = done;
	n->ctx = ctx;
	(void)notes_append(s);
}

/* Held rows of a slice are about to get their new state. Returns how many. */
static uint64_t release_slice(struct sched *s, struct slice *sl, uint8_t state)
{
	struct table_domain d = table_domain(sl->load->c->table, sl->domain);
	uint64_t n = 0;

	for (uint32_t row = d.first_row; row < d.first_row + d.n_rows && sl->parked > 0; row++) {
		if (sl->load->c->rcpts[row].state != RCPT_HELD)
			continue;
		sl->parked--;
		n++;
		if (state == RCPT_PENDING && row < sl->next_row)
			slice_again(s, sl, row); /* those ahead are met on the way */
	}
	if (state == RCPT_CANCELLED) {
		sl->left -= (uint32_t)n;
		sl->load->left -= n;
	}
	return n;
}

static void released(struct sched *s, struct note *note)
{
	struct load *load = load_of(s, note->c);
	struct slice *sl, *next;
	uint64_t n = 0;
	bool ok;

	if (load != NULL)
		DL_FOREACH2(load->slices, sl, load_next)
	n += release_slice(s, sl, note->rec.state);
	ok = campaign_apply(note->c, &note->rec);
	assert(ok);
	(void)ok;
	if (load != NULL) {
		DL_FOREACH_SAFE2(load->slices, sl, next, load_next)
		{
			slice_list(s, sl);
			slice_try_free(sl);
		}
		load_try_end(s, load);
	}
	if (note->done != NULL)
		note->done(note->ctx, note->c, n);
}

bool note_try_durable(struct sched *s, uint64_t cookie)
{
	struct note *n = (struct note *)(uintptr_t)(cookie & ~COOKIE_NOTE_BIT);

	if ((cookie & COOKIE_NOTE_BIT) == 0)
		return false;
	if (n->rec.kind == REC_RELEASE)
		released(s, n);
	DL_DELETE(s->notes, n); /* a pause counts from the moment it is asked for */
	free(n);
	return true;
}

static void pause_and_tell(struct sched *s, struct campaign *c, const char *why)
{
	sched_pause(s, c, why);
	s->cf.campaign_paused(s->cf.ctx, c);
}

/* A message could not be composed: one is its row's mistake, many in a row are the template's, or
 * of the keys that sign it.
 */
void campaign_uncomposed(struct sched *s, struct campaign *c, const char *why)
{
	uint32_t most = s->conf->compose.pause_failures;
	char line[CAMPAIGN_REASON_MAX + 1];

	if (++c->n_uncomposed < most || most == 0)
		return;
	snprintf(line, sizeof(line), "%u messages in a row could not be composed; the last: %s",
	         c->n_uncomposed, why);
	pause_and_tell(s, c, line);
}

/* A rule stopped a message: some are a mistake in the list, many are one in the template. */
void campaign_stopped(struct sched *s, struct campaign *c, const struct dp_evt *evt)
{
	uint32_t most = s->conf->gate.pause_hits;
	char why[CAMPAIGN_REASON_MAX + 1];
	int bytes = evt->text_bytes < DP_TEXT_MAX ? evt->text_bytes : DP_TEXT_MAX;

	if ((evt->gate & 1) == DP_GATE_NOTE)
		return;
	c->n_stopping++;
	if (c->paused || most == 0 || c->n_stopped + c->n_stopping < most)
		return;
	snprintf(why, sizeof(why), "%u messages were stopped; the last by the %.*s",
	         c->n_stopped + c->n_stopping, bytes, evt->text);
	pause_and_tell(s, c, why);
}
