/* slice.c - the rows of one domain of one campaign, and which of them may go now. */
#include <utlist.h>

#include "control/sched/sched_int.h"
#include "control/xalloc.h"

void slice_wait(struct sched *s, struct slice *sl, uint32_t row, int64_t due_s)
{
	heap_push(&s->due, (struct heap_item){ (uint64_t)due_s, (uint64_t)(uintptr_t)sl, row });
	sl->waiting++;
	if (sl->dom != NULL && sl->dom->site != NULL)
		sl->dom->site->deferred++;
}

void slice_new(struct sched *s, struct load *load, uint32_t domain)
{
	struct table_domain d = table_domain(load->c->table, domain);
	struct slice *sl = xcalloc(1, sizeof(*sl));

	sl->load = load;
	sl->domain = domain;
	sl->next_row = d.first_row;
	sl->end_row = d.first_row + d.n_rows;
	for (uint32_t row = sl->next_row; row < sl->end_row; row++) {
		const struct rcpt *r = &load->c->rcpts[row];

		if (rcpt_state_is_final(r->state))
			continue;
		sl->left++;
		sl->parked += r->state == RCPT_HELD;
		if (r->state != RCPT_DEFERRED)
			continue;
		if (s->cf.attempts_max != 0 && r->attempts >= s->cf.attempts_max)
			sl->parked++;
		else
			slice_wait(s, sl, row, r->due_s);
	}
	if (sl->left == 0) {
		free(sl);
		return;
	}
	load->left += sl->left;
	DL_APPEND2(load->slices, sl, load_prev, load_next);
	sl->dom = sdomain_of(s, d.name);
	DL_APPEND2(sl->dom->slices, sl, dom_prev, dom_next);
	if (sl->dom->site != NULL) {
		sl->dom->site->deferred += sl->waiting;
		slice_list(s, sl);
	} else {
		sdomain_look_up(sl->dom);
	}
}

void slice_try_free(struct slice *sl)
{
	struct sdomain *dom = sl->dom;

	if (sl->left > 0 || sl->in_flight > 0)
		return;
	if (sl->listed)
		DL_DELETE(dom->site->slices, sl);
	DL_DELETE2(dom->slices, sl, dom_prev, dom_next);
	DL_DELETE2(sl->load->slices, sl, load_prev, load_next);
	free(sl->again);
	free(sl);
	sdomain_try_free(dom);
}

bool slice_peek(struct slice *sl, uint32_t *row)
{
	const struct rcpt *rcpts = sl->load->c->rcpts;

	if (sl->load->c->paused)
		return false;
	if (sl->again_n > 0) {
		*row = sl->again[sl->again_head];
		return true;
	}
	for (; sl->next_row < sl->end_row; sl->next_row++) {
		const struct rcpt *r = &rcpts[sl->next_row];

		if (r->state == RCPT_PENDING && !r->in_flight) {
			*row = sl->next_row;
			return true;
		}
	}
	return false;
}

void slice_take(struct slice *sl, uint32_t row)
{
	if (sl->again_n > 0 && sl->again[sl->again_head] == row) {
		sl->again_head = (sl->again_head + 1) % sl->again_room;
		sl->again_n--;
		return;
	}
	sl->next_row = row + 1;
}

void slice_again(struct sched *s, struct slice *sl, uint32_t row)
{
	if (sl->again_n == sl->again_room) {
		uint32_t room = sl->again_room == 0 ? 16 : sl->again_room * 2;
		uint32_t *bigger = xcalloc(room, sizeof(*bigger));

		for (uint32_t i = 0; i < sl->again_n; i++)
			bigger[i] = sl->again[(sl->again_head + i) % sl->again_room];
		free(sl->again);
		sl->again = bigger;
		sl->again_head = 0;
		sl->again_room = room;
	}
	sl->again[(sl->again_head + sl->again_n++) % sl->again_room] = row;
	slice_list(s, sl);
}

void slice_list(struct sched *s, struct slice *sl)
{
	uint32_t row;

	if (sl->dom->site == NULL)
		return;
	if (!sl->listed && slice_peek(sl, &row)) {
		DL_APPEND(sl->dom->site->slices, sl);
		sl->listed = 1;
	}
	if (sl->listed)
		site_todo(s, sl->dom->site);
}
