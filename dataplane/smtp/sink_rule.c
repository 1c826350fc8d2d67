/* sink_rule.c - what a script's rules and a recipient's own words want to happen at a stage.
 *
 * Rules are asked in the order of their lines. What modifies (delay, lag, drip, slow, flood) adds
 * up; the first that ends the stage decides.
 */
#include <math.h>
#include <stdlib.h>

#include "dataplane/smtp/sink_int.h"

uint64_t sink_draw(struct sink *k)
{
	k->random ^= k->random << 13;
	k->random ^= k->random >> 7;
	k->random ^= k->random << 17;
	return k->random;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* `*` is any run, `?` any octet; letters of either case. */
bool sink_fits(const char *pattern, struct span text)
{
	const char *star = NULL;
	size_t at = 0, again = 0;

	while (at < text.bytes) {
		if (*pattern == '*') {
			star = ++pattern;
			again = at;
		} else if (*pattern == '?' ||
		           (*pattern != '\0' && lower((uint8_t)*pattern) == lower(text.at[at]))) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star;
			at = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* The rules whose pattern, at `offset` in them, fits. */
static uint64_t fitting(const struct sink_script *script, uint64_t which, size_t offset,
                        struct span text)
{
	uint64_t met = 0;

	for (; which != 0; which &= which - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(which);
		const char *const *pattern =
		    (const char *const *)((const char *)&script->rules[i] + offset);

		if (sink_fits(*pattern, text))
			met |= 1ull << i;
	}
	return met;
}

void sink_note_helo(struct sink_session *s, struct span helo)
{
	const struct sink_script *script = s->k->conf.script;

	if (script != NULL && script->by_helo != 0)
		s->met_helo =
		    fitting(script, script->by_helo, offsetof(struct sink_rule, helo), helo);
	if (s->k->conf.keeper == NULL)
		return;
	free(s->helo);
	s->helo = strndup((const char *)helo.at, helo.bytes < 255 ? helo.bytes : 255);
}

void sink_note_sender(struct sink_session *s, struct span address)
{
	const struct sink_script *script = s->k->conf.script;

	s->sender_hash = sink_hash(2, address.at, address.bytes);
	if (script != NULL && script->by_sender != 0)
		s->met_sender =
		    fitting(script, script->by_sender, offsetof(struct sink_rule, sender), address);
}

void sink_note_rcpt(struct sink_session *s, struct span address)
{
	const struct sink_script *script = s->k->conf.script;

	s->rcpt_hash = sink_hash(3, address.at, address.bytes);
	if (script == NULL || script->by_to == 0)
		return;
	/* For RCPT this recipient counts; behind it, all of the transaction. */
	s->met_to &= ~script->at[SINK_STAGE_RCPT];
	s->met_to |= fitting(script, script->by_to, offsetof(struct sink_rule, to), address);
}

/* ---- what is remembered ---- */

static struct sink_seen_entry *remember(struct sink_session *s, uint64_t now_us, uint64_t kind,
                                        uint64_t a, uint64_t b)
{
	uint64_t words[3] = { kind, a, b };
	bool was_full = false;
	struct sink_seen_entry *e =
	    sink_seen_get(s->k->seen, sink_hash(4, words, sizeof(words)), now_us, &was_full);

	if (was_full)
		count(&s->k->counts.forgotten);
	return e;
}

static uint64_t source_hash(const struct sink_session *s)
{
	return sink_hash(1, s->peer.b, sizeof(s->peer.b));
}

/* One more try of this recipient, as `kind` counts them. */
bool sink_is_among_first(struct sink_session *s, uint64_t now_us, uint64_t kind, uint32_t first)
{
	struct sink_seen_entry *e = remember(s, now_us, kind, s->rcpt_hash, s->sender_hash);

	e->at_us = now_us;
	return e->n++ < first;
}

/* RFC 6647 2.1: source, sender and recipient must have been seen before, so long ago. */
bool sink_is_grey(struct sink_session *s, uint64_t now_us, uint64_t kind, uint64_t wait_us)
{
	struct sink_seen_entry *e =
	    remember(s, now_us, kind ^ source_hash(s), s->rcpt_hash, s->sender_hash);

	if (e->n == 0)
		e->n = now_us + 1;
	e->at_us = now_us;
	return now_us - (e->n - 1) < wait_us;
}

/* More than n of this source within the time: a bucket that is emptied at that rate (GCRA). */
static bool is_over_rate(struct sink_session *s, uint64_t now_us, const struct sink_rule *r)
{
	struct sink_seen_entry *e = remember(s, now_us, r->line, source_hash(s), 0);
	uint64_t each = r->rate_us / r->rate_n, full = each * (r->rate_n - 1);

	e->at_us = now_us;
	if (e->n < now_us)
		e->n = now_us;
	if (e->n - now_us > full)
		return true;
	e->n += each;
	return false;
}

static bool has_more_conns(struct sink_session *s, uint64_t now_us, uint32_t over)
{
	bool was_full = false;

	return sink_seen_get(s->k->seen, source_hash(s), now_us, &was_full)->n > over;
}

/* Those without a memory come first: who is not concerned leaves no trace. */
static bool holds(struct sink_session *s, uint64_t now_us, const struct sink_rule *r, uint32_t i)
{
	struct sink *k = s->k;

	if (r->has_from && !ip_in_prefix(&s->peer, &r->from))
		return false;
	if (r->has_at && !ip_in_prefix(&s->local, &r->at))
		return false;
	if (r->under != SINK_UNDER_ANY && (r->under == SINK_UNDER_TLS) != s->is_tls)
		return false;
	if (s->n_messages < r->after)
		return false;
	if (r->over != 0 && !has_more_conns(s, now_us, r->over))
		return false;
	if (r->percent != 0 && sink_draw(k) % 100 >= r->percent)
		return false;
	if (r->every != 0 && ++k->every[i] % r->every != 0)
		return false;
	if (r->rate_n != 0 && !is_over_rate(s, now_us, r))
		return false;
	if (r->grey_us != 0 && !sink_is_grey(s, now_us, r->line, r->grey_us))
		return false;
	return r->first == 0 || sink_is_among_first(s, now_us, r->line, r->first);
}

void sink_be_busy(struct sink_session *s, uint64_t now_us, uint64_t us)
{
	s->busy_us = (s->busy_us > now_us ? s->busy_us : now_us) + us;
}

static uint64_t draw_delay(struct sink *k, const struct sink_delay *d)
{
	double u;

	if (d->is_exp) {
		u = (double)(sink_draw(k) >> 11) / (double)(1ull << 53);
		return (uint64_t)(-log(1 - u) * (double)d->low_us);
	}
	return d->low_us + (d->high_us > d->low_us ? sink_draw(k) % (d->high_us - d->low_us) : 0);
}

static void apply(struct sink_session *s, uint64_t now_us, const struct sink_rule *r,
                  struct sink_deed *deed)
{
	uint64_t us = draw_delay(s->k, &r->delay);

	count(&s->k->counts.rules_met);
	if (us != 0)
		sink_be_busy(s, now_us, us);
	if (r->lag_us != 0)
		s->lag_us = r->lag_us;
	if (r->drip_us != 0)
		s->drip_us = r->drip_us;
	if (r->slow != UINT32_MAX)
		s->k->conf.below->slow(s->user, r->slow);
	if (r->then != SINK_FINAL_NONE)
		s->then = r->then;
	deed->flood += r->flood;
	deed->final = r->final;
	deed->code = r->code;
	deed->text = r->text;
}

struct sink_deed sink_ask(struct sink_session *s, uint64_t now_us, enum sink_stage stage,
                          uint32_t rcpt)
{
	const struct sink_script *script = s->k->conf.script;
	struct sink_deed deed = { .final = SINK_FINAL_NONE };
	uint64_t which;

	if (s->n_verbs != 0)
		sink_ask_verbs(s, now_us, s->verbs, s->n_verbs, stage, rcpt, &deed);
	if (script == NULL || deed.final != SINK_FINAL_NONE)
		return deed;
	which = script->at[stage];
	which &= ~script->by_to | s->met_to;
	which &= ~script->by_sender | s->met_sender;
	which &= ~script->by_helo | s->met_helo;
	for (; which != 0 && deed.final == SINK_FINAL_NONE; which &= which - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(which);

		if (holds(s, now_us, &script->rules[i], i))
			apply(s, now_us, &script->rules[i], &deed);
	}
	return deed;
}

/* ---- doing it ---- */

void sink_do_then(struct sink_session *s, uint64_t now_us)
{
	enum sink_final then = s->then;

	s->then = SINK_FINAL_NONE;
	if (s->mode == SINK_MODE_OVER)
		return;
	if (then == SINK_FINAL_SILENT)
		s->mode = SINK_MODE_DEAF;
	else if (then != SINK_FINAL_NONE)
		sink_say_end(s, now_us, then == SINK_FINAL_CLOSE ? SINK_END_CLOSE : SINK_END_RESET);
}

static bool is_yes(const struct sink_deed *deed)
{
	if (deed->final == SINK_FINAL_SAY)
		return deed->code / 100 == 2 || deed->code / 100 == 3;
	return deed->final == SINK_FINAL_RAW && deed->text.bytes > 0 &&
	       (deed->text.at[0] == '2' || deed->text.at[0] == '3');
}

static void flood(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed)
{
	if (deed->flood != 0)
		sink_say_flood(s, now_us, deed->code != 0 ? deed->code : 250, deed->flood);
}

bool sink_says_own(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed)
{
	flood(s, now_us, deed);
	if (deed->final == SINK_FINAL_SAY)
		sink_say(s, now_us, deed->code, deed->text);
	else if (deed->final == SINK_FINAL_RAW)
		sink_say_raw(s, now_us, deed->text);
	else
		return false;
	return true;
}

void sink_accepts(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed,
                  uint16_t code, const char *text)
{
	if (!sink_says_own(s, now_us, deed))
		sink_reply(s, now_us, code, text);
}

bool sink_refuses(struct sink_session *s, uint64_t now_us, const struct sink_deed *deed)
{
	switch ((enum sink_final)deed->final) {
	case SINK_FINAL_NONE:
		return false;
	case SINK_FINAL_SAY:
	case SINK_FINAL_RAW:
		if (is_yes(deed))
			return false;
		(void)sink_says_own(s, now_us, deed);
		if (deed->code == 421) /* RFC 5321 3.8 */
			sink_say_end(s, now_us, SINK_END_CLOSE);
		return true;
	case SINK_FINAL_CLOSE:
		sink_say_end(s, now_us, SINK_END_CLOSE);
		return true;
	case SINK_FINAL_RESET:
		sink_say_end(s, now_us, SINK_END_RESET);
		return true;
	case SINK_FINAL_SILENT:
		s->mode = SINK_MODE_DEAF;
		return true;
	case SINK_N_FINALS:
		break;
	}
	return false;
}
